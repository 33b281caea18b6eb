"""Blocks, workers and run directories: the same numbers whatever happens on the way."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landscapes import CATALOGUE
from sadam import metrics
from sadam.engine import run
from sadam.lab.compare.blocks import compute, outcomes, plan
from sadam.lab.compare.problems import draw_starts, problems_of
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import iter_compare, run_compare
from sadam.lab.compare.scheduler import WorkError, in_process, on_processes
from sadam.lab.compare.spec import Compare, estimate
from sadam.lab.experiment import Experiment
from sadam.lab.race import run_race
from sadam.lab.rulebook import make_rules
from sadam.rules import AdamW

pytestmark = pytest.mark.slow  # processes of its own

ROOT = Path(__file__).parents[3]


def some(spec, count):
    """The first blocks of a comparison, as its directory keeps them."""
    return [number for number, _ in zip(range(count), plan(spec), strict=False)]


# ---- blocks


def test_a_row_is_the_race_it_stands_for(small, small_results):
    frame = small_results.frame
    for at in range(0, len(frame), 37):
        row = frame.iloc[at]
        if str(row["rule"]).startswith("matched-"):
            continue
        rule = small.configurations[row["rule"]][row["configuration"]]
        race = run_race(
            Experiment(
                landscape=row["landscape"],
                starts=((row["x0"], row["y0"]),),
                rules=((row["rule"], replace(rule, lr=float(row["lr"]))),),
                steps=small.steps,
                seed=int(row["seed"]),
                schedule=row["schedule"],
            )
        )
        (track,) = race.trajectories.values()
        assert row["final_gap"] == float(metrics.final_gap(track, race.reference)[0])
        assert row["best_gap"] == float(metrics.best_gap(track, race.reference)[0])
        assert row["x"] == float(track.points[-1, 0, 0])
        assert row["damping"] == getattr(rule, "damping", None) or np.isnan(row["damping"])


def _control_of(row):
    """The steps are those of the mean brake, the decay of the weights is that of the S-Adam."""
    return AdamW(row["lr"] * row["mean_brake"], weight_decay=1e-2 / row["mean_brake"])


def test_a_control_is_adamw_with_the_mean_step_of_the_same_run(small, small_results):
    frame = small_results.frame
    ours = frame[(frame["rule"] == "s-adam-two-sided") & (frame["configuration"] == 0)]
    control = frame[frame["rule"] == "matched-s-adam-two-sided"]
    assert (ours[["lr", "seed", "start"]].to_numpy() == control[
        ["lr", "seed", "start"]].to_numpy()).all()  # fmt: skip
    for i in range(0, len(ours), 11):
        mine, theirs = ours.iloc[i], control.iloc[i]
        landscape = CATALOGUE[mine["landscape"]]
        start = torch.tensor([[mine["x0"], mine["y0"]]], dtype=torch.float64)
        rule = _control_of(mine)
        options = {"steps": small.steps, "schedule": mine["schedule"]}
        track = run(landscape.value, {"it": rule}, start, **options)["it"]
        gap = metrics.final_gap(track, landscape.minimum)
        assert theirs["final_gap"] == pytest.approx(float(gap[0]), rel=1e-9)


def test_a_control_of_equal_evaluations_has_all_of_them(small):
    """60 steps of 2 against 20 of 6, at the mean step of those 20."""
    spec = replace(small, cost="evaluations", steps=60, axes=(), problems=small.problems[:1])
    frame = run_compare(spec).frame
    ours = frame[frame["rule"] == "s-adam-two-sided"]
    control = frame[frame["rule"] == "matched-s-adam-two-sided"]
    assert len(ours) == len(control) > 30
    value = CATALOGUE["l1"].value
    for i in range(0, len(ours), 7):
        mine, theirs = ours.iloc[i], control.iloc[i]
        start = torch.tensor([[mine["x0"], mine["y0"]]], dtype=torch.float64)
        both = {"ours": replace(dict(spec.rules)["s-adam-two-sided"], lr=mine["lr"])}
        how = {"schedule": mine["schedule"], "seed": int(mine["seed"])}
        track = run(value, both, start, steps=20, **how)["ours"]
        assert mine["final_gap"] == pytest.approx(float(metrics.final_gap(track, 0.0)[0]), rel=1e-9)
        rule = {"it": _control_of(mine)}
        track = run(value, rule, start, steps=60, schedule=mine["schedule"])["it"]
        gap = float(metrics.final_gap(track, 0.0)[0])
        assert theirs["final_gap"] == pytest.approx(gap, rel=1e-9)
    lanes = 3 * 6 * 2  # learning rates, runs, schedules
    cost = estimate(spec)
    assert cost.lanes == 4 * lanes
    assert cost.steps == (60 + 60 + 20 + 60) * lanes  # Adam, SGD, ours, its control
    assert cost.evaluations == (120 + 120 + 120 + 120) * lanes


def test_a_probe_where_there_is_no_f_spoils_one_run_only():
    """Some runs of S-Adam reach the edge of sqrt, and their brake is not a number there."""
    found = run_compare(
        Compare(
            problems=problems_of(["= abs(sqrt(x) - 0.2) + abs(y); start = 1, 1"]),
            rules=make_rules(("adam", "s-adam-two-sided")),
            lrs=(0.001, 0.1),
            seeds=8,
            steps=50,
        )
    )
    frame = found.frame
    assert (frame["diverged_at"] >= 0).groupby(frame["rule"]).any()["s-adam-two-sided"]
    assert frame["mean_brake"].between(0, 1).all()


def test_the_cut_changes_nothing(small, small_results):
    again = Results.of(small, [compute(small, block) for block in plan(small, 7)])
    order = ["landscape", "schedule", "rule", "configuration", "lr", "seed", "start"]
    one, other = (
        r.frame.astype(dict.fromkeys(order[:3], str)).sort_values(order, ignore_index=True)
        for r in (small_results, again)
    )
    for name in one:
        assert one[name].astype(str).tolist() == other[name].astype(str).tolist(), name


def test_every_rule_has_the_same_starts(small, small_results):
    frame = small_results.frame
    for problem in small.problems:
        wanted = [tuple(p) for i in range(3) for p in draw_starts(problem, small.starts, i)]
        rows = frame[frame["landscape"] == problem.landscape]
        for _, part in rows.groupby(["rule", "schedule", "lr", "configuration"], observed=True):
            assert list(zip(part["x0"], part["y0"], strict=True)) == wanted


def test_outcomes_are_named():
    landscape = CATALOGUE["chebyshev-n2"]  # minimum (1, 1), trap (0, -1), diagonal 6.4
    end = np.array([[0.9, 1.0], [1.1, 1.0], [0.1, -1.0], [0.2, -1.0], [np.nan, np.nan]])
    reached = np.array([True, False, False, False, False])
    diverged = np.array([False, False, False, False, True])
    codes, names = outcomes(landscape, end, reached, diverged)
    assert [names[code] for code in codes] == [
        "minimum (1, 1)", "near minimum (1, 1)", "trap (0, -1)", "elsewhere", "diverged",
    ]  # fmt: skip


# ---- processes


def test_processes_find_the_same_and_end_when_told(small):
    numbers = some(small, 8)
    mine = dict(in_process(small, numbers))
    found = on_processes(small, numbers, 2)
    theirs = dict(next(found) for _ in range(5))
    found.close()
    assert not multiprocessing.active_children()
    assert all(mine[i].equals(theirs[i]) for i in theirs)


def test_a_process_that_is_killed_costs_its_block_only(small, monkeypatch):
    spec = replace(small, steps=300)
    numbers = some(spec, 8)
    found = on_processes(spec, numbers, 2)
    got = dict([next(found)])
    victim = multiprocessing.active_children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    got.update(found)
    mine = dict(in_process(spec, numbers))
    assert sorted(got) == numbers
    assert all(mine[i].equals(got[i]) for i in numbers)
    assert not multiprocessing.active_children()


def test_a_number_of_workers_that_cannot_be(small):
    with pytest.raises(ValueError, match="workers is 0"):
        next(iter_compare(small, workers=0))


def test_a_block_that_fails_is_one_sentence(small):
    with pytest.raises(WorkError, match="block 99999 failed: IndexError"):
        list(on_processes(small, [99999], 1))
