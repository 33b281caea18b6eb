"""What happens along the paths: gaps, instability and brake, chattering."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from sadam import metrics
from sadam.engine import Trajectories
from sadam.lab.race import Race
from sadam.lab.style import Style, style_of

FLOOR, CEILING = 1e-16, 1e30  # gaps are drawn between: rounding below, runaways above
MOST_BINS = 1000  # columns of a barcode; longer runs show shares
Array = NDArray[np.float64]


def smoothing_window(steps: int) -> int:
    """Steps a moving value looks back over: a twentieth of the run, from 2 to 50."""
    return min(max(2, steps // 20), 50, steps)


def _styled(race: Race) -> Iterator[tuple[str, Style, Trajectories]]:
    labels = sorted(race.trajectories, key=lambda label: style_of(label, race.rules[label]).width)
    for label in labels:
        yield label, style_of(label, race.rules[label]), race.trajectories[label]


def _line(
    label: str, style: Style, x: Array, y: Array, what: str, legend: bool = False
) -> go.Scatter:
    return go.Scatter(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        mode="lines",
        name=style.title,
        legendgroup=label,
        showlegend=legend,
        line={"color": style.color, "width": style.width, "dash": style.dash},
        hovertemplate=f"{style.title}: %{{y:.4g}} {what}<extra></extra>",
        meta={"role": "curve", "rule": label, "color_dark": style.color_dark},
    )


def _band(label: str, style: Style, x: Array, low: Array, high: Array) -> go.Scatter:
    """A translucent band from low to high."""
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]).astype(np.float32),
        y=np.concatenate([high, low[::-1]]).astype(np.float32),
        fill="toself",
        mode="lines",
        line={"width": 0, "color": style.color},
        fillcolor=style.color,
        opacity=0.16,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=label,
        name=style.title,
        meta={"role": "band", "rule": label, "color_dark": style.color_dark},
    )


def _moving_quantiles(values: Array, window: int) -> Array:
    """Tenth, half and nine tenths of the values in a centred window: ``(n,) -> (3, n)``."""
    half = window // 2
    padded = np.pad(values, half, mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.quantile(views, [0.1, 0.5, 0.9], axis=-1)


def _gap_figure(race: Race, by_evaluations: bool) -> go.Figure:
    figure = go.Figure()
    steps = np.arange(race.experiment.steps + 1)
    one_start = len(race.experiment.starts) == 1
    for label, style, track in _styled(race):
        gap = np.clip(track.values.numpy() - race.reference, FLOOR, CEILING)
        if one_start:  # dense chattering overplots: a band, the median in it
            low, middle, high = _moving_quantiles(
                gap[:, 0], smoothing_window(race.experiment.steps)
            )
        else:
            low, middle, high = np.quantile(gap, [0.25, 0.5, 0.75], axis=1)
        x = steps * track.evaluations if by_evaluations else steps
        figure.add_trace(_band(label, style, x, low, high))
        figure.add_trace(_line(label, style, x, middle, "above f*", legend=True))
    figure.update_layout(
        title="Gap to the minimum",
        hovermode="x unified",
        xaxis={"title": "function evaluations" if by_evaluations else "step"},
        yaxis={"title": "f − f*", "type": "log", "exponentformat": "power", "dtick": 1},
        meta={} if by_evaluations else {"cursor": "step"},
    )
    return figure


def gap_by_step(race: Race) -> go.Figure:
    """``f - f*`` against the step, log scale: moving median in the band of its middle 80 %.

    With several starts: the median over them in its interquartile band.
    """
    return _gap_figure(race, by_evaluations=False)


def gap_by_evaluations(race: Race) -> go.Figure:
    """The same against what it cost: a gradient counts 2 evaluations, a probe 1."""
    return _gap_figure(race, by_evaluations=True)


def instability(race: Race, estimator: str = "two-sided") -> go.Figure:
    """LGI along every path, Adam's included, and the brake of those that brake; moving means.

    Args:
        race: What to draw.
        estimator: ``"two-sided"`` or ``"one-sided"``: which LGI the upper panel shows.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    window = smoothing_window(race.experiment.steps)
    for label, style, track in _styled(race):
        lgi = track.lgi_two_sided if estimator == "two-sided" else track.lgi_one_sided
        seen = _moving_mean(lgi.nanmedian(1).values.numpy(), window)
        figure.add_trace(_line(label, style, np.arange(len(seen)), seen, "LGI", True), 1, 1)
        if race.rules[label].probing is not None:
            brake = _moving_mean(track.brake.nanmedian(1).values.numpy(), window)
            figure.add_trace(_line(label, style, np.arange(len(brake)), brake, "brake"), 2, 1)
    figure.update_layout(
        title=f"Instability seen ({estimator} LGI) and brake, mean of {window} steps",
        hovermode="x unified",
        yaxis={"title": "LGI", "rangemode": "tozero"},
        yaxis2={"title": "brake", "range": [-0.03, 1.03]},
        xaxis2={"title": "step"},
        meta={"cursor": "step"},
    )
    return figure


def _moving_mean(values: Array, window: int) -> Array:
    """Mean of the last ``window`` measured values (fewer at the start); NaN where none was."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    first = np.maximum(np.arange(1, len(values) + 1) - window, 0)
    seen = count[1:] - count[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[1:] - total[first]) / seen
    return np.where(known, mean, np.nan)


def chattering(race: Race) -> go.Figure:
    """A barcode of the steps where the gradient turned, a strip for each rule, and moving rates.

    Below the strips: gradient conflict rate and step reversal rate over a moving window. Medians
    over the starts; the barcode is that of the first start.
    """
    window = smoothing_window(race.experiment.steps)
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.4, 0.3, 0.3]
    )
    names = []
    for label, style, track in reversed(list(_styled(race))):
        names.insert(0, style.title)
        event, _ = metrics.turned(track.grads[:, 0])
        x, share = _binned(event.numpy().astype(np.float32))
        figure.add_trace(
            go.Heatmap(
                x=x,
                y=[style.title],
                z=share[None, :],
                zmin=0,
                zmax=1,
                colorscale=[[0, _clear(style.color)], [1, style.color]],
                showscale=False,
                ygap=3,
                hovertemplate=f"{style.title}, step %{{x:.0f}}: turned %{{z:.0%}}<extra></extra>",
                name=style.title,
                meta={
                    "role": "strip",
                    "rule": label,
                    "color": style.color,
                    "color_dark": style.color_dark,
                },
            ),
            1,
            1,
        )
    for label, style, track in _styled(race):
        if window < 2:
            break
        rates = metrics.moving(track, window, ("conflict_rate", "reversal_rate"))
        x = np.arange(window, track.steps + 1)
        for row, rate in enumerate(rates.values(), 2):
            y = rate.median(1).values.numpy()
            figure.add_trace(_line(label, style, x, y, "of steps", legend=row == 2), row, 1)
    figure.update_layout(
        title=f"Chattering: where the gradient turned, and how often in {window} steps",
        yaxis={"categoryorder": "array", "categoryarray": names, "ticks": ""},
        yaxis2={"title": "conflict", "range": [-0.03, 1.03], "tickformat": ".0%"},
        yaxis3={"title": "reversal", "range": [-0.03, 1.03], "tickformat": ".0%"},
        xaxis3={"title": "step"},
        meta={"cursor": "step"},
    )
    return figure


def _binned(event: NDArray[np.float32]) -> tuple[Array, NDArray[np.float32]]:
    """Shares of events in at most :data:`MOST_BINS` bins of equal length, at the bins' middles."""
    size = -(-len(event) // MOST_BINS)
    padded = np.pad(event, (0, -len(event) % size), constant_values=np.nan)
    share = np.nanmean(padded.reshape(-1, size), axis=1)
    return 1 + size * (np.arange(len(share)) + 0.5) - 0.5, share.astype(np.float32)


def _clear(color: str) -> str:
    """The same colour, fully transparent: a scale from it fades instead of passing through grey."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0)"
