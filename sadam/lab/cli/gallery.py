"""The command ``python -m sadam gallery``: the pictures of the gallery, rendered anew."""

from __future__ import annotations

import argparse
from typing import Any

from sadam.lab.cli.terminal import say

ABOUT = """\
Run every preset of the gallery and draw it as a small animated SVG. Beside the pictures a manifest
is written, gallery.json: the stamp of the spec that each picture was made from, and the rules by
final gap. Exit code: 0 done; 2 a file could not be written.
"""


def add_gallery(commands: Any) -> None:
    """Add the command."""
    add = commands.add_parser(
        "gallery",
        help="draw the gallery's moving pictures from their specs",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add.add_argument("--out", metavar="DIR", required=True, help="write files there")
    add.set_defaults(run=_gallery)


def _gallery(arguments: argparse.Namespace) -> int:
    from sadam.lab.directories import staged
    from sadam.lab.gallery import pictures

    with staged(arguments.out) as folder:
        files = pictures()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    say(f"{len(files)} files are in {arguments.out}")
    return 0
