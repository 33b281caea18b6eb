"""Small networks on data as objectives, and planes through their parameter space."""
