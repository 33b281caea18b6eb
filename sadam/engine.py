"""The engine: all rules and all starts of an experiment, stepped together as one batch.

Inside, a point is a column: positions are ``(D, N)`` with one lane for every rule and start, so
that each operation serves all rules at once. Three habits make a lane's numbers independent of what
else is in the batch: directions are drawn once for all lanes, sums over probes have a fixed order,
and the LGI is rounded to float32 before it acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sadam.batch import LIMIT, Batch
from sadam.checks import check_fits, check_whole, shown
from sadam.objectives import Function, value_and_grad_of
from sadam.probes import Probing
from sadam.rules import UpdateRule
from sadam.schedules import factors_of
from sadam.trajectories import Trajectories

__all__ = ["LIMIT", "Function", "Trajectories", "run", "value_and_grad_of"]


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

    Where position, gradient or f is not finite or beyond :data:`LIMIT`, that lane is frozen and
    marked as :class:`sadam.trajectories.Trajectories` says; all others keep their bits.

    Args:
        objective: ``(..., D) -> (...)``, which is not checked; its ``value_and_grad`` is used if it
            has one.
        rules: Rules by name. Tensor hyperparameters broadcast against the starts' leading shape.
        starts: ``(*lead, D)``, real; they need not be finite.
        steps: Number T of steps, at least 1.
        seed: Seed of the probe directions, shared by all lanes (common random numbers); at least 0.
        schedule: A key of :data:`sadam.schedules.SCHEDULES`, or T factors on the learning rate.
        smooth: Smooth part of a composite objective, for proximal rules; not used without ``prox``.
        prox: Proximal map of the rest: ``prox(x, step)``, ``(..., D), (...) -> (..., D)``.
        observe: How LGI is measured along the paths of rules that do not probe; both estimators
            are recorded along every path. ``Probing()`` by default.

    Returns:
        For each rule its trajectories, in the order given.

    Raises:
        ValueError: If there is no rule, no start or no step, the schedule is not known, the seed is
            below 0, or a hyperparameter does not fit the starts.
        TypeError: If the rules are not rules by name, or the starts are no tensor.
    """
    if not isinstance(rules, Mapping):
        raise TypeError(f"Invalid rules: {shown(rules)}, must be a mapping of names to rules")
    if not rules:
        raise ValueError("no rules: give at least one")
    check_whole("steps", steps, least=1)
    check_whole("seed", seed)
    if not isinstance(starts, Tensor):
        raise TypeError(f"Invalid starts: {shown(starts)}, must be a tensor (..., D)")
    if starts.ndim < 1 or starts.numel() == 0 or starts.is_complex():
        raise ValueError(f"Invalid starts: shape {tuple(starts.shape)}, must be (..., D) and real")
    for key, rule in rules.items():
        if isinstance(rule, type) or not callable(getattr(rule, "update", None)):
            raise TypeError(f"Invalid rule {key}: {shown(rule)}, must be one, such as Adam(lr=0.1)")
        for name, value in getattr(rule, "__dict__", {}).items():
            for part in value if isinstance(value, tuple) else (value,):
                check_fits(f"{name} of {key}", part, starts.shape[:-1])
    if observe is not None:
        check_fits("radius of observe", observe.radius, starts.shape[:-1])
    factors = factors_of(schedule, steps)
    batch = Batch(objective, rules, starts.to(torch.float64), factors, seed, smooth, prox)
    # A bound objective is ours; anybody else's may keep tensors that must outlive inference mode.
    # The buffers were made outside, so the results are plain tensors.
    with torch.inference_mode() if batch.bound else torch.no_grad():
        batch.go()
    with torch.no_grad():
        batch.observe(observe or Probing())
    return batch.trajectories()
