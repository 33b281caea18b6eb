"""Race: optimizers side by side on one landscape."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared import exports, links  # noqa: E402
from pages.shared.charts import chart  # noqa: E402
from pages.shared.controls import (  # noqa: E402
    COSTS,
    FRAMES,
    LINK,
    VIEWS,
    experiment,
    keep,
    open_spec,
    set_start,
)
from pages.shared.heading import heading  # noqa: E402
from pages.shared.kept import kept  # noqa: E402
from pages.shared.patience import patience  # noqa: E402
from pages.shared.redraw import PICTURE, START, let_it_be_sent, redraw  # noqa: E402
from pages.shared.share import share  # noqa: E402
from pages.shared.sidebar import sidebar  # noqa: E402
from pages.shared.stage import stage  # noqa: E402
from pages.shared.turns import visitor  # noqa: E402
from pages.shared.words import sentence as said  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.experiment import Experiment  # noqa: E402
from sadam.lab.figures import (  # noqa: E402
    Frame,
    brake_curves,
    gap_by_evaluations,
    gap_by_step,
    gradient_components,
    lgi_curves,
    power_spectrum,
    show_tail,
    trajectory_map,
    trajectory_surface,
    turn_rates,
    turn_strips,
    turning_angles,
    window_of,
)
from sadam.lab.race import (  # noqa: E402
    Race,
    results,
    results_table,
    run_race,
    sentence,
    with_matched_controls,
)

FRAME_HELP = (
    "Window: the landscape's own. Paths: wherever they go. Tail: the last 10 % of steps, on the "
    "map and in the curves."
)

LONG = 3000  # steps of a race whose controls come before its picture: a change of them ends it
PLACES = """<style>
.st-key-race_head { min-height: 86px; }
.st-key-race:not(:has(.sadam-stage[data-stamp])) { min-height: 842px; }
@media (max-width: 1210px) {
.st-key-race:not(:has(.sadam-stage[data-stamp])) { min-height: 1740px; } }
@media (max-width: 830px) { .st-key-race_head { min-height: 182px; } }
</style>"""  # what comes later has its room from the start, so that nothing below it jumps

PERCENT: Any = "%.1f %%"  # of columns that hold per cent; "percent" would cut zeros off
COLUMNS = {
    "title": st.column_config.TextColumn("Optimizer", pinned=True, width=170),
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
        "Conflict", format=PERCENT, help="Steps whose gradient points against the previous one."
    ),
    "reversal_rate": st.column_config.NumberColumn(
        "Reversal", format=PERCENT, help="Steps that turn back on the previous step."
    ),
    "path_efficiency": st.column_config.NumberColumn(
        "Efficiency", format=PERCENT, help="Distance from start to end over the path's length."
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


@kept("race")
def race_of(spec: Experiment) -> Race:
    """Run an experiment once for all visitors."""
    return run_race(spec)


@kept("race with controls")
def controlled(spec: Experiment) -> Experiment:
    """The experiment with its matched controls."""
    return with_matched_controls(spec)


def header(race: Race) -> None:
    """Title, formula and the switches of the view."""
    landscape = race.landscape
    title, views = st.columns([2, 3], vertical_alignment="bottom", gap="small")
    heading(title, landscape)
    quiet: dict[str, Any] = {"label_visibility": "collapsed", "required": True}
    with views.container(horizontal=True, horizontal_alignment="right", gap="small"):
        st.segmented_control("View", VIEWS, key="view", **quiet)
        st.segmented_control("Frame", FRAMES, key="frame", help=FRAME_HELP, **quiet)
        st.segmented_control("Cost", COSTS, key="cost", **quiet)
        share(LINK, race.experiment, exports.script(race), open_spec)


def show(race: Race) -> None:
    """Draw a race: the stage, and around it names, numbers, chattering, files and code."""
    top = st.container(key="race_head")
    rows = results(race)
    state = st.session_state
    frame: Frame = state["frame"].lower()
    crossings = state["crossings"]
    surface = state["view"] == "Surface"
    if surface:
        drawn = trajectory_surface.plain(race, frame)
    else:
        drawn = trajectory_map.plain(race, frame, crossings)
    gap = gap_by_step if state["cost"] == "Steps" else gap_by_evaluations
    panels = [
        gap.plain(race),
        lgi_curves.plain(race, state["probes"]),
        *([brake_curves.plain(race)] if any(r.probing for r in race.rules.values()) else []),
        turn_strips.plain(race),
    ]
    if frame == "tail":
        show_tail(race, panels)
    stage(
        drawn,
        panels,
        key="race",
        steps=race.experiment.steps,
        ground_stamp=f"{race.landscape.name} {window_of(race, frame)} "
        f"{hash(race.experiment) if crossings else ''}",
        caption=sentence(race, rows, markdown=True),
        label=drawn["layout"]["meta"]["summary"],
        filename=f"race-{race.landscape.stem}",
        on_click=clicked,
    )
    let_it_be_sent()
    with top:
        header(race)
    numbers, turns, data, code = st.tabs(
        ["Results", "Chattering", "Data and figures", "Code"], key="below", on_change="rerun"
    )
    with numbers:
        show_results(race, results_table(race, rows))
    with turns:
        if turns.open:
            show_chattering(race)
    with data:
        if data.open:
            exports.downloads(race)
    with code:
        if code.open:
            exports.code(race)


def show_results(race: Race, table: pd.DataFrame) -> None:
    """The table, sorted by final gap."""
    for name in ("conflict_rate", "reversal_rate", "path_efficiency"):
        table[name] *= 100
    table["diverged"] = [
        f"at step {at}" if count else "no"
        for at, count in zip(table["diverged_at"], table["diverged"], strict=True)
    ]
    st.dataframe(
        table[list(COLUMNS)],
        column_config=COLUMNS,
        hide_index=True,
        placeholder="–",
        width="stretch",
    )
    st.caption(
        "Sorted by final gap, the median over the last "
        f"{race.last_steps:,} steps; {race.reference_told(10)}. Source: "
        f"{race.landscape.source}. One start and one learning rate: a picture of behaviour, "
        "not a verdict."
    )


def show_chattering(race: Race) -> None:
    """What the barcode on the stage is made of."""
    st.caption(
        "How often gradient and steps turn back, at which frequencies, and by which angles; how "
        "far a path swings is another question, which Tail swing in the results answers. The "
        "matched control (left, under S-Adam's brake) is AdamW at lr times S-Adam's mean brake: "
        "where it behaves differently from S-Adam, the mean factor on the step is not the reason."
    )
    pairs = (
        (turn_rates.plain(race), turn_rates.plain(race, "reversal_rate")),
        (turn_rates.plain(race, "path_efficiency"), turning_angles(race)),
        (power_spectrum(race), gradient_components(race)),
    )
    for row, pair in enumerate(pairs):
        for place, figure in zip(st.columns(2, gap="medium"), pair, strict=True):
            tall = row == len(pairs) - 1
            chart(figure, place, height=520 if tall else 320, legend=False)


def clicked(x: float, y: float) -> None:
    """Start every rule here, and say so in the sidebar."""
    set_start(x, y)
    redraw(START)


def _raced(spec: Experiment) -> Race:
    """The race; where it takes long, a note over the picture says so."""
    with patience(f"Racing: {spec.steps:,} steps", fragments=True):
        return race_of(controlled(spec) if st.session_state["matched"] else spec)


@st.fragment(key=PICTURE)
def picture() -> None:
    """What the controls say, drawn."""
    try:
        spec = experiment()
    except SpecError as error:
        if st.session_state["rules"]:
            st.error(said(error))
        else:
            st.info("Choose at least one optimizer on the left.")
    else:
        with visitor():
            show(_raced(spec))
    LINK.give()


st.html(PLACES)
LINK.take()
keep()
links.show_notes()
if st.session_state["steps"] > LONG:
    with suppress(SpecError):
        experiment()  # what the box of one's own function says about it
    sidebar()
    picture()
else:
    picture()
    sidebar()
