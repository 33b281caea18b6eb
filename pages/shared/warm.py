"""Makes the other pages quick while the visitor still looks at the gallery.

The gallery is drawn without torch. A thread then imports what the other pages need and runs one
race, so that the first click does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.runtime import Runtime

WAIT = 2.0  # seconds that the gallery's pictures have the server to themselves

_once = threading.Lock()
_importing = threading.Lock()
_run: set[str] = set()  # pages that have been run, so that all they import is there


@contextmanager
def one_at_a_time(page: str) -> Iterator[None]:
    """While a page is run for the first time on this server: nobody else imports.

    Two threads that import the modules of one package in different orders can wait for each other.
    Python notices, and one of the two visitors gets an error.
    """
    if page not in _run:
        with _importing:
            if page not in _run:
                try:
                    yield
                finally:
                    _run.add(page)
                return
    yield


def warm_up() -> None:
    """Import in a while, once per server. To be called when the page has been sent."""
    if Runtime.exists() and _once.acquire(blocking=False):
        timer = threading.Timer(WAIT, _import)
        timer.daemon = True
        timer.start()


def _import() -> None:
    with one_at_a_time("warm"):
        import pages.shared.exports
        import pages.shared.sidebar  # noqa: F401
        from sadam.lab.experiment import Experiment
        from sadam.lab.figures import trajectory_map
        from sadam.lab.race import results_table, run_race

    race = run_race(Experiment())
    results_table(race)
    trajectory_map.plain(race, "window", False)
