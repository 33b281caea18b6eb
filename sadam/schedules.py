"""Learning-rate schedules: factors that multiply ``lr``, step by step (MATH.md section 2).

A number of steps is whole and at least 0; anything else is a ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from sadam.checks import check_whole, shown


def constant(steps: int) -> Tensor:
    """1 at every step; shape ``(steps,)``."""
    check_whole("steps", steps)
    return torch.ones(steps, dtype=torch.float64)


def inverse_sqrt(steps: int) -> Tensor:
    """``1 / sqrt(t)`` for t = 1..steps; shape ``(steps,)``."""
    check_whole("steps", steps)
    return torch.arange(1, steps + 1, dtype=torch.float64).rsqrt()


def cosine(steps: int) -> Tensor:
    """``(1 + cos(pi t / steps)) / 2`` for t = 1..steps, ending at 0; shape ``(steps,)``."""
    check_whole("steps", steps)
    t = torch.arange(1, steps + 1, dtype=torch.float64)
    return (1 + torch.cos(math.pi * t / steps)) / 2


SCHEDULES: Mapping[str, Callable[[int], Tensor]] = MappingProxyType(
    {"constant": constant, "inverse-sqrt": inverse_sqrt, "cosine": cosine}
)
"""Every schedule by its key on the command line and in a spec."""


def factors_of(schedule: str | Tensor, steps: int) -> Tensor:
    """Return the factors on the learning rate, ``(steps,)``, float64.

    Args:
        schedule: A key of :data:`SCHEDULES`, or the factors themselves, ``(steps,)``, finite and at
            least 0.
        steps: Number T of steps.

    Raises:
        ValueError: If there is no such schedule, or the factors are not T or out of their range.
    """
    if not isinstance(schedule, Tensor):
        if not isinstance(schedule, str) or schedule not in SCHEDULES:
            raise ValueError(
                f"Invalid schedule: {shown(schedule)}, must be one of {', '.join(SCHEDULES)}"
            )
        return SCHEDULES[schedule](steps)
    if schedule.shape != (steps,):
        raise ValueError(f"Invalid schedule: shape {tuple(schedule.shape)}, must be ({steps},)")
    if schedule.is_complex() or not bool((torch.isfinite(schedule) & (schedule >= 0)).all()):
        raise ValueError(
            f"Invalid schedule: {shown(schedule)}, its factors must be finite and at least 0"
        )
    return schedule.to(torch.float64)
