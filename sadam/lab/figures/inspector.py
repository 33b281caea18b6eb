"""One point in pictures: the slope rose, the gradient fan, a slice of f.

They draw any inspection; what :func:`sadam.lab.inspector.inspect` refuses there is none of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadam.lab.codec import from_plain
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.figures.polar import PolarPaper
from sadam.lab.inspector import Inspection
from sadam.lab.style import translucent
from sadam.text import shown

Array = NDArray[Any]
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
LEAST = 1e-300  # slopes below it are drawn as 0: float64 has no room for their axis
_SLICE = ("#C9D3DA", "#A9BDCB", "#86A6BC", "#5F8EAD", "#38749B", "#1B5884", "#0B3A62")
_SLICE_DARK = ("#33414D", "#40596B", "#4F738B", "#6190AD", "#7BAFCE", "#9FCDEA", "#CDEBFF")


def _look(role: str, width: float = 2.0, dash: str = "solid") -> dict[str, Any]:
    light, dark = COLORS[role]
    return {
        "line": {"color": light, "width": width, "dash": dash},
        "meta": {"role": role, "color_dark": dark},
    }


@FigureMaker
def slope_rose(inspection: Inspection, parts: bool = False) -> Plain:
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
    largest = max(float(np.abs(getattr(rose, name)).max()) for name in names)
    if largest < LEAST:
        largest = 1.0
    paper = PolarPaper(-1.25 * largest, 1.15 * largest)
    ring = np.linspace(0, 2 * math.pi, 181)
    zero = paper.line(ring, np.zeros_like(ring)) | {"name": "slope 0", "hoverinfo": "skip"}
    traces = [*paper.grid(), zero | _look("ink", 1.0, "dot")]
    for name, dash in zip(names, ("solid", "dash"), strict=True):
        values = getattr(rose, name)
        curve = paper.line(angles, np.append(values, values[0]))
        said = {"name": titles[name], "hovertemplate": _hover(titles[name])}
        traces.append(curve | said | _look(name, 2.2, dash))
    if not parts:
        traces += _probes(inspection, paper)
    layout = {
        "title": {"text": "Slope in every direction"},
        **paper.axes(),
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.02, "yanchor": "top"},
        "meta": {
            "polar": True,  # customdata are degrees and slopes
            "summary": _summary(inspection, "The slope of f in every direction"),
        },
    }
    return {"data": traces, "layout": layout}


def _hover(title: str) -> str:
    return f"{title}<br>%{{customdata[0]:.0f}}°: %{{customdata[1]:.4g}}<extra></extra>"


def _probes(inspection: Inspection, paper: PolarPaper) -> list[dict[str, Any]]:
    """The probes that were drawn, on both curves."""
    rose = inspection.rose
    period = 2 * math.pi
    traces = []
    for name, symbol, shift in (("forward", "circle", 0.0), ("backward", "diamond-open", math.pi)):
        # A probe backwards along u measures D(-u): minus the slope of arriving from behind.
        values = np.interp(inspection.probes, rose.angles, getattr(rose, name), period=period)
        title = "probes drawn" if not shift else "their opposites"
        light, dark = COLORS[name]
        traces.append(
            paper.line(inspection.probes, values)
            | {
                "mode": "markers",
                "name": title,
                "marker": {"symbol": symbol, "size": 9, "color": light, "line": {"width": 1.5}},
                "hovertemplate": _hover(title),
                "meta": {"role": "probe", "color_dark": dark},
            }
        )
    return traces


@FigureMaker
def gradient_fan(inspection: Inspection, angle: float | None = None) -> Plain:
    """Gradients near the point as arrows from 0, their hull, and its point nearest to 0.

    Args:
        inspection: What to draw.
        angle: Direction, in radians, in which the width is drawn; the slice's by default.
    """
    found = inspection.subdifferential
    angle = inspection.slice.angle if angle is None else angle
    every = -(-len(found.gradients) // MOST_ARROWS)
    drawn = found.gradients[::every]
    arrows = np.zeros((3 * len(drawn), 2))
    arrows[1::3], arrows[2::3] = drawn, math.nan
    nearest = np.vstack([np.zeros(2), found.nearest])
    traces = [
        _line(arrows, "gradients near by", "gradient", 0.8),
        _gradients(found.gradients),
        _hull(found.hull),
        _width(inspection, angle),
        _line(nearest, f"nearest to 0: {found.distance:.3g}", "nearest", 2.4),
        _origin(nearest),
    ]
    verdict = "stationary" if found.stationary else "not stationary"
    title = (
        f"Gradients within {inspection.radius:g}: {verdict}<br><sup>diameter "
        f"{found.diameter:.4g}, width {found.width(angle):.4g} in direction "
        f"{math.degrees(angle):.0f}°, mean width {found.mean_width:.4g}; stationary up to "
        f"{found.tolerance:.2g}</sup>"
    )
    layout = {
        "title": {"text": title},
        "xaxis": {"title": {"text": "∂f/∂x"}, "zeroline": False},
        "yaxis": {
            "title": {"text": "∂f/∂y"},
            "zeroline": False,
            "scaleanchor": "x",
            "scaleratio": 1,
        },
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top"},
        "hovermode": "closest",
        "meta": {"summary": _summary(inspection, "Gradients near by and their convex hull")},
    }
    return {"data": traces, "layout": layout}


def _line(points: Array, name: str, role: str, width: float, dash: str = "solid") -> dict[str, Any]:
    where = {"type": "scatter", "x": points[:, 0], "y": points[:, 1], "mode": "lines"}
    return where | {"name": name, "hoverinfo": "skip"} | _look(role, width, dash)


def _gradients(gradients: Array) -> dict[str, Any]:
    light, dark = COLORS["gradient"]
    return {
        "type": "scatter",
        "x": gradients[:, 0],
        "y": gradients[:, 1],
        "mode": "markers",
        "name": "gradients",
        "showlegend": False,
        "marker": {"size": 4, "color": light},
        "hovertemplate": "gradient (%{x:.4g}, %{y:.4g})<extra></extra>",
        "meta": {"role": "gradient", "color_dark": dark},
    }


def _hull(corners: Array) -> dict[str, Any]:
    closed = np.vstack([corners, corners[:1]])
    return {
        "type": "scatter",
        "x": closed[:, 0],
        "y": closed[:, 1],
        "mode": "lines+markers",
        "fill": "toself",
        "fillcolor": translucent(COLORS["hull"][0], 0.15),
        "name": "their convex hull",
        "hovertemplate": "corner (%{x:.4g}, %{y:.4g})<extra></extra>",
        **_look("hull", 1.8),
    }


def _width(inspection: Inspection, angle: float) -> dict[str, Any]:
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
    return _line(np.array(lines).reshape(-1, 2), name, "ink", 1.0, "dash")


def _origin(points: Array) -> dict[str, Any]:
    """The origin, and the point of the hull that is nearest to it."""
    (ink, ink_dark), (near, near_dark) = COLORS["ink"], COLORS["nearest"]
    return {
        "type": "scatter",
        "x": points[:, 0],
        "y": points[:, 1],
        "mode": "markers",
        "name": "0",
        "showlegend": False,
        "marker": {
            "symbol": ["x-thin", "circle"],
            "size": [13, 7],
            "color": [ink, near],
            "line": {"width": 2, "color": ink},
        },
        "hovertemplate": "(%{x:.4g}, %{y:.4g})<extra></extra>",
        "meta": {
            "role": "origin",
            "dark": {"marker.color": [ink_dark, near_dark], "marker.line.color": ink_dark},
        },
    }


@FigureMaker
def slice_figure(inspection: Inspection, scale: float | None = None) -> Plain:
    """F along a line through the point, magnified 1 to a million times in both directions.

    Args:
        inspection: What to draw.
        scale: The one of the inspection's half lengths that is drawn; all by default.

    Raises:
        ValueError: If the inspection has no such half length.
    """
    cut = inspection.slice
    if scale is not None and from_plain(float, scale, "scale") not in cut.scales:
        scales = ", ".join(f"{s:g}" for s in cut.scales)
        raise ValueError(f"the slice has no scale {shown(scale)}, only {scales}")
    traces = []
    for i, s in enumerate(cut.scales.tolist()):
        if scale not in (None, s):
            continue
        shade = i * len(_SLICE) // len(cut.scales)
        traces.append(
            {
                "type": "scatter",
                "x": cut.positions.astype(np.float32),
                "y": cut.differences[i].astype(np.float32),
                "mode": "lines",
                "name": f"s = {s:.0e}" if s < 1 else "s = 1",
                "line": {"color": _SLICE[shade], "width": 1.4 + 0.2 * i},
                "hovertemplate": f"s = {s:g}: %{{y:.4g}}<extra></extra>",
                "meta": {"role": "slice", "scale": s, "color_dark": _SLICE_DARK[shade]},
            }
        )
    upwards: dict[str, Any] = {"title": {"text": "(f(x + t u) − f(x)) / s"}}
    if scale is None:
        upwards["range"] = _range_of_slice(inspection)
    about = "seen ever closer" if scale is None else f"within {scale:g}"
    seen = f"at {len(cut.scales)} scales" if scale is None else f"within {scale:g}"
    layout = {
        "title": {"text": f"f along {math.degrees(cut.angle):.0f}° through the point, {about}"},
        "xaxis": {"title": {"text": "t / s"}},
        "yaxis": upwards,
        "hovermode": "x unified",
        "meta": {"summary": _summary(inspection, f"f along a line, {seen}")},
    }
    return {"data": traces, "layout": layout}


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
