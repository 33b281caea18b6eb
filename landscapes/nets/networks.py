"""Small networks as functions of one flat parameter vector, many models at once.

Axes: ``S`` seeds, each with inputs of its own; ``M`` models of a seed, all on that seed's inputs;
``P`` parameters; ``B`` examples. A flat vector holds the network's tensors one after the other,
each weight ahead of its bias. A linear layer's weight is stored inputs first, ``(in, out)`` row by
row, so that weight and bias together are one matrix ``(in + 1, out)`` and a layer is one
product with inputs that end in a 1. :meth:`Network.unflatten` gives torch's own shapes.

Passes run at every step and check nothing: parameters are floating, S and M of them and of the
inputs agree, and there is at least one of each axis. Where a model's parameters are not finite its
outputs are NaN or infinite (its units count as off); inputs that are not finite spoil their own
example's. No other model's bits change.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscapes.checks import check_whole
from landscapes.nets.layers import ACTIVATIONS, check_activation
from landscapes.nets.quantization import check_bits, fake_quantize

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
    @abstractmethod
    def activation(self) -> str:
        """A key of :data:`landscapes.nets.layers.ACTIVATIONS`."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """The pre-activations at which the activation has kinks."""
        return ACTIVATIONS[self.activation].kinks

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

        Raises:
            ValueError: If the seed is not a whole number of at least 0.
        """
        check_whole("seed", seed)
        generator = np.random.default_rng([seed, 0x1417])
        parts, bound = [], 1.0
        for shape, size in zip(self.shapes.values(), self.sizes, strict=True):
            if len(shape) > 1:  # a bias has the fan-in of the weight ahead of it
                bound = 1 / math.sqrt(math.prod(shape[1:]))
            parts.append(generator.uniform(-bound, bound, size))
        return torch.from_numpy(np.concatenate(parts))

    def unflatten(self, params: Tensor) -> dict[str, Tensor]:
        """Cut a vector ``(P,)`` into its named tensors, with the shapes of ``torch.nn``.

        Raises:
            ValueError: If it has not P numbers.
        """
        if params.shape != (self.num_parameters,):
            raise ValueError(
                f"Invalid params: shape {tuple(params.shape)}, must be ({self.num_parameters},)"
            )
        parts = params.split(list(self.sizes))
        return {
            name: part.view(shape[::-1]).T if len(shape) == 2 else part.view(shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Undo :meth:`unflatten`; ``tensors`` may be a ``state_dict`` of the same names.

        Raises:
            ValueError: If a tensor is missing or of another shape than :attr:`shapes` says.
        """
        for name, shape in self.shapes.items():
            found = tuple(tensors[name].shape) if name in tensors else "missing"
            if found != shape:
                raise ValueError(f"Invalid tensors: {name} is {found}, must be of shape {shape}")
        return torch.cat([(t.T if t.ndim == 2 else t).reshape(-1) for t in
                          (tensors[name] for name in self.shapes)])  # fmt: skip

    @property
    @abstractmethod
    def units(self) -> int:
        """Number of activations for one example: what the memory of a pass goes by."""

    @abstractmethod
    def outputs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """Return ``(S, M, B, out)`` for parameters ``(S, M, P)`` and inputs ``(S, B, *input)``.

        The parameters' dtype rules. Differentiable where the parameters require a gradient.
        """

    @abstractmethod
    def forward(self, params: Tensor, inputs: Tensor) -> tuple[Tensor, Any]:
        """Return the outputs without recording, and what :meth:`backward` needs.

        Arguments as :meth:`outputs`. Both are good until the next call of any method in the same
        thread.
        """

    @abstractmethod
    def backward(self, tape: Any, grad: Tensor) -> Tensor:
        """Return ``(S, M, P)``: the gradient of something whose gradient by the outputs is known.

        Args:
            tape: What :meth:`forward` returned.
            grad: Like the outputs, ``(S, M, B, out)``.
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
        activation: A key of :data:`landscapes.nets.layers.ACTIVATIONS`.
        weight_bits: Fake quantization of the weights (:mod:`landscapes.nets.quantization`, signed,
            one scale for each weight tensor of each model; biases are kept as they are); None:
            none.
        activation_bits: The same for the activations of the hidden layers. Their scale belongs to
            one example's activations in one layer, so that what a network says of an example does
            not depend on the other examples.

    Raises:
        ValueError: If a field is out of its range.
    """

    inputs: int
    hidden: tuple[int, ...]
    num_outputs: int = 1  # type: ignore[bad-override]
    activation: str = "relu"  # type: ignore[bad-override]
    weight_bits: int | None = None
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or not 1 <= len(self.hidden) <= MAX_DEPTH:
            raise ValueError(
                f"Invalid hidden: {str(self.hidden)[:60]}, must be a tuple of 1 to {MAX_DEPTH} "
                "widths"
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
    def quantized(self) -> bool:
        """Whether weights or activations are."""
        return self.weight_bits is not None or self.activation_bits is not None

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, hidden layers, outputs."""
        return (self.inputs, *self.hidden, self.num_outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (self.inputs,)

    @property
    def units(self) -> int:
        """Number of activations for one example."""
        return sum(self.hidden)

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
            return self.forward(params, inputs)[0].clone()
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
        return room.outputs, room

    def backward(self, tape: Any, grad: Tensor) -> Tensor:
        """See :meth:`Network.backward`."""
        return tape.backward(grad)

    def unit_signs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """See :meth:`Network.unit_signs`; layer by layer, all units of a layer per kink."""
        kinks = self.kinks
        signs = [z > kink for z in self.pre_activations(params, inputs) for kink in kinks]
        if not signs:
            return torch.empty(*params.shape[:2], inputs.shape[1], 0, dtype=torch.bool)
        return torch.cat(signs, -1)

    def pre_activations(self, params: Tensor, inputs: Tensor) -> list[Tensor]:
        """Return what the hidden layers' activations are applied to, ``(S, M, B, width)`` each.

        They are good until the next call of any method in the same thread.
        """
        room = self.forward(params, inputs)[1]
        return [room.by_model(z) for z in room.z[:-1]]


class _Room:
    """Buffers for one size of batch, and the arithmetic in them.

    At these sizes a call into torch costs about as much as its arithmetic, and so does new memory:
    every result goes to a place made once, through views made once. Activations are kept with a
    last column of ones, which takes the biases through the same products as the weights. Each model
    has a copy of the inputs, so that every layer is one batched product with one model to a matrix;
    a wide product for all models of a seed was measured to gain nothing over it, and its rounding
    could depend on how many models there are. For the same reason matrices are aligned (see
    :func:`_aligned`) and one model alone runs beside a second, idle one: a batch of one matrix is
    multiplied by other code.
    """

    def __init__(
        self, net: MLP, seeds: int, models: int, examples: int, dtype: torch.dtype
    ) -> None:
        self.net, self.act = net, ACTIVATIONS[net.activation]
        lanes, widths = max(2, seeds * models), net.widths
        self.lead = (seeds, models)
        self.params = _aligned(lanes, (net.num_parameters,), dtype)
        self.params_in = self.by_model(self.params)
        self.layers = net.matrices(self.params)  # views: (lanes, in + 1, out)
        self.weights = [w[:, :-1] for w in self.layers]
        self.weights_t = [w.transpose(1, 2) for w in self.weights]
        self.ones = [_aligned(lanes, (examples, n + 1), dtype) for n in widths[:-1]]
        for a in self.ones:
            a[..., -1] = 1
        self.ones_t = [a.transpose(1, 2) for a in self.ones]
        self.x = self.by_model(self.ones[0][..., :-1])
        self.a = [a[..., :-1] for a in self.ones[1:]]
        self.z = [_aligned(lanes, (examples, n), dtype) for n in widths[1:]]
        self.raw = self.a if net.activation_bits is None else [torch.empty_like(a) for a in self.a]
        self.outputs = self.by_model(self.z[-1])

    def by_model(self, lanes: Tensor) -> Tensor:
        """View a buffer ``(lanes, ...)`` as ``(S, M, ...)``."""
        return lanes[: math.prod(self.lead)].view(*self.lead, *lanes.shape[1:])

    def run(self, params: Tensor, inputs: Tensor) -> None:
        """Forward pass."""
        net, act = self.net, self.act
        self.params_in.copy_(params)
        if net.weight_bits is not None:
            for w in self.weights:
                fake_quantize(w, net.weight_bits, (-2, -1), out=w)
        self.x.copy_(inputs.flatten(2).unsqueeze(1))
        torch.bmm(self.ones[0], self.layers[0], out=self.z[0])
        for i, a in enumerate(self.a):
            act.into(self.z[i], self.raw[i])
            if net.activation_bits is not None:
                fake_quantize(self.raw[i], net.activation_bits, -1, signed=act.signed, out=a)
            torch.bmm(self.ones[i + 1], self.layers[i + 1], out=self.z[i + 1])

    @cached_property
    def _slopes(self) -> tuple[list[Tensor], list[Tensor]]:
        """Buffers that only a gradient needs: by the units of each layer, and by the layers."""
        by_units = [_aligned(len(z), z.shape[1:], z.dtype) for z in self.z]
        return by_units, [_aligned(len(w), w.shape[1:], w.dtype) for w in self.layers]

    @cached_property
    def _gradient(self) -> list[Tensor]:
        return [self.by_model(dw).flatten(2) for dw in self._slopes[1]]

    def backward(self, grad: Tensor) -> Tensor:
        """Backward pass through what :meth:`run` left here."""
        by_units, dw = self._slopes
        d = by_units[-1]
        self.by_model(d).copy_(grad)
        for i in range(len(self.a) - 1, -1, -1):
            torch.bmm(self.ones_t[i + 1], d, out=dw[i + 1])
            d = torch.bmm(d, self.weights_t[i + 1], out=by_units[i])
            self.act.backward(d, self.z[i], self.raw[i], d)
        torch.bmm(self.ones_t[0], d, out=dw[0])
        return torch.cat(self._gradient, -1)


_ALIGNMENT = 64  # bytes; also what torch gives a tensor's memory


def _aligned(lanes: int, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Zeros ``(lanes, *shape)``, each lane contiguous and at a multiple of 64 bytes.

    How MKL rounds a product depends, on some processors, on where its matrices lie in a cache line:
    in memory without gaps that is another place for each lane.
    """
    size = math.prod(shape)
    stride = -(-size * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT // dtype.itemsize
    return torch.zeros(lanes, stride, dtype=dtype)[:, :size].unflatten(1, tuple(shape))


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
