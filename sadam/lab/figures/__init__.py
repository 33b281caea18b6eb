"""Results in, Plotly figures out: pure functions without Streamlit, for the app and for files.

Every result that the laboratory computes can be drawn, whatever diverged in it or is not finite;
what a figure does with it, its module says. A choice that there is not is a ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import plotly.graph_objects as go

from sadam.lab.figures.chattering import (
    chattering,
    gradient_components,
    power_spectrum,
    turn_rates,
    turn_strips,
    turning_angles,
)
from sadam.lab.figures.curves import (
    brake_curves,
    gap_by_evaluations,
    gap_by_step,
    instability,
    lgi_curves,
    show_tail,
)
from sadam.lab.figures.paths import Frame, trajectory_map, trajectory_surface, window_of
from sadam.lab.race import Race

RACE_FIGURES: Mapping[str, Callable[[Race], go.Figure]] = MappingProxyType(
    {
        "map": trajectory_map,
        "surface": trajectory_surface,
        "gap-by-step": gap_by_step,
        "gap-by-evaluations": gap_by_evaluations,
        "instability": instability,
        "chattering": chattering,
        "gradient-components": gradient_components,
        "power-spectrum": power_spectrum,
        "turning-angles": turning_angles,
    }
)
"""Every figure of a race by the name its files get."""

__all__ = [
    "RACE_FIGURES",
    "Frame",
    "brake_curves",
    "chattering",
    "gap_by_evaluations",
    "gap_by_step",
    "gradient_components",
    "instability",
    "lgi_curves",
    "power_spectrum",
    "show_tail",
    "trajectory_map",
    "trajectory_surface",
    "turn_rates",
    "turn_strips",
    "turning_angles",
    "window_of",
]
