"""The points of a grid in the plane."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadam.lab.spec import Window

Array = NDArray[np.float64]


def grid_of(window: Window, n: int) -> tuple[Array, Array, Tensor]:
    """Return the axes, ``(n,)`` each, and the points ``(n * n, 2)`` row by row; rows are y.

    Args:
        window: Two increasing pairs.
        n: Points to a side, at least 1.
    """
    x, y = (np.linspace(*side, n) for side in window)
    return x, y, points_of(x, y)


def points_of(x: Array, y: Array) -> Tensor:
    """Return the points of a grid with these axes, ``(len(y) * len(x), 2)``, row by row."""
    grid = torch.stack(torch.meshgrid(torch.from_numpy(x), torch.from_numpy(y), indexing="xy"))
    return grid.reshape(2, -1).T
