"""Polar diagrams as ordinary lines in the plane: every renderer that draws lines draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
GRID, GRID_DARK = "rgba(28,36,48,0.13)", "rgba(228,232,238,0.15)"
SPOKES = 8


@dataclass(frozen=True)
class PolarPaper:
    """Angles counterclockwise from the right, values outwards from the middle.

    Attributes:
        low: The value in the middle.
        high: The value on the outermost circle, above ``low``. Both are finite, and far enough from
            each other and from float64's ends for a sixth of what lies between to be a number.
    """

    low: float
    high: float

    def place(self, angles: Array, values: Array) -> tuple[Array, Array]:
        """Where values at angles (in radians) lie: x and y, like these."""
        radius = np.maximum(np.asarray(values) - self.low, 0.0)
        return radius * np.cos(angles), radius * np.sin(angles)

    def line(self, angles: Array, values: Array) -> dict[str, Any]:
        """A scatter trace's coordinates; its ``customdata`` are degrees and values."""
        x, y = self.place(angles, values)
        customdata = np.stack([np.degrees(angles), values], 1)
        return {"type": "scatter", "x": x, "y": y, "customdata": customdata, "mode": "lines"}

    def grid(self) -> list[dict[str, Any]]:
        """Circles of equal value and spokes of equal angle, and what they stand for."""
        ticks = _round_values(self.low, self.high)
        ring = np.linspace(0, 2 * math.pi, 121)
        spokes = np.arange(SPOKES) * 2 * math.pi / SPOKES
        parts = [np.stack(self.place(ring, np.full_like(ring, t))) for t in (*ticks, self.high)]
        ends = np.array([self.low, self.high])
        parts += [np.stack(self.place(np.full(2, angle), ends)) for angle in spokes]
        gap = np.full((2, 1), math.nan)
        x, y = np.concatenate([np.concatenate([part, gap], 1) for part in parts], 1)
        lines = {
            "type": "scatter",
            "x": x,
            "y": y,
            "mode": "lines",
            "hoverinfo": "skip",
            "showlegend": False,
            "line": {"width": 1, "color": GRID},
            "meta": {"role": "grid", "color_dark": GRID_DARK},
        }
        outside = self.high + 0.09 * (self.high - self.low)
        degrees = [f"{math.degrees(a):.0f}°" for a in spokes]
        up = np.full_like(ticks, math.pi / 2)
        return [
            lines,
            _words(*self.place(spokes, np.full_like(spokes, outside)), degrees, "middle center"),
            _words(*self.place(up, ticks), [f"{t:.3g}" for t in ticks], "middle right"),
        ]

    def axes(self) -> dict[str, Any]:
        """The layout's axes: round circles, nothing else."""
        reach = 1.12 * (self.high - self.low)
        hidden = {"visible": False, "range": [-reach, reach], "constrain": "domain"}
        return {"xaxis": hidden, "yaxis": {**hidden, "scaleanchor": "x"}}


def _round_values(low: float, high: float) -> Array:
    """Two to six multiples of 1, 2 or 5 times a power of ten between two values."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    return step * np.arange(math.floor(low / step) + 1, math.ceil(high / step))


def _words(x: Array, y: Array, text: list[str], position: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "text": text,
        "mode": "text",
        "textposition": position,
        "textfont": {"size": 11},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"role": "grid"},
    }
