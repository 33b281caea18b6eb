"""From a cell of a comparison to the race behind it, or on a network to its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared.compare import session
from pages.shared.controls import LINK, open_spec
from pages.shared.networks import controls as networks
from sadam.lab.compare.races import race_behind, race_of_cell, typical_run
from sadam.lab.compare.results import Results
from sadam.lab.compare.tables import heatmap
from sadam.lab.experiment import Experiment
from sadam.lab.rulebook import MAX_RULES
from sadam.lab.training.spec import Training

_NEXT = "_cmp_race"  # what the Race page is to show
PARTED = "|"  # between the parts of what a cell sends


def go_to_race() -> None:
    """Turn to the page that a cell was clicked for: Race, or of a network's row Networks.

    To be called by the script, not a callback. The page gets its address at once, so that one step
    back leads here.
    """
    spec = st.session_state.pop(_NEXT, None)
    if isinstance(spec, Training):  # one seed and few rules: never too much for that page
        networks.open_spec(spec)
        st.switch_page("pages/networks.py", query_params=networks.query_of(spec))
    elif spec is not None:
        open_spec(spec)
        st.switch_page("pages/race.py", query_params=LINK.written())


def _results() -> Results | None:
    seen = session.shown()
    return None if seen is None else seen.result


def _show(spec: Experiment | Training) -> None:
    st.session_state[_NEXT] = spec


def pair_of(results: Results, label: str) -> list[str]:
    """The rules to see beside each other: a rule, and what it is measured against."""
    other = results.control_of(label) or results.spec.baseline
    return list(dict.fromkeys([other, label]))


def open_ratio(pick: str, schedule: str) -> None:
    """The race behind ``landscape|label``, or ``landscape|label|other``; no label: all rules."""
    results = _results()
    if results is None:
        return
    landscape, *labels = pick.split(PARTED)
    labels = [label for label in labels if label]
    if landscape not in results.problems or not set(labels) <= set(results.labels):
        return  # of a comparison that is no longer shown
    leader = labels[0] if labels else results.spec.baseline
    shown = labels or list(results.labels)
    if len(labels) == 1:
        shown = pair_of(results, labels[0])
    run = typical_run(results, landscape, schedule, leader)
    _show(race_behind(results, landscape, schedule, shown[:MAX_RULES], run))


def open_basin(click: Mapping[str, Any], landscape: str, schedule: str) -> None:
    """The race of all rules from the start that was clicked on a basin map."""
    results, place = _results(), _place(click)
    if results is None or landscape not in results.problems or place is None:
        return
    row, column = place
    number = results.spec.starts.number
    if 0 <= row < number and 0 <= column < number:
        labels = results.labels[:MAX_RULES]
        _show(race_behind(results, landscape, schedule, labels, column * number + row))


def open_heatmap(
    click: Mapping[str, Any], label: str, landscape: str, schedule: str, x: str, y: str
) -> None:
    """The race behind a cell of a heatmap."""
    results, place = _results(), _place(click)
    if results is None or landscape not in results.problems or place is None:
        return
    table = heatmap(results, label, landscape, schedule, x, y)
    row, column = place
    if 0 <= row < len(table.index) and 0 <= column < len(table.columns):
        at = (float(table.columns[column]), float(table.index[row]))
        _show(race_of_cell(results, label, landscape, schedule, x, y, at))


def _place(click: Mapping[str, Any]) -> tuple[int, int] | None:
    """Row and column of a heatmap's cell that was clicked."""
    index = click.get("index")
    if isinstance(index, list) and len(index) == 2 and all(isinstance(i, int) for i in index):
        return index[0], index[1]
    return None
