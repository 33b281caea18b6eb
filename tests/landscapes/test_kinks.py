"""Kinks of formulas: where they are found, where they are hidden, which of them are real."""

import pickle
import time

import pytest
import torch

from landscapes import Formula, landscape_from_formula, own_name, real_kinks
from landscapes.kinks import MAX_WORK
from landscapes.own import own_landscape

WINDOW = ((-3.0, 3.0), (-3.0, 3.0))


def kinks_at(text, x, y):
    point = torch.tensor([x, y], dtype=torch.float64)
    return [kink(point).item() for kink in Formula.parse(text).kinks]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("abs(x - y)", [1]),
        ("relu(x) + sign(y)", [2, 1]),
        ("max(x, y)", [1]),
        ("max(x, y, x + y)", [1, 2]),
        ("where(x > y, 1, 0)", [-1]),
        ("where(x > 0 and y > 5, 1, 0)", [-4]),
        ("floor(x/4)", [1]),
        ("round(x/4 + 0.5)", [-1]),
        ("abs(x) + max(x, -x) + abs(-x) + abs(3*x)", [2]),
        ("x*y + sqrt(x**2 + 1)", []),
        ("abs(3)", []),
    ],
)
def test_one_for_each_operation_that_may_bend(text, values):
    got = [value for value in kinks_at(text, 2.0, 1.0) if value == value]
    assert sorted(map(abs, got)) == pytest.approx(sorted(map(abs, values)))


@pytest.mark.parametrize(
    ("text", "x", "y", "visible"),
    [
        ("max(abs(x), abs(y))", 2.0, 1.0, 2),  # x and abs(x) - abs(y), not y
        ("max(abs(x), abs(y))", 1.0, 1.0, 3),
        ("max(x, y, -9)", 2.0, 1.0, 2),  # not the pair of y and -9
        ("relu(abs(x) - 1)", 0.5, 0.0, 1),  # abs(x) is under the flat part
        ("where(x > 0, abs(y), y)", 1.0, 1.0, 2),
        ("where(x > 0, abs(y), y)", -1.0, 1.0, 1),
        ("where(x > 0 and y > 0, 1, 0)", -1.0, -1.0, 0),
        ("where(x > 0 or y > 0, 1, 0)", -1.0, 1.0, 1),
        ("0*abs(x) + y", 1.0, 1.0, 0),
        ("round(4*x)**2", 0.01, 0.0, 1),  # a step is never hidden
    ],
)
def test_nan_where_hidden(text, x, y, visible):
    assert sum(value == value for value in kinks_at(text, x, y)) == visible


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("abs(x) + abs(y)", 2),
        ("abs(x)*x", 0),
        ("abs(x)**3 + relu(y)**2", 0),
        ("1e-4*abs(x) + 100*x**2", 1),
        ("where(x > 0, x**2, -x**2)", 0),
        ("where(x > 0, x, 2*x)", 1),
        ("where(x > 0, x, x + 1)", 1),
        ("sign(x*y) + floor(x)", 2),
        ("max(x, y) + min(x, y)", 0),
        ("max(abs(x), abs(y))", 1),
        ("abs(x - 50)", 0),  # not in the window
        ("exp(5*x)", 0),
    ],
)
def test_real_ones_are_kept(text, count):
    f = Formula.parse(text)
    kept = real_kinks(f, f.kinks, WINDOW)
    assert len(kept) == count
    assert set(kept) <= set(f.kinks)


def test_a_kink_survives_pickling():
    (kink,) = Formula.parse("abs(x - a*y)", {"a": 2.0}).kinks
    x = torch.randn(5, 2)
    assert torch.equal(pickle.loads(pickle.dumps(kink))(x), kink(x))


def test_together_and_one_by_one_are_the_same():
    for text in ("max(x, y, -x - y, sin(3*x))", "abs(sin(2*x) - y) + floor(x + y)"):
        f = Formula.parse(text)
        together = real_kinks(f, f.kinks, WINDOW, f.kink_values, f.kink_operations)
        assert together == real_kinks(f, f.kinks, WINDOW) != ()


SINES = ", ".join(f"sin({i}*x + {i * i}*y)" for i in range(1, 21))
WIDE = (
    f"max({SINES})",
    f"max({SINES[:400].rpartition(', sin')[0]}) + abs(x)",
    "+".join(f"abs(x-{i}/24)" for i in range(-30, 30)),
    " + ".join(f"floor(sin({i}*x + y))" for i in range(30)),
    "max(" * 39 + "x" + ", y)" * 39,
)


@pytest.mark.parametrize("text", WIDE)
def test_a_formula_with_many_kinks_is_not_slow(text):
    times = []
    for _ in range(3):
        began = time.thread_time()
        landscape_from_formula(text)
        times.append(time.thread_time() - began)
    # 50 ms on an idle machine; without the cap the first takes 1.6 s.
    assert min(times) < 0.15


def test_more_places_than_can_be_looked_at_are_said():
    f = Formula.parse(WIDE[0])
    assert len(f.kinks) * f.kink_operations > MAX_WORK
    own = own_landscape(own_name(WIDE[0]))
    assert (own.kinks, own.group) == ((), "kinked")
    assert f"it has {len(f.kinks)} places" in own.note
    assert f"{MAX_WORK:,}" in own.note
    below = own_landscape(own_name(WIDE[2]))
    assert len(below.kinks) == 60
    assert "found from the formula" in below.note
