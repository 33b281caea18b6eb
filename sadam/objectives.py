"""What the core asks of an objective: its value, and a gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
ValueAndGrad = Callable[[Tensor], tuple[Tensor, Tensor]]


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
