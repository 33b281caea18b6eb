"""Race: optimizers side by side on one landscape."""

from __future__ import annotations

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared import exports  # noqa: E402
from pages.shared.controls import set_start, sidebar  # noqa: E402
from pages.shared.stage import stage  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.experiment import Experiment  # noqa: E402
from sadam.lab.figures import (  # noqa: E402
    brake_curves,
    gap_by_evaluations,
    gap_by_step,
    lgi_curves,
    trajectory_map,
    trajectory_surface,
    turn_strips,
    window_of,
)
from sadam.lab.race import Race, results_table, run_race, sentence  # noqa: E402

COLUMNS = {
    "title": st.column_config.TextColumn("Optimizer", pinned=True),
    "final_gap": st.column_config.NumberColumn(
        "Final gap", format="%.3g", help="Median of f - f* over the last 10 % of steps."
    ),
    "best_gap": st.column_config.NumberColumn(
        "Best gap", format="%.3g", help="Smallest f - f* on the way."
    ),
    "tail_amplitude": st.column_config.NumberColumn(
        "Tail swing", format="%.3g", help="Interquartile range of f over the last 10 % of steps."
    ),
    "conflict_rate": st.column_config.NumberColumn(
        "Conflict", format="percent", help="Steps whose gradient points against the previous one."
    ),
    "reversal_rate": st.column_config.NumberColumn(
        "Reversal", format="percent", help="Steps that turn back on the previous step."
    ),
    "path_efficiency": st.column_config.NumberColumn(
        "Efficiency", format="percent", help="Distance from start to end over the path's length."
    ),
    "kink_crossings": st.column_config.NumberColumn(
        "Kinks / step", format="%.3f", help="Declared kinks crossed per step."
    ),
    "mean_brake": st.column_config.NumberColumn(
        "Mean brake", format="%.3f", help="Mean factor on the step; 1 for rules that do not brake."
    ),
    "evaluations": st.column_config.NumberColumn(
        "Evaluations", help="A gradient counts 2, a probe 1."
    ),
    "diverged": st.column_config.TextColumn("Diverged"),
}


@st.cache_resource(max_entries=32, show_spinner=False)
def race_of(spec: Experiment) -> Race:
    """Run an experiment once for all visitors."""
    return run_race(spec)


def header(race: Race) -> tuple[bool, bool, str]:
    """Title, formula and view switches; return (surface?, follow?, cost axis)."""
    landscape = race.landscape
    title, views = st.columns([3, 2], vertical_alignment="bottom", gap="small")
    title.markdown(f"## {landscape.title}")
    title.markdown(f"$f(x,y) = {landscape.latex}$")
    with views.container(horizontal=True, horizontal_alignment="right"):
        view = st.segmented_control(
            "View", ["Map", "Surface"], default="Map", key="view", label_visibility="collapsed"
        )
        frame = st.segmented_control(
            "Frame",
            ["Window", "Paths"],
            default="Window",
            key="frame",
            label_visibility="collapsed",
            help="Frame the landscape's window, or follow the paths wherever they go.",
        )
        cost = st.segmented_control(
            "Cost",
            ["Steps", "Evaluations"],
            default="Steps",
            key="cost",
            label_visibility="collapsed",
            help="Draw the gap against steps, or against function evaluations: probes cost.",
        )
    return view == "Surface", frame == "Paths", cost or "Steps"


def show(race: Race) -> None:
    """Draw a race: stage, table, code and data."""
    surface, follow, cost = header(race)
    drawn = (trajectory_surface if surface else trajectory_map)(race, follow)
    gap = gap_by_step if cost == "Steps" else gap_by_evaluations
    estimator = st.session_state["probes"] or "two-sided"
    window = window_of(race, follow)
    stage(
        drawn,
        [gap(race), lgi_curves(race, estimator), brake_curves(race), turn_strips(race)],
        key="race_surface" if surface else "race_map",
        steps=race.experiment.steps,
        ground_stamp=f"{race.landscape.name} {window}",
        caption=sentence(race),
        label=drawn.layout.meta["summary"],
        filename=f"race-{race.landscape.name}",
        on_click=set_start,
    )
    results, data, code = st.tabs(["Results", "Data and figures", "Code"])
    with results:
        table = results_table(race)
        table["diverged"] = [
            f"at step {at}" if count else "no"
            for at, count in zip(table["diverged_at"], table["diverged"], strict=True)
        ]
        st.dataframe(table[list(COLUMNS)], column_config=COLUMNS, hide_index=True, width="stretch")
        known = "known" if race.landscape.minimum is not None else "the least value seen"
        st.caption(
            f"Sorted by final gap. f* = {race.reference:.10g} ({known}). Source: "
            f"{race.landscape.source}. One start and one learning rate: a picture of behaviour, "
            "not a verdict."
        )
    with data:
        exports.downloads(race)
    with code:
        exports.code(race)


try:
    spec = sidebar()
except SpecError as error:
    st.error(f"{str(error)[0].upper()}{str(error)[1:]}.")
    st.stop()
show(race_of(spec))
