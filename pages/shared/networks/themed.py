"""The lab's figures of trainings on light and dark screens."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.charts import chart
from pages.shared.networks.pictures import GROUND
from sadam.lab.figures.lgi import colorscale
from sadam.lab.figures.training_maps import DIVERGING

UNITS_DARK = [[0.0, "#4F86CE"], [0.5, "#161C24"], [1.0, "#D9773F"]]
INK_DARK = "rgba(235,240,245,0.75)"


def draw(
    figure: go.Figure,
    place: DeltaGenerator,
    height: int,
    key: str,
    *,
    title: str = "",
    legend: bool = True,
) -> None:
    """Draw a figure with its title above it as text, which wraps on narrow screens."""
    title = title or str(figure.layout.title.text or "").split("<br>")[0]
    place.markdown(f"**{title}**")
    if st.context.theme.type == "dark":
        _darken(figure)
    figure.update_layout(title=None, legend={"orientation": "h", "yanchor": "top", "y": -0.2})
    chart(figure, place, height=height, key=key, legend=legend)


def _darken(figure: go.Figure) -> None:
    """Give grounds and ink their colours for dark screens; rules have theirs already."""
    scales = (figure.layout.meta or {}).get("ground_colorscales")
    for trace in figure.data:
        role = (trace.meta or {}).get("role")
        if role == "ground":
            _darken_ground(trace, scales)
        elif role == "units":
            trace.colorscale = UNITS_DARK
        elif role in ("kink", "region", "start"):
            trace.line.color = INK_DARK
            trace.marker.color = trace.marker.line.color = INK_DARK


def _darken_ground(trace: Any, scales: Any) -> None:
    if trace.name == "LGI":
        trace.colorscale = colorscale("lgi", dark=True)
    elif scales:
        trace.colorscale = scales["dark"]
        trace.line.color = "rgba(255,255,255,0.12)"
    elif [tuple(stop) for stop in trace.colorscale or ()] == [tuple(stop) for stop in DIVERGING]:
        trace.colorscale = GROUND["dark"]
        if trace.type == "contour":
            trace.line.color = INK_DARK
