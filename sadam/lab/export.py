"""Results to files: spec, numbers, tables, figures.

Whatever came of a computation can be written, runs that diverged as well. Formats are names of
:data:`ALL_FORMATS`, and what a result has not, such as arrays of a race, is left out.

Commands write within :func:`sadam.lab.directories.staged`: all files reach their target, or none.

The trajectories of a race are one long table with a row for each rule, start and step. Reading
them back::

    pandas.read_parquet("trajectories.parquet")
    pandas.read_csv("trajectories.csv", comment="#")

The spec is in the Parquet file's metadata under ``sadam.spec`` and in the CSV's first line, behind
``# ``.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from sadam.lab import images, webpage
from sadam.lab.animation import ANIMATIONS, animate
from sadam.lab.codec import nearest
from sadam.lab.directories import ExportError
from sadam.lab.race import Race
from sadam.lab.report import Report, race_report
from sadam.lab.spec import Spec
from sadam.lab.style import listed
from sadam.text import shown

FORMATS = ("html", "parquet", "csv", *images.IMAGE_FORMATS)
"""What can be written besides ``spec.json`` and ``results.json``, which always are."""

SMALL = "html-small"
"""The interactive page without plotly.js, which it reads from a file written beside it."""

ALL_FORMATS = (*FORMATS, SMALL, "npz", *ANIMATIONS)
"""With what is written only where it is asked for, or where there is such a thing."""


def check_formats(formats: Collection[str], known: Collection[str] = FORMATS) -> None:
    """Refuse a format that is not one of the known; none at all is fine.

    Raises:
        ExportError: If there is one, or the formats are no list of names.
    """
    _check_names(formats, "formats")
    for form in formats:
        if form not in known:
            raise ExportError(f"unknown format {shown(form)}: {nearest(form, known)}")


def _check_names(names: object, what: str) -> None:
    if isinstance(names, str) or not isinstance(names, Collection):
        raise ExportError(f"{what} must be a list of names, but is {shown(names)}")


@dataclass(frozen=True)
class Bundle:
    """All that can be written about a result; what costs time is made when it is asked for.

    Attributes:
        report: Its words, table and document.
        tables: Makes the Arrow tables by the names of their files.
        figures: Makes the figures by the names of their files.
        arrays: Makes NumPy arrays by the names of their file and their own; or None.
        animations: Makes the moving pictures of a form (``"gif"``, ``"mp4"``) by the names of
            their files; or None.
        left_out: Says of each figure that is left out, by its name, why, as words behind
            "because"; or None where none ever is.
    """

    report: Report
    tables: Callable[[], Mapping[str, pa.Table]]
    figures: Callable[[], Mapping[str, go.Figure]]
    arrays: Callable[[], Mapping[str, Mapping[str, NDArray[Any]]]] | None = None
    animations: Callable[[str], Mapping[str, bytes]] | None = None
    left_out: Callable[[], Mapping[str, str]] | None = None


def race_bundle(race: Race) -> Bundle:
    """Return what can be written about a race."""

    def figures() -> dict[str, go.Figure]:
        from sadam.lab.figures import RACE_FIGURES

        return {name: make(race) for name, make in RACE_FIGURES.items()}

    return Bundle(
        race_report(race),
        lambda: {"trajectories": trajectories_table(race)},
        figures,
        animations=lambda form: {"race": animate(race, form)},
    )


def write_bundle(
    bundle: Bundle,
    directory: Path,
    formats: Collection[str],
    *,
    look: webpage.Look | None = None,
    only: Collection[str] = (),
    progress: Callable[[int, int], object] | None = None,
) -> list[str]:
    """Write all files of a result into a directory that is there; return notes on what is missing.

    Args:
        bundle: The result.
        directory: Where to.
        formats: What to write besides ``spec.json`` and ``results.json``.
        look: How PNG, SVG and PDF are made, if not as usual.
        only: The figures to write, by name; all if empty.
        progress: Told how many PNG, SVG and PDF are drawn, of how many.

    Returns:
        A sentence for each: first what is left out, and why (:func:`left_out_of`), where figures
        were asked for; then pictures that could not be drawn.

    Raises:
        ExportError: If a format is not known, or ``only`` names a figure that there is not.
        OSError: If the directory cannot be written to.
    """
    check_formats(formats, ALL_FORMATS)
    _check_names(only, "figures")
    report = bundle.report
    spec, text = report.spec, report.spec.to_json()
    (directory / "spec.json").write_text(spec.to_json(indent=2) + "\n", encoding="utf-8")
    results = json.dumps(report.document, indent=2, allow_nan=False, ensure_ascii=False)
    (directory / "results.json").write_text(results + "\n", encoding="utf-8")
    if {"parquet", "csv"} & set(formats):
        for name, table in bundle.tables().items():
            table = with_metadata(table, spec)
            if "parquet" in formats:
                pa.parquet.write_table(table, directory / f"{name}.parquet", compression="zstd")
            if "csv" in formats:
                with open(directory / f"{name}.csv", "wb") as file:
                    file.write(f"# {text}\n".encode())
                    pa.csv.write_csv(table, file)
    if "npz" in formats and bundle.arrays is not None:
        for name, arrays in bundle.arrays().items():
            np.savez_compressed(directory / f"{name}.npz", spec=np.array(text), **arrays)  # type: ignore[arg-type]
    for form in ANIMATIONS:
        if form in formats and bundle.animations is not None:
            for name, data in bundle.animations(form).items():
                (directory / f"{name}.{form}").write_bytes(data)
    drawn = [form for form in images.IMAGE_FORMATS if form in formats]
    pages = {"html": "figures.html", SMALL: "figures-small.html"}
    pages = {form: name for form, name in pages.items() if form in formats}
    if not pages and not drawn:
        return []
    command = spec.to_command()
    figures = bundle.figures()
    reasons = bundle.left_out() if bundle.left_out is not None else {}
    for name in only:
        if name in reasons:
            raise ExportError(f"there is no figure {name!r}, because {reasons[name]}")
        if name not in figures:
            raise ExportError(f"there is no figure {shown(name)}: {nearest(name, figures)}")
    told = [] if only else left_out_of(bundle)
    figures = {name: figure for name, figure in figures.items() if not only or name in only}
    dress = partial(webpage.dressed, figures, spec.to_dict(), command, title=report.title)
    for form, name in pages.items():
        page = webpage.page(
            dress(caption=False),
            spec.to_dict(),
            command,
            title=report.title,
            formula=report.formula,
            about=report.about,
            said=report.said,
            header=report.header,
            rows=report.rows,
            notes=told,
            small=form == SMALL,
        )
        (directory / name).write_text(page, encoding="utf-8")
    if SMALL in pages:
        (directory / webpage.LIBRARY).write_text(get_plotlyjs(), encoding="utf-8")
    if not drawn:
        return told
    look = look or webpage.Look()
    ready = {name: look.apply(figure) for name, figure in dress(caption=look.caption).items()}
    pictures, notes = images.draw(ready, drawn, scale=look.scale, progress=progress)
    for (name, form), data in pictures.items():
        (directory / f"{name}.{form}").write_bytes(with_spec(data, form, text))
    return told + notes


_LEFT_OUT = "left out: "


def left_out_of(bundle: Bundle) -> list[str]:
    """Return a sentence for each reason to leave figures of a result out: which ones, and why."""
    reasons = bundle.left_out() if bundle.left_out is not None else {}
    found: dict[str, list[str]] = {}
    for name, why in reasons.items():
        found.setdefault(why, []).append(name)
    return [f"{_LEFT_OUT}{listed(names)}, because {why}" for why, names in found.items()]


def failures(notes: Iterable[str]) -> list[str]:
    """Return those of :func:`write_bundle`'s notes that tell of more than what is left out."""
    return [note for note in notes if not note.startswith(_LEFT_OUT)]


def with_metadata(table: pa.Table, spec: Spec) -> pa.Table:
    """Return the table with a spec and its command in its metadata."""
    return table.replace_schema_metadata(
        {"sadam.spec": spec.to_json(), "sadam.command": spec.to_command()}
    )


def trajectories_table(race: Race) -> pa.Table:
    """Return the trajectories as one long Arrow table.

    Columns: ``rule`` (label), ``start`` (index), ``step`` (0 to T), ``x``, ``y``, ``f``, ``gap``
    (f - f*), ``grad_x``, ``grad_y``, ``lgi_one_sided``, ``lgi_two_sided``, ``brake`` (of the step
    that leaves the point; none at the last), ``evaluations`` (so far, of this start). A start that
    diverged stays at its last finite point; what was not measured there, or is NaN, is missing.
    """
    labels = list(race.trajectories)
    parts = [_long(race, label, labels.index(label), labels) for label in labels]
    return pa.concat_tables(parts).unify_dictionaries()


def _long(race: Race, label: str, code: int, labels: Sequence[str]) -> pa.Table:
    track = race.trajectories[label]
    times, starts = track.values.shape

    def flat(tensor: torch.Tensor) -> pa.Array:  # start by start; NaN as a missing value
        return pa.array(tensor.T.reshape(-1).numpy(), from_pandas=True)

    steps = np.tile(np.arange(times, dtype=np.int32), starts)
    brake = torch.cat([track.brake, torch.full((1, starts), math.nan, dtype=torch.float64)])
    codes = pa.array(np.full(times * starts, code, dtype=np.int8))
    return pa.table(
        {
            "rule": pa.DictionaryArray.from_arrays(codes, pa.array(labels)),
            "start": np.repeat(np.arange(starts, dtype=np.int32), times),
            "step": steps,
            "x": flat(track.points[..., 0]),
            "y": flat(track.points[..., 1]),
            "f": flat(track.values),
            "gap": flat(track.values - race.reference),
            "grad_x": flat(track.grads[..., 0]),
            "grad_y": flat(track.grads[..., 1]),
            "lgi_one_sided": flat(track.lgi_one_sided),
            "lgi_two_sided": flat(track.lgi_two_sided),
            "brake": flat(brake),
            "evaluations": steps.astype(np.int64) * track.evaluations,
        }
    )


def with_spec(data: bytes, form: str, spec: str) -> bytes:
    """Return an image with the spec inside: a PNG text chunk, an SVG metadata element.

    Args:
        data: The image, whole and of that form.
        form: ``"png"``, ``"svg"``, or another, which is returned as it is.
        spec: The spec's JSON.
    """
    if form == "png":
        head = 8 + 25  # signature and IHDR
        body = b"iTXt" + b"sadam.spec\0\0\0\0\0" + spec.encode()
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:head] + chunk + data[head:]
    if form == "svg":
        start = data.index(b">", data.index(b"<svg")) + 1
        text = spec.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return data[:start] + f'<metadata id="spec">{text}</metadata>'.encode() + data[start:]
    return data
