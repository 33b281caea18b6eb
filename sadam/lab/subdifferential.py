"""The gradients near a point, and the shape that they span."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes import Landscape
from sadam.engine import value_and_grad_of
from sadam.goldstein import diameter, goldstein_gradients
from sadam.hulls import planar_nearest_in_hull

Array = NDArray[np.float64]

TOLERANCE = 1e-3  # times the largest sampled gradient: nearer to 0 counts as 0


@dataclass(frozen=True)
class Subdifferential:
    """Gradients sampled within the radius, and their convex hull (MATH.md 3.4).

    Attributes:
        gradients: ``(n, 2)``.
        hull: Corners of their convex hull, ``(m, 2)``, counterclockwise; two for a segment, one for
            a point.
        nearest: The hull's point nearest to 0, ``(2,)``.
        distance: Its distance from 0: the stationarity measure.
        diameter: Largest distance between two gradients.
        perimeter: Of the hull; a segment's counts both sides.
        tolerance: Up to which distance the point counts as stationary.
        stationary: Whether it does: 0 lies in the hull, so f is Clarke-stationary to within the
            radius.
    """

    gradients: Array
    hull: Array
    nearest: Array
    distance: float
    diameter: float
    perimeter: float
    tolerance: float
    stationary: bool

    @property
    def mean_width(self) -> float:
        """Mean of the width over all directions: perimeter / pi (Cauchy)."""
        return self.perimeter / math.pi

    def width(self, angle: float) -> float:
        """Width of the hull in the direction of an angle, in radians."""
        along = self.hull @ np.array([math.cos(angle), math.sin(angle)])
        return float(along.max() - along.min())


def sampled_subdifferential(
    landscape: Landscape, x: Tensor, radius: float, num_samples: int = 256, seed: int = 0
) -> Subdifferential:
    """Sample gradients in the ball of ``radius`` round ``x``, shape ``(2,)``, and measure them.

    Args:
        landscape: The landscape.
        x: The centre, float64 and finite.
        radius: Above 0.
        num_samples: At least 1; those that are not finite are left out.
        seed: Of the sample.

    Raises:
        ValueError: If none of them is finite.
    """
    grads = goldstein_gradients(
        value_and_grad_of(landscape.value), x, radius, num_samples, seed=seed
    )
    grads = grads[torch.isfinite(grads).all(-1)]
    if not len(grads):
        raise ValueError("no gradient near this point is finite")
    nearest = planar_nearest_in_hull(grads)
    points = grads.numpy()
    hull = convex_hull(points)
    edges = np.linalg.norm(hull - np.roll(hull, -1, axis=0), axis=1)
    distance = float(torch.linalg.vector_norm(nearest))
    tolerance = TOLERANCE * float(np.linalg.norm(points, axis=1).max())
    return Subdifferential(
        gradients=points,
        hull=hull,
        nearest=nearest.numpy(),
        distance=distance,
        diameter=float(diameter(grads)),
        perimeter=float(edges.sum()),
        tolerance=tolerance,
        stationary=distance <= tolerance,
    )


def convex_hull(points: Array) -> Array:
    """Return the corners of the convex hull of ``(n, 2)`` points, counterclockwise, ``(m, 2)``.

    Andrew 1979, monotone chain. Points on an edge are no corners; m is 2 where all points lie on a
    line, 1 where they coincide and 0 where there are none. Coordinates must be finite, below 1e150
    in magnitude: beyond it their products overflow.
    """
    ordered = np.unique(points, axis=0).tolist()
    if len(ordered) < 3:
        return np.array(ordered).reshape(-1, 2)

    def chain(rows: list[list[float]]) -> list[list[float]]:
        kept: list[list[float]] = []
        for x, y in rows:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                kept.pop()
            kept.append([x, y])
        return kept[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))
