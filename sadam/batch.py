"""All lanes of one run, stepped together in memory that is made once.

A lane is one rule from one start: a column. At a handful of lanes a call into torch costs more than
its arithmetic, and fresh memory costs as much again, so what counts here is the number of calls.
Nothing is checked: :func:`sadam.engine.run` has done so, and says what comes of lanes that are not
finite. Starts are ``(*lead, D)``, factors ``(T,)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sadam.family import (
    Coefficients,
    Moments,
    StepCoefficients,
    advance,
    parts_used,
    step_table,
)
from sadam.objectives import Function, value_and_grad_of
from sadam.pauses import breathe
from sadam.probes import ProbePairs, Probing, directions, lgi_from_slopes
from sadam.rules import MomentRule, UpdateRule, cost_of
from sadam.trajectories import Trajectories

LIMIT = 1e150  # beyond it squares overflow: there a lane has left the finite numbers
OBSERVE_BLOCK = 1 << 19  # probe points evaluated at once when LGI is measured along finished paths
TOGETHER = 4096  # up to so many points a second call for the probes costs more than needless slopes


@dataclass(frozen=True)
class _ProbeGroup:
    """Neighbouring lanes with as many probes each, as views of the batch's fixed memory."""

    units: Sequence[Tensor]  # at each step (D, 2k, 1); times the radius where that is one number
    radius: Tensor | None  # (lanes,) where it differs from lane to lane
    centre: Tensor  # the lanes' positions, (D, 1, lanes)
    points: Tensor  # where their probes are put, (D, 2k, lanes): backward ones first
    values: Tensor  # f at the probes, (2, k, lanes)
    value: Tensor  # f at the positions, (lanes,)
    pairs: ProbePairs
    rounded: Tensor  # float32, (2, lanes); see probes.round_to_float32
    lgi: Tensor  # two-sided, one-sided: (2, lanes)
    brakes: Sequence[Callable[[], Any]]  # calls that set the lanes' brakes from their LGI

    def place(self, i: int) -> None:
        """Put the probes of step ``i``."""
        offset = self.units[i] if self.radius is None else self.units[i] * self.radius
        torch.add(self.centre, offset, out=self.points)

    def measure(self) -> None:
        """Turn f at the probes into LGI and brakes."""
        torch.sub(self.values, self.value, out=self.pairs.differences)
        self.rounded.copy_(self.pairs.measure())
        self.lgi.copy_(self.rounded)
        for call in self.brakes:
            call()


class Batch:
    """All lanes of one run: family rules first, so that their lanes are one slice.

    The current step lives in one buffer of rows (position, gradient, f, both LGI, brake) whose
    views are made once; recording a step is one copy of it. Behind the lanes' columns stand those
    of their probes, so that one evaluation serves all.
    """

    def __init__(
        self,
        objective: Function,
        rules: Mapping[str, UpdateRule],
        starts: Tensor,
        factors: Tensor,
        seed: int,
        smooth: Function | None,
        prox: Callable[[Tensor, Tensor], Tensor] | None,
    ) -> None:
        """Lay out the memory; arguments as :func:`sadam.engine.run`'s, one factor for each step."""
        self.f, self.vg = objective, value_and_grad_of(objective)
        self.factors, self.seed = factors, seed
        self.lead, self.dim = starts.shape[:-1], starts.shape[-1]
        self.width = math.prod(self.lead)
        self.sizes = getattr(objective, "sizes", None)
        self.names = list(rules)
        self.rules: dict[str, UpdateRule] = dict(sorted(rules.items(), key=_grouping))
        self.lanes = {
            name: slice(i * self.width, (i + 1) * self.width) for i, name in enumerate(self.rules)
        }
        self.family = [n for n, r in self.rules.items() if isinstance(r, MomentRule)]
        steps, dim, lanes = len(factors), self.dim, len(rules) * self.width
        probes = sum(2 * r.probing.num_probes * self.width for r in rules.values() if r.probing)
        self.bound = hasattr(objective, "bind")
        together = self.bound and lanes + probes <= TOGETHER
        memory = torch.zeros(2 * dim + 4, lanes + probes * together, dtype=torch.float64)
        self.now = memory[:, :lanes]
        self.record = memory.new_empty(steps + 1, *self.now.shape)
        self.x, self.g, self.value = self.now[:dim], self.now[dim : 2 * dim], self.now[2 * dim]
        self.lgi, self.brake = self.now[2 * dim + 1 : 2 * dim + 3], self.now[2 * dim + 3].fill_(1)
        self.x.copy_(starts.reshape(-1, dim).T.repeat(1, len(rules)))
        self.x_points, self.g_points = self.x.T, self.g.T
        if together:
            self.probe_points, self.probe_values = memory[:dim, lanes:], memory[2 * dim, lanes:]
        else:
            self.probe_points = memory.new_empty(dim, probes)
            self.probe_values = memory.new_empty(probes)
        # What is called to evaluate at the lanes' positions and their probes:
        self.program: list[Callable[[], Any]] = [self._evaluate]
        if self.bound:
            columns = memory if together else self.now
            x, g = columns[:dim].unbind(0), columns[dim : 2 * dim].unbind(0)
            self.program = objective.bind(*x, columns[2 * dim], g)  # type: ignore[attr-defined]
            if probes and not together:
                self.program += objective.bind(*self.probe_points, self.probe_values)  # type: ignore[attr-defined]
        proximal = [n for n in self.family if getattr(self.rules[n], "proximal", False)]
        self.proximal = {n: self.lanes[n] for n in proximal} if smooth and prox else {}
        self.smooth, self.prox = value_and_grad_of(smooth) if smooth else None, prox
        self.groups = self._probe_groups()

    def _flat(self, value: Any) -> Tensor:
        """A hyperparameter as one value per start: ``(width,)``."""
        tensor = torch.as_tensor(value, dtype=torch.float64)
        if tensor.ndim == 0:
            return tensor.expand(self.width)
        return tensor.expand(self.lead).reshape(-1)

    def _probe_groups(self) -> list[_ProbeGroup]:
        members: dict[tuple, list[str]] = {}
        for item in self.rules.items():
            if item[1].probing is not None:  # by what the lanes are ordered by: each is one slice
                members.setdefault(_grouping(item), []).append(item[0])
        groups, place = [], 0
        for (*_, (k, sphere)), names in members.items():
            probings: list[Probing] = [self.rules[n].probing for n in names]  # type: ignore[misc]
            lanes = slice(self.lanes[names[0]].start, self.lanes[names[-1]].stop)
            radius = _merge([self._flat(p.radius) for p in probings])
            zeta = _merge([self._flat(p.zeta) for p in probings])
            u = self._signed(k, sphere).movedim(2, 1).unsqueeze(-1)  # (T+1, D, 2k, 1)
            count = lanes.stop - lanes.start
            here = slice(place, place := place + 2 * k * count)
            groups.append(
                _ProbeGroup(
                    units=(u if radius.ndim else u * radius).unbind(0),
                    radius=radius if radius.ndim else None,
                    centre=self.x[:, None, lanes],
                    points=self.probe_points[:, here].view(self.dim, 2 * k, count),
                    values=self.probe_values[here].view(2, k, count),
                    value=self.value[lanes],
                    pairs=ProbePairs(k, count, zeta * radius * radius),
                    rounded=torch.empty(2, count, dtype=torch.float32),
                    lgi=self.lgi[:, lanes],
                    brakes=[call for name in names for call in self._brake_calls(name)]
                    + [self.brake[lanes].exp_],
                )
            )
        return groups

    def _brake_calls(self, name: str) -> list[Callable[[], Any]]:
        """Calls that put ``-damping * min(LGI, cap)`` where the brake goes; see family.brake_of."""
        rule, at = self.rules[name], self.lanes[name]
        seen, brake = self._seen(name), self.brake[at]
        damping = -self._flat(getattr(rule, "damping", 0.0))
        cap = self._flat(getattr(rule, "cap", math.inf))
        if bool((cap >= 2).all()):  # k/(k-1) and 1 are the most that the estimators can be
            return [partial(torch.mul, seen, _merge([damping]), out=brake)]
        return [partial(torch.minimum, seen, cap, out=brake), partial(brake.mul_, damping)]

    def _seen(self, name: str) -> Tensor:
        """The LGI that a rule acts on, ``(width,)``: two-sided unless it asks for the other."""
        probing = self.rules[name].probing
        one_sided = probing is not None and probing.kind == "one-sided"
        return self.lgi[int(one_sided), self.lanes[name]]

    def _signed(self, num_probes: int, sphere: Any) -> Tensor:
        """The probes' unit vectors, backward ones before the forward ones: ``(T+1, 2k, D)``."""
        steps = len(self.factors) + 1
        u = directions(self.seed, steps, num_probes, self.dim, sphere=sphere, sizes=self.sizes)
        return torch.cat([-u, u], dim=1)

    def _row(self, name: str) -> Coefficients:
        row = self.rules[name].coefficients()  # type: ignore[attr-defined]
        # The landscape's own proximal map takes the l1 term's place.
        return replace(row, l1=0.0) if name in self.proximal else row

    def _table(self) -> list[StepCoefficients]:
        """The family's coefficients for every step, each ``(lanes,)`` or one number for all."""

        def flat(row: Coefficients) -> Coefficients:
            tensors: dict[str, Any] = {
                name: self._flat(value)
                for name, value in vars(row).items()
                if isinstance(value, Tensor)
            }
            return replace(row, **tensors)

        def fitted(field: Tensor) -> Tensor:
            one = bool((field == field[0, 0]).all())  # one number is faster to compute with
            return field[:, 0] if one else field

        rows = [flat(self._row(name)) for name in self.family]
        return step_table(rows, self.factors, self.width, fitted)

    def go(self) -> None:
        """Take all steps."""
        others = [n for n in self.rules if n not in self.family]
        count = len(self.family) * self.width
        uses = parts_used(*map(self._row, self.family))
        table = self._table() if self.family else []
        state = self._family_state()
        states = {n: self.rules[n].init(self.x[:, self.lanes[n]].T) for n in others}
        x, g = self.x[:, :count], self.g[:, :count]
        brake = self.brake[:count] if self.groups else None
        scratch = (torch.empty_like(x), torch.empty_like(x))
        for i, recorded in enumerate(self.record.unbind(0)):
            breathe()
            for group in self.groups:
                group.place(i)
            for call in self.program:
                call()
            for group in self.groups:
                group.measure()
            recorded.copy_(self.now)
            if i == len(self.factors):
                break
            for name in others:  # before the family moves on: all lanes read the same step
                at = self.lanes[name]
                new = self.rules[name].update(
                    recorded[: self.dim, at].T,
                    recorded[self.dim : 2 * self.dim, at].T,
                    self._seen(name),
                    states[name],
                    i + 1,
                    float(self.factors[i]),
                )
                self.x[:, at] = new.T
            if self.family:
                if self.proximal:
                    self._smooth_gradients()
                advance(x, g, brake, state, table[i], out=x, scratch=scratch, **uses)
                if self.proximal:
                    self._apply_prox(torch.as_tensor(table[i].lr).expand(count))

    def _family_state(self) -> Moments:
        parts = [  # elementwise: columns will do
            self.rules[n].init(self.x[:, self.lanes[n]]) for n in self.family
        ]
        if not parts:
            return Moments(*[torch.empty(0)] * 3)
        return Moments(*(torch.cat(list(p), dim=1) for p in zip(*parts, strict=True)))

    def _evaluate(self) -> None:
        """Evaluate an objective that cannot be bound to the batch's memory."""
        value, grad = self.vg(self.x_points)
        self.value.copy_(value)
        self.g_points.copy_(grad)
        if self.groups:
            self.probe_values.copy_(self.f(self.probe_points.T))

    def _smooth_gradients(self) -> None:
        """Step along the smooth part alone where a proximal map does the rest."""
        for at in self.proximal.values():
            self.g[:, at] = self.smooth(self.x[:, at].T)[1].T  # type: ignore[misc]

    def _apply_prox(self, lr: Tensor) -> None:
        for at in self.proximal.values():
            self.x[:, at] = self.prox(self.x[:, at].T, lr[at]).T  # type: ignore[misc]

    def observe(self, default: Probing) -> None:
        """Measure both estimators along the finished paths of the rules that do not probe."""
        steps, dim, k = len(self.record), self.dim, default.num_probes
        u = self._signed(k, default.sphere)  # (T+1, 2k, D)
        radius = _merge([self._flat(default.radius)])
        for at in _joined([self.lanes[n] for n, r in self.rules.items() if r.probing is None]):
            x, fx = self.record[:, :dim, at], self.record[:, 2 * dim, at]
            lgi = self.record[:, 2 * dim + 1 : 2 * dim + 3, at]
            copies = (at.stop - at.start) // self.width
            sigma = radius.repeat(copies) if radius.ndim else radius
            block = max(1, OBSERVE_BLOCK // (2 * k * (at.stop - at.start)))
            for start in range(0, steps, block):
                breathe()
                now = slice(start, start + block)
                offset = u[now].movedim(2, 0)[..., None] * sigma  # (D, t, 2k, 1 or lanes)
                near = x[now].movedim(1, 0)[:, :, None] + offset
                slopes = (self.f(near.movedim(0, -1)) - fx[now, None]).div_(sigma)
                backward, forward = slopes.movedim(1, 0).split(k)
                lgi[now, 0] = lgi_from_slopes(forward, backward, default.zeta)
                lgi[now, 1] = lgi_from_slopes(forward, None, default.zeta)

    def trajectories(self) -> dict[str, Trajectories]:
        """Freeze the lanes that left the finite numbers, and hand every rule its own."""
        diverged, dim = self._freeze(), self.dim

        def own(array: Tensor, at: slice) -> Tensor:
            if array.ndim == 3:
                return array[:, :, at].movedim(1, 2).reshape(-1, *self.lead, dim)
            return array[:, at].reshape(-1, *self.lead)

        return {
            name: Trajectories(
                points=own(self.record[:, :dim], (at := self.lanes[name])),
                values=own(self.record[:, 2 * dim], at),
                grads=own(self.record[:, dim : 2 * dim], at),
                lgi_one_sided=own(self.record[:, 2 * dim + 2], at),
                lgi_two_sided=own(self.record[:, 2 * dim + 1], at),
                brake=own(self.record[:-1, 2 * dim + 3], at),
                diverged_at=diverged[at].reshape(self.lead),
                evaluations=cost_of(self.rules[name]),
            )
            for name in self.names
        }

    def _freeze(self) -> Tensor:
        """Hold lanes at their last finite point; return when each left, -1 for never."""
        dim = self.dim
        bad = ~(self.record[:, : 2 * dim + 1].abs() < LIMIT).all(1)
        diverged = torch.where(bad.any(0), bad.to(torch.int8).argmax(0), -1)
        for lane in diverged.gt(-1).nonzero().flatten().tolist():
            at = int(diverged[lane])
            here = self.record[at:, :, lane]
            here[:] = self.record[max(at - 1, 0), :, lane]
            here[:, dim : 2 * dim] = here[:, 2 * dim + 1 :] = math.nan
        return diverged


def _grouping(item: tuple[str, UpdateRule]) -> tuple:
    """Order of lanes: the family first, and rules that probe alike side by side."""
    rule = item[1]
    probing = rule.probing
    alike = () if probing is None else (probing.num_probes, probing.sphere)
    return (not isinstance(rule, MomentRule), probing is not None, alike)


def _joined(slices: Sequence[slice]) -> list[slice]:
    """Join slices that touch."""
    joined: list[slice] = []
    for part in slices:
        if joined and joined[-1].stop == part.start:
            joined[-1] = slice(joined[-1].start, part.stop)
        else:
            joined.append(part)
    return joined


def _merge(parts: Sequence[Tensor]) -> Tensor:
    """Join per-lane values; one number where all are equal, which is faster to compute with."""
    values = torch.cat(list(parts))
    return values[0] if bool((values == values[0]).all()) else values
