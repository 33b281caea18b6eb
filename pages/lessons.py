"""Lessons: ten short screens on kinks, probes and optimizers, each with a figure to drive."""

from __future__ import annotations

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared.lessons.book import BY_KEY, LESSONS, Lesson  # noqa: E402
from pages.shared.lessons.links import DEFAULTS, KEYS, LINK  # noqa: E402
from pages.shared.links import show_notes  # noqa: E402

# On a phone, where the figure comes below the words, the way on comes below both.
STYLE = """<style>@media (max-width: 640px) {
.stColumn:has(.st-key-lesson_turn), .stColumn:has(.st-key-lesson_turn) > .stVerticalBlock
{ display: contents; }
.stHorizontalBlock:has(> .stColumn > .stVerticalBlock > * > .st-key-lesson_turn) { row-gap: 1rem; }
.stColumn:has(.st-key-lesson_turn) ~ .stColumn { order: 1; }
[data-testid=stLayoutWrapper]:has(> .st-key-lesson_turn) { order: 2; flex: 1 1 100%; }
}</style>"""


def go(step: int) -> None:
    """Turn to another lesson."""
    at = KEYS.index(st.session_state["lesson"]) + step
    st.session_state["lesson"] = KEYS[min(max(at, 0), len(KEYS) - 1)]


def reading(lesson: Lesson, number: int) -> None:
    """The words, the question, the way on."""
    st.caption(f"Lesson {number} of {len(LESSONS)}")
    st.markdown(f"# {lesson.title}")
    st.markdown(lesson.text)
    asked = st.expander(f"**{lesson.question}**", key=f"answer_{lesson.key}", on_change="rerun")
    if asked.open:
        asked.markdown(lesson.answer())
    opens = lesson.opens()
    st.page_link(
        opens.page, label=opens.label, icon=":material/open_in_full:", query_params=opens.query
    )
    with st.container(key="lesson_turn"):
        back, on = st.columns(2)
    if number > 1:
        back.button(
            "Previous", on_click=go, args=(-1,), icon=":material/arrow_back:", shortcut="p",
            width="stretch", help=LESSONS[number - 2].title,
        )  # fmt: skip
    if number < len(LESSONS):
        on.button(
            "Next", on_click=go, args=(1,), icon=":material/arrow_forward:", shortcut="n",
            width="stretch", type="primary", help=LESSONS[number].title,
        )  # fmt: skip


def page() -> None:
    """One lesson: words on the left, its figure on the right."""
    LINK.take()
    for name, default in DEFAULTS.items():
        st.session_state[name] = st.session_state.get(name, default)
    show_notes()
    lesson = BY_KEY[st.session_state["lesson"]]
    st.html(STYLE)
    words, figure = st.columns([5, 7], gap="large")
    with words:
        reading(lesson, KEYS.index(lesson.key) + 1)
    with figure:
        lesson.figure()
    st.sidebar.radio(
        "Lessons",
        KEYS,
        key="lesson",
        format_func=lambda key: f"{KEYS.index(key) + 1}. {BY_KEY[key].title}",
    )
    LINK.give()


page()
