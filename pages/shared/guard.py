"""First line of every page: make deep links go through app.py.

On a fresh server Streamlit routes a deep link such as ``/lgi?lr=0.5`` to ``pages/lgi.py`` by its
own listing of the ``pages`` folder, without running app.py, until some session has called
``st.navigation``. The page would then show without theme, navigation and shared controls.
"""

import streamlit as st

# Private, and read only here. requirements.txt pins Streamlit's version; a browser test opens a
# deep link on a fresh server, so an upgrade that renames it is noticed at once.
from streamlit.runtime.pages_manager import PagesManager


def ensure_router() -> None:
    """Rerun through app.py when Streamlit came here by its own listing of ``pages``.

    Does nothing on every run but the very first of a server process.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
