"""A training's results as the board's tiles and panels, and as figures that are made once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landscapes.data.datasets import Dataset
from landscapes.data.made_data import SOURCES
from pages.shared import desk
from pages.shared.networks.board import Dots, Tile
from sadam.lab.compare.statistics import medians
from sadam.lab.figures.maker import Plain
from sadam.lab.figures.training import (
    At,
    accuracy_by_step,
    brake_along_training,
    drawn,
    flips_along_training,
    lgi_along_training,
    loss_by_evaluations,
    loss_by_step,
    minibatch_loss,
)
from sadam.lab.figures.training_maps import CLASSES
from sadam.lab.matched import CONTROL
from sadam.lab.style import translucent
from sadam.lab.training import Training, TrainingResult
from sadam.lab.training.table import results_table, sentence
from sadam.lab.training.views import View, region_edges, view_of

DOTS = 260  # examples on a tile, at most
GROUND = {  # two classes, or below and above 0: apart from the rules' colours
    "light": [[0.0, "#A9C3E3"], [0.5, "#F7F6F2"], [1.0, "#EBBF9D"]],
    "dark": [[0.0, "#24466F"], [0.5, "#161C24"], [1.0, "#70401F"]],
}
WEIGHTS = {
    "light": [[0.0, "#3B6FB6"], [0.5, "#F7F6F2"], [1.0, "#C4622D"]],
    "dark": [[0.0, "#4F86CE"], [0.5, "#1B222C"], [1.0, "#D9773F"]],
}
MOST_SHARP = 120  # weights along a side of a picture


@dataclass
class Shown(desk.Shown[TrainingResult]):
    """A training on screen, and what has been computed about it."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """The results."""
        return results_table(self.result)

    @cached_property
    def said(self) -> str:
        """What happened, in words."""
        return sentence(self.result, markdown=True)

    @property
    def rules(self) -> list[str]:
        """The rules that were asked for, S-Adam two-sided last."""
        return [label for label, _, _ in drawn(self.result)]

    @property
    def at(self) -> At:
        """The learning rates that are shown: those that the words compare."""
        return "best" if self.final and self.result.spec.lr_grid else "own"


def tiles_of(shown: Shown, seed: int) -> list[Tile]:
    """A small map for each rule, with the number that results are stated in below it."""
    result = shown.result
    found = []
    for label, style, model in drawn(result, shown.at):
        view = shown.once(("view", model, seed), lambda m=model: view_of(result, m, seed))
        lines = [(view.lines, "curve" if view.kind == "curve" else "boundary")]
        if shown.final and result.data.input_shape == (2,):
            edges, _ = shown.once(
                ("regions", model, seed), lambda m=model: region_edges(result, m, seed)
            )
            lines.append((edges, "region"))
        found.append(
            Tile(
                rule=label,
                title=style.title,
                note=_note(shown, model),
                color=style.color,
                color_dark=style.color_dark,
                dash=style.dash,
                values=_pixels(view),
                limits=view.limits,
                scales=_scales(view, len(result.data.classes)),
                window=view.window,
                lines=[(points, role) for points, role in lines if len(points)],
            )
        )
    return found


def dots_of(result: TrainingResult) -> Dots | None:
    """Training examples, where they have a place on the tiles."""
    part, shape = result.data.train, result.data.input_shape
    if shape not in ((1,), (2,)) or (shape == (1,) and result.data.classes):
        return None
    chosen = np.linspace(0, len(part) - 1, min(len(part), DOTS)).round().astype(int)
    inputs, targets = part.inputs[chosen], part.targets[chosen]
    if shape == (1,):
        inputs = np.stack([inputs[:, 0], targets], 1)
    if not result.data.classes:
        return Dots(inputs, np.zeros(len(inputs)), ["rgba(125,133,143,0.75)"])
    return Dots(inputs, targets, CLASSES[: len(result.data.classes)])


def _note(shown: Shown, model: int) -> str:
    """Median over the seeds of the number that results are stated in, as far as it is known."""
    result = shown.result
    lost = int((result.run.diverged_at[:, model] >= 0).sum())
    if lost:
        return f"**diverged** in {lost} of {result.spec.seeds} seeds"
    if shown.final:
        values = result.finals[result.held_out][result.metric][:, model]
        where = {"test": "on test", "validation": "on validation"}.get(result.held_out, "in train")
    else:
        values = result.run.evaluations[result.followed][result.metric][-1, :, model].numpy()
        where = "so far"
    value = float(medians(np.asarray(values, dtype=np.float64)))
    text = f"{100 * value:.1f} %" if result.metric == "accuracy" else f"{value:.3g}"
    if shown.at == "best":
        where += f" at lr {result.models[model].lr:g}"
    return f"**{text}** {'' if result.metric == 'accuracy' else 'loss '}{where}"


def _pixels(view: View) -> NDArray[np.float32] | None:
    """The numbers of a picture; those of weights three times each way, to stay sharp when drawn."""
    if view.values is None:
        return None
    values = view.values.astype(np.float32)
    small = view.kind == "weights" and max(values.shape) <= MOST_SHARP
    return values.repeat(3, 0).repeat(3, 1) if small else values


def _scales(view: View, classes: int) -> dict[str, Any]:
    if view.kind == "weights":
        return WEIGHTS
    if view.kind != "class":
        return GROUND
    edges = np.linspace(0, 1, classes + 1)
    scale = [
        [edge, translucent(CLASSES[i % len(CLASSES)], 0.42)]
        for i in range(classes)
        for edge in edges[i : i + 2].tolist()
    ]
    return {"light": scale, "dark": scale}


def panels_of(shown: Shown, loss: str, cost: str) -> list[list[Plain]]:
    """The curves below the tiles: loss and accuracy, and below them flips, LGI and brake."""
    result, at = shown.result, shown.at
    if cost == "Evaluations":
        first = [loss_by_evaluations.plain(result, at)]
    elif loss == "Minibatch":
        first = [minibatch_loss.plain(result, at)] if result.run.steps else []
    else:
        first = [loss_by_step.plain(result, at)]
    if result.data.classes:
        first.append(accuracy_by_step.plain(result, at))
    second = []
    if result.run.steps:
        second = [flips_along_training.plain(result, at), lgi_along_training.plain(result, at=at)]
        if any(rule.probing is not None for rule in result.rules.values()):
            second.append(brake_along_training.plain(result, at))
    for figure in (*first, *second):
        if figure["layout"].get("meta", {}).get("cursor") == "step":
            figure["layout"]["xaxis"]["range"] = [0, result.spec.steps]
        if figure["layout"]["yaxis"].get("type") == "log":
            _widen(figure)
    return [row for row in (first, second) if row]


def _widen(figure: Plain) -> None:
    """Give a log axis at least a decade: with a single tick Plotly does not place its title."""
    drawn = np.concatenate([np.log10(trace["y"]) for trace in figure["data"]])
    low, high = np.nanmin(drawn), np.nanmax(drawn)
    if high - low < 0.8:
        middle = (low + high) / 2
        figure["layout"]["yaxis"]["range"] = [float(middle) - 0.5, float(middle) + 0.5]


def title_of(spec: Training, data: Dataset) -> str:
    """What is trained on what: ``Two moons, 2-16-16-1 ReLU net``."""
    net, source = spec.network, SOURCES.get(spec.data.name)
    name = source.title if source else spec.data.path or spec.data.name
    widths = net.widths
    if net.kind == "mlp":
        widths = f"{math.prod(data.input_shape)}-{widths}-{data.num_outputs}"
    activation = {"relu": "ReLU", "leaky-relu": "leaky ReLU"}.get(net.activation, net.activation)
    return ", ".join([f"{name}: {widths} {activation} {net.noun}", *net.quantization])


def is_control(label: str) -> bool:
    """Whether a rule is a matched control."""
    return label.startswith(CONTROL)
