"""Any value in any field of a public spec or function: a result, or one clear sentence."""

import inspect as reflection
import math
import warnings
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import check_sentence
from landscapes.data.datasets import DataSpec
from sadam.lab.bias import check_theorem
from sadam.lab.calibration import CalibrationSpec, calibrate
from sadam.lab.codec import parse_json
from sadam.lab.compare.spec import Compare
from sadam.lab.experiment import Experiment, load
from sadam.lab.inspector import inspect
from sadam.lab.lgi_map import LgiMap
from sadam.lab.online import Online
from sadam.lab.training.spec import Training

SPECS = (Experiment, LgiMap, CalibrationSpec, Training, Compare, Online, DataSpec)
FUNCTIONS = {  # each with arguments that are good and quick
    inspect: {"landscape": "l1", "point": (0.5, 0.5), "repetitions": 10, "num_samples": 8},
    calibrate: {"landscape": "l1", "radius": 0.05, "grid": 11, "num_probes": 4},
    check_theorem: {"num_probes": 4, "dim": 2, "repetitions": 100},
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
SLOT = st.sampled_from(
    [(cls, f.name) for cls in SPECS for f in fields(cls)]
    + [(f, name) for f in FUNCTIONS for name in reflection.signature(f).parameters]
)


@pytest.mark.slow
@settings(max_examples=400)
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
            made = make(**{**FUNCTIONS.get(make, {}), name: value})
        except ValueError as error:
            check_sentence(str(error))
            return
    if hasattr(made, "to_json") and make not in (Online, DataSpec):
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
