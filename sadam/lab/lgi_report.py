"""Maps and calibrations in numbers and words, and what can be written about them.

What is not finite counts in no mean, is missing from a table and None in a document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
from numpy.typing import NDArray

from sadam.lab.bias import (
    PROOF,
    THEOREM,
    bias_by_dimension,
    bias_by_probes,
    bias_by_radius,
    check_theorem,
)
from sadam.lab.calibration import (
    GOOD_AREA,
    CalibrationReport,
    catalogue_table,
    scores_of,
)
from sadam.lab.export import Bundle
from sadam.lab.grid import grid_of
from sadam.lab.lgi_map import QUANTITIES, MapResult
from sadam.lab.report import Report, frame_of, plain, versions
from sadam.lab.roc import roc_area
from sadam.lab.style import listed
from sadam.lab.truth import near_kink

MAP_FORMATS = ("npz",)
"""What a map can be written as besides what every result can."""

NAMED = 6  # landscapes that a sentence names; of more it says how many


def summary(result: MapResult) -> list[dict[str, Any]]:
    """Return numbers of each field, on kinks and off.

    Keys: ``quantity``, ``mean``, ``near`` (mean of the points with a declared kink within the
    radius), ``far`` (mean of the others), ``roc`` (area under the ROC curve for "is there a kink
    within the radius?"; None where there is no kink, or one at every point, or for what is no
    score). Means are over the points at which the field is finite; None over none.
    """
    spec = result.spec
    assert spec.window is not None
    near = near_kink(result.landscape, grid_of(spec.window, spec.grid)[2], spec.radius)
    scores = scores_of(result)
    rows = []
    for name, field in result.fields.items():
        values = field.ravel().astype(np.float64)
        known = np.isfinite(values)
        area = math.nan
        if name in scores:
            area = roc_area(scores[name][known], near[known])
        rows.append(
            {
                "quantity": name,
                "mean": _mean(values[known]),
                "near": _mean(values[known & near]),
                "far": _mean(values[known & ~near]),
                "roc": plain(area),
            }
        )
    return rows


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None


def map_report(result: MapResult) -> Report:
    """Return the report of a map."""
    spec, rows = result.spec, summary(result)
    assert spec.window is not None
    (x0, x1), (y0, y1) = spec.window
    took = ", ".join(f"{part} {1e3 * time:.0f} ms" for part, time in result.seconds.items())
    document = {
        **frame_of(spec),
        "landscape": {"title": result.landscape.title, "formula": result.landscape.formula},
        "results": rows,
        "warnings": list(result.warnings),
        "seconds": dict(result.seconds),
        "versions": versions(),
    }
    return Report(
        spec=spec,
        title=result.landscape.title,
        formula=result.landscape.formula or "",
        about=(
            f"{spec.grid} x {spec.grid} points of [{x0:g}, {x1:g}] x [{y0:g}, {y1:g}], radius "
            f"{spec.radius:g}, {spec.num_probes} probes, seed {spec.seed}; {took}."
        ),
        said="\n".join([_said(rows), *result.warnings]),
        header=["quantity", "mean", "on kinks", "off kinks", "ROC area"],
        rows=[
            [
                QUANTITIES[row["quantity"]].title,
                *(_text(row[name]) for name in ("mean", "near", "far")),
                "-" if row["roc"] is None else f"{row['roc']:.3f}",
            ]
            for row in rows
        ],
        document=document,
    )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _said(rows: list[dict[str, Any]]) -> str:
    by_name = {row["quantity"]: row for row in rows}
    kinds = [kind for kind in ("two-sided", "one-sided") if kind in by_name]
    if not kinds:
        return "No LGI was asked for."
    if by_name[kinds[0]]["mean"] is None:
        return "There is no point at which an LGI can be measured."
    for side, share in (("near", "No"), ("far", "Every")):
        if by_name[kinds[0]][side] is None:
            means = " and ".join(f"{_text(by_name[kind]['mean'])} {kind}" for kind in kinds)
            return (
                f"{share} point has a declared kink within the radius; there the mean LGI is "
                f"{means}."
            )
    told = [
        f"{kind} probes see **{by_name[kind]['near']:.3g}** where a kink passes within the radius "
        f"and **{_text(by_name[kind]['far'])}** elsewhere"
        for kind in kinds
    ]
    return f"On average {', '.join(told)}."


def map_table(result: MapResult) -> pa.Table:
    """Return a map as a long Arrow table of its points, row by row.

    Columns: ``x``, ``y`` and one for each field, its name with ``_`` for ``-``; missing where the
    map is NaN.
    """
    x, y = np.meshgrid(result.x, result.y)
    columns = {"x": pa.array(x.ravel()), "y": pa.array(y.ravel())}
    for name, field in result.fields.items():
        columns[name.replace("-", "_")] = pa.array(field.ravel(), from_pandas=True)
    return pa.table(columns)


def map_bundle(result: MapResult) -> Bundle:
    """Return what can be written about a map."""

    def figures() -> Mapping[str, go.Figure]:
        from sadam.lab.figures.lgi import figures_of

        return figures_of(result)

    return Bundle(
        map_report(result),
        lambda: {"map": map_table(result)},
        figures,
        lambda: {"map": {"x": result.x, "y": result.y, **result.fields}},
    )


def calibration_report(report: CalibrationReport) -> Report:
    """Return the report of a calibration."""
    spec, table = report.spec, catalogue_table(report.calibrations)
    records = table.to_dict("records")
    check = check_theorem(seed=spec.seed)
    agrees = "within" if check.holds else "NOT within"
    warnings = list(dict.fromkeys(w for found in report.calibrations for w in found.warnings))
    said = [_said_of_areas(records), *_said_of_ranks(records)]
    said += [f"{record['why']}" for record in records if record["why"]]
    said.append(
        f"Theorem: {THEOREM} Tried with k = {check.num_probes} in dimension {check.dim}: mean "
        f"{check.mean:.4f} with a standard error of {check.error:.4f}, {agrees} "
        "four of them of 1."
    )
    document = {
        **frame_of(spec),
        "results": [{str(k): plain(v) for k, v in record.items()} for record in records],
        "theorem": {
            "text": THEOREM,
            "proof": list(PROOF),
            "mean": check.mean,
            "error": check.error,
            "holds": check.holds,
        },
        "warnings": warnings,
        "versions": versions(),
    }
    names = ("roc_two_sided", "roc_one_sided", "roc_goldstein", "rank_two_sided", "rank_one_sided")
    return Report(
        spec=spec,
        title="Calibration of the two estimators of LGI",
        formula="",
        about=(
            f"{spec.grid} x {spec.grid} points of each window, {spec.num_probes} probes, seed "
            f"{spec.seed}. ROC: is there a declared kink within the radius? 0.5 is chance. Rank: "
            "Spearman's correlation with the Goldstein diameter."
        ),
        said="\n".join([*said, *warnings]),
        header=[
            "landscape", "radius", "near", "ROC two-sided", "one-sided", "diameter",
            "rank two-sided", "one-sided",
        ],
        rows=[
            [
                record["landscape"],
                f"{record['radius']:g}",
                f"{100 * record['near_share']:.2g} %",
                *("-" if math.isnan(record[name]) else f"{record[name]:.3f}" for name in names),
            ]
            for record in records
        ],
        document=document,
    )  # fmt: skip


def _said_of_areas(records: list[dict[Any, Any]]) -> str:
    """The areas in a sentence: all landscapes with kinks, and the convex ones among them."""
    kinked = [r for r in records if not math.isnan(r["roc_two_sided"])]
    if not kinked:
        share = [r["near_share"] for r in records]
        if all(math.isnan(s) for s in share):
            return "There is no point at which the LGIs can be measured."
        who = {(True,): "Every point", (False,): "No point"}.get(
            tuple({s == 1 for s in share}), "Every point of a window, or none,"
        )
        return f"{who} has a declared kink within the radius, so there is nothing to tell apart."
    said = []
    for radius in dict.fromkeys(record["radius"] for record in kinked):
        there = [r for r in kinked if r["radius"] == radius]
        for what, group in (("all", there), ("convex", [r for r in there if r["convex"]])):
            if group and (what == "all" or len(group) < len(there)):
                two, one = ([r[f"roc_{kind}_sided"] for r in group] for kind in ("two", "one"))
                good = sum(area >= GOOD_AREA for area in two)
                said.append(
                    f"radius {radius:g}, {what} {len(group)}: two-sided **{min(two):.3f} to "
                    f"{max(two):.3f}** ({good} of {len(group)} from {GOOD_AREA:g} on), one-sided "
                    f"**{min(one):.3f} to {max(one):.3f}**"
                )
    return f"ROC areas on landscapes with kinks in sight: {'; '.join(said)}."


def _said_of_ranks(records: list[dict[Any, Any]]) -> list[str]:
    """Say how the LGIs order points as the Goldstein diameter does, and where the other way."""
    said = []
    for kind in ("two-sided", "one-sided"):
        name = f"rank_{kind.replace('-', '_')}"
        ranked = [r for r in records if not math.isnan(r[name])]
        if not ranked:
            continue
        values = [r[name] for r in ranked]
        against = dict.fromkeys(r["landscape"] for r in ranked if r[name] < 0)
        all_of = len({r["landscape"] for r in ranked})
        where = f"below 0 on {len(against)} of {all_of} landscape{'s' * (all_of > 1)}"
        if 0 < len(against) <= NAMED:
            where += f" ({listed(against)})"
        spread = f"**{min(values):.2f} to {max(values):.2f}**, median {median(values):.2f}"
        said.append(f"{kind} {spread}, {where}")
    return [f"Rank correlation with the diameter: {'; '.join(said)}."] if said else []


def calibration_bundle(report: CalibrationReport) -> Bundle:
    """Return what can be written about a calibration."""

    def tables() -> Mapping[str, pa.Table]:
        bias = {
            "bias-probes": bias_by_probes, "bias-radius": bias_by_radius,
            "bias-dimension": bias_by_dimension,
        }  # fmt: skip
        table = pa.Table.from_pandas(catalogue_table(report.calibrations), preserve_index=False)
        return {"calibration": table} | {
            name: pa.Table.from_pandas(make(), preserve_index=False) for name, make in bias.items()
        }

    def figures() -> Mapping[str, go.Figure]:
        from sadam.lab.figures.calibration import figures_of

        return figures_of(report)

    return Bundle(calibration_report(report), tables, figures)
