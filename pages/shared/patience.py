"""What a page computes in its own script: soon interruptible, and in turns where it takes long.

Streamlit ends a script whose visitor wants something else, or has left, the next time the script
says something. One that only computes says nothing, and a race of 20,000 steps or a fine map of
one's own function takes seconds. So what is computed here says how it stands, and takes its turns
with all other long computations of the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import RerunException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from pages.shared.turns import Busy, Line, Place, aside
from pages.shared.words import sentence
from sadam.pauses import breathing

MAX_COMPUTING = 4  # pages that have something long to compute, at a time on a server
LIGHT = 0.3  # seconds from which on a computation is long
TELL = 0.25  # seconds between two words on how it stands
LINE = Line(MAX_COMPUTING)


class _Here(threading.local):
    """Where this thread's computations say how they stand; None where nobody looks."""

    slot: DeltaGenerator | None = None
    told = ""
    fragments = False  # whether a change in one of them ends a computation
    busy = False  # within a computation
    spoken = False  # one has said how it stands


_here = _Here()


@contextmanager
def patience(told: str, *, fragments: bool = False) -> Iterator[None]:
    """Make what is :func:`computing` within say how it stands, over the page.

    Args:
        told: What is computed, in a few words.
        fragments: Whether a change in a fragment of the page ends it too: only where nothing but
            fragments stands behind it on the page.
    """
    with st.container(key="computing"):
        slot = st.empty()
    before = _here.slot, _here.told, _here.fragments
    _here.slot, _here.told, _here.fragments = slot, told, fragments
    try:
        yield
    except Busy as error:
        slot.empty()
        st.error(sentence(error))
        st.stop()
    finally:
        _here.slot, _here.told, _here.fragments = before


@contextmanager
def computing() -> Iterator[None]:
    """While something is computed that breathes (:mod:`sadam.pauses`) and may take long.

    Does nothing in a job, within another one, or on a page that has no :func:`patience`.

    Raises:
        Busy: On the way, if too many pages wait for their turn already; :func:`patience` says so.
    """
    if _here.slot is None or _here.busy:
        yield
        return
    computation = _Computation(_here.slot, _here.told)
    _here.busy = True
    try:
        with computation.stack, breathing(computation.breathe):
            yield
    finally:
        _here.busy = False


def hush() -> None:
    """Take back what the last computation said. Here too Streamlit may end the script."""
    if _here.spoken and _here.slot is not None:
        _here.spoken = False
        _here.slot.empty()


def alone(lock: threading.Lock) -> None:
    """Take a lock that another visitor's computation may hold for long."""
    if _here.slot is None:
        lock.acquire()
        return
    waiting = _Computation(_here.slot, _here.told)
    with waiting.stack:
        if not lock.acquire(timeout=LIGHT):
            waiting.stack.enter_context(aside())
            while not lock.acquire(timeout=TELL):
                waiting.tell("another visitor has asked for the same, and it is being computed")


def _let_fragments_in() -> None:
    """End the script where one of its fragments is to run, for the sake of a visitor's change.

    Streamlit ends a script for a run of the whole page only, as what stands behind the computation
    would not be drawn. Its requests are not part of its interface: without them nothing ends.
    """
    requests = getattr(get_script_run_ctx(suppress_warning=True), "script_requests", None)
    wanted = getattr(requests, "_rerun_data", None)
    if (
        requests is not None
        and getattr(requests, "_state", None) is ScriptRequestType.RERUN
        and getattr(wanted, "is_auto_rerun", None) is False
        and (data := requests.on_scriptrunner_ready().rerun_data) is not None
    ):
        raise RerunException(data)


class _Computation:
    def __init__(self, slot: DeltaGenerator, told: str) -> None:
        self.slot, self.told = slot, told
        self.began = self.spoke = time.monotonic()
        self.place: Place | None = None
        self.stack = ExitStack()  # what its end undoes

    def breathe(self) -> None:
        if self.place is None:
            if time.monotonic() - self.began >= LIGHT:
                self._sit_down()
            return
        if time.monotonic() - self.spoke >= TELL:
            self.tell()
        self.place.breathe()

    def tell(self, why: str = "") -> None:
        """Say how it stands; here Streamlit ends the script if its visitor wants something else."""
        self.spoke = time.monotonic()
        _here.spoken = True
        seconds = self.spoke - self.began
        self.slot.markdown(
            f"{self.told} … {seconds:.0f} s{': ' + why if why else ''}  \n"
            ":small[Any change on the page stops it.]"
        )
        if _here.fragments:
            _let_fragments_in()

    def _sit_down(self) -> None:
        """Become a long computation: one that waits for its place and takes turns."""
        self.stack.enter_context(aside())
        self.place = place = LINE.join()
        self.stack.callback(place.leave)

        def wanted() -> bool:
            n = place.number
            self.tell(f"place {n} in the queue of this server" if n > 1 else "")
            return True

        if not place.wait(wanted):
            raise SystemExit
        self.stack.enter_context(place.turn())
