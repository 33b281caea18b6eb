"""Linear regions and kink lines against dense sampling of activation patterns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscapes.nets.convnet import ConvNet
from landscapes.nets.losses import Loss
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP
from landscapes.nets.plane_kinks import PlaneKinksError, plane_kinks
from landscapes.nets.planes import Plane, random_plane
from landscapes.nets.regions import RegionsError, linear_regions

WINDOW = ((-2.0, 1.5), (-1.0, 2.0))
NETS = [
    MLP(2, (5,), 1),
    MLP(2, (6, 5), 1),
    MLP(2, (4, 4, 4, 4), 2),
    MLP(2, (6, 5), 3, "leaky-relu"),
    MLP(2, (5, 4), 1, "hard-tanh"),
    MLP(2, (8, 6), 1, weight_bits=2),
]


def params_of(net, seed=3):
    return 2.5 * net.init(seed)


def inside(region, points, slack=1e-9):
    """Which points lie in a convex polygon."""
    ends = np.roll(region.corners, -1, 0)
    edge = ends - region.corners
    away = points[:, None] - region.corners
    cross = edge[:, 0] * away[..., 1] - edge[:, 1] * away[..., 0]
    return (cross >= -slack).all(1) | (cross <= slack).all(1)


def sample(n=4000):
    rng = np.random.default_rng(0)
    low, high = np.array(WINDOW).T
    return low + (high - low) * rng.random((n, 2))


@pytest.mark.parametrize("net", NETS, ids=str)
def test_regions_tile_the_window_and_the_network_is_affine_on_each(net):
    params = params_of(net)
    regions = linear_regions(net, params, WINDOW)
    assert sum(r.area for r in regions) == pytest.approx(3.5 * 3, rel=1e-12)
    points = sample()
    x = torch.from_numpy(points).unsqueeze(0)
    outputs = net.outputs(params.view(1, 1, -1), x)[0, 0].numpy()
    signs = net.unit_signs(params.view(1, 1, -1), x)[0, 0].numpy()
    seen = np.zeros(len(points), int)
    patterns = set()
    for region in regions:
        here = inside(region, points, -1e-9)
        seen += here
        if not here.any():
            continue
        affine = np.column_stack([points[here], np.ones(here.sum())]) @ region.affine
        np.testing.assert_allclose(outputs[here], affine, atol=1e-10)
        assert (signs[here] == signs[here][0]).all()  # one activation pattern
        patterns.add(signs[here][0].tobytes())
    assert (seen <= 1).all()
    assert (seen == 1).mean() > 0.999  # the rest lies on an edge
    # two regions never have the same pattern: a pattern's region is convex
    assert len(patterns) == sum(inside(r, points, -1e-9).any() for r in regions)


def test_one_layer_in_general_position_has_as_many_regions_as_its_lines_make():
    """Lines cut a convex window into 1 + (lines that meet it) + (their crossings in it) pieces."""
    net = MLP(2, (9,), 1)
    params = params_of(net)
    tensors = net.unflatten(params)
    w, b = tensors["0.weight"].numpy(), tensors["0.bias"].numpy()
    corners = np.array([[x, y] for x in WINDOW[0] for y in WINDOW[1]])
    values = corners @ w.T + b
    meet = int(((values.min(0) < 0) & (values.max(0) > 0)).sum())
    crossings = 0
    for i in range(9):
        for j in range(i):
            x, y = np.linalg.solve(w[[i, j]], -b[[i, j]])
            crossings += WINDOW[0][0] < x < WINDOW[0][1] and WINDOW[1][0] < y < WINDOW[1][1]
    assert len(linear_regions(net, params, WINDOW)) == 1 + meet + crossings


def test_what_has_no_regions_is_refused_in_one_sentence():
    good = MLP(2, (20, 20), 1)
    for net, params, most, said in (
        (MLP(2, (4,), 1, "tanh"), None, 10, "tanh is smooth"),
        (MLP(3, (4,), 1), None, 10, "2 inputs, but there are 3"),
        (MLP(2, (4,), 1, activation_bits=2), None, 10, "piecewise constant"),
        (good, good.init(0) * torch.nan, 10, "not finite"),
        (good, None, 10, "more than 10 linear regions"),
    ):
        with pytest.raises(RegionsError, match=said):
            linear_regions(net, net.init(0) if params is None else params, WINDOW, most)


def plane_case(net, examples=6, l1=0.0):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(examples, 2, generator=generator, dtype=torch.float64)
    loss = NetworkLoss(net, x, torch.arange(examples) % 2, Loss(), l1)
    return loss, random_plane(net, net.init(1), seed=3)


@pytest.mark.parametrize("net", [MLP(2, (5,), 1), MLP(2, (4, 3), 1), MLP(2, (4,), 1, "hard-tanh")],
                         ids=str)  # fmt: skip
def test_units_switch_on_the_kink_lines_and_nowhere_else(net):
    loss, plane = plane_case(net)
    window = ((-1.5, 1.5), (-1.0, 1.0))
    kinks = plane_kinks(loss, plane, window, grid=151)
    x = loss.inputs.unsqueeze(0)

    def signs(c):
        return (
            net.unit_signs(plane.points(torch.from_numpy(c)).unsqueeze(0), x)[0].flatten(1).numpy()
        )

    ends = kinks.exact
    assert (np.abs(ends) <= np.array([1.5, 1.0]) + 1e-12).all()
    along = ends[:, 1] - ends[:, 0]
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    middle = ends.mean(1)
    both = [signs(middle + h * across) for h in (1e-7, -1e-7)]
    assert (both[0] != both[1]).any(1).all()
    # and as often as dense sampling finds them: crossings of a random way, unit by unit
    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b = np.array([1.5, 1.0]) * rng.uniform(-1, 1, (2, 2))
        way = a + np.linspace(0, 1, 4001)[:, None] * (b - a)
        along_way = signs(way)
        flips = (along_way[1:] != along_way[:-1]).sum()
        crossed = count_crossings(a, b, ends)
        if len(net.hidden) == 1:
            assert crossed == flips
        else:
            assert crossed <= flips
            traced = sum(count_crossings(a, b, np.stack([t[:-1], t[1:]], 1)) for t in kinks.traced)
            assert abs(crossed + traced - flips) <= 2  # a grid may miss what is smaller than it
    assert bool(kinks.traced) == (len(net.hidden) > 1)
    assert ("traced" in kinks.note) == (len(net.hidden) > 1)


def count_crossings(a, b, segments):
    p, q = segments[:, 0], segments[:, 1]

    def side(o, d, x):
        return np.sign(d[..., 0] * (x - o)[..., 1] - d[..., 1] * (x - o)[..., 0])

    apart = (side(a, b - a, p) != side(a, b - a, q)) & (side(p, q - p, a) != side(p, q - p, b))
    return int(apart.sum())


def test_an_l1_term_adds_the_lines_where_a_parameter_is_0():
    net = MLP(2, (3,), 1)
    loss, plane = plane_case(net, l1=0.1)
    window = ((-3.0, 3.0), (-3.0, 3.0))
    plain = plane_kinks(plane_case(net)[0], plane, window)
    kinks = plane_kinks(loss, plane, window)
    more = kinks.exact[len(plain.exact) :]
    assert len(more)
    points = plane.points(torch.from_numpy(more.mean(1)))
    assert points.abs().amin(1).max() < 1e-12
    smooth = MLP(2, (3,), 1, "tanh")
    only = plane_kinks(plane_case(smooth, l1=0.1)[0], random_plane(smooth, smooth.init(0)), window)
    assert len(only.exact)


def test_fewer_examples_make_fewer_lines():
    loss, plane = plane_case(MLP(2, (5,), 1))
    window = ((-9.0, 9.0), (-9.0, 9.0))
    few, all_of_them = (plane_kinks(loss, plane, window, examples=n) for n in (2, None))
    assert 0 < len(few.exact) < len(all_of_them.exact) <= 30


def test_kinks_that_cannot_be_drawn_are_refused_in_one_sentence():
    def refused(net, said, examples=6):
        loss, _ = plane_case(net, examples)
        directions = torch.eye(net.num_parameters, dtype=torch.float64)
        plane = Plane(net.init(0), directions[0], directions[1])
        with pytest.raises(PlaneKinksError, match=said):
            plane_kinks(loss, plane, WINDOW)

    refused(MLP(2, (4,), 1, "softplus"), "softplus is smooth")
    refused(MLP(2, (4,), 1, weight_bits=2), "without quantization")
    refused(ConvNet((1, 1, 2), (3,), 1), "multilayer perceptrons")
    refused(MLP(2, (128,), 1), "at most 20000", 200)
    refused(MLP(2, (2, 128), 1), "at most 5000", 200)
