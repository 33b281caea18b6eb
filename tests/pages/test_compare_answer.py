"""What the Compare page answers: its cells, the other budget, its table of costs."""

from dataclasses import replace

import numpy as np
import pytest

from pages.shared.compare.matrix import _cell, factor, tone_of
from sadam.lab.compare import tables
from sadam.lab.compare.report import short_answer
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import Estimate
from tests.pages.compare_app import SMALL, ended, opened, rerun, results, texts


def test_factors_read_the_same_both_ways():
    for ratio in (Estimate(0.25, 0.2, 0.5), Estimate(4.0, 2.0, 5.0)):
        cell = _cell(ratio, "it:", True)
        word = "closer" if ratio.value < 1 else "farther"
        assert (cell.text, cell.note) == ("4×", f"{word}\n[2, 5]")
        assert cell.told == f"it: 4 times {word} [2, 5]."
    endless = Estimate(0.0, 0.0, 2e-7)
    assert (_cell(endless, "", True).text, _cell(endless, "", True).note) == (
        "∞×", "closer\n[10⁶, ∞]",
    )  # fmt: skip
    assert factor(3e-5) == "10⁻⁵"
    tie = _cell(Estimate(1.4, 0.5, 3.0), "", False)
    assert (tie.text, tie.note, tie.tone) == ("1.4×", "farther, tie", 0.0)
    same = _cell(Estimate(1.0, 1.0, 1.0), "", False)
    assert (same.text, same.note) == ("1×", "tie")


def test_a_win_on_these_landscapes_alone_is_pale_and_says_so():
    runs, beyond = Estimate(0.25, 0.2, 0.5), Estimate(0.25, 0.1, 2.0)
    sure = _cell(runs, "", True, beyond=Estimate(0.25, 0.1, 0.8))
    assert sure.note == "closer\n[2, 5]\n[1.2, 10]"
    here = _cell(runs, "", True, beyond=beyond)
    assert here.note == "closer here\n[2, 5]\n[0.5, 10]"
    assert 0 < here.tone < sure.tone


@pytest.mark.slow
def test_one_click_compares_at_the_other_budget_and_its_verdict_stands_beside():
    app = opened(controls=False)
    here = results(app)
    assert "At equal evaluations the answer can differ." in texts(app)
    next(b for b in app.button if b.key == "other_budget").click()
    ended(rerun(app))
    there = results(app)
    assert there.spec == replace(here.spec, cost="evaluations")
    assert app.session_state["cmp_cost"] == "evaluations"
    assert app.session_state["cmp_lrs"] == SMALL["lrs"]  # the other controls as they were
    assert "at equal evaluations (at most 60; steps: S-Adam two-sided 10, the others 30)" in texts(
        app
    )
    assert short_answer(here) in texts(app)
    captions = " ".join(caption.value for caption in app.caption)
    assert "does not show what a step costs" not in captions
    assert "Evaluations are equal, at most 60" in captions
    next(b for b in app.button if b.key == "other_budget").click()
    rerun(app)
    assert results(app) is here  # at once: it was kept
    assert short_answer(there) in texts(app)
    assert not app.error
    assert not app.info


@pytest.mark.slow
def test_a_loaded_comparison_can_be_turned_too():
    app = opened()
    app.session_state["cmp_loaded"] = replace(results(app).spec, targets=(0.5,)).to_json()
    ended(rerun(app))
    next(b for b in app.button if b.key == "start_comparison").click()
    ended(rerun(app))
    next(b for b in app.button if b.key == "other_budget").click()
    ended(rerun(app))
    assert (results(app).spec.cost, results(app).spec.targets) == ("evaluations", (0.5,))
    assert Compare.from_json(app.session_state["cmp_loaded"]) == results(app).spec


@pytest.mark.slow
def test_the_table_of_costs_counts_a_target_met_on_exactly_half():
    app = opened(landscapes=["brown2", "wolfe"], rules=["adam"], starts="own", lrs="0.1", steps=60)
    compared = results(app)
    best = tables.best(compared)
    met = best["steps"][np.isfinite(best["steps"])]
    assert len(met) == 1
    app.session_state["cmp_tab"] = "Cost"
    rerun(app)
    table = next(f.value for f in app.dataframe if "Where it is met" in f.value)
    assert table["Where it is met"].tolist() == ["1 of 2"]
    assert table["Steps"].tolist() == met.tolist()
    assert table["Evaluations"].tolist() == (2 * met).tolist()
    assert tone_of(0.5, "win") == -tone_of(2.0, "loss") > 0 == tone_of(0.5, "tie")
