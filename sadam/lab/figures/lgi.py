"""Maps of what the probes see: one, two with linked axes, or a difference.

Every map lies on a colour axis of its layout. Colour scales say the same thing everywhere: paper
means "nothing here" (LGI 0, brake 1, diameter 0), ink means much. LGIs share the range 0 to 1 and
brakes theirs, whatever the map. Where a map knows nothing it is grey, all of it if need be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from sadam.lab.figures.ground import ground, kink_lines
from sadam.lab.lgi_map import QUANTITIES, MapResult
from sadam.lab.polylines import joined
from sadam.lab.race import Race
from sadam.text import shown

Scale = list[list[float | str]]

_LIGHT = {  # sequential, of falling lightness; readable without colour vision
    "lgi": ("#FAF8F2", "#EAD9BC", "#D2A873", "#A66A3F", "#5E2F1E"),
    "brake": ("#16324A", "#2F6482", "#6FA0B4", "#BFD5DA", "#F7F9F8"),
    "free": ("#FAF8F2", "#D9E0D3", "#A5BBA9", "#668677", "#22463F"),
    "difference": ("#1F4E79", "#7FA6C4", "#F6F5F1", "#D9A56B", "#8A4513"),
}
_DARK = {
    "lgi": ("#12161B", "#3B2A1F", "#7E5230", "#C98B4C", "#FFE3AE"),
    "brake": ("#D8F1FB", "#86BCD3", "#467F9B", "#234657", "#12161B"),
    "free": ("#12161B", "#24382F", "#47705F", "#83B098", "#DDF3DF"),
    "difference": ("#9CD0F5", "#3F7299", "#171B20", "#9A6632", "#FFC27F"),
}
_STOPS = {"free": (0.0, 1 / 16, 1 / 4, 9 / 16, 1.0)}  # squares: small values are seen too
_EVEN = (0.0, 0.25, 0.5, 0.75, 1.0)

HOLE = "#9A9AA6"  # where a map knows nothing: grey, which is in no scale
KINK, CONTOUR, POINT = "#2B333D", "#7C868E", "#111820"  # what is drawn over a map


def colorscale(kind: str, dark: bool = False) -> Scale:
    """Return the colour scale of ``"lgi"``, ``"brake"``, ``"free"`` or ``"difference"`` maps."""
    colors = (_DARK if dark else _LIGHT)[kind]
    return [[at, color] for at, color in zip(_STOPS.get(kind, _EVEN), colors, strict=True)]


class Overlays(NamedTuple):
    """What is drawn over maps.

    Attributes:
        kinks: Whether to draw the declared kinks.
        contours: Whether to draw contours of ``log10(f - f* + c)``.
        race: A race on the same landscape whose paths are drawn, diverged ones as far as they went.
        point: A point to mark.
    """

    kinks: bool = True
    contours: bool = False
    race: Race | None = None
    point: tuple[float, float] | None = None


NOTHING = Overlays()


def single_map(result: MapResult, name: str, overlays: Overlays = NOTHING) -> go.Figure:
    """One quantity as a heatmap over the window.

    Args:
        result: The map.
        name: One of its fields.
        overlays: What is drawn over it.

    Raises:
        ValueError: If the map has no such field.
    """
    figure = go.Figure()
    _add_map(figure, result, name, overlays, panel=1, panels=1)
    title = f"{QUANTITIES[name].title}<br><sup>{_subject(result)}</sup>"
    return _framed(figure, result, title, [QUANTITIES[name].title])


def map_pair(result: MapResult, left: str, right: str, overlays: Overlays = NOTHING) -> go.Figure:
    """Two quantities side by side; zooming or panning one moves both.

    Args:
        result: The map.
        left: One of its fields.
        right: Another.
        overlays: What is drawn over both.

    Raises:
        ValueError: If the map has no such field.
    """
    titles = [QUANTITIES[name].title for name in (left, right) if name in QUANTITIES]
    figure = make_subplots(cols=2, horizontal_spacing=0.06, subplot_titles=titles)
    for panel, name in enumerate((left, right), 1):
        _add_map(figure, result, name, overlays, panel, panels=2)
    figure = _framed(figure, result, _subject(result), titles)
    linked = {"matches": "y", "showticklabels": False, "title": None}
    return figure.update_layout(xaxis2={"matches": "x"}, yaxis2=linked)


def map_difference(
    result: MapResult, left: str, right: str, overlays: Overlays = NOTHING
) -> go.Figure:
    """One quantity minus another, on a diverging scale centred at 0.

    Args:
        result: The map.
        left: One of its fields.
        right: The field that is subtracted; it must be of the same kind.
        overlays: What is drawn over it.

    Raises:
        ValueError: If the map has no such field, or the two cannot be compared.
    """
    one, other = field_of(result, left), field_of(result, right)
    if _kind_of(left) != _kind_of(right):
        raise ValueError(f"{left} and {right} cannot be subtracted: they measure different things")
    difference = one - other
    limit = 1.0
    if QUANTITIES[left].scale == "free":
        limit = float(np.nanmax(np.abs(difference), initial=0.0)) or 1.0
    figure = go.Figure()
    words = f"{QUANTITIES[left].title} minus {QUANTITIES[right].title}"
    _add_heatmap(figure, result, difference, f"{left} − {right}", "difference", (-limit, limit))
    _add_overlays(figure, result, overlays, 1, 1)
    return _framed(figure, result, f"{words}<br><sup>{_subject(result)}</sup>", [words])


def field_of(result: MapResult, name: str) -> NDArray[np.float32]:
    """Return a field of a map.

    Raises:
        ValueError: If it has none of that name.
    """
    if name not in tuple(result.fields):
        raise ValueError(f"the map has no {shown(name)}, only {', '.join(result.fields)}")
    return result.fields[name]


def _kind_of(name: str) -> tuple[str, str]:
    quantity = QUANTITIES[name]
    return quantity.scale, quantity.unit if quantity.scale == "free" else ""


def _subject(result: MapResult) -> str:
    return f"{result.landscape.title}, radius {result.spec.radius:g}"


def range_of(result: MapResult, name: str) -> tuple[float, float]:
    """What the colours span: LGI and brake 0 to 1, others from 0 to their largest value.

    The distance to stationarity grows towards the window's corners; its largest hundredth is cut.
    A field of zeros, or without a number, goes to 1.

    Raises:
        ValueError: If the map has no such field.
    """
    field_of(result, name)
    if QUANTITIES[name].scale != "free":
        return 0.0, 1.0
    values = result.fields[name][np.isfinite(result.fields[name])]
    if not values.size or not values.max() > 0:
        return 0.0, 1.0
    if name == "stationarity":
        return 0.0, float(np.quantile(values, 0.99)) or float(values.max())
    return 0.0, float(values.max())


def _add_map(
    figure: go.Figure, result: MapResult, name: str, overlays: Overlays, panel: int, panels: int
) -> None:
    values = field_of(result, name)
    scale, limits = QUANTITIES[name].scale, range_of(result, name)
    _add_heatmap(figure, result, values, name, scale, limits, panel, panels)
    _add_overlays(figure, result, overlays, panel, panels)


def _add_heatmap(
    figure: go.Figure,
    result: MapResult,
    values: NDArray[np.float32],
    name: str,
    scale: str,
    limits: tuple[float, float],
    panel: int = 1,
    panels: int = 1,
) -> None:
    axis = "coloraxis" if panel == 1 else f"coloraxis{panel}"
    unit = QUANTITIES[name].unit if name in QUANTITIES else name
    trace = go.Heatmap(
        x=result.x.astype(np.float32),
        y=result.y.astype(np.float32),
        z=values,
        coloraxis=axis,
        name=name,
        hovertemplate=f"(%{{x:.4g}}, %{{y:.4g}})<br>{name}: %{{z:.4g}}<extra></extra>",
        meta={"role": "map", "field": name},
    )
    figure.add_trace(trace, **_at(panel, panels))
    if np.isnan(values).any():
        figure.add_trace(_hole(trace), **_at(panel, panels))
    bar = {
        "orientation": "h",
        "title": {"text": unit, "side": "bottom"},
        "thickness": 12,
        "y": -0.14,
        "yanchor": "top",
        "outlinewidth": 0,
    }
    if panels == 2:
        bar |= {"x": 0.235 if panel == 1 else 0.765, "len": 0.47}
    figure.update_layout(
        {axis: {"colorscale": colorscale(scale), "cmin": limits[0], "cmax": limits[1],
                "colorbar": bar}}
    )  # fmt: skip


def _hole(trace: go.Heatmap) -> go.Heatmap:
    """The points at which a map knows nothing, in a colour that no number has."""
    return go.Heatmap(
        x=trace.x,
        y=trace.y,
        z=np.where(np.isnan(trace.z), 1.0, np.nan).astype(np.float32),
        colorscale=[[0, HOLE], [1, HOLE]],
        showscale=False,
        name="not finite",
        hovertemplate="(%{x:.4g}, %{y:.4g})<br>not finite<extra></extra>",
        meta={"role": "hole"},
    )


def _at(panel: int, panels: int) -> dict[str, int]:
    return {"row": 1, "col": panel} if panels > 1 else {}


def _add_overlays(
    figure: go.Figure, result: MapResult, overlays: Overlays, panel: int, panels: int
) -> None:
    window = result.spec.window
    assert window is not None
    at = _at(panel, panels)
    if overlays.contours:
        base = ground(result.landscape, window)
        contour = go.Contour(
            x=base.x,
            y=base.y,
            z=base.level,
            ncontours=18,
            contours={"coloring": "none"},
            line={"width": 0.6, "color": CONTOUR},
            showscale=False,
            hoverinfo="skip",
            name="contours of f",
            showlegend=False,
            meta={"role": "contour"},
        )
        figure.add_trace(contour, **at)
    kinks = joined(kink_lines(result.landscape, window)) if overlays.kinks else np.empty((0, 2))
    if len(kinks):
        _line(figure, kinks, "kinks", {"role": "kink"}, at, panel,
              line={"width": 0.8, "color": KINK}, opacity=0.55)  # fmt: skip
    if overlays.race is not None:
        _add_paths(figure, overlays.race, at, panel)
    if overlays.point is not None:
        x, y = overlays.point
        marker = go.Scatter(
            x=[x],
            y=[y],
            mode="markers",
            marker={
                "symbol": "circle-open-dot",
                "size": 13,
                "color": POINT,
                "line": {"width": 2},
            },
            name="point",
            showlegend=False,
            hoverinfo="skip",
            meta={"role": "point"},
        )
        figure.add_trace(marker, **at)


def _line(
    figure: go.Figure,
    points: NDArray[Any],
    name: str,
    meta: dict[str, Any],
    at: dict[str, int],
    panel: int,
    **look: Any,
) -> None:
    first = panel == 1 and look.pop("first", True)
    look.pop("first", None)
    trace = go.Scatter(
        x=points[:, 0].astype(np.float32),
        y=points[:, 1].astype(np.float32),
        mode="lines",
        name=name,
        legendgroup=name,
        showlegend=bool(first),
        hoverinfo="skip",
        meta=meta,
        **look,
    )
    figure.add_trace(trace, **at)


def _add_paths(figure: go.Figure, race: Race, at: dict[str, int], panel: int) -> None:
    """The paths of a race in their rules' styles, S-Adam two-sided on top."""
    for label, style, track in race.drawn():
        points = track.points.numpy()
        for start in range(points.shape[1]):
            meta = {"role": "path", "rule": label, "start": start, "color_dark": style.color_dark}
            _line(figure, points[:, start], style.title, meta, at, panel, line=style.line,
                  first=start == 0)  # fmt: skip


def _framed(figure: go.Figure, result: MapResult, title: str, names: list[str]) -> go.Figure:
    assert result.spec.window is not None
    (x0, x1), (y0, y1) = result.spec.window
    axes = {"zeroline": False, "showgrid": False, "exponentformat": "power", "constrain": "domain"}
    figure.update_xaxes(range=[x0, x1], title="x", **axes)
    figure.update_yaxes(range=[y0, y1], title="y", **axes)
    figure.update_layout(
        title=title,
        hovermode="closest",
        legend={"orientation": "h", "y": -0.32, "yanchor": "top", "x": 0},
        margin={"b": 170},
        meta={"summary": f"{' and '.join(names)} on {_subject(result)}, as a heatmap."},
    )
    return figure


class MapFigure(NamedTuple):
    """A figure that can be made of a map which has certain fields."""

    needs: tuple[str, ...]
    make: Callable[[MapResult], go.Figure]


def _single(name: str) -> MapFigure:
    return MapFigure((name,), lambda result: single_map(result, name))


_BOTH, _BRAKES = ("one-sided", "two-sided"), ("brake-one-sided", "brake-two-sided")
_SPREADS = ("spread-one-sided", "spread-two-sided")

MAP_FIGURES: Mapping[str, MapFigure] = MappingProxyType(
    {
        "lgi": MapFigure(_BOTH, lambda result: map_pair(result, *_BOTH)),
        "brake": MapFigure(_BRAKES, lambda result: map_pair(result, *_BRAKES)),
        "spread": MapFigure(_SPREADS, lambda result: map_pair(result, *_SPREADS)),
        "lgi-difference": MapFigure(_BOTH, lambda result: map_difference(result, *_BOTH[::-1])),
        **{f"map-{name}": _single(name) for name in QUANTITIES},
    }
)
"""Every figure of a map by the name its files get."""


def figures_of(result: MapResult) -> dict[str, go.Figure]:
    """Return every figure that a map has the fields for."""
    return {
        name: figure.make(result)
        for name, figure in MAP_FIGURES.items()
        if set(figure.needs) <= set(result.fields)
    }
