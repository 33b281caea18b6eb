"""The board: a small map for each rule over curves, drawn in the browser without remounting.

A Components v2 component built from the stage's parts. While networks train, new numbers repaint
what is there: the nodes stay, Plotly is called only when an axis changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.shared.browser import ASSETS, STAGE, declare_assets, read, scripts, stamp, to_json
from sadam.lab.figures.maker import Plain

_HERE = Path(__file__).parent

FAR = 1e30  # beyond it numbers are not drawn: the browser's have 32 bits

_component = st.components.v2.component(
    "sadam_board",
    js=scripts("mount", "theme", "load", "grid", "panel", "tip", _HERE / "board.js"),
    css=read(STAGE / "stage.css", _HERE / "board.css"),
    isolate_styles=False,
)


class Tile(NamedTuple):
    """A rule's small map.

    Attributes:
        rule: The rule's label: what a click picks.
        title: Its name.
        note: A few words below; ``**bold**`` is understood.
        color: The rule's, on light screens.
        color_dark: On dark ones.
        dash: Of its line.
        values: ``(rows, columns)``, rows upwards; NaN stays clear. None: only lines and dots.
        limits: What the colours span.
        scales: Colour scales for ``light`` and ``dark`` screens.
        window: What is covered.
        lines: ``(points, role)``: ``(n, 2)`` with rows of NaN between; ``"boundary"``,
            ``"region"`` or ``"curve"``.
    """

    rule: str
    title: str
    note: str
    color: str
    color_dark: str
    dash: str
    values: NDArray[np.float32] | None
    limits: tuple[float, float]
    scales: Mapping[str, Sequence[Sequence[float | str]]]
    window: tuple[tuple[float, float], tuple[float, float]]
    lines: Sequence[tuple[NDArray[Any], str]]


class Dots(NamedTuple):
    """Examples on every tile: ``points`` ``(n, 2)``, each with a place in ``colors``."""

    points: NDArray[Any]
    classes: NDArray[Any]
    colors: Sequence[str]


def board(
    tiles: Sequence[Tile],
    rows: Sequence[Sequence[Plain]],
    *,
    key: str,
    dots: Dots | None = None,
    picked: str | None = None,
    label: str = "",
    on_pick: Callable[[str], None] | None = None,
) -> None:
    """Show tiles in a row and panels below them.

    Args:
        tiles: The small maps; none: only panels.
        rows: Rows of panels: figures of the lab by the step, as dicts; 1, 2, 3 or 6 to a row.
        key: The component's key.
        dots: Examples drawn over every tile.
        picked: The rule whose tile is marked.
        label: The tiles in words, for screen readers.
        on_pick: Called with a rule's label, before the script reruns, when its tile is pressed.
    """
    declare_assets()
    facts = to_json(
        {"assets": ASSETS, "label": label, "picked": picked, "rows": [len(row) for row in rows]}
    )
    shown = [_tile(tile) for tile in tiles]
    drawn = []
    for panel in (panel for row in rows for panel in row):
        text = to_json(panel)
        drawn.append(f'{{"stamp":"{stamp(text.encode())}","figure":{text}}}')
    over = None
    if dots is not None:
        over = {
            "x": dots.points[:, 0].astype(np.float32),
            "y": dots.points[:, 1].astype(np.float32),
            "c": dots.classes.astype(np.uint8),
            "colors": list(dots.colors),
        }
    body = (
        f'"facts":{facts},"dots":{to_json(over)},"tiles":[{",".join(shown)}],'
        f'"panels":[{",".join(drawn)}]'
    )

    def pick() -> None:
        rule = st.session_state[key].get("pick")
        if on_pick is not None and isinstance(rule, str):
            on_pick(rule)

    payload = f'{{"stamp":"{stamp(body.encode())}",{body}}}'.encode()
    _component(key=key, data=payload, on_pick_change=pick)


def _tile(tile: Tile) -> str:
    lines = []
    for points, role in tile.lines:
        x, y = np.clip(points.T, -FAR, FAR).astype(np.float32)
        lines.append({"x": x, "y": y, "role": role})
    values = None if tile.values is None else tile.values.astype(np.float32)
    return to_json(tile._asdict() | {"lines": lines, "values": values})
