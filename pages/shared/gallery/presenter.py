"""Presenter mode: large type, no sidebar, and the gallery's presets on keys, for a projector."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared.browser import read, scripts
from pages.shared.gallery.cards import CHOSEN, LESSONS, PRESETS, open_preset
from pages.shared.links import PRESENT

_HERE = Path(__file__).parent
_ASKED = "_present_asked"  # what the address said of it when it was last read

_component = st.components.v2.component(
    "sadam_presenter",
    js=scripts("mount", _HERE / "presenter.js"),
    css=read(_HERE / "presenter.css"),
    isolate_styles=False,
)


def read_address() -> None:
    """Turn the mode on if a new address says ``present=1``. To be called first on every run."""
    asked, state = st.query_params.get(PRESENT), st.session_state
    if asked != state.get(_ASKED):
        state[_ASKED] = asked
        if asked == "1":
            state[PRESENT] = True


def _leave() -> None:
    st.session_state[PRESENT] = False


def presenter(path: str) -> None:
    """Draw the switch in the sidebar; while the mode is on, its bar and its keys.

    Args:
        path: The page that is shown, such as ``pages/race.py``.
    """
    state = st.session_state
    on = st.sidebar.toggle(
        "Presenter mode",
        key=PRESENT,
        help="For a projector: large type and no sidebar. Keys: space plays and pauses, the arrows "
        "step, n and p go to the next and the previous picture of the gallery, Esc leaves.",
    )
    if not on:
        return
    state[_ASKED] = "1"  # the page is about to write it into the address
    names = list(PRESETS)
    chosen = state.get(CHOSEN)
    at = names.index(chosen) if chosen in names else -1
    lesson = path == LESSONS  # its own buttons listen to n and p
    told = "" if lesson or at < 0 else f"{at + 1} of {len(names)}: {PRESETS[chosen]['title']}"
    result = _component(
        key="presenter",
        data={"walks": not lesson, "told": told},
        on_go_change=lambda: None,
        on_leave_change=_leave,
    )
    step = result.get("go")
    if step in (1, -1):
        first = 0 if step > 0 else len(names) - 1
        open_preset(names[(at + step) % len(names) if at >= 0 else first])
