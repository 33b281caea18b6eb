"""A race to files: spec, numbers, trajectories, figures. All of them, or none.

Everything is written to a hidden directory inside the target and moved from there at the end, each
file atomically over an older one of its name. A failure on the way leaves the target as it was.

The trajectories are one long table with a row for each rule, start and step. Reading them back::

    pandas.read_parquet("trajectories.parquet")
    pandas.read_csv("trajectories.csv", comment="#")

The spec is in the Parquet file's metadata under ``sadam.spec`` and in the CSV's first line, behind
``# ``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch

from sadam.lab import images, webpage
from sadam.lab.codec import nearest
from sadam.lab.race import Race, sentence
from sadam.lab.report import describe, readable_table, results_document

FORMATS = ("html", "parquet", "csv", *images.IMAGE_FORMATS)
"""What can be written besides ``spec.json`` and ``results.json``, which always are."""


class ExportError(ValueError):
    """Files could not be written; the message is one sentence."""


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        directory: Where the files are.
        files: Their names.
        notes: A sentence for each thing that could not be done, such as images without a browser.
    """

    directory: Path
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def export_race(
    race: Race, directory: str | os.PathLike[str], formats: Collection[str] = FORMATS
) -> Exported:
    """Write a race into a directory, which is made if it is not there.

    Args:
        race: What :func:`sadam.lab.race.run_race` returned.
        directory: Where to; files of the same names are replaced.
        formats: Any of :data:`FORMATS`.

    Raises:
        ExportError: If a format is not known or the directory cannot be written to; then nothing
            in it has changed.
    """
    check_formats(formats)
    with staged(directory) as stage:
        notes = write_race(race, stage, formats)
        files = tuple(sorted(os.listdir(stage)))
    return Exported(Path(directory), files, tuple(notes))


def check_formats(formats: Collection[str]) -> None:
    """Refuse an unknown format.

    Raises:
        ExportError: If there is one.
    """
    for form in formats:
        if form not in FORMATS:
            raise ExportError(f"unknown format {form!r}: {nearest(form, FORMATS)}")


@contextmanager
def staged(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """A hidden directory inside ``directory`` whose files move into it when the block ends well.

    Raises:
        ExportError: If it cannot be made or written to, at the start or within the block.
    """
    target = Path(directory)
    made = _missing(target)
    stage = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".sadam-", dir=target))
        yield stage
        names = sorted(os.listdir(stage))
        for name in names:
            if (target / name).is_dir():
                raise ExportError(f"cannot write {target / name}: a directory has that name")
        for name in names:
            os.replace(stage / name, target / name)
        stage.rmdir()
    except BaseException as error:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
        for directory_made in made:
            _remove_if_empty(directory_made)
        if isinstance(error, OSError):
            reason = error.strerror or str(error).partition("\n")[0]
            if isinstance(error, FileExistsError | NotADirectoryError):
                reason = "it is not a directory, or lies within something that is none"
            raise ExportError(f"cannot write to {target}: {reason}") from error
        raise


def _missing(target: Path) -> list[Path]:
    """The directories that making ``target`` would make, innermost first."""
    made = []
    for path in (target, *target.parents):
        if os.path.lexists(path):
            break
        made.append(path)
    return made


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):  # it holds something by now, or was never made
        path.rmdir()


def write_race(race: Race, directory: Path, formats: Collection[str] = FORMATS) -> list[str]:
    """Write all files of a race into a directory that is there; return notes on what is missing.

    Raises:
        OSError: If the directory cannot be written to.
    """
    spec, command = race.experiment.to_dict(), race.experiment.to_command()
    (directory / "spec.json").write_text(race.experiment.to_json(indent=2) + "\n", encoding="utf-8")
    results = json.dumps(results_document(race), indent=2, allow_nan=False, ensure_ascii=False)
    (directory / "results.json").write_text(results + "\n", encoding="utf-8")
    if {"parquet", "csv"} & set(formats):
        table = trajectories_table(race)
        if "parquet" in formats:
            pa.parquet.write_table(table, directory / "trajectories.parquet", compression="zstd")
        if "csv" in formats:
            with open(directory / "trajectories.csv", "wb") as file:
                file.write(f"# {race.experiment.to_json()}\n".encode())
                pa.csv.write_csv(table, file)
    drawn = [form for form in images.IMAGE_FORMATS if form in formats]
    if "html" not in formats and not drawn:
        return []
    from sadam.lab.figures import RACE_FIGURES

    plain = {name: make(race) for name, make in RACE_FIGURES.items()}
    dress = partial(webpage.dressed, plain, spec, command, title=race.landscape.title)
    if "html" in formats:
        header, rows = readable_table(race)
        text = webpage.page(
            dress(caption=False),
            spec,
            command,
            title=race.landscape.title,
            formula=race.landscape.formula or "",
            about=describe(race),
            said=sentence(race),
            header=header,
            rows=rows,
        )
        (directory / "figures.html").write_text(text, encoding="utf-8")
    if not drawn:
        return []
    pictures, notes = images.draw(dress(caption=True), drawn)
    for (name, form), data in pictures.items():
        (directory / f"{name}.{form}").write_bytes(with_spec(data, form, race.experiment.to_json()))
    return notes


def trajectories_table(race: Race) -> pa.Table:
    """Return the trajectories as one long Arrow table with the spec in its metadata.

    Columns: ``rule`` (label), ``start`` (index), ``step`` (0 to T), ``x``, ``y``, ``f``, ``gap``
    (f - f*), ``grad_x``, ``grad_y``, ``lgi_one_sided``, ``lgi_two_sided``, ``brake`` (of the step
    that leaves the point; none at the last), ``evaluations`` (so far, of this start). A start that
    diverged stays at its last finite point; what was not measured there is missing.
    """
    labels = list(race.trajectories)
    parts = [_long(race, label, labels.index(label), labels) for label in labels]
    table = pa.concat_tables(parts).unify_dictionaries()
    spec = race.experiment.to_json()
    return table.replace_schema_metadata(
        {"sadam.spec": spec, "sadam.command": race.experiment.to_command()}
    )


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
        data: The image.
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
