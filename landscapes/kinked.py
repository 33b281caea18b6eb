"""Landscapes with kinks from the literature, in the order of the catalogue."""

from __future__ import annotations

from landscapes.base import Landscape
from landscapes.formula import Formula
from landscapes.from_formula import landscape_from_formula
from landscapes.luksan_vlcek import LUKSAN_VLCEK
from landscapes.proximal import SoftThreshold

_HMM = "Haarala, Miettinen & Makela 2004"
_JBKM = "Joki, Bagirov, Karmitsa & Makela 2017"
_GO = "Gurbuzbalaban & Overton 2012, nonsmooth Chebyshev-Rosenbrock functions"


def _kinked(name: str, title: str, text: str, source: str, note: str, **facts) -> Landscape:
    return landscape_from_formula(
        text, name=name, title=title, source=source, note=note, group="kinked", **facts
    )


KINKED = (
    *LUKSAN_VLCEK,
    _kinked(
        "active-faces",
        "Active faces",
        "max(log(1 + abs(x)), log(1 + abs(y)), log(1 + abs(x + y)))",
        _HMM,
        "A funnel, steepest at its tip: the slope grows as the minimum comes nearer, so a fixed "
        "step overshoots exactly where precision is wanted.",
        start=(1.0, 1.0),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "brown2",
        "Brown's function 2",
        "abs(x)**(y**2 + 1) + abs(y)**(x**2 + 1)",
        _HMM,
        "It looks kinked along both axes, yet it is differentiable everywhere except at the "
        "minimum: exponents just above 1 make a bend too tight to see.",
        start=(-1.0, 1.0),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=False,
        regular=True,
        # On an axis away from the origin the exponent of what vanishes there exceeds 1, so f is
        # differentiable. Finite differences cannot tell: the slope turns like abs(x)**(y**2).
        kinks=(),
    ),
    _kinked(
        "l1",
        "Weighted 1-norm",
        "abs(x) + 10*abs(y)",
        "textbook; separable, with a known proximal map",
        "Two kinks on the axes, one ten times sharper: a coordinate that reaches 0 should stay "
        "there, and a proximal step, unlike a gradient step, lets it.",
        start=(2.3, 1.7),
        window=((-3.0, 3.0), (-3.0, 3.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
        smooth=Formula.parse("0"),
        prox=SoftThreshold((1.0, 10.0)),
    ),
    _kinked(
        "lasso",
        "Lasso",
        "0.5*((x - 1)**2 + 4*(y - 0.1)**2) + 0.5*(abs(x) + abs(y))",
        "Tibshirani 1996, in two variables",
        "A smooth bowl plus a 1-norm: the minimum has y exactly 0, which gradient steps hop "
        "across and a proximal step hits.",
        start=(-1.5, 1.5),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((0.5, 0.0),),
        minimum=0.395,
        convex=True,
        regular=True,
        smooth=Formula.parse("0.5*((x - 1)**2 + 4*(y - 0.1)**2)"),
        prox=SoftThreshold((0.5, 0.5)),
    ),
    _kinked(
        "nonsmooth-rosenbrock",
        "Nonsmooth Rosenbrock",
        "10*abs(y - x**2) + abs(1 - x)",
        "Xu, She, Jin & Wang 2026, first experiment",
        "Rosenbrock's valley with a kink for a floor: the steep walls push across, the way to the "
        "minimum leads along.",
        start=(-1.5, 2.0),
        window=((-2.0, 2.0), (-1.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "rosenbrock-8",
        "Nonsmooth Rosenbrock, weight 8",
        "8*abs(x**2 - y) + (1 - x)**2",
        "test function of HANSO and GRANSO (Burke, Lewis & Overton; Curtis, Mitchell & Overton)",
        "Along the kink the function is a smooth parabola, across it a sharp V: a minimum that is "
        "partly smooth.",
        start=(-1.0, 1.0),
        window=((-2.0, 2.0), (-1.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "chebyshev-n1",
        "Nonsmooth Chebyshev-Rosenbrock 1",
        "(x - 1)**2/4 + abs(y - 2*x**2 + 1)",
        _GO,
        "The kink follows the Chebyshev polynomial 2x^2 - 1, and (1, 1) is the only point where "
        "Clarke's condition for a minimum holds.",
        start=(-1.0, 1.0),
        window=((-2.0, 2.0), (-2.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        convex=False,
        regular=True,
    ),
    _kinked(
        "chebyshev-n2",
        "Nonsmooth Chebyshev-Rosenbrock 2",
        "abs(x - 1)/4 + abs(y - 2*abs(x) + 1)",
        _GO,
        "At (0, -1) the gradients nearby have 0 in their hull, so the point is Clarke stationary, "
        "yet f falls along (1, 2): stationary is not the same as minimal.",
        start=(-1.0, 1.0),
        window=((-2.0, 2.0), (-2.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        convex=False,
        regular=False,
        traps=((0.0, -1.0),),
    ),
    _kinked(
        "l1-rosenbrock",
        "L1 version of Rosenbrock",
        "abs(x - 1) + 100*abs(abs(x) - y)",
        f"{_JBKM}, problem 2",
        "A V-shaped valley a hundred times steeper across than along, with a sharp turn at the "
        "origin where one kink runs into another.",
        start=(-1.2, 1.0),
        window=((-2.0, 2.0), (-1.0, 3.0)),
        minimisers=((1.0, 1.0),),
        minimum=0.0,
        convex=False,
        regular=False,
    ),
    _kinked(
        "jbkm6",
        "Difference of convex functions, problem 6",
        "y + 0.1*(x**2 + y**2) + 10*max(0, -y) - abs(x) - abs(y)",
        f"{_JBKM}, problem 6",
        "The line x = 0 is a ridge: its kink points upwards and drives runs apart, the kink at "
        "y = 0 points downwards and holds them.",
        start=(10.0, 1.0),
        window=((-10.0, 10.0), (-3.0, 5.0)),
        minimisers=((5.0, 0.0), (-5.0, 0.0)),
        minimum=-2.5,
        convex=False,
        regular=False,
    ),
    _kinked(
        "jbkm10",
        "Difference of convex functions, problem 10",
        "x**2 + y**2 - abs(x - y)",
        f"{_JBKM}, problem 10",
        "The only kink is a ridge between two smooth minima: crossing it changes where a run ends, "
        "but nothing chatters on it.",
        start=(0.1, 0.2),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((0.5, -0.5), (-0.5, 0.5)),
        minimum=-0.5,
        convex=False,
        regular=False,
    ),
    _kinked(
        "partly-smooth",
        "Partly smooth",
        "max(3*x**2 + y**2 - y, x**2 + y**2 + y)",
        "Lewis 2002, partial smoothness; example of autoNSO",
        "The kink is a parabola through the minimum: sharp across it, smooth along it, so the way "
        "down splits into a fast and a slow direction.",
        start=(1.0, 1.0),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        convex=True,
        regular=True,
    ),
    _kinked(
        "hul-fan",
        "Fan of Hiriart-Urruty and Lemarechal",
        "max(-100, 2*x + 3*y, -2*x + 3*y, 5*x + 2*y, -5*x + 2*y)",
        "Hiriart-Urruty & Lemarechal 1993, Convex Analysis and Minimization Algorithms",
        "Planes folded like a fan: steepest descent with exact line search from (9, -3) zigzags "
        "into the origin and stalls, with the floor at -100 still far below.",
        start=(9.0, -3.0),
        window=((-40.0, 40.0), (-60.0, 20.0)),
        minimisers=((0.0, -50.0), (0.0, -55.0)),
        minimum=-100.0,
        convex=True,
        regular=True,
        traps=((0.0, 0.0),),
    ),
)
