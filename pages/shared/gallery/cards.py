"""The gallery's cards: a moving picture, a title, who ended nearest; each opens its race.

Above them stands how each optimizer looks.

Nothing here waits for torch: what the cards say was worked out before (:mod:`.book`).
"""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from pages.shared.browser import ASSETS, read, scripts, serve_folder

_HERE = Path(__file__).parent
PICTURES = _HERE / "pictures"
CARDS = _HERE / "cards.json"
_SERVED = "pictures"
RACE, LESSONS = "pages/race.py", "pages/lessons.py"
PATHS = {RACE: "race", LESSONS: "lessons"}
CHOSEN = "_preset"  # the preset that the session looks at, for the presenter
_BOOK = json.loads(CARDS.read_text(encoding="utf-8"))
PRESETS = {card["name"]: card for card in _BOOK["cards"]}

_component = st.components.v2.component(
    "sadam_gallery",
    js=scripts("mount", "theme", "load", _HERE / "cards.js"),
    css=read(_HERE / "cards.css"),
    isolate_styles=False,
)


def open_preset(name: str) -> None:
    """Go to a preset's page; does not return."""
    st.session_state[CHOSEN] = name
    card = PRESETS[name]
    st.switch_page(card["page"], query_params=card["query"])


def cards() -> None:
    """Draw all presets; a click opens one in this session, in the same tab."""
    serve_folder(_SERVED, PICTURES)
    shown = {
        "assets": f"{ASSETS}{_SERVED}/",
        "legend": _BOOK["legend"],
        "cards": [card | {"path": PATHS[card["page"]]} for card in PRESETS.values()],
    }
    result = _component(key="gallery_cards", data=shown, on_open_change=lambda: None)
    name = result.get("open")
    if isinstance(name, str) and name in PRESETS:
        open_preset(name)
