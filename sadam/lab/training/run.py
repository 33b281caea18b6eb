"""Running a training spec: in one go, or step by step with what there is so far.

A model that leaves the finite numbers stays where it was last finite and is marked in the run's
``diverged_at``, one whose loss is not finite after the last step too; no other model changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes.data.datasets import Dataset, SplitName
from landscapes.data.loading import load
from landscapes.nets.losses import Loss
from landscapes.nets.networks import Network
from landscapes.nets.training_problem import Batch, TrainingProblem
from sadam.lab.codec import SpecError, nearest, reason
from sadam.lab.matched import CONTROL, matched_control
from sadam.lab.rulebook import build_rule, values_of
from sadam.lab.training.spec import Training
from sadam.metrics import mean_of_brakes
from sadam.rules import AdamW, MomentRule, SAdam, key_of
from sadam.text import shown
from sadam.training.trainer import TrainingRun, training

MONITORED = 16  # training examples on which switching units are counted
OBSERVATIONS = 60  # times that LGI is measured for all rules alike
SNAPSHOT_NUMBERS = 8_000_000  # parameters kept on the way, 4 bytes each
PROBE_STREAM = 1 << 62  # keeps the directions' streams apart from those of the data

NONE: Mapping[str, MomentRule] = MappingProxyType({})

Array = NDArray[np.float64]


class Model(NamedTuple):
    """A rule with a learning rate."""

    label: str
    lr: float

    @property
    def name(self) -> str:
        """Both in one."""
        return f"{self.label} at {self.lr!r}"


@dataclass(frozen=True)
class TrainingResult:
    """A training spec and what came of it, or has come of it so far, even before the first step.

    Attributes:
        spec: What was asked for.
        data: What was trained on.
        problem: Network, loss and minibatches.
        rules: The rules by label; matched controls, once trained, are the last.
        models: What the models of ``run`` are.
        run: All of them.
    """

    spec: Training
    data: Dataset
    problem: TrainingProblem
    rules: dict[str, MomentRule]
    models: tuple[Model, ...]
    run: TrainingRun

    @property
    def network(self) -> Network:
        """The network."""
        return self.problem.network

    @property
    def complete(self) -> bool:
        """Whether all steps were taken."""
        return self.run.steps == self.spec.steps

    @property
    def followed(self) -> SplitName:
        """The split evaluated on the way: validation, or training where there is none."""
        return followed_split(self.data)

    @property
    def held_out(self) -> SplitName:
        """The split that results are stated on: the test set, or what there is instead."""
        return "test" if len(self.data.test) else self.followed

    @property
    def metric(self) -> str:
        """What results are stated in: ``"accuracy"`` where there are classes, else ``"loss"``."""
        return "accuracy" if self.data.classes else "loss"

    def at(self, label: str, lr: float | None = None) -> int:
        """Return the place of a rule's model; by default at the rule's own learning rate.

        Raises:
            SpecError: If there is no such rule, or it was not trained at that learning rate.
        """
        if not isinstance(label, str) or label not in self.rules:
            raise SpecError(f"no rule is called {shown(label)}: {nearest(label, self.rules)}")
        lr = float(self.rules[label].lr) if lr is None else lr  # type: ignore[attr-defined]
        try:
            return self.models.index(Model(label, lr))
        except ValueError:
            rates = ", ".join(f"{self.models[i].lr:g}" for i in self.tried(label))
            raise SpecError(f"{label} was trained at {rates}, not at {shown(lr)}") from None

    def tried(self, label: str) -> list[int]:
        """Return the places of all models of a rule, by learning rate.

        Raises:
            SpecError: If there is no such rule.
        """
        places = [i for i, model in enumerate(self.models) if model.label == label]
        if not places:
            raise SpecError(f"no rule is called {shown(label)}: {nearest(label, self.rules)}")
        return sorted(places, key=lambda i: self.models[i].lr)

    def trained(self, model: int, seed: int = 0) -> Tensor:
        """Return the final parameters ``(P,)`` of a model and a seed, by their places.

        They are the last finite ones where it diverged on the way; where it did at the last step,
        they need not be finite.

        Raises:
            SpecError: If there is no such place.
        """
        model = checked_place("model", model, len(self.models))
        return self.run.final[checked_place("seed", seed, self.spec.seeds), model]

    def best(self, label: str) -> int:
        """Return the place of a rule's best model: the least median final loss of ``followed``.

        Where half of the seeds or more diverged at every learning rate, the smallest of those.

        Raises:
            SpecError: If there is no such rule.
        """
        final = np.median(self.finals[self.followed]["loss"], axis=0)
        return min(self.tried(label), key=lambda i: final[i])

    @cached_property
    def finals(self) -> dict[str, dict[str, Array]]:
        """Final loss and accuracy on every split that has examples, ``(S, M)`` each.

        A model that diverged counts with infinite loss and accuracy 0.
        """
        lost = (self.run.diverged_at >= 0).numpy()
        found: dict[str, dict[str, Array]] = {}
        for split in get_args(SplitName):
            if len(self.data.split(split)):
                with torch.no_grad():
                    numbers = self.problem.evaluate(self.run.final, split)
                found[split] = {
                    name: np.where(
                        lost, math.inf if name == "loss" else 0.0, value.double().numpy()
                    )
                    for name, value in numbers.items()
                }
        return found


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is.

    Attributes:
        step: Steps taken, those of the matched controls included.
        steps: Steps in all.
        result: Returns what there is when it is called; its curves are cheap, its final numbers
            evaluate the whole data.
    """

    step: int
    steps: int
    result: Callable[[], TrainingResult]


def checked_place(what: str, value: Any, count: int) -> int:
    """Return a place among so many, from 0.

    Raises:
        SpecError: If it is none.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value < count:
        raise SpecError(f"there is no {what} at place {shown(value)}: there are {count}")
    return int(value)


def followed_split(data: Dataset) -> SplitName:
    """Return which split is evaluated on the way."""
    return "validation" if len(data.validation) else "train"


def run_training(
    spec: Training,
    on_progress: Callable[[TrainingProgress], object] | None = None,
    data: Dataset | None = None,
) -> TrainingResult:
    """Run a spec to its end. The same spec gives the same numbers everywhere.

    Args:
        spec: What to train.
        on_progress: Called every few steps; if it returns False, the training stops there, and what
            there is by then is returned.
        data: The data of the spec, where they are loaded already (an uploaded CSV).

    Raises:
        SpecError: If the data cannot be loaded, or do not fit the spec.
    """
    last = None
    for last in iter_training(spec, data):
        if on_progress is not None and on_progress(last) is False:
            break
    assert last is not None
    return last.result()


def iter_training(spec: Training, data: Dataset | None = None) -> Iterator[TrainingProgress]:
    """Run a spec and report every few steps; whoever stops asking stops it.

    The matched controls are trained after the others, whose mean brakes they need; a result that is
    asked for before their last step leaves them out.

    Args:
        spec: What to train.
        data: The data of the spec, where they are loaded already.

    Yields:
        Progress, before the first step and after the last one too.

    Raises:
        SpecError: If the data cannot be loaded, or do not fit the spec.
    """
    torch.set_num_threads(1)  # faster at this size, and steady beside a busy neighbour
    data = load_data(spec) if data is None else data
    problem = problem_of(spec, data)
    rules = dict(spec.rules)
    models = tuple(Model(label, lr) for label, lr in spec.models)
    options = _options(spec, problem, len(models))
    controlled = [
        label
        for label, rule in rules.items()
        if isinstance(rule, SAdam) and CONTROL + label not in rules
    ]
    controls = controlled if spec.matched_controls else []
    total = spec.steps * (2 if controls else 1)

    def result(run: TrainingRun, matched: Mapping[str, MomentRule] = NONE) -> TrainingResult:
        theirs = tuple(Model(label, float(rule.lr)) for label, rule in matched.items())  # type: ignore[attr-defined]
        every = {**rules, **matched}
        return TrainingResult(spec, data, problem, every, models + theirs, _marked(run))

    chosen = {model.name: with_lr(rules[model.label], model) for model in models}
    progress = None
    for progress in training(problem, chosen, **options):
        so_far = progress.so_far
        yield TrainingProgress(progress.step, total, lambda so_far=so_far: result(so_far()))
    if not controls or progress is None:
        return
    main = progress.so_far()
    matched = {CONTROL + label: _control_of(result(main), label) for label in controls}
    for progress in training(problem, matched, **options):
        found = result(main)
        if progress.step == spec.steps:
            found = result(main.beside(progress.so_far()), matched)
        yield TrainingProgress(spec.steps + progress.step, total, lambda found=found: found)


def _marked(run: TrainingRun) -> TrainingRun:
    """The run, with those marked as diverged whose loss is not finite after the last step."""
    broken = [~numbers["loss"][-1].isfinite() for numbers in run.evaluations.values()]
    left = torch.stack(broken).any(0) & (run.diverged_at < 0)
    if not run.steps or not bool(left.any()):
        return run
    return replace(run, diverged_at=run.diverged_at.masked_fill(left, run.steps))


def with_lr(rule: MomentRule, model: Model) -> MomentRule:
    """Return a rule with the learning rate of a model.

    Raises:
        SpecError: If that is not positive and finite.
    """
    return build_rule(model.label, key_of(rule), {**values_of(rule), "lr": model.lr})


def _control_of(result: TrainingResult, label: str) -> AdamW:
    """The matched control of an S-Adam at its own learning rate.

    The brake's mean is over the steps, the median of it over the seeds.
    """
    rule = result.rules[label]
    assert isinstance(rule, SAdam)
    brake = result.run.brake[..., result.at(label)].to(torch.float64)
    mean = float(np.median(mean_of_brakes(brake).numpy()))
    return matched_control(rule, mean)


def load_data(spec: Training) -> Dataset:
    """Load the data of a spec.

    Raises:
        SpecError: If they cannot be loaded.
    """
    try:
        return load(spec.data)
    except ValueError as error:
        raise SpecError(str(error)) from None


def problem_of(
    spec: Training, data: Dataset, seeds: Sequence[int] | None = None
) -> TrainingProblem:
    """Return what the spec trains, for its own seeds or for others.

    Raises:
        SpecError: If the data do not fit the spec.
    """
    network = spec.network_for(data)
    loss = None if spec.loss == "auto" else Loss(spec.loss)
    try:
        return TrainingProblem(
            network,
            data,
            spec.seed_numbers if seeds is None else seeds,
            loss=loss,
            batch_size=spec.batch_size,
            label_noise=spec.label_noise,
            input_noise=spec.input_noise,
            l1=spec.l1,
            dtype=getattr(torch, spec.dtype),
        )
    except ValueError as error:
        raise SpecError(reason(error)) from None


def _options(spec: Training, problem: TrainingProblem, models: int) -> dict[str, Any]:
    """How the trainer is to go about it; none of it changes a model's numbers."""
    data = problem.data
    followed = followed_split(data)
    # as many evaluations as cost about a tenth of the training, but enough for a curve
    points = round(0.3 * spec.steps * problem.batch_size / len(data.split(followed)))
    points = min(max(points, 20), 100)
    one = spec.seeds * models * problem.num_parameters
    return {
        "steps": spec.steps,
        "seeds": [PROBE_STREAM + seed for seed in spec.seed_numbers],
        "schedule": spec.schedule,
        "dtype": problem.dtype,
        "observe_every": max(1, spec.steps // OBSERVATIONS),
        "evaluate": (followed,),
        "evaluate_every": max(1, spec.steps // points),
        "monitor": monitored(problem),
        "num_snapshots": min(max(SNAPSHOT_NUMBERS // one, 2), 100),
    }


def monitored(problem: TrainingProblem) -> Batch:
    """Return the examples on which switching units are counted: some of the training set."""
    examples = problem.data.train.inputs
    chosen = np.linspace(0, len(examples) - 1, min(MONITORED, len(examples))).round().astype(int)
    inputs = torch.from_numpy(examples[chosen]).to(problem.dtype)
    seeds = len(problem.seeds)
    return Batch(inputs.expand(seeds, *inputs.shape), torch.zeros(seeds, len(inputs)))
