"""Maps side by side that zoom together, read out together, and say where they are clicked.

A Components v2 component. Plotly draws the axes and the lines, a canvas below them the colours: a
slider that changes only the numbers repaints in a few milliseconds and leaves the zoom alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.shared.browser import ASSETS, declare_assets, read, scripts, stamp, to_json

_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "sadam_maps",
    js=scripts("mount", "theme", "load", "save", "grid", _HERE / "maps.js"),
    css=read(_HERE / "maps.css"),
    isolate_styles=False,
)


class Pane(NamedTuple):
    """One map.

    Attributes:
        title: Heading.
        note: What the numbers say, in a few words; ``**bold**`` is understood.
        unit: What a number is, for the colour bar and the read-out.
        values: ``(rows, columns)``, rows are y; NaN stays clear.
        limits: What the colours span.
        scales: Colour scales for ``light`` and ``dark`` screens.
    """

    title: str
    note: str
    unit: str
    values: NDArray[np.float32]
    limits: tuple[float, float]
    scales: Mapping[str, Sequence[Sequence[float | str]]]


class Line(NamedTuple):
    """A line on every map, kinks, contours or the path of a rule; or marks at points.

    Attributes:
        points: ``(n, 2)``; rows of NaN part it.
        role: ``kink``, ``contour``, ``path`` or ``mark``.
        name: For the legend of paths.
        look: ``color``, ``color_dark``, ``width``, ``dash`` of a path; ``symbol``, ``size`` and
            colours of marks, by default those of text.
    """

    points: NDArray[Any]
    role: str
    name: str = ""
    look: Mapping[str, Any] = {}


def maps(
    panes: Sequence[Pane],
    *,
    key: str,
    window: tuple[tuple[float, float], tuple[float, float]],
    lines: Sequence[Line] = (),
    point: tuple[float, float] | None = None,
    label: str = "",
    filename: str = "map",
    on_click: Callable[[float, float], None] | None = None,
) -> None:
    """Show one map, or several with linked axes.

    Args:
        panes: The maps, from left to right; below each other on narrow screens.
        key: The component's key; the zoom lives as long as it does.
        window: What the maps cover.
        lines: What is drawn over every map.
        point: The point that is marked.
        label: The maps in words, for screen readers.
        filename: Name of downloaded pictures, without suffix.
        on_click: Called with x and y, before the script reruns, when a map is clicked.
    """
    declare_assets()
    drawn = {
        "window": window,
        "point": point,
        "lines": [
            {
                "x": line.points[:, 0].astype(np.float32),
                "y": line.points[:, 1].astype(np.float32),
                "role": line.role,
                "name": line.name,
                **line.look,
            }
            for line in lines
        ],
    }
    base = to_json(drawn)
    facts = to_json({"assets": ASSETS, "label": label, "filename": filename})
    shown = ",".join(
        to_json(pane._asdict() | {"values": pane.values.astype(np.float32)}) for pane in panes
    )
    body = f'"facts":{facts},"base":{base},"panes":[{shown}]'
    name, look = stamp(body.encode()), stamp(base.encode())

    def clicked() -> None:
        value = st.session_state[key].get("click")
        if on_click is not None and isinstance(value, Mapping) and {"x", "y"} <= value.keys():
            on_click(float(value["x"]), float(value["y"]))

    payload = f'{{"stamp":"{name}","look":"{look}",{body}}}'.encode()
    _component(key=key, data=payload, on_click_change=clicked)
