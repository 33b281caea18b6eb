"""Networks built of torch.nn alone: the oracle for ours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "hard-tanh": nn.Hardtanh,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}


class RoundedWeights(torch.autograd.Function):
    """Symmetric rounding to ``2^(b-1) - 1`` steps on each side; the gradient is passed on."""

    @staticmethod
    def forward(ctx, w, bits):
        largest = max(abs(float(v)) for v in w.flatten())
        step = largest / (2 ** (bits - 1) - 1)
        levels = [round(float(v) / step) * step for v in w.flatten()]
        return torch.tensor(levels, dtype=w.dtype).view_as(w)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class RoundedActivations(torch.autograd.Function):
    """Rounding of each example by its own largest activation; the gradient is passed on."""

    @staticmethod
    def forward(ctx, a, bits, signed):
        rows = []
        for row in a:
            steps = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
            step = float(row.abs().max()) / steps
            rows.append(torch.round(row / step) * step if step else row)
        return torch.stack(rows)

    @staticmethod
    def backward(ctx, grad):
        return grad, None, None


def sequential(net, params: Tensor) -> nn.Sequential:
    """An MLP of ours as a torch module with the same parameters."""
    layers: list[nn.Module] = []
    widths = net.widths
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), ACTIVATIONS[net.activation]()]
    module = nn.Sequential(*layers[:-1]).to(params.dtype)
    module.load_state_dict(net.unflatten(params))
    return module


def run(net, params: Tensor, x: Tensor) -> tuple[Tensor, nn.Sequential]:
    """Outputs ``(B, out)`` of the oracle, with its module; quantized if the net is."""
    module = sequential(net, params)
    if net.weight_bits is None and net.activation_bits is None:
        return module(x), module
    a = x
    for layer in module:
        if isinstance(layer, nn.Linear):
            w = layer.weight
            if net.weight_bits is not None:
                w = RoundedWeights.apply(w, net.weight_bits)
            a = nn.functional.linear(a, w, layer.bias)
        else:
            a = layer(a)
            if net.activation_bits is not None:
                signed = net.activation not in ("relu", "softplus")
                a = RoundedActivations.apply(a, net.activation_bits, signed)
    return a, module
