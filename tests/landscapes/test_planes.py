"""Planes through parameter space: where they lie, and the loss on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.convnet import ConvNet
from landscapes.nets.losses import Loss
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP
from landscapes.nets.planes import (
    Plane,
    PlaneLoss,
    line_plane,
    pca_plane,
    random_plane,
    window_of,
)

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


X, LABELS = normal(40, 2), torch.arange(40) % 2
NETS = [
    MLP(2, (6, 5), 1),
    MLP(2, (7,), 3, "hard-tanh"),
    MLP(2, (4, 5, 3), 1, "softplus"),
    MLP(2, (4, 5), 1, "tanh"),
    MLP(2, (4, 5, 2), 3, "leaky-relu"),
    MLP(2, (6, 5), 1, weight_bits=2),
    MLP(2, (6, 5), 1, activation_bits=3),
    ConvNet((1, 1, 2), (3, 2), 1),
]


def loss_of(net, l1=0.0, kind="cross-entropy"):
    labels = torch.arange(40) % max(2, net.num_outputs)
    return NetworkLoss(net, X, labels, Loss(kind), l1)


@pytest.mark.parametrize("net", NETS, ids=str)
@pytest.mark.parametrize("l1", [0.0, 0.05])
@pytest.mark.slow
def test_the_loss_on_a_plane_is_the_loss_at_its_points(net, l1):
    loss = loss_of(net, l1)
    plane = random_plane(net, net.init(1), seed=2)
    f, c = PlaneLoss(loss, plane), 2 * normal(3, 70, 2)
    expected = torch.stack([loss(p) for p in plane.points(c).view(-1, net.num_parameters)])
    torch.testing.assert_close(f(c), expected.view(3, 70), rtol=1e-12, atol=1e-13)
    f.loss.block = 7
    if f._fast is not None:
        f._fast.block = 7  # blocks that do not divide the points
    torch.testing.assert_close(f(c), expected.view(3, 70), rtol=1e-12, atol=1e-13)
    single = PlaneLoss(loss, plane, torch.float32)(c)
    assert single.dtype == torch.float64
    if net.weight_bits is None and net.activation_bits is None:
        torch.testing.assert_close(single, f(c), rtol=1e-5, atol=1e-5)


def test_points_in_the_plane_project_to_themselves_and_others_by_least_squares():
    plane = Plane(normal(30), normal(30), normal(30))
    c = normal(5, 4, 2)
    found, error = plane.project(plane.points(c))
    torch.testing.assert_close(found, c)
    assert error.max() < 1e-12
    points = normal(6, 30)
    found, error = plane.project(points)
    for p, own, e in zip(points, found, error, strict=True):
        away = (p - plane.origin).numpy()
        best, rest, *_ = np.linalg.lstsq(plane.directions.T.numpy(), away, rcond=None)
        np.testing.assert_allclose(own, best, rtol=1e-10)
        assert float(e) == pytest.approx(np.sqrt(rest[0]) / np.linalg.norm(away))
    assert plane.project(plane.origin)[1] == 0
    normal_to = torch.linalg.svd(plane.directions, full_matrices=True).Vh[5]
    assert plane.project(plane.origin + normal_to)[1].item() == pytest.approx(1)


@pytest.mark.parametrize("shape", [(50, 8), (8, 50)], ids=["tall", "wide"])
def test_pca_is_that_of_the_singular_value_decomposition(shape):
    points = normal(*shape) * torch.linspace(1, 4, shape[1], dtype=torch.float64)
    plane, share = pca_plane(points)
    away = (points - points.mean(0)).numpy()
    _, s, vh = np.linalg.svd(away, full_matrices=False)
    np.testing.assert_allclose(share, (s**2 / (s**2).sum())[:2], rtol=1e-10)
    for axis, theirs in zip(plane.directions.numpy(), vh, strict=False):
        assert abs(axis @ theirs) == pytest.approx(1)
        assert axis[np.abs(axis).argmax()] > 0
    torch.testing.assert_close(plane.origin, points.mean(0))


def test_random_directions_have_the_lengths_of_the_filters():
    for net in (MLP(3, (6, 5), 2), ConvNet((2, 4, 4), (3, 4), 2)):
        origin = net.init(0)
        plane = random_plane(net, origin, seed=4)
        like = net.unflatten(origin)
        for direction in (plane.first, plane.second):
            for name, d in net.unflatten(direction).items():
                if d.ndim == 1:
                    assert not d.any()
                else:
                    lengths = d.flatten(1).norm(dim=1)
                    torch.testing.assert_close(lengths, like[name].flatten(1).norm(dim=1))
        assert torch.equal(plane.first, random_plane(net, origin, seed=4).first)
        assert not torch.equal(plane.first, random_plane(net, origin, seed=5).first)


def test_the_line_between_two_points_runs_from_0_to_1():
    a, b, third = normal(3, 20)
    for plane in (line_plane(a, b), line_plane(a, b, third)):
        torch.testing.assert_close(plane.points(torch.tensor([0.0, 0.0]).double()), a)
        torch.testing.assert_close(plane.points(torch.tensor([1.0, 0.0]).double()), b)
        assert abs(plane.first @ plane.second) < 1e-10
        assert plane.first.norm().item() == pytest.approx(plane.second.norm().item())
    assert plane.project(third)[1] < 1e-10


def test_planes_that_are_none_are_refused():
    a, b = normal(2, 5)
    with pytest.raises(ValueError, match="parallel"):
        Plane(a, b, -2 * b)
    with pytest.raises(ValueError, match="parallel, or one of them is 0"):
        Plane(a, b, 0 * b)
    with pytest.raises(ValueError, match="the two points are equal"):
        line_plane(a, a)
    with pytest.raises(ValueError, match="on one line"):
        line_plane(a, b, a + 3 * (b - a))
    with pytest.raises(ValueError, match="on one line"):
        pca_plane(a + torch.linspace(0, 1, 9).double()[:, None] * b)
    with pytest.raises(ValueError, match="on one line"):
        pca_plane(a.expand(4, -1))
    with pytest.raises(ValueError, match="finite"):
        pca_plane(torch.tensor([[1.0, float("nan")], [0.0, 0.0], [1.0, 1.0]]))


def test_a_shifted_plane_gives_slopes_in_the_full_space():
    net = NETS[0]
    loss, plane = loss_of(net), random_plane(net, net.init(1))
    u, c = normal(net.num_parameters) * 0.01, normal(6, 2)
    moved = PlaneLoss(loss, plane.shifted(u))(c)
    torch.testing.assert_close(moved, loss(plane.points(c) + u))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=9))
def test_a_window_holds_what_it_is_made_round(points):
    (x0, x1), (y0, y1) = window_of(torch.tensor(points, dtype=torch.float64))
    for x, y in points:
        assert x0 < x < x1
        assert y0 < y < y1


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        NetworkLoss(NETS[0], X[:0], LABELS[:0], Loss())


def test_a_network_s_loss_runs_through_real_data_too():
    data = load(DataSpec("sawtooth", n=40))
    net = MLP(1, (5,), 1)
    part = data.train
    loss = NetworkLoss(
        net, torch.from_numpy(part.inputs), torch.from_numpy(part.targets), Loss("squared")
    )
    z = net.outputs(net.init(0).view(1, 1, -1), loss.inputs[None])[0, 0, :, 0]
    assert loss(net.init(0)).item() == pytest.approx(((z - loss.targets) ** 2).mean().item())
