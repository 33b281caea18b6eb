"""What the lessons are built of: controls, a race on the stage, a map to click, a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from landscapes import CATALOGUE, get
from pages.shared.charts import chart
from pages.shared.instability.pictures import kinks
from pages.shared.kept import kept
from pages.shared.lessons.links import PREFIX
from pages.shared.maps import Line, Pane, maps
from pages.shared.stage import stage
from sadam.lab.experiment import Experiment
from sadam.lab.figures import gap_by_step, trajectory_map, window_of
from sadam.lab.figures.ground import COLORSCALES, ground
from sadam.lab.figures.maker import Plain
from sadam.lab.race import Race, run_race

RACE, INSTABILITY = "pages/race.py", "pages/instability.py"


@dataclass(frozen=True)
class Opens:
    """A link to a page of the app in a certain state.

    Attributes:
        label: What the link says.
        page: Path of the page.
        query: The query that brings the state.
    """

    label: str
    page: str
    query: dict[str, str]


def value(name: str) -> Any:
    """What a control of a lesson holds."""
    return st.session_state[PREFIX + name]


def put(name: str, new: Any) -> None:
    """Set a control of a lesson, before it is drawn."""
    st.session_state[PREFIX + name] = new


def key(name: str) -> str:
    """A control's key."""
    return PREFIX + name


def choose(label: str, name: str, options: Sequence[str], help: str = "") -> str:
    """A choice of landscapes by their titles."""
    return st.selectbox(
        label,
        options,
        key=key(name),
        format_func=lambda landscape: CATALOGUE[landscape].title,
        help=help or None,
    )


def click_sets(x: str, y: str) -> Any:
    """What a click on a map calls: it sets two controls."""

    def clicked(at_x: float, at_y: float) -> None:
        put(x, round(at_x, 4))
        put(y, round(at_y, 4))

    return clicked


@kept("race")
def race_of(spec: Experiment) -> Race:
    """Run a race once for all visitors."""
    return run_race(spec)


def race_stage(race: Race, name: str, caption: str, on_click: Any = None) -> None:
    """A race that plays: its map, and the gap to the minimum below."""
    drawn = trajectory_map.plain(race)
    stage(
        drawn,
        [gap_by_step.plain(race)],
        key=f"lesson_{name}",
        steps=race.experiment.steps,
        ground_stamp=f"{race.landscape.name} {window_of(race)}",
        caption=caption,
        label=drawn["layout"]["meta"]["summary"],
        filename=f"lesson-{name}",
        autoplay=True,
        on_click=on_click,
    )


def level_map(
    landscape: str,
    name: str,
    point: tuple[float, float],
    on_click: Any,
    lines: Sequence[Line] = (),
    note: str = "Click to move the point.",
) -> None:
    """A landscape's heights with its kinks, to click on."""
    found = get(landscape)
    base = ground(found, found.window)
    low, high = float(base.level.min()), float(base.level.max())
    pane = Pane(found.title, note, "log height", base.level, (low, high), COLORSCALES)
    maps(
        [pane],
        key=f"lesson_{name}_map",
        window=found.window,
        lines=[kinks(landscape), *lines],
        point=point,
        label=f"Heights of {found.title} with its kinks; the point is at "
        f"({point[0]:g}, {point[1]:g})",
        filename=f"lesson-{name}",
        on_click=on_click,
    )


def draw(figure: Plain, name: str, height: int, legend: bool = True) -> None:
    """A figure of the lab, without its title."""
    chart(figure, key=f"lesson_{name}_chart", height=height, title="", legend=legend)
