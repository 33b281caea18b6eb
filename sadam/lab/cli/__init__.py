"""The command line: ``python -m sadam``, a module for each command or two.

Options are read as texts; what they cannot say is a ``ValueError`` of one sentence, which
:func:`main` prints before it returns 2.
"""

from sadam.lab.cli.command import build_parser, experiment_from, main

__all__ = ["build_parser", "experiment_from", "main"]
