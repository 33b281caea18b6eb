"""Sweeps: one rule in very many lanes, of which only what came of each is kept.

A lane has its own start, seed and hyperparameters. Lanes are stepped in blocks that stay in the
cache, and nothing is recorded but the last 10 % of f, its least value so far, when it first fell
below each target, the mean brake and the end. The numbers of a lane are those that
:func:`sadam.engine.run` gives it, and depend on nothing else in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from sadam.checks import check_whole, shown
from sadam.engine import LIMIT, Function, value_and_grad_of
from sadam.family import (
    Coefficients,
    Moments,
    StepCoefficients,
    advance,
    at_step,
    brake_of,
    parts_used,
)
from sadam.metrics import last_steps, median
from sadam.pauses import breathe
from sadam.probes import (
    Probing,
    directions,
    floor_in,
    lgi_power_ratio,
    power_terms,
    round_to_float32,
)
from sadam.rules import MomentRule
from sadam.schedules import factors_of

BLOCK = 4096  # lanes at a time: their positions, moments and probes fit the cache
CHUNK = 16  # steps whose coefficients are computed at once

Prox = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Outcome:
    """What came of each of N lanes.

    A lane that leaves the finite numbers, as :class:`sadam.trajectories.Trajectories` says, ends
    there: its least value and its hits are those before.

    Attributes:
        final_gap: Median of ``f - f*`` over the last 10 % of steps, infinite if the lane
            diverged, ``(N,)``.
        best_gap: Least ``f - f*`` of all steps, ``(N,)``; infinite if the start was not finite.
        hits: First step at which ``f <= f* + target``, from 0; -1 if there is none,
            ``(targets, N)``.
        end: The last point, NaN if the lane diverged, ``(N, D)``.
        mean_brake: Mean of the factors on the steps taken that are numbers; 1 if none is, ``(N,)``.
        diverged_at: Step at which the lane left the finite numbers; -1 if it never did, ``(N,)``.
    """

    final_gap: Tensor
    best_gap: Tensor
    hits: Tensor
    end: Tensor
    mean_brake: Tensor
    diverged_at: Tensor


def sweep(
    objective: Function,
    rule: MomentRule,
    starts: Tensor,
    *,
    steps: int,
    seeds: int | Tensor = 0,
    schedule: str | Tensor = "constant",
    minimum: float = 0.0,
    targets: Sequence[float] = (),
    smooth: Function | None = None,
    prox: Prox | None = None,
    block: int = BLOCK,
) -> Outcome:
    """Run one rule in every lane.

    Args:
        objective: ``(..., D) -> (...)``, which is not checked; its ``value_and_grad`` is used if it
            has one.
        rule: The rule; a hyperparameter is one number or a tensor ``(N,)``, one for each lane.
        starts: Where the lanes start, ``(N, D)``, real; they need not be finite.
        steps: Number T of steps, at least 1.
        seeds: Seeds of the probe directions, at least 0, ``(N,)``, or one for all lanes. Lanes of
            one seed share their directions, whatever their rule (common random numbers).
        schedule: A key of :data:`sadam.schedules.SCHEDULES`, or T factors on the learning rate.
        minimum: f*, which gaps are measured from; finite.
        targets: Gaps whose first step is recorded; none is NaN.
        smooth: Smooth part of a composite objective, for proximal rules; not used without ``prox``.
        prox: Proximal map of the rest: ``prox(x, step)``, ``(..., D), (...) -> (..., D)``.
        block: Lanes at a time, at least 1; it changes the time that is taken, never a number.

    Raises:
        ValueError: If there is no lane or no step, the schedule is not known, a number is out of
            its range, or a hyperparameter does not fit the lanes.
    """
    if starts.ndim != 2 or starts.numel() == 0 or starts.is_complex():
        raise ValueError(f"Invalid starts: shape {tuple(starts.shape)}, must be (N, D) and real")
    check_whole("steps", steps, least=1)
    check_whole("block", block, least=1)
    factors = factors_of(schedule, steps)
    if not math.isfinite(minimum):
        raise ValueError(f"Invalid minimum: {minimum}, must be finite")
    if any(map(math.isnan, targets)):
        raise ValueError(f"Invalid targets: {shown(targets)}, none may be NaN")
    lanes = len(starts)
    given = torch.as_tensor(seeds)
    seeds = given.to(torch.int64)
    fits = seeds.shape in ((), (1,), (lanes,)) and not given.is_floating_point()
    if not fits or bool((seeds < 0).any()):
        raise ValueError(f"Invalid seeds: {shown(given)}, must be ({lanes},), whole and at least 0")
    seeds = seeds.expand(lanes)
    parts = []
    for at in range(0, lanes, block):
        now = slice(at, min(at + block, lanes))
        lane_block = _Block(
            objective,
            _lanes_of(rule, now, lanes),
            starts[now].to(torch.float64),
            seeds[now],
            factors,
            minimum,
            targets,
            (value_and_grad_of(smooth), prox) if smooth and prox and rule.proximal else None,
        )
        # As in the engine: a plane objective is ours, anybody else's may keep tensors.
        with torch.inference_mode() if lane_block.plane else torch.no_grad():
            lane_block.go()
            parts.append(lane_block.outcome())
    return Outcome(
        *(
            torch.cat([getattr(p, f.name) for p in parts], int(f.name == "hits"))
            for f in fields(Outcome)
        )
    )


def _lanes_of(rule: MomentRule, now: slice, lanes: int) -> MomentRule:
    """The rule with the hyperparameters of some of its lanes."""

    def cut(name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(cut(name, item) for item in value)
        if not isinstance(value, Tensor) or value.ndim == 0:
            return value
        if value.shape != (lanes,):
            raise ValueError(f"Invalid {name}: shape {tuple(value.shape)}, must be ({lanes},)")
        return value[now]

    values = {f.name: getattr(rule, f.name) for f in fields(rule)}  # type: ignore[arg-type]
    return replace(rule, **{name: cut(name, value) for name, value in values.items()})  # type: ignore[type-var]


class _Block:
    """Some lanes, stepped together; a lane that diverges is written down and taken out."""

    def __init__(
        self,
        objective: Function,
        rule: MomentRule,
        starts: Tensor,
        seeds: Tensor,
        factors: Tensor,
        minimum: float,
        targets: Sequence[float],
        composite: tuple[Callable[[Tensor], tuple[Tensor, Tensor]], Prox] | None,
    ) -> None:
        lanes, dim = starts.shape
        self.f, self.vg = objective, value_and_grad_of(objective)
        self.rule, self.factors, self.minimum, self.composite = rule, factors, minimum, composite
        self.plane = dim == 2 and hasattr(objective, "bind")
        self.steps, self.dim = len(factors), dim
        self.tail_steps = last_steps(self.steps)
        self.row = self._row()
        self.uses = parts_used(self.row)
        self.probing, self.units, self.stream = rule.probing, (), None
        if self.probing is not None:
            sizes = getattr(objective, "sizes", None)
            self.units, self.stream = _directions_of(self.probing, seeds, self.steps, dim, sizes)
        self.levels = torch.tensor(targets, dtype=torch.float64).reshape(-1, 1) + minimum
        empty = torch.full((lanes,), math.nan, dtype=torch.float64)
        self.done = Outcome(
            final_gap=torch.full_like(empty, math.inf),
            best_gap=empty.clone(),
            hits=torch.full((len(targets), lanes), -1),
            end=torch.full((lanes, dim), math.nan, dtype=torch.float64),
            mean_brake=torch.ones_like(empty),
            diverged_at=torch.full((lanes,), -1),
        )
        # What is taken out with a lane: `who` says which lane a column is of.
        self.who = torch.arange(lanes)
        self.now = torch.zeros(2 * dim + 1, lanes, dtype=torch.float64)  # x, gradient, f
        self.now[:dim] = starts.T
        self.state: Moments = rule.init(self.now[:dim])
        self.best = torch.full_like(empty, math.inf)
        self.above = torch.zeros(len(targets), lanes, dtype=torch.int64)  # steps above a target
        self.recent = torch.zeros(len(targets), lanes, dtype=torch.int8)  # of the latest few
        self.brakes = torch.zeros_like(empty)  # the sum of those that are numbers
        self.unknown = torch.zeros(lanes, dtype=torch.int64)  # how many are not
        self.tail = torch.empty(self.tail_steps, lanes, dtype=torch.float64)
        self._view()

    def _row(self) -> Coefficients:
        row = self.rule.coefficients()
        # The landscape's own proximal map takes the l1 term's place.
        return row if self.composite is None else replace(row, l1=0.0)

    def _view(self) -> None:
        """Take the views of the current lanes."""
        self.x, self.g = self.now[: self.dim], self.now[self.dim : -1]
        self.value, self.flat = self.now[-1], self.now.view(-1)
        self.missed = torch.empty_like(self.recent, dtype=torch.bool)
        self.counted = self.missed.view(torch.int8)  # the same memory as 0 and 1
        self.scratch = (torch.empty_like(self.x), torch.empty_like(self.x))
        if self.probing is not None:
            radius = torch.as_tensor(self.probing.radius, dtype=torch.float64)
            two_sided = self.probing.kind == "two-sided"
            terms = power_terms(self.probing.num_probes, two_sided)
            floor = self.probing.zeta * terms * radius * radius
            self.radius, self.floor = radius, floor.clamp(min=floor_in(0.0, floor.dtype))
            self.near = self.now.new_empty(self.dim, self.probing.evaluations, len(self.who))
            self.seen = torch.empty_like(self.near[0])
        if self.plane:  # no memory is asked for while stepping
            self.evaluation = self.f.bind(*self.x, self.value, tuple(self.g))  # type: ignore[attr-defined]
            if self.probing is not None:
                self.probes = self.f.bind(*self.near, self.seen)  # type: ignore[attr-defined]

    def go(self) -> None:
        """Take all steps."""
        table: Iterator[StepCoefficients] = iter(())
        for step in range(self.steps + 1):
            breathe()
            self._evaluate()
            # The sum of all squares is the cheapest sign of a number beyond the limit, or NaN.
            if not float(torch.dot(self.flat, self.flat)) < LIMIT * LIMIT and self._take_out(step):
                table = iter(())
                if not len(self.who):
                    return
            torch.minimum(self.best, self.value, out=self.best)
            if len(self.levels):
                torch.gt(self.best, self.levels, out=self.missed)
                self.recent.add_(self.counted)
            if (late := step - 1 - self.steps + self.tail_steps) >= 0:
                self.tail[late] = self.value
            if step == self.steps:
                return
            k = next(table, None)
            if k is None:
                self._count()
                table = self._table(step)
                k = next(table)
            self._step(step, k)

    def _step(self, step: int, k: StepCoefficients) -> None:
        brake = None
        if self.probing is not None:
            brake = self._brake(step)
            self._add_up(brake)
        if self.composite is None:
            self._advance(brake, k)
            return
        smooth, prox = self.composite
        self.g.copy_(smooth(self.x.T)[1].T)
        self._advance(brake, k)
        lr = torch.as_tensor(k.lr).expand(len(self.who))
        self.x.copy_(prox(self.x.T, lr).T)

    def _add_up(self, brake: Tensor) -> None:
        """Count the brakes that are numbers: where f is not finite at a probe, one is not."""
        if math.isnan(float(torch.dot(brake, brake))):  # the cheapest sign of it
            self.unknown += brake.isnan()
            brake = brake.nan_to_num(0.0)
        self.brakes.add_(brake)

    def _advance(self, brake: Tensor | None, k: StepCoefficients) -> None:
        advance(self.x, self.g, brake, self.state, k, out=self.x, scratch=self.scratch, **self.uses)

    def _evaluate(self) -> None:
        if self.plane:
            for call in self.evaluation:
                call()
        else:
            value, grad = self.vg(self.x.T)
            self.g.copy_(grad.T)
            self.value.copy_(value)

    def _brake(self, step: int) -> Tensor:
        probing, k = self.probing, self.probing.num_probes  # type: ignore[union-attr]
        units = self.units[step]  # (D, K, 1) for one seed, else (seeds, D, K)
        if self.stream is not None:  # by far the fastest way to hand each lane its own
            units = units.index_select(0, self.stream).permute(1, 2, 0)
        torch.add(self.x[:, None], units * self.radius, out=self.near)
        if self.plane:
            for call in self.probes:
                call()
        else:
            self.seen.copy_(self.f(self.near.movedim(0, -1)))
        seen = self.seen.sub_(self.value)
        backward = seen[k:] if probing.kind == "two-sided" else None  # type: ignore[union-attr]
        lgi = round_to_float32(lgi_power_ratio(seen[:k], backward, self.floor))
        return brake_of(lgi, self.row.damping, self.row.cap)

    def _table(self, step: int) -> Iterator[StepCoefficients]:
        """The coefficients of some steps from this one on."""
        ahead = min(CHUNK, self.steps - step)
        t = torch.arange(step + 1, step + ahead + 1, dtype=torch.float64)[:, None]
        k = at_step(self.row, t, self.factors[step : step + ahead, None])
        columns = [v.unbind(0) if isinstance(v, Tensor) and v.ndim == 2 else [v] * ahead for v in k]
        return (StepCoefficients(*values) for values in zip(*columns, strict=True))

    def _count(self) -> None:
        """Add up the steps above the targets, before eight bits are full."""
        self.above += self.recent
        self.recent.zero_()

    def _take_out(self, step: int) -> bool:
        """Write down the lanes that leave the finite numbers at this step, and go on without.

        Returns:
            Whether there were any.
        """
        fine = (self.now.abs() < LIMIT).all(0)
        if bool(fine.all()):
            return False
        self._count()
        self._write(~fine, step)
        self.done.diverged_at[self.who[~fine]] = step
        stay = fine.nonzero().flatten()
        self.who, self.now = self.who[stay], self.now.index_select(1, stay)
        self.state = Moments(*(part[:, stay] for part in self.state))
        self.best, self.brakes = self.best[stay], self.brakes[stay]
        self.unknown = self.unknown[stay]
        self.above, self.recent = self.above[:, stay], self.recent[:, stay]
        self.tail = self.tail[:, stay]
        if self.stream is not None:
            self.stream = self.stream[stay]
        self.rule = _lanes_of(self.rule, stay, len(fine))  # type: ignore[arg-type]
        self.row = self._row()
        self.probing = self.rule.probing
        self._view()
        return True

    def _write(self, which: Tensor, points: int) -> None:
        """Write down what is known of some lanes whose first ``points`` points were finite."""
        who, done = self.who[which], self.done
        done.best_gap[who] = self.best[which] - self.minimum
        above = self.above[:, which]
        done.hits[:, who] = torch.where(above < points, above, -1)
        if self.probing is not None:
            mean = self.brakes[which] / (min(points, self.steps) - self.unknown[which])
            done.mean_brake[who] = mean.nan_to_num(1.0)  # 0 / 0 where there is none

    def outcome(self) -> Outcome:
        """Write down the lanes that are left, and return all."""
        self._count()
        self._write(torch.ones_like(self.who, dtype=torch.bool), self.steps + 1)
        self.done.end[self.who] = self.x.T
        gaps = (self.tail - self.minimum).T.contiguous()
        if len(self.who):
            self.done.final_gap[self.who] = median(gaps, 1)
        return self.done


def _directions_of(
    probing: Probing, seeds: Tensor, steps: int, dim: int, sizes: Sequence[int] | None
) -> tuple[Sequence[Tensor], Tensor | None]:
    """The probes' unit vectors at every step: ``(D, K, 1)`` for one seed, else ``(seeds, D, K)``.

    Also each lane's place among the seeds, or None where there is one seed for all.
    """
    different, stream = torch.unique(seeds, return_inverse=True)
    drawn = [
        directions(seed, steps, probing.num_probes, dim, sphere=probing.sphere, sizes=sizes)
        for seed in different.tolist()
    ]
    u = torch.stack(drawn, 1).transpose(2, 3)  # (T, seeds, D, k)
    if probing.kind == "two-sided":
        u = torch.cat([u, -u], dim=3)
    if len(drawn) == 1:
        return u[:, 0, :, :, None].contiguous().unbind(0), None
    return u.contiguous().unbind(0), stream
