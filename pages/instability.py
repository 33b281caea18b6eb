"""Instability: what the probes see, where, and how that compares with the kinks that are there."""

from __future__ import annotations

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared import controls as race_controls  # noqa: E402
from pages.shared.instability import controls, inspector, pictures  # noqa: E402
from pages.shared.maps import Line, Pane, maps  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.figures.lgi import map_difference  # noqa: E402
from sadam.lab.lgi_map import LgiMap  # noqa: E402


def header() -> None:
    """Title and formula."""
    st.markdown(f"## {landscape.title}")
    st.markdown(f"$f(x,y) = {landscape.latex}$")


def lead(spec: LgiMap) -> None:
    """The sentence at the top, from the numbers of the maps."""
    report = pictures.report_of(spec)
    areas = [
        f"{row['quantity']} {row['roc']:.3f}"
        for row in report.document["results"]
        if row["roc"] is not None and row["quantity"] in ("one-sided", "two-sided")
    ]
    said = report.said.split("\n")[0]
    if areas:
        said += f" As a sign of a kink (ROC area, 0.5 is chance): {', '.join(areas)}."
    st.markdown(said)


def lines() -> list[Line]:
    """What is drawn over the maps."""
    drawn: list[Line] = []
    if controls.value("contours"):
        drawn.append(pictures.contours(landscape.name))
    if controls.value("kinks"):
        drawn.append(pictures.kinks(landscape.name))
    if controls.value("paths"):
        try:
            drawn += pictures.paths(race_controls.experiment(landscape.name))
        except SpecError as error:
            st.warning(f"The race's paths cannot be drawn: {error}.", icon=":material/info:")
    return drawn


def panes(spec: LgiMap) -> list[Pane]:
    """The maps that are asked for and can be had."""
    result = pictures.map_of(spec)
    rows = {row["quantity"]: row for row in pictures.report_of(spec).document["results"]}
    names = [name for name in dict.fromkeys(controls.fields()) if name in result.fields]
    if controls.value("view") == "Difference" and len(names) == 2:
        try:
            figure = map_difference(result, *names)
        except ValueError as error:
            st.info(f"{str(error)[0].upper()}{str(error)[1:]}.", icon=":material/info:")
        else:
            trace, axis = figure.data[0], figure.layout.coloraxis
            title = figure.layout.title.text.split("<br>")[0]
            limits = (axis.cmin, axis.cmax)
            scales = pictures.scales_of("difference")
            told = "above 0: the left one is larger"
            return [Pane(title, told, trace.name, trace.z, limits, scales)]
    return [pictures.pane(result, name, pictures.note(rows[name])) for name in names]


def show_maps() -> None:
    """The maps with what belongs to them."""
    spec, problem = controls.spec_of_maps(landscape.name)
    lead(spec)
    controls.map_controls()
    for warning in pictures.map_of(spec).warnings:
        st.warning(warning, icon=":material/straighten:")
    if problem:
        st.warning(f"{problem[0].upper()}{problem[1:]}.", icon=":material/info:")
    drawn = panes(spec)
    if not drawn:
        st.info("Neither of these maps can be computed with one probe.", icon=":material/info:")
        return
    maps(
        drawn,
        key="instability_maps",
        window=landscape.window,
        lines=lines(),
        point=controls.point(),
        label=f"{' and '.join(pane.title for pane in drawn)} on {landscape.title}",
        filename=f"lgi-{landscape.name}",
        on_click=controls.set_point,
    )
    st.caption(
        f"Each of the {spec.grid} × {spec.grid} points: what {spec.num_probes} probes of length "
        f"{spec.radius:g} measure there. The same scale means the same number everywhere; paper: "
        "nothing here. Drag to zoom both maps, click to inspect a point."
    )


landscape = controls.prepare()
controls.sidebar()
header()
try:
    show_maps()
except SpecError as error:
    st.error(f"{str(error)[0].upper()}{str(error)[1:]}.")
else:
    inspector.show(landscape.name)
