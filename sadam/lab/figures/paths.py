"""Trajectories on their landscape: the map, and the same on a surface.

They draw any race: a start that diverged ends where it was last finite, one at which f is not
defined is a point, and where f is not finite the ground has a hole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from sadam.engine import Trajectories
from sadam.lab.codec import nearest
from sadam.lab.figures.ground import COLORSCALES, Ground, ground, kink_lines
from sadam.lab.figures.maker import FigureMaker, Plain
from sadam.lab.marks import DASHES
from sadam.lab.polylines import joined
from sadam.lab.race import Race
from sadam.lab.spec import Window
from sadam.lab.style import Style, style_of
from sadam.metrics import kink_crossings, last_steps
from sadam.text import shown

INK = "#2B333D"
MOST_STARTS = 32  # paths drawn of each rule: more would be a smear of many megabytes
Frame = Literal["window", "paths", "tail"]
HOVER = (
    "<b>%{fullData.name}</b><br>step %{customdata[0]:.0f}<br>f = %{customdata[1]:.6g}"
    "<br>|g| = %{customdata[2]:.4g}<br>LGI one-sided %{customdata[3]:.3f}"
    "<br>LGI two-sided %{customdata[4]:.3f}<br>brake %{customdata[5]:.4f}<extra></extra>"
)


def path_window(race: Race, first: int = 0) -> Window:
    """The smallest comfortable square window round the paths from step ``first`` on.

    Diverged runs and the far ends of stragglers would shrink everything else to a dot, so a path
    counts only as far as it stays within ten windows of the landscape's own; where none does, that
    window is returned.
    """
    (x0, x1), (y0, y1) = race.landscape.window
    low = np.array([x0 - 10 * (x1 - x0), y0 - 10 * (y1 - y0)])
    high = np.array([x1 + 10 * (x1 - x0), y1 + 10 * (y1 - y0)])
    tracks = race.trajectories.values()
    seen = np.concatenate([t.points[first:].reshape(-1, 2).numpy() for t in tracks])
    seen = seen[((seen >= low) & (seen <= high)).all(axis=1)]
    if not len(seen):
        return race.landscape.window
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    half = max(float((upper - lower).max()) * 0.56, 1e-6 * max(x1 - x0, y1 - y0))
    cx, cy = (lower + upper) / 2
    return ((float(cx - half), float(cx + half)), (float(cy - half), float(cy + half)))


def window_of(race: Race, frame: Frame = "window") -> Window:
    """What a frame shows: the landscape's window, all of the paths, or their last 10 %.

    Raises:
        ValueError: If there is no such frame.
    """
    if frame not in get_args(Frame):
        raise ValueError(f"no frame {shown(frame)}: {nearest(frame, get_args(Frame))}")
    if frame == "window":
        return race.landscape.window
    steps = race.experiment.steps
    return path_window(race, steps - last_steps(steps) if frame == "tail" else 0)


def details(track: Trajectories, start: int) -> NDArray[np.float32]:
    """What hovering tells of each point: ``(T+1, 6)``.

    Columns: step, f, |g|, one-sided LGI, two-sided LGI, brake of the step that leaves the point;
    NaN where one was not measured.

    Args:
        track: Of one rule.
        start: Number of the start.
    """
    brake = torch.cat([track.brake[:, start], torch.full((1,), torch.nan, dtype=torch.float64)])
    columns = [
        torch.arange(track.steps + 1, dtype=torch.float64),
        track.values[:, start],
        torch.linalg.vector_norm(track.grads[:, start], dim=-1),
        track.lgi_one_sided[:, start],
        track.lgi_two_sided[:, start],
        brake,
    ]
    return torch.stack(columns, dim=1).to(torch.float32).numpy()


def _drawn(race: Race) -> Iterator[tuple[str, Style, Trajectories, int]]:
    """Every path in drawing order."""
    for label, style, track in race.drawn():
        for start in range(min(track.values.shape[1], MOST_STARTS)):
            yield label, style, track, start


@FigureMaker
def trajectory_map(race: Race, frame: Frame = "window", crossings: bool = False) -> Plain:
    """Paths over contours of ``log10(f - f* + c)``, kinks as lines, minimisers as stars.

    Args:
        race: What to draw.
        frame: What to show, see :func:`window_of`.
        crossings: Whether to mark where steps cross a kink.
    """
    window = window_of(race, frame)
    base = ground(race.landscape, window)
    traces: list[dict[str, Any]] = [
        {
            "type": "contour",
            "x": base.x,
            "y": base.y,
            "z": base.level,
            "ncontours": 22,
            "colorscale": COLORSCALES["light"],
            "showscale": False,
            "line": {"width": 0.5, "color": "#B4BABD"},
            "hoverinfo": "skip",
            "meta": {"role": "ground"},
            "name": "landscape",
        }
    ]
    kinks = joined(kink_lines(race.landscape, window))
    if len(kinks):
        traces.append(
            {
                "type": "scatter",
                "x": kinks[:, 0],
                "y": kinks[:, 1],
                "mode": "lines",
                "line": {"width": 1, "color": "#5B6570"},
                "hoverinfo": "skip",
                "name": "kinks",
                "showlegend": True,
                "meta": {"role": "kink"},
            }
        )
    for label, style, track, start in _drawn(race):
        points = track.points[:, start].numpy()
        common = _common(label, style, start)
        traces.append(
            {
                "type": "scatter",
                "x": points[:, 0],
                "y": points[:, 1],
                "mode": "lines",
                "showlegend": start == 0,
                "line": style.line,
                "customdata": details(track, start),
                "hovertemplate": HOVER,
                **common,
                "meta": {"role": "path", "symbol": style.symbol, **common["meta"]},
            }
        )
        traces.append(
            {
                "type": "scatter",
                "x": points[-1:, 0],
                "y": points[-1:, 1],
                "mode": "markers",
                "showlegend": False,
                "marker": {
                    "symbol": style.symbol,
                    "size": 11,
                    "color": style.color,
                    "line": {"width": 1.2, "color": "white"},
                },
                "hoverinfo": "skip",
                **common,
                "meta": {"role": "end", **common["meta"]},
            }
        )
    if crossings:
        traces += _crossings(race)
    axes = {"zeroline": False, "showgrid": False, "exponentformat": "power"}
    layout = {
        "meta": {"ground_colorscales": COLORSCALES, "summary": summary(race)},
        "xaxis": {"range": list(window[0]), "title": {"text": "x"}, **axes},
        "yaxis": {"range": list(window[1]), "title": {"text": "y"}, **axes},
        "hovermode": "closest",
    }
    return {"data": traces + _landmarks(race), "layout": layout}


def _common(label: str, style: Style, start: int) -> dict[str, Any]:
    return {
        "name": style.title,
        "legendgroup": label,
        "meta": {"rule": label, "start": start, "color_dark": style.color_dark},
    }


def _crossings(race: Race) -> list[dict[str, Any]]:
    """A small tick in the middle of every step that crosses a kink."""
    traces = []
    for label, style, track, start in _drawn(race):
        points = track.points[:, start]
        crossed = kink_crossings(points, race.landscape.kinks) > 0
        middle = ((points[:-1] + points[1:]) / 2)[crossed].numpy()
        common = _common(label, style, start)
        traces.append(
            {
                "type": "scatter",
                "x": middle[:, 0],
                "y": middle[:, 1],
                "mode": "markers",
                "showlegend": False,
                "marker": {
                    "symbol": "line-ns-open",
                    "size": 7,
                    "color": style.color,
                    "line": {"width": 1, "color": style.color},
                },
                "hoverinfo": "skip",
                **common,
                "name": f"{style.title}: kink crossed",
                "meta": {"role": "crossing", **common["meta"]},
            }
        )
    return traces


def summary(race: Race) -> str:
    """The picture in words, for those who cannot see it."""
    starts = ", ".join(f"({x:g}, {y:g})" for x, y in race.experiment.starts[:3])
    more = "" if len(race.experiment.starts) <= 3 else " and others"
    names = ", ".join(style_of(label, rule).title for label, rule in race.experiment.rules)
    return (
        f"Paths of {names} on {race.landscape.title} from {starts}{more}, "
        f"{race.experiment.steps} steps."
        + (f" The first {MOST_STARTS} starts are drawn." if starts_left_out(race) else "")
    )


def starts_left_out(race: Race) -> int:
    """How many starts the map leaves out."""
    return max(0, len(race.experiment.starts) - MOST_STARTS)


def _landmarks(race: Race, base: Ground | None = None) -> list[dict[str, Any]]:
    """Minimisers, traps and starts; on a surface where its levels are given."""
    groups = (
        ("minimiser", "minimum", race.landscape.minimisers, "star", 14),
        ("trap", "trap: stationary, not minimal", race.landscape.traps, "x-thin", 11),
        ("start", "start", race.experiment.starts, "circle-open", 12),
    )
    solid = {"star": "diamond-open", "x-thin": "x", "circle-open": "circle-open"}
    traces = []
    for role, name, places, symbol, size in groups:
        if not places:
            continue
        at = np.asarray(places, dtype=np.float64)
        trace: dict[str, Any] = {
            "type": "scatter",
            "x": at[:, 0],
            "y": at[:, 1],
            "mode": "markers",
            "name": name,
            "marker": {
                "symbol": symbol,
                "size": size,
                "color": INK,
                "line": {"width": 0.5 if role == "minimiser" else 2, "color": INK},
            },
            "hovertemplate": f"{name}<br>(%{{x:.4g}}, %{{y:.4g}})<extra></extra>",
            "meta": {"role": role},
        }
        if base is not None:
            height = base.level_of(race.landscape.value(torch.from_numpy(at)).numpy())
            trace |= {"type": "scatter3d", "z": height}
            trace["marker"] |= {"symbol": solid[symbol], "size": size / 2}
        traces.append(trace)
    return traces


@FigureMaker
def trajectory_surface(race: Race, frame: Frame = "window") -> Plain:
    """The same on a surface whose height and colour are ``log10(f - f* + c)``.

    Paths are drawn where they run inside the window.
    """
    window = window_of(race, frame)
    base = ground(race.landscape, window)
    traces: list[dict[str, Any]] = [
        {
            "type": "surface",
            "x": base.x,
            "y": base.y,
            "z": base.level,
            "colorscale": COLORSCALES["light"],
            "showscale": False,
            "opacity": 0.96,
            "hoverinfo": "skip",
            "lighting": {"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
            "contours": {"z": {"show": True, "color": "#98A2A8", "width": 1}},
            "meta": {"role": "ground"},
            "name": "landscape",
        }
    ]
    levels = base.level[np.isfinite(base.level)]
    lift = 0.01 * float(np.ptp(levels)) if levels.size else 0.0
    low, high = np.array(window).T
    for label, style, track, start in _drawn(race):
        points = track.points[:, start].numpy()
        inside = ((points >= low) & (points <= high)).all(axis=1)
        height = base.level_of(track.values[:, start].numpy()) + lift
        x, y, z = (np.where(inside, v, np.nan) for v in (points[:, 0], points[:, 1], height))
        common = _common(label, style, start)
        traces.append(
            {
                "type": "scatter3d",
                "x": x,
                "y": y,
                "z": z,
                "mode": "lines",
                "showlegend": start == 0,
                "line": style.line
                | {
                    "width": 2.2 * style.width,
                    "dash": style.dash if style.dash in DASHES else "dash",
                },
                "customdata": details(track, start),
                "hovertemplate": HOVER,
                **common,
                "meta": {"role": "path", "symbol": style.symbol, **common["meta"]},
            }
        )
    layout = {
        "meta": {"ground_colorscales": COLORSCALES, "summary": summary(race)},
        "scene": {
            "xaxis": {"title": {"text": "x"}, "range": list(window[0])},
            "yaxis": {"title": {"text": "y"}, "range": list(window[1])},
            "zaxis": {"title": {"text": "log₁₀(f − f* + c)"}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": 0.6},
            "camera": {"eye": {"x": -1.3, "y": -1.3, "z": 1.0}},
        },
        "uirevision": "surface",
    }
    return {"data": traces + _landmarks(race, base), "layout": layout}
