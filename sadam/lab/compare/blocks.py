"""A comparison cut into blocks: independent tasks that any process may compute, in any order.

The plan follows from the spec alone. A block is some lanes of one rule on one problem under one
schedule; its table has a row for each, and nothing in it depends on who computed it, or on how the
work was cut.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

import landscapes
from landscapes import Landscape
from sadam.lab.compare.grids import Axis
from sadam.lab.compare.networks import lanes_at_once
from sadam.lab.compare.problems import Problem, draw_starts
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.training_lanes import train_lanes
from sadam.lab.matched import CONTROL, matched_control
from sadam.rules import AdamW, MomentRule, SAdam
from sadam.sweep import BLOCK, Outcome, sweep

NEAR = 0.02  # of the window's diagonal: a run that ends so near a place is there


@dataclass(frozen=True)
class Block:
    """Some lanes: ``lanes`` of the configurations that differ in no field but per-lane numbers."""

    problem: Problem
    schedule: str
    label: str
    group: int
    first: int
    last: int


@dataclass(frozen=True)
class Group:
    """Configurations of a rule that can share a batch: they probe with the same k."""

    numbers: tuple[int, ...]  # of the configurations
    rules: tuple[MomentRule, ...]


@cache
def groups_of(spec: Compare, label: str) -> tuple[Group, ...]:
    """Return the groups of a rule's configurations; the label is one of the spec's rules."""
    found: dict[int, list[tuple[int, MomentRule]]] = {}
    for number, rule in enumerate(spec.configurations[label]):
        found.setdefault(getattr(rule, "num_probes", 0), []).append((number, rule))
    return tuple(
        Group(tuple(number for number, _ in members), tuple(rule for _, rule in members))
        for members in found.values()
    )


def plan(spec: Compare, size: int = BLOCK) -> tuple[Block, ...]:
    """Return the blocks of a comparison, problem by problem.

    Args:
        spec: What to compare.
        size: Lanes of a block of a landscape, at most; 1 or more. A network's are cut in one way
            only, whole learning rates where they fit, as the last bits of a convolutional network's
            numbers may know how many lanes were one batch.
    """
    return tuple(_plan(spec, size))


def _plan(spec: Compare, size: int) -> Iterator[Block]:
    for problem in spec.problems:
        for schedule in spec.schedules:
            for label, _ in spec.rules:
                for number, group in enumerate(groups_of(spec, label)):
                    lanes, most, unit = len(group.rules) * len(spec.lrs) * spec.runs, size, 1
                    if problem.is_network:
                        rule = group.rules[0]
                        steps = spec.steps_of(AdamW() if label in spec.controlled else rule)
                        most = lanes_at_once(problem.landscape, rule, steps)
                        unit = spec.runs if spec.runs <= most else 1
                    units = lanes // unit
                    parts = math.ceil(units / (most // unit))
                    for part in range(parts):  # of nearly one size
                        ends = (part * units // parts * unit, (part + 1) * units // parts * unit)
                        yield Block(problem, schedule, label, number, *ends)


def compute(spec: Compare, block: Block) -> pa.Table:
    """Run the lanes of a block of the spec's plan.

    A lane that leaves the finite numbers, at its start too, is marked and changes no other.

    Returns:
        A row for each lane, ordered by configuration, learning rate, seed and start, and after them
        those of the matched controls. Columns: ``landscape``, ``schedule``, ``rule`` (label),
        ``configuration``, a column for each axis (missing where the rule has no such
        hyperparameter), ``lr`` (of the grid), ``seed``, ``start``, ``x0``, ``y0``, ``final_gap``
        (infinite if it diverged), ``best_gap``, ``steps_to_0`` ... (for each target, -1 if it was
        not met), ``mean_brake``, ``x``, ``y`` (the end; missing if it diverged), ``diverged_at``
        (-1 if it did not), ``outcome`` (see :func:`outcomes`). On a network ``x0``, ``y0``, ``x``
        and ``y`` are missing, and gaps are losses as :func:`train_lanes` records them.
    """
    torch.set_num_threads(1)
    group = groups_of(spec, block.label)[block.group]
    lane = np.arange(block.first, block.last)
    place, run = np.divmod(lane, spec.runs)
    configuration, rate = np.divmod(place, len(spec.lrs))
    seed, start = np.divmod(run, spec.starts.count)
    points = np.concatenate(
        [draw_starts(block.problem, spec.starts, spec.seed + i) for i in range(spec.seeds)]
    )[run]
    lanes = _Lanes(spec, block, points, spec.seed + seed, start)
    lr = torch.tensor(spec.lrs, dtype=torch.float64)[torch.from_numpy(rate)]
    rule = _merged(group.rules, configuration, lr)
    found = lanes.run(rule)
    numbers = np.array(group.numbers)[configuration]
    axes = {axis.name: _axis_values(group.rules, axis)[configuration] for axis in spec.axes}
    tables = [lanes.table(block.label, found, numbers, axes, lr.numpy())]
    plain = numbers == 0
    if block.label in spec.controlled and plain.any():
        braked = group.rules[0]
        assert isinstance(braked, SAdam)
        control = matched_control(replace(braked, lr=lr[plain]), found[0].mean_brake[plain])
        beside = lanes.only(plain)
        missing = {name: np.full(plain.sum(), np.nan) for name in axes}
        tables.append(
            beside.table(
                CONTROL + block.label,
                beside.run(control),
                numbers[plain],
                missing,
                lr.numpy()[plain],
            )
        )
    return joined(tables)


def joined(tables: Collection[pa.Table]) -> pa.Table:
    """Join tables of blocks, at least one, whose dictionaries differ."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _merged(rules: Sequence[MomentRule], which: NDArray[Any], lr: torch.Tensor) -> MomentRule:
    """One rule whose hyperparameters are those of each lane's configuration."""
    values: dict[str, Any] = {"lr": lr}
    for name in vars(rules[0]):
        own = [getattr(rule, name) for rule in rules]
        if name != "lr" and len(set(own)) > 1:
            values[name] = torch.tensor(own, dtype=torch.float64)[torch.from_numpy(which)]
    return replace(rules[0], **values)  # type: ignore[type-var]


def _axis_values(rules: Sequence[MomentRule], axis: Axis) -> NDArray[np.float64]:
    return np.array([float(getattr(rule, axis.name, math.nan)) for rule in rules])


Found = tuple[Outcome, NDArray[np.bool_]]
"""What came of some lanes, and which of them reached the minimum."""


@dataclass(frozen=True)
class _Lanes:
    """Where the lanes of a block start; what they do with a rule; how that is written down."""

    spec: Compare
    block: Block
    points: NDArray[np.float64]
    seeds: NDArray[Any]
    starts: NDArray[Any]

    @property
    def landscape(self) -> Landscape:
        return landscapes.get(self.block.problem.landscape)

    def only(self, which: NDArray[np.bool_]) -> _Lanes:
        return replace(
            self, points=self.points[which], seeds=self.seeds[which], starts=self.starts[which]
        )

    def run(self, rule: MomentRule) -> Found:
        spec, problem = self.spec, self.block.problem
        steps = spec.steps_of(rule)
        if problem.is_network:
            outcome, loss = train_lanes(
                problem.landscape,
                rule,
                self.seeds.tolist(),
                steps=steps,
                schedule=self.block.schedule,
                shares=spec.targets,
            )
            return outcome, (outcome.final_gap <= spec.targets[-1] * loss).numpy()
        f, targets = self.landscape, target_gaps(spec, problem)
        assert f.minimum is not None
        outcome = sweep(
            f.value,
            rule,
            torch.from_numpy(self.points),
            steps=steps,
            seeds=torch.from_numpy(self.seeds),
            schedule=self.block.schedule,
            minimum=f.minimum,
            targets=targets,
            smooth=f.smooth,
            prox=f.prox,
        )
        return outcome, (outcome.final_gap <= targets[-1]).numpy()

    def table(
        self,
        label: str,
        found: Found,
        configuration: NDArray[Any],
        axes: dict[str, NDArray[np.float64]],
        lr: NDArray[np.float64],
    ) -> pa.Table:
        block, count, (outcome, reached) = self.block, len(lr), found
        end, diverged = outcome.end.numpy(), outcome.diverged_at.numpy() >= 0
        if block.problem.is_network:
            codes, names = network_outcomes(reached, diverged)
        else:
            codes, names = outcomes(self.landscape, end, reached, diverged)

        def same(text: str) -> pa.Array:
            zeros = pa.array(np.zeros(count, np.int8))
            return pa.DictionaryArray.from_arrays(zeros, pa.array([text]))

        return pa.table(
            {
                "landscape": same(block.problem.landscape),
                "schedule": same(block.schedule),
                "rule": same(label),
                "configuration": configuration.astype(np.int16),
                **{name: pa.array(value, from_pandas=True) for name, value in axes.items()},
                "lr": lr,
                "seed": self.seeds.astype(np.int64),
                "start": self.starts.astype(np.int32),
                "x0": pa.array(self.points[:, 0], from_pandas=True),
                "y0": pa.array(self.points[:, 1], from_pandas=True),
                "final_gap": outcome.final_gap.numpy(),
                "best_gap": outcome.best_gap.numpy(),
                **{
                    f"steps_to_{i}": hit.astype(np.int32)
                    for i, hit in enumerate(outcome.hits.numpy())
                },
                "mean_brake": outcome.mean_brake.numpy(),
                "x": pa.array(end[:, 0], from_pandas=True),
                "y": pa.array(end[:, 1], from_pandas=True),
                "diverged_at": outcome.diverged_at.numpy().astype(np.int32),
                "outcome": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names)),
            }
        )


@cache
def target_gaps(spec: Compare, problem: Problem) -> tuple[float, ...]:
    """Return the gaps of a landscape that the spec's targets are; a network has none here."""
    assert problem.start is not None
    whole = landscapes.get(problem.landscape).gap_at(problem.start)
    return tuple(target * whole for target in spec.targets)


def outcomes(
    landscape: Landscape,
    end: NDArray[np.float64],
    reached: NDArray[np.bool_],
    diverged: NDArray[np.bool_],
) -> tuple[NDArray[np.int8], list[str]]:
    """Say where each run ended.

    ``"minimum (1, 1)"``: its final gap is within the last target; it is named after the declared
    minimiser nearest to its end. ``"near minimum (1, 1)"`` or ``"trap (0, -1)"``: not so, and its
    end is within 2 % of the window's diagonal of that place, the nearest if there are several.
    ``"diverged"``; else ``"elsewhere"``.

    Args:
        landscape: The landscape.
        end: Where the runs end, ``(N, 2)``; NaN is no place.
        reached: Which met the last target, ``(N,)``.
        diverged: Which diverged, ``(N,)``; it goes before the others.

    Returns:
        Codes ``(N,)`` and the names they stand for.
    """
    minima = [f"minimum ({x:.4g}, {y:.4g})" for x, y in landscape.minimisers]
    names = ["elsewhere", "diverged", *minima, *(f"near {name}" for name in minima)]
    names += [f"trap ({x:.4g}, {y:.4g})" for x, y in landscape.traps]
    codes = np.zeros(len(end), np.int8)
    places = (*landscape.minimisers, *landscape.traps)
    if places:
        (x0, x1), (y0, y1) = landscape.window
        nearest, away = _nearest(end, places)
        close = away <= NEAR * math.hypot(x1 - x0, y1 - y0)
        codes = np.where(close, 2 + len(minima) + nearest, codes)
    if minima:
        codes = np.where(reached, 2 + _nearest(end, landscape.minimisers)[0], codes)
    return np.where(diverged, 1, codes).astype(np.int8), names


TARGET_MET = "target met"  # of a network, whose least loss is not known


def network_outcomes(
    reached: NDArray[np.bool_], diverged: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], list[str]]:
    """Say where each run on a network ended; as :func:`outcomes`.

    ``"target met"``: its final loss is within the last target. ``"diverged"``; else
    ``"elsewhere"``. Parameters are no place of the plane, and no traps are declared.
    """
    codes = np.where(reached, 2, 0)
    return np.where(diverged, 1, codes).astype(np.int8), ["elsewhere", "diverged", TARGET_MET]


def _nearest(
    points: NDArray[np.float64], places: Sequence[tuple[float, float]]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Which place is nearest to each point, and how far it is; NaN points are infinitely far."""
    away = np.nan_to_num(np.linalg.norm(points[:, None] - np.array(places), axis=-1), nan=np.inf)
    return away.argmin(1), away.min(1)
