"""Figures carry the numbers of the race, every rule in its style, and what the stage needs."""

from functools import cache

import numpy as np
import plotly.graph_objects as go
import pytest

from landscapes import CATALOGUE
from sadam.lab.experiment import Experiment
from sadam.lab.figures import RACE_FIGURES, trajectory_map, trajectory_surface, window_of
from sadam.lab.figures.curves import moving_median
from sadam.lab.figures.ground import ground, kink_lines
from sadam.lab.polylines import joined
from sadam.lab.race import results, run_race
from sadam.lab.style import STYLES
from sadam.rules import RULES


def make(landscape="crescent", steps=60, **spec):
    rules = tuple((key, RULES[key](lr=0.05)) for key in RULES)
    return run_race(Experiment(landscape=landscape, steps=steps, rules=rules, **spec))


@cache
def short(landscape):
    return make(landscape, steps=12)


@pytest.fixture(scope="module")
def race():
    return make()


def by_role(figure, role):
    return [t for t in figure.data if (t.meta or {}).get("role") == role]


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
@pytest.mark.parametrize("name", RACE_FIGURES)
def test_every_figure_of_every_landscape_is_a_valid_figure(key, name):
    figure = RACE_FIGURES[name](short(key))
    assert isinstance(figure, go.Figure)
    assert len(figure.data) >= 1
    figure.to_json()


def test_styles_are_distinct():
    for field in ("color", "color_dark", "symbol", "title"):
        assert len({getattr(style, field) for style in STYLES.values()}) == len(STYLES)
    solid = [key for key, style in STYLES.items() if style.dash == "solid"]
    assert solid == ["s-adam", "s-adam-two-sided"]  # told apart by width, marker and colour
    assert {key for key in STYLES if not key.startswith("matched-")} == set(RULES)


def test_the_map_carries_the_paths(race):
    figure = trajectory_map(race)
    paths = {t.meta["rule"]: t for t in by_role(figure, "path")}
    assert set(paths) == set(RULES)
    assert list(paths)[-1] == "s-adam-two-sided"  # drawn last, on top
    for label, trace in paths.items():
        track = race.trajectories[label]
        assert np.allclose(trace.x, track.points[:, 0, 0])
        assert np.allclose(trace.y, track.points[:, 0, 1])
        details = np.asarray(trace.customdata)
        assert details.shape == (61, 6)
        assert np.allclose(details[:, 1], track.values[:, 0], rtol=1e-6)
        assert np.allclose(details[:, 2], track.grads[:, 0].norm(dim=-1), rtol=1e-6)
        assert np.allclose(details[:, 3], track.lgi_one_sided[:, 0], rtol=1e-6)
        assert np.allclose(details[:, 4], track.lgi_two_sided[:, 0], rtol=1e-6)
        assert np.allclose(details[:-1, 5], track.brake[:, 0], rtol=1e-6)
        assert trace.line.color == STYLES[label].color
    (star,) = by_role(figure, "minimiser")
    assert (star.x[0], star.y[0]) == (0, 0)
    (ring,) = by_role(figure, "start")
    assert (ring.x[0], ring.y[0]) == CATALOGUE["crescent"].start


def test_kinks_are_drawn_where_they_are():
    window = CATALOGUE["crescent"].window
    line = joined(kink_lines(CATALOGUE["crescent"], window))
    line = line[np.isfinite(line).all(1)]
    assert len(line) > 100
    assert np.allclose(line[:, 0] ** 2 + (line[:, 1] - 1) ** 2, 1, atol=1e-3)
    assert not kink_lines(CATALOGUE["bowl"], CATALOGUE["bowl"].window)


def test_levels_are_log_gaps():
    landscape = CATALOGUE["maxq"]
    base = ground(landscape, landscape.window, 21)
    x, y = np.meshgrid(base.x.astype(float), base.y.astype(float))
    expected = np.log10(np.maximum(x**2, y**2) + base.offset)
    assert np.allclose(base.level, expected, atol=1e-5)
    assert np.allclose(
        base.level_of(np.array([0.0, 9.0])), np.log10([base.offset, 9 + base.offset])
    )


def test_the_view_can_follow_the_paths(race):
    (x0, x1), (y0, y1) = window_of(race, "paths")
    for track in race.trajectories.values():
        x, y = track.points.reshape(-1, 2).numpy().T
        assert x0 <= x.min() <= x.max() <= x1
        assert y0 <= y.min() <= y.max() <= y1
    axis = trajectory_map(race, "paths").layout.xaxis
    assert axis.range == (x0, x1)
    assert axis.exponentformat == "power"  # a window of 1e-9 is not marked "0.5n"


def test_following_survives_a_race_that_leaves_the_earth():
    rules = (("sgd", RULES["sgd"](lr=10.0)), ("adam", RULES["adam"](lr=0.05)))
    race = run_race(Experiment(landscape="cb2", rules=rules))
    (x0, x1), _ = window_of(race, "paths")
    assert 0 < x1 - x0 < 200
    trajectory_map(race, "paths").to_json()
    trajectory_surface(race, "paths").to_json()


def test_several_starts_are_several_paths():
    race = make(starts=((-1.0, 1.0), (1.0, 1.0)))
    figure = trajectory_map(race)
    assert len(by_role(figure, "path")) == 2 * len(RULES)
    assert sum(bool(t.showlegend) for t in by_role(figure, "path")) == len(RULES)
    for make_figure in RACE_FIGURES.values():
        make_figure(race).to_json()


def test_the_surface_draws_paths_on_the_ground(race):
    figure = trajectory_surface(race)
    base = ground(race.landscape, race.landscape.window)
    span = np.nanmax(base.level) - np.nanmin(base.level)
    for trace in by_role(figure, "path"):
        track = race.trajectories[trace.meta["rule"]]
        height = np.log10(track.values[:, 0].numpy() - base.reference + base.offset)
        inside = np.isfinite(np.asarray(trace.z, dtype=float))
        assert inside.any()
        assert np.allclose(np.asarray(trace.z)[inside], height[inside] + 0.01 * span, atol=1e-5)


def test_gap_curves_count_evaluations(race):
    steps = {t.meta["rule"]: t for t in by_role(RACE_FIGURES["gap-by-step"](race), "curve")}
    cost = {t.meta["rule"]: t for t in by_role(RACE_FIGURES["gap-by-evaluations"](race), "curve")}
    for label, track in race.trajectories.items():
        assert np.allclose(steps[label].y, cost[label].y)
        assert cost[label].x[-1] == 60 * track.evaluations


@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_a_moving_median_keeps_its_window_at_the_end(window):
    values = np.random.default_rng(window).normal(size=(23, 2))
    got = moving_median(values, window)
    for i in range(23):
        before = min(i, window // 2)
        first = i - before
        last = min(i + (window - 1 - window // 2 if before == window // 2 else before), 22)
        first = min(first, 22 - window + 1) if last == 22 else first
        np.testing.assert_allclose(got[i], np.median(values[first : last + 1], axis=0), rtol=1e-14)
    assert np.array_equal(got[0], values[0])
    np.testing.assert_allclose(got[-1], np.median(values[-window:], axis=0), rtol=1e-14)


@pytest.mark.parametrize("starts", [((-1.5, 2.0),), ((-1.5, 2.0), (1.278719, 2.534671), (1, 1))])
def test_the_gap_curve_ends_at_the_final_gap_and_says_so(starts):
    race = make(steps=300, starts=starts)
    figure = RACE_FIGURES["gap-by-step"](race)
    assert figure.layout.title.text == "Gap to the minimum, median of 30 steps"
    ends = {t.meta["rule"]: t.y[-1] for t in by_role(figure, "curve")}
    for label, track in race.trajectories.items():
        gaps = np.median(track.values[-30:].numpy(), axis=0)  # f* = 0
        assert ends[label] == pytest.approx(np.median(gaps), rel=1e-6)


def test_the_gap_of_a_rule_that_diverged_breaks_off_and_leaves_the_others_room():
    rules = [(key, RULES[key](lr=5.0)) for key in ("adam", "adamw", "s-adam-two-sided")]
    rules.append(("prox-sgd", RULES["prox-sgd"](lr=3.0)))
    race = run_race(Experiment(landscape="crescent", steps=300, rules=tuple(rules)))
    at = int(race.trajectories["prox-sgd"].diverged_at[0])
    assert 0 < at < 300
    figure = RACE_FIGURES["gap-by-step"](race)
    lines = {t.meta["rule"]: np.asarray(t.y) for t in by_role(figure, "curve")}
    assert np.isnan(lines["prox-sgd"][at:]).all()
    assert np.isfinite(lines["prox-sgd"][:at]).all()
    (cross,) = by_role(figure, "left")
    assert (cross.meta["rule"], cross.x[0]) == ("prox-sgd", at - 1)
    low, high = figure.layout.yaxis.range
    assert 10**low <= cross.y[0] <= 10**high * 1.001
    others = np.concatenate([race.gaps(label)[:, 0] for label in lines if label != "prox-sgd"])
    assert low < np.log10(others.min()) < np.log10(others.max()) < high < 6
    assert not by_role(RACE_FIGURES["gap-by-step"](make()), "left")
    row = next(row for row in results(race) if row["rule"] == "prox-sgd")
    assert np.isnan(row["tail_amplitude"])


def test_barcode_shows_where_the_gradient_turned(race):
    strips = {t.meta["rule"]: t for t in by_role(RACE_FIGURES["chattering"](race), "strip")}
    for label, track in race.trajectories.items():
        g = track.grads[:, 0]
        turned = (g[1:] * g[:-1]).sum(-1) < 0
        assert np.array_equal(np.asarray(strips[label].z)[0] > 0.5, turned.numpy())
        assert strips[label].x[0] == 1


@pytest.mark.slow
def test_long_barcodes_are_binned():
    race = make(steps=2500)
    strip = by_role(RACE_FIGURES["chattering"](race), "strip")[0]
    z = np.asarray(strip.z)[0]
    assert len(z) == 834
    g = race.trajectories[strip.meta["rule"]].grads[:, 0]
    turned = ((g[1:] * g[:-1]).sum(-1) < 0).numpy()
    assert z[0] == pytest.approx(turned[:3].mean())


def test_very_short_races_draw():
    for make_figure in RACE_FIGURES.values():
        make_figure(make(steps=1)).to_json()
