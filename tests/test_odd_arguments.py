"""Any value in any field of a public spec or function: a result, or one clear sentence."""

import inspect as reflection
import math
import warnings
from dataclasses import fields
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import check_sentence
from landscapes.data.datasets import DataSpec
from sadam.lab.bias import bias_table, check_theorem, draw_lgi
from sadam.lab.calibration import CalibrationSpec, calibrate
from sadam.lab.codec import parse_json
from sadam.lab.compare import tables
from sadam.lab.compare.grids import changed, linear_grid, log_grid
from sadam.lab.compare.problems import problems_of
from sadam.lab.compare.races import race_behind
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.directories import directory_of
from sadam.lab.experiment import Experiment
from sadam.lab.export import check_formats
from sadam.lab.figures import lgi_curves, turn_rates, turning_angles, window_of
from sadam.lab.figures.compare import ratio_forest
from sadam.lab.figures.inspector import slice_figure
from sadam.lab.figures.lgi import map_difference, single_map
from sadam.lab.figures.training_maps import decision_map
from sadam.lab.inspector import inspect
from sadam.lab.kinds import load
from sadam.lab.lessons import gradients_near, kink_slopes, running_means, steepest_descent
from sadam.lab.lgi_map import LgiMap, run_map
from sadam.lab.online import Online
from sadam.lab.race import run_race
from sadam.lab.rulebook import build_rule, make_rules, set_hyperparameter
from sadam.lab.training import Architecture, run_training
from sadam.lab.training.plane import loss_plane, plane_lgi
from sadam.lab.training.spec import Training
from sadam.lab.training.views import view_of
from sadam.lab.webpage import Look

SPECS = (Experiment, LgiMap, CalibrationSpec, Training, Compare, Online, DataSpec, Look)
RULES = make_rules(("adam", "s-adam"))
PLACE = {"landscape": "l1", "schedule": "constant"}


@cache
def functions():
    """Public functions that take plain values, each with arguments that are good and quick."""
    race = run_race(Experiment("l1", rules=RULES, steps=4))
    map_ = run_map(LgiMap("l1", grid=11, num_probes=2))
    point = inspect("l1", (0.5, 0.5), repetitions=10, num_samples=8)
    spec = Compare(problems_of(("l1",)), RULES, (0.1, 0.2), seeds=1, steps=2)
    compared = run_compare(spec)
    net = Architecture(hidden=(2,))
    trained = run_training(
        Training(DataSpec(n=24), net, batch_size=4, rules=RULES, seeds=1, steps=2)
    )
    return {
        inspect: {"landscape": "l1", "point": (0.5, 0.5), "repetitions": 10, "num_samples": 8},
        calibrate: {"landscape": "l1", "radius": 0.05, "grid": 11, "num_probes": 4},
        check_theorem: {"num_probes": 4, "dim": 2, "repetitions": 100},
        draw_lgi: {"case": "kink", "kind": "two-sided", "num_probes": 2, "repetitions": 10},
        bias_table: {"cases": ("kink",), "repetitions": 10},
        running_means: {"case": "kink", "num_probes": 2, "dim": 2, "seed": 0},
        kink_slopes: {"at": 0.0, "width": 0.1, "reach": 0.1},
        gradients_near: {"landscape": "l1", "point": (0.0, 0.0), "radius": 0.1},
        steepest_descent: {"landscape": "l1", "start": (1.0, 1.0), "steps": 2},
        load: {"text": "{}"},
        make_rules: {"names": ("adam", "s-adam")},
        build_rule: {"label": "a", "key": "adam", "values": {"lr": 0.1}},
        partial(set_hyperparameter, RULES): {"who": "all", "name": "lr", "value": 0.1},
        partial(changed, *RULES[1]): {"num_probes": 4},
        log_grid: {"low": 0.1, "high": 1.0, "number": 3},
        linear_grid: {"low": 0.1, "high": 1.0, "number": 3},
        problems_of: {"names": ("l1",), "starts": {}},
        check_formats: {"formats": ("html",)},
        directory_of: {"directory": "out"},
        partial(window_of, race): {"frame": "paths"},
        partial(lgi_curves.plain, race): {"estimator": "one-sided"},
        partial(turn_rates.plain, race): {"measure": "reversal_rate"},
        partial(turning_angles, race): {"bins": 3},
        partial(single_map, map_): {"name": "one-sided"},
        partial(map_difference, map_): {"left": "one-sided", "right": "two-sided"},
        partial(slice_figure.plain, point): {"scale": 0.1},
        partial(race_behind, compared): PLACE,
        partial(tables.sensitivity, compared): PLACE,
        partial(tables.heatmap, compared): PLACE | {"label": "adam", "x": "lr", "y": "lr"},
        partial(tables.profiles, compared): {
            "schedule": "constant",
            "target": -1,
            "count": "steps",
        },
        partial(ratio_forest, compared): {"schedule": "constant"},
        trained.at: {"label": "adam"},
        partial(view_of, trained): {"model": 0, "grid": 3},
        partial(loss_plane, trained): {"grid": 3, "kinks": False},
        partial(plane_lgi, loss_plane(trained, grid=3)): {"inside": True, "radius": 0.1},
        partial(decision_map.plain, trained): {"label": "adam", "regions": False},
    }


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\0", "\u202eadam", "a" * 5000, "NaN", "1e999", "../..", "\ud800", "1,2"]),
)
NUMBERS = st.one_of(
    st.floats(),
    st.sampled_from([-0.0, 5e-324, 1e308, -1e308, math.inf, math.nan]),
    st.integers(-5, 5),
    st.sampled_from([10**30, -(10**400), True, False, np.float32(0.1), np.int64(3)]),
)
ODD = st.recursive(
    st.one_of(NUMBERS, TEXTS, st.none(), st.just(1 + 0j), st.binary(max_size=3),
              st.just(np.array([1.0])),  st.just(object())),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=8,
)  # fmt: skip
UNTOUCHED = ("overlays", "changes", "known")  # what is no plain value, or any at all
SLOT = st.deferred(
    lambda: st.sampled_from(
        [(cls, f.name) for cls in SPECS for f in fields(cls)]
        + [
            (f, name)
            for f, good in functions().items()
            for name in {**reflection.signature(f).parameters, **good}
            if name not in UNTOUCHED
        ]
    )
)


@pytest.mark.slow
@settings(max_examples=1000)
@given(SLOT, ODD)
@example((Online, "beta1"), None)
@example((inspect, "landscape"), None)
@example((inspect, "radius"), 1e308)
@example((calibrate, "radius"), 1e200)
@example((check_theorem, "repetitions"), "many")
@example((DataSpec, "noise"), 1e308)
def test_any_value_of_any_argument_is_a_result_or_one_sentence(slot, value):
    make, name = slot
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            made = make(**{**functions().get(make, {}), name: value})
        except ValueError as error:
            check_sentence(str(error))
            return
    if make in SPECS and hasattr(made, "to_json") and make not in (Online, DataSpec):
        assert load(made.to_json()) == made


@settings(max_examples=200)
@given(st.recursive(NUMBERS | TEXTS | st.none(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12))  # fmt: skip
def test_any_json_is_a_spec_or_one_sentence(value):
    text = str(value).replace("'", '"').replace("None", "null").replace("nan", "NaN")
    for sent in (
        text,
        text.encode(errors="surrogatepass"),
        f'{{"kind": "race", "version": {text}}}',
    ):
        try:
            load(sent)
        except ValueError as error:
            check_sentence(str(error))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "twice"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 10_000, "too many digits"),
        ("NaN", "finite"),
        (b"\xff\xfe{}", "UTF-8"),
        ('"' + "\\ud800" + '"', None),
    ],
)
def test_json_that_python_would_take_or_choke_on(text, said):
    if said is None:
        parse_json(text)
    else:
        with pytest.raises(ValueError, match=said):
            parse_json(text)
