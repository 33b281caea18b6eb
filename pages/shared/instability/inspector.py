"""One point: slopes in every direction, gradients near by, a slice, numbers, a sentence."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.charts import chart
from pages.shared.instability import controls
from pages.shared.kept import kept
from pages.shared.words import sentence
from sadam.lab.figures.inspector import gradient_fan, slice_figure, slope_rose
from sadam.lab.inspector import SCALES, Inspection, inspect

HEIGHT = 440  # of each of the three pictures


@kept("inspection")
def inspection_of(
    landscape: str,
    point: tuple[float, float],
    num_probes: int,
    radius: float,
    seed: int,
    damping: tuple[float, float],
    degrees: int | None,
) -> Inspection:
    """Inspect a point once for all visitors."""
    return inspect(
        landscape,
        point,
        num_probes=num_probes,
        radius=radius,
        seed=seed,
        damping_one_sided=damping[0],
        damping_two_sided=damping[1],
        angle=None if degrees is None else math.radians(degrees),
    )


def arguments() -> tuple[tuple[float, float], int, float, int, tuple[float, float], int | None]:
    """What the controls say about the point, in the order of :func:`inspection_of`."""
    value = controls.value
    return (
        controls.point(),
        value("draws"),
        value("radius"),
        value("seed"),
        (value("damping_one"), value("damping_two")),
        None if value("across") else value("angle"),
    )


def show(landscape: str) -> None:
    """Draw the inspector of the chosen point."""
    _point_controls()
    try:
        found = inspection_of(landscape, *arguments())
    except ValueError as error:
        st.warning(sentence(error), icon=":material/info:")
        return
    st.markdown(f"{found.sentence}")
    rose, fan, cut = st.columns(3, gap="medium")
    _rose(found, rose)
    _fan(found, fan)
    _slice(found, cut)
    _numbers(found)


def _point_controls() -> None:
    title, x, y, _ = st.columns([5, 2, 2, 3], vertical_alignment="bottom", gap="small")
    title.markdown("## What the optimizer meets here")
    for column, axis in ((x, "x"), (y, "y")):
        column.number_input(
            f"Point {axis}",
            key=f"{controls.PREFIX}{axis}",
            step=0.1,
            format="%.6g",
            min_value=-1e6,
            max_value=1e6,
            help="Or click on a map.",
        )


def _rose(found: Inspection, place: DeltaGenerator) -> None:
    figure = slope_rose.plain(found, controls.value("parts"))
    chart(figure, place, key="inspector_rose", height=HEIGHT)
    place.caption(
        "D(u) over the radius, as distance from the dotted circle of slope 0. Where f is smooth "
        f"both curves are one; at a kink they part. Marks: the {found.num_probes} probes drawn."
    )
    place.toggle(
        "Even and odd part",
        key=f"{controls.PREFIX}parts",
        help="Even: does not change sign with the direction, 0 on a slope. Odd: the gradient's.",
    )


def _fan(found: Inspection, place: DeltaGenerator) -> None:
    near = found.subdifferential
    title = f"Gradients within {found.radius:g}"
    chart(gradient_fan.plain(found), place, key="inspector_fan", height=HEIGHT, title=title)
    verdict = "0 lies in it: stationary" if near.stationary else "0 lies outside: not stationary"
    place.caption(
        f"Sampled gradients and their convex hull, the Clarke picture: {verdict} up to "
        f"{near.tolerance:.2g}. Dashed: the hull's width in the slice's direction, "
        f"{near.width(found.slice.angle):.3g}."
    )


def _slice(found: Inspection, place: DeltaGenerator) -> None:
    place_of_chart = place.container()
    names = controls.SLICE_SCALES
    scale = place.select_slider("Half length s of the line", names, key=f"{controls.PREFIX}scale")
    chosen = None if scale == controls.ALL_SCALES else SCALES[names.index(scale) - 1]
    figure = slice_figure.plain(found, chosen)
    degrees = math.degrees(found.slice.angle)
    title = f"f along {degrees:.0f}° through the point"
    chart(figure, place_of_chart, key="inspector_slice", height=HEIGHT, title=title)
    place_of_chart.caption(
        "f along a line through the point, magnified alike in both directions: as s falls, a "
        "smooth f becomes a straight line, a kink stays."
    )
    place.toggle(
        "Direction across the kink",
        key=f"{controls.PREFIX}across",
        help="The direction with the largest even part; off: choose one yourself.",
    )
    if not controls.value("across"):
        place.slider("Direction in degrees", 0, 179, key=f"{controls.PREFIX}angle", format="%d°")


def _numbers(found: Inspection) -> None:
    near = found.subdifferential
    one, two = found.estimates["one-sided"], found.estimates["two-sided"]
    estimates = pd.DataFrame(
        [
            {
                "": f"{name} of k = {found.num_probes} probes" if k else name,
                "One-sided (published)": str(get(one)),
                "Two-sided": str(get(two)),
            }
            for name, k, get in (
                ("LGI, mean (middle 90 %)", True, lambda e: e.lgi),
                ("Brake, mean (middle 90 %)", True, lambda e: e.brake),
                ("LGI as drawn with this seed", False, lambda e: f"{e.drawn:.4g}"),
                ("Brake as drawn with this seed", False, lambda e: f"{e.drawn_brake:.4g}"),
                ("LGI of all directions at once", False, lambda e: f"{e.limit:.4g}"),
            )
        ]
    ).set_index("")
    facts = pd.Series(
        {
            "f": f"{found.value:.6g}",
            "Gradient": f"({found.gradient[0]:.4g}, {found.gradient[1]:.4g})",
            "Kink within the radius": "yes" if found.kink_near else "no",
            "Goldstein diameter": f"{near.diameter:.4g}",
            "Mean width of the hull": f"{near.mean_width:.4g}",
            "Distance of 0 to the hull": f"{near.distance:.4g}",
        },
        name="Value",
    ).to_frame()
    left, right = st.columns([3, 2], gap="medium")
    left.table(estimates)
    right.table(facts)
    st.caption(
        "Means and intervals over 1000 repeated draws of k directions; gradients sampled at 256 "
        "points of the ball of the radius. The brake multiplies Adam's step."
    )
