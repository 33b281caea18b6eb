"""The engine: all rules and all starts of an experiment, stepped together as one batch.

Inside, a point is a column: positions are ``(D, N)`` with one lane for every rule and start, so
that each operation serves all rules at once. Three habits make a lane's numbers independent of what
else is in the batch: directions are drawn once for all lanes, sums over probes have a fixed order,
and the LGI is rounded to float32 before it acts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from sadam.probes import Probing, directions, lgi_from_slopes
from sadam.rules import (
    MomentRule,
    Moments,
    StepCoefficients,
    UpdateRule,
    advance,
    at_step,
    brake_of,
)
from sadam.schedules import SCHEDULES

LIMIT = 1e150  # beyond it squares overflow: there a lane has left the finite numbers
OBSERVE_BLOCK = 1 << 19  # probe points evaluated at once when LGI is measured along finished paths

Function = Callable[[Tensor], Tensor]
ValueAndGrad = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Trajectories:
    """What one rule did from every start; ``lead`` is the leading shape of the starts.

    A lane that leaves the finite numbers stays at its last finite point; what was not measured from
    then on is NaN.

    Attributes:
        points: ``(T+1, *lead, D)``.
        values: f at the points, ``(T+1, *lead)``.
        grads: Gradients at the points, ``(T+1, *lead, D)``.
        lgi_one_sided: LGI as published, at the points, ``(T+1, *lead)``.
        lgi_two_sided: Two-sided LGI at the points, ``(T+1, *lead)``.
        brake: Factor on each step, ``(T, *lead)``; 1 for a rule that does not brake.
        diverged_at: Step at which a lane left the finite numbers, ``(*lead)``; -1 if it never did.
        evaluations: Function evaluations of one step (a gradient counts 2, a probe 1).
    """

    points: Tensor
    values: Tensor
    grads: Tensor
    lgi_one_sided: Tensor
    lgi_two_sided: Tensor
    brake: Tensor
    diverged_at: Tensor
    evaluations: int

    @property
    def steps(self) -> int:
        """Number T of steps."""
        return self.points.shape[0] - 1


def value_and_grad_of(objective: Function) -> ValueAndGrad:
    """Return the objective's own ``value_and_grad``, or one that differentiates it by autograd."""
    own = getattr(objective, "value_and_grad", None)
    if own is not None:
        return own

    def by_autograd(x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = x.detach().clone().requires_grad_()
            value = objective(leaf)
            if not value.requires_grad:
                return value, torch.zeros_like(x)
            (grad,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach(), grad

    return by_autograd


@dataclass(frozen=True)
class _ProbeGroup:
    """Neighbouring lanes that probe alike."""

    lanes: slice
    probing: Probing
    radius: Tensor  # () or (lanes,)
    signed: Sequence[Tensor]  # per step (D, K, 1) or (D, K, lanes): offsets from the point
    points: Tensor  # view of the probe buffer, (D, K, lanes)
    values: slice  # where its values stand among those of the buffer
    damping: Tensor | float
    cap: Tensor | float


def run(
    objective: Function,
    rules: Mapping[str, UpdateRule],
    starts: Tensor,
    *,
    steps: int,
    seed: int = 0,
    schedule: str | Tensor = "constant",
    smooth: Function | None = None,
    prox: Callable[[Tensor, Tensor], Tensor] | None = None,
    observe: Probing | None = None,
) -> dict[str, Trajectories]:
    """Run every rule from every start.

    Args:
        objective: ``(..., D) -> (...)``; its ``value_and_grad`` is used if it has one.
        rules: Rules by name. Tensor hyperparameters broadcast against the starts' leading shape.
        starts: ``(*lead, D)``.
        steps: Number T of steps, at least 1.
        seed: Seed of the probe directions, shared by all lanes (common random numbers).
        schedule: A key of :data:`sadam.schedules.SCHEDULES`, or T factors on the learning rate.
        smooth: Smooth part of a composite objective, for proximal rules.
        prox: Proximal map of the rest: ``prox(x, step)``, ``(..., D), (...) -> (..., D)``.
        observe: How LGI is measured along the paths of rules that do not probe; both estimators
            are recorded along every path. ``Probing()`` by default.

    Returns:
        For each rule its trajectories, in the order given.

    Raises:
        ValueError: If there is no rule, no start or no step, or the schedule is not known.
    """
    if not rules:
        raise ValueError("no rules: give at least one")
    if steps < 1:
        raise ValueError(f"Invalid steps: {steps}, must be at least 1")
    if starts.ndim < 1 or starts.numel() == 0:
        raise ValueError(f"Invalid starts: shape {tuple(starts.shape)}, must be (..., D)")
    factors = _factors(schedule, steps)
    batch = _Batch(objective, rules, starts.to(torch.float64), factors, seed, smooth, prox)
    with torch.no_grad():
        batch.go()
        batch.observe(observe or Probing())
        return batch.trajectories()


def _factors(schedule: str | Tensor, steps: int) -> Tensor:
    if isinstance(schedule, str):
        if schedule not in SCHEDULES:
            raise ValueError(
                f"Invalid schedule: {schedule!r}, must be one of {', '.join(SCHEDULES)}"
            )
        return SCHEDULES[schedule](steps)
    if schedule.shape != (steps,):
        raise ValueError(f"Invalid schedule: shape {tuple(schedule.shape)}, must be ({steps},)")
    return schedule.to(torch.float64)


class _Batch:
    """All lanes of one run: family rules first, so that their lanes are one slice."""

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
        self.f, self.vg = objective, value_and_grad_of(objective)
        self.factors, self.seed = factors, seed
        self.lead, self.dim = starts.shape[:-1], starts.shape[-1]
        self.width = math.prod(self.lead)
        self.sizes = getattr(objective, "sizes", None)
        self.names = list(rules)
        ordered = sorted(rules.items(), key=_grouping)
        self.rules: dict[str, UpdateRule] = dict(ordered)
        self.lanes = {
            name: slice(i * self.width, (i + 1) * self.width) for i, name in enumerate(self.rules)
        }
        steps, lanes = len(factors), len(rules) * self.width
        new = lambda *shape: torch.empty(shape, dtype=torch.float64)  # noqa: E731
        self.points = new(steps + 1, self.dim, lanes)
        self.points[0] = starts.reshape(-1, self.dim).T.repeat(1, len(rules))
        self.values, self.grads = new(steps + 1, lanes), new(steps + 1, self.dim, lanes)
        self.lgi, self.brake = new(steps, lanes).zero_(), new(steps, lanes).fill_(1.0)
        self.one, self.two = new(steps + 1, lanes), new(steps + 1, lanes)
        proximal = [n for n, r in self.rules.items() if getattr(r, "proximal", False)]
        self.proximal = {n: self.lanes[n] for n in proximal} if smooth and prox else {}
        self.smooth, self.prox = value_and_grad_of(smooth) if smooth else None, prox
        self.groups, self.probe_points = self._probe_groups()

    def _flat(self, value: Any) -> Tensor:
        """A hyperparameter as one value per start, flat: ``(width,)`` (or ``(T, width)``)."""
        tensor = torch.as_tensor(value, dtype=torch.float64)
        if tensor.ndim == 0:
            return tensor.expand(self.width)
        return tensor.expand(self.lead).reshape(-1)

    def _probe_groups(self) -> tuple[list[_ProbeGroup], Tensor]:
        """Lay out the probes of all lanes in one buffer, so that f is called once for all."""
        members: dict[tuple, list[str]] = {}
        for name, rule in self.rules.items():
            if rule.probing is not None:
                members.setdefault(_probe_key(rule.probing), []).append(name)
        sizes = [
            len(names) * self.width * self.rules[names[0]].probing.evaluations  # type: ignore[union-attr]
            for names in members.values()
        ]
        buffer = torch.empty(self.dim, sum(sizes), dtype=torch.float64)
        groups, offset = [], 0
        for names, size in zip(members.values(), sizes, strict=True):
            rules: list[Any] = [self.rules[n] for n in names]
            probing: Probing = rules[0].probing
            lanes = slice(self.lanes[names[0]].start, self.lanes[names[-1]].stop)
            radius = _merge([self._flat(r.probing.radius) for r in rules])
            u = self._signed(probing).movedim(2, 1).unsqueeze(-1)  # (T+1, D, K, 1)
            groups.append(
                _ProbeGroup(
                    lanes,
                    probing,
                    radius,
                    (u[:-1] * radius).unbind(0),
                    buffer[:, offset : offset + size].view(self.dim, probing.evaluations, -1),
                    slice(offset, offset + size),
                    _merge([self._flat(getattr(r, "damping", 0.0)) for r in rules]),
                    _merge([self._flat(getattr(r, "cap", 10.0)) for r in rules]),
                )
            )
            offset += size
        return groups, buffer

    def _signed(self, probing: Probing, both_sides: bool = False) -> Tensor:
        """The probes' unit vectors, backward ones after the forward ones: ``(T+1, K, D)``."""
        u = directions(
            self.seed,
            len(self.factors) + 1,
            probing.num_probes,
            self.dim,
            sphere=probing.sphere,
            sizes=self.sizes,
        )
        return torch.cat([u, -u], dim=1) if both_sides or probing.kind == "two-sided" else u

    def _table(self, names: Sequence[str]) -> list[StepCoefficients]:
        """The family's coefficients for every step, each ``(lanes,)``."""
        steps = len(self.factors)
        t = torch.arange(1, steps + 1, dtype=torch.float64)[:, None]
        columns: list[list[Tensor]] = []
        for name in names:
            row = self.rules[name].coefficients()  # type: ignore[attr-defined]
            flat = type(row)(
                **{
                    key: value
                    if isinstance(value, bool) or value is None or not isinstance(value, Tensor)
                    else self._flat(value)
                    for key, value in vars(row).items()
                }
            )
            if name in self.proximal:  # the landscape's own proximal map takes the l1 term's place
                flat = type(flat)(**{**vars(flat), "l1": 0.0})
            k = at_step(flat, t, self.factors[:, None])
            columns.append(
                [torch.as_tensor(v, dtype=torch.float64).expand(steps, self.width) for v in k]
            )
        fields = [torch.cat(parts, dim=1) for parts in zip(*columns, strict=True)]
        self.any_soft = bool(fields[-1].any())
        by_step = [  # what never changes is not cut into steps
            repeat(f[0], steps) if bool((f == f[0]).all()) else f.unbind(0) for f in fields
        ]
        return [StepCoefficients(*row) for row in zip(*by_step, strict=True)]

    def go(self) -> None:
        """Take all steps."""
        family = [n for n, r in self.rules.items() if isinstance(r, MomentRule)]
        others = [n for n in self.rules if n not in family]
        count = len(family) * self.width
        rows = [self.rules[n].coefficients() for n in family]  # type: ignore[attr-defined]
        adaptive, peak = any(r.second is not None for r in rows), any(r.peak for r in rows)
        table = self._table(family) if family else []
        state = self._family_state(family)
        states = {n: self.rules[n].init(self.points[0, :, self.lanes[n]].T) for n in others}
        points, values = self.points.unbind(0), self.values.unbind(0)
        grads, brakes, lgis = self.grads.unbind(0), self.brake.unbind(0), self.lgi.unbind(0)
        braked = bool(self.groups)
        for i in range(len(self.factors)):
            x, g = points[i], grads[i]
            self._evaluate(x, values[i], g)
            if braked:
                self._probe(i, x, values[i], lgis[i], brakes[i])
            if family:
                advance(
                    x[:, :count],
                    self._proximal_gradient(x, g)[:, :count] if self.proximal else g[:, :count],
                    brakes[i][:count] if braked else None,
                    state,
                    table[i],
                    adaptive=adaptive,
                    peak=peak,
                    soft=self.any_soft,
                    out=points[i + 1][:, :count],
                )
                if self.proximal:
                    self._apply_prox(points[i + 1], -table[i].scale)
            for name in others:
                at = self.lanes[name]
                new = self.rules[name].update(
                    x[:, at].T, g[:, at].T, lgis[i][at], states[name], i + 1, float(self.factors[i])
                )
                points[i + 1][:, at] = new.T
        self._evaluate(points[-1], values[-1], grads[-1])

    def _family_state(self, family: Sequence[str]) -> Moments:
        parts = [
            self.rules[n].init(self.points[0, :, self.lanes[n]])  # elementwise: columns will do
            for n in family
        ]
        if not parts:
            empty = torch.empty(0)
            return Moments(empty, empty, empty)
        return Moments(*(torch.cat(list(p), dim=1) for p in zip(*parts, strict=True)))

    def _evaluate(self, x: Tensor, value: Tensor, grad: Tensor) -> None:
        f, g = self.vg(x.T)
        value.copy_(f)
        grad.copy_(g.T)

    def _probe(self, i: int, x: Tensor, fx: Tensor, lgi: Tensor, brake: Tensor) -> None:
        for group in self.groups:
            torch.add(x[:, None, group.lanes], group.signed[i], out=group.points)
        values = self.f(self.probe_points.T)
        for group in self.groups:
            shape = group.points.shape[1:]
            slopes = (values[group.values].view(shape) - fx[group.lanes]).div_(group.radius)
            k = group.probing.num_probes
            rho = lgi_from_slopes(
                slopes[:k], slopes[k:] if shape[0] > k else None, group.probing.zeta
            )
            lgi[group.lanes] = rho
            brake[group.lanes] = brake_of(rho, group.damping, group.cap)

    def _proximal_gradient(self, x: Tensor, g: Tensor) -> Tensor:
        """Gradients to step with: of the smooth part alone where a proximal map does the rest."""
        g = g.clone()
        for at in self.proximal.values():
            g[:, at] = self.smooth(x[:, at].T)[1].T  # type: ignore[misc]
        return g

    def _apply_prox(self, x: Tensor, lr: Tensor) -> None:
        for at in self.proximal.values():
            x[:, at] = self.prox(x[:, at].T, lr[at]).T  # type: ignore[misc]

    def observe(self, default: Probing) -> None:
        """Measure both estimators along every finished path, at all its points at once."""
        for name, rule in self.rules.items():
            probing, at = rule.probing or default, self.lanes[name]
            u = self._signed(probing, both_sides=True)  # (T+1, 2k, D)
            k, radius = probing.num_probes, _merge([self._flat(probing.radius)])
            x, fx = self.points[:, :, at], self.values[:, at]
            block = max(1, OBSERVE_BLOCK // (2 * k * self.width))
            for start in range(0, len(x), block):
                now = slice(start, start + block)
                offset = u[now].movedim(2, 0)[..., None] * radius  # (D, t, 2k, 1 or width)
                near = x[now].movedim(1, 0)[:, :, None] + offset
                slopes = (self.f(near.movedim(0, -1)) - fx[now, None]).div_(radius)
                forward, backward = slopes.movedim(1, 0).split(k)
                self.two[now, at] = lgi_from_slopes(forward, backward, probing.zeta)
                self.one[now, at] = lgi_from_slopes(forward, None, probing.zeta)
            if rule.probing is not None:  # what the rule itself saw is what counts
                seen = self.two if probing.kind == "two-sided" else self.one
                seen[:-1, at] = self.lgi[:, at]

    def trajectories(self) -> dict[str, Trajectories]:
        """Freeze the lanes that left the finite numbers, and hand every rule its own."""
        diverged = self._freeze()
        steps = len(self.factors)

        def own(array: Tensor, at: slice) -> Tensor:
            if array.ndim == 3:
                return array[:, :, at].movedim(1, 2).reshape(-1, *self.lead, self.dim)
            return array[:, at].reshape(-1, *self.lead)

        return {
            name: Trajectories(
                points=own(self.points, (at := self.lanes[name])),
                values=own(self.values, at),
                grads=own(self.grads, at),
                lgi_one_sided=own(self.one, at),
                lgi_two_sided=own(self.two, at),
                brake=own(self.brake, at).reshape(steps, *self.lead),
                diverged_at=diverged[at].reshape(self.lead),
                evaluations=2 + (p.evaluations if (p := self.rules[name].probing) else 0),
            )
            for name in self.names
        }

    def _freeze(self) -> Tensor:
        """Hold lanes at their last finite point; return when each left, -1 for never."""
        fine = (self.values.abs() < LIMIT) & (self.points.abs() < LIMIT).all(1)
        bad = ~(fine & (self.grads.abs() < LIMIT).all(1))
        diverged = torch.where(bad.any(0), bad.to(torch.int8).argmax(0), -1)
        for lane in diverged.gt(-1).nonzero().flatten().tolist():
            at = int(diverged[lane])
            last = max(at - 1, 0)
            self.points[at:, :, lane] = self.points[last, :, lane]
            self.values[at:, lane] = self.values[last, lane]
            self.grads[at:, :, lane] = math.nan
            self.one[at:, lane] = self.two[at:, lane] = math.nan
            self.brake[at:, lane] = math.nan
        return diverged


def _probe_key(probing: Probing) -> tuple:
    return (probing.kind, probing.num_probes, probing.sphere, probing.zeta)


def _grouping(item: tuple[str, UpdateRule]) -> tuple:
    """Order of lanes: the family first, and rules that probe alike side by side."""
    rule = item[1]
    probing = rule.probing
    return (not isinstance(rule, MomentRule), _probe_key(probing) if probing else ("",))


def _merge(parts: Sequence[Tensor]) -> Tensor:
    """Join per-lane values; one number where all are equal, which is faster to compute with."""
    values = torch.cat(list(parts))
    return values[0] if bool((values == values[0]).all()) else values
