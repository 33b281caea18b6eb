"""The session's training: started, watched, stopped, and what came of it."""

from __future__ import annotations

from landscapes.data.datasets import Dataset
from pages.shared.desk import Desk
from pages.shared.jobs import Job
from pages.shared.networks.pictures import Shown
from pages.shared.networks.values import OWN
from sadam.lab.style import duration
from sadam.lab.training import Training, TrainingResult, iter_training

_SMALL = 20_000  # models of all seeds x steps


def small(spec: Training) -> bool:
    """Whether it takes a few seconds at most, so that it may start by itself."""
    return len(spec.models) * spec.seeds * spec.steps <= _SMALL


def _keeps(spec: Training) -> bool:
    return small(spec) and spec.data.name != OWN  # a visitor's own data stay the visitor's


desk: Desk[TrainingResult] = Desk("_net_", "training", _keeps, Shown)


def start(spec: Training, data: Dataset) -> None:
    """Train; see :meth:`pages.shared.desk.Desk.start`."""
    desk.start(spec, lambda: iter_training(spec, data))


def progress() -> tuple[float, str]:
    """How far the training is, as a share and in words."""
    current, spec, seen = desk.job, desk.spec, desk.shown()
    if current is None or spec is None:
        return (0.0, "Nothing has been trained yet.") if seen is None else (1.0, _done(seen))
    if not current.running and seen is not None:
        return min(current.step / (current.steps or 1), 1.0), _done(seen, current)
    if not current.steps:
        return 0.0, desk.waiting
    left = current.seconds_left
    time_left = "" if left is None else f", about {duration(left)} left"
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
    return text if current is None else f"{text} in {duration(current.computing)}"
