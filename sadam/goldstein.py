"""The Goldstein subdifferential, sampled: the truth that estimators of non-smoothness are held to.

Equations are those of MATH.md 3.4. Shapes: ``x`` is ``(..., D)``, gradients are ``(n, ..., D)``
with n and D at least 1, floating. Where one of a point's gradients is not finite the point's
numbers are NaN or infinite, and no other's are. Lengths are taken by squares: below 1e-162 they
come out as 0, beyond 1e154 as infinite (in float64).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sadam.checks import check_fits, check_gradients, check_radius, check_whole
from sadam.probes import aligned, directions


def goldstein_gradients(
    value_and_grad: Callable[[Tensor], tuple[Tensor, Tensor]],
    x: Tensor,
    radius: float | Tensor,
    num_samples: int = 64,
    *,
    seed: int = 0,
) -> Tensor:
    """Sample the Goldstein subdifferential: gradients at random points of a ball round ``x``.

    Args:
        value_and_grad: ``(..., D) -> ((...), (..., D))``.
        x: Centres, ``(..., D)``.
        radius: Radius delta of the ball, positive and finite; a number or of shape ``(...)``.
        num_samples: Number n of points, drawn uniformly from the ball, the same for every centre;
            at least 1.
        seed: At least 0.

    Returns:
        Shape ``(n, ..., D)``; where f is not finite, whatever ``value_and_grad`` says there.
        Source: Goldstein 1977; sampling as in Burke, Lewis, Overton 2005.

    Raises:
        ValueError: If an argument is out of its range, or shapes do not fit.
    """
    if x.ndim < 1 or x.shape[-1] < 1 or not x.is_floating_point():
        raise ValueError(f"Invalid x: {x.dtype} {tuple(x.shape)}, must be floating (..., D)")
    check_radius(radius, x.dtype)
    check_fits("radius", radius, x.shape[:-1])
    check_whole("num_samples", num_samples, least=1)
    dim = x.shape[-1]
    u = directions(seed, 1, num_samples, dim)[0]
    share = np.random.default_rng([seed, 2**31]).random(num_samples) ** (1 / dim)
    ball = aligned((u * torch.from_numpy(share)[:, None]).to(x.dtype), x)
    delta = torch.as_tensor(radius, dtype=x.dtype)
    return value_and_grad(x + ball * (delta.unsqueeze(-1) if delta.ndim else delta))[1]


def diameter(gradients: Tensor) -> Tensor:
    """Largest distance between two of the gradients, ``(n, ..., D) -> (...)``.

    Raises:
        ValueError: If there is no gradient.
    """
    check_gradients(gradients)
    widest = torch.zeros_like(gradients[0, ..., 0])
    for i in range(1, gradients.shape[0]):  # never n^2 distances at once
        gap = gradients[i:] - gradients[:-i]
        widest = torch.maximum(widest, gap.mul_(gap).sum(-1).amax(0))
    return widest.sqrt_()


def distance_to_hull(gradients: Tensor) -> Tensor:
    """Distance of 0 to the convex hull of the gradients, ``(n, ..., D) -> (...)``.

    It is the stationarity measure: 0 at a Clarke-stationary point. Exact (to rounding) for any D:
    the minimum-norm point of a hull is a non-negative least-squares problem. Errors as
    :func:`nearest_in_hull`.
    """
    return torch.linalg.vector_norm(nearest_in_hull(gradients), dim=-1)


def nearest_in_hull(gradients: Tensor) -> Tensor:
    """The point of the gradients' convex hull nearest to 0, ``(n, ..., D) -> (..., D)``.

    Minimising ``|G^T a|^2 + (1 - sum a)^2`` over ``a >= 0`` gives, after dividing ``a`` by its sum,
    the weights of that point: for weights ``w`` on the simplex and ``a = s w`` the best value over
    ``s`` is ``d^2 / (1 + d^2)`` with ``d = |G^T w|``, which grows with ``d``. Exact (to rounding)
    for gradients of any size; NaN where one is not finite.

    Raises:
        ValueError: If there is no gradient.
    """
    check_gradients(gradients)
    from scipy.optimize import nnls  # late: half a second that a start without it need not wait

    n, dim = gradients.shape[0], gradients.shape[-1]
    points = gradients.detach().to(torch.float64).reshape(n, -1, dim).movedim(1, 0).numpy()
    target = np.append(np.zeros(dim), 1.0)
    nearest = np.empty((len(points), dim))
    for i, hull in enumerate(points):
        if not np.isfinite(hull).all():
            nearest[i] = np.nan
            continue
        size = max(float(np.abs(hull).max()), 1e-300)  # solve at scale 1, whatever the units
        weights, _ = nnls(np.vstack([hull.T / size, np.ones(n)]), target)
        nearest[i] = weights @ hull / weights.sum()
    return torch.from_numpy(nearest).to(gradients.dtype).reshape(gradients.shape[1:])
