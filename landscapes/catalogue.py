"""The catalogue: every landscape under its key."""

from __future__ import annotations

import difflib
import re

from landscapes.base import Landscape, is_own
from landscapes.kinked import KINKED
from landscapes.own import own_landscape
from landscapes.smooth import SMOOTH
from landscapes.stepped import STEPPED

CATALOGUE: dict[str, Landscape] = {
    landscape.name: landscape for landscape in (*KINKED, *SMOOTH, *STEPPED)
}
_registered: dict[str, Landscape] = {}


def register(landscape: Landscape) -> None:
    """Add a landscape of one's own, for this process: :func:`get` then finds it by its name.

    For Python and the command line (``--python FILE``); the app runs no visitor's code.

    Raises:
        ValueError: If the catalogue has a landscape of that name, or the name is not a key.
    """
    if landscape.name in CATALOGUE:
        raise ValueError(f"the catalogue has a landscape {landscape.name!r} already")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", landscape.name):
        raise ValueError(
            f"{landscape.name[:40]!r} is no key: it must begin with a letter and hold only "
            "lower-case letters, digits and hyphens, at most 40"
        )
    _registered[landscape.name] = landscape


def get(name: str) -> Landscape:
    """Return the landscape of a name: a key, or a function that is typed in.

    Raises:
        ValueError: If there is none; the message names the nearest key.
        FormulaError: If the function's formula is none; see :mod:`landscapes.own`.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    if is_own(name):
        return own_landscape(name)
    if name in _registered:
        return _registered[name]
    known = [*CATALOGUE, *_registered]
    near = difflib.get_close_matches(name[:40].lower(), known, n=1, cutoff=0.5)
    hint = f"the nearest is {near[0]!r}" if near else f"it must be one of {', '.join(known)}"
    raise ValueError(f"unknown landscape {name[:40]!r}; {hint}")
