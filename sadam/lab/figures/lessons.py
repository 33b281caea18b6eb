"""Figures of the lessons that no other page draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sadam.lab.figures.curves import FLOOR, moving_median, smoothing_window
from sadam.lab.figures.inspector import COLORS
from sadam.lab.lessons import Array, Slopes
from sadam.lab.online import HIGH, LOW, OnlineRun
from sadam.lab.race import Race
from sadam.lab.style import STYLES, style_of
from sadam.probes import Kind

DASHES = {"constant": "solid", "inverse-sqrt": "dash", "cosine": "dot"}
SCHEDULE_TITLES = {"constant": "constant", "inverse-sqrt": "1/√t", "cosine": "cosine"}
KIND_STYLES: Mapping[Kind, str] = {"one-sided": "s-adam", "two-sided": "s-adam-two-sided"}
MOST_POINTS = 1500


def _line(x: Any, y: Any, name: str, role: str, width: float = 2.2, **more: Any) -> go.Scatter:
    light, dark = COLORS[role]
    line = {"color": light, "width": width, "dash": more.pop("dash", "solid")}
    meta = {"role": role, "color_dark": dark}
    return go.Scatter(x=x, y=y, mode="lines", name=name, line=line, meta=meta, **more)


def kink_figure(found: Slopes) -> go.Figure:
    """F with its tangent at a point, and below it the derivative."""
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.55, 0.45]
    )
    figure.add_trace(_line(found.x, found.value, "f", "forward"), 1, 1)
    ends = np.array([found.at - 0.45, found.at + 0.45])
    tangent = found.value_at + found.slope_at * (ends - found.at)
    figure.add_trace(_line(ends, tangent, "tangent", "backward", 2.4), 1, 1)
    jump = np.abs(np.diff(found.slope)) > 1  # a jump is no slope: do not connect it
    slope = np.where(np.append(jump, False), np.nan, found.slope)
    figure.add_trace(_line(found.x, slope, "slope", "forward", showlegend=False), 2, 1)
    light, dark = COLORS["backward"]
    sides = [found.at - found.reach, found.at, found.at + found.reach]
    for row, x, y in (
        (1, [found.at], [found.value_at]),
        (2, sides, [found.before, found.slope_at, found.after]),
    ):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="markers",
                showlegend=False,
                marker={
                    "size": [9] if row == 1 else [7, 10, 7],
                    "color": light,
                    "symbol": "circle" if row == 1 else ["circle-open", "circle", "circle-open"],
                    "line": {"width": 1.6},
                },
                hovertemplate="x = %{x:.3f}: %{y:.4g}<extra></extra>",
                meta={"role": "backward", "color_dark": dark},
            ),
            row,
            1,
        )
    figure.update_yaxes(title="f(x)", range=[-0.25, 2.0], row=1, col=1)
    figure.update_yaxes(title="slope of f", range=[-1.25, 1.75], row=2, col=1)
    figure.update_xaxes(range=[-1.5, 1.5])
    figure.update_xaxes(title="x", row=2, col=1)
    figure.update_layout(
        title="A function and its derivative",
        meta={
            "summary": f"At x = {found.at:g} the slope is {found.slope_at:.3g}, {found.reach:g} to "
            f"its left {found.before:.3g}, to its right {found.after:.3g}."
        },
    )
    return figure


def running_mean_figure(means: Mapping[Kind, Array], title: str, limit: float | None) -> go.Figure:
    """The mean of the first n draws of each estimator against n.

    Args:
        means: From :func:`sadam.lab.lessons.running_means`.
        title: Of the figure.
        limit: Where to draw a line, such as the 1 of the theorem; None for none.
    """
    figure = go.Figure()
    ends = []
    for kind, mean in means.items():
        style = STYLES[KIND_STYLES[kind]]
        n = np.unique(np.geomspace(1, len(mean), 400).astype(int))
        figure.add_scatter(
            x=n,
            y=mean[n - 1],
            mode="lines",
            name=f"{kind}{' (published)' if kind == 'one-sided' else ''}",
            line={"color": style.color, "width": 2.2},
            meta={"role": "curve", "color_dark": style.color_dark},
            hovertemplate="mean of %{x} draws: %{y:.4f}<extra></extra>",
        )
        ends.append(f"{kind} {mean[-1]:.4f}")
    if limit is not None:
        figure.add_hline(y=limit, line={"width": 1, "dash": "dot", "color": "#7A7F87"})
    figure.update_layout(
        title=title,
        xaxis={"title": "draws averaged", "type": "log"},
        yaxis={"title": "mean LGI", "range": [-0.08, 2.08]},
        meta={"summary": f"Means of {len(next(iter(means.values())))} draws: {', '.join(ends)}."},
    )
    return figure


def schedule_figure(races: Mapping[str, Race], labels: Sequence[str]) -> go.Figure:
    """Gaps of some rules under every schedule; moving medians."""
    figure = go.Figure()
    for name, race in races.items():
        for label in labels:
            style = style_of(label, race.rules[label])
            gap = np.maximum(race.trajectories[label].values[:, 0].numpy() - race.reference, FLOOR)
            figure.add_scatter(
                x=np.arange(len(gap)),
                y=moving_median(gap, smoothing_window(race.experiment.steps)),
                mode="lines",
                name=f"{style.title}, {SCHEDULE_TITLES[name]}",
                line={"color": style.color, "width": style.width, "dash": DASHES[name]},
                meta={"role": "curve", "color_dark": style.color_dark},
                hovertemplate=f"{style.title}, {SCHEDULE_TITLES[name]}: %{{y:.3g}}<extra></extra>",
            )
    figure.update_layout(
        title="Gap under three schedules",
        xaxis={"title": "step"},
        yaxis={"title": "f − f*", "type": "log", "exponentformat": "power"},
        hovermode="x unified",
        meta={"summary": "The gap to the minimum against the step, under each schedule."},
    )
    return figure


def online_figure(run: OnlineRun) -> go.Figure:
    """Where each rule is, round by round, on a logarithmic axis."""
    figure = go.Figure()
    for rule, points in run.points.items():
        at = np.unique(np.geomspace(1, len(points) - 1, MOST_POINTS).astype(int))
        style = STYLES[rule]
        figure.add_scatter(
            x=at,
            y=points[at],
            mode="lines",
            name=style.title,
            line={"color": style.color, "width": 1.8},
            meta={"role": "curve", "color_dark": style.color_dark},
            hovertemplate=f"{style.title}, round %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    for y, text in ((HIGH, "worst point"), (LOW, "best point")):
        figure.add_hline(y=y, line={"width": 1, "dash": "dot", "color": "#7A7F87"})
        figure.add_annotation(
            x=0.01, xref="paper", y=y, text=text, showarrow=False, xanchor="left",
            yanchor="top" if y < 0 else "bottom", font={"size": 12, "color": "#7A7F87"},
        )  # fmt: skip
    ends = ", ".join(f"{STYLES[r].title} {p[-1]:+.3f}" for r, p in run.points.items())
    figure.update_layout(
        title="x, round by round",
        xaxis={"title": "round t", "type": "log"},
        yaxis={"title": "x", "range": [-1.25, 1.25]},
        meta={"summary": f"After {run.spec.rounds} rounds: {ends}."},
    )
    return figure
