"""``python -m sadam export``: every figure and number of a spec, as files or as one zip."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadam.lab.cli.options import spec_in
from sadam.lab.cli.terminal import PROGRAM, names_in, say, show_line, show_pictures

if TYPE_CHECKING:
    pass

ABOUT = """\
Compute a spec and write its figures and numbers: pictures for print at any size, interactive pages,
tables, moving pictures, or all of it as one zip with a README. The spec comes from a page's Share,
from --out of another command, or from another machine."""
EXAMPLES = """\
examples:
  python -m sadam export spec.json --out everything.zip
  python -m sadam export spec.json --out column --formats pdf --width 480 --no-caption
  python -m sadam export spec.json --out slide --figures map --formats png --transparent
  python -m sadam export spec.json --out moving --formats gif,mp4
  python -m sadam export spec.json --out site --figures map --formats html-small
"""


def add_export(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    add = commands.add_parser(
        "export",
        help="write every figure and number of a spec, as files or one zip",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add.add_argument("spec", metavar="SPEC", help="the JSON of a spec; - is standard input")
    add.add_argument("--out", metavar="DIR", help="a directory, or a file that ends in .zip")
    add.add_argument(
        "--formats",
        metavar="F,F,...",
        help="which of html,html-small,parquet,csv,npz,gif,mp4,png,svg,pdf (default: all there are "
        "for it but html-small, the interactive page that reads plotly.min.js from beside it; png, "
        "svg and pdf need a Chromium)",
    )
    add.add_argument("--figures", metavar="NAME,...", help="which figures (default: all)")
    look = add.add_argument_group("png, svg and pdf")
    look.add_argument(
        "--width", metavar="PX", help="width of the layout, 240 to 4000 (default: 1000)"
    )
    look.add_argument("--scale", metavar="S", help="PNG pixels for each of the layout (default: 2)")
    look.add_argument("--transparent", action="store_true", help="no white background")
    look.add_argument("--no-caption", action="store_true", help="no command below the picture")
    add.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from sadam.lab.archive import zipped
    from sadam.lab.codec import from_text
    from sadam.lab.directories import staged
    from sadam.lab.export import ALL_FORMATS, SMALL, check_formats, failures, write_bundle
    from sadam.lab.kinds import bundle_of, load
    from sadam.lab.webpage import Look

    if arguments.out is None:
        raise ValueError("say where to: --out DIR, or --out FILE.zip")
    usual = tuple(f for f in ALL_FORMATS if f != SMALL)
    formats = usual if arguments.formats is None else names_in(arguments.formats)
    check_formats(formats, ALL_FORMATS)
    look = Look(
        width=None if arguments.width is None else from_text(int, arguments.width, "width"),
        scale=2.0 if arguments.scale is None else from_text(float, arguments.scale, "scale"),
        transparent=arguments.transparent,
        caption=not arguments.no_caption,
    )
    spec = spec_in(arguments.spec, load)
    only = () if arguments.figures is None else names_in(arguments.figures)
    target = Path(arguments.out)
    options: dict[str, Any] = {"look": look, "only": only, "progress": show_pictures}
    show_line("computing ...")
    if target.suffix != ".zip":
        with staged(target) as stage:
            notes = write_bundle(bundle_of(spec), stage, formats, **options)
            count = len(os.listdir(stage))
    else:
        with staged(target.parent) as stage, tempfile.TemporaryDirectory() as folder:
            bundle = bundle_of(spec)
            notes = write_bundle(bundle, Path(folder), formats, **options)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
            (stage / target.name).write_bytes(zipped(bundle, files))
            count = len(files) + 2
    show_line()
    say(f"{count} files are in {target}")
    for note in notes:
        print(f"{PROGRAM}: {note}", file=sys.stderr)
    return 1 if failures(notes) and arguments.formats else 0
