"""The catalogue: every landscape under its key."""

from __future__ import annotations

import difflib

from landscapes.base import Landscape
from landscapes.controls import SMOOTH
from landscapes.kinked import KINKED
from landscapes.stepped import STEPPED

CATALOGUE: dict[str, Landscape] = {
    landscape.name: landscape for landscape in (*KINKED, *SMOOTH, *STEPPED)
}


def get(name: str) -> Landscape:
    """Return the landscape of a name.

    Raises:
        ValueError: If there is none; the message names the nearest key.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1, cutoff=0.0)[0]
    raise ValueError(f"unknown landscape {name[:40]!r}; the nearest is {near!r}")
