"""What the Compare page draws with: tables of cells, and Plotly figures that say what is clicked.

Two Components v2 components. Both keep their nodes while numbers change, so that results fill in
without a flicker, and both report clicks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from pages.shared.stage.stage import _ASSETS, _declare, _json

_HERE = Path(__file__).parent
_STAGE = _HERE.parent / "stage"


def _read(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


_CSS = _read(_STAGE / "stage.css", _HERE / "views.css")
_cells = st.components.v2.component(
    "sadam_cells",
    js=_read(_STAGE / "mount.js", _STAGE / "theme.js", _HERE / "cells.js"),
    css=_CSS,
    isolate_styles=False,
)
_plot = st.components.v2.component(
    "sadam_plot",
    js=_read(
        *(_STAGE / f"{name}.js" for name in ("mount", "theme", "load", "save")), _HERE / "plot.js"
    ),
    css=_CSS,
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
    corner: str = "",
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
        corner: What stands above the rows' heads.
        lead: The first so many rows are set large: they sum up the others.
        label: The table in words, for screen readers.
        picked: The cell that is marked.
        on_pick: Called with a cell's ``pick``, before the script reruns.
    """
    body = _json(
        {
            "columns": [head._asdict() for head in columns],
            "rows": [
                {"head": head._asdict(), "cells": [cell._asdict() for cell in line]}
                for head, line in rows
            ],
            "corner": corner,
            "lead": lead,
            "label": label,
            "picked": picked,
        }
    )

    def pick() -> None:
        found = st.session_state[key].get("pick")
        if on_pick is not None and isinstance(found, str):
            on_pick(found)

    _cells(key=key, data=_stamped(body), on_pick_change=pick)


def plot(
    figure: go.Figure,
    *,
    key: str,
    least_width: int = 0,
    on_click: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Show a figure of the lab in the theme's colours, its title above it as text that wraps.

    A button beside the title saves it as PNG or SVG, white on any screen, or its numbers as CSV.

    Args:
        figure: The figure; its height counts.
        key: The component's key.
        least_width: In pixels; on narrower screens it is scrolled.
        on_click: Called with ``meta`` of the trace, ``index`` of the point (row and column in a
            heatmap), ``x`` and ``y``, before the script reruns.
    """
    _declare()
    plain = figure.to_plotly_json()
    layout = {name: part for name, part in plain["layout"].items() if name != "template"}
    body = _json(
        {
            "assets": _ASSETS,
            "data": plain["data"],
            "layout": layout,
            "least": least_width,
            "clicks": on_click is not None,
            "label": str(figure.layout.title.text or ""),
        }
    )

    def click() -> None:
        found = st.session_state[key].get("click")
        if on_click is not None and isinstance(found, Mapping):
            on_click(found)

    _plot(key=key, data=_stamped(body), on_click_change=click)


def _stamped(body: str) -> bytes:
    stamp = hashlib.blake2b(body.encode(), digest_size=8).hexdigest()
    return f'{{"stamp":"{stamp}","body":{body}}}'.encode()
