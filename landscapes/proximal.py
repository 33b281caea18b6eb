"""The proximal map of a weighted 1-norm, on the plane and on the parameters of a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from landscapes.checks import check_amount


def soft_threshold(x: Tensor, step: float | Tensor, weights: float | Tensor) -> Tensor:
    """Return ``argmin_z h(z) + |z - x|^2 / (2 step)`` of ``h = w1 |x1| + w2 |x2| + ...``.

    Each component moves towards 0 by ``step`` times its weight, and stops there. Called at every
    step: nothing is checked. NaN stays NaN; an infinite step ends at 0.

    Args:
        x: Points, ``(..., D)``, floating.
        step: A number, or one per point, ``(...)``; at least 0.
        weights: A number, or one for each component, ``(D,)``; finite and at least 0.
    """
    reach = torch.as_tensor(step, dtype=x.dtype).unsqueeze(-1) * weights
    return torch.sign(x) * torch.relu(torch.abs(x) - reach)


@dataclass(frozen=True)
class SoftThreshold:
    """The proximal map of ``w1 |x1| + w2 |x2| + ...``, shape ``(..., D)``: :func:`soft_threshold`.

    Args:
        weights: One for each coordinate, finite and at least 0.

    Raises:
        ValueError: If a weight is out of its range.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        for weight in self.weights:
            check_amount("weights", weight)

    def __call__(self, x: Tensor, step: float | Tensor) -> Tensor:
        """Return the map of points ``(..., D)``; ``step`` a number or ``(...)``, at least 0."""
        return soft_threshold(x, step, x.new_tensor(self.weights))
