"""The options that say which landscape: a key, a function typed in, one of the user's own file."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any


def add_landscape_options(group: Any, landscape: str = "the function (default: crescent)") -> None:
    """Add ``--landscape``, ``--function``, ``--param`` and ``--python``."""
    group.add_argument("--landscape", metavar="KEY", help=f"{landscape}; see list")
    group.add_argument(
        "--function",
        metavar="TEXT",
        help='a function of your own instead, such as "a*abs(x) + b*abs(y)": + - * / **, '
        "comparisons, abs max min sqrt exp log sin cos tan tanh relu sign round floor "
        "where(condition, p, q), pi, e; add '; window = -3,3,-2,2' for where to draw it",
    )
    group.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a name in --function (default: 1); give it again for more names",
    )
    group.add_argument(
        "--python",
        metavar="FILE",
        action="append",
        default=[],
        help="a Python file of yours to run first; it adds landscapes with "
        "landscapes.register(Landscape(...))",
    )


def landscape_from(arguments: argparse.Namespace) -> str | None:
    """Return the name of the landscape that the options ask for, None if they ask for none.

    Raises:
        ValueError: If the options contradict each other, or a file cannot be run.
    """
    for path in arguments.python:
        run_file(path)
    if arguments.function is None:
        if arguments.param:
            raise ValueError("--param sets a name in --function, which is not given")
        return arguments.landscape
    if arguments.landscape is not None:
        raise ValueError("give --landscape or --function, not both")
    from landscapes import own_landscape  # late: it compiles the catalogue

    name = "; ".join([f"= {arguments.function.strip()}", *arguments.param])
    try:
        own_landscape(name)
    except ValueError as error:
        raise ValueError(f"--function: {error}") from None
    return name


def run_file(path: str) -> None:
    """Run a Python file of the user's own, which may register landscapes.

    Raises:
        ValueError: If it cannot be read, or fails; what went wrong is named with its line.
    """
    if not Path(path).is_file():
        raise ValueError(f"--python: there is no file {path!r}")
    spec = importlib.util.spec_from_file_location("own_landscapes", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"--python: {path!r} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_landscapes"] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code does
        trace, line = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == path:
                line = trace.tb_lineno
            trace = trace.tb_next
        at = f", line {line}" if line else ""
        raise ValueError(f"--python: {path}{at}: {type(error).__name__}: {error}") from None
