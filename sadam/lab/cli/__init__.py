"""The command line: ``python -m sadam``, a module for each command or two."""

from sadam.lab.cli.command import build_parser, experiment_from, main

__all__ = ["build_parser", "experiment_from", "main"]
