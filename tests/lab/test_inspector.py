"""One point against the closed forms of MATH.md 3.4, SciPy's hull, and its own definitions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from landscapes import CATALOGUE, landscape_from_formula
from sadam.goldstein import nearest_in_hull
from sadam.lab.codec import SpecError
from sadam.lab.inspector import ANGLES, SCALES, inspect
from sadam.lab.subdifferential import convex_hull

ONE_NORM = landscape_from_formula("abs(x) + abs(y)")


def angles_and_slopes():
    theta = np.arange(ANGLES) * 2 * np.pi / ANGLES
    return theta, np.cos(theta), np.sin(theta)


# ---- gradients near by


def test_the_vertex_of_the_1_norm():
    found = inspect(ONE_NORM, (0.0, 0.0)).subdifferential
    assert sorted(map(tuple, found.hull)) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert found.perimeter == pytest.approx(8)
    assert found.mean_width == pytest.approx(2.546, abs=5e-4)
    assert found.diameter == pytest.approx(2 * math.sqrt(2))
    assert found.width(0.0) == pytest.approx(2)
    assert found.width(math.pi / 4) == pytest.approx(2 * math.sqrt(2))
    assert found.distance == pytest.approx(0, abs=1e-12)
    assert found.stationary


def test_the_ridge_of_the_1_norm():
    found = inspect(ONE_NORM, (0.0, 1.0)).subdifferential
    assert found.hull.tolist() == [[-1, 1], [1, 1]]
    assert found.perimeter == pytest.approx(4)
    assert found.mean_width == pytest.approx(1.273, abs=5e-4)
    assert found.nearest.tolist() == pytest.approx([0, 1])
    assert found.distance == pytest.approx(1)
    assert found.width(math.pi / 2) == pytest.approx(0)
    assert not found.stationary


def test_dem_at_its_minimum():
    at = inspect("dem", (0.0, -3.0), radius=1e-4)
    found = at.subdifferential
    corners = np.array(sorted(map(tuple, found.hull)))
    assert found.diameter == pytest.approx(10, abs=1e-3)
    assert found.perimeter == pytest.approx(10 + 2 * math.sqrt(34), abs=1e-3)
    assert np.allclose(corners[[0, -1]], [[-5, 1], [5, 1]])
    assert np.allclose(corners[1:-1], [0, -2], atol=1e-3)
    assert found.stationary
    # 2 e(u) is the width in direction u: f is a maximum of smooth functions.
    for turn in (0, 100, 180, 301):
        assert 2 * at.rose.even[turn] == pytest.approx(found.width(at.rose.angles[turn]), abs=2e-3)
    assert 2 * np.abs(at.rose.even).mean() == pytest.approx(found.mean_width, abs=2e-3)


def test_a_smooth_slope_has_one_gradient():
    found = inspect("bowl", (1.0, -0.5), radius=1e-6).subdifferential
    assert found.nearest == pytest.approx([1, -5], abs=1e-4)
    assert found.diameter < 3e-5
    assert not found.stationary


@pytest.mark.parametrize(("key", "point"), [("chebyshev-n2", (0.0, -1.0)), ("cb3", (1.0, 1.0))])
def test_stationary_points_are_found(key, point):
    assert inspect(key, point).subdifferential.stationary


@pytest.mark.parametrize("key", [k for k, c in CATALOGUE.items() if c.convex])
def test_every_minimum_of_a_convex_landscape_is_stationary(key):
    for point in CATALOGUE[key].minimisers:
        assert inspect(key, point, radius=0.02, repetitions=2).subdifferential.stationary


@given(st.integers(3, 40), st.integers(0, 2**31))
def test_the_hull_against_scipy(n, seed):
    points = np.random.default_rng(seed).normal(size=(n, 2))
    hull = convex_hull(points)
    known = ConvexHull(points)
    assert sorted(map(tuple, hull)) == sorted(map(tuple, points[known.vertices]))
    edges = np.linalg.norm(hull - np.roll(hull, -1, axis=0), axis=1)
    assert edges.sum() == pytest.approx(known.area)  # in the plane SciPy's area is the perimeter
    x, y = hull.T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2 == pytest.approx(known.volume)


def test_the_nearest_point_is_that_of_least_squares():
    for key, point in (("cb2", (1.2, 0.9)), ("dem", (0.0, 1.0)), ("spiral", (1.4, -4.8))):
        found = inspect(key, point, radius=0.1, num_samples=64, repetitions=2).subdifferential
        known = nearest_in_hull(torch.from_numpy(found.gradients))
        assert np.allclose(found.nearest, known, atol=1e-7 * np.abs(found.gradients).max())


def test_hulls_that_are_lines_and_points():
    line = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [0.5, 0.5]])
    assert convex_hull(line).tolist() == [[0, 0], [2, 2]]
    assert convex_hull(np.ones((4, 2))).tolist() == [[1, 1]]
    square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0], [0.5, 0.5]])
    assert len(convex_hull(square)) == 4


# ---- the rose


def test_the_rose_of_a_slope_and_of_a_vertex():
    _, cos, sin = angles_and_slopes()
    rose = inspect("bowl", (1.0, 0.3), radius=1e-6).rose
    assert np.allclose(rose.forward, cos + 3 * sin, atol=1e-4)
    assert np.allclose(rose.backward, rose.forward, atol=1e-4)
    assert np.allclose(rose.even, 0, atol=1e-4)
    rose = inspect("l1", (0.0, 0.0)).rose
    assert np.allclose(rose.forward, abs(cos) + 10 * abs(sin))
    assert np.allclose(rose.backward, -rose.forward)
    assert np.allclose(rose.odd, 0, atol=1e-12)
    assert np.allclose(rose.even, rose.forward)


def test_even_and_odd_are_parts_of_the_slopes():
    rose = inspect("cb2", (1.14, 0.9), radius=0.1).rose
    assert np.allclose(rose.even + rose.odd, rose.forward)
    assert np.allclose(rose.odd - rose.even, rose.backward)


# ---- the estimates


def test_the_limits_are_closed_forms():
    at = inspect("l1", (0.0, 1.0))  # |x| beside a slope of 10
    assert at.estimates["two-sided"].limit == pytest.approx(1 / 101, rel=1e-4)
    assert at.estimates["one-sided"].limit == pytest.approx(1 - 8 / math.pi**2 / 101, rel=2e-3)
    assert inspect("bowl", (1.0, 1.0)).estimates["one-sided"].limit == pytest.approx(1, rel=2e-3)


def test_the_intervals_are_those_of_two_probes_on_a_slope():
    at = inspect("bowl", (1.0, 1.0), repetitions=20_000, damping_one_sided=2.0)
    a, b = np.random.default_rng(1).uniform(0, 2 * np.pi, (2, 200_000))
    lgi = (np.cos(a) - np.cos(b)) ** 2 / (np.cos(a) ** 2 + np.cos(b) ** 2)
    one = at.estimates["one-sided"]
    assert one.lgi.mean == pytest.approx(1, abs=0.03)
    assert one.lgi.mean == pytest.approx(lgi.mean(), abs=0.03)
    assert [one.lgi.low, one.lgi.high] == pytest.approx(np.quantile(lgi, [0.05, 0.95]), abs=0.01)
    assert one.brake.mean == pytest.approx(np.exp(-2 * lgi).mean(), abs=0.02)
    two = at.estimates["two-sided"]
    assert two.lgi.high < 1e-2
    assert two.brake.low > 0.95


def test_the_probes_drawn_are_on_the_rose():
    at = inspect("l1", (0.0, 0.0), num_probes=3, seed=5)
    forward = np.interp(at.probes, at.rose.angles, at.rose.forward, period=2 * math.pi)
    expected = forward.var(ddof=1) / ((forward**2).mean() + 1e-6)
    assert at.estimates["one-sided"].drawn == pytest.approx(expected, rel=1e-2)
    assert at.estimates["one-sided"].drawn_brake == pytest.approx(math.exp(-2 * expected), rel=1e-2)
    assert at.estimates["two-sided"].drawn_brake == pytest.approx(math.exp(-4), rel=1e-4)


# ---- the slice


def test_a_slice_across_a_kink_keeps_its_corner():
    cut = inspect("l1", (0.0, 1.0)).slice
    assert cut.angle == 0.0  # across the kink
    assert cut.scales.tolist() == pytest.approx(SCALES)
    assert np.allclose(cut.differences, abs(cut.positions), atol=1e-8)


def test_a_slice_of_a_smooth_function_becomes_straight():
    cut = inspect("bowl", (1.0, 0.3), angle=math.pi / 2).slice
    # f(1, .3 + t) - f = 3 t + 5 t^2
    for scale, differences in zip(cut.scales, cut.differences, strict=True):
        expected = 3 * cut.positions + 5 * scale * cut.positions**2
        assert np.allclose(differences, expected, atol=1e-8)


# ---- in words


@pytest.mark.parametrize(
    ("key", "point", "phrases"),
    [
        ("bowl", (1.0, 1.0), ["f is smooth within 0.01", "sees an LGI of 0.00 and lets"]),
        ("l1", (0.0, 0.0), ["a kink passes within 0.01", "holds 100 %", "step by 0.02 on average"]),
        ("l1", (0.0, 1.0), ["it is weak beside the slope: only 0.99 %"]),
        ("bowl", (0.0, 0.0), ["no kink passes within 0.01, yet f bends"]),
        ("hul-fan", (0.0, -52.0), ["f is flat within 0.01"]),
    ],
)  # fmt: skip
def test_the_sentence_says_what_happens_and_why(key, point, phrases):
    at = inspect(key, point)
    for phrase in phrases:
        assert phrase in at.sentence
    assert at.kink_near == (key == "l1")
    one = at.estimates["one-sided"]
    assert f"as published sees {one.lgi.mean:.2f}" in at.sentence


@pytest.mark.parametrize(
    ("formula", "point"),
    [("log(x)", (0.005, 0.0)), ("1/x", (0.01, 0.0)), ("1e200*abs(x)", (1.0, 1.0)),
     ("exp(exp(x))", (6.55, 0.0)), ("sqrt(x)", (0.0, 0.0))],
)  # fmt: skip
def test_slopes_that_are_no_numbers_are_told_in_a_sentence(formula, point):
    with pytest.raises(ValueError, match="not finite") as caught:
        inspect(f"= {formula}", point)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_landscape_can_be_inspected(key):
    landscape = CATALOGUE[key]
    for point in (landscape.start, *landscape.minimisers[:1], *landscape.traps):
        at = inspect(landscape, point, radius=0.05, repetitions=20, num_samples=32)
        assert at.value == pytest.approx(
            float(landscape.value(torch.tensor(point, dtype=torch.float64)))
        )
        assert np.isfinite(at.rose.forward).all()
        assert at.subdifferential.perimeter <= math.pi * at.subdifferential.diameter + 1e-9
        assert at.warnings == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_probes": 1}, "one number has none"),
        ({"radius": 0.0}, "radius is 0"),
        ({"radius": 1e200}, "at most 1e"),
        ({"landscape": None}, "landscape must be a text"),
        ({"point": (0.0, math.nan)}, "point"),
        ({"point": (0.0,)}, "point"),
        ({"landscape": "l3"}, "unknown landscape 'l3'"),
        ({"num_samples": 1}, "num_samples is 1"),
        ({"repetitions": 1}, "repetitions is 1"),
        ({"damping_one_sided": -1.0}, "at least 0"),
        ({"angle": math.inf}, "angle"),
    ],
)
def test_what_cannot_be_inspected_is_told(wrong, message):
    with pytest.raises(SpecError, match=message):
        inspect(**{"landscape": "l1", "point": (0.0, 0.0), **wrong})


def test_a_place_where_f_is_not_finite_is_told():
    hole = landscape_from_formula("log(x)")
    with pytest.raises(ValueError, match=r"custom is not finite at \(-1, 0\)"):
        inspect(hole, (-1.0, 0.0))


def test_a_radius_that_makes_no_sense_is_told():
    assert "too small" in inspect("l1", (1.0, 1.0), radius=1e-15).warnings[0]
    assert "too large" in inspect("l1", (1.0, 1.0), radius=2.0).warnings[0]
