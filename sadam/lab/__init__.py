"""The headless laboratory: specs in, results, figures and files out."""
