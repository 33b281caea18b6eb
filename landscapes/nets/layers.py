"""Activations of networks: forward, backward, and where they have kinks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

ActivationName = Literal["relu", "leaky-relu", "hard-tanh", "tanh", "softplus"]
LEAK = 0.01  # slope of leaky ReLU to the left, as in torch.nn.LeakyReLU


@dataclass(frozen=True)
class Activation:
    """An elementwise nonlinearity, with the conventions of ``torch.nn``.

    Attributes:
        forward: ``forward(z)``, differentiable.
        into: ``into(z, out)``: the same without recording, written into ``out``.
        backward: ``backward(grad, z, a, out)``: ``grad * f'(z)`` into ``out``, from the
            pre-activation ``z`` and the activation ``a = f(z)``, whichever is handier.
        unit: A pre-activation at which it is 1; softplus is to the last bit but one.
        kinks: The pre-activations at which it is not differentiable.
        slopes: Its slope on each of the intervals that the kinks cut the line into; empty for a
            smooth one. With ``offsets`` it says the whole function.
        offsets: ``f(z) = slope * z + offset`` on each interval.
        signed: Whether it takes negative values.
    """

    forward: Callable[[Tensor], Tensor]
    into: Callable[[Tensor, Tensor], Any]
    backward: Callable[[Tensor, Tensor, Tensor, Tensor], Any]
    unit: float
    kinks: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    signed: bool = True


_aten = torch.ops.aten

ACTIVATIONS: MappingProxyType[str, Activation] = MappingProxyType(
    {
        "relu": Activation(
            forward=torch.relu,
            into=lambda z, out: torch.clamp_min(z, 0, out=out),
            backward=lambda grad, z, a, out: _aten.threshold_backward.grad_input(
                grad, z, 0, grad_input=out
            ),
            unit=1.0,
            kinks=(0.0,),
            slopes=(0.0, 1.0),
            offsets=(0.0, 0.0),
            signed=False,
        ),
        "leaky-relu": Activation(
            forward=lambda z: functional.leaky_relu(z, LEAK),
            into=lambda z, out: _aten.leaky_relu.out(z, LEAK, out=out),
            backward=lambda grad, z, a, out: _aten.leaky_relu_backward.grad_input(
                grad, z, LEAK, False, grad_input=out
            ),
            unit=1.0,
            kinks=(0.0,),
            slopes=(LEAK, 1.0),
            offsets=(0.0, 0.0),
        ),
        "hard-tanh": Activation(
            forward=functional.hardtanh,
            into=lambda z, out: torch.clamp(z, -1, 1, out=out),
            backward=lambda grad, z, a, out: _aten.hardtanh_backward.grad_input(
                grad, z, -1, 1, grad_input=out
            ),
            unit=1.0,
            kinks=(-1.0, 1.0),
            slopes=(0.0, 1.0, 0.0),
            offsets=(-1.0, 0.0, 1.0),
        ),
        "tanh": Activation(
            forward=torch.tanh,
            into=lambda z, out: torch.tanh(z, out=out),
            backward=lambda grad, z, a, out: _aten.tanh_backward.grad_input(
                grad, a, grad_input=out
            ),
            unit=30.0,
        ),
        "softplus": Activation(
            forward=functional.softplus,
            into=lambda z, out: _aten.softplus.out(z, 1, 20, out=out),
            backward=lambda grad, z, a, out: _aten.softplus_backward.grad_input(
                grad, z, 1, 20, grad_input=out
            ),
            unit=math.log(math.e - 1),
            signed=False,
        ),
    }
)


def check_activation(name: str) -> None:
    """Check the name of an activation.

    Raises:
        ValueError: If there is none of that name.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"Invalid activation: {name!r}, must be one of {get_args(ActivationName)}")
