"""A formula's text to a landscape; the same way for the catalogue and for a visitor's own."""

from __future__ import annotations

from collections.abc import Mapping

from landscapes.base import Group, Landscape, Objective, Point, Prox
from landscapes.formula import Formula
from landscapes.kinks import MAX_WORK, real_kinks


def landscape_from_formula(
    text: str,
    parameters: Mapping[str, float] | None = None,
    *,
    name: str = "custom",
    title: str = "Your own function",
    source: str = "typed in",
    note: str = "",
    window: tuple[Point, Point] = ((-3.0, 3.0), (-3.0, 3.0)),
    start: Point = (-1.5, 1.0),
    minimisers: tuple[Point, ...] = (),
    minimum: float | None = None,
    group: Group | None = None,
    convex: bool = False,
    regular: bool = False,
    latex: str | None = None,
    kinks: tuple[Objective, ...] | None = None,
    smooth: Objective | None = None,
    prox: Prox | None = None,
    traps: tuple[Point, ...] = (),
) -> Landscape:
    """Make a landscape of a formula.

    Args:
        text: The formula; see :class:`landscapes.formula.Formula`.
        parameters: Values of the names in it; finite.
        name: The key.
        title: Its name in words.
        source: Where it comes from.
        note: One sentence on what it teaches.
        window: What to draw.
        start: Where to start.
        minimisers: Known global minimisers.
        minimum: The least value, if known.
        group: If not given, ``"kinked"`` where kinks are found in the window, else ``"smooth"``.
        convex: Whether it is known to be convex.
        regular: Whether it is known to be Clarke regular.
        latex: For display, instead of the formula's own.
        kinks: Instead of those found in the window; of a formula with more places for one than can
            be looked at (:data:`landscapes.kinks.MAX_WORK`), none are, and the note says so.
        smooth: The smooth part of a composite function.
        prox: The proximal map of its other part.
        traps: Stationary points that are not minima.

    Raises:
        FormulaError: If the text is not a formula, or a parameter is not finite.
        ValueError: As :class:`landscapes.base.Landscape`.
    """
    formula = Formula.parse(text, parameters)
    many = len(formula.kinks) * formula.kink_operations if kinks is None else 0
    if many > MAX_WORK:  # a second and more, and as many lines as nobody can read
        kinks, group = (), group or "kinked"
        note = (
            f"{note} Its kinks are neither drawn nor counted: it has {len(formula.kinks)} places "
            f"for one, which take {formula.kink_operations} operations to look at; {MAX_WORK:,} "
            "is the most for the product of both numbers."
        ).strip()
    if kinks is None:
        kinks = real_kinks(
            formula, formula.kinks, window, formula.kink_values, formula.kink_operations
        )
    return Landscape(
        name=name,
        title=title,
        formula=text,
        latex=latex or formula.latex,
        source=source,
        note=note,
        value=formula,
        window=window,
        start=start,
        minimisers=minimisers,
        minimum=minimum,
        group=group or ("kinked" if kinks else "smooth"),
        convex=convex,
        regular=regular,
        kinks=kinks,
        smooth=smooth,
        prox=prox,
        traps=traps,
    )
