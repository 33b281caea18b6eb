"""Ticks of an axis of ratios."""

from __future__ import annotations

import math
from typing import Any


def factor_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a logarithmic axis of ratios: a factor either way of 1.

    Args:
        low: The least ratio that is drawn, positive.
        high: The largest, finite.
    """
    most = max(1 / low, high, 2.0)
    powers = range(1, math.ceil(math.log10(most)) + 1)
    if most <= 100:
        digits = (1, 2, 5) if most <= 20 else (1, 3)
        factors = [digit * 10 ** (power - 1) for power in powers for digit in digits]
    else:
        factors = [10**power for power in powers[:: math.ceil(len(powers) / 4)]]
    factors = [number for number in factors if number > 1]
    told = [
        f"{number}×" if number < 1000 else f"10<sup>{math.log10(number):.0f}</sup>×"
        for number in factors
    ]
    return {
        "tickvals": [*(1 / number for number in factors), 1, *factors],
        "ticktext": [*told, "1", *told],
    }
