"""What the gallery's cards say, worked out from the presets and written down beside the page.

    python -m pages.shared.gallery.book

The page reads what was written: it opens before torch has been imported, which takes seconds. A
test tells when what is written is no longer what the presets say.
"""

from __future__ import annotations

import json
from typing import Any

from pages.shared import controls
from pages.shared.gallery.cards import CARDS, LESSONS, PICTURES, RACE
from pages.shared.lessons.links import KEYS, query_of_lesson
from sadam.lab.gallery import MANIFEST, PRESETS, Preset
from sadam.lab.online import Online
from sadam.lab.race import CONVERGED
from sadam.lab.style import STYLES
from sadam.rules import RULES


def target(preset: Preset) -> tuple[str, dict[str, str]]:
    """The page that a preset opens, and the query that opens it there."""
    if isinstance(preset.spec, Online):
        return LESSONS, query_of_lesson(preset.lesson)
    return RACE, controls.query_of(preset.spec, frame=preset.frame.title())


def book() -> dict[str, list[dict[str, Any]]]:
    """What each card says, in the order of the presets, and how each rule in them looks."""
    manifest = json.loads((PICTURES / MANIFEST).read_text(encoding="utf-8"))
    drawn = {rule for preset in PRESETS for rule, _ in manifest[preset.name]["ranking"]}
    return {
        "legend": [
            {"title": s.title, "color": s.color, "color_dark": s.color_dark, "symbol": s.symbol}
            for s in (STYLES[key] for key in RULES if key in drawn)
        ],
        "cards": [_card(preset, manifest[preset.name]) for preset in PRESETS],
    }


def _card(preset: Preset, drawn: dict[str, Any]) -> dict[str, Any]:
    page, query = target(preset)
    rule, number = drawn["ranking"][0]
    style = STYLES[rule]
    near = sum(gap <= CONVERGED for _, gap in drawn["ranking"])
    what, best = "Smallest median gap, last 10 % of steps", style.title
    if isinstance(preset.spec, Online):
        what = "Least regret"
    elif near > 1:
        what, best = "Median gap at most 1e-8, last 10 % of steps", f"{best} and {near - 1} more"
    return {
        "name": preset.name,
        "title": preset.title,
        "told": preset.told,
        "page": page,
        "query": query,
        "best": best,
        "color": style.color,
        "color_dark": style.color_dark,
        "what": what,
        "number": f"{number:.2g}" if near < 2 else "",
        "lesson": f" · Lesson {KEYS.index(preset.lesson) + 1}" if preset.lesson else "",
        "stamp": drawn["stamp"],
    }


if __name__ == "__main__":
    CARDS.write_text(json.dumps(book(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
