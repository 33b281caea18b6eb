"""What a trained network says and what its units see, as arrays for small pictures.

A model is its place in ``result.models``, a seed its place among the spec's; a ``SpecError`` says
where there is none. Networks that diverged are looked at where they were last finite; what is not
finite is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from contourpy import LineType, contour_generator
from numpy.typing import NDArray
from torch import Tensor

from landscapes.nets.layers import ACTIVATIONS
from landscapes.nets.networks import MLP
from landscapes.nets.quantization import fake_quantize
from landscapes.nets.regions import RegionsError, linear_regions
from sadam.lab.lgi_map import MAX_GRID
from sadam.lab.polylines import joined
from sadam.lab.spec import Window, whole
from sadam.lab.training.run import TrainingResult

Array = NDArray[np.float64]
ViewKind = Literal["share", "class", "value", "curve", "weights"]


@dataclass(frozen=True)
class View:
    """A small picture of what one network has learnt.

    Attributes:
        kind: ``"share"``: of two classes, the probability of the second (or its vote, with the
            squared loss). ``"class"``: the likeliest of several, by number. ``"value"``: a
            regression of two inputs. ``"curve"``: one of one input; it has lines only.
            ``"weights"``: of the first layer, for all other data: each unit's as an image where the
            inputs are one, else a row for each unit.
        values: ``(rows, columns)`` at the centres of the window's cells, rows are the second input,
            upwards; None for a curve.
        limits: What the colours span.
        window: What is covered.
        lines: ``(n, 2)``: where the decision changes, or the curve; rows of NaN part it.
    """

    kind: ViewKind
    values: Array | None
    limits: tuple[float, float]
    window: Window
    lines: Array


def data_window(result: TrainingResult) -> Window:
    """Return a window round the training examples: two inputs, or the input and the target.

    The data must have one input, or two.
    """
    part = result.data.train
    if result.data.input_shape == (2,):
        points = part.inputs
    else:
        points = np.stack([part.inputs[:, 0], part.targets], 1)
    low, high = points.min(0), points.max(0)
    room = 0.12 * (high - low) + 1e-6
    (x0, y0), (x1, y1) = (low - room).tolist(), (high + room).tolist()
    return (x0, x1), (y0, y1)


def view_of(result: TrainingResult, model: int, seed: int = 0, grid: int = 61) -> View:
    """Look at one network.

    Args:
        result: What was trained.
        model: Place of the model.
        seed: Which of the seeds, by place.
        grid: Points to a side, 2 to 801.

    Raises:
        SpecError: If there is no such model or seed, or the grid is out of its range.
    """
    params, grid = result.trained(model, seed), whole("grid", grid, 2, MAX_GRID)
    shape = result.data.input_shape
    if shape == (2,):
        return _decisions(result, params, grid)
    if shape == (1,) and not result.data.classes:
        window = data_window(result)
        x = np.linspace(*window[0], 4 * grid)
        y = outputs_at(result, params, x[:, None])[:, 0]
        return View("curve", None, (0, 1), window, np.stack([x, y], 1))
    image = first_layer(result, params)
    peak = _peak(image)
    rows, columns = image.shape
    window = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    return View("weights", image, (-peak, peak), window, np.empty((0, 2)))


def _peak(values: Array) -> float:
    """The largest finite magnitude; 1 where there is none above 0."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0


def outputs_at(result: TrainingResult, params: Tensor, inputs: Array) -> Array:
    """Return a network's outputs ``(n, out)`` at standardised inputs ``(n, *input)``.

    They need not be finite where the parameters ``(P,)`` are not.
    """
    with torch.no_grad():
        given = torch.from_numpy(inputs).to(params.dtype)
        return result.network.outputs(params[None, None], given[None])[0, 0].double().numpy()


def _decisions(result: TrainingResult, params: Tensor, grid: int) -> View:
    window = data_window(result)
    x, y = _centres(window, grid)
    outputs = outputs_at(result, params, _places(window, grid))
    classes = len(result.data.classes)
    if classes > 2:
        chosen = outputs.argmax(-1).reshape(grid, grid).astype(np.float64)
        return View("class", chosen, (-0.5, classes - 0.5), window, np.empty((0, 2)))
    value = outputs[:, 0].reshape(grid, grid)
    if not np.isfinite(value).all():
        value = np.where(np.isfinite(value), value, math.nan)
    if not classes:
        peak = _peak(value)
        return View("value", value, (-peak, peak), window, np.empty((0, 2)))
    generator = contour_generator(x, y, np.ma.masked_invalid(value), line_type=LineType.Separate)
    lines = joined([np.asarray(line) for line in generator.lines(0.0)])
    return View("share", second_share(result, value), (0, 1), window, lines)


def second_share(result: TrainingResult, output: Array) -> Array:
    """Return what the output of a network says of the second of two classes, in [0, 1].

    Its probability, or with the squared loss its vote; any shape.
    """
    if result.problem.loss.kind == "cross-entropy":
        return 1 / (1 + np.exp(-np.clip(output, -50, 50)))
    return np.clip((output + 1) / 2, 0, 1)


def _centres(window: Window, grid: int) -> tuple[Array, Array]:
    """Centres of a window's cells along both sides, ``(grid,)`` each."""
    shares = (np.arange(grid) + 0.5) / grid
    (x0, x1), (y0, y1) = window
    return x0 + (x1 - x0) * shares, y0 + (y1 - y0) * shares


def _places(window: Window, grid: int) -> Array:
    """Centres of a window's cells, row by row, ``(grid * grid, 2)``."""
    return np.stack(np.meshgrid(*_centres(window, grid)), -1).reshape(-1, 2)


def region_edges(result: TrainingResult, model: int, seed: int = 0) -> tuple[Array, str]:
    """Return the edges of a network's linear regions ``(n, 2)``, and how many there are, in words.

    Where there are none to draw (smooth or convolutional networks, other than two inputs, too many)
    the edges are empty and the words say why.

    Raises:
        SpecError: If there is no such model or seed.
    """
    params = result.trained(model, seed)
    if not isinstance(result.network, MLP):
        return np.empty((0, 2)), "linear regions are drawn for dense networks of two inputs"
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # weights may be near float64's end
            cells = linear_regions(result.network, params, data_window(result))
    except RegionsError as error:
        return np.empty((0, 2)), str(error)
    loops = [np.vstack([cell.corners, cell.corners[:1]]) for cell in cells]
    return joined(loops), f"{len(cells)} linear regions"


def first_layer(result: TrainingResult, params: Tensor) -> Array:
    """Return the weights of the first layer, as the network uses them, as ``(rows, columns)``.

    Images (flat ones whose number of pixels is a square included) give a mosaic of one tile a unit
    with NaN between the tiles; anything else a row for each unit.
    """
    network = result.network
    weight = next(iter(network.unflatten(params.double()).values())).contiguous()
    bits = getattr(network, "weight_bits", None)
    if bits is not None:
        weight = fake_quantize(weight, bits, tuple(range(weight.ndim)))
    if weight.ndim == 4:
        tiles = weight.mean(1).numpy()
    else:
        side = math.isqrt(weight.shape[1])
        if side * side != weight.shape[1] or side < 4:
            return weight.numpy()[::-1]
        tiles = weight.view(-1, side, side).numpy()
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    tall, wide = tiles.shape[1:]
    mosaic = np.full((rows * (tall + 1) - 1, columns * (wide + 1) - 1), math.nan)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (tall + 1), i % columns * (wide + 1)
        mosaic[top : top + tall, left : left + wide] = tile
    return mosaic[::-1]  # the first row of an image is its top


@dataclass(frozen=True)
class Units:
    """What the units of a network of two inputs see.

    Attributes:
        layers: Activations at the centres of the window's cells, layer by layer, the outputs last:
            ``(units, grid, grid)`` each.
        weights: As the network uses them, ``(out, in)`` for each layer.
        window: What is covered.
    """

    layers: tuple[Array, ...]
    weights: tuple[Array, ...]
    window: Window


def units_of(result: TrainingResult, model: int, seed: int = 0, grid: int = 25) -> Units:
    """Look through every unit of a dense network of two inputs.

    Raises:
        SpecError: If there is no such model or seed, or the grid is out of its range.
        ValueError: If the network is not dense, or the data have not two inputs.
    """
    net = result.network
    if not isinstance(net, MLP) or result.data.input_shape != (2,):
        raise ValueError("units are pictured for dense networks of two inputs")
    window = data_window(result)
    params = result.trained(model, seed).double()[None, None]
    grid = whole("grid", grid, 2, MAX_GRID)
    inputs = torch.from_numpy(_places(window, grid))[None]
    with torch.no_grad():
        before = [z[0, 0].clone() for z in net.pre_activations(params, inputs)]
        outputs = net.outputs(params, inputs)[0, 0].clone()
    act = ACTIVATIONS[net.activation]
    seen = [act.forward(z) for z in before]
    if net.activation_bits is not None:
        seen = [fake_quantize(a, net.activation_bits, -1, signed=act.signed) for a in seen]
    weights = []
    for name, tensor in net.unflatten(params[0, 0]).items():
        if name.endswith("weight"):
            used = tensor.contiguous()
            if net.weight_bits is not None:
                used = fake_quantize(used, net.weight_bits, (0, 1))
            weights.append(used.numpy())
    layers = [a.T.reshape(-1, grid, grid).numpy() for a in (*seen, outputs)]
    layers = [np.where(np.isfinite(a), a, math.nan) for a in layers]
    return Units(tuple(layers), tuple(weights), window)
