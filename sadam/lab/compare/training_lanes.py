"""The runs of a block on a network: trained together, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from sadam.lab.compare.networks import EVALUATIONS, data_of, network_of
from sadam.lab.training.run import PROBE_STREAM, problem_of
from sadam.metrics import last_steps, mean_of_brakes, median
from sadam.rules import MomentRule
from sadam.sweep import Outcome
from sadam.training.trainer import train


def train_lanes(
    name: str,
    rule: MomentRule,
    seeds: Sequence[int],
    *,
    steps: int,
    schedule: str,
    shares: Sequence[float],
) -> tuple[Outcome, Tensor]:
    """Train one rule on a network in every lane.

    A lane's seed draws its weights, its minibatches and its probe directions, as it does for
    :func:`sadam.lab.training.run_training`. The loss is that of the whole training set with its
    labels as they are, at the start, every ``max(1, steps // 50)`` steps, and at the end; it
    cannot be less than 0, which gaps are measured from. Lanes of the same seeds are one batch. How
    they are batched changes nothing, but for the last bits of a convolutional network in float32:
    blocks of networks are cut in one way only (:func:`sadam.lab.compare.blocks.plan`).

    Args:
        name: The network.
        rule: A hyperparameter is one number or a tensor ``(N,)``, one for each lane.
        seeds: One for each lane, at least one; each at least 0.
        steps: Number of steps, at least 1.
        schedule: A key of :data:`sadam.schedules.SCHEDULES`.
        shares: Shares of a lane's loss at its start whose first recorded step counts as a hit.

    Returns:
        What came of the lanes, their ends NaN ``(N, 2)``, as parameters are no point of the plane;
        and the losses at the start, ``(N,)``. A lane that diverged, or whose last loss is not
        finite, has an infinite final gap.
    """
    lanes = [(_rule_of(rule, i), int(seed)) for i, seed in enumerate(seeds)]
    seeds_of: dict[MomentRule, dict[int, None]] = {}
    for own, seed in lanes:
        seeds_of.setdefault(own, {})[seed] = None
    together: dict[tuple[int, ...], list[MomentRule]] = {}
    for own, theirs in seeds_of.items():
        together.setdefault(tuple(theirs), []).append(own)
    rows: dict[tuple[MomentRule, int], Tensor] = {}
    for numbers, rules in together.items():
        table = _train(name, rules, numbers, steps, schedule, shares)
        for by_seed, seed in zip(table, numbers, strict=True):
            rows |= {(own, seed): row for own, row in zip(rules, by_seed, strict=True)}
    start, final, best, brake, left, *hits = torch.stack([rows[lane] for lane in lanes], 1)
    empty = torch.empty(0, len(lanes), dtype=torch.float64)
    return Outcome(
        final_gap=final,
        best_gap=best,
        hits=torch.stack([*hits]).long() if hits else empty.long(),
        end=torch.full((len(lanes), 2), torch.nan, dtype=torch.float64),
        mean_brake=brake,
        diverged_at=left.long(),
    ), start


def _rule_of(rule: MomentRule, lane: int) -> MomentRule:
    """The rule with the hyperparameters of one lane, all of them numbers."""
    values: dict[str, Any] = {f.name: getattr(rule, f.name) for f in fields(rule)}  # type: ignore[arg-type]
    own = {
        name: float(value[lane] if value.ndim else value)
        for name, value in values.items()
        if isinstance(value, Tensor)
    }
    return replace(rule, **own)  # type: ignore[type-var]


def _train(
    name: str,
    rules: Sequence[MomentRule],
    seeds: Sequence[int],
    steps: int,
    schedule: str,
    shares: Sequence[float],
) -> Tensor:
    """Train every rule for every seed.

    Returns:
        ``(S, M, 5 + shares)``: loss at the start, final and best loss, mean brake, step of
        divergence, first recorded steps of the targets.
    """
    torch.set_num_threads(1)
    spec = network_of(name)
    problem = problem_of(spec, data_of(spec.data), seeds)
    run = train(
        problem,
        {str(i): rule for i, rule in enumerate(rules)},
        steps=steps,
        seeds=[PROBE_STREAM + seed for seed in seeds],
        schedule=schedule,
        dtype=problem.dtype,
        observe_every=0,
        evaluate=("train",),
        evaluate_every=max(1, steps // EVALUATIONS),
        num_snapshots=1,
    )
    at, loss = run.evaluated_at, run.evaluations["train"]["loss"].to(torch.float64)
    broken = ~loss.isfinite()
    # The last steps may leave the finite numbers, too, where only the loss at the end tells.
    left = torch.where(
        (run.diverged_at < 0) & broken.any(0), at[broken.int().argmax(0)], run.diverged_at
    )
    loss = torch.where(broken, torch.inf, loss)
    tail = loss[at > steps - last_steps(steps)]
    brake = mean_of_brakes(run.brake.to(torch.float64))
    levels = torch.tensor(shares, dtype=torch.float64)[:, None, None, None] * loss[0]
    met = loss <= levels  # (targets, n, S, M)
    hits = torch.where(met.any(1), at[met.int().argmax(1)], -1)
    final = torch.where(left >= 0, torch.inf, median(tail))
    return torch.stack([loss[0], final, loss.amin(0), brake, left, *hits], -1).to(torch.float64)
