"""The convex hull of gradients in the plane and its point nearest to 0, for a whole map at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sadam.checks import check_gradients


def planar_distance_to_hull(gradients: Tensor) -> Tensor:
    """Distance of 0 to the hull of gradients, ``(n, ..., 2) -> (...)``.

    The same as :func:`sadam.goldstein.distance_to_hull`, fast for many points. Domain and errors as
    :func:`planar_nearest_in_hull`.
    """
    return torch.linalg.vector_norm(planar_nearest_in_hull(gradients), dim=-1)


def planar_nearest_in_hull(gradients: Tensor) -> Tensor:
    """The point of the gradients' hull nearest to 0, ``(n, ..., 2) -> (..., 2)``.

    The same as :func:`sadam.goldstein.nearest_in_hull`, fast for many points, by the method of
    Gilbert, Johnson and Keerthi 1988: keep the edge within the hull that is nearest to 0, look for
    the gradient farthest beyond it, and take the nearer of the two edges to that one; 0 inside
    their triangle is the nearest itself. Exact up to rounding, 1e-7 of the largest gradient at
    worst. NaN where a gradient, or its square (beyond 1e154), is not finite; below 1e-150, where
    squares vanish, nothing but the size can be relied on.

    Raises:
        ValueError: If there is no gradient, or it has not two components.
    """
    check_gradients(gradients, dim=2)
    gx, gy = (c.reshape(len(gradients), -1).double() for c in gradients.unbind(-1))
    squares = gx * gx + gy * gy
    peak, todo = squares.amax(0), torch.isfinite(squares).all(0).nonzero().squeeze(-1)
    nearest = gx.new_full((2, gx.shape[1]), math.nan)
    gx, gy = gx[:, todo], gy[:, todo]
    first = squares[:, todo].argmin(0, keepdim=True)
    a = b = p = torch.stack((gx.gather(0, first)[0], gy.gather(0, first)[0]))
    for _ in range(4 * len(gradients)):  # a few rounds are enough; this bounds them
        farthest = (gx * p[0] + gy * p[1]).argmin(0, keepdim=True)
        s = torch.stack((gx.gather(0, farthest)[0], gy.gather(0, farthest)[0]))
        inside = _holds_origin(a, b, s)
        p_square = (p * p).sum(0)
        near_a, near_b = _nearest_on_segment(a, s), _nearest_on_segment(b, s)
        to_a, to_b = (near_a * near_a).sum(0), (near_b * near_b).sum(0)
        better_a = to_a <= to_b
        better = torch.where(better_a, to_a, to_b) < p_square
        gain = p_square - (p * s).sum(0)
        going = ~inside & better & (gain > 1e-14 * peak[todo])
        nearest[:, todo] = torch.where(inside, 0.0, p)
        if not bool(going.any()):
            break
        p = torch.where(better_a, near_a, near_b)[:, going]
        a, b = torch.where(better_a, a, b)[:, going], s[:, going]
        gx, gy, todo = gx[:, going], gy[:, going], todo[going]
    return nearest.T.reshape(gradients.shape[1:]).to(gradients.dtype)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[0] * b[1] - a[1] * b[0]


def _holds_origin(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Whether a triangle that is not flat holds 0; corners are ``(2, N)``."""
    turns = torch.stack((_cross(a, b), _cross(b, c), _cross(c, a)))
    return ((turns >= 0).all(0) | (turns <= 0).all(0)) & (_cross(b - a, c - a) != 0)


def _nearest_on_segment(a: Tensor, b: Tensor) -> Tensor:
    """The points of segments nearest to 0, ``(2, N)``."""
    along = b - a
    length = (along * along).sum(0)
    share = (-(a * along).sum(0) / torch.where(length > 0, length, 1.0)).clamp_(0, 1)
    return a + share * along
