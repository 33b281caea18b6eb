"""The linear pieces of a piecewise-linear network of two inputs, exactly.

On each piece the network is one affine function of its inputs. The window is cut unit by unit and
layer by layer: within a piece of the layers so far, a unit's pre-activation is affine, so that the
places where it meets a kink of the activation are a line (Montufar et al. 2014; Raghu et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes.base import Point
from landscapes.checks import check_window
from landscapes.nets.layers import ACTIVATIONS, Activation
from landscapes.nets.networks import MLP
from landscapes.nets.quantization import fake_quantize

MAX_REGIONS = 20_000
Array = NDArray[np.float64]


class RegionsError(ValueError):
    """A network has no linear regions that could be told; the message is one sentence."""


@dataclass(frozen=True)
class Region:
    """A convex polygon on which the network is affine.

    Attributes:
        corners: Its corners in order, ``(k, 2)``, in the network's (standardised) inputs.
        affine: ``(3, out)``: the outputs at ``(x, y)`` are ``[x, y, 1] @ affine``.
    """

    corners: Array
    affine: Array

    @property
    def area(self) -> float:
        """Its area."""
        x, y = self.corners.T
        return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def linear_regions(
    network: MLP, params: Tensor, window: tuple[Point, Point], most: int = MAX_REGIONS
) -> list[Region]:
    """Cut a window of the input plane into the network's linear regions.

    Args:
        network: Of two inputs, with ReLU, leaky ReLU or hard tanh; its weights may be quantized.
        params: One model's, ``(P,)``.
        window: ``((x_min, x_max), (y_min, y_max))``, finite, each min below its max.
        most: The largest number of regions.

    Returns:
        The regions; together they are the window. Neighbours may have the same affine function
        (where a unit that switches between them has no effect).

    Raises:
        RegionsError: If the network is not piecewise linear in two inputs, its parameters are not
            finite, or there are more regions than ``most``.
        ValueError: If the window is empty or not finite, or the parameters are not P.
    """
    check_window(window)
    act = _piecewise_linear(network)
    if network.inputs != 2:
        raise RegionsError(f"linear regions are drawn for 2 inputs, but there are {network.inputs}")
    if not bool(torch.isfinite(params).all()):
        raise RegionsError("the network's parameters are not finite: it has no regions to draw")
    if params.shape != (network.num_parameters,):
        raise ValueError(
            f"Invalid params: shape {tuple(params.shape)}, must be ({network.num_parameters},)"
        )
    (x0, x1), (y0, y1) = window
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)
    cells = [Region(corners, np.vstack([np.eye(2), np.zeros((1, 2))]))]
    *hidden, last = _layers(network, params)
    for layer in hidden:
        grown: list[Region] = []
        for cell in cells:
            for piece in _cut(cell, layer, act):
                grown.append(piece)
                if len(grown) > most:
                    raise RegionsError(
                        f"the network has more than {most} linear regions in this window: "
                        "draw a smaller window or a smaller network"
                    )
        cells = grown
    return [Region(cell.corners, _through(cell.affine, last)) for cell in cells]


def _piecewise_linear(network: MLP) -> Activation:
    act = ACTIVATIONS[network.activation]
    if not act.kinks:
        raise RegionsError(
            f"{network.activation} is smooth: such a network has no linear regions (relu, "
            "leaky-relu and hard-tanh have)"
        )
    if network.activation_bits is not None:
        raise RegionsError(
            "with quantized activations a network is piecewise constant: its steps are not drawn "
            "as linear regions"
        )
    return act


def _layers(network: MLP, params: Tensor) -> list[Array]:
    """Weight and bias of each layer as the network uses them, ``(in + 1, out)``."""
    found = []
    for matrix in network.matrices(params.detach().to(torch.float64).clone()):
        if network.weight_bits is not None:
            weight = matrix[:-1]
            fake_quantize(weight, network.weight_bits, (0, 1), out=weight)
        found.append(matrix.numpy())
    return found


def _through(affine: Array, layer: Array) -> Array:
    """The pre-activations of the next layer, as functions of the inputs, ``(3, out)``."""
    pre = affine @ layer[:-1]
    pre[2] += layer[-1]
    return pre


def _cut(cell: Region, layer: Array, act: Activation) -> Iterator[Region]:
    """The pieces of a cell on which each unit of a layer keeps to one slope."""
    pre = _through(cell.affine, layer)
    kinks = np.array(act.kinks)
    lines = np.repeat(pre, len(kinks), axis=1)
    lines[2] -= np.tile(kinks, pre.shape[1])
    slopes, offsets = np.array(act.slopes), np.array(act.offsets)
    for corners in _split(cell.corners, lines):
        centre = corners.mean(0)
        at = np.searchsorted(kinks, centre @ pre[:2] + pre[2])  # which interval each unit is in
        affine = pre * slopes[at]
        affine[2] += offsets[at]
        yield Region(corners, affine)


def _split(corners: Array, lines: Array) -> Iterator[Array]:
    """Cut a polygon along lines ``(3, n)``; those that miss it are dropped as early as may be."""
    values = corners @ lines[:2] + lines[2]
    # Rounding must not cut slivers along a line that an earlier layer has already cut.
    tiny = 1e-12 * (np.abs(corners).max() * np.abs(lines[:2]).sum(0) + np.abs(lines[2]))
    crossing = np.flatnonzero((values.min(0) < -tiny) & (values.max(0) > tiny))
    if not len(crossing):
        yield corners
        return
    rest = lines[:, crossing[1:]]
    for side in _halves(corners, values[:, crossing[0]]):
        yield from _split(side, rest)


def _halves(corners: Array, values: Array) -> tuple[Array, Array]:
    """Both sides of a convex polygon that a line crosses, given the line's values at corners."""
    sides: tuple[list[Array], list[Array]] = ([], [])
    for i, value in enumerate(values):
        j = (i + 1) % len(values)
        if value >= 0:
            sides[0].append(corners[i])
        if value <= 0:
            sides[1].append(corners[i])
        if value * values[j] < 0:
            meet = corners[i] + (corners[j] - corners[i]) * (value / (value - values[j]))
            sides[0].append(meet)
            sides[1].append(meet)
    return np.array(sides[0]), np.array(sides[1])
