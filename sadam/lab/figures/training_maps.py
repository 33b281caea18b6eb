"""What networks have learnt, and the loss they were led over: decision maps and loss planes.

A network that diverged is drawn where it was last finite; what is not finite is left white.
"""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadam.lab.figures.curves import check_estimator
from sadam.lab.figures.ground import COLORSCALES, levels
from sadam.lab.figures.lgi import colorscale
from sadam.lab.figures.maker import FigureMaker, Plain, as_text
from sadam.lab.figures.training import At, drawn, place_of
from sadam.lab.polylines import joined
from sadam.lab.style import style_of
from sadam.lab.training.plane import LossPlane, plane_lgi
from sadam.lab.training.run import TrainingResult
from sadam.lab.training.views import data_window, outputs_at, region_edges, second_share

Array = NDArray[Any]
GRID = 121
HEIGHT = 720
CLASSES = (  # light and dark screens: of the data's classes, apart from the rules' colours
    "#3B6FB6", "#C4622D", "#4F8F5B", "#8A6BB0", "#9A8B3C", "#4B9AA5", "#B5577F", "#7A6A58",
    "#5E6FA8", "#A0453F",
)  # fmt: skip
DIVERGING = [[0.0, "#9DB9DB"], [0.5, "#F7F6F2"], [1.0, "#E3B497"]]
DIVERGING_DARK = [[0.0, "#24466F"], [0.5, "#161C24"], [1.0, "#70401F"]]
INK, INK_DARK = "#2B333D", "rgba(235,240,245,0.75)"


def is_planar(result: TrainingResult) -> bool:
    """Whether the data have two inputs, so that a decision map can be drawn."""
    return result.data.input_shape == (2,)


@FigureMaker
def decision_map(
    result: TrainingResult, label: str, seed: int = 0, at: At = "own", regions: bool = True
) -> Plain:
    """What a network says of every point of the plane, over its linear regions and the data.

    Args:
        result: Trained on data of two inputs.
        label: Which rule's network.
        seed: Which seed's, by place.
        at: At the rule's own learning rate, or the best of the grid.
        regions: Whether to draw the edges of the network's linear regions.

    Raises:
        ValueError: If the data do not have two inputs, or there is no such rule or seed.
    """
    if not is_planar(result):
        raise ValueError(f"a decision map needs 2 inputs, not {result.data.input_shape}")
    model = place_of(result, label, at)
    window = data_window(result)
    x, y = (np.linspace(*side, GRID) for side in window)
    places = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    traces = [_said(result, x, y, outputs_at(result, result.trained(model, seed), places))]
    title, count = style_of(label, result.rules[label]).title, ""
    if regions:
        edges, words = region_edges(result, model, seed)
        count = f"; {words}"
        if len(edges):
            traces.append(_lines(edges, "linear regions", INK, 0.6, "region") | {"opacity": 0.45})
    return {
        "data": [*traces, *_examples(result)],
        "layout": {
            "title": {"text": f"{title}, seed {result.spec.seed_numbers[seed]}{count}"},
            "xaxis": {
                "title": {"text": _feature(result, 0)},
                "range": list(window[0]),
                "constrain": "domain",
            },
            "yaxis": {
                "title": {"text": _feature(result, 1)},
                "range": list(window[1]),
                "scaleanchor": "x",
            },
            "hovermode": "closest",
            "height": HEIGHT,
            "meta": {},
        },
    }


def _feature(result: TrainingResult, i: int) -> str:
    names = result.data.features
    name = as_text(names[i]) if i < len(names) else f"input {i + 1}"
    return f"{name} (standardised)"


def _said(result: TrainingResult, x: Array, y: Array, outputs: Array) -> dict[str, Any]:
    """The ground: probability of the second class, the likeliest of several, or the value."""
    classes, n = tuple(map(as_text, result.data.classes)), len(x)
    base = {
        "type": "heatmap", "x": x, "y": y, "showscale": False, "name": "network",
        "meta": {"role": "ground"},
    }  # fmt: skip
    if len(classes) > 2:
        colors = [CLASSES[i % len(CLASSES)] for i in range(len(classes))]
        steps = np.linspace(0, 1, len(classes) + 1)
        scale = [[edge, c] for i, c in enumerate(colors) for edge in steps[i : i + 2].tolist()]
        names = np.array(classes)[outputs.argmax(-1)].reshape(n, n)
        return base | {
            "z": outputs.argmax(-1).reshape(n, n).astype(np.float32), "colorscale": scale,
            "zmin": -0.5, "zmax": len(classes) - 0.5, "opacity": 0.35, "text": names,
            "hovertemplate": "%{text}<extra></extra>",
        }  # fmt: skip
    value = outputs[:, 0]
    if not classes:
        limit = float(np.abs(value[np.isfinite(value)]).max(initial=0.0)) or 1.0
        return base | {
            "z": value.reshape(n, n).astype(np.float32), "colorscale": DIVERGING,
            "zmin": -limit, "zmax": limit, "hovertemplate": "%{z:.3f}<extra></extra>",
            "meta": {"role": "ground", "dark": {"colorscale": DIVERGING_DARK}},
        }  # fmt: skip
    sure = result.problem.loss.kind == "cross-entropy"
    what = f"probability of {classes[1]}" if sure else f"vote for {classes[1]}"
    share = second_share(result, value).reshape(n, n).astype(np.float32)
    return base | {
        "type": "contour", "z": share, "colorscale": DIVERGING,
        "zmin": 0, "zmax": 1,
        "contours": {"start": 0, "end": 1, "size": 0.5, "coloring": "heatmap"},
        "line": {"color": INK, "width": 1.6},
        "hovertemplate": f"{what}: %{{z:.2f}}<extra></extra>",
        "meta": {"role": "ground",
                 "dark": {"colorscale": DIVERGING_DARK, "line.color": INK_DARK}},
    }  # fmt: skip


def _examples(result: TrainingResult) -> list[dict[str, Any]]:
    part, classes = result.data.train, result.data.classes
    groups = [(as_text(name), part.targets == i) for i, name in enumerate(classes)]
    traces = []
    for i, (name, chosen) in enumerate(groups or [("examples", np.ones(len(part), bool))]):
        points = part.inputs[chosen]
        traces.append(
            {
                "type": "scatter", "x": points[:, 0], "y": points[:, 1], "mode": "markers",
                "name": name, "hovertemplate": f"{name}<extra></extra>",
                "marker": {"size": 5, "color": CLASSES[i % len(CLASSES)],
                           "line": {"width": 0.6, "color": "white"}},
                "meta": {"role": "example"},
            }
        )  # fmt: skip
    return traces


@FigureMaker
def fitted_curve(result: TrainingResult, seed: int = 0, at: At = "own") -> Plain:
    """Every rule's network over data of one input.

    Args:
        result: Trained on such data.
        seed: Which seed's networks, by place.
        at: At each rule's own learning rate, or the best of the grid.

    Raises:
        ValueError: If the data do not have one input, or there is no such seed.
    """
    data = result.data
    if data.input_shape != (1,):
        raise ValueError(f"a fitted curve needs 1 input, not {data.input_shape}")
    inputs = data.train.inputs[:, 0]
    x = np.linspace(inputs.min() - 0.1, inputs.max() + 0.1, 801)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter", "x": inputs, "y": data.train.targets, "mode": "markers",
            "name": "examples", "marker": {"size": 4, "color": "#9AA2A9"},
            "meta": {"role": "example"},
        }
    ]  # fmt: skip
    for label, style, model in drawn(result, at):
        y = outputs_at(result, result.trained(model, seed), x[:, None])[:, 0]
        traces.append(
            {
                "type": "scatter", "x": x, "y": y, "mode": "lines",
                "name": style.title, "legendgroup": label,
                "line": style.line,
                "meta": {"role": "curve", "rule": label, "color_dark": style.color_dark},
            }
        )  # fmt: skip
    layout = {
        "title": {"text": f"What the networks have learnt, seed {result.spec.seed_numbers[seed]}"},
        "xaxis": {"title": {"text": _feature(result, 0)}},
        "yaxis": {"title": {"text": "value (standardised)"}},
        "meta": {},
    }
    return {"data": traces, "layout": layout}


@FigureMaker
def loss_plane_map(result: TrainingResult, view: LossPlane) -> Plain:
    """The training loss on a plane, the rules' paths dropped onto it, and kinks.

    The legend tells each path's relative projection error at its end: 0 would be in the plane.
    Rules that diverged with the plane's seed have no path.

    Args:
        result: What was trained.
        view: A plane of it, from :func:`sadam.lab.training.plane.loss_plane`.
    """
    ground = {
        "type": "contour", "x": view.a, "y": view.b, "z": levels(view.values)[0],
        "customdata": view.values, "ncontours": 24, "colorscale": COLORSCALES["light"],
        "showscale": False, "line": {"width": 0.5, "color": "#B4BABD"}, "name": "loss",
        "hovertemplate": "loss %{customdata:.4g}<extra></extra>",
        "meta": {"role": "ground", "dark": {"colorscale": COLORSCALES["dark"],
                                            "line.color": "rgba(255,255,255,0.12)"}},
    }  # fmt: skip
    title = f"Training loss ({view.examples} examples) {view.about}"
    return {"data": [ground, *_over_plane(result, view)], "layout": _plane_layout(view, title)}


@FigureMaker
def loss_plane_lgi(
    result: TrainingResult, view: LossPlane, kind: str = "two-sided", inside: bool = False
) -> Plain:
    """LGI over the same plane, probed in the whole space or inside the plane.

    Args:
        result: What was trained.
        view: A plane of it.
        kind: ``"two-sided"`` or ``"one-sided"``.
        inside: Whether the probes stay in the plane.

    Raises:
        ValueError: If there is no such estimator.
    """
    check_estimator(kind)
    lgi = plane_lgi(view, inside=inside)[kind]  # type: ignore[index]
    known = lgi[np.isfinite(lgi)]  # few places are unstable: see them too
    top = max(float(np.quantile(known, 0.995)), 0.01) if known.size else 1.0
    ground = {
        "type": "heatmap", "x": view.a, "y": view.b, "z": lgi.astype(np.float32), "zmin": 0,
        "zmax": min(top, 1.0), "colorscale": colorscale("lgi"), "name": "LGI",
        "colorbar": {"title": {"text": "LGI"}, "thickness": 12, "len": 0.5, "y": 0.25},
        "hovertemplate": "LGI %{z:.3f}<extra></extra>",
        "meta": {"role": "ground", "dark": {"colorscale": colorscale("lgi", dark=True)}},
    }  # fmt: skip
    where = "inside the plane" if inside else "in the whole parameter space, radius 0.01"
    title = f"{kind.capitalize()} LGI {view.about}; probes {where}"
    return {"data": [ground, *_over_plane(result, replace(view, kinks=None, note=""))],
            "layout": _plane_layout(view, title)}  # fmt: skip


def _over_plane(result: TrainingResult, view: LossPlane) -> list[dict[str, Any]]:
    traces = []
    if view.kinks is not None:
        lines = [*view.kinks.exact, *view.kinks.traced]
        if lines:
            traces.append(_lines(joined(lines), "kinks (some examples)", "#5B6570", 0.6, "kink"))
            traces[-1]["opacity"] = 0.5
    for label, style, _ in drawn(result):
        if label not in view.paths:
            continue
        path, error = view.paths[label], float(view.errors[label][-1])
        common = {
            "type": "scatter", "legendgroup": label,
            "name": f"{style.title} (error {100 * error:.0f} %)",
        }  # fmt: skip
        meta = {"rule": label, "color_dark": style.color_dark}
        traces.append(
            common | {
                "x": path[:, 0], "y": path[:, 1], "mode": "lines",
                "line": style.line,
                "customdata": np.stack([result.run.snapshot_at.numpy(), view.errors[label]], 1),
                "hovertemplate": "step %{customdata[0]:.0f}<br>projection error "
                "%{customdata[1]:.1%}<extra></extra>",
                "meta": {"role": "path", **meta},
            }
        )  # fmt: skip
        traces.append(
            common | {
                "x": path[-1:, 0], "y": path[-1:, 1], "mode": "markers", "showlegend": False,
                "hoverinfo": "skip", "meta": {"role": "end", **meta},
                "marker": {"symbol": style.symbol, "size": 11, "color": style.color,
                           "line": {"width": 1.2, "color": "white"}},
            }
        )  # fmt: skip
    start = next(iter(view.paths.values()))[:1]
    traces.append(
        {
            "type": "scatter", "x": start[:, 0], "y": start[:, 1], "mode": "markers",
            "name": "start", "hoverinfo": "skip",
            "meta": {"role": "start",
                     "dark": {"marker.color": INK_DARK, "marker.line.color": INK_DARK}},
            "marker": {"symbol": "circle-open", "size": 12, "color": INK,
                       "line": {"width": 2, "color": INK}},
        }
    )  # fmt: skip
    return traces


def _plane_layout(view: LossPlane, title: str) -> dict[str, Any]:
    (a0, a1), (b0, b1) = view.window
    caption = (
        f"Seed {view.seed}. Error: distance of a path's end from the plane over its distance from "
        f"the plane's origin. {view.note}"
    )
    axes = {"zeroline": False, "showgrid": False}
    lines = textwrap.wrap(caption, 120, break_on_hyphens=False)
    return {
        "title": {"text": "<br>".join([title, *(f"<sup>{line}</sup>" for line in lines)])},
        "margin": {"t": 60 + 18 * len(lines)},
        "height": HEIGHT,
        "xaxis": {"title": {"text": "first direction"}, "range": [a0, a1], **axes},
        "yaxis": {"title": {"text": "second direction"}, "range": [b0, b1], **axes},
        "hovermode": "closest",
        "meta": {"summary": f"{title}. {caption}"},
    }


def _lines(points: Array, name: str, color: str, width: float, role: str) -> dict[str, Any]:
    return {
        "type": "scatter", "x": points[:, 0], "y": points[:, 1], "mode": "lines", "name": name,
        "line": {"width": width, "color": color}, "hoverinfo": "skip", "showlegend": True,
        "meta": {"role": role, "dark": {"line.color": INK_DARK}},
    }  # fmt: skip


__all__ = [
    "decision_map",
    "fitted_curve",
    "is_planar",
    "loss_plane_lgi",
    "loss_plane_map",
]
