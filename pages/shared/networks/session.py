"""The session's training: started, watched, stopped, and what came of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

import streamlit as st

from landscapes.datasets import Dataset
from pages.shared import jobs
from pages.shared.jobs import Job
from pages.shared.networks import controls
from pages.shared.networks.pictures import Shown
from sadam.lab.training import Training, TrainingProgress, TrainingResult, iter_training

_KEPT = 4  # small trainings that every visitor may see again at once
_SMALL = 20_000  # models of all seeds x steps
_finished: OrderedDict[Training, TrainingResult] = OrderedDict()
_lock = Lock()


def job() -> Job[TrainingResult] | None:
    """The session's job, running or ended."""
    return st.session_state.get("_net_job")


def trained() -> Training | None:
    """The spec of what is on screen."""
    return st.session_state.get("_net_spec")


def shown() -> Shown | None:
    """What there is to see; None until the first result."""
    state, current = st.session_state, job()
    held: Shown | None = state.get("_net_shown")
    if current is None:
        return held
    final = not current.running  # asked first: what is the latest after the end is the last
    if current.latest is None:
        return held
    result = current.latest.result
    if held is None or held.result is not result or held.final != final:
        held = state["_net_shown"] = Shown(result, final)
        if current.state == "done":
            _remember(result)
    return held


def start(spec: Training, data: Dataset) -> None:
    """Train; what was running is stopped. A small training that somebody has just run is there.

    If too many trainings are running on this server, :func:`trouble` says so.
    """
    stop()
    state = st.session_state
    state.pop("_net_trouble", None)
    known = _recall(spec) if spec.data.name != controls.OWN else None
    if known is not None:
        state["_net_job"], state["_net_shown"] = None, Shown(known, True)
    else:

        def work() -> Iterator[TrainingProgress]:
            return iter_training(spec, data)

        try:
            state["_net_job"] = jobs.start(work)
        except jobs.Busy as error:
            state["_net_trouble"] = str(error)
            return
    state["_net_spec"] = spec


def running() -> bool:
    """Whether the session's training is on its way."""
    current = job()
    return current is not None and current.running


def trouble() -> str:
    """What is wrong with the training, as a sentence; empty if nothing is."""
    current, text = job(), st.session_state.get("_net_trouble")
    if current is not None and current.state == "failed":
        text = f"the training failed: {current.error}"
    return f"{text[0].upper()}{text[1:]}." if text else ""


def progress() -> tuple[float, str]:
    """How far the training is, as a share and in words."""
    current, spec, seen = job(), trained(), shown()
    if current is None or spec is None:
        return (0.0, "Nothing has been trained yet.") if seen is None else (1.0, _done(seen))
    if not current.running and seen is not None:
        return min(current.step / (current.steps or 1), 1.0), _done(seen, current)
    if not current.steps:
        return 0.0, "Waiting for its turn …"
    left = current.seconds_left
    time_left = "" if left is None else f", about {left:.0f} s left"
    if current.step > spec.steps:
        text = f"Matched controls: step {current.step - spec.steps} of {spec.steps}{time_left}"
    else:
        text = f"Step {current.step} of {spec.steps}{time_left}"
    return min(current.step / current.steps, 1.0), text


def _done(seen: Shown, current: Job[TrainingResult] | None = None) -> str:
    run, spec = seen.result.run, seen.result.spec
    models = len(run.names) * spec.seeds
    text = f"{models} networks trained for {run.steps} steps"
    if current is not None and current.state == "stopped":
        return f"Stopped: {text} of {spec.steps}; what was computed is kept"
    return text if current is None else f"{text} in {current.computing:.1f} s"


def stop() -> None:
    """Stop the training; what was computed is kept."""
    current = job()
    if current is not None:
        current.stop()


def _remember(result: TrainingResult) -> None:
    spec = result.spec
    if len(spec.models) * spec.seeds * spec.steps > _SMALL or spec.data.name == controls.OWN:
        return
    with _lock:
        _finished[spec] = result
        while len(_finished) > _KEPT:
            _finished.popitem(last=False)


def _recall(spec: Training) -> TrainingResult | None:
    with _lock:
        return _finished.get(spec)
