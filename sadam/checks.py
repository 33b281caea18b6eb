"""Arguments that cannot be, refused at the door in one sentence that names them.

What is called at every step checks nothing; its docstring says what it takes for granted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from sadam.text import shown

# Numbers between these become neither 0 nor infinite in a dtype.
WITHIN = {torch.float64: (0.0, math.inf), torch.float32: (2.0**-150, (2 - 2.0**-24) * 2.0**127)}


def check_whole(name: str, value: Any, least: int = 0) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(
            f"Invalid {name}: {shown(value)}, must be a whole number of at least {least}"
        )
    if value < least:  # type: ignore[unsupported-operation]
        raise ValueError(f"Invalid {name}: {shown(value)}, must be at least {least}")


def is_positive(value: Any) -> bool:
    """Whether a value is one number, above 0 and finite."""
    try:
        return bool(value > 0) and math.isfinite(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False


def check_fits(name: str, value: Any, lead: Sequence[int]) -> None:
    """Refuse a tensor that does not broadcast to a leading shape; numbers always do.

    Raises:
        ValueError: If it does not.
    """
    if not isinstance(value, Tensor):
        return
    try:
        fits = torch.broadcast_shapes(value.shape, tuple(lead)) == tuple(lead)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"Invalid {name}: shape {tuple(value.shape)}, must be a number or fit {tuple(lead)}"
        )


def check_radius(radius: Any, dtype: torch.dtype = torch.float64, most: float = math.inf) -> None:
    """Refuse a radius, or a tensor of them, that is not positive and finite in a dtype.

    Raises:
        ValueError: If it is not, or beyond ``most``.
    """
    try:
        if isinstance(radius, float) and dtype in WITHIN:  # far faster than a tensor of one number
            low, high = WITHIN[dtype]
            good = low < radius < high and radius <= most
        else:
            sigma = torch.as_tensor(radius, dtype=dtype)
            good = bool((torch.isfinite(sigma) & (sigma > 0) & (sigma <= most)).all())
    except (TypeError, ValueError, RuntimeError, OverflowError):  # not a number at all
        good = False
    if not good:
        bits = " in 32 bits" if dtype == torch.float32 else ""
        limit = "finite" if most == math.inf else f"at most {most:g}"
        raise ValueError(f"Invalid radius: {shown(radius)}, must be positive and {limit}{bits}")


def check_zeta(zeta: Any) -> None:
    """Refuse a zeta that is not one positive and finite number.

    Raises:
        ValueError: If it is not.
    """
    if not is_positive(zeta):
        raise ValueError(f"Invalid zeta: {shown(zeta)}, must be positive and finite")


def check_probes(
    x: Tensor, directions: Tensor, radius: Any, zeta: Any, largest: float = math.inf
) -> None:
    """Refuse points ``(..., D)`` and directions ``(k, ..., D)`` that cannot be probed together.

    Raises:
        ValueError: If shapes do not fit, or a number is out of its range.
    """
    try:
        lead = torch.broadcast_shapes(x.shape, directions.shape[1:])[:-1]
        fits = len(directions) > 0 and directions.shape[-1] == x.shape[-1]
    except (RuntimeError, IndexError):
        lead, fits = torch.Size(), False
    if not fits or directions.ndim < 2 or not x.is_floating_point():
        raise ValueError(
            f"Invalid directions: shape {tuple(directions.shape)} for {x.dtype} points "
            f"{tuple(x.shape)}, must be (k, ..., D), k at least 1, for floating points (..., D)"
        )
    check_radius(radius, x.dtype, largest)
    check_fits("radius", radius, lead)
    check_zeta(zeta)


def check_gradients(gradients: Tensor, dim: int | None = None) -> None:
    """Refuse what is not at least one gradient of some points, ``(n, ..., D)``, floating.

    Raises:
        ValueError: If it is not, or D is not ``dim``.
    """
    shape = gradients.shape
    fits = len(shape) > 1 and shape[0] > 0 and (shape[-1] == dim if dim else shape[-1] > 0)
    if not fits or not gradients.is_floating_point():
        raise ValueError(
            f"Invalid gradients: {gradients.dtype} {tuple(shape)}, must be floating "
            f"(n, ..., {dim or 'D'}) with n at least 1"
        )
