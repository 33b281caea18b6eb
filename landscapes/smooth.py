"""Smooth landscapes: controls on which an estimator of non-smoothness must stay silent."""

from __future__ import annotations

from landscapes.from_formula import landscape_from_formula

SMOOTH = (
    landscape_from_formula(
        "(x**2 + 10*y**2)/2",
        name="bowl",
        title="Elongated bowl",
        source="textbook quadratic",
        note="Ten times steeper one way than the other: the simplest place to see what momentum "
        "and per-coordinate scaling are for.",
        window=((-3.0, 3.0), (-2.0, 2.0)),
        start=(-2.5, 1.5),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        group="smooth",
        convex=True,
        regular=True,
    ),
    landscape_from_formula(
        "(1 - x)**2 + 100*(y - x**2)**2",
        name="rosenbrock",
        title="Rosenbrock's banana",
        source="Rosenbrock 1960",
        note="A curved valley with steep walls and a nearly flat floor: slow going for a gradient "
        "method although there is no kink anywhere.",
        window=((-2.0, 2.0), (-1.0, 3.0)),
        start=(-1.2, 1.0),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        group="smooth",
        convex=False,
        regular=True,
    ),
    landscape_from_formula(
        "(x**2 + y - 11)**2 + (x + y**2 - 7)**2",
        name="himmelblau",
        title="Himmelblau's four valleys",
        source="Himmelblau 1972",
        note="Four minima of equal depth and not one kink: where a run starts decides which of "
        "them it finds.",
        window=((-5.0, 5.0), (-5.0, 5.0)),
        start=(0.0, 0.0),
        minimisers=(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286169),
            (3.584428340330492, -1.848126526964404),
        ),
        minimum=0.0,
        group="smooth",
        convex=False,
        regular=True,
    ),
    landscape_from_formula(
        "20 + x**2 + y**2 - 10*cos(2*pi*x) - 10*cos(2*pi*y)",
        name="rastrigin",
        title="Rastrigin's egg box",
        source="Rastrigin 1974",
        note="A bowl covered with smooth dimples: rough to a probe as wide as a dimple, perfectly "
        "smooth to a small one.",
        window=((-5.0, 5.0), (-5.0, 5.0)),
        start=(3.2, -2.6),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        group="smooth",
        convex=False,
        regular=True,
    ),
)
