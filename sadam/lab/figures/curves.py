"""What happens along the paths: gaps, instability and brake."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.race import Race
from sadam.lab.style import Style
from sadam.metrics import last_steps

FLOOR, CEILING = 1e-16, 1e30  # drawn between these: rounding below, runaways above
Array = NDArray[Any]


def smoothing_window(steps: int) -> int:
    """Steps a moving value looks back over: a twentieth of the run, from 2 to 50."""
    return min(max(2, steps // 20), 50, steps)


def rule_line(
    label: str, style: Style, x: Array, y: Array, what: str, legend: bool = False
) -> dict[str, Any]:
    """One rule's line in its style, ``x`` and ``y`` ``(n,)``; hovering says ``what`` y is."""
    return {
        "type": "scatter",
        "x": x.astype(np.float32),
        "y": np.clip(y, -CEILING, CEILING).astype(np.float32),
        "mode": "lines",
        "name": style.title,
        "legendgroup": label,
        "showlegend": legend,
        "line": style.line,
        "hovertemplate": f"{style.title}: %{{y:.4g}} {what}<extra></extra>",
        "meta": {"role": "curve", "rule": label, "color_dark": style.color_dark},
    }


def band(label: str, style: Style, x: Array, low: Array, high: Array) -> dict[str, Any]:
    """A translucent band from low to high, ``(n,)`` each like ``x``."""
    return {
        "type": "scatter",
        "x": np.concatenate([x, x[::-1]]).astype(np.float32),
        "y": np.concatenate([high, low[::-1]]).astype(np.float32),
        "fill": "toself",
        "mode": "lines",
        "line": {"width": 0, "color": style.color},
        "fillcolor": style.color,
        "opacity": 0.16,
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": label,
        "name": style.title,
        "meta": {"role": "band", "rule": label, "color_dark": style.color_dark},
    }


def moving_median(values: Array, window: int) -> Array:
    """Median over a centred window: ``(n,) -> (n,)``."""
    half = window // 2
    padded = np.pad(values, half, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=-1)


def _faint(label: str, style: Style, x: Array, y: Array) -> dict[str, Any]:
    """The exact values behind a smoothed line: a haze from afar, every point on zooming in."""
    trace = rule_line(label, style, x, y, "")
    return trace | {
        "opacity": 0.25,
        "hoverinfo": "skip",
        "hovertemplate": None,
        "line": {"color": style.color, "width": 1},
        "meta": trace["meta"] | {"role": "raw"},
    }


def _gap(race: Race, by_evaluations: bool) -> Plain:
    traces = []
    steps = np.arange(race.experiment.steps + 1)
    one_start = len(race.experiment.starts) == 1
    for label, style, track in race.drawn():
        gap = np.clip(track.values.numpy() - race.reference, FLOOR, CEILING)
        x = steps * track.evaluations if by_evaluations else steps
        if one_start:  # dense chattering overplots: a clear median in the haze of the exact values
            middle = moving_median(gap[:, 0], smoothing_window(race.experiment.steps))
            traces.append(_faint(label, style, x, gap[:, 0]))
        else:
            low, middle, high = np.quantile(gap, [0.25, 0.5, 0.75], axis=1)
            traces.append(band(label, style, x, low, high))
        traces.append(rule_line(label, style, x, middle, "above f*", legend=True))
    drawn = np.concatenate([trace["y"] for trace in traces])
    decades = math.log10(drawn.max() / drawn.min())
    layout = {
        "title": {"text": "Gap to the minimum"},
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "function evaluations" if by_evaluations else "step"}},
        "yaxis": {"title": {"text": "f − f*"}, "type": "log", "exponentformat": "power"}
        | ({"dtick": math.ceil(decades / 6)} if decades > 2 else {}),
        "meta": {} if by_evaluations else {"cursor": "step", "weight": 1.5},
    }
    return {"data": traces, "layout": layout}


@FigureMaker
def gap_by_step(race: Race) -> Plain:
    """``f - f*`` against the step, log scale: moving median over the exact values, drawn faintly.

    With several starts: the median over them in its interquartile band.
    """
    return _gap(race, by_evaluations=False)


@FigureMaker
def gap_by_evaluations(race: Race) -> Plain:
    """The same against what it cost: a gradient counts 2 evaluations, a probe 1."""
    return _gap(race, by_evaluations=True)


@FigureMaker
def lgi_curves(race: Race, estimator: str = "two-sided") -> Plain:
    """LGI along every path, that of rules that do not look included; moving mean.

    Args:
        race: What to draw.
        estimator: ``"two-sided"`` or ``"one-sided"``.
    """
    window = smoothing_window(race.experiment.steps)
    traces = []
    for label, style, track in race.drawn():
        lgi = track.lgi_two_sided if estimator == "two-sided" else track.lgi_one_sided
        seen = moving_mean(lgi.nanmedian(1).values.numpy(), window)
        traces.append(rule_line(label, style, np.arange(len(seen)), seen, "LGI", True))
    top = 1.04 if estimator == "two-sided" else 2.04
    title = f"Instability along the path: {estimator} LGI, mean of {window} steps"
    return {"data": traces, "layout": step_layout(title, "LGI", [-0.04, top])}


@FigureMaker
def brake_curves(race: Race) -> Plain:
    """The brake of the rules that brake, ``exp(-damping LGI)``; moving mean."""
    window = smoothing_window(race.experiment.steps)
    traces = []
    for label, style, track in race.drawn():
        if race.rules[label].probing is not None:
            brake = moving_mean(track.brake.nanmedian(1).values.numpy(), window)
            traces.append(rule_line(label, style, np.arange(len(brake)), brake, "brake", True))
    title = f"Brake: factor on the step, mean of {window} steps"
    return {"data": traces, "layout": step_layout(title, "brake", [-0.04, 1.04])}


def step_layout(title: str, what: str, span: list[float] | None = None) -> dict[str, Any]:
    """The layout of a quantity against the step, over a span or over what there is."""
    return {
        "title": {"text": title},
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "step"}},
        "yaxis": {"title": {"text": what}} | ({"range": span} if span else {}),
        "meta": {"cursor": "step"},
    }


def instability(race: Race, estimator: str = "two-sided") -> go.Figure:
    """:func:`lgi_curves` over :func:`brake_curves`."""
    return stacked(
        [lgi_curves(race, estimator), brake_curves(race)],
        f"Instability along the path ({estimator} LGI) and brake, "
        f"means of {smoothing_window(race.experiment.steps)} steps",
    )


def stacked(parts: list[go.Figure], title: str, heights: list[float] | None = None) -> go.Figure:
    """Panels with a common x axis, one under the other; a rule has one entry in the legend."""
    figure = make_subplots(
        rows=len(parts), cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=heights
    )
    named: set[str] = set()
    for row, part in enumerate(parts, 1):
        for trace in part.data:
            if trace.type == "scatter":
                trace.showlegend = bool(trace.showlegend) and trace.legendgroup not in named
                named |= {trace.legendgroup} if trace.showlegend else set()
            figure.add_trace(trace, row, 1)
        axis = part.layout.yaxis.to_plotly_json()
        figure.update_yaxes(axis, row=row, col=1)
    figure.update_xaxes(title="step", row=len(parts), col=1)
    figure.update_layout(title=title, hovermode="x unified", meta={"cursor": "step"})
    return figure


def moving_mean(values: Array, window: int) -> Array:
    """Mean over the last ``window`` steps of what was measured: ``(n,) -> (n,)``.

    Fewer steps at the start; NaN at a step that was not measured itself.
    """
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    first = np.maximum(np.arange(1, len(values) + 1) - window, 0)
    seen = count[1:] - count[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[1:] - total[first]) / seen
    return np.where(known, mean, np.nan)


def show_tail(race: Race, figures: Iterable[Plain]) -> None:
    """Zoom figures against steps or evaluations into the last 10 % of the race, in place."""
    share = 1 - last_steps(race.experiment.steps) / race.experiment.steps
    for figure in figures:
        ends = [float(np.max(trace["x"])) for trace in figure["data"]] or [1.0]
        figure["layout"]["xaxis"]["range"] = [share * min(ends), max(ends)]
