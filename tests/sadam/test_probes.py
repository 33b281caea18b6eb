"""The estimators against the closed forms of MATH.md 3.3 and 3.4."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sadam.goldstein import diameter, distance_to_hull, goldstein_gradients, nearest_in_hull
from sadam.probes import (
    Probing,
    directions,
    lgi_from_slopes,
    one_sided_lgi,
    ordered_sum,
    two_sided_lgi,
)

F64 = torch.float64


def at(*x):
    return torch.tensor(x, dtype=F64)


def many(f, x, k, probes, repetitions=20_000, radius=1e-3):
    """The estimator at one point, over many independent sets of k directions."""
    u = directions(7, repetitions, k, x.shape[-1]).movedim(1, 0)  # (k, repetitions, D)
    where = x.expand(repetitions, -1)
    return (one_sided_lgi if probes == "one-sided" else two_sided_lgi)(f, where, u, radius)


def within(sample, expected):
    """The mean agrees within five standard errors."""
    error = sample.std() / math.sqrt(len(sample))
    assert abs(sample.mean() - expected) < 5 * error + 1e-6


def slope(x):
    return x @ torch.arange(1.0, x.shape[-1] + 1, dtype=F64)


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("dim", [2, 10, 1000])
def test_published_lgi_expects_one_on_every_smooth_slope(k, dim):
    n = 20_000 if dim < 100 else 1000
    within(many(slope, torch.zeros(dim, dtype=F64), k, "one-sided", n), 1.0)


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("dim", [2, 10, 1000])
def test_two_sided_lgi_is_zero_on_every_smooth_slope(k, dim):
    n = 2000 if dim < 100 else 200
    assert many(slope, torch.zeros(dim, dtype=F64), k, "two-sided", n).max() < 1e-9


def test_two_sided_lgi_vanishes_with_the_square_of_the_radius():
    def bowl(x):
        return (x**2).sum(-1) + x[..., 0]

    wide, narrow = (
        many(bowl, at(0.3, 0.2), 4, "two-sided", 2000, radius).mean() for radius in (1e-2, 1e-3)
    )
    assert wide / narrow == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (3.0, 1.0), (1.0, 5.0)])
def test_straight_kink_in_the_plane(a, b):
    """Population values: rho_two = a^2 / (a^2 + b^2), rho_one = 1 - (8 / pi^2) rho_two."""

    def kink(x):
        return a * x[..., 0].abs() + b * x[..., 1]

    share = a**2 / (a**2 + b**2)
    two = many(kink, at(0.0, 0.4), 2000, "two-sided", 50)
    assert two.mean() == pytest.approx(share, rel=0.02)
    one = many(kink, at(0.0, 0.4), 2000, "one-sided", 50)
    assert one.mean() == pytest.approx(1 - 8 / math.pi**2 * share, rel=0.02)


@pytest.mark.parametrize(("dim", "expected"), [(2, 0.19), (400, 1 - 2 / math.pi)])
@pytest.mark.slow
def test_pure_kink(dim, expected):
    def kink(x):
        return x[..., 0].abs()

    x = torch.zeros(dim, dtype=F64)
    assert many(kink, x, 500, "one-sided", 100).mean() == pytest.approx(expected, abs=0.02)
    # zeta is small beside the kink's slopes of about 1/sqrt(D)
    assert many(kink, x, 2, "two-sided", 100).min() > (0.5 if dim == 2 else 0.9)
    assert many(kink, x, 64, "two-sided", 100).mean() == pytest.approx(1, abs=0.001)


def test_vertex():
    def vertex(x):
        return x.abs().sum(-1)

    assert many(vertex, at(0.0, 0.0), 500, "one-sided", 100).mean() == pytest.approx(
        0.010, abs=0.002
    )
    assert many(vertex, at(0.0, 0.0), 2, "two-sided", 100).min() > 0.999


def test_smooth_minimum_is_silent_once_the_radius_is_small():
    def bowl(x):
        return (x**2).sum(-1)

    assert many(bowl, at(0.0, 0.0), 2, "two-sided", 100, radius=1e-1).mean() > 0.99
    assert many(bowl, at(0.0, 0.0), 2, "two-sided", 100, radius=1e-5).mean() < 1e-3


def test_one_probe_sees_no_variance():
    assert not many(slope, at(1.0, 2.0), 1, "one-sided", 50).any()


@given(
    st.integers(1, 9),
    st.floats(1e-12, 1.0),
    st.lists(st.floats(-1e6, 1e6), min_size=18, max_size=18),
)
def test_lgi_stays_in_its_range(k, zeta, slopes):
    forward, backward = at(*slopes)[: 2 * k].view(2, k, 1)
    two = lgi_from_slopes(forward, backward, zeta)
    assert 0 <= two <= 1
    one = lgi_from_slopes(forward, None, zeta)
    assert 0 <= one <= k / max(k - 1, 1) * (1 + 1e-6)


@given(st.integers(2, 9), st.integers(0, 2**31), st.sampled_from(["one-sided", "two-sided"]))
def test_lgi_against_its_definition(k, seed, probes):
    draw = torch.randn(2, k, 3, dtype=F64, generator=torch.Generator().manual_seed(seed))
    forward, backward = draw
    if probes == "one-sided":
        expected = forward.var(0) / ((forward**2).mean(0) + 1e-6)
        got = lgi_from_slopes(forward, None)
    else:
        e, o = (((forward + backward) / 2) ** 2).mean(0), (((forward - backward) / 2) ** 2).mean(0)
        expected = e / (e + o + 1e-6)
        got = lgi_from_slopes(forward, backward)
    assert torch.allclose(got, expected, rtol=1e-6)
    assert torch.equal(got, got.float().double())  # rounded to float32


@given(st.integers(1, 33), st.integers(0, 2**31))
def test_ordered_sum_does_not_depend_on_the_batch(n, seed):
    terms = torch.randn(n, 9000, dtype=F64, generator=torch.Generator().manual_seed(seed))
    total = ordered_sum(terms)
    assert torch.allclose(total, terms.sum(0))
    for i in (0, 33, 8999):
        assert ordered_sum(terms[:, i : i + 1].contiguous())[0] == total[i]


def test_directions_are_unit_and_nested():
    u = directions(3, 40, 5, 7)
    assert torch.allclose(torch.linalg.vector_norm(u, dim=-1), torch.ones(40, 5, dtype=F64))
    assert torch.equal(directions(3, 20, 2, 7), u[:20, :2])
    assert not torch.equal(directions(4, 40, 5, 7), u)
    assert u.mean((0, 1)).abs().max() < 0.15  # no preferred side


def test_directions_by_tensor_are_unit_in_each_block():
    u = directions(0, 10, 2, 6, sphere="tensor", sizes=(4, 2))
    for block in u.split([4, 2], dim=-1):
        assert torch.allclose(torch.linalg.vector_norm(block, dim=-1), torch.ones(10, 2, dtype=F64))


def test_directions_are_the_callers_own():
    u = directions(5, 4, 2, 3)
    kept = u.clone()
    u.zero_()
    assert torch.equal(directions(5, 4, 2, 3), kept)


def test_probing_counts_its_evaluations():
    assert Probing("one-sided", 3).evaluations == 3
    assert Probing("two-sided", 3).evaluations == 6


def dem(x):
    """max(5x + y, -5x + y, x^2 + y^2 + 4y) with its gradient."""
    a, b = x.unbind(-1)
    pieces = torch.stack([5 * a + b, -5 * a + b, a**2 + b**2 + 4 * b], -1)
    value, piece = pieces.max(-1)
    one = torch.ones_like(a)
    gradients = torch.stack(
        [torch.stack([5 * one, one], -1), torch.stack([-5 * one, one], -1), 2 * x + at(0, 4)], -2
    )
    return value, gradients.gather(-2, piece[..., None, None].expand(*piece.shape, 1, 2))[..., 0, :]


def test_goldstein_subdifferential_of_dem_at_its_minimum():
    g = goldstein_gradients(dem, at(0.0, -3.0), 1e-6, 400)
    assert diameter(g) == pytest.approx(10, abs=1e-4)
    assert distance_to_hull(g) == pytest.approx(0, abs=1e-9)
    away = goldstein_gradients(dem, at(2.0, -1.0), 1e-3, 100)  # only 5x + y within reach
    assert diameter(away) == 0
    assert distance_to_hull(away) == pytest.approx(math.sqrt(26))


def test_goldstein_points_stay_in_the_ball():
    seen = []

    def watch(x):
        seen.append(x)
        return x[..., 0], x

    x = torch.randn(5, 3, dtype=F64)
    g = goldstein_gradients(watch, x, torch.full((5,), 0.2, dtype=F64), 500)
    assert g.shape == (500, 5, 3)
    distance = torch.linalg.vector_norm(seen[0] - x, dim=-1)
    assert distance.max() <= 0.2
    assert (distance < 0.1).double().mean() == pytest.approx(1 / 8, abs=0.05)  # uniform in the ball


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**31))
def test_nearest_point_of_the_hull_satisfies_its_optimality(n, dim, seed):
    """p is the min-norm point iff it is in the hull and p.(v - p) >= 0 for every vertex v."""
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(n, dim, dtype=F64, generator=generator) + torch.randn(
        dim, dtype=F64, generator=generator
    )
    p = nearest_in_hull(vertices)
    assert ((vertices - p) @ p >= -1e-9).all()
    assert torch.allclose(distance_to_hull(vertices), p.norm())
    assert distance_to_hull(vertices) <= vertices.norm(dim=-1).min() + 1e-9


def test_hulls_by_hand():
    assert distance_to_hull(at(1, 1, -1, 1).view(2, 2)) == pytest.approx(1)
    assert distance_to_hull(at(1, 1, -1, 1, 0, -1).view(3, 2)) == pytest.approx(0, abs=1e-12)
    assert distance_to_hull(at(3e8, 4e8).view(1, 2)) == pytest.approx(5e8)
    batch = torch.randn(6, 4, 5, 2, dtype=F64)
    assert distance_to_hull(batch)[2, 3] == pytest.approx(float(distance_to_hull(batch[:, 2, 3])))
    brute = torch.cdist(batch.movedim(0, -2), batch.movedim(0, -2)).amax((-1, -2))
    assert torch.allclose(diameter(batch), brute)
