"""The gallery's cards: a moving picture, a title, who ended nearest; each opens its race."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v1 import declare_component

from pages.shared import controls
from pages.shared.lessons.links import KEYS, query_of_lesson
from sadam.lab.gallery import BY_NAME, MANIFEST, PRESETS, Preset
from sadam.lab.online import Online
from sadam.lab.style import STYLES

_HERE = Path(__file__).parent
PICTURES = _HERE / "pictures"
_SERVED = "pictures"
RACE, LESSONS = "pages/race.py", "pages/lessons.py"
PATHS = {RACE: "race", LESSONS: "lessons"}
CHOSEN = "_preset"  # the preset that the session looks at, for the presenter

_component = st.components.v2.component(
    "sadam_gallery",
    js="\n".join(
        path.read_text(encoding="utf-8")
        for path in (
            _HERE.parent / "stage" / "theme.js",
            _HERE.parent / "stage" / "load.js",
            _HERE / "cards.js",
        )
    ),
    css=(_HERE / "cards.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@cache
def manifest() -> Mapping[str, Any]:
    """What the command that drew the pictures wrote about them."""
    return json.loads((PICTURES / MANIFEST).read_text(encoding="utf-8"))


def target(preset: Preset) -> tuple[str, dict[str, str]]:
    """The page that a preset opens, and the query that opens it there."""
    if isinstance(preset.spec, Online):
        return LESSONS, query_of_lesson(preset.lesson)
    return RACE, controls.query_of(preset.spec, frame=preset.frame.title())


def open_preset(name: str) -> None:
    """Go to a preset's page; does not return."""
    st.session_state[CHOSEN] = name
    page, query = target(BY_NAME[name])
    st.switch_page(page, query_params=query)


def _card(preset: Preset) -> dict[str, Any]:
    page, query = target(preset)
    rule, number = manifest()[preset.name]["ranking"][0]
    style = STYLES[rule]
    online = isinstance(preset.spec, Online)
    return {
        "name": preset.name,
        "title": preset.title,
        "told": preset.told,
        "path": PATHS[page],
        "query": query,
        "best": style.title,
        "color": style.color,
        "color_dark": style.color_dark,
        "what": "Least regret" if online else "Smallest final gap",
        "number": f"{number:.2g}",
        "lesson": f" · Lesson {KEYS.index(preset.lesson) + 1}" if preset.lesson else "",
        "stamp": manifest()[preset.name]["stamp"],
    }


def cards() -> None:
    """Draw all presets; a click opens one in this session, in the same tab."""
    if "_gallery_assets" not in st.session_state:
        declare_component(_SERVED, path=str(PICTURES))
        st.session_state["_gallery_assets"] = True
    shown = {
        "assets": f"component/{__name__}.{_SERVED}/",
        "cards": [_card(preset) for preset in PRESETS],
    }
    result = _component(key="gallery_cards", data=shown, on_open_change=lambda: None)
    name = result.get("open")
    if isinstance(name, str) and name in BY_NAME:
        open_preset(name)
