"""A small convolutional network, many models at once: axes as in :mod:`landscapes.nets.networks`.

Parameters are ``(S, M, P)`` and inputs ``(S, B, *input)``, of as many seeds.
All models' convolutions are one grouped convolution: the models' feature maps lie side by side in
the channels. Measured against unfolding into matrix products and against a loop over the models, it
was the fastest or near it at every size tried, 2 to 5 times faster than unfolding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from landscapes.nets.layers import ACTIVATIONS, check_activation
from landscapes.nets.networks import MAX_DEPTH, MAX_WIDTH, Network
from landscapes.nets.quantization import check_bits, fake_quantize


@dataclass(frozen=True)
class ConvNet(Network):
    """Blocks of 3 x 3 convolution, activation and 2 x 2 average pooling, then a linear layer.

    As in ``torch.nn``: ``Conv2d(c, d, 3, padding=1), activation, AvgPool2d(2), ..., Flatten(),
    Linear``. A side of 1 is not pooled. Averages are smooth: the activations are the only kinks.

    Args:
        input_shape: ``(channels, height, width)`` of one example; flat examples of as many numbers
            are taken row by row.
        channels: Channels of the blocks: 1 to 4 of them, each 1 to 128.
        num_outputs: Number of outputs.
        activation: A key of :data:`landscapes.nets.layers.ACTIVATIONS`.
        weight_bits: Fake quantization of the weights, one scale for each weight tensor of each
            model (biases are kept as they are); None: none.
        activation_bits: The same for what the activations give, before pooling; one scale for each
            example's activations in one block.

    Raises:
        ValueError: If a field is out of its range.
    """

    input_shape: tuple[int, ...] = (3, 32, 32)  # type: ignore[bad-override]
    channels: tuple[int, ...] = (8, 16)
    num_outputs: int = 10  # type: ignore[bad-override]
    activation: str = "relu"  # type: ignore[bad-override]
    weight_bits: int | None = None
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        shape = self.input_shape
        whole = isinstance(shape, tuple) and all(isinstance(n, int) and n > 0 for n in shape)
        if not whole or len(shape) != 3:
            raise ValueError(
                f"Invalid input_shape: {shape!r}, must be (channels, height, width), all at least 1"
            )
        if not isinstance(self.channels, tuple) or not 1 <= len(self.channels) <= MAX_DEPTH:
            raise ValueError(
                f"Invalid channels: {self.channels!r}, must be a tuple of 1 to {MAX_DEPTH} numbers"
            )
        for width in self.channels:
            if not isinstance(width, int) or not 1 <= width <= MAX_WIDTH:
                raise ValueError(f"Invalid channels: {width!r}, must lie between 1 and {MAX_WIDTH}")
        if not isinstance(self.num_outputs, int) or self.num_outputs < 1:
            raise ValueError(f"Invalid num_outputs: {self.num_outputs!r}, must be at least 1")
        check_activation(self.activation)
        check_bits("weight_bits", self.weight_bits)
        check_bits("activation_bits", self.activation_bits)

    @property
    def _sides(self) -> list[tuple[int, int]]:
        """Height and width ahead of each block, and after the last."""
        sides = [(self.input_shape[1], self.input_shape[2])]
        for _ in self.channels:
            height, width = sides[-1]
            sides.append((max(1, height // 2), max(1, width // 2)))
        return sides

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As in ``torch.nn.Sequential(Conv2d, activation, AvgPool2d, ..., Flatten, Linear)``."""
        found: dict[str, tuple[int, ...]] = {}
        fan_in = self.input_shape[0]
        for i, width in enumerate(self.channels):
            found[f"{3 * i}.weight"], found[f"{3 * i}.bias"] = (width, fan_in, 3, 3), (width,)
            fan_in = width
        height, width = self._sides[-1]
        last = 3 * len(self.channels) + 1
        found[f"{last}.weight"] = (self.num_outputs, fan_in * height * width)
        found[f"{last}.bias"] = (self.num_outputs,)
        return found

    @property
    def units(self) -> int:
        """Number of activations for one example."""
        return sum(c * h * w for c, (h, w) in zip(self.channels, self._sides, strict=False))

    def outputs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """See :meth:`Network.outputs`."""
        return self._run(params, inputs, [])

    def forward(self, params: Tensor, inputs: Tensor) -> tuple[Tensor, Any]:
        """See :meth:`Network.forward`; the backward pass is autograd's."""
        with torch.enable_grad():
            leaf = params.detach().requires_grad_()
            outputs = self._run(leaf, inputs, [])
        return outputs.detach(), (leaf, outputs)

    def backward(self, tape: Any, grad: Tensor) -> Tensor:
        """See :meth:`Network.backward`."""
        leaf, outputs = tape
        return torch.autograd.grad(outputs, leaf, grad)[0]

    def unit_signs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """See :meth:`Network.unit_signs`; block by block, channels, rows, columns."""
        pre: list[Tensor] = []
        self._run(params.detach(), inputs, pre)
        kinks = self.kinks
        signs = [z.flatten(3) > kink for z in pre for kink in kinks]
        if not signs:
            return torch.empty(*params.shape[:2], inputs.shape[1], 0, dtype=torch.bool)
        return torch.cat(signs, -1)

    def _run(self, params: Tensor, inputs: Tensor, pre: list[Tensor]) -> Tensor:
        """The outputs; the pre-activations, ``(S, M, B, C, H, W)`` each, are put into ``pre``."""
        seeds, models, examples = *params.shape[:2], inputs.shape[1]
        lanes, act = seeds * models, ACTIVATIONS[self.activation]
        parts = iter(params.split(list(self.sizes), -1))
        # (B, seeds or lanes times channels, H, W): whoever shares a group sits side by side
        a = inputs.to(params.dtype).reshape(seeds, examples, *self.input_shape)
        a = a.transpose(0, 1).flatten(1, 2)
        groups, fan_in = seeds, self.input_shape[0]
        for width in self.channels:
            weight = next(parts).reshape(lanes, -1)
            if self.weight_bits is not None:
                weight = fake_quantize(weight, self.weight_bits, -1)
            z = functional.conv2d(
                a,
                weight.reshape(lanes * width, fan_in, 3, 3),
                next(parts).reshape(-1),
                padding=1,
                groups=groups,
            )
            pre.append(z.detach().unflatten(1, (seeds, models, width)).movedim(0, 2))
            a = act.forward(z)
            if self.activation_bits is not None:
                each = a.unflatten(1, (lanes, width))
                each = fake_quantize(each, self.activation_bits, (2, 3, 4), signed=act.signed)
                a = each.flatten(1, 2)
            a = functional.avg_pool2d(a, (min(2, a.shape[2]), min(2, a.shape[3])))
            groups, fan_in = lanes, width
        flat = a.unflatten(1, (lanes, fan_in)).transpose(0, 1).flatten(2)  # (lanes, B, features)
        weight = next(parts).reshape(lanes, flat.shape[-1], self.num_outputs)
        if self.weight_bits is not None:
            weight = fake_quantize(weight, self.weight_bits, (-2, -1))
        bias = next(parts).reshape(lanes, 1, self.num_outputs)
        return torch.baddbmm(bias, flat, weight).view(seeds, models, examples, -1)
