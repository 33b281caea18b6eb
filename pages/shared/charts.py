"""An ordinary Plotly chart in the theme's colours.

What Streamlit leaves out is added in the browser by ``stage/charts.js``: PNG, SVG and the numbers
as files, and the figure's ``layout.meta["summary"]`` for screen readers.
"""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sadam.lab.figures.inspector import COLORS
from sadam.lab.style import STYLES

LIGHT = {style.color_dark: style.color for style in STYLES.values()}
LIGHT |= {dark: light for light, dark in COLORS.values()}
"""What the colours of dark screens become in a saved picture, which is white."""


def chart(
    figure: go.Figure, place: DeltaGenerator, *, height: int, legend: bool = True, key: str = ""
) -> None:
    """Draw a figure of the lab at a place on the page.

    Args:
        figure: From :mod:`sadam.lab.figures`; changed here, so pass a fresh one.
        place: A column, tab or container.
        height: In pixels.
        legend: Whether to show the legend; where the stage above has one it need not be repeated.
        key: The element's key; by default the figure's title.
    """
    title = figure.layout.title.text or key or "chart"
    if st.context.theme.type == "dark":
        for trace in figure.data:
            lighter = (trace.meta or {}).get("color_dark")
            if lighter and trace.type == "scatter":
                trace.line.color = lighter
    figure.update_layout(
        height=height,
        showlegend=legend,
        margin={"l": 10, "r": 10, "t": 44, "b": 10},
        title={"font": {"size": 15}, "x": 0},
        meta={"title": title} | (figure.layout.meta or {}) | {"light": LIGHT},
    )
    place.plotly_chart(figure, key=key or title, width="stretch", config={"displaylogo": False})
