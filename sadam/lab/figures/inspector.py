"""One point in pictures: the slope rose, the gradient fan, a slice of f."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import plotly.graph_objects as go

from sadam.lab.figures.polar import PolarPaper
from sadam.lab.inspector import Inspection

# Okabe-Ito colours for light screens, lighter ones for dark screens.
COLORS = {
    "forward": ("#0072B2", "#4A9FDB"),
    "backward": ("#D55E00", "#FF7F2A"),
    "even": ("#8E4B9E", "#C08AD0"),
    "odd": ("#009E73", "#1FBF91"),
    "gradient": ("#7A7F87", "#9BA1AA"),
    "hull": ("#0072B2", "#4A9FDB"),
    "nearest": ("#D55E00", "#FF7F2A"),
    "ink": ("#2B333D", "#E4E9EE"),
}
MOST_ARROWS = 64  # of the fan; more would be a blot
_SLICE = ("#C9D3DA", "#A9BDCB", "#86A6BC", "#5F8EAD", "#38749B", "#1B5884", "#0B3A62")
_SLICE_DARK = ("#33414D", "#40596B", "#4F738B", "#6190AD", "#7BAFCE", "#9FCDEA", "#CDEBFF")


def _look(role: str, width: float = 2.0, dash: str = "solid") -> dict[str, Any]:
    light, dark = COLORS[role]
    return {
        "line": {"color": light, "width": width, "dash": dash},
        "meta": {"role": role, "color_dark": dark},
    }


def slope_rose(inspection: Inspection, parts: bool = False) -> go.Figure:
    """Slopes of f in every direction, as distance from a circle of slope 0.

    The slope forwards along u and the slope with which f arrives from behind are one closed curve
    where f is smooth; at a kink they part, and half the gap between them is the even part.

    Args:
        inspection: What to draw.
        parts: Draw even and odd part instead of the two slopes.
    """
    rose = inspection.rose
    angles = np.append(rose.angles, 2 * math.pi)
    names = ("even", "odd") if parts else ("forward", "backward")
    titles = {
        "forward": "forwards, D(u)",
        "backward": "from behind, −D(−u)",
        "even": "even part, kinks and bends",
        "odd": "odd part, the gradient's",
    }
    largest = max(float(np.abs(getattr(rose, name)).max()) for name in names) or 1.0
    paper = PolarPaper(-1.25 * largest, 1.15 * largest)
    figure = go.Figure(paper.grid())
    ring = np.linspace(0, 2 * math.pi, 181)
    look = _look("ink", 1.0, "dot")
    figure.add_scatter(
        **paper.line(ring, np.zeros_like(ring)), name="slope 0", hoverinfo="skip", **look
    )
    for name, dash in zip(names, ("solid", "dash"), strict=True):
        values = getattr(rose, name)
        figure.add_scatter(
            **paper.line(angles, np.append(values, values[0])),
            name=titles[name],
            hovertemplate=_hover(titles[name]),
            **_look(name, 2.2, dash),
        )
    if not parts:
        _add_probes(figure, inspection, paper)
    return figure.update_layout(
        title="Slope in every direction",
        **paper.axes(),
        hovermode="closest",
        legend={"orientation": "h", "y": -0.02, "yanchor": "top"},
        meta={
            "polar": True,  # customdata are degrees and slopes
            "summary": _summary(inspection, "The slope of f in every direction"),
        },
    )


def _hover(title: str) -> str:
    return f"{title}<br>%{{customdata[0]:.0f}}°: %{{customdata[1]:.4g}}<extra></extra>"


def _add_probes(figure: go.Figure, inspection: Inspection, paper: PolarPaper) -> None:
    """The probes that were drawn, on both curves."""
    rose = inspection.rose
    period = 2 * math.pi
    for name, symbol, shift in (("forward", "circle", 0.0), ("backward", "diamond-open", math.pi)):
        # A probe backwards along u measures D(-u): minus the slope of arriving from behind.
        values = np.interp(inspection.probes, rose.angles, getattr(rose, name), period=period)
        title = "probes drawn" if not shift else "their opposites"
        light, dark = COLORS[name]
        figure.add_scatter(
            **paper.line(inspection.probes, values) | {"mode": "markers"},
            name=title,
            marker={"symbol": symbol, "size": 9, "color": light, "line": {"width": 1.5}},
            hovertemplate=_hover(title),
            meta={"role": "probe", "color_dark": dark},
        )


def gradient_fan(inspection: Inspection, angle: float | None = None) -> go.Figure:
    """Gradients near the point as arrows from 0, their hull, and its point nearest to 0.

    Args:
        inspection: What to draw.
        angle: Direction, in radians, in which the width is drawn; the slice's by default.
    """
    found = inspection.subdifferential
    angle = inspection.slice.angle if angle is None else angle
    figure = go.Figure()
    every = -(-len(found.gradients) // MOST_ARROWS)
    shown = found.gradients[::every]
    arrows = np.zeros((3 * len(shown), 2))
    arrows[1::3], arrows[2::3] = shown, math.nan
    closed = np.vstack([found.hull, found.hull[:1]])
    light = COLORS["hull"][0]
    _lines(figure, arrows, "gradients near by", "gradient", 0.8)
    figure.add_scatter(
        x=found.gradients[:, 0],
        y=found.gradients[:, 1],
        mode="markers",
        name="gradients",
        showlegend=False,
        marker={"size": 4, "color": COLORS["gradient"][0]},
        hovertemplate="gradient (%{x:.4g}, %{y:.4g})<extra></extra>",
        meta={"role": "gradient", "color_dark": COLORS["gradient"][1]},
    )
    figure.add_scatter(
        x=closed[:, 0],
        y=closed[:, 1],
        mode="lines+markers",
        fill="toself",
        fillcolor=f"rgba({int(light[1:3], 16)},{int(light[3:5], 16)},{int(light[5:], 16)},0.15)",
        name="their convex hull",
        hovertemplate="corner (%{x:.4g}, %{y:.4g})<extra></extra>",
        **_look("hull", 1.8),
    )
    _add_width(figure, inspection, angle)
    _lines(
        figure,
        np.vstack([np.zeros(2), found.nearest]),
        f"nearest to 0: {found.distance:.3g}",
        "nearest",
        2.4,
    )
    figure.add_scatter(
        x=[0.0, found.nearest[0]],
        y=[0.0, found.nearest[1]],
        mode="markers",
        name="0",
        showlegend=False,
        marker={
            "symbol": ["x-thin", "circle"],
            "size": [13, 7],
            "color": [COLORS["ink"][0], COLORS["nearest"][0]],
            "line": {"width": 2, "color": COLORS["ink"][0]},
        },
        hovertemplate="(%{x:.4g}, %{y:.4g})<extra></extra>",
        meta={
            "role": "origin",
            "dark": {
                "marker.color": [COLORS["ink"][1], COLORS["nearest"][1]],
                "marker.line.color": COLORS["ink"][1],
            },
        },
    )
    verdict = "stationary" if found.stationary else "not stationary"
    figure.update_layout(
        title=f"Gradients within {inspection.radius:g}: {verdict}<br><sup>diameter "
        f"{found.diameter:.4g}, width {found.width(angle):.4g} in direction "
        f"{math.degrees(angle):.0f}°, mean width {found.mean_width:.4g}; stationary up to "
        f"{found.tolerance:.2g}</sup>",
        xaxis={"title": "∂f/∂x", "zeroline": False},
        yaxis={"title": "∂f/∂y", "zeroline": False, "scaleanchor": "x", "scaleratio": 1},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        hovermode="closest",
        meta={"summary": _summary(inspection, "Gradients near by and their convex hull")},
    )
    return figure


def _lines(
    figure: go.Figure, points: np.ndarray, name: str, role: str, width: float, dash: str = "solid"
) -> None:
    figure.add_scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="lines",
        name=name,
        hoverinfo="skip",
        **_look(role, width, dash),
    )


def _add_width(figure: go.Figure, inspection: Inspection, angle: float) -> None:
    """The two lines between which the hull fits, across a direction."""
    found = inspection.subdifferential
    u = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-u[1], u[0]])
    along, beside = found.hull @ u, found.hull @ across
    reach = 0.6 * max(found.diameter, 1e-3 * float(np.abs(found.hull).max()), 1e-300)
    middle = 0.5 * float(beside.max() + beside.min())
    lines = [
        [u * at + across * (middle - reach), u * at + across * (middle + reach), [math.nan] * 2]
        for at in (along.min(), along.max())
    ]
    name = f"width {found.width(angle):.3g}"
    _lines(figure, np.array(lines).reshape(-1, 2), name, "ink", 1.0, "dash")


def slice_figure(inspection: Inspection) -> go.Figure:
    """F along a line through the point, magnified 1 to a million times in both directions."""
    cut = inspection.slice
    figure = go.Figure()
    for i, scale in enumerate(cut.scales):
        figure.add_scatter(
            x=cut.positions.astype(np.float32),
            y=cut.differences[i].astype(np.float32),
            mode="lines",
            name=f"s = {scale:.0e}" if scale < 1 else "s = 1",
            line={
                "color": _SLICE[i * len(_SLICE) // len(cut.scales)],
                "width": 1.4 + 0.2 * i,
            },
            hovertemplate=f"s = {scale:g}: %{{y:.4g}}<extra></extra>",
            meta={
                "role": "slice",
                "scale": float(scale),
                "color_dark": _SLICE_DARK[i * len(_SLICE) // len(cut.scales)],
            },
        )
    figure.update_layout(
        title=f"f along {math.degrees(cut.angle):.0f}° through the point, seen ever closer",
        xaxis={"title": "t / s"},
        yaxis={"title": "(f(x + t u) − f(x)) / s", "range": _range_of_slice(inspection)},
        hovermode="x unified",
        meta={"summary": _summary(inspection, "f along a line, at seven scales")},
    )
    return figure


def _range_of_slice(inspection: Inspection) -> list[float]:
    """What the closer looks need; the widest is cut off where it would flatten them."""
    values = inspection.slice.differences[2:]
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (-1.0, 1.0)
    room = 0.25 * (high - low) or 1.0
    return [low - room, high + room]


def _summary(inspection: Inspection, what: str) -> str:
    x, y = inspection.point
    return f"{what} of {inspection.landscape.title} at ({x:g}, {y:g}). {inspection.sentence}"


POINT_FIGURES: Mapping[str, Callable[[Inspection], go.Figure]] = MappingProxyType(
    {
        "slope-rose": slope_rose,
        "slope-parts": lambda inspection: slope_rose(inspection, parts=True),
        "gradient-fan": gradient_fan,
        "slice": slice_figure,
    }
)
"""Every figure of a point by the name its files get."""
