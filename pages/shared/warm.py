"""Makes the other pages quick while the visitor still looks at the gallery.

The gallery is drawn without torch. A thread then imports what the other pages need and runs one
race, so that the first click does not wait for it.
"""

from __future__ import annotations

import threading
from importlib import import_module

from streamlit.runtime import Runtime

WAIT = 2.0  # seconds that the gallery's pictures have the server to themselves

_once = threading.Lock()


def warm_up() -> None:
    """Import in a while, once per server. To be called when the page has been sent."""
    if Runtime.exists() and _once.acquire(blocking=False):
        timer = threading.Timer(WAIT, _import)
        timer.daemon = True
        timer.start()


def _import() -> None:
    import_module("pages.shared.sidebar")
    import_module("pages.shared.exports")
    race = import_module("sadam.lab.race")
    figures = import_module("sadam.lab.figures")
    first = race.run_race(import_module("sadam.lab.experiment").Experiment())
    race.results_table(first)
    figures.trajectory_map.plain(first, "window", False)
