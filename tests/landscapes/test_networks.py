"""Multilayer perceptrons against torch.nn, and the batch against its members."""

from __future__ import annotations

import importlib.util
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from landscapes.nets.layers import ACTIVATIONS
from landscapes.nets.losses import Loss
from landscapes.nets.networks import MLP
from landscapes.nets.quantization import fake_quantize

_spec = importlib.util.spec_from_file_location("nets", Path(__file__).with_name("nets.py"))
nets = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(nets)


def models(net, seeds=2, count=3, examples=7, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    params = torch.stack(
        [torch.stack([net.init(10 * s + m) for m in range(count)]) for s in range(seeds)]
    )
    params += 0.3 * torch.randn(params.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(seeds, examples, net.inputs, generator=generator, dtype=torch.float64)
    return params.to(dtype), x.to(dtype)


CASES = [
    *[MLP(3, (5, 4), 2, name) for name in ACTIVATIONS],
    *[MLP(3, hidden, 1) for hidden in [(6,), (4, 5, 3), (3, 4, 5, 2), (1,)]],
    *[MLP(2, (6, 5), 3, name, weight_bits=b) for name in ACTIVATIONS for b in (2, 8)],
    *[MLP(2, (6, 5), 1, name, activation_bits=b) for name in ACTIVATIONS for b in (2, 3)],
    *[MLP(2, (6, 5), 1, name, weight_bits=4, activation_bits=4) for name in ACTIVATIONS],
]


def check_against_torch_nn(net, dtype, tolerance):
    params, x = models(net, dtype=dtype)
    outputs, tape = net.forward(params, x)
    outputs = outputs.clone()
    weights = torch.linspace(-1, 2, outputs.numel(), dtype=dtype).view_as(outputs)
    grad = net.backward(tape, weights)
    assert outputs.dtype == grad.dtype == dtype
    for s, m in np.ndindex(2, 3):
        theirs, module = nets.run(net, params[s, m], x[s])
        torch.testing.assert_close(outputs[s, m], theirs.detach(), rtol=0, atol=tolerance)
        (theirs * weights[s, m]).sum().backward()
        flat = net.flatten({n: p.grad for n, p in module.named_parameters()})
        torch.testing.assert_close(grad[s, m], flat, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("net", CASES, ids=str)
def test_outputs_and_gradients_are_those_of_torch_nn(net):
    check_against_torch_nn(net, torch.float64, 1e-13)


@pytest.mark.parametrize("net", CASES[:9], ids=str)
def test_in_float32_too(net):
    check_against_torch_nn(net, torch.float32, 3e-6)


@pytest.mark.parametrize("net", CASES, ids=str)
def test_autograd_through_outputs_gives_the_same_gradient(net):
    params, x = models(net)
    leaf = params.clone().requires_grad_()
    outputs = net.outputs(leaf, x)
    weights = torch.linspace(-1, 2, outputs.numel(), dtype=torch.float64).view_as(outputs)
    (by_autograd,) = torch.autograd.grad(outputs, leaf, weights)
    plain, tape = net.forward(params, x)
    torch.testing.assert_close(plain, outputs.detach(), rtol=0, atol=1e-14)
    torch.testing.assert_close(net.backward(tape, weights), by_autograd, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("kind", ["cross-entropy", "squared"])
@pytest.mark.parametrize("out", [1, 4])
def test_losses_are_those_of_torch_nn(name, kind, out):
    net, loss = MLP(3, (5,), out, name), Loss(kind)
    params, x = models(net, examples=9)
    labels = torch.arange(18).view(2, 9) % max(out, 2)
    targets = loss.encode(labels, out, torch.float64)
    outputs = net.outputs(params, x)
    value, slope = loss.value_and_grad(outputs, targets)
    torch.testing.assert_close(loss.value(outputs, targets), value, rtol=1e-15, atol=0)
    for s, m in np.ndindex(2, 3):
        o = outputs[s, m].clone().requires_grad_()
        if kind == "squared" and out == 1:
            theirs = nn.MSELoss()(o[:, 0], 2.0 * labels[s] - 1)
        elif kind == "squared":
            theirs = nn.MSELoss()(o, nn.functional.one_hot(labels[s], out).double())
        elif out == 1:
            theirs = nn.BCEWithLogitsLoss()(o[:, 0], labels[s].double())
        else:
            theirs = nn.CrossEntropyLoss()(o, labels[s])
        torch.testing.assert_close(value[s, m], theirs.detach(), rtol=1e-13, atol=0)
        theirs.backward()
        torch.testing.assert_close(slope[s, m], o.grad, rtol=1e-12, atol=1e-16)


def test_squared_loss_of_a_regression_is_the_mean_square():
    loss, outputs = Loss("squared"), torch.tensor([[[[1.0], [3.0]]]])
    targets = loss.encode(torch.tensor([[0.0, 1.0]]), 1, torch.float32)
    assert loss.value(outputs, targets).item() == 2.5


def test_the_logistic_loss_stays_finite_and_exact_far_out():
    loss = Loss()
    z = torch.tensor([[[[-800.0], [40.0]]]], dtype=torch.float64)
    value, slope = loss.value_and_grad(z, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
    assert value.item() == pytest.approx((800 + np.log1p(np.exp(-40))) / 2, rel=1e-15)
    assert slope.flatten().tolist() == pytest.approx([-0.5, -0.5 * np.exp(-40)], rel=1e-12)


@pytest.mark.parametrize("net", [*CASES[:9], *CASES[-5:], MLP(2, (16, 64), 1)], ids=str)
@pytest.mark.parametrize("others", [(1, 2), (1, 16), (3, 7), (8, 40)])
def test_a_model_does_not_see_its_neighbours(net, others):
    """Bit by bit: each model's products are matrices of their own, whatever the batch."""
    (seeds, count), s, m = others, others[0] - 1, others[1] // 2
    for examples, dtype in [(1, torch.float64), (5, torch.float32), (32, torch.float64)]:
        params, x = models(net, seeds, count, examples, dtype)
        outputs, tape = net.forward(params, x)
        outputs, slope = outputs.clone(), torch.linspace(-1, 2, outputs.numel(), dtype=dtype)
        slope = slope.view_as(outputs)
        grad = net.backward(tape, slope)
        alone, tape = net.forward(params[s:, m : m + 1].clone(), x[s:].clone())
        assert torch.equal(alone[0, 0], outputs[s, m])
        assert torch.equal(net.backward(tape, slope[s:, m : m + 1].clone())[0, 0], grad[s, m])


def test_two_threads_do_not_share_buffers():
    net = MLP(2, (16, 16), 1)
    batches = [models(net, 4, 5, 64, seed=i) for i in range(2)]
    expected = [net.outputs(*b) for b in batches]
    wrong: list[int] = []

    def work(i):
        for _ in range(100):
            if not torch.equal(net.outputs(*batches[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_what_outputs_returns_is_not_overwritten_by_the_next_call():
    net = MLP(2, (4,), 1)
    params, x = models(net)
    first = net.outputs(params, x)
    kept = first.clone()
    net.outputs(params + 1, x)
    assert torch.equal(first, kept)


def test_init_is_as_in_torch_nn_linear():
    net = MLP(50, (100, 20), 10)
    drawn = torch.stack([net.init(seed) for seed in range(30)])
    assert drawn.dtype == torch.float64
    assert torch.equal(net.init(3), drawn[3])
    for i, fan_in in enumerate((50, 100, 20)):
        for kind in ("weight", "bias"):
            values = torch.stack([net.unflatten(p)[f"{2 * i}.{kind}"] for p in drawn]).flatten()
            bound = fan_in**-0.5
            assert values.abs().max() <= bound
            assert values.abs().max() > 0.97 * bound
            assert values.std() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert abs(values.mean()) < 4 * values.std() / len(values) ** 0.5


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 4))
def test_flatten_undoes_unflatten_and_sizes_fit(hidden, inputs, out):
    net = MLP(inputs, tuple(hidden), out)
    params = net.init(0)
    tensors = net.unflatten(params)
    assert [t.numel() for t in tensors.values()] == list(net.sizes)
    assert sum(net.sizes) == net.num_parameters == len(params)
    assert {n: tuple(t.shape) for n, t in tensors.items()} == net.shapes
    assert torch.equal(net.flatten(tensors), params)


def test_unit_signs_say_which_units_are_on():
    net = MLP(2, (3, 4), 1)
    params, x = models(net)
    signs = net.unit_signs(params, x)
    assert signs.shape == (2, 3, 7, 7)
    for s, m in np.ndindex(2, 3):
        module = nets.sequential(net, params[s, m])
        assert torch.equal(signs[s, m, :, :3], module[0](x[s]) > 0)
        assert torch.equal(signs[s, m, :, 3:], module[:3](x[s]) > 0)
    hard = MLP(2, (3,), 1, "hard-tanh")
    params, x = models(hard)
    signs = hard.unit_signs(params * 3, x)
    z = nets.sequential(hard, params[1, 2] * 3)[0](x[1])
    assert torch.equal(signs[1, 2], torch.cat([z > -1, z > 1], -1))
    assert MLP(2, (3,), 1, "tanh").unit_signs(params, x).shape == (2, 3, 7, 0)


@given(
    st.sampled_from([2, 3, 4, 8]),
    st.lists(
        # a step below the normal numbers is rounded itself
        st.floats(-1e3, 1e3).filter(lambda number: number == 0 or abs(number) > 1e-300),
        min_size=1,
        max_size=12,
    ),
)
def test_fake_quantization_rounds_to_the_nearest_of_its_levels(bits, numbers):
    w = torch.tensor(numbers, dtype=torch.float64)
    q = fake_quantize(w, bits, 0)
    largest = float(w.abs().max())
    step = largest / (2 ** (bits - 1) - 1)
    assert float(q.abs().max()) == pytest.approx(largest, rel=1e-12)  # nothing is clamped
    assert float((q - w).abs().max()) <= step / 2 * (1 + 1e-9)
    assert len(q.unique()) <= 2**bits - 1
    again = fake_quantize(q, bits, 0)
    torch.testing.assert_close(again, q, rtol=1e-12, atol=0)
    unsigned = fake_quantize(w.abs(), bits, 0, signed=False)
    assert float((unsigned - w.abs()).abs().max()) <= largest / (2**bits - 1) / 2 * (1 + 1e-9)


def test_two_bits_are_three_levels_and_zeros_stay_zero():
    w = torch.tensor([[0.9, 0.2, -0.6, -1.0], [0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    q = fake_quantize(w, 2, -1)
    assert q.tolist() == [[1.0, 0.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0]]
    q.backward(torch.tensor([[1.0, 2.0, 3.0, 4.0]] * 2))
    assert w.grad.tolist() == [[1.0, 2.0, 3.0, 4.0]] * 2  # straight through


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden": (0,)}, "Invalid width: 0"),
        ({"hidden": (129,)}, "Invalid width: 129"),
        ({"hidden": ()}, "1 to 4 widths"),
        ({"hidden": (2,) * 5}, "1 to 4 widths"),
        ({"hidden": [4]}, "must be a tuple"),
        ({"inputs": 0}, "Invalid inputs: 0"),
        ({"num_outputs": 0}, "Invalid num_outputs: 0"),
        ({"activation": "sigmoid"}, "Invalid activation: 'sigmoid'"),
        ({"weight_bits": 1}, "Invalid weight_bits: 1 bit"),
        ({"activation_bits": 1}, "Invalid activation_bits: 1 bit"),
        ({"weight_bits": 5}, "must be one of (8, 4, 3, 2)"),
        ({"weight_bits": True}, "must be one of (8, 4, 3, 2)"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(fields, said):
    with pytest.raises(ValueError, match="Invalid") as caught:
        MLP(**{"inputs": 2, "hidden": (4,), **fields})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Invalid loss: 'hinge'"):
        Loss("hinge")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_1_at_its_unit(name):
    act = ACTIVATIONS[name]
    at_unit = act.forward(torch.tensor(act.unit, dtype=torch.float64))
    assert abs(float(at_unit) - 1) <= math.ulp(1.0)
