"""What happens along the paths: gaps, instability and brake.

They draw any race. Curves are medians over the starts; where a rule diverged its curve breaks off,
and where it did so from the first step there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from sadam.lab.codec import nearest
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.race import Race
from sadam.lab.style import Style
from sadam.metrics import last_steps
from sadam.probes import Kind
from sadam.text import shown

FLOOR, CEILING = 1e-16, 1e30  # drawn between these: rounding below, runaways above
GAP_TITLES = {
    "known": "Gap to the minimum",
    "found by search, not proved": "Gap to the least value found",
    "the least value seen": "Gap to the least value seen",
    "no value was seen": "Gap",
}  # by what gaps are measured from, see Race.reference_kind
Array = NDArray[Any]


def smoothing_window(steps: int) -> int:
    """Steps a moving value looks back over: a twentieth of the run, from 2 to 50.

    No more than there are: 1 for a run of one step, 0 for one of none.
    """
    return min(max(2, steps // 20), 50, steps)


def rule_line(
    label: str, style: Style, x: Array, y: Array, what: str, legend: bool = False
) -> dict[str, Any]:
    """One rule's line in its style, ``x`` and ``y`` ``(n,)``; hovering says ``what`` y is.

    Both are kept as float32: ``x`` must lie within its range; ``y`` is cut off at 1e30, and NaN is
    a gap in the line.
    """
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
    """A translucent band from low to high, ``(n,)`` each like ``x``, finite and within float32."""
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
    """Median over a centred window, of an even number the mean of the middle two.

    At the end the window keeps its length: the last values are the median of the last ``window``,
    which is :func:`sadam.metrics.final_gap` where that is the last 10 % of steps. At the beginning
    it shrinks, so that the first value is what the first was. What is NaN does not count; where all
    is, the median is NaN.

    Args:
        values: ``(n, ...)``, n at least 1.
        window: Length, at least 1.

    Returns:
        ``(n, ...)``.
    """
    n, i = len(values), np.arange(len(values))
    last = np.minimum(np.minimum(2 * i, i + (window - 1) // 2), n - 1)  # where each window ends
    moving = pd.DataFrame(values.reshape(n, -1)).rolling(window, min_periods=1)
    return moving.quantile(0.5, interpolation="midpoint").to_numpy()[last].reshape(values.shape)


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
    traces, curves, window = [], [], race.last_steps
    steps = np.arange(race.experiment.steps + 1)
    for label, style, track in race.drawn():
        gap = np.clip(race.gaps(label).numpy(), FLOOR, CEILING)
        x = steps * track.evaluations if by_evaluations else steps
        moving = np.where(np.isnan(gap), math.inf, moving_median(gap, window))
        middle = np.median(moving, axis=1)
        middle[middle == math.inf] = math.nan  # half of the starts or more have diverged
        if gap.shape[1] == 1:  # dense chattering overplots: a median in the haze of exact values
            traces.append(_faint(label, style, x, gap[:, 0]))
        else:
            low, high = np.quantile(np.minimum(moving, CEILING), [0.25, 0.75], axis=1)
            seen = np.isfinite(middle)
            traces.append(band(label, style, x[seen], low[seen], high[seen]))
        curves.append(rule_line(label, style, x, middle, "above f*", legend=True))
        traces.append(curves[-1])
    axis = _gap_axis(traces, {c["legendgroup"] for c in curves if np.isfinite(c["y"][-1])})
    layout = {
        "title": {"text": f"{GAP_TITLES[race.reference_kind]}, median of {window:,} steps"},
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "function evaluations" if by_evaluations else "step"}},
        "yaxis": {"title": {"text": "f − f*"}, "type": "log", "exponentformat": "power"} | axis,
        "meta": {} if by_evaluations else {"cursor": "step", "weight": 1.5},
    }
    top = 10.0 ** axis["range"][1] if "range" in axis else math.inf
    return {"data": traces + [mark for c in curves for mark in _left(c, top)], "layout": layout}


def _gap_axis(traces: list[dict[str, Any]], standing: set[str]) -> dict[str, Any]:
    """Ticks of the gaps' axis; where a rule diverged also its range, which follows the others."""
    followed = [t["y"] for t in traces if not standing or t["legendgroup"] in standing]
    heights = np.log10(np.concatenate(followed))
    if not np.isfinite(heights).any():
        return {}
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    axis: dict[str, Any] = {"dtick": math.ceil((high - low) / 6)} if high - low > 2 else {}
    if standing and len(standing) < len({t["legendgroup"] for t in traces}):
        pad = 0.04 * (high - low) or 0.5
        axis["range"] = [low - pad, high + pad]
    return axis


def _left(curve: dict[str, Any], top: float) -> Iterator[dict[str, Any]]:
    """A cross where a rule's curve breaks off, at the top of the axis if it is beyond."""
    drawn = np.flatnonzero(np.isfinite(curve["y"]))
    if not len(drawn) or drawn[-1] == len(curve["y"]) - 1:
        return
    last = drawn[-1:]
    yield {
        **{key: curve[key] for key in ("type", "name", "legendgroup")},
        "x": curve["x"][last],
        "y": np.minimum(curve["y"][last], np.float32(top)),
        "mode": "markers",
        "showlegend": False,
        "cliponaxis": False,
        "marker": {
            "symbol": "x-thin",
            "size": 10,
            "color": curve["line"]["color"],
            "line": {"width": 2.5, "color": curve["line"]["color"]},
        },
        "hovertemplate": f"{curve['name']} left the finite numbers<extra></extra>",
        "meta": curve["meta"] | {"role": "left"},
    }


@FigureMaker
def gap_by_step(race: Race) -> Plain:
    """``f - f*`` against the step, log scale: moving median over the exact values, drawn faintly.

    It ends at :func:`sadam.lab.race.results`' final gap, and with a cross where the rule left the
    finite numbers. With several starts: the median over them in its interquartile band.
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

    Raises:
        ValueError: If there is no such estimator.
    """
    check_estimator(estimator)
    window = smoothing_window(race.experiment.steps)
    traces = []
    for label, style, track in race.drawn():
        lgi = track.lgi_two_sided if estimator == "two-sided" else track.lgi_one_sided
        seen = moving_mean(lgi.nanmedian(1).values.numpy(), window)
        traces.append(rule_line(label, style, np.arange(len(seen)), seen, "LGI", True))
    top = 1.04 if estimator == "two-sided" else 2.04
    title = f"Instability along the path: {estimator} LGI, mean of {window} steps"
    return {"data": traces, "layout": step_layout(title, "LGI", [-0.04, top])}


def check_estimator(estimator: str) -> None:
    """Refuse what is no estimator of LGI.

    Raises:
        ValueError: If it is none.
    """
    if estimator not in get_args(Kind):
        raise ValueError(f"no estimator {shown(estimator)}: {nearest(estimator, get_args(Kind))}")


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
    """Mean over the last ``window`` steps, at least 1, of what was measured: ``(n,) -> (n,)``.

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
    """Zoom figures against steps or evaluations into the last 10 % of the race, in place.

    Args:
        race: What they show.
        figures: Plain ones, of this module; without a curve they go to 1.
    """
    share = 1 - last_steps(race.experiment.steps) / race.experiment.steps
    for figure in figures:
        whole = [trace for trace in figure["data"] if trace["meta"]["role"] not in ("band", "left")]
        ends = [float(np.max(trace["x"])) for trace in whole] or [1.0]
        figure["layout"]["xaxis"]["range"] = [share * min(ends), max(ends)]
