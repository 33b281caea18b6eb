"""The session's comparison: started, watched, stopped, and what came of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import streamlit as st

from pages.shared import jobs
from pages.shared.jobs import Job
from pages.shared.words import sentence
from sadam.lab.compare import tables
from sadam.lab.compare.blocks import plan
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import iter_compare, weight
from sadam.lab.compare.spec import Compare, estimate

T = TypeVar("T")

SMALL = 60_000_000  # evaluations of a comparison that starts by itself, and is kept for others
_KEPT = 4
_finished: OrderedDict[Compare, Results] = OrderedDict()
_lock = Lock()
_pace = [8e6]  # weight of blocks computed in a second, as the last comparison had it


@dataclass
class Shown:
    """A comparison on screen, and what has been made of it.

    Attributes:
        results: What there is.
        final: Whether no more will come.
    """

    results: Results
    final: bool
    _made: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what ``make`` returned the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


@dataclass(frozen=True)
class _Step:
    step: int
    steps: int
    result: Callable[[], Results]


@dataclass
class _Clock:
    """The estimate of the time left, which knows how long each block takes."""

    left: float | None = None


def job() -> Job[Results] | None:
    """The session's job, running or ended."""
    return st.session_state.get("_cmp_job")


def compared() -> Compare | None:
    """The spec of what is on screen."""
    return st.session_state.get("_cmp_spec")


def running() -> bool:
    """Whether the session's comparison is on its way."""
    current = job()
    return current is not None and current.running


def shown() -> Shown | None:
    """What there is to see; None until the first result."""
    state, current = st.session_state, job()
    held: Shown | None = state.get("_cmp_shown")
    if current is None:
        return held
    final = not current.running  # asked first: what is the latest after the end is the last
    if current.latest is None:
        return held
    results = current.latest.result
    if held is None or held.results is not results or held.final != final:
        held = state["_cmp_shown"] = Shown(results, final)
        if current.state == "done":
            _remember(results)
            _pace[0] = _work(results.spec) / max(current.computing, 1e-3)
    return held


def start(spec: Compare) -> None:
    """Compare; what was running is stopped. What somebody has just compared is there at once.

    If too much is running on this server, :func:`trouble` says so.
    """
    stop()
    state, clock = st.session_state, _Clock()
    state.pop("_cmp_trouble", None)
    known = _recall(spec)
    if known is not None:
        state["_cmp_job"], state["_cmp_shown"] = None, Shown(known, True)
    else:
        try:
            state["_cmp_job"] = jobs.start(lambda: _steps(spec, clock))
        except jobs.Busy as error:
            state["_cmp_trouble"] = str(error)
            return
        state.pop("_cmp_shown", None)
    state["_cmp_clock"], state["_cmp_spec"] = clock, spec


def _steps(spec: Compare, clock: _Clock) -> Iterator[_Step]:
    """The comparison as a job; what is known of complete landscapes is computed only once."""
    earlier: Results | None = None
    for progress in iter_compare(spec):

        def results(progress=progress) -> Results:
            nonlocal earlier
            found = progress.results()
            if earlier is not None and found.problems == earlier.problems and not spec.axes:
                return earlier  # nothing new to see, nothing to draw again
            tables.ratios(found.after(earlier))
            earlier = found
            return found

        clock.left = progress.left
        yield _Step(progress.done, progress.total, results)


def stop() -> None:
    """Stop the comparison; what was computed is kept."""
    current = job()
    if current is not None:
        current.stop()


def trouble() -> str:
    """What is wrong with the comparison, as a sentence; empty if nothing is."""
    current, text = job(), st.session_state.get("_cmp_trouble")
    if current is not None and current.state == "failed":
        text = f"the comparison failed: {current.error}"
    return sentence(text) if text else ""


def progress() -> tuple[float, str]:
    """How far the comparison is, as a share and in words."""
    current, seen, spec = job(), shown(), compared()
    if spec is None:
        return 0.0, "Nothing has been compared yet."
    whole = estimate(spec)
    size = f"{whole.lanes:,} runs, {whole.evaluations / 1e6:,.1f} million function evaluations"
    if current is None:
        return 1.0, size
    share = min(current.step / (current.steps or 1), 1.0)
    if current.running:
        if not current.steps:
            return 0.0, "Waiting for its turn …"
        left = st.session_state["_cmp_clock"].left
        told = "" if left is None else f", about {duration(left)} left"
        complete = len(seen.results.problems) if seen else 0
        return share, (
            f"Block {current.step} of {current.steps}{told}; "
            f"{complete} of {len(spec.problems)} landscapes complete"
        )
    if current.state == "stopped":
        complete = len(seen.results.problems) if seen else 0
        return share, (
            f"Stopped at block {current.step} of {current.steps}: {complete} of "
            f"{len(spec.problems)} landscapes are complete and kept"
        )
    return share, f"{size}, computed in {duration(current.computing)}"


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def cost_of(spec: Compare) -> str:
    """What a comparison takes, in words, before it is started."""
    whole = estimate(spec)
    return (
        f"{whole.lanes:,} runs, {whole.evaluations / 1e6:,.1f} million function evaluations: about "
        f"{duration(_work(spec) / _pace[0])} on this server when nobody else computes."
    )


def small(spec: Compare) -> bool:
    """Whether a comparison takes so little that it starts by itself."""
    return estimate(spec).evaluations <= SMALL


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Compare: lambda s: s.to_json()})
def _work(spec: Compare) -> float:
    return sum(weight(spec, block) for block in plan(spec))


def _remember(results: Results) -> None:
    if not small(results.spec):
        return
    with _lock:
        _finished[results.spec] = results
        while len(_finished) > _KEPT:
            _finished.popitem(last=False)


def _recall(spec: Compare) -> Results | None:
    with _lock:
        return _finished.get(spec)
