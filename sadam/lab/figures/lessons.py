"""Figures of the lessons that no other page draws, of what :mod:`sadam.lab.lessons` makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sadam.lab.figures.curves import FLOOR, moving_median
from sadam.lab.figures.inspector import COLORS
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.lessons import Array, Slopes
from sadam.lab.online import HIGH, LOW, OnlineRun
from sadam.lab.race import Race
from sadam.lab.style import STYLES, Style, style_of
from sadam.probes import Kind

DASHES = {"constant": "solid", "inverse-sqrt": "dash", "cosine": "dot"}
SCHEDULE_TITLES = {"constant": "constant", "inverse-sqrt": "1/√t", "cosine": "cosine"}
KIND_STYLES: Mapping[Kind, str] = {"one-sided": "s-adam", "two-sided": "s-adam-two-sided"}
MOST_POINTS = 1500


def _line(x: Any, y: Any, name: str, role: str, width: float = 2.2) -> dict[str, Any]:
    return _lines(x, y, name, role, COLORS[role], {"width": width})


def _curve(x: Any, y: Any, style: Style, name: str, said: str, **line: Any) -> dict[str, Any]:
    """A rule's or an estimator's curve; ``said`` is what the pointer reads."""
    drawn = _lines(x, y, name, "curve", (style.color, style.color_dark), line)
    return drawn | {"hovertemplate": f"{said}<extra></extra>"}


def _lines(
    x: Any, y: Any, name: str, role: str, colors: tuple[str, str], line: dict[str, Any]
) -> dict[str, Any]:
    """Lines in a colour for light screens and one for dark ones."""
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "name": name,
        "line": {"color": colors[0], **line},
        "meta": {"role": role, "color_dark": colors[1]},
    }


def _level(y: float) -> dict[str, Any]:
    """A dotted line across the whole figure."""
    line = {"width": 1, "dash": "dot", "color": "#7A7F87"}
    return {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line}


@FigureMaker
def kink_figure(found: Slopes) -> Plain:
    """F with its tangent at a point, and below it the derivative."""
    ends = np.array([found.at - 0.45, found.at + 0.45])
    tangent = found.value_at + found.slope_at * (ends - found.at)
    jump = np.abs(np.diff(found.slope)) > 1  # a jump is no slope: do not connect it
    slope = np.where(np.append(jump, False), np.nan, found.slope)
    light, dark = COLORS["backward"]
    below = {"yaxis": "y2", "showlegend": False}
    points = {
        "type": "scatter",
        "mode": "markers",
        "showlegend": False,
        "hovertemplate": "x = %{x:.3f}: %{y:.4g}<extra></extra>",
        "meta": {"role": "backward", "color_dark": dark},
    }
    mark = {"color": light, "line": {"width": 1.6}}
    sides = {
        "x": [found.at - found.reach, found.at, found.at + found.reach],
        "y": [found.before, found.slope_at, found.after],
        "marker": {
            **mark,
            "size": [7, 10, 7],
            "symbol": ["circle-open", "circle", "circle-open"],
        },
    }
    here = {"x": [found.at], "y": [found.value_at], "marker": {**mark, "size": 9}}
    traces = [
        _line(found.x, found.value, "f", "forward"),
        _line(ends, tangent, "tangent", "backward", 2.4),
        _line(found.x, slope, "slope", "forward") | below,
        points | here,
        points | sides | below,
    ]
    summary = (
        f"At x = {found.at:g} the slope is {found.slope_at:.3g}, {found.reach:g} to "
        f"its left {found.before:.3g}, to its right {found.after:.3g}."
    )
    layout = {
        "title": {"text": "A function and its derivative"},
        "xaxis": {"title": {"text": "x"}, "range": [-1.5, 1.5], "anchor": "y2"},
        "yaxis": {"title": {"text": "f(x)"}, "range": [-0.25, 2.0], "domain": [0.5, 1.0]},
        "yaxis2": {
            "title": {"text": "slope of f"},
            "range": [-1.25, 1.75],
            "domain": [0.0, 0.41],
        },
        "meta": {"summary": summary},
    }
    return {"data": traces, "layout": layout}


@FigureMaker
def running_mean_figure(means: Mapping[Kind, Array], title: str, limit: float | None) -> Plain:
    """The mean of the first n draws of each estimator against n.

    Args:
        means: From :func:`sadam.lab.lessons.running_means`; at least one.
        title: Of the figure.
        limit: Where to draw a line, such as the 1 of the theorem; None for none.
    """
    traces, ends = [], []
    for kind, mean in means.items():
        n = np.unique(np.geomspace(1, len(mean), 400).astype(int))
        name = f"{kind}{' (published)' if kind == 'one-sided' else ''}"
        said = "mean of %{x} draws: %{y:.4f}"
        style = STYLES[KIND_STYLES[kind]]
        traces.append(_curve(n, mean[n - 1], style, name, said, width=2.2))
        ends.append(f"{kind} {mean[-1]:.4f}")
    draws = len(next(iter(means.values())))
    layout = {
        "title": {"text": title},
        "xaxis": {"title": {"text": "draws averaged"}, "type": "log"},
        "yaxis": {"title": {"text": "mean LGI"}, "range": [-0.08, 2.08]},
        "shapes": [] if limit is None else [_level(limit)],
        "meta": {"summary": f"Means of {draws} draws: {', '.join(ends)}."},
    }
    return {"data": traces, "layout": layout}


@FigureMaker
def schedule_figure(races: Mapping[str, Race], labels: Sequence[str]) -> Plain:
    """Gaps of some rules under every schedule; moving medians that end at the final gaps.

    Args:
        races: By schedule, at least one; of a rule that diverged the curve ends there.
        labels: Of the races' rules.
    """
    traces, window = [], next(iter(races.values())).last_steps
    for schedule, race in races.items():
        for label in labels:
            style = style_of(label, race.rules[label])
            gap = np.maximum(race.gaps(label)[:, 0].numpy(), FLOOR)
            smooth = moving_median(gap, window)
            name = f"{style.title}, {SCHEDULE_TITLES[schedule]}"
            look = {"width": style.width, "dash": DASHES[schedule]}
            at = np.arange(len(gap))
            traces.append(_curve(at, smooth, style, name, f"{name}: %{{y:.3g}}", **look))
    layout = {
        "title": {"text": f"Gap under three schedules, median of {window} steps"},
        "xaxis": {"title": {"text": "step"}},
        "yaxis": {"title": {"text": "f − f*"}, "type": "log", "exponentformat": "power"},
        "hovermode": "x unified",
        "meta": {"summary": "The gap to the minimum against the step, under each schedule."},
    }
    return {"data": traces, "layout": layout}


@FigureMaker
def online_figure(run: OnlineRun) -> Plain:
    """Where each rule is, round by round, on a logarithmic axis."""
    traces = []
    for rule, points in run.points.items():
        at = np.unique(np.geomspace(1, len(points) - 1, MOST_POINTS).astype(int))
        style = STYLES[rule]
        said = f"{style.title}, round %{{x}}: %{{y:.3f}}"
        traces.append(_curve(at, points[at], style, style.title, said, width=1.8))
    notes = [
        {
            "x": 0.01, "xref": "paper", "y": y, "text": text, "showarrow": False,
            "xanchor": "left", "yanchor": "top" if y < 0 else "bottom",
            "font": {"size": 12, "color": "#7A7F87"},
        }
        for y, text in ((HIGH, "worst point"), (LOW, "best point"))
    ]  # fmt: skip
    ends = ", ".join(f"{STYLES[r].title} {p[-1]:+.3f}" for r, p in run.points.items())
    layout = {
        "title": {"text": "x, round by round"},
        "xaxis": {"title": {"text": "round t"}, "type": "log"},
        "yaxis": {"title": {"text": "x"}, "range": [-1.25, 1.25]},
        "shapes": [_level(HIGH), _level(LOW)],
        "annotations": notes,
        "meta": {"summary": f"After {run.spec.rounds} rounds: {ends}."},
    }
    return {"data": traces, "layout": layout}
