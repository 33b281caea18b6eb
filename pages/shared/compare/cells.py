"""Tables whose cells are coloured by who wins and can be clicked.

A Components v2 component: its nodes stay while numbers change, so that results fill in without a
flicker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.shared.browser import STAGE, read, scripts, stamped, to_json

_HERE = Path(__file__).parent

_cells = st.components.v2.component(
    "sadam_cells",
    js=scripts("mount", "theme", _HERE / "cells.js"),
    css=read(STAGE / "stage.css", _HERE / "cells.css"),
    isolate_styles=False,
)


class Head(NamedTuple):
    """The head of a column or row: a title, a few words, and a rule's colours if it is one's."""

    title: str
    note: str = ""
    color: str = ""
    color_dark: str = ""
    dash: str = ""
    pick: str = ""


class Cell(NamedTuple):
    """A cell.

    Attributes:
        text: What stands in it.
        note: Below it, small.
        tone: From -1 (farther) to 1 (closer): its colour.
        told: What it says in full, for pointers and screen readers.
        pick: What a click sends; empty: it cannot be clicked.
    """

    text: str
    note: str = ""
    tone: float = 0.0
    told: str = ""
    pick: str = ""


def cells(
    columns: Sequence[Head],
    rows: Sequence[tuple[Head, Sequence[Cell]]],
    *,
    key: str,
    lead: int = 0,
    label: str = "",
    picked: str = "",
    on_pick: Callable[[str], None] | None = None,
) -> None:
    """Show a table whose cells are coloured by who wins, and can be clicked.

    Args:
        columns: Heads of the columns.
        rows: Head and cells of each row.
        key: The component's key.
        lead: The first so many rows are set large: they sum up the others.
        label: The table in words, for screen readers.
        picked: The cell that is marked.
        on_pick: Called with a cell's ``pick``, before the script reruns.
    """
    body = to_json(
        {
            "columns": [head._asdict() for head in columns],
            "rows": [
                {"head": head._asdict(), "cells": [cell._asdict() for cell in line]}
                for head, line in rows
            ],
            "lead": lead,
            "label": label,
            "picked": picked,
        }
    )

    def pick() -> None:
        found = st.session_state[key].get("pick")
        if on_pick is not None and isinstance(found, str):
            on_pick(found)

    _cells(key=key, data=stamped(body), on_pick_change=pick)
