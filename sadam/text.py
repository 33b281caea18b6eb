"""How a sentence repeats a value that it refuses; nothing heavy is imported for it."""

from __future__ import annotations

from typing import Any

LONGEST = 60  # characters of a value that a sentence repeats


def shown(value: Any) -> str:
    """Return a value as one line of at most 60 characters."""
    try:
        text = repr(value) if isinstance(value, str | bytes) else str(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number beyond all bounds"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
