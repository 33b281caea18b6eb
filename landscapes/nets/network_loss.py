"""The loss of a network over fixed examples, as an objective on flat parameter vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from landscapes.checks import check_amount
from landscapes.nets.losses import Loss
from landscapes.nets.networks import Network
from landscapes.proximal import soft_threshold

BLOCK_NUMBERS = 1 << 18  # activations held at a time: about what a core's cache takes


class NetworkLoss:
    """An objective ``(..., P) -> (...)``: mean loss over fixed examples, plus ``l1 * |x|_1``.

    It runs in :func:`sadam.engine.run` like any landscape (give that ``smooth=loss.smooth`` and
    ``prox=loss.prox`` for proximal rules) and can be cut by a
    :class:`landscapes.nets.planes.Plane`. Points are floating; one that is not finite changes no
    other's loss.

    Args:
        network: Whose outputs.
        inputs: ``(B, *input)``, B at least 1.
        targets: ``(B,)``: class numbers (whole) or values, not yet encoded.
        loss: Of the outputs; values need the squared one and one output.
        l1: Weight of the l1 term, finite and at least 0.

    Raises:
        ValueError: If the data do not fit the network or the loss, or a number is out of its range.
    """

    def __init__(
        self, network: Network, inputs: Tensor, targets: Tensor, loss: Loss, l1: float = 0.0
    ) -> None:
        if not len(inputs) == len(targets) > 0:
            raise ValueError(
                f"inputs and targets must be as many and at least one, but are {len(inputs)} and "
                f"{len(targets)}"
            )
        check_amount("l1", l1)
        if math.prod(inputs.shape[1:]) != math.prod(network.input_shape):
            raise ValueError(
                f"Invalid inputs: shape {tuple(inputs.shape)}, must be (B, *{network.input_shape})"
            )
        outputs = network.num_outputs
        if targets.is_floating_point():
            if loss.kind != "squared" or outputs > 1:
                raise ValueError(
                    "Invalid targets: values need the squared loss and one output, but there are "
                    f"{outputs} and the loss is {loss.kind}"
                )
        elif not 0 <= int(targets.min()) <= int(targets.max()) < max(2, outputs):
            raise ValueError(
                f"Invalid targets: {int(targets.min())} to {int(targets.max())}, must be class "
                f"numbers from 0 to {max(2, outputs) - 1}"
            )
        self.network, self.loss, self.l1 = network, loss, l1
        self.inputs, self.targets = inputs, targets
        self.block = max(1, BLOCK_NUMBERS // (len(inputs) * max(16, 2 * network.units)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the parameter tensors inside the flat vector, in order."""
        return self.network.sizes

    @property
    def num_parameters(self) -> int:
        """Number P of parameters."""
        return self.network.num_parameters

    @property
    def smooth(self) -> NetworkLoss | None:
        """The objective without its l1 term; None if it has none."""
        return NetworkLoss(self.network, self.inputs, self.targets, self.loss) if self.l1 else None

    def prox(self, x: Tensor, step: float | Tensor) -> Tensor:
        """Return the proximal map of ``step * l1 * |x|_1``, ``(..., P)``; ``step`` at least 0."""
        return soft_threshold(x, step, self.l1)

    def encoded(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return inputs ``(1, B, *input)`` and encoded targets ``(1, B)`` in a floating dtype."""
        targets = self.loss.encode(self.targets, self.network.num_outputs, dtype)
        return self.inputs.to(dtype).unsqueeze(0), targets.unsqueeze(0)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the objective, ``(...)``, for ``x`` of shape ``(..., P)``; differentiable."""
        inputs, targets = self.encoded(x.dtype)
        parts = [
            self.loss.value(self.network.outputs(rows.unsqueeze(0), inputs), targets)[0]
            for rows in x.reshape(-1, x.shape[-1]).split(self.block)
        ]
        value = torch.cat(parts).view(x.shape[:-1])
        return value + self.l1 * x.abs().sum(-1) if self.l1 else value

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective, ``(...)``, and a generalised gradient, ``(..., P)``."""
        inputs, targets = self.encoded(x.dtype)
        values, grads = [], []
        for rows in x.reshape(-1, x.shape[-1]).split(self.block):
            outputs, tape = self.network.forward(rows.unsqueeze(0), inputs)
            value, slope = self.loss.value_and_grad(outputs, targets)
            values.append(value[0])
            grads.append(self.network.backward(tape, slope)[0])
        value, grad = torch.cat(values).view(x.shape[:-1]), torch.cat(grads).view(x.shape)
        if self.l1:
            value, grad = value + self.l1 * x.abs().sum(-1), grad + self.l1 * torch.sign(x)
        return value, grad
