"""A run directory: what a comparison has found so far, whole at any instant.

    spec.json                      what is compared
    parts/00007-SHA256.parquet     the rows of block 7, until all blocks are there
    runs.parquet                   then: all rows, in the order of the plan
    runs.parquet.sha256            its checksum

Each file is written under another name and renamed, so that a file that is there is complete, and
whoever runs the same command again goes on from what is there. The bytes of the end result do not
depend on how often that happened. A file that no longer is what its checksum says is computed anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sadam.lab.codec import SpecError
from sadam.lab.compare.blocks import joined
from sadam.lab.compare.networks import MOST_LANES
from sadam.lab.compare.sealed import (
    HALF_WRITTEN,
    DamagedError,
    digest_of,
    is_sealed,
    part_name,
    parts_in,
    read_sealed,
    renamed,
    sum_beside,
    sum_line,
)
from sadam.lab.compare.spec import Compare
from sadam.lab.directories import ExportError, directory_of
from sadam.lab.export import with_metadata
from sadam.sweep import BLOCK

try:
    import fcntl
except ImportError:  # not on this system: then nothing guards against a second writer
    fcntl = None

FULL_CONTROLS = "controls have all evaluations"  # once they had only the steps of their S-Adam
ROW_GROUP = 1 << 16
READS = 3  # of a directory in which somebody joins the parts
ABANDONED = 3600.0  # seconds after which nobody is still writing to a directory of tables or pages


class RunDirectory:
    """The directory of one spec, held by one process at a time.

    Use it as a context: leaving it gives the directory free.

    Args:
        path: Made if it is not there.
        spec: What is compared.
        blocks: Number of blocks of its plan.

    Raises:
        ExportError: If it is empty or no path, cannot be written to, belongs to another spec, or
            another process is writing to it.
    """

    def __init__(self, path: str | os.PathLike[str], spec: Compare, blocks: int) -> None:
        self.path, self.spec, self.blocks = directory_of(path), spec, blocks
        self.parts = self.path / "parts"
        self.runs = self.path / "runs.parquet"
        self.identity = identity_of(spec)
        self.notes: list[str] = []
        self._held: int | None = None
        self._made = False
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            self._made = True
            if fcntl is not None:
                self._held = os.open(self.path, os.O_RDONLY)
        try:
            self._hold()
            with self._writing():
                self._begin()
        except BaseException:
            self._release()
            raise

    def _hold(self) -> None:
        """Lock the directory itself: the system takes the lock from a process that is gone."""
        if fcntl is None or self._held is None:
            return
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(
                f"another process is writing to {self.path}: wait for it, or choose another "
                "directory"
            ) from None
        except OSError:
            self.notes.append(
                f"the file system of {self.path} knows no locks: let nobody else write there"
            )

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _begin(self) -> None:
        """Check whose it is, clear what was left half-written, and see which blocks are there."""
        there = self.path / "spec.json"
        if there.exists():
            if read_spec_of(self.path) != self.spec:
                raise ExportError(
                    f"{self.path} holds another comparison: choose another directory, or run that "
                    f"one with --spec {there}"
                )
        else:
            with renamed(there) as file:
                file.write((self.spec.to_json(indent=2) + "\n").encode())
        self._clear_half_written()
        self.found: dict[int, Path] = {}
        self.complete = self.runs.exists() and self._fine(self.runs, "all")
        if self.complete:
            self._clear_parts()
            return
        self.parts.mkdir(exist_ok=True)
        for number, path in parts_in(self.parts):
            if self._fine(path, _part_mark(number)):
                self.found[number] = path

    def _clear_half_written(self) -> None:
        for place in (self.path, self.parts):
            for left in place.glob(HALF_WRITTEN + "*"):
                if not left.is_dir():
                    left.unlink(missing_ok=True)
                elif time.time() - left.stat().st_mtime > ABANDONED:
                    shutil.rmtree(left, ignore_errors=True)

    @property
    def done(self) -> set[int]:
        """Numbers of the blocks that are there."""
        return set(range(self.blocks)) if self.complete else set(self.found)

    def _fine(self, path: Path, which: str) -> bool:
        """Whether a file is what this spec's computation wrote; if not, it is removed."""
        try:
            if _mark_of(read_sealed(path)) == f"{self.identity}:{which}":
                return True
            told = f"{path} is of another computation"
        except DamagedError as error:
            told = str(error)
        self.notes.append(f"{told}, so it is computed anew")
        path.unlink()
        return False

    def write(self, number: int, table: pa.Table) -> None:
        """Keep the rows of a block.

        Raises:
            ExportError: If they cannot be written; what was there before still is.
        """
        buffer = pa.BufferOutputStream()
        pq.write_table(self._marked(table, _part_mark(number)), buffer, **_OPTIONS)
        content = buffer.getvalue()
        path = self.parts / part_name(number, hashlib.sha256(content).hexdigest())
        with self._writing(), renamed(path) as file:
            file.write(content)
        self.found[number] = path

    def finish(self) -> None:
        """Join the parts of all blocks, in the order of the plan, into one file.

        Raises:
            ExportError: If it cannot be written; then the parts are still there.
        """
        if self.complete:
            return
        with self._writing():
            with renamed(self.runs) as file:
                self._join(file)
                file.flush()
                with renamed(sum_beside(self.runs)) as beside:  # there before the file is
                    beside.write(sum_line(digest_of(Path(file.name)), self.runs))
            self.complete = True
            self._clear_parts()

    def _join(self, file: IO[bytes]) -> None:
        writer = None
        for table in _grouped(self._read(self.found[i]) for i in range(self.blocks)):
            table = self._marked(with_metadata(table, self.spec), "all")
            if writer is None:
                writer = pq.ParquetWriter(file, table.schema, **_OPTIONS)
            writer.write_table(table, row_group_size=ROW_GROUP)
        assert writer is not None
        writer.close()

    def _clear_parts(self) -> None:
        if self.parts.is_dir():
            for path in self.parts.glob("*.parquet"):
                path.unlink()
            with suppress(OSError):  # somebody put something else there
                self.parts.rmdir()

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows that are there, in the order of the plan; none if no block is done.

        Raises:
            ExportError: If a file was damaged or removed since it was looked at.
        """
        paths = [self.runs] if self.complete else [self.found[i] for i in sorted(self.found)]
        for path in paths:
            with self._writing():
                table = self._read(path)
            yield table

    def _read(self, path: Path) -> pa.Table:
        try:
            return read_sealed(path)
        except DamagedError as error:
            raise ExportError(
                f"{error}: run the same command again, which computes it anew"
            ) from error

    def _marked(self, table: pa.Table, which: str) -> pa.Table:
        known = table.schema.metadata or {}
        return table.replace_schema_metadata({**known, "sadam.block": f"{self.identity}:{which}"})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if self._held is not None and not self._in_place():
                raise FileNotFoundError
            yield
        except OSError as error:
            reason = error.strerror or str(error).partition("\n")[0]
            if isinstance(error, FileNotFoundError) and self._made:
                raise ExportError(
                    f"{self.path} was removed, or a part of it, while results were written to it: "
                    "run the same command again, which computes what is missing"
                ) from error
            if isinstance(error, FileExistsError | NotADirectoryError):
                reason = "it is not a directory, or lies within something that is none"
            raise ExportError(
                f"cannot write to {self.path}: {reason} (what was written before is whole, and the "
                "same command goes on from there)"
            ) from error

    def _in_place(self) -> bool:
        """Whether the directory is still the one that is locked: not removed, nor made anew."""
        assert self._held is not None
        return os.path.samestat(os.stat(self.path), os.fstat(self._held))

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: Any) -> None:
        self._release()


def _mark_of(table: pa.Table) -> str:
    """What a file is marked with: the spec that it is of, and which rows; empty if it has none."""
    return (table.schema.metadata or {}).get(b"sadam.block", b"").decode("ascii", "replace")


def _part_mark(number: int) -> str:
    """What a part is marked with: its number, and the sizes of the blocks that it is of."""
    return f"{BLOCK}/{MOST_LANES}:{number}"


_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables until they fill a row group; never many at once."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def identity_of(spec: Compare) -> str:
    """Return what tells a spec's files from those of any other, and of earlier ways to run it."""
    ways = FULL_CONTROLS if spec.cost == "evaluations" and spec.controlled else ""
    return hashlib.sha256((spec.to_json() + ways).encode()).hexdigest()


def read_spec_of(directory: str | os.PathLike[str]) -> Compare:
    """Return the spec of a run directory.

    Raises:
        ExportError: If it is not there, or holds none that can be read.
    """
    path = directory_of(directory) / "spec.json"
    try:
        return Compare.from_json(path.read_bytes())
    except OSError as error:
        raise ExportError(f"{directory} holds no comparison: {error.strerror}") from None
    except SpecError as error:
        raise ExportError(f"{path} is not the spec of a comparison: {error}") from None


def read_directory(
    directory: str | os.PathLike[str],
) -> tuple[Compare, list[pa.Table], list[str]]:
    """Read what is in a run directory, without touching it; somebody may be writing to it.

    Returns:
        The spec; the tables that are there; a sentence for each file that is damaged.

    Raises:
        ExportError: If it is no run directory.
    """
    spec = read_spec_of(directory)
    for _ in range(READS):
        try:
            return spec, *_read(Path(directory), identity_of(spec))
        except FileNotFoundError:  # the parts have just been joined: then the whole is there
            continue
    raise ExportError(f"{directory} changes while it is read: try again when nobody writes to it")


def _read(directory: Path, identity: str) -> tuple[list[pa.Table], list[str]]:
    whole = directory / "runs.parquet"
    paths = [whole] if whole.exists() else [path for _, path in parts_in(directory / "parts")]
    tables, notes = [], []
    for path in paths:
        try:
            table = read_sealed(path)
        except DamagedError as error:
            notes.append(f"{error} and was left out: run the comparison again")
            continue
        if _mark_of(table).startswith(identity):
            tables.append(table)
        else:
            notes.append(f"{path} is of another computation and was left out")
    if not all(map(is_sealed, paths)):
        notes.append(f"{directory} is of an earlier version, without checksums of whole files")
    return tables, notes
