"""What every component of the browser needs: scripts, the files it loads, numbers as bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import plotly
import streamlit as st
from streamlit.components.v1 import declare_component

STAGE = Path(__file__).parent / "stage"
"""Where the scripts lie that components share."""

_FOLDERS = {
    "fonts": STAGE / "fonts",
    "cartesian": STAGE / "cartesian",  # the same version of plotly.js, without maps, 3-D, WebGL
    "plotly": Path(plotly.__file__).parent / "package_data",
}
ASSETS = f"component/{__name__}."
"""Where this server hands out plotly.js and the fonts: complete it with a folder's name."""

_FONT_STYLE = "<style>{}</style>".format(
    "".join(
        f"@font-face{{font-family:'{family}';font-weight:100 900;font-display:swap;"
        f"src:url('{ASSETS}fonts/{file}') format('woff2')}}"
        for family, file in {
            "Inter": "inter.woff2",
            "JetBrains Mono": "jetbrains-mono.woff2",
        }.items()
    )
)


def read(*files: Path) -> str:
    """The text of files, one after the other."""
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def scripts(*parts: str | Path) -> str:
    """Scripts as one: shared ones by their names, a component's own by its path."""
    return read(*(STAGE / f"{part}.js" if isinstance(part, str) else part for part in parts))


_preload = st.components.v2.component(
    "sadam_preload",
    js=scripts("theme", "load", STAGE / "preload.js"),
    css=".stElementContainer:has(.sadam-preload) { display: none; }\n"
    + read(STAGE / "save.css", STAGE / "theme.css"),
    isolate_styles=False,
)


def declare_assets() -> None:
    """Tell Streamlit's server of the folders, once per session; again does no harm."""
    for name, folder in _FOLDERS.items():
        serve_folder(name, folder)


def serve_folder(name: str, folder: Path) -> None:
    """Have Streamlit's server hand out a folder, read-only, at :data:`ASSETS` and its name.

    Streamlit asks ``inspect.getmodule`` where it is called from, whose table of modules is not made
    for threads: who reads it while another visitor's thread writes may be told that there is no
    such module, which is an error then, and right a moment later.
    """
    if (served := f"_served_{name}") in st.session_state:
        return
    for again in (True, True, True, False):
        try:
            declare_component(name, path=str(folder))
            break
        except RuntimeError:
            if not again:
                raise
            time.sleep(0.01)
    st.session_state[served] = True


def serve_assets(*, wait: float = 0) -> None:
    """Hand out plotly.js and the fonts of the theme from this app's own server.

    Call it in app.py on every run. Three folders are served read-only, `plotly/package_data`,
    `cartesian` and `fonts`, under ``component/pages.shared.browser.<name>/``. The fonts are
    declared here and not in ``theme.fontFaces``, which the browser reads before the first script
    run has declared where they are.

    Args:
        wait: Seconds before the browser loads plotly.js. 0 is for pages that draw with it: the
            browser then reads it while the script imports and computes.
    """
    declare_assets()
    st.html(_FONT_STYLE)
    _preload(key="sadam_preload", data={"assets": ASSETS, "wait": 1000 * wait})


def stamp(*parts: bytes) -> str:
    """A short name for a content."""
    name = hashlib.blake2b(digest_size=8)
    for part in parts:
        name.update(part)
    return name.hexdigest()


def stamped(body: str) -> bytes:
    """JSON under a stamp, by which a view knows what it shows already."""
    return f'{{"stamp":"{stamp(body.encode())}","body":{body}}}'.encode()


def packed(value: object) -> tuple[str, bytes]:
    """JSON in which an array's ``bdata`` says where its bytes are, and those bytes."""
    blocks: list[bytes] = []
    at = 0

    def place(array: bytes) -> list[int]:
        nonlocal at
        blocks.append(array)
        at += len(array)
        return [at - len(array), len(array)]

    return to_json(value, place), b"".join(blocks)


def _base64(array: bytes) -> str:
    return base64.b64encode(array).decode("ascii")


def to_json(value: object, written: Callable[[bytes], object] = _base64) -> str:
    """JSON with arrays as Plotly's blocks, bytes ``written`` in; NaN in lists becomes null."""
    encode = partial(_encode, written=written)
    try:
        return json.dumps(value, default=encode, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        import plotly.io as pio  # late: some pages draw nothing with it

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
