"""Results in, Plotly figures out: pure functions without Streamlit, for the app and for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import plotly.graph_objects as go

from sadam.lab.figures.curves import (
    brake_curves,
    chattering,
    gap_by_evaluations,
    gap_by_step,
    instability,
    lgi_curves,
    turn_rates,
    turn_strips,
)
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
    "brake_curves",
    "chattering",
    "gap_by_evaluations",
    "gap_by_step",
    "instability",
    "lgi_curves",
    "trajectory_map",
    "trajectory_surface",
    "turn_rates",
    "turn_strips",
    "window_of",
]
