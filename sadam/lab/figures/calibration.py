"""How well the estimators know a kink: scatter, ROC curves, the catalogue, bias and spread.

They draw any calibration; one without an area, because no point or every point has a kink within
the radius, has no ROC curve and no place in the catalogue. Tables of bias have at least one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sadam.lab.bias import CASES, bias_by_dimension, bias_by_probes, bias_by_radius
from sadam.lab.calibration import (
    GOOD_AREA,
    SCORES,
    Calibration,
    CalibrationReport,
    catalogue_table,
)
from sadam.lab.lgi_map import ESTIMATORS
from sadam.lab.style import STYLES

NAMES = {
    "one-sided": "one-sided (published)",
    "two-sided": "two-sided",
    "goldstein": "Goldstein diameter",
}
COLORS = {  # the estimators in their rules' colours, on light and dark screens
    "one-sided": (STYLES["s-adam"].color, STYLES["s-adam"].color_dark),
    "two-sided": (STYLES["s-adam-two-sided"].color, STYLES["s-adam-two-sided"].color_dark),
    "goldstein": ("#5B6570", "#9BA7B2"),
    "near": ("#D55E00", "#FF7F2A"),
    "far": ("#56778F", "#7FA6C4"),
    "quiet": ("#B4BABD", "#4A5560"),
}
DASHES = {"one-sided": "dash", "two-sided": "solid", "goldstein": "dot"}
SYMBOLS = {"one-sided": "cross", "two-sided": "hourglass", "goldstein": "circle-open"}
LOWEST = 1e-12  # on logarithmic axes; a zero is drawn there


def scatter(calibration: Calibration) -> go.Figure:
    """Each estimator against the Goldstein diameter, a dot for each sampled point of the map."""
    titles = [
        f"{NAMES[kind]}: rank correlation {_number(calibration.rank[kind])}" for kind in ESTIMATORS
    ]
    figure = make_subplots(cols=2, horizontal_spacing=0.09, subplot_titles=titles)
    frame = calibration.scatter
    for column, kind in enumerate(ESTIMATORS, 1):
        for near in (False, True):
            part = frame[frame["near"] == near]
            role = "near" if near else "far"
            figure.add_trace(
                go.Scatter(
                    x=part["goldstein"].clip(lower=LOWEST).to_numpy(np.float32),
                    y=part[kind].clip(lower=LOWEST).to_numpy(np.float32),
                    mode="markers",
                    name="kink within the radius" if near else "no kink within the radius",
                    legendgroup=role,
                    showlegend=column == 1,
                    marker={
                        "size": 5,
                        "opacity": 0.55,
                        "color": COLORS[role][0],
                        "symbol": "diamond" if near else "circle",
                    },
                    customdata=part[["x", "y"]].to_numpy(np.float32),
                    hovertemplate="(%{customdata[0]:.4g}, %{customdata[1]:.4g})<br>"
                    "diameter %{x:.4g}<br>LGI %{y:.4g}<extra></extra>",
                    meta={"role": role, "estimator": kind, "color_dark": COLORS[role][1]},
                ),
                row=1,
                col=column,
            )
    figure.update_xaxes(title="Goldstein diameter", type="log", exponentformat="power")
    figure.update_yaxes(exponentformat="power")
    return figure.update_layout(
        title=_about("LGI against the spread of the gradients", calibration),
        yaxis={"title": "LGI", "rangemode": "tozero"},
        yaxis2={"title": "LGI", "type": "log"},
        legend=_LEGEND,
        margin={"b": 140},
        meta={"summary": _about("LGI against Goldstein diameter", calibration)},
    )


def roc(calibration: Calibration) -> go.Figure:
    """ROC curves for "is there a kink within the radius of this point?"."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="chance: 0.5",
        line={"color": COLORS["quiet"][0], "width": 1, "dash": "dot"},
        hoverinfo="skip",
        meta={"role": "chance", "color_dark": COLORS["quiet"][1]},
    )
    for name in SCORES:
        if name in calibration.curves:
            curve = calibration.curves[name]
            figure.add_scatter(
                x=curve.false,
                y=curve.true,
                mode="lines",
                name=f"{NAMES[name]}: {calibration.roc[name]:.3f}",
                line={"color": COLORS[name][0], "width": 2.2, "dash": DASHES[name]},
                hovertemplate="false alarms %{x:.1%}, found %{y:.1%}<extra></extra>",
                meta={"role": "roc", "score": name, "color_dark": COLORS[name][1]},
            )
    if not calibration.curves:
        where = "no point has" if not calibration.near_share > 0 else "every point has"
        said = f"{where} a kink within the radius"
        if math.isnan(calibration.near_share):
            said = "there is no point at which all can be measured"
        figure.add_annotation(text=said, x=0.5, y=0.55, showarrow=False)
    axis = {"range": [-0.02, 1.02], "tickformat": ".0%", "zeroline": False}
    return figure.update_layout(
        title=_about("Is there a kink within the radius?", calibration),
        xaxis={"title": "false alarms", **axis},
        yaxis={"title": "kinks found", **axis},
        margin={"b": 140},
        legend={**_LEGEND, "title": {"text": "area under the curve"}},
        meta={"summary": _about("ROC curves", calibration)},
    )


def catalogue(calibrations: Sequence[Calibration]) -> go.Figure:
    """ROC areas on every landscape that has kinks: a row for each, a panel for each radius.

    Without such a landscape the panel is empty.
    """
    table = catalogue_table(calibrations).dropna(subset=["roc_two_sided"])
    radii = sorted(table["radius"].unique()) or [math.nan]
    best = table.groupby("landscape")["roc_two_sided"].min().sort_values()
    titles = [f"radius {radius:g}" for radius in radii] if len(table) else ["no kinks in sight"]
    figure = make_subplots(
        cols=len(radii), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=titles
    )
    for column, radius in enumerate(radii, 1):
        part = table[table["radius"] == radius].set_index("landscape")
        part = part.reindex([key for key in best.index if key in part.index])
        for name in SCORES:
            light, dark = COLORS[name]
            figure.add_trace(
                go.Scatter(
                    x=part[f"roc_{name.replace('-', '_')}"],
                    y=part.index,
                    mode="markers",
                    name=NAMES[name],
                    legendgroup=name,
                    showlegend=column == 1,
                    marker={"symbol": SYMBOLS[name], "size": 10, "color": light},
                    hovertemplate="%{y}: %{x:.3f}<extra>" + NAMES[name] + "</extra>",
                    meta={"role": "area", "score": name, "color_dark": dark},
                ),
                row=1,
                col=column,
            )
        for at, dash in ((0.5, "dot"), (GOOD_AREA, "dash")):
            line = {"color": COLORS["quiet"][0], "width": 1, "dash": dash}
            figure.add_vline(x=at, line=line, row=1, col=column)
    figure.update_xaxes(range=[-0.03, 1.03], title="area under the ROC curve", zeroline=False)
    figure.update_yaxes(type="category", automargin=True)
    return figure.update_layout(
        title="Is there a kink within the radius? ROC areas; 0.5 is chance",
        height=220 + 24 * len(best),
        legend={"x": 1.02, "y": 1},
        meta={"summary": f"ROC areas of both estimators on {len(best)} landscapes."},
    )


def bias_against_probes(table: pd.DataFrame | None = None) -> go.Figure:
    """Mean and spread of both estimators against the number of probes, at known places."""
    table = bias_by_probes() if table is None else table
    return _bias(table, "num_probes", "probes k", "Bias and spread against the number of probes")


def bias_against_radius(table: pd.DataFrame | None = None) -> go.Figure:
    """The same against the radius, on a bend and at a kink."""
    table = bias_by_radius() if table is None else table
    return _bias(table, "radius", "radius", "Bias and spread against the radius")


def bias_against_dimension(table: pd.DataFrame | None = None) -> go.Figure:
    """The same against the dimension, on a slope and at a kink."""
    table = bias_by_dimension() if table is None else table
    return _bias(table, "dim", "dimension D", "Bias and spread against the dimension")


def _bias(table: pd.DataFrame, column: str, axis: str, title: str) -> go.Figure:
    """A panel for each case; for each k (unless it is the axis) mean, band and closed form."""
    cases = list(dict.fromkeys(table["case"]))
    figure = make_subplots(
        cols=len(cases),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[CASES[case].title for case in cases],
    )
    probes = [None] if column == "num_probes" else sorted(table["num_probes"].unique())
    for panel, case in enumerate(cases, 1):
        for kind in ESTIMATORS:
            part = table[(table["case"] == case) & (table["estimator"] == kind)]
            for k in probes:
                rows = part if k is None else part[part["num_probes"] == k]
                name = NAMES[kind] + ("" if k is None else f", k = {k}")
                faint = k is not None and k == probes[0] and len(probes) > 1
                _add_bias(figure, rows, column, kind, name, panel, faint)
            figure.add_trace(_limit(part, column, kind, panel), row=1, col=panel)
    figure.update_xaxes(title=axis, type="log", exponentformat="power", dtick=1)
    if column == "num_probes":
        ticks = sorted(table[column].unique())
        figure.update_xaxes(tickvals=ticks, ticktext=[str(k) for k in ticks], dtick=None)
    figure.update_yaxes(range=[-0.05, 2.05], zeroline=False)
    return figure.update_layout(
        title=f"{title}: mean, middle 90 % of the draws; lines are closed forms for k → ∞",
        yaxis={"title": "LGI"},
        legend=_LEGEND,
        margin={"b": 140},
        meta={"summary": title},
    )


def _add_bias(
    figure: go.Figure,
    rows: pd.DataFrame,
    column: str,
    kind: str,
    name: str,
    panel: int,
    faint: bool,
) -> None:
    light, dark = COLORS[kind]
    figure.add_trace(
        go.Scatter(
            x=rows[column],
            y=rows["mean"],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": rows["high"] - rows["mean"],
                "arrayminus": rows["mean"] - rows["low"],
                "thickness": 1,
                "width": 2,
            },
            mode="markers",
            name=name,
            legendgroup=name,
            showlegend=panel == 1,
            opacity=0.45 if faint else 1.0,
            marker={"symbol": SYMBOLS[kind], "size": 8, "color": light},
            customdata=rows[["std", "error"]].to_numpy(),
            hovertemplate=f"{name}<br>mean %{{y:.4g}} ± %{{customdata[1]:.1g}}, spread "
            "%{customdata[0]:.3g}<extra></extra>",
            meta={"role": "bias", "estimator": kind, "color_dark": dark},
        ),
        row=1,
        col=panel,
    )


def _limit(part: pd.DataFrame, column: str, kind: str, panel: int) -> go.Scatter:
    rows = part.drop_duplicates(column).sort_values(column)
    light, dark = COLORS[kind]
    return go.Scatter(
        x=rows[column],
        y=rows["limit"],
        mode="lines",
        name=f"{NAMES[kind]}, closed form",
        legendgroup=f"{kind} limit",
        showlegend=panel == 1,
        line={"color": light, "width": 1.4, "dash": DASHES[kind]},
        hovertemplate="closed form %{y:.4g}<extra></extra>",
        meta={"role": "limit", "estimator": kind, "color_dark": dark},
    )


_LEGEND: dict[str, Any] = {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0}


def _number(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{value:.3f}"


def _about(what: str, calibration: Calibration) -> str:
    return f"{what}: {calibration.landscape.title}, radius {calibration.radius:g}"


BIAS_FIGURES: Mapping[str, Callable[[], go.Figure]] = MappingProxyType(
    {
        "bias-probes": bias_against_probes,
        "bias-radius": bias_against_radius,
        "bias-dimension": bias_against_dimension,
    }
)
"""Figures that belong to no landscape, by the name their files get."""


def figures_of(report: CalibrationReport) -> dict[str, go.Figure]:
    """Return every figure of a calibration: of few landscapes also what belongs to each."""
    figures: dict[str, go.Figure] = {}
    if any(not math.isnan(found.roc["two-sided"]) for found in report.calibrations):
        figures["catalogue"] = catalogue(report.calibrations)
    if report.spec.landscape != "all":
        for found in report.calibrations:
            figures[f"scatter-{found.radius:g}"] = scatter(found)
            figures[f"roc-{found.radius:g}"] = roc(found)
    return figures | {name: make() for name, make in BIAS_FIGURES.items()}
