"""Who computes when: pages that are being drawn first, long computations in turns.

However many long computations there are, a few threads compute and the rest of the server answers.
A turn ends when the computation says so or has taken long enough (:mod:`sadam.pauses`); on the way
pages that are being drawn go first (:func:`visitor`). Where there are as many as may be, the next
ones wait in a queue, first come, first served, and know their place in it.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_WAITING = 32  # long computations in a queue
PAUSE = 0.001  # seconds between turns, in which another thread can take one
TURN = 0.25  # seconds of computing after which another may go on
LOOK = 0.25  # seconds after which who waits looks whether it is still wanted
GIVE_WAY = 0.5  # seconds that a computation waits, in one turn, for pages that are being drawn
LEAVE = 5.0  # seconds that the end of the server waits for those who compute

_turns = threading.Semaphore(max(1, (os.cpu_count() or 2) // 2))
_drawn = threading.Condition()
_drawing = 0  # pages that are being drawn
_leaving = threading.Event()  # the server ends
_lines: list[Line] = []


class _Mine(threading.local):
    """How many times over this thread draws a page."""

    depth = 0


_mine = _Mine()


@contextmanager
def visitor() -> Iterator[None]:
    """While a page is being drawn: long computations wait for it, but not for ever."""
    _mine.depth += 1
    if _mine.depth == 1:
        _count(1)
    try:
        yield
    finally:
        _mine.depth -= 1
        if _mine.depth == 0:
            _count(-1)


@contextmanager
def aside() -> Iterator[None]:
    """While a page that is being drawn has something long to compute: nobody waits for it."""
    drawing = _mine.depth > 0
    if drawing:
        _count(-1)
    try:
        yield
    finally:
        if drawing:
            _count(1)


def _count(more: int) -> None:
    global _drawing
    with _drawn:
        _drawing += more
        _drawn.notify_all()


class Busy(RuntimeError):
    """There are as many long computations as may be; the message is one sentence."""


class Line:
    """Places for so many long computations at a time, and a queue before them."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.inside: set[Place] = set()
        self.queue: list[Place] = []  # the next one first
        self.moved = threading.Condition()  # somebody left, or wants to
        _lines.append(self)

    def join(self) -> Place:
        """Take a place, at first one in the queue. Whoever takes one leaves it.

        Raises:
            Busy: If as many wait as may.
        """
        place = Place(self)
        with self.moved:
            if len(self) >= self.places + MAX_WAITING:
                raise Busy(
                    f"{self.places} computations are running on this server and {MAX_WAITING} "
                    "wait, as many as it takes: try again when one has ended"
                )
            self.queue.append(place)
        return place

    def __len__(self) -> int:
        return len(self.inside) + len(self.queue)


class Place:
    """A long computation's place in a line: in the queue, then among those that compute.

    Attributes:
        computing: Seconds spent on its turns so far, without waiting in them.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.computing = 0.0
        self._began, self._waited = time.monotonic(), 0.0  # the turn; how long it waited since

    @property
    def number(self) -> int:
        """Its place in the queue, 1 for the next; 0 once it may compute or has left."""
        with self.line.moved:
            return self.line.queue.index(self) + 1 if self in self.line.queue else 0

    def wait(self, wanted: Callable[[], bool]) -> bool:
        """Wait until it may compute.

        Args:
            wanted: Asked now and then; when it says no, or raises, the waiting ends.

        Returns:
            Whether it may compute.
        """
        line = self.line
        while wanted() and not _leaving.is_set():
            with line.moved:
                if line.queue[0] is self and len(line.inside) < line.places:
                    del line.queue[0]
                    line.inside.add(self)
                    line.moved.notify_all()
                    return True
                line.moved.wait(LOOK)
        return False

    def nudge(self) -> None:
        """Let it look at once whether it is still wanted."""
        with self.line.moved:
            self.line.moved.notify_all()

    def leave(self) -> None:
        """Give the place to the next one; a second time does nothing."""
        with self.line.moved:
            self.line.inside.discard(self)
            if self in self.line.queue:
                self.line.queue.remove(self)
            self.line.moved.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While it is its turn to compute, in which it breathes: see :meth:`breathe`."""
        with _turns:
            self._begin()
            try:
                yield
            finally:
                self._account()

    def breathe(self) -> None:
        """In its turn: let pages be drawn first, and after a while another one go on.

        Raises:
            SystemExit: If the server ends, as PyTorch aborts a process that ends while it computes.
        """
        if _leaving.is_set():
            raise SystemExit
        if _drawing and self._waited < GIVE_WAY:
            began = time.monotonic()
            with _drawn:
                _drawn.wait_for(lambda: not _drawing, GIVE_WAY - self._waited)
            self._waited += time.monotonic() - began
        if time.monotonic() - self._began - self._waited > TURN:
            self._account()
            _turns.release()
            try:
                time.sleep(PAUSE)
            finally:
                _turns.acquire()
                self._begin()

    def _begin(self) -> None:
        self._began, self._waited = time.monotonic(), 0.0

    def _account(self) -> None:
        self.computing += time.monotonic() - self._began - self._waited


@atexit.register
def _leave() -> None:
    """End what is computed; see :meth:`Place.breathe`."""
    _leaving.set()
    until = time.monotonic() + LEAVE
    for line in _lines:
        with line.moved:
            line.moved.notify_all()
            line.moved.wait_for(lambda line=line: not len(line), max(0, until - time.monotonic()))
