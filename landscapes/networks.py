"""Small networks as functions of one flat parameter vector, many models at once.

Axes: ``S`` seeds, each with inputs of its own; ``M`` models of a seed, all on that seed's inputs;
``P`` parameters; ``B`` examples. A flat vector holds the network's tensors one after the other,
each weight ahead of its bias. A linear layer's weight is stored inputs first, ``(in, out)`` row by
row, so that weight and bias together are one matrix ``(in + 1, out)`` and a layer is one
product with inputs that end in a 1. :meth:`Network.unflatten` gives torch's own shapes.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscapes.layers import ACTIVATIONS, check_activation
from landscapes.quantization import check_bits, fake_quantize

MAX_WIDTH, MAX_DEPTH = 128, 4


class Network(ABC):
    """A network's shape: what a flat parameter vector means."""

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Number of outputs."""

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameter tensors as in ``torch.nn``, in the vector's order."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the parameter tensors inside the flat vector, in order."""
        return tuple(math.prod(shape) for shape in self.shapes.values())

    @property
    def num_parameters(self) -> int:
        """Number P of parameters."""
        return sum(self.sizes)

    def init(self, seed: int) -> Tensor:
        """Draw parameters as ``torch.nn.Linear`` and ``torch.nn.Conv2d`` do.

        Weights and biases are uniform in ``[-1, 1] / sqrt(fan_in)``.

        Args:
            seed: At least 0.

        Returns:
            Shape ``(P,)``, float64.
        """
        generator = np.random.default_rng([seed, 0x1417])
        parts, bound = [], 1.0
        for shape, size in zip(self.shapes.values(), self.sizes, strict=True):
            if len(shape) > 1:  # a bias has the fan-in of the weight ahead of it
                bound = 1 / math.sqrt(math.prod(shape[1:]))
            parts.append(generator.uniform(-bound, bound, size))
        return torch.from_numpy(np.concatenate(parts))

    def unflatten(self, params: Tensor) -> dict[str, Tensor]:
        """Cut a vector ``(P,)`` into its named tensors, with the shapes of ``torch.nn``."""
        parts = params.split(list(self.sizes))
        return {
            name: part.view(shape[::-1]).T if len(shape) == 2 else part.view(shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Undo :meth:`unflatten`; ``tensors`` may be a ``state_dict`` of the same names."""
        return torch.cat([(t.T if t.ndim == 2 else t).reshape(-1) for t in
                          (tensors[name] for name in self.shapes)])  # fmt: skip

    @abstractmethod
    def outputs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """Return ``(S, M, B, out)`` for parameters ``(S, M, P)`` and inputs ``(S, B, *input)``.

        The parameters' dtype rules. Differentiable where the parameters require a gradient.
        """

    @abstractmethod
    def forward(self, params: Tensor, inputs: Tensor) -> tuple[Tensor, Any]:
        """Return the outputs without recording, and what :meth:`backward` needs.

        The second is good until the next call of any method in the same thread.
        """

    @abstractmethod
    def backward(self, tape: Any, grad: Tensor) -> Tensor:
        """Return ``(S, M, P)``: the gradient of something whose gradient by the outputs is known.

        Args:
            tape: What :meth:`forward` returned.
            grad: Like the outputs.
        """

    @abstractmethod
    def unit_signs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """Return on which side of its kinks each unit is, bool ``(S, M, B, units)``.

        One unit for each kink of each activation (two for hard tanh); none for a smooth one.
        """


@dataclass(frozen=True)
class MLP(Network):
    """A multilayer perceptron: linear layers with an activation between each two.

    Args:
        inputs: Number of inputs.
        hidden: Widths of the hidden layers: 1 to 4 of them, each 1 to 128.
        num_outputs: Number of outputs.
        activation: A key of :data:`landscapes.layers.ACTIVATIONS`.
        weight_bits: Fake quantization of the weights (:mod:`landscapes.quantization`, signed, one
            scale for each weight tensor of each model; biases are kept as they are); None: none.
        activation_bits: The same for the activations of the hidden layers. Their scale belongs to
            one example's activations in one layer, so that what a network says of an example does
            not depend on the other examples.

    Raises:
        ValueError: If a field is out of its range.
    """

    inputs: int
    hidden: tuple[int, ...]
    num_outputs: int = 1  # type: ignore[bad-override]
    activation: str = "relu"
    weight_bits: int | None = None
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or not 1 <= len(self.hidden) <= MAX_DEPTH:
            raise ValueError(
                f"Invalid hidden: {self.hidden!r}, must be a tuple of 1 to {MAX_DEPTH} widths"
            )
        for width in self.hidden:
            if not isinstance(width, int) or not 1 <= width <= MAX_WIDTH:
                raise ValueError(f"Invalid width: {width!r}, must lie between 1 and {MAX_WIDTH}")
        for name in ("inputs", "num_outputs"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"Invalid {name}: {getattr(self, name)!r}, must be at least 1")
        check_activation(self.activation)
        check_bits("weight_bits", self.weight_bits)
        check_bits("activation_bits", self.activation_bits)

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, hidden layers, outputs."""
        return (self.inputs, *self.hidden, self.num_outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.inputs,)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As in ``torch.nn.Sequential(Linear, activation, Linear, ...)``."""
        found: dict[str, tuple[int, ...]] = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(self.widths)):
            found[f"{2 * i}.weight"] = (fan_out, fan_in)
            found[f"{2 * i}.bias"] = (fan_out,)
        return found

    def matrices(self, params: Tensor) -> list[Tensor]:
        """Views of the layers, weight and bias in one: ``(..., in + 1, out)`` each."""
        ends = [(i + 1) * o for i, o in pairwise(self.widths)]
        return [
            part.unflatten(-1, (i + 1, o))
            for part, (i, o) in zip(params.split(ends, -1), pairwise(self.widths), strict=True)
        ]

    def outputs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """See :meth:`Network.outputs`."""
        if not (params.requires_grad and torch.is_grad_enabled()):
            return self.forward(params, inputs)[0]
        act = ACTIVATIONS[self.activation]
        a = inputs.to(params.dtype).flatten(2).unsqueeze(1)
        for i, w in enumerate(self.matrices(params)):
            if i:
                a = act.forward(a)
                if self.activation_bits:
                    a = fake_quantize(a, self.activation_bits, -1, signed=act.signed)
            weight, bias = w[..., :-1, :], w[..., -1:, :]
            if self.weight_bits:
                weight = fake_quantize(weight, self.weight_bits, (-2, -1))
            a = a @ weight + bias
        return a

    def forward(self, params: Tensor, inputs: Tensor) -> tuple[Tensor, Any]:
        """See :meth:`Network.forward`."""
        room = _room(self, params, inputs)
        room.run(params.detach(), inputs)
        return room.outputs.clone(), room

    def backward(self, tape: Any, grad: Tensor) -> Tensor:
        """See :meth:`Network.backward`."""
        return tape.backward(grad)

    def unit_signs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """See :meth:`Network.unit_signs`; layer by layer, all units of a layer per kink."""
        room = _room(self, params, inputs)
        room.run(params.detach(), inputs)
        kinks = ACTIVATIONS[self.activation].kinks
        signs = [z > kink for z in room.pre for kink in kinks]
        if not signs:
            return torch.empty(*params.shape[:2], inputs.shape[1], 0, dtype=torch.bool)
        return torch.cat(signs, -1)


class _Room:
    """Buffers for one size of batch, and the arithmetic in them.

    At these sizes a call into torch costs about as much as its arithmetic, and so does new memory:
    every result goes to a place made once. Activations are kept with a last column of ones, which
    takes the biases through the same products as the weights.
    """

    def __init__(
        self, net: MLP, seeds: int, models: int, examples: int, dtype: torch.dtype
    ) -> None:
        self.net, self.act = net, ACTIVATIONS[net.activation]
        lanes, widths = seeds * models, net.widths
        empty = lambda *shape: torch.empty(shape, dtype=dtype)  # noqa: E731
        self.shape = (seeds, models, examples)
        self.x = torch.ones(seeds, examples, widths[0] + 1, dtype=dtype)
        self.x_t = self.x.transpose(1, 2)
        self.x_in = self.x[..., :-1]
        # The first layer: all models of a seed side by side, one product.
        first = widths[1]
        self.w = empty(seeds, widths[0] + 1, models, first)
        self.w_flat = self.w.view(seeds, widths[0] + 1, models * first)
        self.z_flat = empty(seeds, examples, models * first)
        z_first = self.z_flat.view(seeds, examples, models, first).transpose(1, 2)
        hidden = net.hidden
        self.z = [empty(lanes, examples, n) for n in (*hidden[1:], net.num_outputs)]
        self.pre = [z_first, *(z.view(*self.shape, -1) for z in self.z[:-1])]
        self.outputs = self.z[-1].view(*self.shape, -1)
        self.ones = [torch.ones(lanes, examples, n + 1, dtype=dtype) for n in hidden]
        self.ones_t = [a.transpose(1, 2) for a in self.ones]
        self.a = [a.view(*self.shape, -1)[..., :-1] for a in self.ones]
        exact = net.activation_bits is None
        self.raw = self.a if exact else [empty(*a.shape) for a in self.a]  # before rounding
        self.quantized = [empty(lanes, i + 1, o) for i, o in pairwise(widths)]
        self.weights: list[Tensor] = []
        self._backward_ready = False

    def _prepare_backward(self) -> None:
        """Make the buffers that only a gradient needs."""
        seeds, models, examples = self.shape
        lanes, widths, hidden = seeds * models, self.net.widths, self.net.hidden
        new = self.x.new_empty
        self.da = [new(lanes, examples, n) for n in hidden]
        self.da_views = [d.view(*self.shape, -1) for d in self.da]
        self.dz_flat = new(seeds, examples, models * hidden[0])
        first = self.dz_flat.view(seeds, examples, models, hidden[0]).transpose(1, 2)
        self.dz = [new(lanes, examples, n) for n in hidden[1:]]
        self.dz_views = [first, *(d.view(*self.shape, -1) for d in self.dz)]
        self.dw_flat = new(seeds, widths[0] + 1, models * hidden[0])
        self.dw_first = self.dw_flat.view(seeds, -1, models, hidden[0]).transpose(1, 2)
        self.dw = [new(lanes, i + 1, o) for i, o in zip(hidden, widths[2:], strict=True)]
        self.dw_views = [d.view(seeds, models, -1) for d in self.dw]
        self._backward_ready = True

    def run(self, params: Tensor, inputs: Tensor) -> None:
        """Forward pass."""
        bits = self.net.activation_bits
        self.x_in.copy_(inputs.flatten(2))
        self.weights = self._weights(params)
        self.w.copy_(
            self.weights[0].view(*self.shape[:2], *self.weights[0].shape[1:]).transpose(1, 2)
        )
        torch.bmm(self.x, self.w_flat, out=self.z_flat)
        for pre, raw, a, ones, w, z in zip(
            self.pre, self.raw, self.a, self.ones, self.weights[1:], self.z, strict=True
        ):
            self.act.into(pre, raw)
            if bits:
                fake_quantize(raw, bits, -1, signed=self.act.signed, out=a)
            torch.bmm(ones, w, out=z)

    def _weights(self, params: Tensor) -> list[Tensor]:
        matrices = self.net.matrices(params.reshape(-1, params.shape[-1]))
        if self.net.weight_bits is None:
            return matrices
        for w, q in zip(matrices, self.quantized, strict=True):
            fake_quantize(w[:, :-1], self.net.weight_bits, (-2, -1), out=q[:, :-1])
            q[:, -1] = w[:, -1]
        return self.quantized

    def backward(self, grad: Tensor) -> Tensor:
        """Backward pass through what :meth:`run` left here."""
        if not self._backward_ready:
            self._prepare_backward()
        last = len(self.dw) - 1
        d = grad.reshape(-1, *grad.shape[2:])
        for i in range(last, -1, -1):
            torch.bmm(self.ones_t[i], d, out=self.dw[i])
            torch.bmm(d, self.weights[i + 1][:, :-1].transpose(1, 2), out=self.da[i])
            self.act.backward(self.da_views[i], self.pre[i], self.raw[i], self.dz_views[i])
            if i:
                d = self.dz[i - 1]
        torch.bmm(self.x_t, self.dz_flat, out=self.dw_flat)
        first = self.dw_first.reshape(*self.shape[:2], -1)
        return torch.cat([first, *self.dw_views], -1)


class _Rooms(threading.local):
    """Each thread's latest buffers: two threads must not write into the same."""

    def __init__(self) -> None:
        self.latest: OrderedDict[tuple, _Room] = OrderedDict()


_rooms = _Rooms()
_KEPT = 6  # sizes of batch that take turns: steps, their probes, evaluation on each split


def _room(net: MLP, params: Tensor, inputs: Tensor) -> _Room:
    key = (net, params.shape[0], params.shape[1], inputs.shape[1], params.dtype)
    latest = _rooms.latest
    room = latest.pop(key, None)
    if room is None:
        room = _Room(*key)
        while len(latest) >= _KEPT:
            latest.popitem(last=False)
    latest[key] = room
    return room
