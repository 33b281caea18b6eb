"""Matched controls: what tells adaptive braking from a smaller step (MATH.md section 5)."""

from __future__ import annotations

import sys

from torch import Tensor

from sadam.family import Hyper
from sadam.rules import AdamW, SAdam

CONTROL = "matched-"  # label of a matched control: this, and the label of its S-Adam
LARGEST = sys.float_info.max
SMALLEST_LR = 1e-300  # of a control whose S-Adam did not move at all: its mean brake may be 0


def matched_control(rule: SAdam, mean_brake: Hyper) -> AdamW:
    """Return AdamW at ``lr * mean(brake)`` of an S-Adam's run.

    It decays the weights by as much as the S-Adam in every step, ``lr * weight_decay``, which no
    brake reduces (MATH.md section 2): its own ``weight_decay`` is larger by as much as its learning
    rate is smaller. Against a brake that never varies it is thus the same rule.

    Args:
        rule: The S-Adam.
        mean_brake: From 0 to 1: a number, or one for each lane, ``(N,)``; then ``lr`` may be
            ``(N,)`` too. Where the product is 0 in float64, the learning rate is 1e-300.
    """
    lr = _between(rule.lr * mean_brake, SMALLEST_LR, LARGEST)
    decay = rule.weight_decay * _between(rule.lr / lr, 1.0, LARGEST)  # exactly its own at brake 1
    return AdamW(lr, rule.betas, rule.eps, _between(decay, 0.0, LARGEST))


def _between(value: Hyper, low: float, high: float) -> Hyper:
    if isinstance(value, Tensor):
        return value.clamp(low, high)
    return min(max(value, low), high)
