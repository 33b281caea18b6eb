"""Gallery: races that move before a word is read; each opens on its page."""

from __future__ import annotations

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared.gallery import cards  # noqa: E402
from pages.shared.links import Link  # noqa: E402

LINK = Link("gallery", {}, {})
LINK.take()
st.markdown("# What do optimizers do at a kink?")
st.markdown(
    "Each picture is a race: the same start, the same function, one colour and marker for each "
    "optimizer. Thin lines are kinks, where the gradient jumps. Click one to open it and change "
    "anything in it; new to the subject? The **Lessons** take ten short steps."
)
cards()
st.caption(
    "One start, one learning rate and one seed each: pictures of behaviour, not verdicts. Drawn by "
    "`python -m sadam gallery` from the same specs that a click opens."
)
LINK.give()
