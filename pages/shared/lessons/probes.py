"""Lessons on probes: what one measures, and what two estimators make of them."""

from __future__ import annotations

import math

import streamlit as st

from pages.shared.kept import kept
from pages.shared.lessons.kinks import inspected
from pages.shared.lessons.links import PLACES
from pages.shared.lessons.parts import INSTABILITY, Opens, draw, key, put, value
from sadam.lab.bias import CASES, PROOF_LATEX, THEOREM
from sadam.lab.figures.inspector import slope_rose
from sadam.lab.figures.lessons import running_mean_figure
from sadam.lab.inspector import Inspection, inspect
from sadam.lab.lessons import DRAWS, mean_brakes, running_means

RADII = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
DIMENSIONS = (2, 3, 10, 100, 1000, 10_000)


def _function() -> str:
    return f"= abs(x) + b*y; b = {value('tilt'):g}"


@kept("inspection of a lesson")
def _inspected(function: str, x: float, radius: float, k: int, seed: int) -> Inspection:
    return inspect(function, (x, 0.0), radius=radius, num_probes=k, seed=seed)


# ---------------------------------------------------------------------------- 4


def probe() -> None:
    """The slopes round a point beside a straight kink, and the probes that were drawn."""
    off, tilt, radius, k = st.columns(4, gap="small")
    off.slider("Distance from the kink", -0.3, 0.3, step=0.01, key=key("off"))
    tilt.slider("Slope b along it", 0.0, 3.0, step=0.1, key=key("tilt"))
    radius.select_slider("Probe radius σ", sorted({value("radius"), *RADII}), key=key("radius"))
    k.slider("Probes k", 2, 16, key=key("k"))
    found = _inspected(_function(), value("off"), value("radius"), value("k"), value("seed"))
    draw(slope_rose.plain(found), "probe", 430)
    one, two = found.estimates["one-sided"], found.estimates["two-sided"]
    words, again = st.columns([4, 1], vertical_alignment="center")
    words.markdown(
        f"f = |x| + {value('tilt'):g} y. These {found.num_probes} probes give an LGI of "
        f"**{one.drawn:.2f}** one-sided and **{two.drawn:.2f}** two-sided; all directions at once "
        f"{one.limit:.2f} and {two.limit:.2f}."
    )
    again.button("Draw again", on_click=lambda: put("seed", value("seed") + 1), width="stretch")


def probe_answer() -> str:
    """The tie between the two at a straight kink, computed."""
    found = inspect("= abs(x) + b*y; b = 1", (0.0, 0.0), radius=0.01)
    one, two = found.estimates["one-sided"].limit, found.estimates["two-sided"].limit
    return (
        r"Even and odd part. With $D(u)$ the slope along $u$, $e = \frac{D(u) + D(-u)}{2}$ does "
        r"not change sign with the direction and $o = \frac{D(u) - D(-u)}{2}$ does. A gradient has "
        r"only an odd part; $a|x|$ has only an even one. So "
        r"$\rho_{\text{two}} = \overline{e^2} / (\overline{e^2} + \overline{o^2} + \zeta)$ is the "
        r"share of the slopes' power that no gradient explains: "
        r"$a^2/(a^2+b^2)$ on a kink $a|x| + by$. "
        f"For a = b = 1 all directions at once give {two:.3f}; the one-sided value is {one:.3f}, "
        rf"and $1 - \frac{{8}}{{\pi^2}} \cdot {two:.3f} = {1 - 8 / math.pi**2 * two:.3f}$: the "
        "published number falls as the kink grows."
    )


def probe_opens() -> Opens:
    """The same point in the inspector."""
    here = inspected(
        "own", value("off"), 0.0, value("radius"), draws=value("k"), seed=value("seed")
    )
    own = {"own_text": "abs(x) + b*y", "own_values": f"b:{value('tilt'):g}"}
    return Opens(here.label, here.page, {**here.query, **own})


# ---------------------------------------------------------------------------- 5


def two_sided() -> None:
    """Means of more and more draws of both estimators at a known place."""
    place, k, dim, again = st.columns([3, 2, 2, 2], gap="small", vertical_alignment="bottom")
    place.selectbox("Place", PLACES, key=key("place"), format_func=lambda name: CASES[name].title)
    k.slider("Probes k", 2, 32, key=key("draw_k"))
    dim.select_slider("Dimension D", DIMENSIONS, key=key("dim"))
    again.button("Draw again", on_click=lambda: put("draws", value("draws") + 1), width="stretch")
    drawn = value("place"), value("draw_k"), value("dim"), value("draws")
    means, brakes = running_means(*drawn), mean_brakes(*drawn)
    title = f"Means at a {CASES[value('place')].title}"
    limit = 1.0 if value("place") in ("slope", "bend") else None
    draw(running_mean_figure.plain(means, title, limit), "two-sided", 400)
    one, two = (float(means[kind][-1]) for kind in ("one-sided", "two-sided"))
    st.markdown(
        f"Means of {DRAWS:,} draws of k = {value('draw_k')} probes in D = {value('dim'):,}: "
        f"one-sided **{one:.3f}**, two-sided **{two:.3f}**. S-Adam brakes by each draw on its own: "
        f"its steps keep **{brakes['one-sided']:.2f}** and **{brakes['two-sided']:.2f}** of their "
        "length on average, at the default λ of 2 and 4."
    )


def two_sided_answer() -> str:
    """The proof."""
    lines = "\n".join(f"{i}. {line}" for i, line in enumerate(PROOF_LATEX, 1))
    return f"**Theorem.** {THEOREM}\n\n{lines}"


def two_sided_opens() -> Opens:
    """Both maps of a landscape side by side."""
    return Opens(
        "See both estimators as maps on the Instability page",
        INSTABILITY,
        {"v": "1", "landscape": "cb2", "lgi_radius": "0.05"},
    )
