"""Many small models trained at once, every rule on each."""
