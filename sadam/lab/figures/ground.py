"""A landscape as the ground of a picture: levels on a grid, kinks as lines.

A window is two increasing pairs; grids have at least 2 points to a side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from landscapes import Landscape
from sadam.lab.grid import grid_of
from sadam.lab.spec import Window

GRID = 161  # points along each side of the picture
KINK_GRID = 401  # kinks are lines: they need a finer grid than the shading

COLORSCALES = {  # desaturated, so that the paths stand out; low ground is light on light screens
    "light": [[0.0, "#FCFBF7"], [0.35, "#EDECE5"], [0.7, "#D6DADA"], [1.0, "#B7C0C4"]],
    "dark": [[0.0, "#10161D"], [0.35, "#1B2733"], [0.7, "#2A3B4A"], [1.0, "#40586B"]],
}


class Ground(NamedTuple):
    """Levels of a landscape on a grid."""

    x: NDArray[np.float32]  # (n,)
    y: NDArray[np.float32]  # (n,)
    level: NDArray[np.float32]  # (n, n), rows are y: log10(f - f* + offset)
    reference: float  # f*: the known minimum, else the least value on the grid
    offset: float

    def level_of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the level of function values."""
        return _height(values, self.reference, self.offset)


def grid_points(window: Window, n: int) -> tuple[NDArray, NDArray, torch.Tensor]:
    """Return the axes, ``(n,)`` each, and the points ``(n, n, 2)`` of a grid; rows are y."""
    x, y, points = grid_of(window, n)
    return x, y, points.unflatten(0, (n, n))


@lru_cache(maxsize=64)
def ground(landscape: Landscape, window: Window, n: int = GRID) -> Ground:
    """Compute the levels ``log10(f - f* + c)`` over a window.

    ``c`` is a hundredth of the median height, so that the valley is resolved and its floor is not a
    hole without end. Levels are NaN where f is not finite; a constant f lies at level 0.
    """
    x, y, points = grid_points(window, n)
    with torch.no_grad():
        values = landscape.value(points.movedim(-1, 0).contiguous().movedim(0, -1)).numpy()
    return Ground(x.astype(np.float32), y.astype(np.float32), *levels(values, landscape.minimum))


def levels(
    values: NDArray[np.floating], minimum: float | None = None
) -> tuple[NDArray[np.float32], float, float]:
    """Return the levels ``log10(f - f* + c)`` of values of any shape, and f* and c.

    f* is the least finite value where it is lower than ``minimum``, or no minimum is given; c is as
    :func:`ground` says. Levels are NaN where the values are not finite.
    """
    finite = values[np.isfinite(values)]
    lowest = float(finite.min()) if finite.size else 0.0
    reference = lowest if minimum is None else min(minimum, lowest)
    with np.errstate(over="ignore"):
        typical = float(np.median(finite - reference)) if finite.size else 0.0
    offset = typical / 100 if typical > 0 else 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        level = _height(values, reference, offset)
    level[~np.isfinite(level)] = math.nan
    return level.astype(np.float32), reference, offset


def _height(values: NDArray[Any], reference: float, offset: float) -> NDArray[Any]:
    return np.log10(np.maximum(values - reference, 0.0) + offset)


@lru_cache(maxsize=64)
def kink_lines(
    landscape: Landscape, window: Window, n: int = KINK_GRID
) -> list[NDArray[np.float64]]:
    """Trace the declared kinks inside a window: polylines of shape ``(m, 2)``.

    A kink function's sign changes are traced where both sides are defined; a sign change by a jump
    through infinity is not a zero and is left out by the contouring's interpolation test. Empty
    where there are none.
    """
    x, y, points = grid_points(window, n)
    lines: list[NDArray[np.float64]] = []
    for kink in landscape.kinks:
        with torch.no_grad():
            values = kink(points).numpy()
        masked = np.ma.masked_invalid(values)
        if masked.count() == 0:
            continue
        generator = contour_generator(x, y, masked, line_type=LineType.Separate)
        lines.extend(np.asarray(line) for line in generator.lines(0.0))
    return lines
