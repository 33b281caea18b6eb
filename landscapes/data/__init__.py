"""Data sets: made, shipped with packages, own CSV files, and archives on disk."""
