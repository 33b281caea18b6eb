"""A race's table and sentence against numbers computed here from its trajectories."""

import json
import math

import numpy as np
import pytest

from sadam.lab.experiment import Experiment
from sadam.lab.figures import gap_by_step, trajectory_map, trajectory_surface
from sadam.lab.race import results_table, run_race, sentence, with_matched_controls
from sadam.lab.report import race_report
from sadam.rules import RULES, AdamW, SAdam


def race(landscape="crescent", keys=("adam", "s-adam-two-sided"), lr=0.1, **spec):
    rules = tuple((key, RULES[key](lr=lr)) for key in keys)
    return run_race(Experiment(landscape=landscape, rules=rules, **spec))


def test_table_is_what_the_trajectories_say():
    result = race(steps=200, starts=((-1.5, 2.0), (1.0, 1.0), (0.5, 0.5)))
    table = results_table(result).set_index("rule")
    for label, track in result.trajectories.items():
        f, x, g = (a.numpy() for a in (track.values, track.points, track.grads))
        row = table.loc[label]
        assert row["final_gap"] == pytest.approx(np.median(np.median(f[-20:], 0)))
        assert row["best_gap"] == pytest.approx(np.median(f.min(0)))
        turned = (g[1:] * g[:-1]).sum(-1) < 0
        assert row["conflict_rate"] == pytest.approx(np.median(turned.mean(0)))
        steps = np.diff(x, axis=0)
        straight = np.linalg.norm(x[-1] - x[0], axis=-1) / np.linalg.norm(steps, axis=-1).sum(0)
        assert row["path_efficiency"] == pytest.approx(np.median(straight))
        assert row["mean_brake"] == pytest.approx(np.median(track.brake.numpy().mean(0)))
        assert row["evaluations"] == 200 * {"adam": 2, "s-adam-two-sided": 6}[label]
        circle = np.sign(x[..., 0] ** 2 + (x[..., 1] - 1) ** 2 - 1)
        assert row["kink_crossings"] == pytest.approx(
            np.median((circle[1:] * circle[:-1] < 0).mean(0)), abs=0.006
        )
    assert list(table["final_gap"]) == sorted(table["final_gap"])


def test_sentence_ranks_every_rule_and_holds_the_winner_against_the_runner_up():
    result = race(keys=("adam", "adamw", "s-adam", "s-adam-two-sided"))
    table = results_table(result)
    said = sentence(result, markdown=True)
    first, second = table.iloc[0], table.iloc[1]
    factor = second["final_gap"] / first["final_gap"]
    assert factor > 1.05
    assert said.startswith("Over the last 50 steps the median gap of ")
    assert f"of **{first['title']}** is the smallest, **{first['final_gap']:.3g}**" in said
    times = f"{factor:.2g}" if factor < 10 else f"{factor:,.0f}"
    assert f"**{times} times** smaller than {second['title']}'s" in said
    assert f"{first['evaluations']:,.0f} evaluations" in said
    places = [said.index(f"{row['title']} ") for _, row in table.iloc[2:].iterrows()]
    assert places == sorted(places)
    assert f"{table['tail_amplitude'].max():.3g} under" in said
    assert sentence(result, table.to_dict("records")) == said.replace("**", "")


def test_equal_gaps_are_called_equal():
    """From the vertex's own valley on rastrigin every Adam ends in the same local minimum."""
    result = race("rastrigin", ("adam", "amsgrad"), lr=0.01)
    assert "differ by at most 5 %" in sentence(result)
    assert "times" not in sentence(result)


def test_two_rules_that_converge_are_not_compared():
    result = race("bowl", ("adam", "amsgrad"), lr=0.05, steps=3000, schedule="cosine")
    assert results_table(result)["final_gap"].max() < 1e-8
    assert "is at most 1e-8 under Adam and AMSGrad." in sentence(result)


def test_sentence_says_who_left_and_when():
    rules = (("adam", RULES["adam"](lr=0.05)), ("sgd", RULES["sgd"](lr=10.0)))
    result = run_race(Experiment(landscape="cb2", rules=rules))
    at = int(result.trajectories["sgd"].diverged_at[0])
    assert f"SGD left the finite numbers at step {at}" in sentence(result)
    table = results_table(result).set_index("rule")
    assert table.loc["sgd", "final_gap"] == math.inf
    assert table.loc["sgd", "diverged_at"] == at
    assert table.loc["adam", "diverged"] == 0


def test_gaps_are_measured_from_a_finite_number():
    starts = ((0.0, 0.0), (-1.0, 0.0), (0.5, 0.0))  # log(x) is -inf, none and finite
    seen = race("= log(x)", starts=starts, steps=5)
    assert seen.reference == min(t.values[:, 2].min() for t in seen.trajectories.values())
    none = race("= log(x)", starts=starts[:2], steps=5)
    assert math.isnan(none.reference)
    assert none.reference_kind == "no value was seen"
    for it in (seen, none):
        json.dumps(race_report(it).document, allow_nan=False)
        for figure in (gap_by_step, trajectory_surface, trajectory_map):
            figure.plain(it)


def test_everyone_may_diverge():
    said = sentence(race("cb2", ("sgd",), lr=10.0))
    assert said.startswith("SGD left the finite numbers at step")


@pytest.mark.parametrize(("lr", "damping"), [(0.05, 1e308), (5e-324, 2.0), (1e308, 2.0)])
def test_a_control_of_a_brake_that_lets_nothing_through_is_still_one(lr, damping):
    rules = (("s-adam", RULES["s-adam"](lr=lr, damping=damping)),)
    spec = with_matched_controls(Experiment("l1", rules=rules, steps=20))
    assert dict(spec.rules)["matched-s-adam"].lr > 0
    assert sentence(run_race(spec))


def test_alone_there_is_nobody_to_compare_with():
    said = sentence(race(keys=("adam",)))
    assert "times" not in said
    assert "median gap of Adam is " in said


def test_the_same_spec_gives_the_same_numbers():
    spec = Experiment(seed=3, steps=120)
    one, two = run_race(spec), run_race(Experiment.from_json(spec.to_json()))
    assert results_table(one).equals(results_table(two))


def test_composite_landscapes_use_their_own_proximal_map():
    rules = (("prox-sgd", RULES["prox-sgd"](lr=0.1, momentum=0.0)),)
    result = run_race(Experiment(landscape="lasso", rules=rules))
    assert result.trajectories["prox-sgd"].points[-1, 0, 1] == 0


def test_a_brake_that_underflows_has_a_control_that_hardly_moves():
    stuck = SAdam(0.1, probes="two-sided", damping=1e3)  # starts at a kink: exp(-1000) is 0
    rules = (("stuck", stuck),)
    spec = Experiment(landscape="l1", rules=rules, starts=((0.0, 0.0),), steps=20)
    control = dict(with_matched_controls(spec).rules)["matched-stuck"]
    assert isinstance(control, AdamW)
    assert 0 < control.lr < 1e-200
