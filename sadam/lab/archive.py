"""An export as one zip, which says what is in it and can compute it again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from sadam.lab.export import Bundle, left_out_of

AGAIN = """\
# Computes spec.json again and prints the same numbers: python again.py, where sadam is installed
# or from a checkout of it (PYTHONPATH=CHECKOUT python again.py).
from pathlib import Path

from sadam.lab.kinds import bundle_of, load
from sadam.lab.report import terminal_text

spec = load((Path(__file__).parent / "spec.json").read_bytes())
print(terminal_text(bundle_of(spec).report))
"""
"""The script in a zip."""

_ABOUT = {
    ".py": "a script that computes the spec again and prints the same numbers",
    ".json": "the spec that makes everything again, or the results as numbers",
    ".html": "all figures, interactive, offline",
    ".js": "plotly.js, which figures-small.html reads; keep it beside that page",
    ".csv": "a table; the spec is in its first line",
    ".parquet": "a table; the spec is in its metadata",
    ".npz": "NumPy arrays",
    ".gif": "moving picture; the spec is in its comment",
    ".mp4": "moving picture; the spec is in its comment",
    ".png": "picture; the spec is in its metadata",
    ".svg": "picture; the spec is in its metadata",
    ".pdf": "picture for print, fonts embedded",
}

_FIGURES = (".html", ".png", ".svg", ".pdf")


def zipped(bundle: Bundle, files: Mapping[str, bytes]) -> bytes:
    """Return files as one zip, with a README on what they are, and a script that repeats them.

    Args:
        bundle: The result that they are of.
        files: Their contents by name, as :func:`sadam.lab.export.write_bundle` wrote them; where
            there are figures among them, the README says which are left out, and why.
    """
    files = {"again.py": AGAIN.encode(), **files}
    told = "\n".join(f"  {name}: {_ABOUT.get(Path(name).suffix, 'data')}" for name in sorted(files))
    report = bundle.report
    readme = (
        f"{report.title}\n{report.formula or ''}\n{report.about}\n\nMade by\n\n"
        f"  {report.spec.to_command()}\n\nor, from the spec,\n\n"
        f"  python -m sadam export spec.json --out DIR\n\n{told}\n"
    )
    if any(Path(name).suffix in _FIGURES for name in files):
        readme += "".join(f"\nNote: {note}.\n" for note in left_out_of(bundle))
    return packed({"README.txt": readme.encode(), **files})


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return files by name as one zip, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
