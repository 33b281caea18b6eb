"""The referee: rules compared at their own best learning rates, over many starts and seeds."""
