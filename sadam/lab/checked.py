"""What is measured where and how, checked: windows, radii, strengths, numbers of probes."""

from __future__ import annotations

from sadam.lab.codec import SpecError, from_plain
from sadam.lab.spec import Window

MAX_COORDINATE = 1e6


def checked_window(window: object) -> Window:
    """Return a window of two increasing pairs.

    Raises:
        SpecError: If it is none.
    """
    sides = from_plain(Window, window, "window")
    for name, (low, high) in zip("xy", sides, strict=True):
        furthest = max(abs(low), abs(high))
        if furthest > MAX_COORDINATE or high - low < 1e-9 * (1 + furthest):
            raise SpecError(
                f"window goes from {low:g} to {high:g} in {name}, but must go from less to more, "
                f"within +-{MAX_COORDINATE:g}"
            )
    return sides


def positive(name: str, value: object, *, zero: bool = False) -> float:
    """Return a positive number, or 0 where that is allowed.

    Raises:
        SpecError: If it is none.
    """
    number = from_plain(float, value, name)
    if number < 0 or (number == 0 and not zero):
        raise SpecError(f"{name} is {number:g}, but must be {'at least' if zero else 'above'} 0")
    return number


def checked_radius(value: object, name: str = "radius") -> float:
    """Return a probe radius: above 0, and within what coordinates may be.

    Raises:
        SpecError: If it is none.
    """
    radius = positive(name, value)
    if radius > MAX_COORDINATE:
        raise SpecError(f"{name} is {radius:g}, but must be at most {MAX_COORDINATE:g}")
    return radius


def check_enough_probes(num_probes: int, name: str = "num_probes") -> None:
    """Refuse one-sided probing with one probe.

    Raises:
        SpecError: If there are fewer than two.
    """
    if num_probes < 2:
        raise SpecError(
            f"one-sided probes need {name} of at least 2, not {num_probes}: they measure the "
            "variance of the slopes, and one number has none (the published formula then gives 0 "
            "everywhere and never brakes)"
        )
