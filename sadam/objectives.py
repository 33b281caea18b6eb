"""What the core asks of an objective: its value, and a gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
ValueAndGrad = Callable[[Tensor], tuple[Tensor, Tensor]]


def value_and_grad_of(objective: Function) -> ValueAndGrad:
    """Return the objective's own ``value_and_grad``, or one that differentiates it by autograd.

    It takes points ``(..., D)`` of a floating dtype to values ``(...)`` and gradients ``(..., D)``;
    that the objective keeps to these shapes is not checked. Where f is not finite its gradient is
    what autograd says, which may be any number; one that does not depend on ``x`` has gradient 0.
    """
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
