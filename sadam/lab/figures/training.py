"""What happens while networks are trained: losses, accuracies, instability, chattering.

They draw any result. A seed in which a model diverged counts as an infinite loss (accuracy 0) from
there on: a curve ends where that holds for half of the seeds. What is against each step has no
curves before the first one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from torch import Tensor

from sadam.lab.codec import nearest
from sadam.lab.compare.statistics import medians
from sadam.lab.figures.curves import (
    CEILING,
    band,
    check_estimator,
    moving_mean,
    rule_line,
    smoothing_window,
    stacked,
    step_layout,
)
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.matched import CONTROL
from sadam.lab.style import Style, drawing_order
from sadam.lab.training.run import MONITORED, TrainingResult
from sadam.text import shown

Array = NDArray[Any]
At = Literal["own", "best"]


def drawn(
    result: TrainingResult, at: At = "own", controls: bool = False
) -> Iterator[tuple[str, Style, int]]:
    """Every rule with its style and model, in drawing order.

    Args:
        result: What was trained.
        at: Each rule's own learning rate, or the best of the grid.
        controls: Whether the matched controls are among them.

    Raises:
        ValueError: If ``at`` is neither.
    """
    asked = {
        label: rule
        for label, rule in result.rules.items()
        if controls or label in dict(result.spec.rules) or not label.startswith(CONTROL)
    }
    for label, style in drawing_order(asked).items():
        yield label, style, place_of(result, label, at)


def place_of(result: TrainingResult, label: str, at: At) -> int:
    """The place of a rule's model at its own learning rate, or at the best of the grid.

    Raises:
        ValueError: If there is no such rule, or ``at`` is neither.
    """
    if at not in get_args(At):
        raise ValueError(f"at cannot be {shown(at)}: {nearest(at, get_args(At))}")
    return result.best(label) if at == "best" else result.at(label)


def over_seeds(values: Array, lost: float) -> tuple[Array, Array, Array]:
    """Quartiles and median over the seeds, ``(n, S) -> (n,)`` each.

    Args:
        values: NaN where a seed had diverged; S at least 1.
        lost: What such a seed counts as; where a quantile is not finite, nothing is drawn.
    """
    values = np.where(np.isnan(values), lost, values)
    low, high = np.quantile(values, [0.25, 0.75], axis=1, method="nearest")
    found = low, medians(values), high
    return tuple(np.where(np.isfinite(v), v, math.nan) for v in found)  # type: ignore[return-value]


def _banded(
    label: str, style: Style, x: Array, values: Tensor, lost: float, what: str
) -> list[dict[str, Any]]:
    """A rule's median over the seeds in its interquartile band."""
    low, middle, high = over_seeds(values.double().numpy(), lost)
    line = rule_line(label, style, x, middle, what, legend=True)
    known = np.isfinite(low) & np.isfinite(high)
    if values.shape[1] == 1 or not known.any():
        return [line]
    edges = (np.clip(edge[known], -CEILING, CEILING) for edge in (low, high))
    return [band(label, style, x[known], *edges), line]


def _curves(result: TrainingResult, metric: str, at: At, by_evaluations: bool) -> Plain:
    run, traces = result.run, []
    steps = run.evaluated_at.numpy()
    for label, style, i in drawn(result, at, controls=at == "own"):
        x = steps * int(run.cost[i]) if by_evaluations else steps
        values = run.evaluations[result.followed][metric][:, :, i]
        lost = 0.0 if metric == "accuracy" else math.inf
        traces += _banded(label, style, x, values, lost, metric)
    split = {"train": "Training", "validation": "Validation"}[result.followed]
    layout = step_layout(f"{split} {metric}, {_band_text(result)}{_at_text(result, at)}", metric)
    layout["meta"] = {} if by_evaluations else layout["meta"]
    layout["xaxis"]["title"] = {"text": "function evaluations" if by_evaluations else "step"}
    layout["yaxis"] |= _loss_axis(traces) if metric == "loss" else {"tickformat": ".0%"}
    return {"data": traces, "layout": layout}


def _band_text(result: TrainingResult) -> str:
    seeds = result.spec.seeds
    return "one seed" if seeds == 1 else f"median and interquartile band of {seeds} seeds"


def _at_text(result: TrainingResult, at: At) -> str:
    if at == "best":
        return ", each rule at its best learning rate"
    return ", at the learning rates given" if result.spec.lr_grid else ""


def _loss_axis(traces: list[dict[str, Any]]) -> dict[str, Any]:
    """A log axis where all losses are positive."""
    values = np.concatenate([trace["y"] for trace in traces]) if traces else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values) or values.min() <= 0:
        return {}
    few = values.max() < 100 * values.min()
    return {"type": "log", "exponentformat": "power", "dtick": "D2" if few else 1}


@FigureMaker
def loss_by_step(result: TrainingResult, at: At = "own") -> Plain:
    """Loss of the split followed on the way, against the step."""
    return _curves(result, "loss", at, by_evaluations=False)


@FigureMaker
def loss_by_evaluations(result: TrainingResult, at: At = "own") -> Plain:
    """The same against what it cost: a gradient counts 2 evaluations, a probe 1."""
    return _curves(result, "loss", at, by_evaluations=True)


@FigureMaker
def accuracy_by_step(result: TrainingResult, at: At = "own") -> Plain:
    """Accuracy of the split followed on the way, against the step; only where there are classes."""
    return _curves(result, "accuracy", at, by_evaluations=False)


@FigureMaker
def minibatch_loss(result: TrainingResult, at: At = "own") -> Plain:
    """Loss of the minibatches, with the labels as the rules saw them; mean of some steps."""
    run, window = result.run, smoothing_window(max(result.run.steps, 1))
    traces = []
    for label, style, i in drawn(result, at, controls=at == "own"):
        smooth = _smoothed(run.losses[:, :, i], window)
        traces += _banded(label, style, np.arange(run.steps), smooth, math.inf, "loss")
    title = f"Minibatch loss, mean of {window} steps, {_band_text(result)}{_at_text(result, at)}"
    layout = step_layout(title, "loss")
    layout["yaxis"] |= _loss_axis(traces)
    return {"data": traces, "layout": layout}


def _smoothed(values: Tensor, window: int) -> Tensor:
    """Moving means of each seed, ``(T, S)``."""
    out = values.double().clone()
    for seed in range(values.shape[1]):
        out[:, seed] = out.new_tensor(moving_mean(values[:, seed].double().numpy(), window))
    return out


@FigureMaker
def lgi_along_training(
    result: TrainingResult, estimator: str = "two-sided", at: At = "own"
) -> Plain:
    """LGI along every path, that of rules that do not look included; median of the seeds.

    Args:
        result: What was trained.
        estimator: ``"two-sided"`` or ``"one-sided"``.
        at: Each rule's own learning rate, or the best of the grid.

    Raises:
        ValueError: If there is no such estimator.
    """
    check_estimator(estimator)
    run, traces = result.run, []
    seen = run.lgi_two_sided if estimator == "two-sided" else run.lgi_one_sided
    window = max(1, min(5, len(seen)))
    for label, style, i in drawn(result, at):
        smooth = _smoothed(seen[:, :, i], window)
        traces += _banded(label, style, run.observed_at.numpy(), smooth, math.nan, "LGI")
    title = f"Instability along the path: {estimator} LGI, mean of {window} measurements"
    layout = step_layout(title, "LGI")
    layout["yaxis"] |= {"rangemode": "tozero"}
    return {"data": traces, "layout": layout}


@FigureMaker
def brake_along_training(result: TrainingResult, at: At = "own") -> Plain:
    """The brake of the rules that brake, ``exp(-damping LGI)``; moving mean, median of seeds."""
    run, window = result.run, smoothing_window(max(result.run.steps, 1))
    traces = []
    for label, style, i in drawn(result, at):
        if result.rules[label].probing is not None:
            smooth = _smoothed(run.brake[:, :, i], window)
            traces += _banded(label, style, np.arange(run.steps), smooth, math.nan, "brake")
    title = f"Brake: factor on the step, mean of {window} steps"
    return {"data": traces, "layout": step_layout(title, "brake", [-0.04, 1.04])}


@FigureMaker
def conflicts_along_training(result: TrainingResult, at: At = "own") -> Plain:
    """How often the minibatch gradient turned by more than 90 degrees; moving share."""
    run, window = result.run, smoothing_window(max(result.run.steps, 1))
    traces = []
    for label, style, i in drawn(result, at):
        smooth = _smoothed(run.conflicts[:, :, i], window)
        traces += _banded(label, style, np.arange(run.steps), smooth, math.nan, "of steps")
    layout = step_layout(f"Gradient conflicts in {window} steps", "conflict", [-0.04, 1.04])
    layout["yaxis"]["tickformat"] = ".0%"
    return {"data": traces, "layout": layout}


@FigureMaker
def flips_along_training(result: TrainingResult, at: At = "own") -> Plain:
    """Units that a step switches on or off, summed over the monitored examples; moving mean."""
    run, window = result.run, smoothing_window(max(result.run.steps, 1))
    traces = []
    for label, style, i in drawn(result, at) if run.flips is not None else ():
        assert run.flips is not None
        smooth = _smoothed(run.flips[:, :, i], window)
        traces += _banded(label, style, np.arange(run.steps), smooth, math.nan, "units a step")
    examples = min(MONITORED, len(result.data.train))
    title = f"Units switched by a step, on {examples} training examples, mean of {window} steps"
    layout = step_layout(title, "flips")
    layout["yaxis"] |= {"rangemode": "tozero"}
    return {"data": traces, "layout": layout}


def _float32(values: Array) -> Array:
    """In half the room, where no number is lost; else as they are."""
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return small if (np.isfinite(small) & (small > 0)).all() else values


@FigureMaker
def lr_sensitivity(result: TrainingResult) -> Plain:
    """Final loss of the split that chooses, against the learning rate; the best is marked."""
    final, traces = result.finals[result.followed]["loss"], []
    for label, style, _ in drawn(result):
        places = result.tried(label)
        x = np.array([result.models[i].lr for i in places])
        steps = np.arange(len(x))  # stand in: a learning rate may lie beyond float32
        low, middle, high = over_seeds(final[:, places].T, math.inf)
        known = np.isfinite(low) & np.isfinite(high)
        if result.spec.seeds > 1 and known.sum() > 1:
            edges = (np.clip(edge[known], -CEILING, CEILING) for edge in (low, high))
            there = x[known]
            traces.append(
                band(label, style, steps[known], *edges)
                | {"x": _float32(np.concatenate([there, there[::-1]]))}
            )
        said = f"at %{{x:.3g}}, {result.followed} loss"
        line = rule_line(label, style, steps, middle, said, True)
        traces.append(line | {"x": _float32(x), "mode": "lines+markers", "marker": {"size": 5}})
        best = result.best(label)
        y = over_seeds(final[:, [best]].T, math.inf)[1]
        traces.append(
            {
                "type": "scatter", "x": np.array([result.models[best].lr]), "y": y,
                "mode": "markers", "showlegend": False, "legendgroup": label, "hoverinfo": "skip",
                "name": style.title,
                "marker": {"symbol": style.symbol, "size": 12, "color": style.color,
                           "line": {"width": 1.2, "color": "white"}},
                "meta": {"role": "best", "rule": label, "color_dark": style.color_dark},
            }
        )  # fmt: skip
    layout = {
        "title": {"text": f"Final {result.followed} loss against the learning rate"},
        "hovermode": "closest",
        "xaxis": {"title": {"text": "learning rate"}, "type": "log"},
        "yaxis": {"title": {"text": "loss"}} | _loss_axis(traces),
        "meta": {},
    }
    return {"data": traces, "layout": layout}


def training_instability(result: TrainingResult, at: At = "own") -> go.Figure:
    """Both estimators of LGI along every path, over the brakes."""
    parts = [
        lgi_along_training(result, "two-sided", at),
        lgi_along_training(result, "one-sided", at),
        brake_along_training(result, at),
    ]
    title = "Two-sided LGI, one-sided LGI and brake along the path"
    return stacked(parts, title)


def training_chattering(result: TrainingResult, at: At = "own") -> go.Figure:
    """Gradient conflicts over switching units."""
    title = "Chattering: gradient conflicts, and units switched by a step"
    return stacked([conflicts_along_training(result, at), flips_along_training(result, at)], title)
