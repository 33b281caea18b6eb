"""Polylines as pictures take them: one array, parted by rows of NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def joined(lines: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join polylines into one array ``(m, 2)`` with a row of NaN between them."""
    gap = np.full((1, 2), math.nan)
    pieces = [piece for line in lines for piece in (line, gap)]
    return np.concatenate(pieces[:-1]) if pieces else np.empty((0, 2))
