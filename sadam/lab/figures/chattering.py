"""Chattering: where the gradient turned, how often, at which frequencies, by which angles.

They draw any race. Steps that cannot be judged (a start that diverged, a gradient of 0) are none;
where a race is too short for a window, or has no angle, there is an empty figure.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from sadam import metrics
from sadam.lab.codec import nearest
from sadam.lab.figures.curves import (
    Array,
    rule_line,
    smoothing_window,
    stacked,
    step_layout,
)
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.race import Race
from sadam.lab.spec import whole
from sadam.lab.style import translucent
from sadam.text import shown

MOST_BINS = 1000  # columns of a barcode; longer runs show shares
NAMES = {"conflict_rate": "Gradient conflicts", "reversal_rate": "Step reversals"}


@FigureMaker
def turn_strips(race: Race) -> Plain:
    """A barcode of the steps at which the gradient turned, a strip for each rule (first start)."""
    strips, titles = [], []
    for row, (label, style, track) in enumerate(reversed(list(race.drawn()))):
        titles.append(style.title)
        event, _ = metrics.turned(track.grads[:, 0])
        x, share = _binned(event.numpy().astype(np.float32))
        strips.append(
            {
                "type": "heatmap",
                "x": x,
                "y": np.array([row]),
                "z": share[None, :],
                "zmin": 0,
                "zmax": 1,
                # from transparent in the same colour, so that it does not fade through grey
                "colorscale": [[0, translucent(style.color, 0)], [1, style.color]],
                "showscale": False,
                "ygap": 3,
                "hovertemplate": f"{style.title}, step %{{x:.0f}}: turned %{{z:.0%}}"
                "<extra></extra>",
                "name": style.title,
                "meta": {
                    "role": "strip",
                    "rule": label,
                    "color": style.color,
                    "color_dark": style.color_dark,
                },
            }
        )
    layout = {
        "title": {"text": "Chattering: the gradient turned here"},
        "xaxis": {"title": {"text": "step"}, "range": [0, race.experiment.steps]},
        "yaxis": {
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
            "tickvals": list(range(len(titles))),
            "ticktext": titles,
        },
        "meta": {"cursor": "step", "margin": {"l": 128}},
    }
    return {"data": strips, "layout": layout}


@FigureMaker
def turn_rates(race: Race, measure: str = "conflict_rate") -> Plain:
    """How often the gradient (or the step) turned back, over a moving window; median of starts.

    Args:
        race: What to draw.
        measure: ``"conflict_rate"``, ``"reversal_rate"`` or another of
            :data:`sadam.metrics.MEASURES` that is a share.

    Raises:
        ValueError: If there is no such measure.
    """
    if measure not in tuple(metrics.MEASURES):
        raise ValueError(f"no measure {shown(measure)}: {nearest(measure, metrics.MEASURES)}")
    window = smoothing_window(race.experiment.steps)
    traces = []
    for label, style, track in race.drawn() if window >= 2 else ():
        rate = metrics.moving(track, window, (measure,))[measure]
        x = np.arange(window, track.steps + 1)
        y = rate.median(1).values.numpy()
        traces.append(rule_line(label, style, x, y, "of steps", legend=True))
    name = measure.removesuffix("_rate").replace("_", " ")
    title = f"{NAMES.get(measure, name.capitalize())} in {window} steps"
    layout = step_layout(title, name, [-0.04, 1.04])
    layout["yaxis"]["tickformat"] = ".0%"
    layout["xaxis"]["range"] = [0, race.experiment.steps]
    return {"data": traces, "layout": layout}


def chattering(race: Race) -> go.Figure:
    """Where the gradient turned, and how often gradient and steps turned back."""
    window = smoothing_window(race.experiment.steps)
    return stacked(
        [turn_strips(race), turn_rates(race), turn_rates(race, "reversal_rate")],
        f"Chattering: where the gradient turned, and how often in {window} steps",
        [0.4, 0.3, 0.3],
    )


def gradient_components(race: Race) -> go.Figure:
    """Both components of the gradient at every step, a row for each rule (first start).

    The flat stretches are slopes, the jumps kinks: a rule that chatters paints a solid block.
    """
    rules = list(reversed(list(race.drawn())))
    figure = make_subplots(
        rows=len(rules),
        cols=2,
        shared_xaxes=True,
        shared_yaxes="columns",
        vertical_spacing=0.02,
        horizontal_spacing=0.08,
        column_titles=["∂f/∂x", "∂f/∂y"],
    )
    steps = np.arange(race.experiment.steps + 1)
    for row, (label, style, track) in enumerate(rules, 1):
        for column in (0, 1):
            g = track.grads[:, 0, column].numpy()
            trace = rule_line(label, style, steps, g, "", legend=column == 0)
            trace["line"] |= {"width": 1, "dash": "solid", "shape": "hv"}
            figure.add_trace(trace, row, column + 1)
    for column in (1, 2):
        figure.update_xaxes(title="step", row=len(rules), col=column)
    figure.update_yaxes(nticks=4, exponentformat="power")
    figure.update_layout(title="Components of the gradient", hovermode="closest")
    return figure


def power_spectrum(race: Race) -> go.Figure:
    """Power of the gradient against frequency (Welch), median of starts.

    Right of the line at a quarter of the sampling rate is what
    :func:`sadam.metrics.high_frequency_share` counts: what is above half the Nyquist frequency.
    """
    figure = go.Figure()
    for label, style, track in race.drawn():
        frequency, power = metrics.gradient_spectrum(track.grads)
        seen = np.maximum(power.median(1).values.numpy(), 1e-30)[1:]
        figure.add_trace(rule_line(label, style, frequency.numpy()[1:], seen, "power", True))
    figure.add_vline(0.25, line={"width": 1, "dash": "dot", "color": "#7A7F87"})
    figure.update_layout(
        title="Power spectrum of the gradient",
        hovermode="x unified",
        xaxis={"title": "cycles per step", "range": [0, 0.5]},
        yaxis={"title": "power", "type": "log", "exponentformat": "power", "dtick": 1},
    )
    return figure


def turning_angles(race: Race, bins: int = 18) -> go.Figure:
    """Share of steps by the angle to the step before: 0 goes straight on, 180 turns back.

    Args:
        race: What to draw.
        bins: Angles that are told apart, 1 to 180.

    Raises:
        SpecError: If they are not so many.
    """
    bins = whole("bins", bins, 1, 180)
    figure = go.Figure()
    edges = np.linspace(0, 180, bins + 1)
    for label, style, track in race.drawn():
        angles = _angles(track.points.diff(dim=0))
        count, _ = np.histogram(angles, edges)
        share = count / max(count.sum(), 1)
        middle = (edges[:-1] + edges[1:]) / 2
        figure.add_trace(rule_line(label, style, middle, share, "of steps", legend=True))
    figure.update_layout(
        title="Turning angle from step to step",
        hovermode="x unified",
        xaxis={"title": "degrees", "range": [0, 180], "dtick": 45},
        yaxis={"title": "share of steps", "tickformat": ".0%", "rangemode": "tozero"},
    )
    return figure


def _angles(steps: torch.Tensor) -> Array:
    """Angles in degrees between consecutive steps that both have a length, flat."""
    _, judged = metrics.turned(steps)
    before, after = steps[:-1][judged], steps[1:][judged]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return torch.rad2deg(torch.atan2(cross.abs(), (before * after).sum(-1))).numpy()


def _binned(event: Array) -> tuple[Array, Array]:
    """Shares of events in at most :data:`MOST_BINS` bins of equal length, at the bins' middles."""
    size = -(-len(event) // MOST_BINS)
    padded = np.pad(event, (0, -len(event) % size), constant_values=np.nan)
    share = np.nanmean(padded.reshape(-1, size), axis=1)
    return 1 + size * (np.arange(len(share)) + 0.5) - 0.5, share.astype(np.float32)
