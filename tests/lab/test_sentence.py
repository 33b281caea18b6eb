"""What a race's sentence says of functions that visitors type, against its table."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import landscapes
from sadam.lab.experiment import Experiment, make_rules
from sadam.lab.race import CONVERGED, results, run_race, sentence
from sadam.lab.report import race_report, terminal_text
from sadam.lab.style import duration

KEYS = ("adam", "adamw", "prox-sgd", "s-adam", "s-adam-two-sided")
QUANTIZED = "(round(a*x)/a)**2 + (round(a*y)/a)**2 + 0.1*(x**2 + y**2)"


def raced(formula, start=(-1.5, 1.8), steps=300, keys=KEYS, lr=0.1):
    return run_race(Experiment(f"= {formula}", (start,), make_rules(keys, lr=lr), steps))


def test_all_that_converge_are_named_together():
    race = raced(QUANTIZED, steps=500)
    said, rows = sentence(race), results(race)
    near = [row["title"] for row in rows if row["final_gap"] <= 1e-8]
    assert len(near) >= 4
    listed = re.search(r"is at most 1e-8 under ([^;.]+)[;.]", said)[1]
    assert re.split(", | and ", listed) == near


def test_below_1e_8_there_are_no_factors():
    """One rule alone is there: how many times closer it is than the next says nothing."""
    race = raced("abs(x) + abs(y) + x**2", steps=200)
    rows = [{**row} for row in results(race)]
    for row, gap in zip(rows, (3e-72, 1.1e-8, 0.5, 0.6, 0.7), strict=True):
        row["final_gap"] = gap
    said = sentence(race, rows)
    assert "is the smallest, 3e-72 " in said
    assert f"against {rows[1]['title']}'s 1.1e-08" in said
    assert "times" not in said


def test_of_a_constant_nothing_is_ranked_and_no_point_is_its_minimum():
    race = raced("7")
    assert race.landscape.minimum == 7
    assert race.landscape.minimisers == ()
    said = sentence(race)
    assert said.endswith("spans 0 under all of them.")
    assert "smallest" not in said
    assert "most of all" not in said


@pytest.mark.parametrize(
    ("formula", "minimum"),
    [
        ("-x**2-y**2", None), ("1/x", None), ("x + y", None), ("log(abs(x))", None),
        ("-1/(x**2+y**2)", None), ("x - exp(x)", None), ("tan(x)", None), ("1/(x-y)", None),
        ("exp(x)", None),
        ("abs(x)+abs(y)", 0.0), ("sqrt(abs(x))+y**2", 0.0), ("floor(x)**2+y**2", 0.0),
        ("-1/(0.01+x**2+y**2)", -100.0), ("where(x > 0, x, 1 - x) + y**2", 0.0),
    ],
)  # fmt: skip
def test_a_function_that_falls_without_end_has_no_minimum(formula, minimum):
    found = landscapes.get(f"= {formula}").minimum
    assert found == (None if minimum is None else pytest.approx(minimum, abs=1e-9))


@pytest.mark.parametrize("formula", ["-x**2-y**2", "1/x"])
def test_where_no_minimum_was_found_values_are_told(formula):
    race = raced(formula)
    said = sentence(race)
    assert said.startswith("No minimum of f was found")
    assert "gap" not in said
    ends = {
        label: np.median(track.values[-30:, 0].numpy())
        for label, track in race.trajectories.items()
    }
    lowest = min(ends, key=ends.__getitem__)
    row = next(row for row in results(race) if row["rule"] == lowest)
    assert f"{ends[lowest]:.3g}, under {row['title']}" in said
    assert race.reference_kind == "the least value seen"


@pytest.mark.parametrize(
    ("formula", "start", "said"),
    [
        ("log(x)", (-1.5, 1.0), "f is not defined at the start, (-1.5, 1)"),
        ("1/x", (0.0, 1.0), "f is not finite at the start, (0, 1)"),
    ],
)
def test_a_start_where_f_is_not_defined_is_said_once(formula, start, said):
    race = raced(formula, start)
    assert sentence(race) == f"{said}: no optimizer can take a step from there."
    assert all(math.isnan(row["tail_amplitude"]) for row in results(race))


def test_some_starts_may_be_undefined():
    starts = ((-1.0, 1.0), (1.0, 1.0), (1.2, 1.0))
    race = run_race(Experiment("= x*log(x)+y**2", starts, make_rules(KEYS, lr=0.01), 40))
    said = sentence(race)
    assert said.startswith("Over the last 4 steps (median of 3 starts) the median gap")
    assert said.endswith("f is not defined at 1 of 3 starts: no optimizer can take a step from "
                         "there.")  # fmt: skip


PIECES = ("x", "y", "abs(x)", "abs(y - x)", "x**2", "y**2", "1/x", "log(x)", "sqrt(y)", "exp(x)",
          "round(2*x)", "sign(y)", "x*y", "7", "0", "-x", "-y**2", "1/(x**2+y**2)",
          "max(x, y)", "exp(exp(x))", "floor(x)")  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
    st.sampled_from(["+", "*", "-"]),
    st.tuples(*[st.sampled_from([-1.5, 0.0, 0.3, 2.0])] * 2),
    st.sampled_from([1, 7, 60]),
    st.sampled_from([0.1, 3.0]),
)
def test_no_formula_makes_it_say_what_the_table_does_not(pieces, sign, start, steps, lr):
    race = raced(f" {sign} ".join(f"({piece})" for piece in pieces), start, steps, lr=lr)
    said, rows = sentence(race), results(race)
    assert not re.search(r"\b(nan|inf)\b", said)
    standing = [row for row in rows if math.isfinite(row["final_gap"])]
    told = re.split(r"Over these steps", said)[0]
    stuck = "take a step" in said
    for row in rows:
        assert row["title"] in said or stuck
        left = f"{row['title']} left the finite numbers at step {row['diverged_at']}"
        assert (left in said) == (row["diverged_at"] > 0)
    if race.landscape.minimum is None:
        assert "gap" not in said
        return
    if "is the smallest" in told:
        best, second = standing[:2]
        assert f"of {best['title']} is the smallest, {best['final_gap']:.3g} " in told
        assert second["final_gap"] > max(1.05 * best["final_gap"], CONVERGED)
        assert f"{second['title']}'s {second['final_gap']:.3g}" in told
    if "at most 1e-8" in told:
        near = [row["title"] for row in standing if row["final_gap"] <= CONVERGED]
        listed = re.search(r"at most 1e-8 under ([^;]+?)[;.]", told)[1]
        assert re.split(", | and ", listed) == near
    if "the most of all" in said:
        swings = [row["tail_amplitude"] for row in standing]
        assert min(swings) < max(swings)
        assert f"{max(swings):.3g} under" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (119, "119 s"),
        (2100, "35 min"),
        (5917, "99 min"),
        (9e3, "2.5 h"),
    ],
)
def test_a_time_in_words(seconds, said):
    assert duration(seconds) == said


def test_a_list_in_a_terminal_hangs_from_its_dashes():
    report = race_report(run_race(Experiment(steps=5)))
    said = terminal_text(replace(report, said=f"one\n\n- **two** {'and ' * 60}\n- three"))
    lines = said[said.index("\none\n") + 1 :].split("\n")
    assert lines[:2] == ["one", ""]
    assert lines[2].startswith("- two and")
    assert len(lines) > 4
    assert all(line.startswith("  and") for line in lines[3:-1])
    assert lines[-1] == "- three"
