"""Own data: a CSV file of numbers with a target column."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np

from landscapes.data.datasets import DataError, Dataset, DataSpec, Split, split_up

MAX_BYTES = 20_000_000
MAX_ROWS, MAX_COLUMNS, MAX_CLASSES = 50_000, 1_000, 100
LARGEST = 1e100  # whose squares and sums are still finite
LONGEST_QUOTE = 60  # characters of the file that a sentence repeats
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

Task = Literal["classes", "values"]


def read_csv_file(spec: DataSpec) -> Dataset:
    """Read the CSV file at ``spec.path``.

    Raises:
        DataError: If it cannot be read or is not as :func:`read_csv` wants it.
    """
    path = Path(spec.path or "")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(_too_large(path.stat().st_size))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # a device has no size, and no end
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except DataError:
        raise
    except ValueError:  # a NUL, or half a character
        raise DataError(f"{spec.path!r} is not the name of a file") from None
    return read_csv(content, spec)


def read_csv(content: bytes, spec: DataSpec, task: Task | None = None) -> Dataset:
    """Turn the bytes of a CSV file into a data set.

    Comma, semicolon or tab between the columns, whichever the first line has most of; UTF-8. The
    first line names the columns unless all its features are numbers. Blank lines are passed over.
    Every column but the target is a feature and must hold finite numbers with a decimal point.

    Args:
        content: The file.
        spec: Its ``target`` names the target column (None: the last); seed, shares, ``n`` and
            ``noise`` as for any data.
        task: What the target is; None: values if it holds a number that is not whole or more than
            20 different ones, else classes.

    Raises:
        DataError: In one sentence, with line and column, whatever is wrong.
    """
    lines, rows = _cells(content)
    names, target = _header(rows, spec.target)
    if _is_header(rows[0], target):
        lines, rows = lines[1:], rows[1:]
    if not rows:
        raise DataError("the CSV has a header but no rows: give at least 8 rows of numbers")
    if len(rows) < 8:
        raise DataError(f"the CSV has {len(rows)} rows of data: give at least 8")
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(names):
            raise DataError(
                f"line {line} of the CSV has {len(row)} cells, but the first line has {len(names)}"
            )
    columns = [i for i in range(len(names)) if i != target]
    inputs = np.array(
        [
            [_feature(row[i], line, names[i]) for i in columns]
            for line, row in zip(lines, rows, strict=True)
        ]
    )
    texts = [row[target].strip() for row in rows]
    targets, classes = _targets(texts, lines, names[target], task)
    rng = np.random.default_rng([spec.seed, 104])
    if spec.n is not None and spec.n < len(targets):
        kept = np.sort(rng.permutation(len(targets))[: spec.n])
        inputs, targets = inputs[kept], targets[kept]
    if spec.noise and classes:
        inputs = inputs + spec.noise * rng.standard_normal(inputs.shape)
    elif spec.noise:
        targets = targets + spec.noise * rng.standard_normal(targets.shape)
    features = tuple(names[i] for i in columns)
    return split_up(spec, Split(inputs, targets), classes, features)


def _quoted(text: str) -> str:
    """A text of the file in quotation marks, shortened where it is long."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def _too_large(size: int) -> str:
    return (
        f"the CSV has {size / 1e6:.1f} MB, but at most {MAX_BYTES / 1e6:.0f} MB are read: "
        "take a part of it"
    )


def _cells(content: bytes) -> tuple[list[int], list[list[str]]]:
    """The rows that are not blank, with the numbers of the lines on which they end."""
    if len(content) > MAX_BYTES:
        raise DataError(_too_large(len(content)))
    if not content.strip():
        raise DataError("the CSV is empty: give a header and at least 8 rows of numbers")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"the CSV is not UTF-8 text (line {line}): save it as CSV UTF-8, not as a workbook"
        ) from None
    if "\0" in text:
        raise DataError("the file is not text but binary: save it as CSV UTF-8, not as a workbook")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, rows = [], []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(rows) > MAX_ROWS:
                raise DataError(f"the CSV has more than {MAX_ROWS} rows: take a part of it")
            lines.append(reader.line_num)
            rows.append(row)
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of the CSV cannot be read: {error}") from None
    if not rows:
        raise DataError("the CSV is empty: give a header and at least 8 rows of numbers")
    if len(rows[0]) > MAX_COLUMNS:
        raise DataError(
            f"the CSV has {len(rows[0])} columns, but at most {MAX_COLUMNS} are read: "
            "leave some out"
        )
    if len(rows[0]) == 1:
        raise DataError(
            "the CSV has one column, but needs a feature and a target, with commas, semicolons or "
            "tabs between them"
        )
    return lines, rows


def _header(rows: list[list[str]], wanted: str | None) -> tuple[list[str], int]:
    """Names of the columns, and which is the target."""
    first = [" ".join(cell.split()) for cell in rows[0]]
    last = len(first) - 1
    if wanted is None and not _is_header(rows[0], last):
        return [f"x{i + 1}" for i in range(last)] + ["target"], last
    if wanted is not None and wanted not in first:
        raise DataError(
            f"the CSV has no column {_quoted(wanted)}: "
            f"its first line names {', '.join(first)[:200]}"
        )
    for name, count in Counter(first).items():
        if not name:
            raise DataError(f"column {first.index(name) + 1} of the CSV has no name in its header")
        if count > 1:
            raise DataError(
                f"the CSV's header names {count} columns {_quoted(name)}: rename one of them"
            )
    return first, last if wanted is None else first.index(wanted)


def _is_header(row: list[str], target: int) -> bool:
    """Whether a first row is one: not all of its features are numbers."""
    return any(_number(cell) is None for i, cell in enumerate(row) if i != target)


def _number(cell: str) -> float | None:
    """The number in a cell, infinite if its square would overflow; None if it holds none."""
    try:
        value = float(cell.replace("_", "?"))  # Python takes 1_000 for a number, nobody else does
    except ValueError:
        return None
    return value if not abs(value) > LARGEST else math.copysign(math.inf, value)


def _not_finite(cell: str) -> str:
    return f"{_quoted(cell.strip())} is not a finite number below {LARGEST:g}: leave such rows out"


def _feature(cell: str, line: int, name: str) -> float:
    value = _number(cell)
    if value is not None and math.isfinite(value):
        return value
    where = f"line {line} of the CSV, column {_quoted(name)}:"
    if not cell.strip():
        raise DataError(f"{where} the cell is empty, but every feature must be a number")
    if value is not None:
        raise DataError(f"{where} {_not_finite(cell)}")
    hint = ", with a decimal point" if _number(cell.replace(",", ".")) is not None else ""
    raise DataError(
        f"{where} {_quoted(cell.strip())} is not a number, but every feature must be one{hint}"
    )


def _targets(
    texts: list[str], lines: list[int], name: str, task: Task | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class numbers and the classes' names, or values and nothing."""
    numbers = [_number(text) for text in texts]
    for text, number, line in zip(texts, numbers, lines, strict=True):
        where = f"line {line} of the CSV, target {_quoted(name)}:"
        if not text:
            raise DataError(f"{where} the cell is empty, but every row needs a target")
        if number is not None and not math.isfinite(number):
            raise DataError(f"{where} {_not_finite(text)}")
        if number is None and task == "values":
            raise DataError(f"{where} {_quoted(text)} is not a number, but the target is to be one")
    values = [n for n in numbers if n is not None]
    numeric = len(values) == len(texts)
    if task is None and numeric:
        whole = all(v.is_integer() for v in values)
        task = "classes" if whole and len(set(values)) <= 20 else "values"
    if task == "values":
        if len(set(values)) == 1:
            raise DataError(
                f"the target {_quoted(name)} is {texts[0][:LONGEST_QUOTE]} in every row: "
                "there is nothing to learn"
            )
        return np.array(values), ()
    labels = [f"{v:g}" for v in values] if numeric else texts
    classes = sorted(set(labels), key=(lambda text: float(text)) if numeric else None)
    if len(classes) == 1:
        raise DataError(
            f"the target {_quoted(name)} is {_quoted(classes[0])} in every row: "
            "at least two classes are needed"
        )
    if len(classes) > MAX_CLASSES:
        raise DataError(
            f"the target {_quoted(name)} has {len(classes)} different texts, but at most "
            f"{MAX_CLASSES} classes are read: is it the right column?"
        )
    index = {text: i for i, text in enumerate(classes)}
    return np.array([index[label] for label in labels]), tuple(classes)
