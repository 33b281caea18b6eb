"""Optimizers on non-smooth functions: update rules, probes, a batched engine and its measures."""
