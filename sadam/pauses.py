"""Moments at which a long computation may be made to wait.

A long computation calls :func:`breathe` every few milliseconds. Whoever runs it beside something
more urgent says what happens then, for its own thread; elsewhere nothing does. The numbers cannot
depend on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Breath(threading.local):
    """What each thread does."""

    taken: Callable[[], None] | None = None


_breath = _Breath()


def breathe() -> None:
    """Do what this thread's runner asked for; by default nothing."""
    if _breath.taken is not None:
        _breath.taken()


@contextmanager
def breathing(taken: Callable[[], None]) -> Iterator[None]:
    """Have ``taken`` called at every :func:`breathe` of this thread."""
    before, _breath.taken = _breath.taken, taken
    try:
        yield
    finally:
        _breath.taken = before
