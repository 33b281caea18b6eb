"""Maps, points and calibrations as figures: linked, on common scales, valid; and as files."""

import json
import math
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam.lab import lgi_report
from sadam.lab.bias import Check, bias_table
from sadam.lab.calibration import CalibrationSpec, calibrate, run_calibration
from sadam.lab.experiment import Experiment
from sadam.lab.figures import calibration as calibration_figures
from sadam.lab.figures import inspector as point_figures
from sadam.lab.figures.lgi import (
    MAP_FIGURES,
    Overlays,
    colorscale,
    figures_of,
    map_difference,
    map_pair,
    single_map,
)
from sadam.lab.figures.polar import PolarPaper
from sadam.lab.inspector import inspect
from sadam.lab.lgi_map import QUANTITIES, LgiMap, run_map
from sadam.lab.race import run_race

ALL = ("one-sided", "two-sided", "goldstein", "stationarity", "spread")


def small(landscape, **spec):
    fields = {"grid": 11, "num_probes": 4, "num_samples": 6, "repetitions": 2, "probes": ALL}
    return run_map(LgiMap(landscape=landscape, **{**fields, **spec}))


@pytest.fixture(scope="module")
def result():
    return small("cb2", radius=0.1)


def by_role(figure, role):
    return [t for t in figure.data if (t.meta or {}).get("role") == role]


def lightness(color):
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


# ---- maps


def test_every_figure_is_valid(result):
    figures = figures_of(result)
    assert set(figures) == set(MAP_FIGURES)
    for figure in figures.values():
        go.Figure(json.loads(figure.to_json()))  # valid once more on the way back


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
def test_every_landscape_can_be_drawn(key):
    result = small(key, probes=("two-sided", "goldstein"))
    assert len(by_role(map_pair(result, "two-sided", "goldstein"), "map")) == 2


def test_a_map_has_only_the_figures_it_has_fields_for():
    names = set(figures_of(small("l1", probes=("two-sided",))))
    assert names == {"map-two-sided", "map-brake-two-sided"}


def test_two_maps_are_linked_and_carry_their_fields(result):
    figure = map_pair(result, "one-sided", "goldstein")
    assert figure.layout.xaxis2.matches == "x"
    assert figure.layout.yaxis2.matches == "y"
    left, right = by_role(figure, "map")
    assert np.array_equal(left.z, result.fields["one-sided"])
    assert np.array_equal(right.z, result.fields["goldstein"])
    assert np.allclose(left.x, result.x)
    assert (left.coloraxis, right.coloraxis) == ("coloraxis", "coloraxis2")
    assert figure.layout.xaxis.range == (-1, 3)
    assert len(by_role(figure, "kink")) == 2


@pytest.mark.parametrize("name", QUANTITIES)
def test_comparable_quantities_share_their_colours(result, name):
    axis = single_map(result, name).layout.coloraxis
    scale = QUANTITIES[name].scale
    assert [list(stop) for stop in axis.colorscale] == colorscale(scale)
    if scale == "free":
        assert axis.cmin == 0 < axis.cmax <= result.fields[name].max()
    else:
        assert (axis.cmin, axis.cmax) == (0, 1)


def test_a_difference_is_centred_at_0(result):
    figure = map_difference(result, "two-sided", "one-sided")
    (trace,) = by_role(figure, "map")
    assert np.array_equal(trace.z, result.fields["two-sided"] - result.fields["one-sided"])
    axis = figure.layout.coloraxis
    assert axis.cmin == -axis.cmax
    assert axis.colorscale[2][0] == 0.5
    with pytest.raises(ValueError, match="they measure different things"):
        map_difference(result, "two-sided", "goldstein")
    with pytest.raises(ValueError, match="the map has no 'nothing', only one-sided"):
        map_pair(result, "two-sided", "nothing")


@pytest.mark.parametrize("kind", ["lgi", "brake", "free"])
@pytest.mark.parametrize("dark", [False, True])
def test_scales_are_read_without_colour_vision(kind, dark):
    shades = [lightness(color) for _, color in colorscale(kind, dark)]
    steps = np.diff(shades)
    assert (steps < 0).all() or (steps > 0).all()
    # Nothing to see (LGI 0, brake 1, diameter 0) is the colour of the screen.
    nothing = shades[-1] if kind == "brake" else shades[0]
    assert (nothing < 0.02) if dark else (nothing > 0.85)


def test_overlays(result):
    race = run_race(Experiment(landscape="cb2", steps=20))
    overlays = Overlays(kinks=False, contours=True, race=race, point=(1.0, 2.0))
    figure = map_pair(result, "one-sided", "two-sided", overlays)
    assert not by_role(figure, "kink")
    assert len(by_role(figure, "contour")) == 2
    paths = by_role(figure, "path")
    assert len(paths) == 2 * len(race.trajectories)
    assert sum(trace.showlegend for trace in paths) == len(race.trajectories)
    track = race.trajectories[paths[0].meta["rule"]]
    assert np.allclose(paths[0].x, track.points[:, 0, 0])
    for marker in by_role(figure, "point"):
        assert (marker.x[0], marker.y[0]) == (1, 2)
    assert [list(s) for s in figure.layout.coloraxis2.colorscale] == colorscale("lgi")


def test_a_map_without_a_finite_number_is_still_a_figure(result):
    empty = replace(result, fields={"goldstein": np.full((11, 11), np.nan, np.float32)})
    single_map(empty, "goldstein").to_json()
    map_difference(empty, "goldstein", "goldstein").to_json()


@pytest.mark.slow  # the minimum of the function is searched for
def test_where_nothing_is_known_a_map_is_of_a_colour_that_no_number_has():
    found = small("= log(x)", probes=("two-sided",))
    figure = single_map(found, "two-sided")
    (hole,) = by_role(figure, "hole")
    assert (np.isnan(hole.z) == ~np.isnan(figure.data[0].z)).all()
    color = hole.colorscale[0][1]
    for scale in ("lgi", "brake", "free", "difference"):
        for _, other in colorscale(scale):
            assert max(abs(int(color[i : i + 2], 16) - int(other[i : i + 2], 16))
                       for i in (1, 3, 5)) > 16  # fmt: skip
    assert not by_role(single_map(small("l1"), "two-sided"), "hole")


# ---- points

POINT_FIGURES = {
    "slope-rose": point_figures.slope_rose,
    "slope-parts": lambda inspection: point_figures.slope_rose(inspection, parts=True),
    "gradient-fan": point_figures.gradient_fan,
    "slice": point_figures.slice_figure,
}


@pytest.mark.parametrize(("key", "point"), [("cb2", (1.0, 1.0)), ("bowl", (0.0, 0.0))])
@pytest.mark.parametrize("name", POINT_FIGURES)
def test_every_figure_of_a_point_is_valid_in_both_themes(key, point, name):
    figure = POINT_FIGURES[name](inspect(key, point, repetitions=5, num_samples=8))
    go.Figure(json.loads(figure.to_json()))
    for trace in figure.data:  # what a dark screen changes is there to be changed
        assert {"color_dark", "dark"} & set(trace.meta) or trace.mode == "text"
        for path, value in trace.meta.get("dark", {}).items():
            trace[path] = value


def test_a_flat_place_can_be_drawn():
    at = inspect("hul-fan", (0.0, -52.0), repetitions=5, num_samples=8)
    for make in POINT_FIGURES.values():
        make(at).to_json()


def test_the_rose_shows_slopes_and_probes():
    at = inspect("l1", (0.0, 0.0), num_probes=3)
    figure = point_figures.slope_rose(at)
    (forward,), (backward,) = by_role(figure, "forward"), by_role(figure, "backward")
    assert np.allclose(forward.customdata[:-1, 1], at.rose.forward)
    assert np.allclose(backward.customdata[:-1, 1], at.rose.backward)
    assert forward.y[0] == pytest.approx(forward.y[-1])  # closed
    probes, opposites = by_role(figure, "probe")
    theta, slopes = np.radians(probes.customdata[:, 0]), probes.customdata[:, 1]
    assert np.allclose(slopes, abs(np.cos(theta)) + 10 * abs(np.sin(theta)), rtol=1e-3)
    assert np.allclose(opposites.customdata[:, 1], -slopes, rtol=1e-3)
    parts = point_figures.slope_rose(at, parts=True)
    assert np.allclose(by_role(parts, "even")[0].customdata[:-1, 1], at.rose.even)
    # A slope lies as far outside the dotted circle of slope 0 as it is large, in its direction.
    zero = float(by_role(figure, "ink")[0].x[0])
    assert np.allclose(np.hypot(forward.x, forward.y) - zero, forward.customdata[:, 1])
    assert np.allclose(np.cos(theta) * (zero + slopes), probes.x)
    assert np.allclose(np.sin(theta) * (zero + slopes), probes.y)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_a_polar_paper_names_a_few_round_values(low, span):
    paper = PolarPaper(low, low + span)
    lines, degrees, values = go.Figure(paper.grid()).data
    assert list(degrees.text[:3]) == ["0°", "45°", "90°"]
    assert 2 <= len(values.text) <= 6
    named = np.array([float(text) for text in values.text])
    assert np.allclose(named, low + np.asarray(values.y), rtol=5e-3, atol=5e-3 * abs(low))
    assert np.nanmax(np.hypot(lines.x, lines.y)) == pytest.approx(span)


def test_the_fan_shows_hull_nearest_point_and_width():
    at = inspect("l1", (0.0, 1.0))
    figure = point_figures.gradient_fan(at, angle=0.0)
    (hull,) = by_role(figure, "hull")
    assert sorted({*zip(hull.x, hull.y, strict=True)}) == [(-1, 10), (1, 10)]
    (nearest,) = by_role(figure, "nearest")
    assert (nearest.x[1], nearest.y[1]) == pytest.approx((0, 10))
    assert nearest.name == "nearest to 0: 10"
    (width,) = by_role(figure, "ink")
    assert sorted({x for x in width.x if not math.isnan(x)}) == [-1, 1]
    assert "not stationary" in figure.layout.title.text
    assert figure.layout.yaxis.scaleanchor == "x"


def test_the_slice_shows_every_scale():
    at = inspect("l1", (0.0, 1.0))
    traces = by_role(point_figures.slice_figure(at), "slice")
    assert [trace.meta["scale"] for trace in traces] == at.slice.scales.tolist()
    for trace, differences in zip(traces, at.slice.differences, strict=True):
        assert np.allclose(trace.y, differences, rtol=1e-6)


# ---- calibration


def test_figures_of_a_calibration():
    found = calibrate("cb2", 0.1, grid=31, num_probes=8)
    scatter = calibration_figures.scatter(found)
    shown = sum(len(t.x) for t in scatter.data if t.meta["estimator"] == "two-sided")
    assert shown == len(found.scatter)
    curves = by_role(calibration_figures.roc(found), "roc")
    assert {t.meta["score"] for t in curves} == {"one-sided", "two-sided", "goldstein"}
    assert f"{found.roc['two-sided']:.3f}" in curves[1].name
    nothing = calibrate("bowl", 0.1, grid=11, num_probes=2)
    empty = calibration_figures.roc(nothing)
    assert empty.layout.annotations[0].text == "no point has a kink within the radius"
    areas = by_role(calibration_figures.catalogue([found, nothing]), "area")
    assert {t.meta["score"]: t.x[0] for t in areas} == found.roc


def test_figures_of_bias_carry_the_closed_forms():
    table = bias_table(("slope", "kink"), num_probes=(2, 8), repetitions=50)
    figure = calibration_figures.bias_against_probes(table)
    limits = by_role(figure, "limit")
    assert len(limits) == 4  # two cases, two estimators
    assert limits[2].y[0] == pytest.approx(1 - 8 / math.pi**2, abs=1e-5)
    assert len(by_role(figure, "bias")) == 4
    for make in (
        calibration_figures.bias_against_radius,
        calibration_figures.bias_against_dimension,
    ):
        for trace in make(table).data:
            assert trace.meta["color_dark"] not in (trace.line.color, trace.marker.color)


def test_a_whole_catalogue_has_no_figure_of_each_landscape(monkeypatch):
    report = run_calibration(CalibrationSpec(landscape="l1", radii=(0.3,), grid=11, num_probes=2))
    monkeypatch.setattr(calibration_figures, "BIAS_FIGURES", {"bias": go.Figure})
    assert set(calibration_figures.figures_of(report)) == {
        "catalogue", "scatter-0.3", "roc-0.3", "bias",
    }  # fmt: skip
    everything = replace(report, spec=CalibrationSpec())
    assert set(calibration_figures.figures_of(everything)) == {"catalogue", "bias"}


@pytest.mark.parametrize(("mean", "words"), [(0.99, "0.0050, within"), (0.9, "0.0050, NOT within")])
def test_a_report_says_what_the_trial_of_the_theorem_measured(monkeypatch, mean, words):
    report = run_calibration(CalibrationSpec(landscape="l1", radii=(0.3,), grid=11, num_probes=2))
    check = Check(num_probes=2, dim=2, repetitions=100, mean=mean, error=0.005)
    monkeypatch.setattr(lgi_report, "check_theorem", lambda **_: check)
    said = lgi_report.calibration_report(report).said
    assert f"mean {mean:.4f} with a standard error of {words} four of them of 1." in said


def test_a_report_says_where_the_lgis_order_points_the_other_way():
    spec = CalibrationSpec(landscape="relu-fit", radii=(0.05,), grid=21, num_probes=4)
    report = run_calibration(spec)
    (found,) = report.calibrations
    two, one = found.rank["two-sided"], found.rank["one-sided"]
    assert two < 0
    below = "below 0 on 1 of 1 landscape (relu-fit)" if one < 0 else "below 0 on 0 of 1 landscape"
    assert lgi_report.calibration_report(report).said.split("\n")[1] == (
        f"Rank correlation with the diameter: two-sided **{two:.2f} to {two:.2f}**, median "
        f"{two:.2f}, below 0 on 1 of 1 landscape (relu-fit); one-sided **{one:.2f} to {one:.2f}**, "
        f"median {one:.2f}, {below}."
    )


def test_ranks_of_many_landscapes_are_counted_and_what_is_unknown_is_left_out():
    def record(name, two, one):
        return {"landscape": name, "rank_two_sided": two, "rank_one_sided": one}

    records = [record(f"f{i}", -0.1 * i, math.nan) for i in range(8)]
    assert lgi_report._said_of_ranks(records) == [
        "Rank correlation with the diameter: two-sided **-0.70 to -0.00**, median -0.35, "
        "below 0 on 7 of 8 landscapes."
    ]
    assert lgi_report._said_of_ranks([record("f", math.nan, math.nan)]) == []
