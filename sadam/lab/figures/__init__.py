"""Results in, Plotly figures out: pure functions without Streamlit, for the app and for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import plotly.graph_objects as go

from sadam.lab.figures.curves import chattering, gap_by_evaluations, gap_by_step, instability
from sadam.lab.figures.paths import trajectory_map, trajectory_surface, window_of
from sadam.lab.race import Race

RACE_FIGURES: Mapping[str, Callable[[Race], go.Figure]] = MappingProxyType(
    {
        "map": trajectory_map,
        "surface": trajectory_surface,
        "gap-by-step": gap_by_step,
        "gap-by-evaluations": gap_by_evaluations,
        "instability": instability,
        "chattering": chattering,
    }
)
"""Every figure of a race by the name its files get."""

__all__ = [
    "RACE_FIGURES",
    "chattering",
    "gap_by_evaluations",
    "gap_by_step",
    "instability",
    "trajectory_map",
    "trajectory_surface",
    "window_of",
]
