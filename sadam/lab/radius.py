"""Which probe radii make sense on a landscape: above rounding, within the window."""

from __future__ import annotations

import math

import numpy as np
import torch

from landscapes import Landscape
from sadam.engine import value_and_grad_of
from sadam.lab.grid import grid_of
from sadam.lab.spec import Window

WIDEST_SHARE = 0.1  # of the shorter side of the window: beyond it a probe sees another place
ROUNDING_MARGIN = 1e3  # slopes must stand that far above the rounding of their difference


def sensible_radii(landscape: Landscape, window: Window) -> tuple[float, float]:
    """Return the least and the largest probe radius that make sense on a landscape.

    Below, differences drown in rounding: a slope is ``(f(x + sigma u) - f(x)) / sigma``, whose
    rounding error is about ``eps (|f| + |grad| |x|) / sigma``; it should stay a thousand times
    below the typical slope (so that its share of the squares in an LGI is below 1e-6). Above, the
    probes reach over more than a tenth of the window's shorter side to each side: a point's number
    is then about another place. Typical means the median over a grid of 41 x 41, of the points at
    which f is finite and its gradient finite and not 0; where there are none the least is 0. The
    least may be above the largest: then no radius makes sense.
    """
    x, y, points = grid_of(window, 41)
    value, grad = value_and_grad_of(landscape.value)(points)
    slope = torch.linalg.vector_norm(grad, dim=-1)
    known = torch.isfinite(value) & torch.isfinite(slope) & (slope > 0)
    widest = WIDEST_SHARE * min(high - low for low, high in window)
    if not bool(known.any()):
        return 0.0, widest
    size = float(value[known].abs().median())
    steep = float(slope[known].median())
    reach = max(abs(side) for axis in (x, y) for side in (axis[0], axis[-1]))
    rounding = float(np.finfo(np.float64).eps) * (size + steep * reach)
    return ROUNDING_MARGIN * rounding / steep, widest


def radius_warnings(landscape: Landscape, window: Window, radius: float) -> tuple[str, ...]:
    """Say in a sentence if a radius is too small or too large, and what would be sensible.

    Args:
        landscape: The landscape.
        window: Two increasing pairs.
        radius: Above 0.
    """
    low, high = sensible_radii(landscape, window)
    sensible = f"On {landscape.label} a radius from {_up(low)} to {_down(high)} is sensible."
    if low > high:
        sensible = f"On {landscape.label} none is sensible: f rounds away its own slopes."
    if radius < low:
        return (
            f"A radius of {radius:g} is too small: the differences of f between probes and point "
            f"drown in the rounding of f itself. {sensible}",
        )
    if radius > high:
        return (
            f"A radius of {radius:g} is too large: the probes reach over a tenth of the window or "
            f"more, so the numbers of a point tell of places far from it. {sensible}",
        )
    return ()


def _up(number: float) -> str:
    """A number rounded up to one digit."""
    if number <= 0:
        return "0"
    unit = 10.0 ** math.floor(math.log10(number))
    return f"{math.ceil(number / unit - 1e-9) * unit:.0e}"


def _down(number: float) -> str:
    """A number rounded down to two digits."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{math.floor(number / unit + 1e-9) * unit:.2g}"
