"""Matched controls: what tells adaptive braking from a smaller step (MATH.md section 5)."""

from __future__ import annotations

from torch import Tensor

from sadam.family import Hyper
from sadam.rules import AdamW, SAdam

CONTROL = "matched-"  # label of a matched control: this, and the label of its S-Adam
SMALLEST_LR = 1e-300  # of a control whose S-Adam did not move at all: its mean brake may be 0


def matched_control(rule: SAdam, mean_brake: Hyper) -> AdamW:
    """Return AdamW at ``lr * mean(brake)`` of an S-Adam's run.

    Args:
        rule: The S-Adam.
        mean_brake: From 0 to 1: a number, or one for each lane, ``(N,)``; then ``lr`` may be
            ``(N,)`` too. Where the product is 0 in float64, the learning rate is 1e-300.
    """
    lr = rule.lr * mean_brake
    lr = lr.clamp(min=SMALLEST_LR) if isinstance(lr, Tensor) else max(lr, SMALLEST_LR)
    return AdamW(lr, rule.betas, rule.eps, rule.weight_decay)
