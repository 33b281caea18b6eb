"""The convolutional network against torch.nn, and the batch against its members."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.convnet import ConvNet
from landscapes.nets.training_problem import TrainingProblem

CASES = [
    ConvNet((3, 8, 8), (4, 5), 3),
    ConvNet((1, 6, 5), (3,), 1, "leaky-relu"),
    ConvNet((2, 9, 8), (2, 3, 4, 2), 4, "hard-tanh"),
    ConvNet((1, 1, 12), (3, 2), 2, "tanh"),
    ConvNet((3, 8, 8), (4, 5), 3, weight_bits=2),
    ConvNet((3, 8, 8), (4, 5), 3, "softplus", weight_bits=3, activation_bits=4),
]
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "hard-tanh": nn.Hardtanh,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}


def models(net, seeds=2, count=3, examples=5):
    generator = torch.Generator().manual_seed(1)
    params = torch.stack(
        [torch.stack([net.init(10 * s + m) for m in range(count)]) for s in range(seeds)]
    )
    shape = (seeds, examples, *net.input_shape)
    return params, torch.randn(shape, generator=generator, dtype=torch.float64)


def straight_through(rounded, exact):
    return exact + (rounded - exact).detach()


def theirs(net, params, x):
    """Outputs ``(B, out)`` of torch.nn modules, rounded where the net is, and their parameters."""
    layers, shape = [], list(net.input_shape)
    for width in net.channels:
        side = tuple(min(2, n) for n in shape[1:])
        layers += [nn.Conv2d(shape[0], width, 3, padding=1), ACTIVATIONS[net.activation]()]
        layers += [nn.AvgPool2d(side)]
        shape = [width, *(n // k for n, k in zip(shape[1:], side, strict=True))]
    layers += [nn.Flatten(), nn.Linear(int(np.prod(shape)), net.num_outputs)]
    module = nn.Sequential(*layers).double()
    module.load_state_dict(net.unflatten(params))
    named = dict(module.named_parameters())
    used = dict(named)
    if net.weight_bits:
        for name, w in named.items():
            if name.endswith("weight"):
                step = w.abs().max() / (2 ** (net.weight_bits - 1) - 1)
                used[name] = straight_through((w / step).round() * step, w)
    if net.activation_bits:  # an unsigned activation is the only one tried

        def rounded(_, __, a):
            peak = a.detach().flatten(1).max(1).values.view(-1, 1, 1, 1)
            step = peak / (2**net.activation_bits - 1)
            return straight_through((a / step).round() * step, a)

        for layer in module:
            if isinstance(layer, ACTIVATIONS[net.activation]):
                layer.register_forward_hook(rounded)
    return torch.func.functional_call(module, used, x), named


@pytest.mark.parametrize("net", CASES, ids=str)
def test_outputs_and_gradients_are_those_of_torch_nn(net):
    params, x = models(net)
    outputs, tape = net.forward(params, x)
    weights = torch.linspace(-1, 2, outputs.numel(), dtype=torch.float64).view_as(outputs)
    grad = net.backward(tape, weights)
    for s, m in np.ndindex(2, 3):
        expected, named = theirs(net, params[s, m], x[s])
        torch.testing.assert_close(outputs[s, m], expected.detach(), rtol=0, atol=1e-13)
        (expected * weights[s, m]).sum().backward()
        flat = net.flatten({n: p.grad for n, p in named.items()})
        torch.testing.assert_close(grad[s, m], flat, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("net", CASES, ids=str)
def test_a_model_does_not_see_its_neighbours(net):
    params, x = models(net, 3, 6)
    outputs, tape = net.forward(params, x)
    grad = net.backward(tape, torch.ones_like(outputs))
    alone, tape = net.forward(params[1:2, 4:5], x[1:2])
    torch.testing.assert_close(alone[0, 0], outputs[1, 4], rtol=0, atol=1e-13)
    own = net.backward(tape, torch.ones_like(alone))
    torch.testing.assert_close(own[0, 0], grad[1, 4], rtol=0, atol=1e-12)


def test_float32_stays_float32_and_agrees():
    net = CASES[0]
    params, x = models(net)
    single = net.outputs(params.float(), x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), net.outputs(params, x), rtol=0, atol=1e-6)


def test_unit_signs_are_those_of_the_convolutions():
    net = CASES[0]
    params, x = models(net)
    signs = net.unit_signs(params, x)
    assert signs.shape == (2, 3, 5, net.units) == (2, 3, 5, 4 * 64 + 5 * 16)
    weight = net.unflatten(params[1, 2])
    z = nn.functional.conv2d(x[1], weight["0.weight"], weight["0.bias"], padding=1)
    assert torch.equal(signs[1, 2, :, :256], z.flatten(1) > 0)
    assert CASES[3].unit_signs(*models(CASES[3])).shape[-1] == 0


def test_it_takes_flat_examples_row_by_row():
    net = ConvNet((1, 8, 8), (2,), 10)
    problem = TrainingProblem(net, load(DataSpec("digits", n=100)), [0], batch_size=5)
    batch = problem.minibatch(0)
    params = problem.init().unsqueeze(1)
    images = batch.inputs.view(1, 5, 1, 8, 8)
    assert torch.equal(net.outputs(params, batch.inputs), net.outputs(params, images))
    value, grad = problem.value_and_grad(params, batch)
    assert value.shape == (1, 1)
    assert grad.shape == params.shape


def test_sizes_and_shapes_fit_and_unflatten_can_be_undone():
    for net in CASES:
        params = net.init(2)
        tensors = net.unflatten(params)
        assert [t.numel() for t in tensors.values()] == list(net.sizes)
        assert torch.equal(net.flatten(tensors), params)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"input_shape": (64,)}, "Invalid input_shape: (64,)"),
        ({"input_shape": (1, 0, 4)}, "all at least 1"),
        ({"channels": ()}, "1 to 4"),
        ({"channels": (0,)}, "Invalid channels: 0"),
        ({"num_outputs": 0}, "Invalid num_outputs: 0"),
        ({"activation": "swish"}, "Invalid activation: 'swish'"),
        ({"weight_bits": 1}, "Invalid weight_bits: 1 bit"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(fields, said):
    with pytest.raises(ValueError, match="Invalid") as caught:
        ConvNet(**fields)
    assert said in str(caught.value)
