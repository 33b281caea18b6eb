"""Results in numbers and words, for people and for programs; here also those of a race.

Every result has a report, of runs that diverged too: ``inf`` and ``-`` stand in its table, and None
in its document, for what is no finite number.
"""

from __future__ import annotations

import math
import platform
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sadam.lab.race import Race, Row, results, sentence
from sadam.lab.spec import Spec


@dataclass(frozen=True)
class Report:
    """What came of a spec, in words and as a table; the same for terminal, page and program.

    Attributes:
        spec: What was asked for.
        title: Heading.
        formula: Below it; may be empty.
        about: How it was computed, in a sentence.
        said: What came of it, a paragraph in each line; ``**`` around a phrase makes it bold, and
            lines that begin with ``- `` are a list.
        header: Names of the table's columns.
        rows: Cells of its rows.
        document: The same and more as plain data for JSON.
    """

    spec: Spec
    title: str
    formula: str
    about: str
    said: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    document: dict[str, Any]


def race_report(race: Race) -> Report:
    """Return the report of a race."""
    found = results(race)
    header, rows = readable_table(race, found)
    return Report(
        spec=race.experiment,
        title=race.landscape.title,
        formula=race.landscape.formula or "",
        about=describe(race),
        said=sentence(race, found),
        header=header,
        rows=rows,
        document=results_document(race, found),
    )


def frame_of(spec: Spec) -> dict[str, Any]:
    """Return what begins every document: the command and the spec."""
    return {"command": spec.to_command(), "spec": spec.to_dict()}


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def results_document(race: Race, found: list[Row]) -> dict[str, Any]:
    """Return the numbers of a race as plain data for JSON: what is not a finite number is None.

    Args:
        race: The race.
        found: Its :func:`sadam.lab.race.results`.
    """
    return {
        **frame_of(race.experiment),
        "landscape": {
            "title": race.landscape.title,
            "formula": race.landscape.formula,
            "minimum": race.landscape.minimum,
            "reference": plain(race.reference),
            "reference_kind": race.reference_kind,
        },
        "sentence": sentence(race, found),
        "results": [{name: plain(value) for name, value in row.items()} for row in found],
        "versions": versions(),
    }


def plain(value: Any) -> Any:
    """Return a value, or None in place of a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def describe(race: Race) -> str:
    """Return the race in one sentence: starts, steps, schedule, seed, what gaps are taken from."""
    spec = race.experiment
    starts = f"({spec.starts[0][0]:g}, {spec.starts[0][1]:g})"
    if len(spec.starts) > 1:
        starts = f"{len(spec.starts)} starts"
    return (
        f"From {starts}, {spec.steps} steps, {spec.schedule} learning rate, seed {spec.seed}; "
        f"{race.reference_told(6)}."
    )


def readable_table(race: Race, found: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the results as texts, best final gap first.

    Args:
        race: The race.
        found: Its :func:`sadam.lab.race.results`.
    """
    header = ["rule", "final gap", "best gap", "conflict rate", "path efficiency", "mean brake"]
    header += ["evaluations", "diverged"]
    starts = len(race.experiment.starts)
    rows = []
    for row in found:
        left = "-"
        if row["diverged"]:
            left = f"at step {row['diverged_at']}"
            if starts > 1:
                left = f"{row['diverged']} of {starts}, first {left}"
        rows.append(
            [
                row["rule"],
                _gap(row["final_gap"]),
                _gap(row["best_gap"]),
                f"{100 * row['conflict_rate']:.1f} %",
                f"{row['path_efficiency']:.3f}",
                f"{row['mean_brake']:.3f}",
                f"{row['evaluations']:,}",
                left,
            ]
        )
    return header, rows


def _gap(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def terminal_text(report: Report, width: int = 80) -> str:
    """Return a report for a terminal.

    Args:
        report: What to print.
        width: Where text is wrapped, in characters, unless the table is wider.
    """
    widths = [max(map(len, column)) for column in zip(report.header, *report.rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (report.header, ["-" * width for width in widths], *report.rows)
    ]
    width = max(width, len(lines[0]))
    about = [
        textwrap.fill(text, width, break_on_hyphens=False)
        for text in (report.title, report.formula, report.about)
        if text
    ]
    said = [
        textwrap.fill(
            text.replace("**", ""),
            width,
            break_on_hyphens=False,
            subsequent_indent="  " if text.startswith("- ") else "",
        )
        for text in report.said.split("\n")
    ]
    return "\n".join([*about, "", *lines, "", *said])
