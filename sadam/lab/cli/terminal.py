"""What every command does in the end: print a report, write files, say what is missing."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sadam.lab.export import Bundle

PROGRAM = "sadam"


def say(text: str) -> None:
    """Print; if nobody reads on, go on in silence."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence()


def show_line(text: str = "") -> None:
    """Write over the line of progress, or clear it; nothing where there is no terminal."""
    if sys.stderr.isatty():
        print(f"\r{text:60s}", end="\r", file=sys.stderr, flush=True)


def show_pictures(done: int, total: int) -> None:
    """Say on the line of progress how many pictures are drawn."""
    show_line(f"{done} of {total} pictures are drawn")


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(name.strip() for name in text.split(","))


def silence() -> None:
    """Send what is still to be printed nowhere, so that nothing complains at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def deliver(
    arguments: Namespace,
    compute: Callable[[], Bundle],
    extra_formats: tuple[str, ...] = (),
    on_demand: tuple[str, ...] = (),
) -> int:
    """Compute a result, print it, write it to ``--out`` if given, and return the exit code.

    That is 1 where pictures that ``--formats`` asks for could not be drawn, else 0; what a result
    leaves out is said, and no failure.

    Args:
        arguments: With ``json``, ``out`` and ``formats``.
        compute: Computes; called only once what cannot be written has been said.
        extra_formats: What ``--formats`` may name besides :data:`sadam.lab.export.FORMATS`.
        on_demand: What it may name, too, but which is not written unless it does.
    """
    notes: list[str] = []
    failed = False
    with _output(arguments, extra_formats, on_demand) as write:
        bundle = compute()
        document = dict(bundle.report.document)
        if not arguments.json:
            from sadam.lab.report import terminal_text

            say(terminal_text(bundle.report))
        if write is not None:
            from sadam.lab.export import failures

            if sys.stderr.isatty():
                print(f"\nwriting files to {arguments.out} ...", file=sys.stderr)
            files, notes = write(bundle)
            failed = bool(failures(notes))
            document |= {"directory": arguments.out, "files": files}
    if arguments.json:
        say(json.dumps(document, indent=2, ensure_ascii=False))
    elif arguments.out is not None:
        say(f"\n{len(document['files'])} files are in {arguments.out}")
    for note in notes:
        print(f"{PROGRAM}: {note}", file=sys.stderr)
    return 1 if failed and arguments.formats else 0


@contextmanager
def _output(
    arguments: Namespace, extra_formats: Collection[str], on_demand: Collection[str]
) -> Iterator[Callable[[Bundle], tuple[list[str], list[str]]] | None]:
    """What writes to ``--out`` and returns the files' names and notes; None without it."""
    if arguments.out is None:
        if arguments.formats is not None:
            raise ValueError("--formats needs --out DIR")
        yield None
        return
    from sadam.lab.directories import staged
    from sadam.lab.export import FORMATS, SMALL, check_formats, write_bundle

    formats = (*FORMATS, *extra_formats)
    if arguments.formats is not None:
        chosen = names_in(arguments.formats)
        check_formats(chosen, (*formats, SMALL, *on_demand))
        formats = chosen
    with staged(arguments.out) as stage:

        def write(bundle: Bundle) -> tuple[list[str], list[str]]:
            notes = write_bundle(bundle, stage, formats, progress=show_pictures)
            show_line()
            return sorted(os.listdir(stage)), notes

        yield write
