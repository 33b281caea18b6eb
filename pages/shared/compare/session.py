"""The session's comparison: started, watched, stopped, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import streamlit as st

from pages.shared.desk import Desk, Shown
from pages.shared.jobs import Job
from sadam.lab.compare import tables
from sadam.lab.compare.blocks import plan
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import iter_compare, weight
from sadam.lab.compare.spec import Compare, Cost, estimate
from sadam.lab.style import duration

SMALL = 60_000_000  # evaluations of a comparison that starts by itself, and is kept for others
SMALL_WORK = 2e9  # multiplications of its networks: two or three seconds
_pace = [8e6]  # weight of blocks computed in a second, as the last comparison had it


@dataclass(frozen=True)
class _Step:
    step: int
    steps: int
    result: Callable[[], Results]


@dataclass
class _Clock:
    """The estimate of the time left, which knows how long each block takes."""

    left: float | None = None


def small(spec: Compare) -> bool:
    """Whether a comparison takes so little that it starts by itself."""
    whole = estimate(spec)
    return whole.evaluations <= SMALL and whole.multiplications <= SMALL_WORK


desk: Desk[Results] = Desk("_cmp_", "comparison", small)


def shown() -> Shown[Results] | None:
    """What there is to see; None until the first result."""
    return desk.shown(_learn_pace)


def _learn_pace(results: Results, job: Job[Results]) -> None:
    _pace[0] = _work(results.spec) / max(job.computing, 1e-3)


def start(spec: Compare) -> None:
    """Compare; see :meth:`pages.shared.desk.Desk.start`."""
    clock = _Clock()
    if desk.start(spec, lambda: _steps(spec, clock)):
        if desk.job is not None:
            desk.forget()
        st.session_state["_cmp_clock"] = clock


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


def progress() -> tuple[float, str]:
    """How far the comparison is, as a share and in words."""
    current, seen, spec = desk.job, shown(), desk.spec
    if spec is None:
        return 0.0, "Nothing has been compared yet."
    whole = estimate(spec)
    size = _size(whole)
    if current is None:
        return 1.0, size
    share = min(current.step / (current.steps or 1), 1.0)
    if current.running:
        if not current.steps:
            return 0.0, desk.waiting
        left = st.session_state["_cmp_clock"].left
        told = "" if left is None else f", about {duration(left)} left"
        complete = len(seen.result.problems) if seen else 0
        return share, (
            f"Block {current.step} of {current.steps}{told}; "
            f"{complete} of {len(spec.problems)} {spec.nouns} complete"
        )
    if current.state == "stopped":
        complete = len(seen.result.problems) if seen else 0
        return share, (
            f"Stopped at block {current.step} of {current.steps}: {complete} of "
            f"{len(spec.problems)} {spec.nouns} are complete and kept"
        )
    return share, f"{size}, computed in {duration(current.computing)}"


def _size(cost: Cost) -> str:
    """How much is computed, in words."""
    million = cost.evaluations >= 1e6
    count = f"{cost.evaluations / 1e6:,.1f} million" if million else f"{cost.evaluations:,}"
    return f"{cost.lanes:,} runs, {count} function evaluations"


def cost_of(spec: Compare) -> str:
    """What a comparison takes, in words, before it is started."""
    seconds = duration(_work(spec) / _pace[0])
    return f"{_size(estimate(spec))}: about {seconds} on this server when nobody else computes."


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Compare: lambda s: s.to_json()})
def _work(spec: Compare) -> float:
    return sum(weight(spec, block) for block in plan(spec))
