"""What a comparison says: factors, their rounding, the budget, what a mean hangs on."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sadam.lab.compare import suites, tables
from sadam.lab.compare.budget import budget, cost_words, other_budget
from sadam.lab.compare.problems import Starts, problems_of, short_title
from sadam.lab.compare.remarks import remarks
from sadam.lab.compare.report import (
    compare_report,
    headline,
    readable_table,
    short_answer,
)
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import Estimate, half_by, most_decisive
from sadam.lab.compare.suites import Expected, Suite
from sadam.lab.compare.tables import Side
from sadam.lab.compare.wording import brief, factor_of, number
from sadam.lab.figures import compare
from sadam.lab.figures.ticks import factor_ticks
from sadam.lab.rulebook import make_rules

NAMES = ("l1", "cb2", "wolfe")


def made(gaps, cost="steps", done=NAMES, hits=None):
    """Results with gaps that are given: ``{rule: {landscape: gaps of the runs}}``."""
    runs = len(next(iter(next(iter(gaps.values())).values())))
    spec = Compare(
        problems=problems_of(NAMES),
        rules=make_rules(("adam", "s-adam-two-sided")),
        lrs=(0.1,),
        starts=Starts("own"),
        seeds=runs,
        steps=300,
        cost=cost,
        controls="matched-s-adam-two-sided" in gaps,
    )
    frames = [
        pd.DataFrame(
            {
                "landscape": name, "schedule": "constant", "rule": rule, "configuration": 0,
                "lr": 0.1, "seed": range(runs), "start": 0, "final_gap": gaps[rule][name],
                "best_gap": gaps[rule][name], "mean_brake": 1.0, "outcome": "elsewhere",
                "steps_to_2": hits[rule][name] if hits else -1,
            }
        )
        for name in done
        for rule in gaps
    ]  # fmt: skip
    return Results(spec, pd.concat(frames, ignore_index=True))


def of_ratios(*ratios, noise=0.0, **how):
    """Adam and a rule whose gaps are so many times its own, on each landscape."""
    base = np.exp(noise * np.linspace(-1, 1, 8))
    gaps = {
        "adam": {name: [1.0] * 8 for name in NAMES},
        "s-adam-two-sided": {
            name: (ratio * base).tolist() for name, ratio in zip(NAMES, ratios, strict=True)
        },
    }
    return made(gaps, **how)


# ---- factors and their digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.7345, "2.7"), (1.0, "1"), (1.03, "1.03"), (1.0449, "1.04"), (1.05, "1.1"),
        (0.96, "0.96"), (0.9961, "0.996"), (1.0004, "1.001"),
        (0.99996, "0.999"), (53.2, "53"), (153.2, "153"), (math.inf, "inf"), (0.0, "0"),
        (2e6, "2.0e+06"),
    ],
)  # fmt: skip
def test_numbers_have_few_digits(value, text):
    assert number(value) == text


@given(st.floats(1e-6, 1e6))
def test_only_one_reads_as_one(value):
    shown = float(number(value))
    assert (shown > 1, shown < 1) == (value > 1, value < 1)
    assert shown == pytest.approx(value, rel=0.06)


@given(st.floats(0.01, 100), st.floats(1.0, 5.0), st.floats(1.0, 5.0))
def test_bounds_hold_one_where_it_is_a_tie_and_only_there(value, down, up):
    ratio = Estimate(value, value / down, value * up)
    low, high = map(float, factor_of(ratio).bounds[1:-1].split(", "))
    assert (low <= 1 <= high) == (ratio.verdict == "tie")


def test_a_ratio_and_its_inverse_read_the_same():
    closer, farther = Estimate(0.25, 0.2, 0.5), Estimate(4.0, 2.0, 5.0)
    assert brief(closer) == "4 times closer [2, 5]"
    assert brief(farther) == "4 times farther [2, 5]"
    assert brief(Estimate(0.934, 0.845, 1.04)) == "1.1 times closer [0.96, 1.2], a tie"
    assert brief(Estimate(1.2, 1.03, 1.9)) == "1.2 times farther [1.03, 1.9]"
    assert brief(Estimate(1.0, 1.0, 1.0)) == "as close [1, 1], a tie"
    assert factor_of(Estimate(0.0, 0.0, 0.0)) == (math.inf, "closer", math.inf, math.inf)
    beyond = factor_of(Estimate(1.0, 0.5, 4.0), factor_of(closer))
    assert (beyond.low, beyond.high) == (0.25, 2.0)


# ---- what the sentence claims


def test_the_sentence_carries_both_intervals_and_what_it_hangs_on():
    """Ratios 1/50, 1/2, 1: mean 100^(1/3) = 4.64; without the first sqrt(2) = 1.41."""
    said = headline(of_ratios(1 / 50, 1 / 2, 1.0))
    assert said == (
        "On 3 landscapes, at equal steps (300; evaluations a step: S-Adam two-sided 6, the others "
        "2), constant learning rate, each rule at its own best: **S-Adam two-sided** ends 4.6 "
        "times closer than Adam on these landscapes, [4.6, 4.6] over runs, but not surely on "
        "others of their kind, [1, 50] over landscapes too (2 won, 1 tied, 0 lost), without "
        "Weighted 1-norm 1.4 times closer [1.4, 1.4]."
    )


def test_a_win_on_every_landscape_is_said_without_doubt():
    said = headline(of_ratios(0.25, 0.25, 0.2))
    assert (
        "ends 4.3 times closer than Adam, [4.3, 4.3] over runs, [4, 5] over landscapes too "
        "(3 won, 0 tied, 0 lost)." in said
    )
    assert "without" not in said


def test_a_verdict_that_one_landscape_makes_is_said_to_hang_on_it():
    results = of_ratios(0.65, 1.0, 1.0, noise=0.02)
    found = tables.mean_ratio(
        results, Side("s-adam-two-sided", "constant"), Side("adam", "constant")
    )
    assert found.over_runs.verdict == "win"
    assert found.over_runs.value < 1.5
    said = headline(results)
    assert "without Weighted 1-norm" in said
    assert said.endswith(", a tie.")


def test_a_mean_without_a_problem_is_that_of_the_others():
    results = of_ratios(1 / 50, 1 / 2, 3.0, noise=0.3)
    sides = Side("s-adam-two-sided", "constant"), Side("adam", "constant")
    rest = tables.mean_ratio(results, *sides, without="l1").over_runs
    each = [tables.problem_ratio(results, name, *sides) for name in ("cb2", "wolfe")]
    assert rest.value == pytest.approx(math.sqrt(each[0][0].value * each[1][0].value))
    drawn = np.exp((each[0][1] + each[1][1]) / 2)
    assert (rest.low, rest.high) == tuple(np.quantile(drawn, [0.025, 0.975], method="nearest"))
    assert tables.mean_ratio(results, *sides).over_runs != rest


def test_the_most_decisive_problem():
    assert most_decisive(np.log([0.02, 0.5, 1.0])) == 0
    assert most_decisive(np.log([1.0, 2.0, 30.0])) == 2
    assert most_decisive(np.array([0.0, math.inf, 1.0])) == 1


def test_what_is_not_all_is_said_to_be_so_far():
    said = headline(of_ratios(0.5, 0.5, 0.5, done=NAMES[:2]))
    assert said.startswith("So far, on 2 of 3 landscapes, at equal steps (300; ")
    assert headline(of_ratios(0.5, 0.5, 0.5, done=NAMES[:1])).count("landscapes") == 1


def test_the_table_the_sentence_and_the_chart_say_the_same():
    results = of_ratios(1 / 50, 1 / 2, 1.0, noise=0.1)
    header, rows = readable_table(results)
    row = dict(zip(header, rows[1], strict=True))
    said = compare_report(results).said
    assert row["than Adam"] == "4.6 times closer"
    for text in (row["than Adam"], f"{row['95 %']} over runs", f"{row['landscapes']} over land"):
        assert text in said
    drawn = compare.ratio_forest(results, "constant")
    (mean,) = [trace for trace in drawn.data if trace.meta["role"] == "mean"]
    assert mean.hovertemplate.startswith(f"geometric mean: 4.6 times closer {row['95 %']}<extra>")
    (dots,) = [trace for trace in drawn.data if trace.meta["role"] == "dots"]
    assert [text.partition(":")[0] for text in dots.text] == [
        "Weighted 1-norm",
        "CB2",
        "Wolfe's trap",
    ]
    assert dots.text[2].endswith(", a tie")


# ---- the budget


def test_each_budget_is_named_with_what_every_rule_gets():
    steps, evaluations = of_ratios(0.5, 0.5, 0.5), of_ratios(0.5, 0.5, 0.5, cost="evaluations")
    assert budget(evaluations) == (
        "at equal evaluations (at most 600; steps: S-Adam two-sided 100, the others 300)"
    )
    assert budget(evaluations) in headline(evaluations)
    assert short_answer(evaluations) == (
        "At equal evaluations (at most 600; steps: S-Adam two-sided 100, the others 300), against "
        "Adam: S-Adam two-sided 2 times closer [2, 2]."
    )
    assert "does not show what a step costs" in cost_words(steps)
    assert cost_words(evaluations).startswith("Evaluations are equal, at most 600 of each rule")
    assert other_budget(steps.spec) == evaluations.spec
    assert other_budget(evaluations.spec) == steps.spec
    for results, other in ((steps, "evaluations"), (evaluations, "steps")):
        figure = compare.ratio_forest(results, "constant")
        assert cost_words(results) in figure.layout.meta["words"]
        assert f"(--cost {other}) the answer can differ" in " ".join(remarks(results))


def test_rules_of_one_cost_have_no_other_budget():
    spec = Compare(rules=make_rules(("adam", "sgd")), steps=70)
    assert other_budget(spec) is None
    assert budget(Results(spec, pd.DataFrame())) == "at 70 steps and 140 evaluations of each rule"
    assert cost_words(Results(spec, pd.DataFrame())) == ""
    alone = Compare(rules=make_rules(("s-adam-two-sided",)), controls=False, cost="evaluations")
    assert other_budget(alone) is None
    assert other_budget(replace(alone, controls=True)) is not None
    both = replace(alone, rules=make_rules(("s-adam", "s-adam-two-sided")), steps=60, cost="steps")
    costs = "evaluations a step: S-Adam (published) 4, S-Adam two-sided 6"
    empty = pd.DataFrame()
    assert budget(Results(both, empty)) == f"at equal steps (60; {costs})"
    beside = Results(replace(both, controls=True), empty)
    assert budget(beside) == f"at equal steps (60; {costs}, the others 2)"
    assert budget(Results(other_budget(both), empty)) == (
        "at equal evaluations (at most 120; steps: S-Adam (published) 30, S-Adam two-sided 20)"
    )


def test_the_other_budget_turns_the_numbers_that_a_single_run_gives():
    """The rule at 300 evaluations is the race of 50 steps; Adam's of 150 the same in both."""
    spec = Compare(
        problems=problems_of(("l1",)),
        rules=make_rules(("adam", "s-adam-two-sided")),
        lrs=(0.1,),
        seeds=2,
        steps=150,
    )
    one, other = run_compare(spec), run_compare(other_budget(spec))
    short = run_compare(replace(spec, steps=50))

    def gaps(results, rule):
        return results.column("l1", "constant", rule, "final_gap").tolist()

    assert gaps(other, "adam") == gaps(one, "adam")
    assert gaps(other, "s-adam-two-sided") == gaps(short, "s-adam-two-sided")
    assert gaps(other, "s-adam-two-sided") != gaps(one, "s-adam-two-sided")


# ---- half of them


def test_half_by_counts_exactly_half():
    assert half_by(np.array([30, math.inf, 10, 20, math.inf, math.inf])) == 30
    assert half_by(np.array([30.0, math.inf, 10, math.inf, math.inf])) == math.inf
    assert half_by(np.array([3.0, 1.0, 2.0])) == 2


def test_a_target_met_by_exactly_half_of_the_runs_has_its_steps():
    hits = {rule: {name: [9, -1, 5, -1, 7, -1, 3, -1] for name in NAMES}
            for rule in ("adam", "s-adam-two-sided")}  # fmt: skip
    hits["adam"]["cb2"] = [9, -1, 5, -1, 7, -1, -1, -1]
    best = tables.best(of_ratios(0.5, 0.5, 0.5, hits=hits)).set_index(["rule", "landscape"])
    assert best.loc[("adam", "l1"), "steps"] == 9
    assert best.loc[("s-adam-two-sided", "l1"), "evaluations"] == 54
    assert best.loc[("adam", "cb2"), "steps"] == math.inf


# ---- titles


def test_short_titles_tell_every_landscape_apart():
    names = [problem.landscape for problem in problems_of(("all",))]
    titles = [short_title(name) for name in names]
    assert len(set(titles)) == len(names) == 34
    assert not any(title in names for title in titles)
    assert short_title("= abs(x) + abs(y)") == "= abs(x) + abs(y)"
    assert all(len(line) <= 26 for n in names for line in compare.panel_title(n).split("<br>"))


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.6, 1.4, ["2×", "5×"]),
        (0.02, 5.0, ["3×", "10×", "30×"]),
        (1e-12, 1.0, ["10×", *(f"10<sup>{power}</sup>×" for power in (4, 7, 10))]),
    ],
)
def test_ticks_are_factors_either_way(low, high, texts):
    ticks = factor_ticks(low, high)
    assert ticks["ticktext"] == [*texts, "1", *texts]
    values = np.array(ticks["tickvals"])
    assert sorted(values) == pytest.approx(sorted(1 / values))
    assert ticks["ticktext"][list(values).index(1)] == "1"


def test_how_many_of_the_earlier_figures_todays_intervals_hold_is_counted(monkeypatch):
    results = of_ratios(0.25, 0.25, 0.2, noise=0.05)
    a, b = Side("s-adam-two-sided", "constant"), Side("adam", "constant")
    mean = tables.mean_ratio(results, a, b)
    runs, others = mean.over_runs, mean.over_problems
    assert others.low < runs.low < runs.high < others.high
    between = (others.low * runs.low) ** 0.5
    ratios = (runs.value, between, 0.9 * others.low, 1.1 * others.high)
    expected = tuple(Expected(a.label, a.schedule, ratio) for ratio in ratios)
    suite = Suite("of a test", lambda: results.spec, expected)
    monkeypatch.setattr(suites, "SUITES", {"of a test": suite})
    (said,) = (r for r in remarks(results) if r.startswith("Earlier: "))
    counts = "of its 4 factors today's intervals over runs hold 1, those over landscapes too 2."
    assert said.endswith(counts)
    monkeypatch.setattr(suites, "SUITES", {})
    assert not any(r.startswith("Earlier: ") for r in remarks(results))
