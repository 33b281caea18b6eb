"""Functions that are typed in: named by their text, drawn and searched like the catalogue's."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import landscapes
from landscapes import CATALOGUE, FormulaError, Landscape, get, own_name, parse_own, register
from landscapes.catalogue import _registered

finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: v + 0.0)


@given(a=finite, b=finite, start=st.none() | st.tuples(finite, finite), low=finite, size=st.data())
def test_the_name_says_everything(a, b, start, low, size):
    high = size.draw(st.floats(low, 1e6, exclude_min=True)) if low < 1e6 else None
    window = ((-3.0, 3.0), (low, high)) if high is not None else ((-3.0, 3.0), (-3.0, 3.0))
    name = own_name("a*abs(x) + b*abs(y)", {"a": a, "b": b}, window, start)
    text, parameters, drawn, begin = parse_own(name)
    assert (text, parameters, drawn) == ("a*abs(x) + b*abs(y)", {"a": a, "b": b}, window)
    assert start is None or begin == start


def test_a_typed_function_is_a_landscape_like_the_catalogues():
    known = CATALOGUE["nonsmooth-rosenbrock"]
    own = get(own_name(known.formula, window=known.window, start=known.start))
    x = torch.randn(50, 2, dtype=torch.float64, generator=torch.manual_seed(0))
    assert torch.equal(own.value(x), known.value(x))
    assert (own.start, own.window, own.group) == (known.start, known.window, "kinked")
    assert len(own.kinks) == len(known.kinks)
    assert not own.proved
    assert own.stem == "own-function"
    assert own.minimum == pytest.approx(0, abs=1e-8)
    assert own.minimisers[0] == pytest.approx((1, 1), abs=1e-6)


@pytest.mark.parametrize("key", ["cb2", "dem", "mifflin1", "chebyshev-n2", "himmelblau", "l1"])
def test_the_search_finds_known_minima(key):
    known = CATALOGUE[key]
    found = get(own_name(known.formula, window=known.window))
    assert found.minimum == pytest.approx(known.minimum, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["x + y", "-abs(x)", "log(x)", "sqrt(-1 - x**2)", "-1/abs(x)", "1e300*y", "log(log(x))"],
)
def test_no_minimum_is_claimed_where_there_is_none(text):
    assert get(f"= {text}").minimum is None


def test_parameters_count_as_1_until_they_are_set():
    x = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert get("= a*x + b*y").value(x) == 5
    assert get("= a*x + b*y; b = -2").value(x) == -4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("= abs(x", "column 6"),
        ("=", "a formula is missing"),
        ("= x; b = 1", "nothing called 'b'"),
        ("= a*x; a = q", "must be a number"),
        ("= a*x; a = inf", "must be a number"),
        ("= x; window = 1, 0, 0, 1", "is empty"),
        ("= x; window = 1, 2", "4 numbers"),
        ("= x; start = nan, 1", "2 numbers"),
        ("= __import__('os')", "column"),
    ],
)
def test_what_is_wrong_is_said(name, words):
    with pytest.raises(ValueError, match=words):
        get(name)


def test_an_error_in_the_formula_knows_its_column():
    with pytest.raises(FormulaError) as caught:
        get("= abs(x) + * y; window = -1, 1, -1, 1")
    assert caught.value.column == 10


def test_a_landscape_of_ones_own_code():
    own = Landscape(
        name="my-cone", title="Cone", formula=None, latex="|x|", source="here", note="A cone.",
        value=lambda x: torch.linalg.vector_norm(x, dim=-1), window=((-1.0, 1.0), (-1.0, 1.0)),
        start=(0.5, 0.5), minimisers=((0.0, 0.0),), minimum=0.0, group="kinked", convex=True,
        regular=True,
    )  # fmt: skip
    register(own)
    try:
        assert get("my-cone") is own
        with pytest.raises(ValueError, match="my-cone"):
            get("my-cono")
    finally:
        _registered.clear()
    with pytest.raises(ValueError, match="already"):
        register(CATALOGUE["cb2"])
    assert math.isclose(landscapes.get("cb2").minimum, 1.952224494)
