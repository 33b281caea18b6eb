"""Extreme races, maps and points: every table and figure holds what its docstring states.

Without a warning, too. And what a public function raises itself its docstring names.
"""

import ast
import json
import math
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import sadam.lab
from sadam.lab import animation, export
from sadam.lab.calibration import (
    CalibrationReport,
    CalibrationSpec,
    calibrate_map,
    catalogue_table,
)
from sadam.lab.compare.grids import changed, linear_grid, log_grid, numbers_from_text
from sadam.lab.compare.problems import problems_of
from sadam.lab.compare.run import load_results, run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.directories import directory_of
from sadam.lab.experiment import Experiment
from sadam.lab.figures import RACE_FIGURES, curves, paths, trajectory_map, turn_rates
from sadam.lab.figures import calibration as calibration_figures
from sadam.lab.figures import inspector as inspector_figures
from sadam.lab.figures import lgi as map_figures
from sadam.lab.inspector import inspect
from sadam.lab.kinds import load
from sadam.lab.lessons import gradients_near, kink_slopes, steepest_descent
from sadam.lab.lgi_map import QUANTITIES, LgiMap, run_map
from sadam.lab.lgi_report import calibration_report, map_report, map_table, summary
from sadam.lab.online import Online, run_online, told
from sadam.lab.race import results, results_table, run_race, sentence
from sadam.lab.report import race_report, terminal_text
from sadam.lab.rulebook import build_rule, make_rules, set_hyperparameter
from sadam.lab.subdifferential import convex_hull
from sadam.lab.thumbnail import thumbnail
from sadam.lab.webpage import Look

SMALLEST, LARGEST = 5e-324, 1e308  # learning rates that a spec may have
KEYS = ("adam", "prox-sgd", "s-adam", "s-adam-two-sided")
NARROW = "= abs(x) + abs(y - x**2); window = 1, 1.000001, 2, 2.000001"
WIDE = "= abs(x) + abs(y - x**2); window = -1000000, 1000000, -1000000, 1000000"
NOWHERE = "= sqrt(-1 - x**2)"

RACES = {  # landscape, starts, learning rate, steps
    "all diverge": ("crescent", ((-1.5, 2.0), (1.0, 1.0), (2.0, -1.0)), LARGEST, 5),
    "all diverge at the only step": ("crescent", (), LARGEST, 1),
    "one step": ("crescent", (), 0.05, 1),
    "the smallest learning rate": ("crescent", (), SMALLEST, 4),
    "a constant": ("= 3", (), 0.05, 4),
    "not defined at the start": ("= log(x) + abs(y)", ((-1.0, 1.0),), 0.05, 4),
    "defined nowhere": (NOWHERE, (), 0.05, 4),
    "a narrow window": (NARROW, (), 0.05, 4),
    "a wide window": (WIDE, (), 0.05, 4),
}


def cases(table, *fast):
    """The names of a table, the others slow."""
    return [pytest.param(n, marks=[] if n in fast else pytest.mark.slow) for n in table]


@cache
def raced(name):
    landscape, starts, lr, steps = RACES[name]
    return run_race(Experiment(landscape, starts, make_rules(KEYS, lr=lr), steps))


def plain_words(text):
    return text and not re.search(r"\b(nan|inf|None)\b", text)


@pytest.mark.parametrize(
    "name", cases(RACES, "all diverge at the only step", "not defined at the start", "a constant")
)
def test_every_table_and_figure_of_an_extreme_race(name):
    race = raced(name)
    for make in RACE_FIGURES.values():
        figure = make(race)
        assert figure.layout.title.text or figure.layout.meta
        json.loads(figure.to_json())
    for frame in ("window", "paths", "tail"):
        assert trajectory_map.plain(race, frame, crossings=True)["data"]
        assert "nan" not in thumbnail(race, frame, prefix="x")
    shown = [curves.gap_by_step.plain(race), curves.gap_by_evaluations.plain(race)]
    curves.show_tail(race, shown)
    assert all(np.isfinite(figure["layout"]["xaxis"]["range"]).all() for figure in shown)
    assert plain_words(sentence(race))
    assert terminal_text(race_report(race))
    json.dumps(race_report(race).document, allow_nan=False)
    starts, steps = len(race.experiment.starts), race.experiment.steps
    written = export.trajectories_table(race)
    assert written.num_rows == len(KEYS) * starts * (steps + 1)
    table = results_table(race).set_index("rule")
    for label, row in table.iterrows():
        track = race.trajectories[label]
        assert row["diverged"] == int((track.diverged_at >= 0).sum())
        assert math.isinf(row["final_gap"]) == (2 * row["diverged"] >= starts)
        assert math.isnan(row["best_gap"]) == math.isnan(race.reference)
        assert math.isnan(row["tail_amplitude"]) == (row["diverged"] == starts)
        gaps = race.gaps(label)
        assert bool(gaps[-1].isnan().all()) == (row["diverged"] == starts)
        assert 0 <= row["conflict_rate"] <= 1
        assert 0 < row["mean_brake"] <= 1


def test_what_a_race_says_where_nobody_stands():
    assert sentence(raced("all diverge at the only step")).startswith(
        "Adam left the finite numbers at step 1. Prox-SGD left the finite numbers at step 1. "
    )
    assert "at step 1 from 3 of 3 starts" in sentence(raced("all diverge"))
    starts = {"not defined at the start": "(-1, 1)", "defined nowhere": "(-1.5, 1.8)"}
    for name, start in starts.items():
        race = raced(name)
        assert sentence(race) == (
            f"f is not defined at the start, {start}: no optimizer can take a step from there."
        )
        assert race.reference_told(3) == "no value of f was seen"
        assert {row["diverged_at"] for row in results(race)} == {0}
        assert len({tuple(p) for p in race.trajectories["adam"].points[:, 0].tolist()}) == 1


def test_a_race_of_which_half_the_starts_are_undefined_says_why_there_is_no_median():
    spec = Experiment("= log(x) + abs(y)", ((-1.0, 1.0), (1.0, 1.0)), make_rules(("adam",)), 3)
    assert sentence(run_race(spec)) == (
        "f is not defined at 1 of 2 starts: no optimizer can take a step from there, so that no "
        "median over the starts is finite."
    )


def test_a_value_that_is_finite_is_not_called_infinite():
    race = run_race(Experiment("= 1e300*abs(x) + y", ((1.0, 1.0),), make_rules(("adam",)), 2))
    assert sentence(race).startswith("f is beyond 1e+150 at the start, (1, 1): ")


@pytest.mark.slow
@pytest.mark.parametrize("name", RACES)
def test_an_extreme_race_moves(name):
    assert animation.animate(raced(name), "gif").startswith(b"GIF8")


# ---- maps

SQUARE = ((-5e-7, 5e-7), (-5e-7, 5e-7))
MAPS = {
    "a constant": LgiMap("= 3", grid=11, num_probes=4),
    "defined nowhere": LgiMap(NOWHERE, grid=11, num_probes=4),
    "half a plane": LgiMap("= log(x) + abs(y)", grid=11, num_probes=4),
    "a kink everywhere": LgiMap("l1", SQUARE, 11, num_probes=4),
    "a wide window": LgiMap("l1", ((-1e6, 1e6), (-1e6, 1e6)), 11, num_probes=4, radius=1e6),
    "brakes beyond all bounds": LgiMap(
        "l1", grid=11, num_probes=4, damping_one_sided=LARGEST, damping_two_sided=SMALLEST
    ),
}


@cache
def mapped(name):
    probes = ("one-sided", "two-sided", "goldstein", "stationarity", "spread")
    return run_map(replace(MAPS[name], probes=probes, repetitions=3, num_samples=4))


@pytest.mark.parametrize("name", cases(MAPS, "defined nowhere"))
def test_every_table_and_figure_of_an_extreme_map(name):
    result = mapped(name)
    assert set(result.fields) == set(QUANTITIES)
    for key, figure in map_figures.figures_of(result).items():
        assert figure.data, key
        figure.to_json()
    found = calibrate_map(result)
    for make in (calibration_figures.scatter, calibration_figures.roc):
        make(found).to_json()
    calibration_figures.catalogue([found]).to_json()
    json.dumps(map_report(result).document, allow_nan=False)
    assert terminal_text(map_report(result))


@pytest.mark.parametrize("name", MAPS)
def test_a_map_knows_nothing_where_it_is_grey_and_says_what_it_knows(name):
    result = mapped(name)
    holes = {field: int(np.isnan(values).sum()) for field, values in result.fields.items()}
    assert map_table(result).num_rows == 121
    rows = {row["quantity"]: row for row in summary(result)}
    assert all((rows[field]["mean"] is None) == (n == 121) for field, n in holes.items())
    single = map_figures.single_map(result, "two-sided")
    assert ("hole" in {t.meta["role"] for t in single.data}) == (holes["two-sided"] > 0)
    found = calibrate_map(result)
    spec = CalibrationSpec(result.spec.landscape, (result.spec.radius,))
    areas = calibration_report(CalibrationReport(spec, (found,))).said.split("\n")[0]
    words = map_report(result).said
    if name == "defined nowhere":
        assert set(holes.values()) == {121}
        assert math.isnan(catalogue_table([found])["near_share"].item())
        assert areas == "There is no point at which the LGIs can be measured."
        assert words.startswith("There is no point at which an LGI can be measured.\nAt 100 % of ")
    elif name == "half a plane":
        assert 0 < holes["two-sided"] < 121
    elif name in ("a constant", "a kink everywhere"):
        point = "Every point" if name == "a kink everywhere" else "No point"
        assert areas.startswith(f"{point} has a declared kink within the radius, so there is")
        assert words.startswith(f"{point} has a declared kink within the radius; there the mean")


def test_without_calibrations_there_is_an_empty_table_and_figure():
    assert list(catalogue_table([]))[:4] == ["landscape", "group", "convex", "radius"]
    assert not any(len(trace.x) for trace in calibration_figures.catalogue([]).data)
    without = LgiMap("l1", grid=11, num_probes=2, probes=("one-sided", "two-sided"))
    with pytest.raises(ValueError, match="the map has no goldstein, which"):
        calibrate_map(run_map(without))


@pytest.mark.parametrize(
    ("landscape", "point", "radius", "why"),
    [
        ("= 3", (0, 0), 0.01, "f is flat within 0.01, so there is nothing to measure"),
        ("l1", (1, 1), 1e-200, "the differences of f within 1e-200 are lost in rounding"),
        ("= 1e-300*abs(x)", (0, 0), 0.01, "the differences of f within 0.01 are lost in rounding"),
        ("= 1e-320*x", (0, 0), 0.01, "the differences of f within 0.01 are lost in rounding"),
        ("l1", (0, 0), 1e6, "a kink passes within 1e+06"),
    ],
)
def test_what_an_inspection_of_an_extreme_point_says_and_draws(landscape, point, radius, why):
    found = inspect(landscape, point, radius=radius, repetitions=20, num_samples=8)
    assert found.sentence.startswith(f"Here {why}")
    for make in (inspector_figures.slope_rose, inspector_figures.gradient_fan):
        json.loads(make(found).to_json())
    json.loads(inspector_figures.slice_figure(found).to_json())


def test_where_no_radius_is_sensible_a_map_says_so():
    spec = LgiMap("= 1e8 + 1e-8*abs(x)", grid=11, num_probes=2, probes=("two-sided",))
    assert "none is sensible: f rounds away its own slopes" in run_map(spec).warnings[-1]


def test_lessons_at_their_ends():
    assert steepest_descent("= log(x)", (-1.0, 1.0)).tolist() == [[-1.0, 1.0]]
    assert kink_slopes(0.0, 0.0, SMALLEST).reach == SMALLEST
    assert convex_hull(np.empty((0, 2))).shape == (0, 2)
    for lr, large in ((1e150, 1e150), (SMALLEST, SMALLEST)):
        run = run_online(Online(rounds=200, lr=lr, large=large))
        assert all(np.isfinite(x).all() for x in (*run.points.values(), *run.regret.values()))
        assert plain_words(told(run))
    with pytest.raises(ValueError, match="no gradient near this point is finite"):
        gradients_near("= sqrt(-1 - x**2)", (0.0, 0.0), 0.1)


# ---- arguments that cannot be

SPEC = Compare(problems=problems_of(("l1",)), lrs=(0.1,), seeds=1, steps=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: directory_of(""), "the directory is empty"),
        (lambda: directory_of("a\0b"), "a NUL character"),
        (lambda: directory_of(None), "must be a path, but is None"),
        (lambda: export.check_formats("png"), "formats must be a list"),
        (lambda: load_results(""), "the directory is empty"),
        (lambda: run_compare(SPEC, ""), "the directory is empty"),
        (lambda: load(None), "read from text or bytes, not from None"),
        (lambda: make_rules("adam"), "names of rules must be a list, but is 'adam'"),
        (lambda: make_rules(("adam",), lr="fast"), "lr of adam must be a number"),
        (lambda: build_rule("a", "adam", {"speed": 1}), "the rule adam has no hyperparameter"),
        (lambda: set_hyperparameter(make_rules(("adam",)), "adam", None, 1), "must be a text"),
        (lambda: changed("a", make_rules(("s-adam",))[0][1], num_probes=math.inf), "whole number"),
        (lambda: changed("a", make_rules(("adam",))[0][1], speed=1), "a has no hyperparameter"),
        (lambda: log_grid(1.0, 2.0, 10**12), "a grid of 1000000000000 values is too large"),
        (lambda: numbers_from_text("0:1:999999999999", "lr", linear_grid), "is too large"),
        (lambda: problems_of("cb2"), "landscapes must be a list, but is 'cb2'"),
        (lambda: problems_of(("cb2",), {"cb2": "here"}), "the start of 'cb2' must be a list"),
        (lambda: paths.window_of(raced("one step"), "all"), "no frame 'all'"),
        (lambda: curves.lgi_curves(raced("one step"), "both"), "no estimator 'both'"),
        (lambda: turn_rates(raced("one step"), "speed"), "no measure 'speed'"),
        (lambda: inspect("l1", (1e308, 0.0)), r"point is \(1e.308, 0\), but coordinates must lie"),
        (lambda: kink_slopes(0.0, 0.0, 0.0), "reach is 0, but must be above 0"),
        (lambda: Look(width="wide"), "width must be a whole number"),
        (lambda: Online(large=1e200), "large is 1e.200, but must be at most 1e.150"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_clear_sentence(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        call()
    assert not list(tmp_path.iterdir())


def test_a_grid_from_end_to_end_of_what_floats_hold():
    for number in (2, 3, 7):
        grid = log_grid(SMALLEST, LARGEST, number)
        assert (grid[0], grid[-1], len(grid)) == (SMALLEST, LARGEST, number)
        assert all(0 < a < b < math.inf for a, b in pairwise(grid))


# ---- the docstrings


def _raised(function):
    """The exceptions that a function's own body constructs and raises."""
    found, left = set(), list(ast.iter_child_nodes(function))
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call | ast.Name):
            called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found.add(ast.unparse(called))
        left += ast.iter_child_nodes(node)
    return {name for name in found if name[0].isupper()}


def _public(tree, prefix=""):
    """Public functions and methods of public classes, with where their docstring stands."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    made = method.name in ("__init__", "__post_init__")
                    if made or not method.name.startswith("_"):
                        yield f"{node.name}.{method.name}", method, node if made else method
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, node


def test_what_a_public_function_raises_its_docstring_names():
    root, unnamed, count = Path(sadam.lab.__file__).parent, [], 0
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for name, function, documented in _public(ast.parse(text)) if "raise " in text else ():
            said = (ast.get_docstring(documented) or "").partition("\nRaises:\n")[2]
            named = set(re.findall(r"^    (\w+): ", said, re.M))
            count += bool(_raised(function))
            unnamed += [f"{path.name} {name}: {e}" for e in _raised(function) - named]
    assert unnamed == []
    assert count > 60
