"""What is trained, what comes of it, and how far it is: the types of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from sadam import metrics


class Problem(Protocol):
    """What is trained: parameters in, losses and gradients out, for all seeds and models at once.

    Shapes: parameters ``(S, M, P)``; a batch is whatever ``minibatch`` returns.
    """

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the parameter tensors within the P numbers, in order."""
        ...

    @property
    def l1(self) -> float:
        """Weight of a term ``l1 |x|_1`` within the loss, the prox of proximal rules; 0 for none."""
        ...

    def init(self) -> Tensor:
        """Return a start for each seed, ``(S, P)``."""
        ...

    def minibatch(self, step: int) -> Any:
        """Return each seed's batch at a step, counted from 0; the same at every call."""
        ...

    def value(self, params: Tensor, batch: Any) -> Tensor:
        """Return losses ``(S, M)``."""
        ...

    def value_and_grad(self, params: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
        """Return losses ``(S, M)`` and gradients ``(S, M, P)``."""
        ...

    def evaluate(self, params: Tensor, split: Any) -> Mapping[str, Tensor]:
        """Return numbers ``(S, M)`` by name, such as loss and accuracy, on a whole split."""
        ...

    def unit_signs(self, params: Tensor, batch: Any) -> Tensor:
        """Return which kinked units are on, ``(S, M, examples, units)``, bool."""
        ...


@dataclass(frozen=True)
class TrainingRun:
    """What was trained, S seeds and M rules.

    A model that leaves the finite numbers stays where it was last finite; what was not measured
    from then on is NaN.

    Attributes:
        names: The M rules.
        steps: Number T of steps taken.
        losses: Minibatch loss before each step, ``(T, S, M)``.
        lgi: LGI that the rule itself measured, ``(T, S, M)``; NaN for a rule that does not.
        brake: Factor on each step, in [0, 1], ``(T, S, M)``; 1 for a rule that does not brake.
        conflicts: Whether the gradient turned against the one before: 1 or 0, NaN where that
            cannot be judged, ``(T, S, M)``.
        flips: How many units each step switched on or off, summed over the examples of the
            monitored batch, ``(T, S, M)``; None where nothing was monitored.
        observed_at: Steps at which both estimators were measured for all rules alike, ``(n,)``.
        lgi_one_sided: ``(n, S, M)``.
        lgi_two_sided: ``(n, S, M)``.
        evaluated_at: Steps at which the splits were evaluated, ``(n,)``; the last is T, always.
        evaluations: ``{split: {"loss": (n, S, M), ...}}``.
        rates: What :class:`sadam.metrics.Tally` counted, ``(S, M)`` each.
        gradient_sample: The gradient of at most 16 parameters, drawn
            once for all, at each step, ``(T, S, M, n)``.
        snapshot_at: Steps at which parameters were kept, ``(n,)``; the last is T, always.
        snapshots: ``(n, S, M, P)``, float32.
        final: Parameters after the last step, or where a model was last finite, ``(S, M, P)``.
        diverged_at: Step at which a model left the finite numbers, ``(S, M)``; -1 if never.
        cost: Function evaluations of one step of each rule, ``(M,)``: a gradient 2, a probe 1.
    """

    names: tuple[str, ...]
    steps: int
    losses: Tensor
    lgi: Tensor
    brake: Tensor
    conflicts: Tensor
    flips: Tensor | None
    observed_at: Tensor
    lgi_one_sided: Tensor
    lgi_two_sided: Tensor
    evaluated_at: Tensor
    evaluations: dict[str, dict[str, Tensor]]
    rates: dict[str, Tensor]
    gradient_sample: Tensor
    snapshot_at: Tensor
    snapshots: Tensor
    final: Tensor
    diverged_at: Tensor
    cost: Tensor

    @cached_property
    def measures(self) -> dict[str, Tensor]:
        """Chattering by the names of :data:`sadam.metrics.MEASURES`, ``(S, M)`` each.

        The tail's amplitude is that of the minibatch losses, infinite where a model diverged; the
        high-frequency share is that of ``gradient_sample``.
        """
        losses, sample = self.losses.to(torch.float64), self.gradient_sample.to(torch.float64)
        track = metrics.Track(sample, losses, sample)
        amplitude = torch.nan_to_num(metrics.tail_amplitude(track), nan=math.inf)
        share = metrics.high_frequency_share(track)
        return {**self.rates, "high_frequency_share": share, "tail_amplitude": amplitude}

    def beside(self, other: TrainingRun) -> TrainingRun:
        """Return this run with the rules of another, of as many steps and seeds, after its own.

        Raises:
            ValueError: If steps or seeds are not as many, or only this one counted flips.
        """
        mine, theirs = ((run.steps, run.losses.shape[1]) for run in (self, other))
        if mine != theirs or (self.flips is not None and other.flips is None):
            raise ValueError(
                f"Invalid other: {theirs[0]} steps of {theirs[1]} seeds, must be {mine[0]} of "
                f"{mine[1]}, and monitored where this one is"
            )

        def joined(mine: Any, theirs: Any, dim: int) -> Any:
            return None if mine is None else torch.cat([mine, theirs], dim)

        return TrainingRun(
            names=self.names + other.names,
            steps=self.steps,
            **{
                name: joined(getattr(self, name), getattr(other, name), dim)
                for name, dim in _MODEL_AXIS.items()
            },
            **{
                name: getattr(self, name) for name in ("observed_at", "evaluated_at", "snapshot_at")
            },
            evaluations={
                split: {k: joined(v, other.evaluations[split][k], 2) for k, v in numbers.items()}
                for split, numbers in self.evaluations.items()
            },
            rates={k: joined(v, other.rates[k], 1) for k, v in self.rates.items()},
        )


_MODEL_AXIS = {
    "losses": 2, "lgi": 2, "brake": 2, "conflicts": 2, "flips": 2, "lgi_one_sided": 2,
    "lgi_two_sided": 2, "gradient_sample": 2, "snapshots": 2, "final": 1, "diverged_at": 1,
    "cost": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """Where a training is.

    Attributes:
        step: Steps taken.
        steps: Steps in all.
        so_far: Returns the run up to here. It evaluates the splits, so ask now and then.
    """

    step: int
    steps: int
    so_far: Callable[[], TrainingRun]
