"""Arguments that cannot be, refused in one sentence that names them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

LONGEST = 60  # characters of a value that a sentence repeats


# As sadam.text has it, which nothing here may import.
def shown(value: Any) -> str:
    """Return a value as one line of at most 60 characters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number beyond all bounds"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def check_whole(name: str, value: Any, least: int = 0) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:  # type: ignore[unsupported-operation]
        raise ValueError(
            f"Invalid {name}: {shown(value)}, must be a whole number of at least {least}"
        )


def check_amount(name: str, value: Any) -> None:
    """Refuse what is not a finite number of at least 0.

    Raises:
        ValueError: If it is not.
    """
    if not _finite(value, 1) or value < 0:
        raise ValueError(f"Invalid {name}: {shown(value)}, must be finite and at least 0")


def check_point(name: str, value: Any) -> None:
    """Refuse what is not a point of the plane: two finite numbers.

    Raises:
        ValueError: If it is not.
    """
    if not _finite(value, 2):
        raise ValueError(f"Invalid {name}: {shown(value)}, must be two finite numbers (x, y)")


def check_window(window: Any) -> None:
    """Refuse what is not ``((x_min, x_max), (y_min, y_max))``, finite, each min below its max.

    Raises:
        ValueError: If it is not.
    """
    sides = list(window) if isinstance(window, Sequence) else []
    good = [_finite(side, 2) and 0 < side[1] - side[0] < math.inf for side in sides]
    if good != [True, True]:
        raise ValueError(
            f"Invalid window: {shown(window)}, must be ((x_min, x_max), (y_min, y_max)), finite, "
            "with each min below its max"
        )


def _finite(value: Any, count: int) -> bool:
    """Whether a value is a finite number (count 1), or so many of them."""
    try:
        numbers = [value] if count == 1 else list(value)
        return len(numbers) == count and all(map(math.isfinite, numbers))
    except (TypeError, ValueError, OverflowError):
        return False
