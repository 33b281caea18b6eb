"""The stage: a map with paths, a play bar and panels, drawn in the browser without remounting.

A Components v2 component. Python sends figures as one block of bytes per rerun; the browser draws
the ground of the map with Plotly only when it changes, and the paths on a canvas of its own, so a
slider move repaints in milliseconds and playback needs no server. What the figures must carry is
described at `stage`.

The ground is sent once per session and stamp: the browser keeps it, and asks (trigger ``need``)
in the rare case that it has lost it. plotly.js and the fonts come over HTTP from this app's own
server, never from another host.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly
import plotly.graph_objects as go
import plotly.io as pio
import streamlit as st
from streamlit.components.v1 import declare_component

_HERE = Path(__file__).parent
_PARTS = (
    *("mount.js", "theme.js", "load.js", "save.js", "grid.js", "paths.js", "panel.js"),
    "stage.js",
)
_FOLDERS = {
    "fonts": _HERE / "fonts",
    "cartesian": _HERE / "cartesian",  # the same version of plotly.js, without maps, 3-D, WebGL
    "plotly": Path(plotly.__file__).parent / "package_data",
}
_OVERLAY = frozenset({"path", "end", "start", "minimiser"})  # roles drawn by us, not by Plotly
_ASSETS = f"component/{__name__}."
_FONT_STYLE = "<style>{}</style>".format(
    "".join(
        f"@font-face{{font-family:'{family}';font-weight:100 900;font-display:swap;"
        f"src:url('{_ASSETS}fonts/{file}') format('woff2')}}"
        for family, file in {
            "Inter": "inter.woff2",
            "JetBrains Mono": "jetbrains-mono.woff2",
        }.items()
    )
)
_KEPT = 6  # grounds the browser is trusted to remember; it keeps twice as many

_Figure = go.Figure | Mapping[str, Any]


class Point(NamedTuple):
    """A point of the map, in data coordinates."""

    x: float
    y: float


def _read(*parts: str) -> str:
    """The text of files of this folder, one after the other."""
    return "\n".join((_HERE / part).read_text(encoding="utf-8") for part in parts)


_component = st.components.v2.component(
    "sadam_stage", js=_read(*_PARTS), css=_read("stage.css"), isolate_styles=False
)
_preload = st.components.v2.component(
    "sadam_preload",
    js=_read("theme.js", "load.js", "save.js", "charts.js", "preload.js"),
    css=".stElementContainer:has(.sadam-preload) { display: none; }\n"
    + _read("save.css", "theme.css"),
    isolate_styles=False,
)


def _declare() -> None:
    """Tell Streamlit's server of the folders, once per session; again does no harm."""
    if "_stage_assets" not in st.session_state:
        for name, folder in _FOLDERS.items():
            declare_component(name, path=str(folder))
        st.session_state["_stage_assets"] = True


def serve_assets(*, wait: float = 0) -> None:
    """Hand out plotly.js and the fonts of the theme from this app's own server.

    Call it in app.py on every run. Three folders are served read-only, `plotly/package_data`,
    `cartesian` and `fonts`, under ``component/pages.shared.stage.stage.<name>/``. The fonts are
    declared here and not in ``theme.fontFaces``, which the browser reads before the first script
    run has declared where they are.

    Args:
        wait: Seconds before the browser loads plotly.js. 0 is for pages that draw with it: the
            browser then reads it while the script imports and computes.
    """
    _declare()
    st.html(_FONT_STYLE)
    _preload(key="sadam_preload", data={"assets": _ASSETS, "wait": 1000 * wait})


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
    _declare()
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
            "assets": _ASSETS,
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
        text, numbers = _packed(part)
        stamp = _stamp(text.encode(), numbers)
        texts.append(f'{{"stamp":"{stamp}","at":{at},"value":{text}}}')
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


def _stamp(*parts: bytes) -> str:
    """A short name for a content."""
    name = hashlib.blake2b(digest_size=8)
    for part in parts:
        name.update(part)
    return name.hexdigest()


def _packed(value: object) -> tuple[str, bytes]:
    """JSON in which an array's ``bdata`` says where its bytes are, and those bytes."""
    blocks: list[bytes] = []
    at = 0

    def place(array: bytes) -> list[int]:
        nonlocal at
        blocks.append(array)
        at += len(array)
        return [at - len(array), len(array)]

    return _json(value, place), b"".join(blocks)


def _base64(array: bytes) -> str:
    return base64.b64encode(array).decode("ascii")


def _json(value: object, written: Callable[[bytes], object] = _base64) -> str:
    """JSON with arrays as Plotly's blocks, bytes ``written`` in; NaN in lists becomes null."""
    encode = partial(_encode, written=written)
    try:
        return json.dumps(value, default=encode, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        return pio.json.to_json_plotly(value, engine="json")


def _encode(value: object, written: Callable[[bytes], object]) -> object:
    """An array as plotly.js reads it without parsing numbers; small or odd ones as lists."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise TypeError(f"cannot send {type(value).__name__}")
    if value.dtype.kind not in "fiu":
        return value.tolist()
    if value.dtype in (np.int64, np.uint64, np.float16):  # unknown to plotly.js
        value = value.astype(np.float64)
    value = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    return {
        "dtype": f"{value.dtype.kind}{value.dtype.itemsize}",
        "bdata": written(value.tobytes()),
        "shape": ", ".join(map(str, value.shape)),
    }
