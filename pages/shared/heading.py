"""What stands above a landscape: its name and its formula."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from landscapes import Landscape

LONG = 400  # characters of LaTeX that are shown whole, about three lines
HEIGHT = 96  # pixels for those of longer ones, which scroll


def heading(place: DeltaGenerator, landscape: Landscape) -> None:
    """Write a landscape's name and formula; one of many lines does not push the picture away."""
    place.markdown(f"# {landscape.title}")
    if len(landscape.latex) > LONG:
        place = place.container(height=HEIGHT, border=False, key="long_formula")
    place.markdown(f"$f(x,y) = {landscape.latex}$")
