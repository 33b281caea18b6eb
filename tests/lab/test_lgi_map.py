"""Maps against the one-point functions, closed forms and brute force; specs; radius warnings."""

import json
import math
import shlex

import numpy as np
import pytest
import torch

from landscapes import CATALOGUE
from sadam.engine import value_and_grad_of
from sadam.goldstein import diameter, distance_to_hull, goldstein_gradients
from sadam.hulls import planar_distance_to_hull
from sadam.lab.cli.lgi import map_from
from sadam.lab.codec import SpecError
from sadam.lab.grid import grid_of
from sadam.lab.kinds import load
from sadam.lab.lgi_map import ESTIMATORS, QUANTITIES, LgiMap, MapResult, run_map
from sadam.lab.lgi_report import map_report
from sadam.lab.radius import radius_warnings, sensible_radii
from sadam.lab.truth import near_kink
from sadam.probes import directions, one_sided_lgi, streamed_lgi, two_sided_lgi

ALL = ("one-sided", "two-sided", "goldstein", "stationarity", "spread")
F64 = torch.float64


def small(landscape: str, **spec) -> MapResult:
    fields = {"grid": 13, "num_probes": 8, "num_samples": 16, "repetitions": 4, "probes": ALL}
    return run_map(LgiMap(landscape=landscape, **{**fields, **spec}))


def points_of(result):
    return grid_of(result.spec.window, result.spec.grid)[2]


# ---- every field against an independent way to the same number


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_landscape_and_field_against_one_point_at_a_time(key):
    result = small(key, radius=0.05, seed=3)
    spec, f = result.spec, result.landscape.value
    assert set(result.fields) == set(QUANTITIES)
    points = points_of(result)
    u = directions(3, 1, 8, 2)[0]
    value_and_grad = value_and_grad_of(f)
    for place in (0, 17, 84, 90, 168):  # 84 is the centre
        i, j = divmod(place, spec.grid)
        x = points[place]
        assert (float(x[0]), float(x[1])) == (result.x[j], result.y[i])
        got = {name: float(field[i, j]) for name, field in result.fields.items()}
        one, two = one_sided_lgi(f, x, u, 0.05), two_sided_lgi(f, x, u, 0.05)
        grads = goldstein_gradients(value_and_grad, x, 0.05, 16, seed=3)
        size = float(grads.abs().max()) + 1e-300
        assert got["one-sided"] == pytest.approx(float(one), rel=1e-5, abs=1e-7)
        assert got["two-sided"] == pytest.approx(float(two), rel=1e-5, abs=1e-7)
        assert got["brake-one-sided"] == pytest.approx(math.exp(-2 * float(one)), rel=1e-5)
        assert got["brake-two-sided"] == pytest.approx(math.exp(-4 * float(two)), rel=1e-5)
        assert got["goldstein"] == pytest.approx(float(diameter(grads)), rel=1e-5, abs=1e-6 * size)
        assert got["stationarity"] == pytest.approx(
            float(distance_to_hull(grads)), rel=1e-5, abs=1e-5 * size
        )
        draws = directions(3, 4, 2, 2)
        for kind, lgi in (("one-sided", one_sided_lgi), ("two-sided", two_sided_lgi)):
            drawn = np.array([float(lgi(f, x, draw, 0.05)) for draw in draws])
            assert got[f"mean-{kind}"] == pytest.approx(drawn.mean(), rel=1e-5, abs=1e-7)
            assert got[f"spread-{kind}"] == pytest.approx(drawn.std(ddof=1), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("n", [1, 8192, 9000])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_streaming_agrees_with_all_probes_at_once(n, k):
    f = CATALOGUE["cb2"].value
    x = torch.rand(n, 2, dtype=F64, generator=torch.Generator().manual_seed(n)) * 3 - 1
    u = directions(1, 1, k, 2)[0]
    for radius in (1e-4, 0.1):
        found = streamed_lgi(f, x, u, radius)
        assert torch.allclose(found["one-sided"], one_sided_lgi(f, x, u, radius), atol=1e-7)
        assert torch.allclose(found["two-sided"], two_sided_lgi(f, x, u, radius), atol=1e-7)
    assert set(streamed_lgi(f, x, u, 0.1, ("two-sided",))) == {"two-sided"}


def test_streaming_works_in_any_dimension():
    x = torch.randn(7, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    u = directions(0, 1, 6, 5)[0]
    found = streamed_lgi(lambda x: x.abs().sum(-1), x, u, 0.3, block=3)
    assert torch.allclose(
        found["two-sided"], two_sided_lgi(lambda x: x.abs().sum(-1), x, u, 0.3), atol=1e-7
    )


def test_on_a_bowl_two_sided_is_0_and_one_sided_1():
    fields = run_map(LgiMap(landscape="bowl", grid=41, num_probes=512, radius=1e-3)).fields
    points = grid_of(CATALOGUE["bowl"].window, 41)[2]
    steep = (torch.linalg.vector_norm(points, dim=-1) > 0.3).reshape(41, 41).numpy()
    assert fields["two-sided"][steep].max() < 1e-3  # (5 sigma)^2 over a slope of 0.3, squared
    # One value has a standard deviation of about sqrt(1/2 / k); all points share their probes.
    assert abs(fields["one-sided"][steep] - 1).max() < 5 * math.sqrt(0.5 / 512)


def test_at_a_vertex_it_is_the_reverse():
    window = ((-1.0, 1.0), (-1.0, 1.0))
    fields = run_map(LgiMap(landscape="l1", grid=21, window=window, num_probes=1024)).fields
    # |x| + 10 |y| at 0 with slopes |c| + 10 |s|: E D = 22/pi, E D^2 = 101/2 + 20/pi.
    power = 101 / 2 + 20 / math.pi
    assert fields["two-sided"][10, 10] == pytest.approx(1, abs=1e-6)
    assert fields["one-sided"][10, 10] == pytest.approx(1 - (22 / math.pi) ** 2 / power, abs=0.02)
    assert fields["two-sided"][3, 3] == pytest.approx(0, abs=1e-9)
    assert fields["one-sided"][3, 3] == pytest.approx(1, abs=0.15)
    assert fields["two-sided"][10, 3] == pytest.approx(100 / 101, abs=0.01)  # on y = 0
    assert fields["goldstein"][10, 3] == pytest.approx(20)
    assert fields["goldstein"][10, 10] == pytest.approx(math.hypot(2, 20))
    assert fields["goldstein"][3, 3] == 0


def test_stationarity_at_known_places():
    window = ((-4.0, 4.0), (-7.0, 1.0))  # so that (0, -3) is the centre
    result = run_map(LgiMap(landscape="dem", window=window, grid=17, probes=("stationarity",)))
    assert result.fields["stationarity"][8, 8] == 0
    assert result.fields["stationarity"][12, 8] == pytest.approx(1)  # in the gully: hull (+-5, 1)
    assert result.fields["stationarity"][12, 12] == pytest.approx(math.sqrt(26))


def test_spread_is_that_of_two_probes_and_falls_with_more():
    bowl = {"landscape": "bowl", "grid": 11, "probes": ("spread",), "repetitions": 512}
    two = run_map(LgiMap(**bowl)).fields
    many = run_map(LgiMap(**bowl, spread_probes=32)).fields
    # Angles a, b uniform: LGI = (cos a - cos b)^2 / (cos^2 a + cos^2 b), mean 1.
    a, b = np.random.default_rng(0).uniform(0, 2 * np.pi, (2, 200_000))
    lgi = (np.cos(a) - np.cos(b)) ** 2 / (np.cos(a) ** 2 + np.cos(b) ** 2)
    assert two["spread-one-sided"][1, 1] == pytest.approx(lgi.std(), rel=0.08)
    assert two["mean-one-sided"][1, 1] == pytest.approx(1, abs=0.15)
    assert many["spread-one-sided"][1, 1] < two["spread-one-sided"][1, 1] / 3
    assert two["spread-two-sided"][1, 1] < 1e-5


# ---- the hull in the plane


def _clouds():
    generator = torch.Generator().manual_seed(0)
    g = torch.randn(9, 300, 2, dtype=F64, generator=generator)
    g += 1.5 * torch.randn(1, 300, 2, dtype=F64, generator=generator)
    g[:, :20] = g[:1, :20]  # all gradients alike
    g[:, 20:40, 1] = 0  # on a line through 0
    g[:, 40:60, 1] = 2  # on a line beside it
    g[:, 60:100] = g[:, 60:100].round()  # many ties, 0 on edges and corners
    g[:, 100:120] *= 1e-9
    g[:, 120:140] *= 1e9
    return g


def test_the_planar_hull_agrees_with_least_squares():
    g = _clouds()
    exact, fast = distance_to_hull(g), planar_distance_to_hull(g)
    assert ((exact - fast).abs() <= 1e-7 * g.abs().amax((0, 2))).all()
    assert 0.1 < (fast == 0).double().mean() < 0.9


def test_the_planar_hull_of_few_gradients_and_of_none_that_is_finite():
    one = torch.tensor([[3.0, 4.0]], dtype=F64)
    assert planar_distance_to_hull(one) == 5
    assert planar_distance_to_hull(torch.zeros(4, 2, dtype=F64)) == 0
    assert planar_distance_to_hull(torch.cat([one, -one])) == pytest.approx(0, abs=1e-15)
    bad = torch.tensor([[[1.0, 2.0], [1.0, 2.0]], [[math.nan, 0.0], [1.0, 2.0]]], dtype=F64)
    found = planar_distance_to_hull(bad)
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(math.sqrt(5))


# ---- where the kinks are


@pytest.mark.parametrize("radius", [0.01, 0.3])
def test_near_a_kink_is_what_geometry_says(radius):
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(4000, 2, dtype=F64, generator=generator) * 4 - 2
    x, y = points.T.numpy()
    distance = {
        "l1": np.minimum(abs(x), abs(y)),
        "goffin": abs(x - y) / math.sqrt(2),
        "lq": abs(np.hypot(x, y) - 1),
        "crescent": abs(np.hypot(x, y - 1) - 1),
    }
    for key, d in distance.items():
        near = near_kink(CATALOGUE[key], points, radius)
        clear = abs(d / radius - 1) > 0.006  # a rim that 32 places on a ring may miss
        assert np.array_equal(near[clear], d[clear] < radius), key


def test_a_kink_just_as_near_as_the_radius_is_not_within_it():
    points = torch.tensor([[0.5, 2.0], [0.25, 2.0]], dtype=F64)
    assert near_kink(CATALOGUE["l1"], points, 0.5).tolist() == [False, True]
    assert not near_kink(CATALOGUE["bowl"], points, 0.5).any()


# ---- the spec


def test_a_spec_survives_json_and_the_command_line():
    from sadam.lab.cli import build_parser

    for spec in (
        LgiMap(),
        LgiMap(landscape="cb2", probes=ALL, grid=33, num_probes=5, radius=0.3, seed=9),
        LgiMap(landscape="l1", window=((-1.0, 2.0), (-0.5, 0.5)), probes=("goldstein",)),
        LgiMap(damping_one_sided=3.5, damping_two_sided=0.0, num_samples=9, repetitions=7),
        LgiMap(spread_probes=4, probes=("spread", "spread")),
    ):
        again = load(spec.to_json())
        assert again == spec
        assert type(again) is LgiMap
        words = shlex.split(spec.to_command("python -m sadam"))[3:]
        assert map_from(build_parser().parse_args(words)) == spec
    assert json.loads(LgiMap().to_json())["kind"] == "lgi-map"
    assert LgiMap(probes=("spread",)).estimators == ESTIMATORS


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_probes": 1}, "variance of the slopes, and one number has none"),
        ({"probes": ("spread",), "spread_probes": 1}, "one-sided probes need spread_probes"),
        ({"grid": 10}, "grid is 10, but must lie between 11 and 801"),
        ({"grid": 802}, "between 11 and 801"),
        ({"num_probes": 1025}, "between 1 and 1024"),
        ({"probes": ()}, "at least one thing"),
        ({"probes": ("two-sidet",)}, "did you mean 'two-sided'"),
        ({"radius": 0.0}, "radius is 0, but must be above 0"),
        ({"radius": math.nan}, "finite"),
        ({"radius": 1e200}, r"radius is 1e\+200, but must be at most 1e\+06"),
        ({"radius": "0.1"}, "must be a number"),
        ({"seed": -1}, "seed is -1"),
        ({"damping_two_sided": -1.0}, "damping_two_sided is -1, but must be at least 0"),
        ({"window": ((1.0, 0.0), (0.0, 1.0))}, "from less to more"),
        ({"window": ((0.0, 1e7), (0.0, 1.0))}, "within"),
        ({"window": ((0.0, 1.0),)}, "window"),
        ({"landscape": "cb4"}, "the nearest is 'cb3'"),
        ({"grid": 801, "num_samples": 256}, "take a coarser grid"),
    ],
)
def test_what_cannot_be_is_one_sentence(wrong, message):
    with pytest.raises(SpecError, match=message) as caught:
        LgiMap(**wrong)
    assert "\n" not in str(caught.value)


def test_one_probe_is_enough_for_two_sided():
    fields = small("l1", probes=("two-sided",), num_probes=1).fields
    assert set(fields) == {"two-sided", "brake-two-sided"}


# ---- where there is nothing to measure


EDGE = "= abs(x) + 1e-300*sqrt(y); window = -1, 1, -1, 1"


def test_where_the_function_is_not_finite_no_field_is_and_the_others_keep_their_bits():
    spec = {"grid": 21, "radius": 0.01, "probes": ALL}
    found, whole = small(EDGE, **spec), small("= abs(x); window = -1, 1, -1, 1", **spec)
    below, above = found.y < -1e-9, found.y > 1e-9
    for name, field in found.fields.items():
        assert np.isnan(field[below]).all(), name
        assert (field[above] == whole.fields[name][above]).all(), name
    assert found.warnings[0].startswith("At 52.4 % of the points, flat grey in the pictures")
    assert whole.warnings == ()


@pytest.mark.parametrize(
    "formula", ["log(-1 - x**2)", "exp(exp(exp(9 + x**2)))", "1e200*abs(x)", "sqrt(x)", "1/x"]
)
def test_odd_functions_make_maps_and_reports_without_a_warning(formula):
    found = small(f"= {formula}", probes=ALL)
    report = map_report(found)
    assert not any(np.isinf(field).any() for field in found.fields.values())
    if formula.startswith(("log", "exp")):
        assert report.said.startswith("There is no point at which an LGI can be measured.")
        assert "At 100 % of the points" in report.said


# ---- radii that make sense


def test_a_sensible_radius_warns_of_nothing():
    for key in CATALOGUE:
        for radius in (1e-4, 0.01, 0.05):
            landscape = CATALOGUE[key]
            assert radius_warnings(landscape, landscape.window, radius) == ()


def test_a_radius_that_drowns_in_rounding_is_told():
    landscape = CATALOGUE["bowl"]
    low, high = sensible_radii(landscape, landscape.window)
    (said,) = radius_warnings(landscape, landscape.window, low / 10)
    assert "too small" in said
    assert "from 9e-13 to 0.4" in said
    assert run_map(LgiMap(landscape="bowl", grid=11, radius=low / 10)).warnings == (said,)
    # It is so: far below, a smooth slope looks unstable; from there on it does not.
    steep = (slice(0, 3), slice(0, 3))
    below = small("bowl", radius=low / 300, probes=("two-sided",)).fields["two-sided"][steep]
    above = small("bowl", radius=low, probes=("two-sided",)).fields["two-sided"][steep]
    assert below.max() > 1e-3
    assert above.max() < 1e-5
    assert high == pytest.approx(0.4)


def test_a_radius_that_spans_the_window_is_told():
    (said,) = run_map(LgiMap(landscape="l1", grid=11, radius=2.0)).warnings
    assert "too large" in said
    assert "to 0.6 is sensible" in said
    zoomed = LgiMap(landscape="l1", grid=11, window=((-0.01, 0.01), (-0.01, 0.01)))
    assert "too large" in run_map(zoomed).warnings[0]
