"""Prox-SGD as a ``torch.optim.Optimizer``; its equations are written in :mod:`sadam.rules`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from sadam import rules
from sadam.optim.closures import Closure, takes_backward
from sadam.optim.shell import RuleOptimizer


class ProxSGD(RuleOptimizer):
    """Momentum SGD, then the proximal map of ``l1 |x|_1``: :class:`sadam.rules.ProxSGD`.

    With ``l1=0`` it is ``torch.optim.SGD``. A gradient or parameter that is not finite makes its
    own element NaN and no other.

    Args:
        params: Parameters, or groups of them as dictionaries.
        lr: Learning rate, finite and at least 0; a number or a tensor of one.
        momentum: Factor on the sum of gradients so far, in [0, 1).
        l1: Weight of the l1 norm, finite and at least 0; each step shrinks by ``lr * l1``, exactly
            to 0.
        maximize: Step along the gradient instead of against it; the l1 norm shrinks all the same.

    Raises:
        ValueError: If a hyperparameter is out of its range.
        TypeError: If a parameter is complex or of less than 32 bits.
    """

    rule = rules.ProxSGD
    takes_complex = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0.9,
        l1: float = 1e-4,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "l1": l1, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Closure | None = None) -> Any:  # type: ignore[override]
        """Take one step.

        Args:
            closure: Computes the loss and its gradients, and returns the loss; optional.

        Returns:
            What the closure returned.

        Raises:
            RuntimeError: If a gradient is sparse.
            ValueError: If a hyperparameter has been set to something out of its range.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure(backward=True) if takes_backward(closure) else closure()
        work = [(group, self.active(group), self.prepared(group)) for group in self.param_groups]
        for group, params, prepared in work:
            self.move(group, params, prepared.row, None)
        return loss
