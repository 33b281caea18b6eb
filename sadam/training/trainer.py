"""The training loop: all rules and all seeds of a network, stepped together as one batch.

Parameters are ``(S, M, P)``: S seeds, each with its own start, order of data and probe directions,
M models of each seed, one for each rule, P parameters. The models of a seed share minibatches and
directions (common random numbers), so that a model's numbers do not depend on which others are
trained beside it. The update is :func:`sadam.family.advance`, the LGI that of :mod:`sadam.probes`,
and the probes of a step see the same minibatch as its gradient.

What no figure needs is not kept: paths pass through buffers of a few steps, from which the
chattering is summed up, and leave a few snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sadam.checks import check_whole, shown
from sadam.probes import Probing
from sadam.rules import MomentRule
from sadam.schedules import factors_of
from sadam.training.loop import Every, TrainingLoop
from sadam.training.run import Problem, Progress, TrainingRun

__all__ = ["Problem", "Progress", "TrainingRun", "train", "training"]


def train(problem: Problem, rules: Mapping[str, MomentRule], **options: Any) -> TrainingRun:
    """Train to the end. Arguments and errors as :func:`training`."""
    for progress in training(problem, rules, **options):
        if progress.step == progress.steps:
            return progress.so_far()
    raise AssertionError("a training ends at its last step")


def training(
    problem: Problem,
    rules: Mapping[str, MomentRule],
    *,
    steps: int,
    seeds: Sequence[int] = (0,),
    schedule: str | Tensor = "constant",
    dtype: torch.dtype = torch.float64,
    observe: Probing | None = None,
    observe_every: int = 10,
    evaluate: Sequence[str] = ("train", "validation"),
    evaluate_every: int = 50,
    monitor: Any = None,
    num_snapshots: int = 100,
) -> Iterator[Progress]:
    """Train step by step, and report every few of them; whoever stops asking stops the training.

    A model whose loss, gradient or parameters are not finite, or beyond the dtype's largest number
    to the power of 0.4 (2e123 in float64, 2.6e15 in float32), is frozen and marked as
    :class:`sadam.training.run.TrainingRun` says; so is, one step later, one with a probe whose loss
    is not finite or too large to be squared. No model changes another's bits.

    Args:
        problem: What to train.
        rules: Rules by name, each with a model of its own; their hyperparameters are numbers.
        steps: Number T of steps, at least 1.
        seeds: Seeds of the probe directions, one for each start of the problem; at least 0.
        schedule: A key of :data:`sadam.schedules.SCHEDULES`, or T factors on the learning rate.
        dtype: Of parameters and arithmetic; float32 or float64 (less loses the steps to rounding).
        observe: How LGI is measured for all rules alike; by default as the first rule that probes.
        observe_every: Every how many steps; 0 for never.
        evaluate: Splits to evaluate.
        evaluate_every: Every how many steps, besides the end; 0 for only there.
        monitor: The batch on which switching units are counted; None to count none.
        num_snapshots: At most how many times parameters are kept, besides the end; at least 1.

    Yields:
        Progress every few steps, before the first one and after the last one too.

    Raises:
        ValueError: If there is no rule or no step, the seeds are not as many as the starts, a
            hyperparameter is not a number, the schedule is not known, or a number is out of its
            range.
    """
    if not rules:
        raise ValueError("no rules: give at least one")
    check_whole("steps", steps, least=1)
    check_whole("observe_every", observe_every)
    check_whole("evaluate_every", evaluate_every)
    check_whole("num_snapshots", num_snapshots, least=1)
    if not dtype.is_floating_point:
        raise ValueError(f"Invalid dtype: {dtype}, must be float32 or float64")
    for seed in seeds:
        check_whole("seed", seed)
    probing = [rule.probing for rule in rules.values() if rule.probing is not None]
    starts = problem.init()
    if len(starts) != len(seeds):
        raise ValueError(f"{len(seeds)} seeds for {len(starts)} starts, must be as many")
    observe = observe or (probing[0] if probing else Probing())
    for probed in (*probing, observe):
        if isinstance(probed.radius, Tensor) and probed.radius.numel() != 1:
            raise ValueError(
                f"Invalid radius: {shown(probed.radius)}, must be a number in a training"
            )
    every = Every(observe_every, evaluate_every, -(-steps // num_snapshots))
    loop = TrainingLoop(
        problem, rules, starts.to(dtype), factors_of(schedule, steps), observe, seeds
    )
    loop.keep(every, tuple(evaluate), monitor)
    return loop.progress()
