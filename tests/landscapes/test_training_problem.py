"""Minibatches, noise, objective and evaluation of many models at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.losses import Loss
from landscapes.nets.networks import MLP
from landscapes.nets.training_problem import TrainingProblem

MOONS = load(DataSpec(n=200))
NET = MLP(2, (5, 4), 1)


def problem(seeds=(0, 1, 5), **more):
    return TrainingProblem(NET, MOONS, seeds, **{"batch_size": 16, **more})


def epoch(p, number):
    steps = range(number * p.steps_per_epoch, (number + 1) * p.steps_per_epoch)
    parts = [p.minibatch(s) for s in steps]
    return torch.cat([b.inputs for b in parts], 1), torch.cat([b.targets for b in parts], 1)


def rows(inputs):
    return {tuple(r) for r in inputs.tolist()}


def test_an_epoch_sees_each_example_at_most_once_and_leaves_out_less_than_a_batch():
    p = problem()
    assert p.steps_per_epoch == 100 // 16
    inputs, targets = epoch(p, 2)
    label = dict(zip(map(tuple, MOONS.train.inputs.tolist()), MOONS.train.targets, strict=True))
    for own, signs in zip(inputs, targets, strict=True):
        assert len(rows(own)) == 96
        assert all(
            label[tuple(x)] == (s > 0) for x, s in zip(own.tolist(), signs.tolist(), strict=True)
        )
    assert not torch.equal(inputs[0], inputs[1])  # an order for each seed
    assert not torch.equal(inputs, epoch(p, 3)[0])  # and for each epoch


@pytest.mark.parametrize("more", [{}, {"input_noise": 0.3}, {"label_noise": 0.2}])
def test_a_minibatch_depends_on_its_seed_and_step_alone(more):
    together, alone = problem(**more), problem((5,), **more)
    for step in (7, 0, 40, 7, 6):  # in any order
        batch, own = together.minibatch(step), alone.minibatch(step)
        assert torch.equal(batch.inputs[2:], own.inputs)
        assert torch.equal(batch.targets[2:], own.targets)


def test_steps_are_the_same_across_chunks_and_groups(monkeypatch):
    clean, steps = problem(), (0, 5, 6, 239, 240, 241, 500)
    expected = [clean.minibatch(s) for s in steps]
    monkeypatch.setattr("landscapes.nets.minibatches.CHUNK_NUMBERS", 100)  # three steps at a time
    small = problem()
    for step, batch in zip(steps, expected, strict=True):
        assert torch.equal(small.minibatch(step).inputs, batch.inputs)
        assert torch.equal(small.minibatch(step).targets, batch.targets)
    orders = [epoch(clean, e)[0] for e in (0, 1, 39, 40, 41)]  # 40 epochs are drawn together
    assert all(not torch.equal(a, b) for i, a in enumerate(orders) for b in orders[:i])


def test_a_full_batch_is_the_whole_set_in_order():
    for size in (None, 100):
        batch = problem(batch_size=size).minibatch(3)
        assert torch.equal(batch.inputs[1], torch.from_numpy(MOONS.train.inputs))


def test_label_noise_flips_the_stated_share_for_training_only():
    p = problem(label_noise=0.3, batch_size=None)
    clean = torch.from_numpy(2 * MOONS.train.targets - 1)
    flips = (p.minibatch(0).targets != clean).sum(1)
    assert flips.tolist() == [30, 30, 30]
    ten = load(DataSpec("digits", n=200))
    noisy = TrainingProblem(MLP(64, (4,), 10), ten, [0], label_noise=1.0).minibatch(0).targets[0]
    assert (noisy != torch.from_numpy(ten.train.targets)).all()
    assert set(noisy.tolist()) == set(range(10))
    accuracy = p.evaluate(p.init().unsqueeze(1), "train")["accuracy"]
    assert torch.equal(accuracy, problem().evaluate(p.init().unsqueeze(1), "train")["accuracy"])


def test_input_noise_has_the_stated_spread_and_is_fresh_each_time():
    p, clean = problem(input_noise=0.5, batch_size=None), problem(batch_size=None)
    noise = [p.minibatch(s).inputs - clean.minibatch(s).inputs for s in range(20)]
    assert not torch.equal(noise[0], noise[1])
    assert torch.stack(noise).std().item() == pytest.approx(0.5, rel=0.03)


def test_label_noise_of_a_regression_is_normal():
    data = load(DataSpec("sawtooth", n=2000))
    p = TrainingProblem(MLP(1, (4,), 1), data, [0, 1], label_noise=0.4)
    noise = p.minibatch(0).targets - torch.from_numpy(data.train.targets)
    assert noise.std().item() == pytest.approx(0.4, rel=0.08)
    assert not torch.equal(noise[0], noise[1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_value_and_gradient_agree_with_a_loop_over_autograd(dtype):
    p = problem(l1=0.01, dtype=dtype)
    params = p.init().unsqueeze(1) * torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=dtype).view(1, 4, 1)
    batch = p.minibatch(5)
    value, grad = p.value_and_grad(params, batch)
    torch.testing.assert_close(p.value(params, batch), value)
    smooth, slope = p.smooth_value_and_grad(params, batch)
    for s, m in np.ndindex(3, 4):
        w = params[s, m].clone().requires_grad_()
        z = NET.outputs(w.view(1, 1, -1), batch.inputs[s : s + 1])[0, 0, :, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, (batch.targets[s] + 1) / 2)
        (expected,) = torch.autograd.grad(loss, w)
        torch.testing.assert_close(smooth[s, m], loss.detach())
        torch.testing.assert_close(slope[s, m], expected)
        torch.testing.assert_close(value[s, m], loss.detach() + 0.01 * w.detach().abs().sum())
        torch.testing.assert_close(grad[s, m], expected + 0.01 * w.detach().sign())
    assert value.dtype == grad.dtype == dtype


def test_gradients_are_finite_differences_away_from_kinks():
    p = TrainingProblem(MLP(2, (6, 5), 1, "tanh"), MOONS, [0, 1], batch_size=10)
    params, batch = p.init().unsqueeze(1), p.minibatch(0)
    grad, h = p.value_and_grad(params, batch)[1], 1e-6
    for i in range(0, p.num_parameters, 7):
        step = torch.zeros(p.num_parameters, dtype=torch.float64)
        step[i] = h
        slope = (p.value(params + step, batch) - p.value(params - step, batch)) / (2 * h)
        torch.testing.assert_close(grad[..., i], slope, rtol=1e-6, atol=1e-9)


def test_a_model_does_not_see_its_neighbours_in_training_or_evaluation():
    for net, data in ((NET, MOONS), (MLP(64, (9, 8), 10), load(DataSpec("digits", n=300)))):
        p = TrainingProblem(net, data, range(8), batch_size=32, l1=1e-3)
        own = TrainingProblem(net, data, [3], batch_size=32, l1=1e-3)
        params = torch.stack([net.init(s).repeat(6, 1) for s in range(8)])
        params *= torch.linspace(0.5, 2, 6, dtype=torch.float64).view(1, 6, 1)
        mine = params[3:4, 2:3].clone()
        for many, one in zip(
            p.value_and_grad(params, p.minibatch(4)),
            own.value_and_grad(mine, own.minibatch(4)),
            strict=True,
        ):
            # Sums over the examples may be ordered by the batch's shape: not always the last bit.
            torch.testing.assert_close(many[3, 2], one[0, 0], rtol=1e-12, atol=1e-14)
        for split in ("train", "validation", "test"):
            many, one = p.evaluate(params, split), own.evaluate(mine, split)
            assert many["accuracy"][3, 2] == one["accuracy"][0, 0]
            torch.testing.assert_close(many["loss"][3, 2], one["loss"][0, 0], rtol=1e-12, atol=0)


def test_evaluation_is_that_of_all_examples_at_once(monkeypatch):
    p = problem()
    params = p.init().unsqueeze(1)
    z = NET.outputs(params, torch.from_numpy(MOONS.test.inputs).expand(3, -1, -1))[..., 0]
    y = torch.from_numpy(MOONS.test.targets)
    expected = ((z > 0) == y).double().mean(-1)
    monkeypatch.setattr("landscapes.nets.training_problem.BLOCK_NUMBERS", 1)  # example by example
    found = p.evaluate(params, "test")
    assert torch.equal(found["accuracy"], expected)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        z, y.double().expand_as(z), reduction="none"
    ).mean(-1)
    torch.testing.assert_close(found["loss"], loss)
    assert set(
        TrainingProblem(MLP(1, (3,), 1), load(DataSpec("sawtooth")), [0]).evaluate(
            MLP(1, (3,), 1).init(0).view(1, 1, -1), "test"
        )
    ) == {"loss"}


def test_the_proximal_map_minimises_what_it_should():
    p = problem(l1=0.2).objective()
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    grid = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    cost = 0.5 * (grid - x[:, None]) ** 2 + 0.7 * 0.2 * grid.abs()
    best = grid[cost.argmin(1)]
    torch.testing.assert_close(p.prox(x, 0.7), best, rtol=0, atol=1.1e-4)
    steps = torch.tensor([0.1, 0.5], dtype=torch.float64)
    both = p.prox(x.expand(2, -1), steps)
    assert torch.equal(both[1], p.prox(x, 0.5))


def test_the_objective_over_a_split_is_the_full_batch():
    p = problem(l1=0.01, batch_size=None)
    f, params = p.objective(), p.init()
    value, grad = p.value_and_grad(params.unsqueeze(1), p.minibatch(0))
    torch.testing.assert_close(f(params), value[:, 0])
    for mine, whole in zip(f.value_and_grad(params), (value, grad), strict=True):
        torch.testing.assert_close(mine, whole[:, 0])
    leaf = params.clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(f(leaf).sum(), leaf)
    torch.testing.assert_close(by_autograd, grad[:, 0])
    f.block = 1  # one model at a time
    torch.testing.assert_close(f(params), value[:, 0])
    assert f.smooth.l1 == 0
    torch.testing.assert_close(
        f.smooth(params) + 0.01 * params.abs().sum(-1), f(params), rtol=1e-14, atol=0
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": 0}, "must lie between 1 and the 100 training examples of two-moons"),
        ({"batch_size": 101}, "Invalid batch_size: 101"),
        ({"label_noise": 1.5}, "Invalid label_noise: 1.5"),
        ({"label_noise": float("nan")}, "Invalid label_noise: nan"),
        ({"input_noise": -1.0}, "Invalid input_noise: -1.0"),
        ({"l1": float("inf")}, "Invalid l1: inf"),
        ({"seeds": ()}, "no seeds"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, said):
    with pytest.raises(ValueError, match=r"Invalid|no seeds") as caught:
        problem(**arguments)
    assert said in str(caught.value)


def test_a_network_that_does_not_fit_the_data_is_refused():
    with pytest.raises(ValueError, match="takes inputs of shape"):
        TrainingProblem(MLP(3, (4,), 1), MOONS, [0])
    with pytest.raises(ValueError, match="has 2 outputs, but two-moons needs 1"):
        TrainingProblem(MLP(2, (4,), 2), MOONS, [0])
    with pytest.raises(ValueError, match="no classes: use the squared loss"):
        TrainingProblem(MLP(1, (4,), 1), load(DataSpec("sawtooth")), [0], loss=Loss())
    p = TrainingProblem(NET, load(DataSpec(validation=0.0)), [0])
    with pytest.raises(ValueError, match="no examples for validation"):
        p.evaluate(p.init().unsqueeze(1), "validation")
