"""Long computations beside the pages: in turns, with progress, and not for visitors who left.

A job is an iterator that yields now and then. It runs in a thread of its own, a turn at a time, so
that however many jobs there are, a few threads compute and the rest of the server answers. A turn
ends when the iterator yields or has taken long enough (:mod:`sadam.pauses`); on the way pages that
are being drawn go first (:func:`visitor`). A job ends when its iterator does, when it is stopped,
when it fails, or when the session it belongs to has gone. Where there are as many as may be, the
next ones wait in one queue, first come, first served, and know their place in it.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sadam.pauses import breathing

MAX_JOBS = 8  # at a time, on the whole server
MAX_WAITING = 32  # jobs in the queue behind them
GRACE = 4.0  # seconds that a session may be away, as while its browser reconnects
PAUSE = 0.001  # seconds between turns, in which another thread can take one
TURN = 0.25  # seconds of computing after which another job may go on
LOOK = 0.25  # seconds after which a job in the queue sees whether its visitor is still there
GIVE_WAY = 0.5  # seconds that a job waits, in one turn, for pages that are being drawn
LEAVE = 5.0  # seconds that the end of the server waits for a job
PUBLISH = 0.3  # seconds between two results for the screen, or more where making one takes long

R = TypeVar("R")
State = Literal["waiting", "running", "done", "stopped", "failed", "left"]

_turns = threading.Semaphore(max(1, (os.cpu_count() or 2) // 2))
_alive: set[Job] = set()
_queue: list[Job] = []  # those of them that wait, the next one first
_lock = threading.Lock()
_moved = threading.Condition(_lock)  # the queue has, or somebody in it wants to leave
_drawn = threading.Condition()
_drawing = 0  # pages that are being drawn
_leaving = threading.Event()  # the server ends


@contextmanager
def visitor() -> Iterator[None]:
    """While a page is being drawn: jobs wait for it, but not for ever."""
    global _drawing
    with _drawn:
        _drawing += 1
    try:
        yield
    finally:
        with _drawn:
            _drawing -= 1
            _drawn.notify_all()


class Busy(RuntimeError):
    """There are as many jobs as may be; the message is one sentence."""


class Step(Protocol[R]):
    """What a job's iterator yields."""

    @property
    def step(self) -> int:
        """Steps taken."""
        ...

    @property
    def steps(self) -> int:
        """Steps in all."""
        ...

    @property
    def result(self) -> Callable[[], R]:
        """Returns what there is so far; called in the job's thread."""
        ...


@dataclass(frozen=True)
class Published(Generic[R]):
    """A result on its way, with the steps it stands for."""

    result: R
    step: int


class Job(Generic[R]):
    """A computation in a thread of its own. Make it with :func:`start`.

    Attributes:
        state: How it stands.
        step: Steps taken.
        steps: Steps in all; 0 until it is known.
        latest: The latest result; None until there is one. When the job is done or was stopped, it
            is the last there will be.
        error: What failed, if it failed.
    """

    def __init__(self, work: Callable[[], Iterator[Step[R]]], session: str | None) -> None:
        self.work, self.session = work, session
        self.state: State = "waiting"
        self.step = self.steps = 0
        self.latest: Published[R] | None = None
        self.error: BaseException | None = None
        self.began = time.monotonic()
        self.computing = 0.0  # seconds spent on the turns themselves
        self._turn, self._waited = self.began, 0.0  # when it began; how long it waited since
        self._wanted = threading.Event()
        self._seen = self.began
        self.thread = threading.Thread(target=self._run, name="job", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it still computes, or will."""
        return self.state in ("waiting", "running")

    @property
    def place(self) -> int:
        """Its place in the queue, 1 for the next; 0 once it computes or has ended."""
        with _lock:
            return _queue.index(self) + 1 if self in _queue else 0

    @property
    def seconds_left(self) -> float | None:
        """Time to its end at the pace so far, its waiting for turns included; None at the start."""
        if not self.step or not self.steps:
            return None
        return (time.monotonic() - self.began) / self.step * (self.steps - self.step)

    @property
    def latest_step(self) -> int:
        """Steps that the latest result stands for; -1 if there is none."""
        return -1 if self.latest is None else self.latest.step

    def stop(self) -> None:
        """Let it end after the slice at hand; what was computed is kept. Returns at once."""
        self._wanted.set()
        with _moved:
            _moved.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended; False if it has not within so many seconds."""
        self.thread.join(seconds)
        return not self.thread.is_alive()

    def _run(self) -> None:
        state: State = "done"
        steps, kept = None, None
        try:
            if (left := self._queued()) is not None:
                state = left
                return
            steps = self.work()
            shown, every = 0.0, 0.0
            while True:
                if self._wanted.is_set() or not self._attended():
                    state = "stopped" if self._wanted.is_set() else "left"
                    break
                with _turns:
                    self._begin_turn()
                    with breathing(self._breathe):
                        self._breathe()
                        last = next(steps, None)
                    self._account()
                    if last is None:
                        break
                    self.step, self.steps = last.step, last.steps
                    began = time.monotonic()
                    due = last.step > 0 and began - shown >= every  # before the first step: nothing
                    if due or last.step == last.steps:
                        self.latest = Published(last.result(), last.step)
                        shown = time.monotonic()
                        every = max(PUBLISH, 4 * (shown - began))
                time.sleep(PAUSE)
                kept = last
            if state == "stopped" and kept is not None and self.latest_step != kept.step:
                with _turns:
                    self.latest = Published(kept.result(), kept.step)
        except BaseException as error:  # whatever ends the thread, its visitor is told
            self.error, state = error, "failed"
        finally:
            if steps is not None and hasattr(steps, "close"):
                steps.close()
            with _moved:
                _alive.discard(self)
                if self in _queue:
                    _queue.remove(self)
                self.state = state
                _moved.notify_all()

    def _queued(self) -> State | None:
        """Wait for a place among those that compute; how it ended if it leaves before."""
        while True:
            with _moved:
                if self._wanted.is_set() or _leaving.is_set():
                    return "stopped"
                if _queue[0] is self and len(_alive) - len(_queue) < MAX_JOBS:
                    del _queue[0]
                    self.state, self.began = "running", time.monotonic()
                    _moved.notify_all()
                    return None
                _moved.wait(LOOK)
            if not self._attended():
                return "left"

    def _begin_turn(self) -> None:
        self._turn, self._waited = time.monotonic(), 0.0

    def _account(self) -> None:
        self.computing += time.monotonic() - self._turn - self._waited

    def _breathe(self) -> None:
        """Let pages be drawn first, and after a while another job go on."""
        if _leaving.is_set():
            raise SystemExit
        if _drawing and self._waited < GIVE_WAY:
            began = time.monotonic()
            with _drawn:
                _drawn.wait_for(lambda: not _drawing, GIVE_WAY - self._waited)
            self._waited += time.monotonic() - began
        if time.monotonic() - self._turn - self._waited > TURN:
            self._account()
            _turns.release()
            try:
                time.sleep(PAUSE)
            finally:
                _turns.acquire()
            self._begin_turn()

    def _attended(self) -> bool:
        """Whether the session is there, or has been a moment ago."""
        if self.session is None or not Runtime.exists():
            return True
        now = time.monotonic()
        if Runtime.instance().is_active_session(self.session):
            self._seen = now
        return now - self._seen < GRACE


def start(work: Callable[[], Iterator[Step[R]]]) -> Job[R]:
    """Start a job, or let it wait for its place, for the session whose script calls this, if any.

    Args:
        work: Makes the iterator, in the job's thread. What it yields says how far it is.

    Raises:
        Busy: If there are too many jobs on this server already.
    """
    context = get_script_run_ctx(suppress_warning=True)
    job: Job[R] = Job(work, context.session_id if context else None)
    with _lock:
        if len(_alive) >= MAX_JOBS + MAX_WAITING:
            raise Busy(
                f"{MAX_JOBS} computations are running on this server and {MAX_WAITING} wait, as "
                "many as it takes: try again when one has ended"
            )
        _alive.add(job)
        _queue.append(job)
    job.thread.start()
    return job


def running() -> int:
    """Return how many jobs there are on this server."""
    with _lock:
        return len(_alive)


@atexit.register
def _leave() -> None:
    """End the jobs: PyTorch aborts a process that ends while a thread computes with it."""
    _leaving.set()
    with _lock:
        jobs = list(_alive)
    for job in jobs:
        job.stop()
    for job in jobs:
        job.wait(LEAVE)
