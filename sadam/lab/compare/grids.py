"""Grids of hyperparameters: learning rates for all rules, axes for those that have them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sadam.lab.codec import (
    MAX_ITEMS,
    SpecError,
    from_plain,
    from_text,
    nearest,
    to_plain,
)
from sadam.lab.rulebook import LabelledRules, build_rule, types_of, values_of
from sadam.rules import MomentRule, key_of
from sadam.text import shown

MAX_VALUES = 64  # of one axis

AXES = ("damping", "radius", "num_probes", "weight_decay", "momentum", "l1", "eps")
"""Hyperparameters that an axis may vary, besides the learning rate, which has its own grid."""


@dataclass(frozen=True)
class Axis:
    """Values of a hyperparameter, tried on every rule that has it.

    A spec checks them: 1 to 64, increasing, allowed for each of the rules.

    Attributes:
        name: One of :data:`AXES`.
        values: Numbers; of ``num_probes`` whole ones.
    """

    name: str
    values: tuple[float, ...]


def log_grid(low: float, high: float, number: int) -> tuple[float, ...]:
    """Return numbers evenly spaced by factors, with few digits; ``number`` of them.

    Args:
        low: The first, above 0.
        high: The last, at least ``low``.
        number: How many, 1 to 10 000; of one only ``low`` is left.

    Raises:
        SpecError: If the ends are not positive and in order, or there are none or too many numbers.
    """
    low, high, number = _checked_grid(low, high, number)
    if not (0 < low <= high and math.isfinite(high)) or number < 1:
        raise SpecError(
            f"{low:g}:{high:g}:{number} is no grid: it must go from a positive number up to "
            "another, in at least one value"
        )
    if number == 1:
        return (low,)
    factor = high / low
    if math.isinf(factor):  # of ends as far apart as float64 goes
        step = (math.log(high) - math.log(low)) / (number - 1)
        inner = [math.exp(math.log(low) + i * step) for i in range(1, number - 1)]
    else:
        step = math.log(factor) / (number - 1)
        inner = [low * math.exp(i * step) for i in range(1, number - 1)]
    return (low, *(float(f"{value:.6g}") for value in inner), high)


def _checked_grid(low: Any, high: Any, number: Any) -> tuple[float, float, int]:
    number = from_plain(int, number, "the number of values")
    if number > MAX_ITEMS:
        raise SpecError(
            f"a grid of {shown(number)} values is too large, at most {MAX_ITEMS} are made"
        )
    return from_plain(float, low, "the low end"), from_plain(float, high, "the high end"), number


def linear_grid(low: float, high: float, number: int) -> tuple[float, ...]:
    """Return numbers evenly spaced by differences, with few digits; arguments as :func:`log_grid`.

    Either end may be negative.

    Raises:
        SpecError: If the ends are not in order, or there are none or too many numbers.
    """
    low, high, number = _checked_grid(low, high, number)
    if not (low <= high and math.isfinite(high - low)) or number < 1:
        raise SpecError(f"{low:g}:{high:g}:{number} is no grid: it must go up, in at least 1 value")
    if number == 1:
        return (low,)
    step = (high - low) / (number - 1)
    return (low, *(float(f"{low + i * step:.6g}") for i in range(1, number - 1)), high)


def numbers_from_text(
    text: str, name: str, make: Callable[[float, float, int], tuple[float, ...]]
) -> tuple[float, ...]:
    """Return the numbers that ``"0.1,0.2"`` or ``"LOW:HIGH:N"`` says.

    Args:
        text: What was typed.
        name: How a message calls it.
        make: Makes a grid of its ends and number of values.

    Raises:
        SpecError: If it says none.
    """
    if ":" not in text:
        return from_text(tuple[float, ...], text, name)
    parts = text.split(":")
    if len(parts) != 3:
        raise SpecError(f"{name} must look like LOW:HIGH:N, but is {shown(text)}")
    low, high = (from_text(float, part, name) for part in parts[:2])
    return make(low, high, from_text(int, parts[2], name))


def increasing(name: str, values: Any, most: int) -> tuple[float, ...]:
    """Return positive, increasing numbers, finite ones.

    Raises:
        SpecError: If they are not, or there are none, or more than ``most``.
    """
    numbers = from_plain(tuple[float, ...], values, name)
    if not numbers:
        raise SpecError(f"{name} must hold at least one number")
    if len(numbers) > most:
        raise SpecError(f"{len(numbers)} {name} are too many, at most {most} are allowed")
    if numbers[0] <= 0 or any(a >= b for a, b in pairwise(numbers)):
        raise SpecError(f"{name} must be positive and increasing, but are {shown(numbers)}")
    return numbers


def check_axes(axes: Any, rules: LabelledRules) -> tuple[Axis, ...]:
    """Return axes whose every value is allowed for every rule that has the hyperparameter.

    Raises:
        SpecError: If one is not.
    """
    axes = from_plain(tuple[Axis, ...], to_plain(axes), "axes")
    for i, axis in enumerate(axes):
        if axis.name not in AXES:
            raise SpecError(f"{shown(axis.name)} cannot be varied: {nearest(axis.name, AXES)}")
        if axis.name in [a.name for a in axes[:i]]:
            raise SpecError(f"{axis.name} is varied twice")
        if not axis.values or len(axis.values) > MAX_VALUES:
            raise SpecError(
                f"{axis.name} has {len(axis.values)} values, but must have from 1 to {MAX_VALUES}"
            )
        if any(a >= b for a, b in pairwise(axis.values)):
            raise SpecError(f"the values of {axis.name} must increase: {shown(axis.values)}")
        having = [(n, r) for n, r in rules if axis.name in types_of(r)]
        if not having:
            raise SpecError(f"none of the rules has a hyperparameter {axis.name!r} to vary")
        for label, rule in having:
            for value in axis.values:
                changed(label, rule, **{axis.name: value})
    return axes


def changed(label: str, rule: MomentRule, **changes: Any) -> MomentRule:
    """Return the rule of a label with some hyperparameters changed.

    Raises:
        SpecError: If the rule has no such hyperparameter, or a value is not allowed.
    """
    types, values = types_of(rule), values_of(rule)
    for name, value in changes.items():
        if name not in types:
            raise SpecError(f"{label} has no hyperparameter {shown(name)}: {nearest(name, types)}")
        if types[name] is int and isinstance(value, float | np.floating) and value.is_integer():
            value = int(value)
        values[name] = from_plain(types[name], value, f"{name} of {label}")
    return build_rule(label, key_of(rule), values)
