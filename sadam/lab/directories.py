"""Directories that are written to whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sadam.text import shown


class ExportError(ValueError):
    """Files could not be written; the message is one sentence."""


def directory_of(directory: str | os.PathLike[str]) -> Path:
    """Return the path of a directory that is named.

    Raises:
        ExportError: If it is no path, an empty one, which would be where one stands, or holds a
            NUL, which no name has.
    """
    text = os.fspath(directory) if isinstance(directory, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ExportError(f"a directory must be a path, but is {shown(directory)}")
    if not text:
        raise ExportError("the directory is empty: name one, or . for where you are")
    if "\0" in text:
        raise ExportError(f"the directory {shown(text)} holds a NUL character, which no name has")
    return Path(text)


@contextmanager
def staged(directory: str | os.PathLike[str]) -> Iterator[Path]:
    """A hidden directory inside ``directory`` whose files move into it when the block ends well.

    Each replaces atomically an older one of its name. A failure leaves the directory as it was.

    Raises:
        ExportError: If it cannot be made or written to, at the start or within the block.
    """
    target = directory_of(directory)
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
