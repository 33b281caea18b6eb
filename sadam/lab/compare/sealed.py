"""Parquet files that show when a bit of them has changed since they were written.

The checksum of a part stands in its name, so that both appear in one rename; that of a file whose
name is fixed stands beside it, as ``sha256sum -c`` reads it, and is there before the file is. A
directory that is read or written here is there; what fails is an ``OSError``, unless it is said.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

HALF_WRITTEN = ".sadam-"  # how names of files begin that are being written
_PART = re.compile(r"(\d{5,})(?:-([0-9a-f]{64}))?\.parquet")


class DamagedError(ValueError):
    """A file is not what was written, or cannot be read; the message says so in a sentence."""


def part_name(number: int, digest: str) -> str:
    """Return the name of a part: its number and the SHA-256 of its bytes."""
    return f"{number:05d}-{digest}.parquet"


def parts_in(directory: Path) -> Iterator[tuple[int, Path]]:
    """Yield number and path of the parts in a directory, by name."""
    for path in sorted(directory.glob("*.parquet")):
        if found := _PART.fullmatch(path.name):
            yield int(found[1]), path


def sum_beside(path: Path) -> Path:
    """Return where the checksum of a file with a fixed name stands."""
    return path.with_name(path.name + ".sha256")


def sum_line(digest: str, path: Path) -> bytes:
    """Return what stands there."""
    return f"{digest}  {path.name}\n".encode()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_sealed(path: Path) -> bool:
    """Whether a file has a checksum of its own; those of earlier versions have none."""
    return _sum_in_name(path) is not None or sum_beside(path).exists()


def _sum_in_name(path: Path) -> str | None:
    found = _PART.fullmatch(path.name)
    return found[2] if found else None


def read_sealed(path: Path) -> pa.Table:
    """Read a Parquet file; its checksum, or without one those of its pages, must hold.

    Raises:
        DamagedError: If they do not, or it cannot be read.
        FileNotFoundError: If it is not there.
    """
    try:
        wanted = _sum_in_name(path)
        if wanted is not None:
            fine = digest_of(path) == wanted
        elif (beside := sum_beside(path)).exists():
            fine = beside.read_bytes() == sum_line(digest_of(path), path)
        else:
            fine = True
        if not fine:
            raise DamagedError(f"{path} is damaged")
        return pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"{path} is damaged") from error


@contextmanager
def renamed(target: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when the block ends well, and is removed when it does not."""
    handle, name = tempfile.mkstemp(prefix=HALF_WRITTEN, dir=target.parent)
    os.close(handle)
    try:
        with open(name, "wb") as file:
            yield file
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
