"""Makes the other pages quick while the visitor still looks at the gallery.

The gallery is drawn without torch. A thread then imports what the other pages need and runs one
race, so that the first click does not wait for it.
"""

from __future__ import annotations

import threading

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
    import pages.shared.exports
    import pages.shared.sidebar  # noqa: F401
    from sadam.lab.experiment import Experiment
    from sadam.lab.figures import trajectory_map
    from sadam.lab.race import results_table, run_race

    race = run_race(Experiment())
    results_table(race)
    trajectory_map.plain(race, "window", False)
