"""Words on a page that hold what a visitor wrote."""

from __future__ import annotations

import re


def sentence(problem: object) -> str:
    """The text of an error as a sentence that Streamlit's Markdown leaves as it is.

    What a visitor typed, or a link brought along, may be in it: without escapes it could draw a
    picture from another host.
    """
    text = str(problem)
    if not re.match(r"[\w-]+\.\w", text):  # a file's name stays what it is
        text = f"{text[:1].upper()}{text[1:]}"
    return literal(text) + "."


def literal(text: str) -> str:
    """A text that Streamlit's Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+!<>|$~^]|:(?=\w))", r"\\\1", text)
