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

from sadam.probes import Probing, directions, lgi_from_slopes, lgi_power_ratio, power_terms
from sadam.rules import (
    Coefficients,
    MomentRule,
    Moments,
    StepCoefficients,
    UpdateRule,
    advance,
    at_step,
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
    """Neighbouring lanes that probe alike, as views of the batch's fixed buffers."""

    floor: Tensor  # () or (lanes,), for differences: the LGI is not taken from slopes here
    units: Sequence[Tensor]  # at each step (D, K, 1); times the radius where that is one number
    radius: Tensor | None  # (lanes,) where it differs from lane to lane
    centre: Tensor  # the lanes' positions, (D, 1, lanes)
    points: Tensor  # where their probes are put, (D, K, lanes)
    values: Tensor  # f at the probes, (K, lanes)
    forward: Tensor  # their forward half
    backward: Tensor | None  # and backward half
    value: Tensor  # f at the positions, (lanes,)
    lgi: Tensor  # (lanes,)


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
    # A plane objective is ours; anybody else's may keep tensors that must outlive inference mode.
    # The buffers were made outside, so the results are plain tensors.
    with torch.inference_mode() if batch.plane else torch.no_grad():
        batch.go()
    with torch.no_grad():
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
    """All lanes of one run: family rules first, so that their lanes are one slice.

    The current step lives in one buffer of rows (position, gradient, f, LGI, brake) whose views are
    made once; recording a step is one copy of it. At a handful of lanes a call into torch costs
    more than its arithmetic, so the number of calls is what counts here.
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
        now = torch.zeros(2 * dim + 3, lanes, dtype=torch.float64)
        self.now, self.record = now, now.new_empty(steps + 1, *now.shape)
        self.x, self.g = now[:dim], now[dim : 2 * dim]
        self.value, self.lgi, self.brake = now[2 * dim], now[2 * dim + 1], now[2 * dim + 2]
        self.x.copy_(starts.reshape(-1, dim).T.repeat(1, len(rules)))
        self.x_points, self.g_points = self.x.T, self.g.T
        self.plane: tuple[Tensor, ...] = ()
        if hasattr(objective, "value_and_grad_components"):
            self.plane = tuple(self.x)
            self._evaluate = self._evaluate_plane
        proximal = [n for n in self.family if getattr(self.rules[n], "proximal", False)]
        self.proximal = {n: self.lanes[n] for n in proximal} if smooth and prox else {}
        self.smooth, self.prox = value_and_grad_of(smooth) if smooth else None, prox
        self.groups, self.probe_points, self.probe_values = self._probe_groups()
        self.probe_rows = self.probe_points.unbind(0)
        self.one = self.record.new_empty(steps + 1, lanes)
        self.two = torch.empty_like(self.one)
        self.damping = -self._by_lane("damping", 0.0)
        self.cap = self._by_lane("cap", math.inf)

    def _flat(self, value: Any) -> Tensor:
        """A hyperparameter as one value per start: ``(width,)``."""
        tensor = torch.as_tensor(value, dtype=torch.float64)
        if tensor.ndim == 0:
            return tensor.expand(self.width)
        return tensor.expand(self.lead).reshape(-1)

    def _by_lane(self, name: str, default: float) -> Tensor:
        """A field of the rules that probe, for every lane: ``(lanes,)``; the default elsewhere."""
        return torch.cat(
            [
                self._flat(getattr(rule, name, default) if rule.probing else default)
                for rule in self.rules.values()
            ]
        )

    def _probe_groups(self) -> tuple[list[_ProbeGroup], Tensor, Tensor]:
        """Lay out the probes of all lanes in one buffer, so that f is called once for all."""
        members: dict[tuple, list[str]] = {}
        for name, rule in self.rules.items():
            if rule.probing is not None:
                members.setdefault(_probe_key(rule.probing), []).append(name)
        probings: list[Probing] = [self.rules[names[0]].probing for names in members.values()]  # type: ignore[misc]
        sizes = [
            len(names) * self.width * probing.evaluations
            for names, probing in zip(members.values(), probings, strict=True)
        ]
        points = torch.empty(self.dim, sum(sizes), dtype=torch.float64)
        values = torch.empty(sum(sizes), dtype=torch.float64)
        groups = []
        for names, probing, near, f_near in zip(
            members.values(), probings, points.split(sizes, 1), values.split(sizes), strict=True
        ):
            lanes = slice(self.lanes[names[0]].start, self.lanes[names[-1]].stop)
            radius = _merge([self._flat(self.rules[n].probing.radius) for n in names])  # type: ignore[union-attr]
            u = self._signed(probing)[:-1].movedim(2, 1).unsqueeze(-1)  # (T, D, K, 1)
            groups.append(
                _ProbeGroup(
                    floor=probing.zeta
                    * power_terms(probing.num_probes, probing.kind == "two-sided")
                    * radius
                    * radius,
                    units=(u if radius.ndim else u * radius).unbind(0),
                    radius=radius if radius.ndim else None,
                    centre=self.x[:, None, lanes],
                    points=near.view(self.dim, probing.evaluations, -1),
                    values=(both := f_near.view(probing.evaluations, -1)),
                    forward=both[: probing.num_probes],
                    backward=both[probing.num_probes :] if probing.kind == "two-sided" else None,
                    value=self.value[lanes],
                    lgi=self.lgi[lanes],
                )
            )
        return groups, points, values

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

    def _table(self) -> list[StepCoefficients]:
        """The family's coefficients for every step, each ``(lanes,)`` or one number for all."""
        steps = len(self.factors)
        t = torch.arange(1, steps + 1, dtype=torch.float64)[:, None]
        columns: list[list[Tensor]] = []
        for name in self.family:
            row = self.rules[name].coefficients()  # type: ignore[attr-defined]
            flat: dict[str, Any] = {
                key: self._flat(value) if isinstance(value, Tensor) else value
                for key, value in vars(row).items()
            }
            if name in self.proximal:  # the landscape's own proximal map takes the l1 term's place
                flat["l1"] = 0.0
            k = at_step(Coefficients(**flat), t, self.factors[:, None])
            columns.append(
                [torch.as_tensor(v, dtype=torch.float64).expand(steps, self.width) for v in k]
            )
        fields = [torch.cat(parts, dim=1) for parts in zip(*columns, strict=True)]
        by_step = [  # what never changes is not cut into steps
            repeat(_merge([f[0]]), steps) if bool((f == f[0]).all()) else f.unbind(0)
            for f in fields
        ]
        return [StepCoefficients(*row) for row in zip(*by_step, strict=True)]

    def go(self) -> None:
        """Take all steps."""
        others = [n for n in self.rules if n not in self.family]
        count = len(self.family) * self.width
        rows = [self.rules[n].coefficients() for n in self.family]  # type: ignore[attr-defined]
        uses = {
            "adaptive": any(r.second is not None for r in rows),
            "peak": any(r.peak for r in rows),
        }
        table = self._table() if rows else []
        if table:
            uses["soft"] = any(bool(torch.as_tensor(k.soft).any()) for k in (table[0], table[-1]))
        state = self._family_state()
        states = {n: self.rules[n].init(self.x[:, self.lanes[n]].T) for n in others}
        x, g, brake = self.x[:, :count], self.g[:, :count], self.brake[:count]
        for i, recorded in enumerate(self.record[:-1].unbind(0)):
            self._evaluate()
            if self.groups:
                self._probe(i)
            recorded.copy_(self.now)
            for name in others:  # before the family moves on: all lanes read the same step
                at = self.lanes[name]
                new = self.rules[name].update(
                    recorded[: self.dim, at].T,
                    recorded[self.dim : 2 * self.dim, at].T,
                    self.lgi[at],
                    states[name],
                    i + 1,
                    float(self.factors[i]),
                )
                self.x[:, at] = new.T
            if rows:
                if self.proximal:
                    self._smooth_gradients()
                advance(x, g, brake if self.groups else None, state, table[i], out=x, **uses)
                if self.proximal:
                    self._apply_prox(-torch.as_tensor(table[i].scale).expand(count))
        self._evaluate()
        self.record[-1] = self.now

    def _family_state(self) -> Moments:
        parts = [  # elementwise: columns will do
            self.rules[n].init(self.x[:, self.lanes[n]]) for n in self.family
        ]
        if not parts:
            return Moments(*[torch.empty(0)] * 3)
        return Moments(*(torch.cat(list(p), dim=1) for p in zip(*parts, strict=True)))

    def _evaluate(self) -> None:
        value, grad = self.vg(self.x_points)
        self.value.copy_(value)
        self.g_points.copy_(grad)

    def _evaluate_plane(self) -> None:
        """The same for an objective that takes and gives components: fewer calls."""
        value, *grad = self.f.value_and_grad_components(*self.plane)  # type: ignore[attr-defined]
        self.value.copy_(value)
        torch.stack(grad, out=self.g)

    def _probe(self, i: int) -> None:
        """Measure the LGI where a rule asks for it, and set the brake from it."""
        for group in self.groups:
            offset = group.units[i] if group.radius is None else group.units[i] * group.radius
            torch.add(group.centre, offset, out=group.points)
        self.probe_values.copy_(self._probe_value())
        for group in self.groups:
            group.values.sub_(group.value)
            group.lgi.copy_(lgi_power_ratio(group.forward, group.backward, group.floor))
        self.lgi.copy_(self.lgi.float())  # see probes.round_to_float32
        torch.minimum(self.lgi, self.cap, out=self.brake).mul_(self.damping).exp_()

    def _probe_value(self) -> Tensor:
        if self.plane:
            return self.f.components(*self.probe_rows)  # type: ignore[attr-defined]
        return self.f(self.probe_points.T)

    def _smooth_gradients(self) -> None:
        """Step along the smooth part alone where a proximal map does the rest."""
        for at in self.proximal.values():
            self.g[:, at] = self.smooth(self.x[:, at].T)[1].T  # type: ignore[misc]

    def _apply_prox(self, lr: Tensor) -> None:
        for at in self.proximal.values():
            self.x[:, at] = self.prox(self.x[:, at].T, lr[at]).T  # type: ignore[misc]

    def observe(self, default: Probing) -> None:
        """Measure both estimators along every finished path, at all its points at once."""
        steps, dim = len(self.record), self.dim
        for name, rule in self.rules.items():
            probing, at = rule.probing or default, self.lanes[name]
            u = self._signed(probing, both_sides=True)  # (T+1, 2k, D)
            k, radius = probing.num_probes, _merge([self._flat(probing.radius)])
            x, fx = self.record[:, :dim, at], self.record[:, 2 * dim, at]
            block = max(1, OBSERVE_BLOCK // (2 * k * self.width))
            for start in range(0, steps, block):
                now = slice(start, start + block)
                offset = u[now].movedim(2, 0)[..., None] * radius  # (D, t, 2k, 1 or width)
                near = x[now].movedim(1, 0)[:, :, None] + offset
                slopes = (self.f(near.movedim(0, -1)) - fx[now, None]).div_(radius)
                forward, backward = slopes.movedim(1, 0).split(k)
                self.two[now, at] = lgi_from_slopes(forward, backward, probing.zeta)
                self.one[now, at] = lgi_from_slopes(forward, None, probing.zeta)
            if rule.probing is not None:  # what the rule itself saw is what counts
                seen = self.two if probing.kind == "two-sided" else self.one
                seen[:-1, at] = self.record[:-1, 2 * dim + 1, at]

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
                lgi_one_sided=own(self.one, at),
                lgi_two_sided=own(self.two, at),
                brake=own(self.record[:-1, 2 * dim + 2], at)
                if self.groups
                else torch.ones(len(self.factors), *self.lead, dtype=torch.float64),
                diverged_at=diverged[at].reshape(self.lead),
                evaluations=2 + (p.evaluations if (p := self.rules[name].probing) else 0),
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
            self.one[at:, lane] = self.two[at:, lane] = math.nan
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
