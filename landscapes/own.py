"""A visitor's own function: a landscape whose name says everything about it.

    get("= abs(x) + b*abs(y); b = 10; window = -3, 3, -2, 2; start = -1.5, 1")

So wherever a key of the catalogue will do (a spec, a link, a command), a formula will do too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from landscapes.base import SIGN, Landscape, Point
from landscapes.checks import check_window, shown
from landscapes.formula import Formula, free_names
from landscapes.from_formula import landscape_from_formula

WINDOW: tuple[Point, Point] = ((-3.0, 3.0), (-3.0, 3.0))
MAX_COORDINATE = 1e6
_START = (0.25, 0.8)  # of the window, where no start is given: off the axes and the diagonals


def own_name(
    text: str,
    parameters: Mapping[str, float] | None = None,
    window: tuple[Point, Point] = WINDOW,
    start: Point | None = None,
) -> str:
    """Return the name under which :func:`landscapes.get` finds a function.

    Any text makes a name; that it says a function is checked where it is looked up.

    Args:
        text: The formula; see :class:`landscapes.formula.Formula`.
        parameters: Values of the names in it; 1 for those that are not given.
        window: What to draw, ``((x_min, x_max), (y_min, y_max))``.
        start: Where to start; by default a point of the window.

    Raises:
        ValueError: If window or start are not four and two numbers.
    """
    if [len(side) for side in window] != [2, 2] or (start is not None and len(start) != 2):
        raise ValueError(
            f"Invalid window or start: {shown(window)}, {shown(start)}, must be "
            "((x_min, x_max), (y_min, y_max)) and (x, y)"
        )
    parts = [f"{SIGN} {text.strip()}"]
    parts += [f"{name} = {_text(value)}" for name, value in sorted((parameters or {}).items())]
    if window != WINDOW:
        parts.append(f"window = {_text(*window[0], *window[1])}")
    if start is not None:
        parts.append(f"start = {_text(*start)}")
    return "; ".join(parts)


@lru_cache(maxsize=128)
def own_landscape(name: str) -> Landscape:
    """Return the landscape of such a name; its minimum is searched for, not proved.

    It is None where f has no finite value in the window, or falls on and on.

    Raises:
        FormulaError: If the formula is none; it names the column within the formula.
        ValueError: If a parameter, the window or the start is not what it must be: numbers within
            +-1e6, each min of the window below its max.
    """
    text, parameters, window, start = parse_own(name)
    given = {part.partition("=")[0].strip() for part in name.split(";")[1:]}
    formula = Formula.parse(text, parameters)
    least = least_value(formula, window)
    point = least is not None and not _level(formula, window, least[1])
    values = ", ".join(f"{key} = {value:g}" for key, value in parameters.items())
    landscape = landscape_from_formula(
        text,
        parameters,
        name=own_name(text, parameters, window, start if "start" in given else None),
        title="Your own function" + (f" ({values})" if values else ""),
        window=window,
        start=start,
        minimisers=(least[0],) if least is not None and point else (),
        minimum=None if least is None else least[1],
    )
    searched = "its minimum by search: it may be another"
    if least is None:
        searched = "a search found no minimum"
    if landscape.note:
        note = f"Typed in, {searched}. {landscape.note}"
    else:
        note = f"Typed in. Its kinks are found from the formula, {searched}."
    return replace(landscape, proved=False, note=note)


def parse_own(name: str) -> tuple[str, dict[str, float], tuple[Point, Point], Point]:
    """Take the name of an own function apart: formula, parameters, window and start.

    Raises:
        FormulaError: As :func:`own_landscape`.
        ValueError: As :func:`own_landscape`.
    """
    text, *settings = (part.strip() for part in name.strip().removeprefix(SIGN).split(";"))
    names = free_names(text)
    parameters = dict.fromkeys(names, 1.0)
    window, start = WINDOW, None
    for setting in filter(None, settings):
        key, _, value = (part.strip() for part in setting.partition("="))
        if key == "window":
            x0, x1, y0, y1 = _numbers(key, value, 4)
            if not (x0 < x1 and y0 < y1):
                raise ValueError(
                    f"window = {value} is empty: it must be x_min, x_max, y_min, y_max with each "
                    "min below its max"
                )
            window = ((x0, x1), (y0, y1))
        elif key == "start":
            start = _numbers(key, value, 2)
        elif key in names:
            (parameters[key],) = _numbers(key, value, 1)
        else:
            known = ", ".join((*names, "window", "start"))
            raise ValueError(f"the function has nothing called {key[:40]!r} to set, only {known}")
    if start is None:
        start = tuple(_between(*side, share) for share, side in zip(_START, window, strict=True))
    return text, parameters, window, start  # type: ignore[return-value]


def _between(low: float, high: float, share: float) -> float:
    """A number so far along a side of the window, of six decimals where they are near enough."""
    exact = low + share * (high - low)
    short = round(exact, 6)
    return short if abs(short - exact) <= 0.05 * (high - low) else exact


def least_value(f: Formula, window: tuple[Point, Point]) -> tuple[Point, float] | None:
    """Search a window, and where the best of it leads, for the least value.

    Differential evolution over the window, then Nelder and Mead from its best point, both SciPy's.

    Args:
        f: The function.
        window: ``((x_min, x_max), (y_min, y_max))``, finite, each min below its max.

    Returns:
        A minimiser and the value there; None where f has no finite value in the window, or falls
        on and on, beyond it or into a pole.

    Raises:
        ValueError: If the window is empty or not finite.
    """
    check_window(window)
    from scipy.optimize import differential_evolution, minimize  # late: half a second

    def values(points):  # (2, n) -> (n,)
        found = f(torch.from_numpy(points.T.copy()).to(torch.float64))
        return torch.nan_to_num(found, nan=math.inf, posinf=math.inf, neginf=-math.inf).numpy()

    with np.errstate(over="ignore", invalid="ignore"):  # its spread of values may be infinite
        best = differential_evolution(
            values, window, seed=0, vectorized=True, updating="deferred", polish=False,
            popsize=20, maxiter=120, tol=1e-9,
        )  # fmt: skip
    if not math.isfinite(best.fun):
        return None
    fine = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 400}
    with np.errstate(over="ignore", invalid="ignore"):  # on its way into a pole
        near = minimize(lambda p: float(values(p[:, None])[0]), best.x, method="Nelder-Mead",
                        options=fine)  # fmt: skip
    x, y = map(float, near.x if near.fun <= best.fun else best.x)
    value = float(min(near.fun, best.fun))
    outside = any(
        not low - (high - low) <= at <= high + (high - low)
        for at, (low, high) in zip((x, y), window, strict=True)
    )
    if outside or not math.isfinite(value) or _is_pole(values, np.array([x, y]), value, window):
        return None
    return (x, y), value


def _is_pole(
    values: Callable[[np.ndarray], np.ndarray],
    at: np.ndarray,
    value: float,
    window: tuple[Point, Point],
) -> bool:
    """Whether f falls more from a tiny circle to a point than from a circle a thousand times wider.

    Towards a minimum it falls less and less, into a pole such as that of 1/x more and more.
    """
    size = max(high - low for low, high in window)
    turns = np.linspace(0.0, 2 * math.pi, 33)[:-1] + 0.1
    ring = np.stack([np.cos(turns), np.sin(turns)])
    wide, near = (float(values(at[:, None] + r * size * ring).min()) for r in (1e-3, 1e-6))
    return near - value > max(2 * (wide - near), 1e-6 * (1 + abs(near)))


def _level(f: Formula, window: tuple[Point, Point], value: float) -> bool:
    """Whether f is a constant over the window, as far as a grid can tell: no point is its least."""
    x, y = (torch.linspace(*side, 41, dtype=torch.float64) for side in window)
    return bool((f(torch.cartesian_prod(x, y)) == value).all())


def _numbers(key: str, text: str, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(abs(n) <= MAX_COORDINATE for n in numbers):
        what = "a number" if count == 1 else f"{count} numbers with commas between them"
        raise ValueError(f"{key} = {text[:40]!r} must be {what}, each within +-{MAX_COORDINATE:g}")
    return numbers


def _text(*numbers: float) -> str:
    return ", ".join(repr(float(n)).removesuffix(".0") for n in numbers)
