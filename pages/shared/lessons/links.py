"""Which lesson is on screen and what its controls say, as a link."""

from __future__ import annotations

from typing import Any

from pages.shared import links

PREFIX = "les_"  # of the lessons' keys; app.py holds their values while other pages are shown
KEYS = (
    "kink",
    "clarke",
    "chattering",
    "probe",
    "two-sided",
    "control",
    "schedules",
    "traps",
    "reddi",
    "networks",
)
"""The lessons in their order."""

VALLEYS = ("l1", "crescent", "cb2", "mifflin1", "nonsmooth-rosenbrock", "rosenbrock")
CORNERS = ("dem", "l1", "crescent", "cb2", "jbkm10", "chebyshev-n2", "rosenbrock")
TRAPS = {"wolfe": "Wolfe", "hul-fan": "Fan", "chebyshev-n2": "Chebyshev-Rosenbrock"}
STEPPED = ("quantized-bowl", "relu-fit")
PLACES = ("slope", "bend", "kink-and-slope", "kink", "vertex")
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
BETAS = (0.9, 0.99, 0.995, 0.999, 0.9999)
ROUNDS = (1000, 10_000, 100_000, 300_000)

CONTROLS: dict[str, dict[str, tuple[Any, links.Read]]] = {  # lesson -> control -> default, reader
    "kink": {"at": (0.06, links.number(-1.2, 1.2)), "width": (0.0, links.number(0, 0.5))},
    "clarke": {
        "corner": ("dem", links.choice(CORNERS)),
        "cx": (0.02, links.number(-100, 100)),
        "cy": (-2.97, links.number(-100, 100)),
        "ball": (0.1, links.number(1e-4, 1)),
    },
    "chattering": {
        "lr": (0.2, links.choice(RATES)),
        "sx": (2.3, links.number(-100, 100)),
        "sy": (1.7, links.number(-100, 100)),
    },
    "probe": {
        "off": (0.0, links.number(-0.3, 0.3)),
        "tilt": (0.5, links.number(0, 3)),
        "radius": (0.1, links.number(0.01, 0.3)),
        "k": (2, links.number(2, 16, whole=True)),
        "seed": (0, links.number(0, 1000, whole=True)),
    },
    "two-sided": {
        "place": ("slope", links.choice(PLACES)),
        "draw_k": (2, links.number(2, 32, whole=True)),
        "dim": (10, links.choice((2, 3, 10, 100, 1000, 10_000))),
        "draws": (0, links.number(0, 1000, whole=True)),
    },
    "control": {
        "valley": ("l1", links.choice(VALLEYS)),
        "estimator": ("two-sided", links.choice(("two-sided", "one-sided"))),
        "damping": (4.0, links.number(0, 8)),
    },
    "schedules": {
        "decay_on": ("l1", links.choice(VALLEYS)),
        "decay_lr": (0.1, links.choice(RATES)),
    },
    "traps": {
        "trap": ("wolfe", links.choice(TRAPS)),
        "tx": (4.0, links.number(-100, 100)),
        "ty": (3.0, links.number(-100, 100)),
    },
    "reddi": {"beta2": (0.99, links.choice(BETAS)), "rounds": (100_000, links.choice(ROUNDS))},
    "networks": {
        "step": ("quantized-bowl", links.choice(STEPPED)),
        "step_radius": (0.01, links.number(1e-4, 1)),
        "nx": (-1.7, links.number(-100, 100)),
        "ny": (1.3, links.number(-100, 100)),
    },
}

FIELDS: dict[str, links.Read] = {
    "lesson": links.choice(KEYS),
    **{PREFIX + name: read for own in CONTROLS.values() for name, (_, read) in own.items()},
}
DEFAULTS: dict[str, Any] = {
    "lesson": KEYS[0],
    **{PREFIX + name: default for own in CONTROLS.values() for name, (default, _) in own.items()},
}


def _idle(name: str) -> bool:
    import streamlit as st

    own = CONTROLS[st.session_state["lesson"]]
    return name != "lesson" and name.removeprefix(PREFIX) not in own


LINK = links.Link("lessons", FIELDS, DEFAULTS, _idle)


def query_of_lesson(key: str, **values: Any) -> dict[str, str]:
    """The query of an address that opens a lesson, with some of its controls set."""
    return LINK.query({"lesson": key, **{PREFIX + name: value for name, value in values.items()}})
