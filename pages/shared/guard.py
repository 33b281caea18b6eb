"""What has to hold before a page is drawn: its settings were read, and it goes through app.py.

On a fresh server Streamlit routes a deep link such as ``/race?lr=0.5`` to ``pages/race.py`` by its
own listing of the ``pages`` folder, without running app.py, until some session has called
``st.navigation``. The page would then show without theme, navigation and shared controls.
"""

import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import streamlit as st

# Private, and used only here. requirements.txt pins Streamlit's version; a browser test opens a
# deep link on a fresh server, so an upgrade that renames it is noticed at once.
from streamlit.runtime.pages_manager import PagesManager

_run = threading.local()
_ASTRAY = "_astray"  # in a session's state: it came to a page without app.py


@contextmanager
def routed() -> Iterator[None]:
    """While app.py runs a page."""
    _run.routed = True
    try:
        yield
    finally:
        _run.routed = False


def ensure_router() -> None:
    """Rerun through app.py when Streamlit came here by its own listing of ``pages``.

    That happens to all who come to a fresh server at once, also where one of them has been sent to
    app.py in the meantime: what counts is how this very run came here.
    """
    if getattr(_run, "routed", False):
        st.session_state.pop(_ASTRAY, None)
        return
    if _ASTRAY in st.session_state:
        st.error("A page is not run by itself: start the app with `streamlit run app.py`.")
        st.stop()
    st.session_state[_ASTRAY] = True
    PagesManager.uses_pages_directory = False
    st.rerun()


@cache
def settings_trouble(path: Path) -> str:
    """What is wrong with Streamlit's settings, as a sentence; empty if nothing is.

    Streamlit goes on without a file that it cannot read: with another look, and reachable from
    every address of the machine where this app's own settings say only from itself.
    """
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # whoever leaves it out, sets by flags
        return ""
    except (OSError, ValueError) as error:
        return (
            f"The app's settings in `{path.parent.name}/{path.name}` cannot be read ({error}), so "
            "Streamlit runs with its own, open to every address: stop it, mend or restore the "
            "file, and start again."
        )
    return ""
