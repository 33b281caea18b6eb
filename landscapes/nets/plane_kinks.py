"""Kinks of a network's loss on a plane through its parameters.

The loss has a kink where a unit's pre-activation on an example meets a kink of the activation (and,
with an l1 term, where a parameter is 0). Whether the loss really bends there depends on what comes
after the unit; off these lines it never does. Pre-activations of the first hidden layer are affine
in the plane's coordinates: their lines are exact. Those of deeper layers are not (they are products
of parameters, and bend themselves where earlier units switch): their lines are traced on a grid, by
linear interpolation between its points.
"""

from __future__ import annotations

from dataclasses import dataclass

import contourpy
import numpy as np
import torch
from numpy.typing import NDArray

from landscapes.base import Point
from landscapes.checks import check_whole, check_window
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP
from landscapes.nets.planes import Plane

Array = NDArray[np.float64]
MAX_LINES = 20_000
MAX_TRACED = 5_000


class PlaneKinksError(ValueError):
    """Kinks on a plane cannot be drawn; the message is one sentence."""


@dataclass(frozen=True)
class PlaneKinks:
    """Where units switch on a plane.

    Attributes:
        exact: Segments of the first layer's (and the l1 term's) lines, ``(n, 2, 2)`` (end,
            coordinate), clipped to the window.
        traced: Lines of the deeper layers, ``(k, 2)`` each.
        grid: Points to a side of the grid they were traced on; 0 if there was nothing to trace.
    """

    exact: Array
    traced: tuple[Array, ...]
    grid: int

    @property
    def note(self) -> str:
        """One sentence on how exact they are."""
        if not self.grid:
            return f"{len(self.exact)} kink lines, exact."
        return (
            f"{len(self.exact)} kink lines of the first layer, exact; {len(self.traced)} of deeper "
            f"layers, traced on a grid of {self.grid} x {self.grid}."
        )


def plane_kinks(
    loss: NetworkLoss,
    plane: Plane,
    window: tuple[Point, Point],
    *,
    examples: int | None = None,
    grid: int = 101,
) -> PlaneKinks:
    """Find the kinks of a loss on a plane.

    Args:
        loss: Of an MLP without quantization.
        plane: Where it is cut.
        window: ``((a_min, a_max), (b_min, b_max))`` in the plane's coordinates, finite, each min
            below its max.
        examples: Take the first so many examples of the loss, at least 1; None: all, and then none
            is missed.
        grid: Points to a side of the grid for deeper layers, at least 2.

    Raises:
        PlaneKinksError: If the network is not an MLP with kinks and without quantization, or there
            are too many lines to draw.
        ValueError: If the window is empty or not finite, or a number is out of its range.
    """
    check_window(window)
    check_whole("grid", grid, least=2)
    if examples is not None:
        check_whole("examples", examples, least=1)
    net = loss.network
    kinks = net.kinks
    if not isinstance(net, MLP) or net.quantized:
        raise PlaneKinksError(
            "kink lines are drawn for multilayer perceptrons without quantization"
        )
    if not kinks and not loss.l1:
        raise PlaneKinksError(f"{net.activation} is smooth: its loss has no kinks to draw")
    inputs = loss.encoded(torch.float64)[0][0, :examples].flatten(1)
    lines = len(inputs) * net.hidden[0] * len(kinks) + (net.num_parameters if loss.l1 else 0)
    deeper = len(inputs) * sum(net.hidden[1:]) * len(kinks)
    for count, most in ((lines, MAX_LINES), (deeper, MAX_TRACED)):
        if count > most:
            raise PlaneKinksError(
                f"{len(inputs)} examples make {count} kink lines on the plane, but at most {most} "
                "are drawn: take fewer examples or a smaller network"
            )
    rows = torch.stack([plane.origin, plane.first, plane.second]).to(torch.float64)
    first = net.matrices(rows)[0]  # (3, in + 1, h)
    ones = torch.nn.functional.pad(inputs, (0, 1), value=1.0)
    affine = (ones @ first).flatten(1).T.numpy()  # (B h, 3): constant, a, b
    shifted = [affine - [kink, 0, 0] for kink in kinks]
    if loss.l1:
        shifted.append(rows.T.numpy())
    exact = _clipped(np.concatenate(shifted), window)
    if len(net.hidden) == 1 or not kinks:
        return PlaneKinks(exact, (), 0)
    return PlaneKinks(exact, tuple(_traced(net, plane, inputs, kinks, window, grid)), grid)


def _clipped(lines: Array, window: tuple[Point, Point]) -> Array:
    """Segments of ``c + p a + q b = 0`` inside the window, ``(n, 2, 2)``."""
    (a0, a1), (b0, b1) = window
    corners = np.array([[a0, b0], [a1, b0], [a1, b1], [a0, b1]])
    values = lines[:, :1] + lines[:, 1:] @ corners.T  # (n, 4)
    after = np.roll(values, -1, axis=1)
    cut = (values < 0) != (after < 0)  # every line cuts no side or two
    share = np.divide(values, values - after, where=cut, out=np.zeros_like(values))
    ends = corners + share[..., None] * (np.roll(corners, -1, axis=0) - corners)
    inside = cut.sum(1) == 2
    return ends[inside][cut[inside]].reshape(-1, 2, 2)


def _traced(
    net: MLP,
    plane: Plane,
    inputs: torch.Tensor,
    kinks: tuple[float, ...],
    window: tuple[Point, Point],
    grid: int,
) -> list[Array]:
    """Zeros of the deeper layers' pre-activations, by contours of their values on a grid."""
    a, b = (np.linspace(low, high, grid) for low, high in window)
    places = torch.from_numpy(np.stack(np.meshgrid(a, b), -1).reshape(-1, 2))
    found: list[Array] = []
    for example in inputs.split(4):
        parts = []
        for c in places.split(1024):
            layers = net.pre_activations(plane.points(c).unsqueeze(0), example.unsqueeze(0))
            parts.append(torch.cat([z[0].flatten(1) for z in layers[1:]], -1))
        values = torch.cat(parts).numpy()  # (grid^2, units)
        for kink in kinks:
            switching = (values.min(0) < kink) & (values.max(0) > kink)
            for column in np.flatnonzero(switching):
                height = np.ascontiguousarray(values[:, column]).reshape(grid, grid)
                found += contourpy.contour_generator(a, b, height).lines(kink)  # type: ignore[operator]
    return found
