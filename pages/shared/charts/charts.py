"""A figure of the lab on a page, in the theme's colours, under its title as text that wraps.

A Components v2 component; its node stays while the numbers change. A button beside the title saves
the figure as PNG or SVG, white on any screen, or its numbers as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.browser import ASSETS, STAGE, declare_assets, read, scripts, stamped, to_json
from sadam.lab.figures.maker import Plain

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "sadam_chart",
    js=scripts("mount", "theme", "load", "save", _HERE / "charts.js"),
    css=read(STAGE / "stage.css", _HERE / "charts.css"),
    isolate_styles=False,
)


def chart(
    figure: go.Figure | Plain,
    place: DeltaGenerator | None = None,
    *,
    key: str = "",
    height: int | None = None,
    title: str | None = None,
    legend: bool = True,
    least_width: int = 0,
    on_click: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Draw a figure of the lab at a place on the page.

    What its traces carry in ``meta`` says how they look on dark screens: ``color_dark`` for lines,
    markers, fills and error bars, ``dark`` for anything else by its path, such as
    ``{"marker.line.color": "white"}``. ``layout.meta["summary"]`` is what screen readers hear.

    Args:
        figure: From :mod:`sadam.lab.figures`, left as it is; as a dict (``maker.plain(...)``) it
            need not be checked again.
        place: A column, tab or container; by default where the script is.
        key: The element's key; by default the figure's title.
        height: In pixels, without the title; by default the figure's own.
        title: Instead of the first line of the figure's; empty for none.
        legend: Whether to show the legend; where the stage above has one it need not be repeated.
        least_width: In pixels; on narrower screens it is scrolled.
        on_click: Called with ``meta`` of the trace, ``index`` of the point (row and column in a
            heatmap), ``x`` and ``y``, before the script reruns.
    """
    declare_assets()
    plain = figure.to_plotly_json() if isinstance(figure, go.Figure) else figure
    layout = {name: part for name, part in plain["layout"].items() if name != "template"}
    own_title = (layout.get("title") or {}).get("text", "").split("<br>")[0]
    if height is not None:
        layout = {k: v for k, v in layout.items() if k != "margin"} | {"height": height}
    if not legend:
        layout["showlegend"] = False
    key = key or re.sub(r"<[^>]*>", "", own_title)
    body = to_json(
        {
            "assets": ASSETS,
            "data": plain["data"],
            "layout": layout,
            "least": least_width,
            "clicks": on_click is not None,
            "title": own_title if title is None else title,
            "name": title or own_title or key,
        }
    )

    def click() -> None:
        found = st.session_state[key].get("click")
        if on_click is not None and isinstance(found, Mapping):
            on_click(found)

    with place or st.container():
        _component(key=key, data=stamped(body), on_click_change=click)
