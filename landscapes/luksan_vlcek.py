"""Kinked landscapes of the collection of Luksan and Vlcek."""

from __future__ import annotations

import math

from landscapes.base import Landscape
from landscapes.from_formula import landscape_from_formula


def _kinked(name: str, title: str, text: str, note: str, **facts) -> Landscape:
    return landscape_from_formula(
        text,
        name=name,
        title=title,
        source="Luksan & Vlcek 2000, Test problems for nonsmooth unconstrained and linearly "
        "constrained optimization",
        note=note,
        group="kinked",
        **facts,
    )


LUKSAN_VLCEK = (
    _kinked(
        "crescent",
        "Crescent",
        "y + abs(x**2 + (y - 1)**2 - 1)",
        "The valley is a circle with a kink along its whole floor: steps that are too long bounce "
        "between its walls instead of following it round.",
        start=(-1.5, 2.0),
        window=((-2.0, 2.0), (-1.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "cb2",
        "CB2 (Charalambous-Bandler)",
        "max(x**2 + y**4, (2 - x)**2 + (2 - y)**2, 2*exp(y - x))",
        "The largest of three smooth bowls: two of them meet at the minimum, and neither has a "
        "small gradient there.",
        start=(1.0, -0.1),
        window=((-1.0, 3.0), (-2.0, 3.0)),
        minimisers=((1.1390376519926627, 0.8995599383953929),),
        minimum=1.952224493870659,
        convex=True,
        regular=True,
    ),
    _kinked(
        "cb3",
        "CB3 (Charalambous-Bandler)",
        "max(x**4 + y**2, (2 - x)**2 + (2 - y)**2, 2*exp(y - x))",
        "All three pieces meet at the minimum, a corner that pins the point in every direction.",
        start=(2.0, 2.0),
        window=((-1.0, 3.0), (-1.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=2.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "dem",
        "DEM (Demyanov-Malozemov)",
        "max(5*x + y, -5*x + y, x**2 + y**2 + 4*y)",
        "A steep V-shaped gully runs down to the minimum: across it the gradient jumps by 10, "
        "along it the slope is only 1.",
        start=(1.0, 1.0),
        window=((-4.0, 4.0), (-6.0, 2.0)),
        minimisers=((0.0, -3.0),),
        minimum=-3.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "ql",
        "QL (quadratic and linear)",
        "x**2 + y**2 + 10*max(0, -4*x - y + 4, -x - 2*y + 6)",
        "An exact penalty: two linear constraints become kinks, and the minimum sits on one of "
        "them, where the constrained problem has its solution.",
        start=(-1.0, 5.0),
        window=((-2.0, 5.0), (-1.0, 6.0)),
        minimisers=((1.2, 2.4),),
        minimum=7.2,
        convex=True,
        regular=True,
    ),
    _kinked(
        "lq",
        "LQ (linear and quadratic)",
        "-x - y + max(0, x**2 + y**2 - 1)",
        "A tilted plane inside the unit circle, a bowl outside: the minimum lies on the circular "
        "kink, with a slope of sqrt(2) on its inner side.",
        start=(-0.5, -0.5),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((math.sqrt(0.5), math.sqrt(0.5)),),
        minimum=-math.sqrt(2.0),
        convex=True,
        regular=True,
    ),
    _kinked(
        "mifflin1",
        "Mifflin 1",
        "-x + 20*max(0, x**2 + y**2 - 1)",
        "Outside the circle the slope is about 40, inside it is 1: the same step is far too long "
        "on one side and far too short on the other.",
        start=(0.8, 0.6),
        window=((-1.5, 1.5), (-1.5, 1.5)),
        minimisers=((1.0, 0.0),),
        minimum=-1.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "mifflin2",
        "Mifflin 2",
        "-x + 2*(x**2 + y**2 - 1) + 1.75*abs(x**2 + y**2 - 1)",
        "It looks like a sum with a kinked ring, yet it is convex: twice t and 1.75 times abs(t) "
        "together are the larger of 0.25 t and 3.75 t.",
        start=(-1.0, -1.0),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((1.0, 0.0),),
        minimum=-1.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "wolfe",
        "Wolfe's trap",
        "where(x >= abs(y), 5*sqrt(9*x**2 + 16*y**2),"
        " where(x > 0, 9*x + 16*abs(y), 9*x + 16*abs(y) - x**9))",
        "Convex, with kinks on the half-line y = 0, x <= 0 only: steepest descent with exact line "
        "search from (5, 4) runs into its end, the origin, although f still falls beyond it.",
        start=(3.0, 2.0),
        window=((-2.0, 5.0), (-4.0, 4.0)),
        minimisers=((-1.0, 0.0),),
        minimum=-8.0,
        convex=True,
        regular=True,
        traps=((0.0, 0.0),),
    ),
    _kinked(
        "spiral",
        "Spiral",
        "max((x - sqrt(x**2 + y**2)*cos(sqrt(x**2 + y**2)))**2,"
        " (y - sqrt(x**2 + y**2)*sin(sqrt(x**2 + y**2)))**2) + 0.005*(x**2 + y**2)",
        "The only way down is a spiral path, which methods follow slowly because every short cut "
        "leads uphill.",
        start=(1.418, -4.795),
        window=((-6.0, 6.0), (-6.0, 6.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "mxhilb",
        "MXHILB, Hilbert matrix in the max norm",
        "max(abs(x + y/2), abs(x/2 + y/3))",
        "A polyhedral valley stretched by an ill-conditioned matrix: straight kinks that no "
        "coordinate axis is aligned with.",
        start=(1.0, 1.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "l1hilb",
        "L1HILB, Hilbert matrix in the 1-norm",
        "abs(x + y/2) + abs(x/2 + y/3)",
        "Two kinks cross at an angle of 7 degrees: the gradient takes just four values on the "
        "whole plane, and none of them is near 0.",
        start=(1.0, 1.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "maxq",
        "MAXQ, largest square",
        "max(x**2, y**2)",
        "Kinks along both diagonals that fade towards the minimum, where the function is "
        "differentiable: the jump shrinks with the distance.",
        start=(1.0, -2.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "maxl",
        "MAXL, largest modulus",
        "max(abs(x), abs(y))",
        "A square pyramid: the gradient sees one coordinate at a time and has length 1 right up to "
        "the minimum.",
        start=(1.0, -2.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "goffin",
        "Goffin's polyhedron (n = 2)",
        "abs(x - y)",
        "One straight kink, and every point of it is a minimum: the purest picture of chattering.",
        start=(1.0, -2.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0), (-1.5, -1.5), (2.0, 2.0)),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
)
