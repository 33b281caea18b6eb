"""The stage: a map with paths, a play bar and panels, drawn in the browser without remounting.

A Components v2 component. Python sends figures as one block of bytes per rerun; the browser draws
the ground of the map with Plotly only when it changes, and the paths on a canvas of its own, so a
slider move repaints in milliseconds and playback needs no server. What the figures must carry is
described at `stage`.

The ground is sent once per session and stamp: the browser keeps it, and asks (trigger ``need``)
in the rare case that it has lost it. plotly.js and the fonts come over HTTP from this app's own
server, never from another host.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from pages.shared.browser import ASSETS, STAGE, declare_assets, packed, read, scripts, stamp

_PARTS = (
    *("mount", "theme", "load", "save", "grid", "paths", "panel"),
    *("payload", "tip", "legend", "bar", "pointer", "surface", "files", "stage"),
)
_OVERLAY = frozenset({"path", "end", "start", "minimiser"})  # roles drawn by us, not by Plotly
_KEPT = 6  # grounds the browser is trusted to remember; it keeps twice as many

_Figure = go.Figure | Mapping[str, Any]


class Point(NamedTuple):
    """A point of the map, in data coordinates."""

    x: float
    y: float


_component = st.components.v2.component(
    "sadam_stage", js=scripts(*_PARTS), css=read(STAGE / "stage.css"), isolate_styles=False
)


def stage(
    race_map: _Figure,
    panels: Sequence[_Figure],
    *,
    key: str,
    steps: int,
    ground_stamp: str,
    caption: str = "",
    label: str = "",
    filename: str = "race",
    autoplay: bool = False,
    on_click: Callable[[float, float], None] | None = None,
) -> Point | None:
    """Show a race: the map with its paths, the play bar, and panels that follow the play head.

    The figures are ordinary Plotly figures (or dicts ``{"data", "layout"}``, which is faster);
    what is special is in ``meta``:

    - Traces of the map: ``{"role": "ground"}`` takes the theme's colour scale from
      ``layout.meta["ground_colorscales"] = {"light": [...], "dark": [...]}``; ``"kink"`` is drawn
      thin; ``"minimiser"`` and ``"start"`` are points; ``{"role": "path", "rule": key, "symbol":
      name, "color_dark": ...}`` is a trajectory with ``name``, ``line`` and ``customdata`` of shape
      (steps + 1, 6): step, f, |g|, LGI one-sided, LGI two-sided, brake. ``"end"`` traces serve
      exports and are left out here. Paths, start and minimisers may change without the ground.
    - A figure with ``layout.scene`` is drawn by Plotly altogether; clicks are not reported.
    - Panels: ``layout.meta = {"cursor": "step"}`` draws the play head and lets it be dragged,
      ``"weight"`` (default 1) is the share of the height; ``{"rule": key}`` on a trace lets the
      legend colour and hide it.

    Args:
        race_map: The map figure.
        panels: The figures beside it.
        key: The component's key; playback, zoom and hidden rules live as long as it does.
        steps: The number of steps of the race (the play head runs from 0 to it).
        ground_stamp: Names everything in the map that is not path, end, start or minimiser, axes
            included. The ground is sent and drawn only when it changes.
        caption: Text under the play bar; ``**bold**`` is understood.
        label: The map in words, for screen readers.
        filename: Name of downloaded pictures, without suffix.
        autoplay: Play once, on the first showing (not for visitors who prefer reduced motion).
        on_click: Called with x and y, before the script reruns, when the map is clicked.

    Returns:
        The clicked point on the rerun that a click caused, otherwise None.
    """
    declare_assets()
    sent: list[str] = st.session_state.setdefault(f"_stage_{key}_sent", [])
    payload = _payload(
        race_map,
        panels,
        ground_stamp if ground_stamp in sent else None,
        {
            "key": key,
            "steps": steps,
            "ground_stamp": ground_stamp,
            "caption": caption,
            "label": label,
            "filename": filename,
            "autoplay": autoplay,
            "assets": ASSETS,
        },
    )
    if ground_stamp in sent:
        sent.remove(ground_stamp)
    sent.append(ground_stamp)
    del sent[:-_KEPT]

    def clicked() -> None:
        point = _point(st.session_state[key].get("click"))
        if on_click is not None and point is not None:
            on_click(*point)

    result = _component(
        key=key, data=payload, on_click_change=clicked, on_need_change=lambda: sent.clear()
    )
    return _point(result.get("click"))


def _point(value: object) -> Point | None:
    """The point in what the browser sent."""
    if isinstance(value, Mapping) and {"x", "y"} <= value.keys():
        return Point(float(value["x"]), float(value["y"]))
    return None


def _payload(
    race_map: _Figure, panels: Sequence[_Figure], known: str | None, facts: dict[str, Any]
) -> bytes:
    """Everything the browser needs; without the ground if the browser knows it.

    JSON, its length in four bytes before it and the numbers of all arrays behind it: as text they
    would cost both sides more than all else that they do with them.
    """
    layout = _layout(race_map)
    flat = "scene" not in layout
    known = known if flat else None
    traces = list(race_map.data if isinstance(race_map, go.Figure) else race_map["data"])
    ours = [flat and _role(t) in _OVERLAY for t in traces]
    overlay = [_plain(t) for t, own in zip(traces, ours, strict=True) if own]
    ground = None
    if not known:
        rest = [_plain(t) for t, own in zip(traces, ours, strict=True) if not own]
        ground = {"data": rest, "layout": layout}
    drawn = [
        {
            "data": [_plain(t) for t in (p.data if isinstance(p, go.Figure) else p["data"])],
            "layout": _layout(p),
        }
        for p in panels
    ]
    texts, blocks, at = [], [], 0
    for part in (facts, overlay, ground, *drawn):
        text, numbers = packed(part)
        name = stamp(text.encode(), numbers)
        texts.append(f'{{"stamp":"{name}","at":{at},"value":{text}}}')
        blocks.append(numbers)
        at += len(numbers)
    body = f"[{','.join(texts)}]".encode()
    return b"".join([len(body).to_bytes(4, "little"), body, *blocks])


def _layout(figure: _Figure) -> dict[str, Any]:
    """A figure's layout without the template; the stage dresses figures itself."""
    given = _plain(figure.layout if isinstance(figure, go.Figure) else figure.get("layout") or {})
    return {k: v for k, v in given.items() if k != "template"}


def _plain(part: Any) -> Mapping[str, Any]:
    """A trace or layout as a dict, arrays untouched."""
    return part if isinstance(part, Mapping) else part.to_plotly_json()


def _role(trace: Any) -> str | None:
    """The role a trace's meta gives it."""
    meta = trace.get("meta") if isinstance(trace, Mapping) else trace.meta
    return meta.get("role") if isinstance(meta, Mapping) else None
