"""Lessons on kinks: what they do to a gradient, Clarke's set, points that trap."""

from __future__ import annotations

import numpy as np
import streamlit as st

from landscapes import CATALOGUE
from pages.shared import controls as race
from pages.shared.instability import controls as instability
from pages.shared.lessons.links import CORNERS, TRAPS
from pages.shared.lessons.parts import (
    INSTABILITY,
    RACE,
    Opens,
    click_sets,
    draw,
    key,
    level_map,
    put,
    race_of,
    value,
)
from pages.shared.links import Link
from pages.shared.maps import Line
from sadam.lab.experiment import Experiment
from sadam.lab.figures.inspector import gradient_fan
from sadam.lab.figures.lessons import kink_figure
from sadam.lab.inspector import inspect
from sadam.lab.lessons import (
    autograd_at_zero,
    gradients_near,
    kink_slopes,
    steepest_descent,
)
from sadam.lab.rulebook import make_rules
from sadam.lab.style import STYLES

REACH = 0.1
TRAP_STARTS = {"wolfe": (4.0, 3.0), "hul-fan": (5.0, 3.0), "chebyshev-n2": (-1.0, 1.5)}
TRAP_LR = {"wolfe": 0.2, "hul-fan": 1.0, "chebyshev-n2": 0.05}
NEAR = 0.01


def inspected(landscape: str, x: float, y: float, radius: float, **more: object) -> Opens:
    """A link to the Instability page, looking at a point."""
    link = Link("instability", instability.FIELDS, instability.LINKED)
    prefix = instability.PREFIX
    values = {"radius": radius, "x": x, "y": y, **more}
    query = link.query(
        {"landscape": landscape, **{f"{prefix}{name}": v for name, v in values.items()}}
    )
    return Opens("Inspect this point on the Instability page", INSTABILITY, query)


# ---------------------------------------------------------------------------- 1


def kink() -> None:
    """A point on a function, its tangent and its derivative."""
    at, width = st.columns(2, gap="medium")
    at.slider("The point x", -1.2, 1.2, step=0.01, key=key("at"))
    width.slider("Rounding w", 0.0, 0.5, step=0.01, key=key("width"))
    found = kink_slopes(value("at"), value("width"), REACH)
    draw(kink_figure.plain(found), "kink", 430)
    st.markdown(
        f"From x − {REACH:g} to x + {REACH:g} the slope goes from **{found.before:.2f}** to "
        f"**{found.after:.2f}**: on average a curvature of "
        f"**{found.curvature:.2f}** over that distance."
    )


def kink_answer() -> str:
    """What autograd returns where there is no derivative."""
    found = autograd_at_zero()
    said = ", ".join(f"`{name}` → {number:g}" for name, number in found.items())
    return (
        f"PyTorch, asked just now at exactly 0: {said}. The first three are elements of Clarke's "
        "subdifferential, chosen by convention. The last is not: relu(x) − relu(−x) **is** the "
        "function x, whose derivative is 1 everywhere. Rules of calculus that hold for smooth "
        "functions hold at kinks only as inclusions."
    )


def kink_opens() -> Opens:
    """The needle valley on the Race page."""
    return Opens("Race down a kinked valley", RACE, race.LINK.query({"landscape": "l1", "lr": 0.2}))


# ---------------------------------------------------------------------------- 2


def clarke() -> None:
    """A point on a map, the gradients near it, and whether 0 lies in their hull."""

    def moved() -> None:
        x, y = instability.first_point(CATALOGUE[value("corner")])
        put("cx", round(x, 4))
        put("cy", round(y, 4))

    where, reach = st.columns(2, gap="medium")
    with where:
        st.selectbox(
            "Function",
            CORNERS,
            key=key("corner"),
            format_func=lambda name: CATALOGUE[name].title,
            on_change=moved,
        )
    reach.select_slider(
        "Radius of the ball",
        sorted({value("ball"), 0.001, 0.01, 0.03, 0.1, 0.3, 1.0}),
        key=key("ball"),
    )
    point = (value("cx"), value("cy"))
    left, right = st.columns(2, gap="small")
    with left:
        level_map(value("corner"), "clarke", point, click_sets("cx", "cy"))
    found = inspect(value("corner"), point, radius=value("ball"))
    near = found.subdifferential
    with right:
        st.markdown("**Gradients near the point**")
        draw(gradient_fan.plain(found), "clarke", 380, legend=False)
    verdict = (
        "**0 lies in the hull**: Clarke-stationary to within this radius"
        if near.stationary
        else f"**0 lies outside**, {near.distance:.3g} away: there is a direction of descent"
    )
    st.markdown(
        f"At ({point[0]:.3g}, {point[1]:.3g}) the gradient that autograd returns has length "
        f"{np.hypot(*found.gradient):.3g}. The hull of {len(near.gradients)} gradients has "
        f"diameter {near.diameter:.3g}; {verdict}."
    )


def clarke_answer() -> str:
    """DEM at its minimum, computed."""
    near = gradients_near("dem", (0.0, -3.0), 1e-3)
    hull = np.unique(np.round(near.hull, 2) + 0.0, axis=0)  # corners that read alike are one
    corners = ", ".join(f"({x:.3g}, {y:.3g})" for x, y in hull)
    return (
        "No. At DEM's minimum (0, −3) three smooth pieces meet, and every gradient near by has "
        f"length about 2 or more; the corners of their hull are {corners}. Only the hull "
        f"knows: its distance from 0 is {near.distance:.2g}. That is why a small |g| is no "
        "stopping test on a non-smooth function, and why this app measures the distance of 0 to "
        "the hull instead."
    )


def clarke_opens() -> Opens:
    """The same point on the Instability page."""
    return inspected(value("corner"), value("cx"), value("cy"), value("ball"))


# ---------------------------------------------------------------------------- 8


def _trap_spec() -> Experiment:
    trap = value("trap")
    return Experiment(
        trap,
        ((value("tx"), value("ty")),),
        make_rules(("adam", "s-adam-two-sided"), lr=TRAP_LR[trap]),
        400,
    )


def traps() -> None:
    """Steepest descent with exact line search, and two optimizers, from a clicked start."""

    def moved() -> None:
        x, y = TRAP_STARTS[value("trap")]
        put("tx", x)
        put("ty", y)

    st.segmented_control(
        "Function",
        list(TRAPS),
        key=key("trap"),
        format_func=lambda name: TRAPS[name],
        on_change=moved,
        required=True,
    )
    trap, start = value("trap"), (value("tx"), value("ty"))
    landscape = CATALOGUE[trap]
    steepest = steepest_descent(trap, start)
    found = race_of(_trap_spec())
    ink = {"color": "#2B333D", "color_dark": "#E4E9EE", "width": 1.6, "dash": "solid"}
    lines = [Line(steepest, "path", "Steepest descent, exact line search", ink)]
    ends = {"steepest descent": steepest[-1]}
    marks = [Line(steepest[-1:], "mark", "", {**ink, "symbol": "circle"})]
    for label, track in found.trajectories.items():
        style = STYLES[label]
        points = track.points[:, 0].numpy()
        ends[style.title] = points[-1]
        look = {"color_dark": style.color_dark, **style.line}
        lines.append(Line(points, "path", style.title, look))
        marks.append(Line(points[-1:], "mark", "", {**look, "symbol": style.symbol}))
    marks.append(Line(np.array(landscape.minimisers), "mark", "", {"symbol": "star", "size": 14}))
    note = "Click to choose a start. A star is a minimum; marks are where paths end."
    level_map(trap, "traps", start, click_sets("tx", "ty"), lines + marks, note)
    rows = []
    for name, end in ends.items():
        near = gradients_near(trap, (float(end[0]), float(end[1])), NEAR)
        gap = landscape.gap_at((float(end[0]), float(end[1])))
        x, y = np.round(end, 6) + 0.0
        inside = all(low <= v <= high for v, (low, high) in zip(end, landscape.window, strict=True))
        rows.append(
            f"{name} ends at ({x:.3g}, {y:.3g}){'' if inside else ', off the map'}, {gap:.3g} "
            f"above the minimum, where the hull of the gradients lies {near.distance:.2g} from 0"
        )
    said = "; ".join(rows)
    st.markdown(f"{said[:1].upper()}{said[1:]}. (Gradients within {NEAR:g} of each end.)")
    st.caption(
        f"{len(steepest) - 1} exact step{'s' * (len(steepest) != 2)}; the optimizers take 400 with "
        f"lr {TRAP_LR[trap]:g}. {landscape.note}"
    )


def traps_answer() -> str:
    """The point (0, -1) of the second Chebyshev-Rosenbrock function."""
    near = gradients_near("chebyshev-n2", (0.0, -1.0), NEAR)
    at, lower = (CATALOGUE["chebyshev-n2"].gap_at(p) for p in ((0.0, -1.0), (0.1, -0.8)))
    return (
        "Not when f is neither convex nor regular. At (0, −1) of the second Chebyshev-Rosenbrock "
        f"function the hull of the gradients within {NEAR:g} is {near.distance:.2g} away from 0, "
        f"yet along (1, 2) f falls: from {at:.3g} to {lower:.3g} above the minimum at (0.1, −0.8). "
        "Clarke-stationary is necessary for a minimum, not sufficient; on a convex f it is both."
    )


def traps_opens() -> Opens:
    """The same race on the Race page."""
    return Opens("Race from this start", RACE, race.query_of(_trap_spec()))
