"""Where the kinks really are: the ground truth for whatever claims to see them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes import Landscape
from sadam.pauses import breathe

RINGS = (1.0 - 1e-9, 0.5)  # of the radius; a kink at just that distance is not within
TURNS = 32  # places on each ring
BLOCK = 8192  # points at a time: they fit the cache


def near_kink(landscape: Landscape, points: Tensor, radius: float) -> NDArray[np.bool_]:
    """Whether a declared kink passes within ``radius`` of each point (nearer, not just as near).

    A kink is the zero set of a function that the landscape declares. It passes through a ball if
    that function is 0 at the centre or has both signs on two rings of 32 places each. A straight
    kink is found up to 0.995 of the radius; what is hidden under another piece (NaN) does not
    count.

    Args:
        landscape: The landscape.
        points: ``(N, 2)``, float64; N may be 0.
        radius: Radius of the ball, > 0.

    Returns:
        Shape ``(N,)``. All False where the landscape declares no kinks, as smooth ones do; False at
        a point that is NaN.
    """
    angles = torch.arange(TURNS, dtype=torch.float64) * (2 * math.pi / TURNS)
    circle = torch.stack((angles.cos(), angles.sin()), -1)
    offsets = torch.cat([circle * (share * radius) for share in RINGS])[:, :, None]
    with torch.no_grad():
        blocks = [_passes(landscape, block.T, offsets) for block in points.split(BLOCK)]
    return torch.cat(blocks).numpy()


def _passes(landscape: Landscape, columns: Tensor, offsets: Tensor) -> Tensor:
    """Whether a kink passes through each ball: centres ``(2, n)``, places in it ``(m, 2, 1)``."""
    columns = columns.contiguous()
    found = torch.zeros(columns.shape[1], dtype=torch.bool)
    for kink in landscape.kinks:
        at_centre = kink(columns.T)
        found |= at_centre == 0
        above, below = at_centre > 0, at_centre < 0
        for offset in offsets:
            breathe()
            value = kink((columns + offset).T)
            above |= value > 0
            below |= value < 0
        found |= above & below
    return found
