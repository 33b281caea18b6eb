"""Losses of networks: their values, and their gradients by the networks' outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

LossKind = Literal["cross-entropy", "squared"]


@dataclass(frozen=True)
class Loss:
    """The mean over the examples of a loss of each.

    Outputs are ``(S, M, B, out)``, targets ``(S, B)`` as :meth:`encode` returns them::

        cross-entropy, one output   log(1 + exp(-s z)),  s = -1 or 1     (logistic)
        cross-entropy, several      log(sum_j exp(z_j)) - z_y
        squared, one output         (z - t)^2;  for classes t = -1 or 1
        squared, several            mean_j (z_j - [j = y])^2

    Called at every step: shapes, and that there is an example, are not checked. Where a model's
    outputs are NaN so is its loss; infinite ones make it infinite, NaN, or 0 where they are right.

    Raises:
        ValueError: If the kind is not known.
    """

    kind: LossKind = "cross-entropy"

    def __post_init__(self) -> None:
        if self.kind not in get_args(LossKind):
            raise ValueError(f"Invalid loss: {self.kind!r}, must be one of {get_args(LossKind)}")

    def encode(self, targets: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn targets into what the loss is computed with.

        Args:
            targets: Class numbers from 0 (whole; below ``outputs``, or 2 for one), or values
                (floating point; finite), any shape.
            outputs: Number of outputs of the network, at least 1.
            dtype: That of the parameters.

        Returns:
            Two classes at one output: -1 and 1 in ``dtype``. Several outputs: class numbers.
            Values: the same in ``dtype``.
        """
        if targets.is_floating_point():
            return targets.to(dtype)
        return targets if outputs > 1 else (2 * targets - 1).to(dtype)

    def value(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of each model, ``(S, M)``."""
        targets = targets.unsqueeze(1)
        if outputs.shape[-1] == 1:
            z = outputs.squeeze(-1)
            if self.kind == "cross-entropy":
                return functional.logsigmoid(z * targets).mean(-1).neg_()
            return (z - targets).square_().mean(-1)
        if self.kind == "cross-entropy":
            own = torch.log_softmax(outputs, -1).gather(-1, _index(outputs, targets))
            return own.squeeze(-1).mean(-1).neg_()
        return (outputs - _one_hot(outputs, targets)).square_().mean(-1).mean(-1)

    def value_and_grad(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean losses, ``(S, M)``, and their gradient by the outputs, like these."""
        targets, examples = targets.unsqueeze(1), outputs.shape[2]
        if outputs.shape[-1] == 1:
            z = outputs.squeeze(-1)
            if self.kind == "cross-entropy":
                margin = z * targets
                value = functional.logsigmoid(margin).mean(-1).neg_()
                grad = torch.sigmoid(margin.neg_()).mul_(targets / -examples)
            else:
                grad = z - targets
                value = (grad * grad).mean(-1)
                grad.mul_(2 / examples)
            return value, grad.unsqueeze(-1)
        if self.kind == "cross-entropy":
            grad = torch.log_softmax(outputs, -1)
            index = _index(outputs, targets)
            value = grad.gather(-1, index).squeeze(-1).mean(-1).neg_()
            grad.exp_().scatter_add_(-1, index, grad.new_full((), -1.0).expand(index.shape))
            return value, grad.div_(examples)
        grad = outputs - _one_hot(outputs, targets)
        value = (grad * grad).mean(-1).mean(-1)
        return value, grad.mul_(2 / (examples * outputs.shape[-1]))

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return which examples are classified rightly, bool ``(S, M, B)``.

        One output: above 0 is the second class. Several: the largest, the first of equals.
        """
        targets = targets.unsqueeze(1)
        if outputs.shape[-1] == 1:
            return (outputs.squeeze(-1) > 0) == (targets > 0)
        return outputs.argmax(-1) == targets


def _index(outputs: Tensor, targets: Tensor) -> Tensor:
    """Each example's own class, with a trailing axis of 1."""
    return targets.unsqueeze(-1).expand(*outputs.shape[:-1], 1)


def _one_hot(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype)
