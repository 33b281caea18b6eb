"""A network of two inputs as small pictures of what its units see, joined by its weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.figures.training import At, place_of
from sadam.lab.figures.training_maps import CLASSES
from sadam.lab.style import style_of
from sadam.lab.training.run import TrainingResult
from sadam.lab.training.views import Units, units_of

Array = NDArray[Any]
ROOM = 1.25  # a picture's height and the gap below it, in pictures
COLUMN = 3.4  # from layer to layer, at least; tall networks are drawn wider
WIDTHS = (0.5, 1.1, 2.0, 3.4)  # of the lines of weak to strong weights
SEES = [[0.0, CLASSES[0]], [0.5, "#F3F2EC"], [1.0, CLASSES[1]]]
SEES_DARK = [[0.0, "#4F86CE"], [0.5, "#161C24"], [1.0, "#D9773F"]]


@FigureMaker
def unit_pictures(result: TrainingResult, label: str, seed: int = 0, at: At = "own") -> Plain:
    """Every unit's activation over the input plane, layer by layer, the output last.

    Colours span each unit's own largest magnitude, blue below 0, orange above, white at 0. Lines
    are weights: the wider the larger beside the largest of the layer, in the same colours; the
    smallest quarter is left out, and what is not finite.

    Args:
        result: Trained on data of two inputs.
        label: Which rule's network.
        seed: Which seed's, by place.
        at: At the rule's own learning rate, or the best of the grid.

    Raises:
        ValueError: If the network is not dense, the data have not two inputs, or there is no such
            rule or seed.
    """
    units = units_of(result, place_of(result, label, at), seed)
    grid = units.layers[0].shape[-1]
    inputs = np.stack(np.meshgrid(*(np.linspace(*side, grid) for side in units.window)))
    layers = [inputs, *units.layers]
    tallest = max(len(layer) for layer in layers)
    centres = [_centres(len(layer), tallest) for layer in layers]
    column = max(COLUMN, 0.9 * ROOM * tallest / (len(layers) - 1))
    traces = [
        *_weights(units, centres, column),
        *(_picture(layer, column * i, ys) for i, (layer, ys) in enumerate(
            zip(layers, centres, strict=True))),
    ]  # fmt: skip
    names = ["inputs", *(f"layer {i + 1}" for i in range(len(layers) - 2)), "output"]
    title = style_of(label, result.rules[label]).title
    dead = sum(int((np.abs(layer).max((1, 2)) == 0).sum()) for layer in units.layers[:-1])
    said = f"; {dead} of {result.network.units} see nothing here" if dead else ""
    layout = {
        "title": {"text": f"What the units of {title} see{said}"},
        "xaxis": {
            "tickvals": [column * i for i in range(len(layers))], "ticktext": names,
            "range": [-0.8, column * (len(layers) - 1) + 0.8], "showgrid": False, "zeroline": False,
            "showline": False, "side": "top",
        },
        "yaxis": {
            "visible": False, "range": [-ROOM * tallest + 0.1, ROOM - 0.6], "scaleanchor": "x",
        },
        "height": round(min(max(150 + 34 * ROOM * tallest, 480), 1400)),
        "hovermode": "closest",
        "showlegend": False,
        "meta": {},
    }  # fmt: skip
    return {"data": traces, "layout": layout}


def _centres(count: int, tallest: int) -> Array:
    """Heights of a layer's pictures, in the middle of the tallest layer's."""
    return -ROOM * (np.arange(count) + (tallest - count) / 2) - 0.1


def _picture(layer: Array, x: float, centres: Array) -> dict[str, Any]:
    """A layer's pictures as one heatmap: each scaled by itself, gaps clear."""
    units, grid, _ = layer.shape
    peak = np.nan_to_num(np.abs(layer), nan=0.0).reshape(units, -1).max(1)
    scaled = layer / np.where(peak > 0, peak, 1)[:, None, None]
    step = 1 / grid
    gap = round((ROOM - 1) / step)
    rows = np.full((units * (grid + gap) - gap, grid), math.nan, dtype=np.float32)
    for i, unit in enumerate(scaled):
        start = (units - 1 - i) * (grid + gap)
        rows[start : start + grid] = unit
    bottom = centres[-1] - 0.5 + step / 2
    numbers = np.repeat(np.arange(units)[::-1], grid + gap)[: len(rows)]
    shown = np.broadcast_to((numbers + 1).astype(np.int16)[:, None], rows.shape)
    return {
        "type": "heatmap", "z": rows, "x0": x - 0.5 + step / 2, "dx": step, "y0": bottom,
        "dy": step, "zmin": -1, "zmax": 1, "colorscale": SEES, "showscale": False,
        "hoverongaps": False, "customdata": shown,
        "hovertemplate": "unit %{customdata}: %{z:.0%} of its largest<extra></extra>",
        "meta": {"role": "units", "dark": {"colorscale": SEES_DARK}},
    }  # fmt: skip


def _weights(units: Units, centres: list[Array], column: float) -> list[dict[str, Any]]:
    """Lines between the pictures, bundled by sign and strength."""
    bundles: dict[tuple[int, bool], list[Array]] = {}
    for i, weight in enumerate(units.weights):
        peak = float(np.abs(weight[np.isfinite(weight)]).max(initial=0.0)) or 1.0
        left, right = column * i + 0.52, column * (i + 1) - 0.52
        for (to, source), w in np.ndenumerate(weight):
            strength = abs(float(w)) / peak
            if not 0.25 <= strength < math.inf:
                continue
            level = min(int(strength * len(WIDTHS)), len(WIDTHS) - 1)
            line = np.array([[left, centres[i][source]], [right, centres[i + 1][to]], [np.nan] * 2])
            bundles.setdefault((level, bool(w > 0)), []).append(line)
    traces = []
    for (level, positive), lines in sorted(bundles.items()):
        points = np.concatenate(lines)
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": points[:, 0], "y": points[:, 1],
                "line": {"color": CLASSES[1 if positive else 0], "width": WIDTHS[level]},
                "opacity": 0.2 + 0.15 * level, "hoverinfo": "skip", "showlegend": False,
                "name": "weights", "meta": {"role": "weights"},
            }
        )  # fmt: skip
    return traces
