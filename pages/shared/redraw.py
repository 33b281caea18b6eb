"""Drawing a page's picture again without running the rest of the page.

A page's picture is a fragment under the name :data:`PICTURE`. A control that changes nothing but
the picture takes :func:`redraw` as its callback: the browser then hears of the picture alone, and
not of the other controls, which did not change and would cost it more than the picture does.
"""

from __future__ import annotations

import time

import streamlit as st
from streamlit.errors import StreamlitAPIException

PICTURE = "picture"
START = "start"  # the two boxes that a click on the map fills
SENDING = 0.05  # seconds


def redraw(*also: str) -> None:
    """Draw the picture again after this callback, and other fragments by their names.

    Where one of them has not been drawn yet, the whole page runs.
    """
    try:
        st.rerun([PICTURE, *also])
    except StreamlitAPIException:
        return


def let_it_be_sent() -> None:
    """Let the server send what was drawn, before the rest of the page keeps both sides busy."""
    time.sleep(SENDING)
