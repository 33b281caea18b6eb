"""What there is to choose from: landscapes, rules, schedules, each with a sentence."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sadam.lab.codec import to_plain
from sadam.lab.rulebook import values_of
from sadam.lab.style import STYLES
from sadam.rules import RULES
from sadam.schedules import SCHEDULES

SCHEDULE_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "constant": "The learning rate as it is.",
        "inverse-sqrt": "Times 1 / sqrt(t) at step t, from 1.",
        "cosine": "Times (1 + cos(pi t / T)) / 2: down to 0 at the last step T.",
    }
)

GROUPS = {"kinked": "Kinked", "smooth": "Smooth, as controls", "stepped": "Stepped"}


def listing(what: str = "all") -> dict[str, list[dict[str, Any]]]:
    """Return what there is, as plain data for JSON.

    Args:
        what: ``"landscapes"``, ``"rules"``, ``"schedules"``, or ``"all"``; nothing is listed for
            another text.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    if what in ("all", "landscapes"):
        found["landscapes"] = _landscapes()
    if what in ("all", "rules"):
        rules = {key: make() for key, make in RULES.items()}
        found["rules"] = [
            {
                "key": key,
                "note": STYLES[key].note,
                "hyperparameters": {n: to_plain(v) for n, v in values_of(rule).items()},
            }
            for key, rule in rules.items()
        ]
    if what in ("all", "schedules"):
        found["schedules"] = [{"key": key, "note": SCHEDULE_NOTES[key]} for key in SCHEDULES]
    return found


def _landscapes() -> list[dict[str, Any]]:
    from landscapes import CATALOGUE

    ordered = sorted(CATALOGUE.values(), key=lambda landscape: list(GROUPS).index(landscape.group))
    return [
        {
            "key": landscape.name,
            "group": landscape.group,
            "title": landscape.title,
            "formula": landscape.formula,
            "note": landscape.note,
            "start": list(landscape.start),
            "minimum": landscape.minimum,
            "minimisers": to_plain(landscape.minimisers),
            "convex": landscape.convex,
            "source": landscape.source,
        }
        for landscape in ordered
    ]


def readable(found: Mapping[str, list[dict[str, Any]]], width: int = 100) -> str:
    """Return a listing as text for a terminal, at most ``width`` characters wide, 40 or more."""
    blocks = []
    for subject, entries in found.items():
        size = max(len(entry["key"]) for entry in entries)
        by_group: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            by_group.setdefault(entry.get("group", ""), []).append(entry)
        for group, members in by_group.items():
            name = subject.capitalize() + (f": {GROUPS[group].lower()}" if group else "")
            lines = [name, "-" * len(name)]
            for entry in members:
                lines += _entry(entry, size, width)
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _entry(entry: dict[str, Any], size: int, width: int) -> list[str]:
    indent = " " * (size + 2)
    texts = []
    if "title" in entry:
        texts.append(
            f"{entry['title']}: {entry['formula']}" if entry["formula"] else entry["title"]
        )
    texts.append(entry["note"])
    if "hyperparameters" in entry:
        numbers = (f"{name}={_short(v)}" for name, v in entry["hyperparameters"].items())
        texts.append(" ".join(numbers))
    lines: list[str] = []
    for text in texts:
        lines += textwrap.wrap(text, width - len(indent), break_on_hyphens=False) or [""]
    return [f"{entry['key']:<{size}}  {lines[0]}", *(indent + line for line in lines[1:])]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
