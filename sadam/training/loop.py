"""The engine room of :mod:`sadam.training.trainer`: buffers, probes, and the steps of a block.

Shapes and domain are those of :func:`sadam.training.trainer.training`, which checks them: factors
are ``(T,)``, starts ``(S, P)``, parameters ``(S, M, P)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sadam import metrics
from sadam.checks import shown
from sadam.family import (
    Coefficients,
    Moments,
    StepCoefficients,
    advance,
    brake_of,
    parts_used,
    step_table,
)
from sadam.pauses import breathe
from sadam.probes import Probing, floor_in, lgi_power_ratio, round_to_float32
from sadam.rules import MomentRule, cost_of
from sadam.training.probes import Offsets, Probes
from sadam.training.run import Problem, Progress, TrainingRun

BLOCK = 1 << 13  # numbers of one model's path in the buffers: few enough to stay in the cache
LONGEST_BLOCK = 64  # steps
SPECTRUM_COORDINATES = 16  # a random choice of parameters: their spectrum stands for all
BEYOND = 0.4  # a number above this power of the largest one has left the finite: squares overflow


class Every(NamedTuple):
    """How often, in steps, something is looked at; 0 for never."""

    observe: int
    evaluate: int
    snapshot: int


class TrainingLoop:
    """All models of one training; those that probe alike are neighbours."""

    def __init__(
        self,
        problem: Problem,
        rules: Mapping[str, MomentRule],
        starts: Tensor,
        factors: Tensor,
        observe: Probing,
        seeds: Sequence[int],
    ) -> None:
        self.problem, self.names = problem, tuple(rules)
        order = sorted(range(len(rules)), key=lambda i: _probe_key(rules[self.names[i]].probing))
        self.unsort = torch.tensor(order).argsort()
        self.rules = [rules[self.names[i]] for i in order]
        self.steps, self.done = len(factors), 0
        num_seeds, dim = starts.shape
        self.shape, self.dtype = (num_seeds, len(rules), dim), starts.dtype
        start = starts[:, None].expand(self.shape)
        length = max(1, min(LONGEST_BLOCK, BLOCK // dim, self.steps))
        # one slot before the block's first gradient, two before its second point: see Tally.add
        self.points = start.expand(length + 2, *self.shape).clone()
        self.grads = torch.full((length + 1, *self.shape), math.nan, dtype=self.dtype)
        self.limit = torch.finfo(self.dtype).max ** BEYOND
        self.diverged_at = torch.full(self.shape[:2], -1)
        self._prepare_rules(factors)
        self._prepare_probes(observe, seeds)
        self._prepare_records()

    def _prepare_rules(self, factors: Tensor) -> None:
        l1 = self.problem.l1
        rows = [rule.coefficients() for rule in self.rules]
        if l1:  # the problem's own term takes the place of a proximal rule's
            rows = [
                replace(row, l1=l1) if rule.proximal else row
                for row, rule in zip(rows, self.rules, strict=True)
            ]
        self.table = coefficient_table(rows, factors, self.dtype)
        self.uses = parts_used(*rows)
        adaptive = torch.tensor([row.second is not None for row in rows])[:, None]
        v = torch.where(adaptive, 0.0, 1.0).to(self.dtype).expand(self.shape).clone()
        self.state = Moments(torch.zeros_like(v), v, torch.zeros_like(v))
        proximal = [i for i, rule in enumerate(self.rules) if rule.proximal and l1]
        self.proximal, self.l1 = torch.tensor(proximal, dtype=torch.long), l1
        if proximal:
            self.along = torch.empty_like(self.points[0])
        self.damping = torch.tensor([float(row.damping) for row in rows], dtype=self.dtype)
        self.cap = torch.tensor([float(row.cap) for row in rows], dtype=self.dtype)

    def _prepare_probes(self, observe: Probing, seeds: Sequence[int]) -> None:
        """Lay out the probes of all models in one buffer, so that one call evaluates them all."""
        self.lgi = torch.zeros(self.shape[:2], dtype=self.dtype)
        self.probing = torch.tensor([rule.probing is not None for rule in self.rules])
        known: dict[tuple, Offsets] = {}

        def offsets(probing: Probing) -> Offsets:
            key = (probing.num_probes, probing.sphere, probing.radius)
            new = Offsets(seeds, probing, self.problem.sizes, self.dtype)
            return known.setdefault(key, new)

        groups: list[tuple[Probing, slice]] = []
        for i, rule in enumerate(self.rules):
            if rule.probing is not None:
                if groups and groups[-1][0] == rule.probing:
                    groups[-1] = (rule.probing, slice(groups[-1][1].start, i + 1))
                else:
                    groups.append((rule.probing, slice(i, i + 1)))
        self.groups = [Probes(p, at, offsets(p)) for p, at in groups]
        num_seeds, _, dim = self.shape
        self.counts = [p.evaluations * (at.stop - at.start) for p, at in groups]
        self.probe_points = torch.empty(num_seeds, sum(self.counts), dim, dtype=self.dtype)
        self.places = [
            part.unflatten(1, (p.evaluations, -1))
            for (p, _), part in zip(groups, self.probe_points.split(self.counts, 1), strict=True)
        ]
        owners = [torch.arange(at.start, at.stop).repeat(p.evaluations) for p, at in groups]
        self.owners = torch.cat(owners) if owners else torch.empty(0, dtype=torch.long)
        self.lgi_parts = [self.lgi[:, at] for _, at in groups]
        both = replace(observe, kind="two-sided")
        self.observer = Probes(both, slice(0, self.shape[1]), offsets(both))

    def _prepare_records(self) -> None:
        steps, (num_seeds, width, dim) = self.steps, self.shape
        self.losses = torch.empty(steps, num_seeds, width, dtype=self.dtype)
        self.lgis, self.brakes = torch.zeros_like(self.losses), torch.ones_like(self.losses)
        self.loss_rows, self.lgi_rows = self.losses.unbind(0), self.lgis.unbind(0)
        self.brake_rows = self.brakes.unbind(0)
        self.conflicts = torch.empty_like(self.losses)
        chosen = np.random.default_rng(0).permutation(dim)[:SPECTRUM_COORDINATES]
        self.coordinates = torch.from_numpy(np.sort(chosen))
        self.sample = torch.empty(
            steps, num_seeds, width, len(self.coordinates), dtype=torch.float32
        )
        self.tally = metrics.Tally(self.points[0])
        self.scratch = (torch.empty_like(self.points[0]), torch.empty_like(self.points[0]))
        self.observed: dict[int, tuple[Tensor, Tensor]] = {}
        self.evaluated: dict[int, dict[str, Mapping[str, Tensor]]] = {}
        self.snapshots: dict[int, Tensor] = {}

    def keep(self, every: Every, splits: tuple[str, ...], monitor: Any) -> None:
        """Say what is to be looked at on the way."""
        self.every, self.splits, self.monitor = every, splits, monitor
        self.flips = None if monitor is None else torch.empty_like(self.losses)

    def progress(self) -> Iterator[Progress]:
        """Take all steps, block by block."""
        yield Progress(0, self.steps, self.so_far)
        while self.done < self.steps:
            self._take_block()
            yield Progress(self.done, self.steps, self.so_far)

    @torch.no_grad()
    def _take_block(self) -> None:
        problem, count = self.problem, min(len(self.grads) - 1, self.steps - self.done)
        points, grads = self.points.unbind(0), self.grads.unbind(0)
        for slot, i in enumerate(range(self.done, self.done + count), 1):
            breathe()
            x, grad = points[slot], grads[slot]
            batch = problem.minibatch(i)
            value, total_grad = problem.value_and_grad(x, batch)
            grad.copy_(total_grad)
            self._look(i, x, value, batch)
            self.loss_rows[i].copy_(value)
            brake = self._brake(i, x, value, batch) if self.groups else None
            along = self._without_l1(x, grad) if len(self.proximal) else grad
            k, new = self.table[i], points[slot + 1]
            advance(x, along, brake, self.state, k, out=new, scratch=self.scratch, **self.uses)
        self._close_block(self.points[: count + 2], self.grads[: count + 1])

    def _without_l1(self, x: Tensor, grad: Tensor) -> Tensor:
        """A copy of the gradient without the term that the prox of some models does."""
        along = self.along.copy_(grad)
        along[:, self.proximal] -= self.l1 * torch.sign(x[:, self.proximal])
        return along

    def _brake(self, i: int, x: Tensor, value: Tensor, batch: Any) -> Tensor:
        """Probe where a rule asks for it, and return the brakes ``(S, M, 1)``."""
        for group, place in zip(self.groups, self.places, strict=True):
            group.place(x, i, place)
        away = self.problem.value(self.probe_points, batch)
        away = away.sub_(value.index_select(1, self.owners)).split(self.counts, 1)
        for group, part, lgi in zip(self.groups, away, self.lgi_parts, strict=True):
            lgi.copy_(group.lgi(part))
        if self.dtype != torch.float32:
            self.lgi.copy_(self.lgi.float())  # see probes.round_to_float32
        self.lgi_rows[i].copy_(self.lgi)
        brake = brake_of(self.lgi, self.damping, self.cap)
        self.brake_rows[i].copy_(brake)
        return brake.unsqueeze(-1)

    def _look(self, i: int, x: Tensor, value: Tensor, batch: Any) -> None:
        """Observe, evaluate and keep what is due before step ``i``."""
        every = self.every
        if every.observe and i % every.observe == 0:
            self.observed[i] = self._observe(i, x, value, batch)
        if every.evaluate and i % every.evaluate == 0:
            self.evaluated[i] = self._evaluate(x)
        if i % every.snapshot == 0:
            self.snapshots[i] = x.to(torch.float32, copy=True)

    def _evaluate(self, x: Tensor) -> dict[str, Mapping[str, Tensor]]:
        return {split: self.problem.evaluate(x, split) for split in self.splits}

    def _observe(self, i: int, x: Tensor, value: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
        """Both estimators for all models alike, ``(S, M)`` each."""
        k, (num_seeds, width, dim) = self.observer.probing.num_probes, self.shape
        place = x.new_empty(num_seeds, 2 * k, width, dim)
        near = self.problem.value(self.observer.place(x, i, place).flatten(1, 2), batch)
        forward, backward = self.observer.differences(near - value.repeat(1, 2 * k))
        floor = self.observer.floor
        one = lgi_power_ratio(forward, None, floor_in(floor / 4, self.dtype))  # k terms, not 4 k
        return round_to_float32(one), round_to_float32(lgi_power_ratio(forward, backward, floor))

    def _close_block(self, points: Tensor, grads: Tensor) -> None:
        """Account for the steps of a block, and make its end the beginning of the next."""
        steps = slice(self.done, self.done + len(grads) - 1)
        self._freeze(points, grads, self.losses[steps])
        self.conflicts[steps] = self.tally.add(points, grads).to(self.dtype)
        self.sample[steps] = grads[1:].index_select(-1, self.coordinates)
        if self.flips is not None:
            self.flips[steps] = self._switched(points[1:])
        self.points[:2] = points[-2:].clone()
        self.grads[0] = grads[-1]
        self.done = steps.stop

    def _freeze(self, points: Tensor, grads: Tensor, losses: Tensor) -> None:
        """Hold models at their last finite point, and mark when they left."""
        ends = [part.aminmax() for part in (points[1:-1], grads[1:], losses)]
        all_fine = all(-self.limit < low and high < self.limit for low, high in ends)
        if all_fine and not (self.diverged_at >= 0).any():
            return
        fine = losses.abs() < self.limit
        for part in (points[1:-1], grads[1:]):
            fine &= part.abs().amax(-1) < self.limit
        lost = ~fine.all(0) | (self.diverged_at >= 0)
        for seed, model in lost.nonzero().tolist():
            first = 0
            if self.diverged_at[seed, model] < 0:
                first = int(fine[:, seed, model].to(torch.int8).argmin())
                self.diverged_at[seed, model] = self.done + first
            points[first + 1 :, seed, model] = points[first, seed, model].clone()
            grads[first + 1 :, seed, model] = math.nan

    def _switched(self, points: Tensor) -> Tensor:
        """How many (example, unit) pairs of the monitored batch each step switches: (n, S, M)."""
        times, num_seeds, width, dim = points.shape
        models = points.movedim(0, 1).reshape(num_seeds, times * width, dim)
        on = self.problem.unit_signs(models, self.monitor).view(num_seeds, times, width, -1)
        switched = (on[:, 1:] != on[:, :-1]).view(torch.uint8)  # quicker to sum than bool
        return switched.sum(-1, dtype=torch.int32).movedim(1, 0).to(self.dtype)

    @torch.no_grad()
    def so_far(self) -> TrainingRun:
        """Return the run up to now."""
        done, x = self.done, self.points[1]
        snapshots = {**self.snapshots, done: x.to(torch.float32)}
        evaluated = dict(self.evaluated)
        if done not in evaluated:
            evaluated[done] = self._evaluate(x)
        each_step = range(done)

        def kept(record: Tensor, at: Iterable[int] = each_step) -> Tensor:
            """In the order asked for, and NaN where a model had diverged; ``(n, S, M, ...)``."""
            times = torch.tensor(list(at), dtype=torch.long)
            record = record[: len(times)].index_select(2, self.unsort)
            left = self.diverged_at[:, self.unsort]
            record[(left >= 0) & (times[:, None, None] >= left)] = math.nan
            return record

        def stacked(rows: Iterable[Tensor]) -> Tensor:
            return torch.stack([self.losses.new_empty(self.shape[:2]), *rows])[1:]

        return TrainingRun(
            names=self.names,
            steps=done,
            losses=kept(self.losses),
            lgi=kept(torch.where(self.probing, self.lgis[:done], math.nan)),
            brake=kept(self.brakes),
            conflicts=kept(self.conflicts),
            flips=None if self.flips is None else kept(self.flips),
            observed_at=torch.tensor(list(self.observed), dtype=torch.long),
            lgi_one_sided=kept(stacked(one for one, _ in self.observed.values()), self.observed),
            lgi_two_sided=kept(stacked(two for _, two in self.observed.values()), self.observed),
            evaluated_at=torch.tensor(list(evaluated)),
            evaluations={
                split: {
                    name: kept(stacked(row[split][name] for row in evaluated.values()), evaluated)
                    for name in evaluated[done][split]
                }
                for split in self.splits
            },
            rates={n: v[:, self.unsort] for n, v in self.tally.measures(x).items()},
            gradient_sample=kept(self.sample),
            snapshot_at=torch.tensor(list(snapshots)),
            snapshots=self._held(snapshots, x).index_select(2, self.unsort),
            final=x[:, self.unsort],
            diverged_at=self.diverged_at[:, self.unsort],
            cost=torch.tensor([cost_of(rule) for rule in self.rules])[self.unsort],
        )

    def _held(self, snapshots: Mapping[int, Tensor], x: Tensor) -> Tensor:
        """Snapshots ``(n, S, M, P)``; a model that diverged is where it was last finite."""
        kept = torch.stack(list(snapshots.values()))
        times = torch.tensor(list(snapshots))[:, None, None]
        gone = (self.diverged_at >= 0) & (times >= self.diverged_at)
        return torch.where(gone.unsqueeze(-1), x.to(torch.float32), kept)


def coefficient_table(
    rows: Sequence[Coefficients], factors: Tensor, dtype: torch.dtype
) -> list[StepCoefficients]:
    """Return the coefficients of every step, each ``(M, 1)`` or one number for all M models.

    Args:
        rows: One for each model, at least one; numbers.
        factors: On the learning rate, ``(T,)``, at least one.
        dtype: Of the arithmetic.

    Raises:
        ValueError: If a hyperparameter is a tensor.
    """
    for row in rows:
        for name, value in vars(row).items():
            if isinstance(value, Tensor):
                raise ValueError(f"Invalid {name}: {shown(value)}, must be a number in a training")

    def fitted(field: Tensor) -> Tensor:
        field = field.to(dtype).unsqueeze(-1)  # (T, M, 1)
        one = bool((field == field[:, :1]).all())  # one number is faster to compute with
        return field[:, 0, 0] if one else field

    return step_table(rows, factors, 1, fitted)


def _probe_key(probing: Probing | None) -> tuple:
    """Order of the models: those that do not probe first, those that probe alike together."""
    if probing is None:
        return ()
    return (probing.kind, probing.num_probes, probing.sphere, probing.zeta, probing.radius)
