"""What a landscape is: an objective together with the facts that are known about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from landscapes.checks import check_point, check_window

Point = tuple[float, float]
Prox = Callable[[Tensor, float | Tensor], Tensor]
"""``prox(x, step)``: ``x`` of shape ``(..., D)``, ``step`` a number or ``(...)``, at least 0."""
Group = Literal["kinked", "smooth", "stepped"]


SIGN = "="  # what the name of an own function begins with; no key of the catalogue does


def is_own(name: str) -> bool:
    """Whether a landscape's name is a function (see :mod:`landscapes.own`) rather than a key."""
    return name.lstrip().startswith(SIGN)


class Objective(Protocol):
    """A scalar function of a point; leading axes are independent points.

    A plain function will do; callers then take the gradient by autograd. Where f has no finite
    value it is infinite or NaN there, and nowhere else; so may the gradient be, or any number.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return ``f(x)``, shape ``(...)``, for ``x`` of shape ``(..., D)``."""
        ...


@runtime_checkable
class DifferentiableObjective(Objective, Protocol):
    """An objective that knows its own gradient."""

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``f(x)``, shape ``(...)``, and one generalised gradient, shape ``(..., D)``."""
        ...


@dataclass(frozen=True)
class Landscape:
    """A function of the plane and what is known about it.

    Attributes:
        name: The key it is found under, e.g. ``"nonsmooth-rosenbrock"``.
        title: Its name in words.
        formula: The text it is compiled from, or None where no formula can say it.
        latex: The formula for display, without dollar signs.
        source: Where it comes from.
        note: One sentence on what it teaches.
        value: The objective, ``(..., 2) -> (...)``.
        window: ``((x_min, x_max), (y_min, y_max))``; what to draw, never a constraint.
        start: The usual starting point.
        minimisers: Known global minimisers; representatives where they form a set.
        minimum: The least value, or None if unknown.
        group: ``"kinked"``, ``"smooth"`` (controls) or ``"stepped"`` (quantization).
        convex: Whether f is convex.
        regular: Whether f is Clarke regular (convex, or a maximum of smooth functions).
        kinks: Functions whose zero sets hold the points where f is not differentiable; NaN where
            the kink is hidden under another piece.
        smooth: The smooth part where ``f = smooth + h`` with a known proximal map of ``h``.
        prox: The proximal map of ``h``.
        traps: Stationary points that are not minima and catch optimizers.
        proved: Whether ``minimum`` is known; otherwise it is the least that a search has found.

    Raises:
        ValueError: If the window is empty or not finite, a point is not two finite numbers, the
            minimum is not finite, or the group is none.
    """

    name: str
    title: str
    formula: str | None
    latex: str
    source: str
    note: str
    value: Objective
    window: tuple[Point, Point]
    start: Point
    minimisers: tuple[Point, ...]
    minimum: float | None
    group: Group
    convex: bool
    regular: bool
    kinks: tuple[Objective, ...] = ()
    smooth: Objective | None = None
    prox: Prox | None = None
    traps: tuple[Point, ...] = ()
    proved: bool = True

    def __post_init__(self) -> None:
        check_window(self.window)
        check_point("start", self.start)
        for name in ("minimisers", "traps"):
            for point in getattr(self, name):
                check_point(name, point)
        if self.minimum is not None and not math.isfinite(self.minimum):
            raise ValueError(f"Invalid minimum: {self.minimum}, must be finite, or None if unknown")
        if self.group not in get_args(Group):
            raise ValueError(f"Invalid group: {self.group!r}, must be one of {get_args(Group)}")

    def gap_at(self, point: Point) -> float:
        """Return ``f - f*`` at a point; infinite or NaN where f is.

        Raises:
            ValueError: If the minimum is not known, or the point has not two coordinates.
        """
        if self.minimum is None:
            raise ValueError(f"the minimum of {self.name} is not known")
        return float(self.value(torch.tensor(point, dtype=torch.float64))) - self.minimum

    @property
    def stem(self) -> str:
        """What files about it are called: its key, or ``own-function``."""
        return "own-function" if is_own(self.name) else self.name

    @property
    def label(self) -> str:
        """What a sentence calls it: its key, or ``this function``."""
        return "this function" if is_own(self.name) else self.name
