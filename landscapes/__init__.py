"""Functions of the plane, smooth and not, and what is known about them."""
