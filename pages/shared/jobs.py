"""Long computations beside the pages, with progress, and not for visitors who left.

A job is an iterator that yields now and then. It runs in a thread of its own, a turn at a time
(:mod:`pages.shared.turns`): a turn ends when the iterator yields or has taken long enough. A job
ends when its iterator does, when it is stopped, when it fails, or when the session it belongs to
has gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared.turns import PAUSE, Line, Place
from sadam.pauses import breathing

MAX_JOBS = 8  # at a time, on the whole server
GRACE = 4.0  # seconds that a session may be away, as while its browser reconnects
PUBLISH = 0.3  # seconds between two results for the screen, or more where making one takes long
LINE = Line(MAX_JOBS)

R = TypeVar("R")
State = Literal["waiting", "running", "done", "stopped", "failed", "left"]


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

    def __init__(
        self, work: Callable[[], Iterator[Step[R]]], session: str | None, place: Place
    ) -> None:
        self.work, self.session, self._place = work, session, place
        self.state: State = "waiting"
        self.step = self.steps = 0
        self.latest: Published[R] | None = None
        self.error: BaseException | None = None
        self.began = time.monotonic()
        self._unwanted = threading.Event()
        self._seen = self.began
        self.thread = threading.Thread(target=self._run, name="job", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it still computes, or will."""
        return self.state in ("waiting", "running")

    @property
    def place(self) -> int:
        """Its place in the queue, 1 for the next; 0 once it computes or has ended."""
        return self._place.number

    @property
    def computing(self) -> float:
        """Seconds spent on the turns themselves."""
        return self._place.computing

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
        self._unwanted.set()
        self._place.nudge()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended; False if it has not within so many seconds."""
        self.thread.join(seconds)
        return not self.thread.is_alive()

    def _run(self) -> None:
        state: State = "done"
        steps, kept = None, None
        try:
            if not self._place.wait(self._wanted):
                state = self._why()
                return
            self.state, self.began = "running", time.monotonic()
            steps = self.work()
            shown, every = 0.0, 0.0
            while True:
                if not self._wanted():
                    state = self._why()
                    break
                with self._place.turn():
                    with breathing(self._place.breathe):
                        self._place.breathe()
                        last = next(steps, None)
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
                with self._place.turn():
                    self.latest = Published(kept.result(), kept.step)
        except BaseException as error:  # whatever ends the thread, its visitor is told
            self.error, state = error, "failed"
        finally:
            if steps is not None and hasattr(steps, "close"):
                steps.close()
            self.state = state
            self._place.leave()

    def _wanted(self) -> bool:
        return not self._unwanted.is_set() and self._attended()

    def _why(self) -> State:
        """How it ended, where it is not wanted any more or the server ends."""
        return "stopped" if self._unwanted.is_set() or self._attended() else "left"

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
    job: Job[R] = Job(work, context.session_id if context else None, LINE.join())
    job.thread.start()
    return job


def running() -> int:
    """Return how many jobs there are on this server."""
    return len(LINE)
