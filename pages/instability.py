"""Instability: what the probes see, where, and how that compares with the kinks that are there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared import controls as race_controls  # noqa: E402
from pages.shared import links  # noqa: E402
from pages.shared.heading import heading  # noqa: E402
from pages.shared.instability import (  # noqa: E402
    calibration,
    controls,
    data,
    inspector,
    pictures,
    spread,
)
from pages.shared.maps import Line, Pane, maps  # noqa: E402
from pages.shared.patience import patience  # noqa: E402
from pages.shared.redraw import let_it_be_sent  # noqa: E402
from pages.shared.share import share  # noqa: E402
from pages.shared.words import sentence  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.figures.lgi import map_difference  # noqa: E402
from sadam.lab.lgi_map import LgiMap  # noqa: E402


def header() -> None:
    """Title, formula and what takes the page elsewhere."""
    title, tools = st.columns([4, 1], vertical_alignment="bottom")
    heading(title, landscape)
    with tools.container(horizontal=True, horizontal_alignment="right"), suppress(SpecError):
        spec, _ = controls.spec_of_maps(landscape.name)
        share(controls.link(), spec, data.script(spec), controls.open_spec)


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
            drawn += pictures.paths(race_controls.experiment())
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
            figure = map_difference(result, names[0], names[1])
        except ValueError as error:
            st.info(sentence(error), icon=":material/info:")
        else:
            trace, axis = figure.data[0], figure.layout.coloraxis
            title = figure.layout.title.text.split("<br>")[0]
            limits = (axis.cmin, axis.cmax)
            scales = pictures.scales_of("difference")
            told = "above 0: the left one is larger"
            return [Pane(title, told, trace.name, trace.z, limits, scales)]
    return [pictures.pane(result, name, pictures.note(rows, name)) for name in names]


def show_maps(spec: LgiMap, problem: str | None, over: list[Line]) -> None:
    """The maps with what belongs to them."""
    lead(spec)
    controls.map_controls()
    for warning in pictures.map_of(spec).warnings:
        st.warning(warning, icon=":material/straighten:")
    if problem:
        st.warning(sentence(problem), icon=":material/info:")
    drawn = panes(spec)
    if not drawn:
        st.info("Neither of these maps can be computed with one probe.", icon=":material/info:")
        return
    maps(
        drawn,
        key="instability_maps",
        window=landscape.window,
        lines=over,
        point=controls.point(),
        label=f"{' and '.join(pane.title for pane in drawn)} on {landscape.title}",
        filename=f"lgi-{landscape.stem}",
        on_click=controls.set_point,
    )
    apart = max(high - low for low, high in landscape.window) / (spec.grid - 1)
    beads = (
        f" Points are up to {apart:.2g} apart and see as far as {spec.radius:g}, so that a kink "
        "may look like beads: a finer grid or a larger radius joins them."
        if spec.radius < apart / 2
        else ""
    )
    st.caption(
        f"What {spec.num_probes} probes of length {spec.radius:g} measure at each of "
        f"{spec.grid} × {spec.grid} points; a rule draws its few (2 by default) anew at every "
        "step, and the inspector below says how much they brake. Equal colours are equal numbers, "
        f"paper is nothing. Drag to zoom both maps; click to inspect a point.{beads}"
    )


def below(spec: LgiMap, over: list[Line]) -> None:
    """What is said about the point, the estimators and the numbers."""
    parts: tuple[Callable[[], None], ...] = (
        lambda: inspector.show(landscape.name),
        lambda: calibration.show(landscape.name),
        lambda: spread.show(landscape, over),
        lambda: data.show(spec),
    )
    tabs = st.tabs(controls.TABS, key=f"{controls.PREFIX}tab", on_change="rerun")
    for tab, show in zip(tabs, parts, strict=True):
        with tab:
            if tab.open:
                try:
                    show()
                except SpecError as error:
                    st.warning(sentence(error), icon=":material/info:")


landscape = controls.prepare()
links.show_notes()
controls.sidebar()
header()
with patience("Computing"):
    try:
        spec, problem = controls.spec_of_maps(landscape.name)
        over = lines()
        show_maps(spec, problem, over)
        let_it_be_sent()
        below(spec, over)
    except SpecError as error:
        st.error(sentence(error))
controls.link().give()
