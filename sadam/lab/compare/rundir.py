"""A run directory: what a comparison has found so far, whole at any instant.

    spec.json             what is compared
    parts/00007.parquet   the rows of block 7, until all blocks are there
    runs.parquet          then: all rows, in the order of the plan

Each file is written under another name and renamed, so that a file that is there is complete, and
whoever runs the same command again goes on from what is there. The bytes of the end result do not
depend on how often that happened. Parts carry checksums: one that was damaged is computed anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sadam.lab.codec import SpecError
from sadam.lab.compare.networks import MOST_LANES
from sadam.lab.compare.spec import Compare
from sadam.lab.export import ExportError, with_metadata
from sadam.sweep import BLOCK

ROW_GROUP = 1 << 16
PREFIX = ".sadam-"  # of files that are being written


class RunDirectory:
    """The directory of one spec, held by one process at a time.

    Use it as a context: leaving it gives the directory free.

    Args:
        path: Made if it is not there.
        spec: What is compared.
        blocks: Number of blocks of its plan.

    Raises:
        ExportError: If it cannot be written to, belongs to another spec, or another process is
            writing to it.
    """

    def __init__(self, path: str | os.PathLike[str], spec: Compare, blocks: int) -> None:
        self.path, self.spec, self.blocks = Path(path), spec, blocks
        self.parts = self.path / "parts"
        self.runs = self.path / "runs.parquet"
        self.identity = identity_of(spec)
        self.notes: list[str] = []
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            self._held = os.open(self.path, os.O_RDONLY)
        try:
            self._hold()
            with self._writing():
                self._begin()
        except BaseException:
            os.close(self._held)
            raise

    def _hold(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on this system: then nothing guards against a second writer
            return
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportError(f"another process is writing to {self.path}") from None

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
            with _renamed(there) as file:
                file.write((self.spec.to_json(indent=2) + "\n").encode())
        for place in (self.path, self.parts):
            for left in place.glob(PREFIX + "*"):
                left.unlink(missing_ok=True)
        self.complete = self.runs.exists() and self._fine(self.runs, "all")
        self.done: set[int] = set(range(self.blocks)) if self.complete else set()
        if self.complete:
            self._clear_parts()
            return
        self.parts.mkdir(exist_ok=True)
        for path in sorted(self.parts.glob("*.parquet")):
            if path.stem.isdigit() and self._fine(path, _part_mark(int(path.stem))):
                self.done.add(int(path.stem))

    def _fine(self, path: Path, which: str) -> bool:
        """Whether a file is what this spec's computation wrote; if not, it is removed."""
        try:
            table = read_checked(path)
            if table.schema.metadata[b"sadam.block"].decode() == f"{self.identity}:{which}":
                return True
            told = "is of another computation"
        except (pa.ArrowException, OSError, KeyError, TypeError, UnicodeDecodeError):
            told = "is damaged"
        self.notes.append(f"{path} {told}, so it is computed anew")
        path.unlink()
        return False

    def write(self, number: int, table: pa.Table) -> None:
        """Keep the rows of a block.

        Raises:
            ExportError: If they cannot be written; what was there before still is.
        """
        with self._writing(), _renamed(self._part(number)) as file:
            buffer = pa.BufferOutputStream()
            _write(self._marked(table, _part_mark(number)), buffer)
            file.write(buffer.getvalue())
        self.done.add(number)

    def finish(self) -> None:
        """Join the parts of all blocks, in the order of the plan, into one file.

        Raises:
            ExportError: If it cannot be written; then the parts are still there.
        """
        if self.complete:
            return
        with self._writing():
            with _renamed(self.runs) as file:
                self._join(file)
            self.complete = True
            self._clear_parts()

    def _join(self, file: BinaryIO) -> None:
        writer = None
        for table in _grouped(read_checked(self._part(i)) for i in range(self.blocks)):
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
        """Yield the rows that are there, in the order of the plan."""
        if self.complete:
            yield read_checked(self.runs)
            return
        for number in sorted(self.done):
            yield read_checked(self._part(number))

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:05d}.parquet"

    def _marked(self, table: pa.Table, which: str) -> pa.Table:
        known = table.schema.metadata or {}
        return table.replace_schema_metadata({**known, "sadam.block": f"{self.identity}:{which}"})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error).partition("\n")[0]
            if isinstance(error, FileExistsError | NotADirectoryError):
                reason = "it is not a directory, or lies within something that is none"
            raise ExportError(
                f"cannot write to {self.path}: {reason} (what was written before is whole, and the "
                "same command goes on from there)"
            ) from error

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: Any) -> None:
        os.close(self._held)


def _part_mark(number: int) -> str:
    """What a part is marked with: its number, and the sizes of the blocks that it is of."""
    return f"{BLOCK}/{MOST_LANES}:{number}"


_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def _write(table: pa.Table, sink: Any) -> None:
    pq.write_table(table, sink, **_OPTIONS)


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


def joined(tables: Collection[pa.Table]) -> pa.Table:
    """Join tables of blocks, whose dictionaries differ."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def identity_of(spec: Compare) -> str:
    """Return what tells a spec's files from those of any other."""
    return hashlib.sha256(spec.to_json().encode()).hexdigest()


def read_checked(path: Path) -> pa.Table:
    """Read a Parquet file, checksums verified.

    Raises:
        OSError: If it is damaged (or ``pyarrow.ArrowException``).
    """
    return pq.read_table(path, page_checksum_verification=True, partitioning=None)


def read_spec_of(directory: str | os.PathLike[str]) -> Compare:
    """Return the spec of a run directory.

    Raises:
        ExportError: If it holds none.
    """
    path = Path(directory) / "spec.json"
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
    spec, notes = read_spec_of(directory), []
    whole, identity = Path(directory) / "runs.parquet", identity_of(spec)
    paths = [whole] if whole.exists() else sorted((Path(directory) / "parts").glob("*.parquet"))
    tables = []
    for path in paths:
        try:
            table = read_checked(path)
            if not table.schema.metadata[b"sadam.block"].startswith(identity.encode()):
                notes.append(f"{path} is of another computation and was left out")
                continue
            tables.append(table)
        except (pa.ArrowException, OSError, KeyError, TypeError):
            notes.append(f"{path} is damaged and was left out: run the comparison again")
    return spec, tables, notes


@contextmanager
def _renamed(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, and is removed when it does not."""
    handle, name = tempfile.mkstemp(prefix=PREFIX, dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
