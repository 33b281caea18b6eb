"""Tables, words and figures of a comparison, held to what pandas makes of its rows."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

import landscapes
from sadam import metrics
from sadam.lab.compare import files, tables
from sadam.lab.compare.basins import basin
from sadam.lab.compare.files import compare_figures, report_page, runs_file
from sadam.lab.compare.problems import Starts, problems_of
from sadam.lab.compare.races import race_behind
from sadam.lab.compare.remarks import remarks
from sadam.lab.compare.report import compare_report, headline, readable_table
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import iter_compare, run_compare
from sadam.lab.compare.spec import Compare, estimate
from sadam.lab.compare.suites import SUITES
from sadam.lab.compare.tables import Side
from sadam.lab.figures import compare
from sadam.lab.race import run_race
from sadam.lab.report import terminal_text
from sadam.lab.rulebook import make_rules

OURS = "s-adam-two-sided"
CONTROL = "matched-s-adam-two-sided"


@pytest.fixture(autouse=True)
def _few_resamples(request, monkeypatch):
    """A tenth of the resamples, except where intervals are held to what they should be."""
    if "reference_experiment" not in request.node.name:
        monkeypatch.setattr("sadam.lab.compare.results.RESAMPLES", 100)


def plain_rows(results, landscape, schedule, label):
    frame = results.frame
    return frame[
        (frame["landscape"] == landscape)
        & (frame["schedule"] == schedule)
        & (frame["rule"] == label)
        & (frame["configuration"] == 0)
    ]


# ---- tables


def test_every_rule_is_at_its_own_best_learning_rate(small_results):
    best = tables.best(small_results)
    assert len(best) == 2 * 2 * 4
    for row in best.to_dict("records"):
        label = OURS if row["rule"] == CONTROL else row["rule"]
        rows = plain_rows(small_results, row["landscape"], row["schedule"], label)
        medians = rows.groupby("lr")["final_gap"].median()
        assert row["lr"] == medians.idxmin()
        mine = plain_rows(small_results, row["landscape"], row["schedule"], row["rule"])
        mine = mine[mine["lr"] == row["lr"]]
        assert row["final_gap"] == mine["final_gap"].median()
        assert row["edge"] == (row["lr"] in (0.01, 1.0))
        assert row["best_gap"] == mine["best_gap"].median()
        assert row["low"] <= row["final_gap"] <= row["high"]
        shares = [row[n] for n in ("reached", "near", "trapped", "elsewhere", "diverged")]
        assert sum(shares) == pytest.approx(1)
        assert row["reached"] == mine["outcome"].astype(str).str.startswith("minimum").mean()
        steps = sorted(mine["steps_to_2"].where(mine["steps_to_2"] >= 0, math.inf))[2]  # of six
        cost = {"adam": 2, "sgd": 2, OURS: 6, CONTROL: 2}[row["rule"]]
        assert row["steps"] == steps
        assert row["evaluations"] == cost * steps


def test_ratios_are_those_of_the_medians(small_results):
    best = tables.best(small_results).set_index(["landscape", "schedule", "rule"])["final_gap"]
    found = tables.ratios(small_results)
    for row in found[found["landscape"] != "all"].to_dict("records"):
        schedule = "constant" if row["against"] == "first" else row["schedule"]
        base = best[row["landscape"], schedule, "adam"]
        assert row["ratio"] == pytest.approx(
            best[row["landscape"], row["schedule"], row["rule"]] / base
        )
        assert row["low"] <= row["ratio"] <= row["high"]
    for (_, _, _), part in found.groupby(["rule", "schedule", "against"]):
        each = part[part["landscape"] != "all"]["ratio"]
        mean = part[part["landscape"] == "all"].iloc[0]
        assert mean["ratio"] == pytest.approx(math.exp(np.log(each).mean()))
        assert mean["low_problems"] <= mean["ratio"] <= mean["high_problems"]


@pytest.fixture(scope="module")
def twins():
    """Twice the same rule under two names."""
    return run_compare(
        Compare(
            problems=problems_of(("l1", "cb2", "wolfe")),
            rules=make_rules(("adam", "adam2=adam", "one=s-adam", "two=s-adam")),
            lrs=(0.01, 0.1),
            seeds=5,
            steps=30,
        )
    )


def test_a_rule_compared_with_itself_is_a_tie_everywhere(twins):
    verdicts = tables.verdicts(twins, "constant")
    names = list(twins.labels)
    for one, other in (("adam", "adam2"), ("one", "two"), ("matched-one", "matched-two")):
        assert verdicts[names.index(one), names.index(other)].tolist() == [0, 3, 0]
        mean = tables.mean_ratio(twins, Side(one, "constant"), Side(other, "constant"))
        for estimate_ in (mean.over_runs, mean.over_problems):
            assert (estimate_.value, estimate_.low, estimate_.high) == (1.0, 1.0, 1.0)
    ranks = dict(zip(names, tables.rank_table(twins, "constant").mean, strict=True))
    assert ranks["adam"] == ranks["adam2"]
    assert (
        "adam2** is not told from Adam: as close, [1, 1] over runs, [1, 1] over landscapes too "
        "(0 won, 3 tied, 0 lost);" in headline(twins)
    )


def test_verdicts_mirror(small_results):
    counts = tables.verdicts(small_results, "constant")
    assert (counts.sum(-1) == 2).all()
    assert (counts == counts.transpose(1, 0, 2)[..., ::-1]).all()


def test_profiles_of_costs(small_results):
    costs = tables.costs_to_target(small_results, "constant")
    assert costs.shape == (4, 2 * 6)
    lr = tables.best(small_results).set_index(["landscape", "schedule", "rule"])["lr"]
    rows = plain_rows(small_results, "l1", "constant", OURS)
    steps = rows[rows["lr"] == lr["l1", "constant", OURS]]["steps_to_2"].to_numpy()
    wanted = np.where(steps < 0, math.inf, 6.0 * (steps + 1))
    assert costs[2, :6].tolist() == wanted.tolist()


def test_heatmaps_take_the_best_of_what_they_do_not_show(small_results):
    assert tables.heatmaps_of(small_results) == [
        (OURS, "lr", "damping"),
        (OURS, "lr", "num_probes"),
        (OURS, "damping", "num_probes"),
    ]
    table = tables.heatmap(small_results, OURS, "l1", "cosine", "lr", "damping")
    assert table.shape == (2, 3)
    frame = small_results.frame
    rows = frame[(frame["landscape"] == "l1") & (frame["schedule"] == "cosine")
                 & (frame["rule"] == OURS) & (frame["lr"] == 0.1)
                 & (frame["damping"] == 4.0)]  # fmt: skip
    assert table.loc[4.0, 0.1] == rows.groupby("num_probes")["final_gap"].median().min()


def test_a_basin_map_has_the_starts_where_they_are():
    spec = Compare(
        problems=problems_of(("himmelblau",)),
        rules=make_rules(("adam",)),
        lrs=(0.1,),
        starts=Starts("grid", 8),
        seeds=1,
        steps=300,
    )
    found = basin(run_compare(spec), "himmelblau", "constant", "adam")
    assert (found.x[0], found.x[-1], found.y[0], found.y[-1]) == (-5.0, 5.0, -5.0, 5.0)
    assert "(3, 2)" in found.outcome[-2, -2]  # upper right
    assert "(-2.805, 3.131)" in found.outcome[-2, 1]  # upper left
    assert "(-3.779, -3.283)" in found.outcome[1, 1]  # lower left
    assert "(3.584, -1.848)" in found.outcome[1, -2]  # lower right


def test_while_it_runs_only_what_is_complete_is_spoken_of(small):
    steps = iter_compare(small)
    first = next(steps).results()
    assert first.problems == ()
    assert headline(first) == "Nothing is complete yet."
    assert terminal_text(compare_report(first))
    for progress in steps:
        if progress.done == progress.total // 2 + 1:
            half = progress.results()
            assert half.problems == ("l1",)
            assert "So far 1 of 2 landscapes" in compare_report(half).about
            assert headline(half).startswith("So far, on 1 of 2 landscapes, at equal steps (40; ")
            assert compare_report(half).document["complete"] is False
            break


def test_the_race_behind_a_cell_has_its_numbers(small_results):
    experiment = race_behind(small_results, "chebyshev-n2", "cosine", run=3)
    race = run_race(experiment)
    assert list(race.trajectories) == list(small_results.labels)
    for label, track in race.trajectories.items():
        rate = small_results.tuned("chebyshev-n2", "cosine", label).rate
        gaps = small_results.column("chebyshev-n2", "cosine", label, "final_gap")
        assert gaps[rate, 3] == float(metrics.final_gap(track, race.reference)[0])


# ---- words


def test_the_report_is_json_and_says_what_it_found(small_results):
    report = compare_report(small_results)
    document = json.loads(json.dumps(report.document, allow_nan=False))
    assert document["command"] == small_results.spec.to_command()
    assert len(document["best"]) == 16
    assert document["complete"] is True
    assert report.rows[0][0] == "Adam"
    assert {len(row) for row in report.rows} == {len(report.header)}
    assert "95 %" in report.said


def test_what_limits_the_claim_is_said(small, small_results):
    said = " ".join(remarks(small_results))
    assert "best learning rates lie at an end of the grid" in said
    assert "S-Adam two-sided 6 function evaluations" in said
    assert "matched-" not in said  # titles, not keys
    assert "S-Adam two-sided decay their weights" in said
    alone = run_compare(replace(small, lrs=(0.1,), axes=(), seeds=1, starts=Starts("own")))
    said = " ".join(remarks(alone))
    assert "only one learning rate was tried" in said
    assert "one run of each" in said
    fair = run_compare(replace(small, cost="evaluations"))
    assert "function evaluations, one of" not in " ".join(remarks(fair))


def test_a_rule_that_diverges_has_no_finite_factor(small):
    spec = replace(
        small, problems=problems_of(("rosenbrock",)), lrs=(0.1,), axes=(), schedules=("constant",)
    )
    results = run_compare(spec)
    assert "SGD** diverges where Adam does not" in headline(results)
    header, rows = readable_table(results)
    (sgd,) = [row for row in rows if row[0] == "SGD"]
    assert sgd[header.index("final gap")] == "inf"
    assert sgd[header.index("diverged")] == "100 %"
    assert compare_report(results).document["best"][1]["final_gap"] is None


@pytest.mark.slow
def test_the_reference_suite_stands_beside_its_earlier_figures(small_results):
    spec = SUITES["reference"].spec()
    frame = run_compare(replace(spec, steps=1)).frame  # its shape, at a hundredth of the cost
    header, rows = readable_table(Results(spec, frame))
    assert header[-1] == "earlier"
    earlier = {(row[0], row[1]): row[-1] for row in rows if row[-1]}
    assert earlier["Adam", "cosine"] == "53 times closer"  # 1 / 0.019
    assert earlier["S-Adam (published)", "constant"] == "3.4 times farther"
    assert len(earlier) == 6


@pytest.mark.slow
def test_the_reference_experiment_comes_out_as_it_did():
    """MATH.md section 5, on its constant learning rate: the ranges it states."""
    spec = SUITES["reference"].spec()
    rules = tuple(rule for rule in spec.rules if rule[0] in ("adam", "s-adam", OURS))
    spec = replace(spec, rules=rules, schedules=("constant",), controls=False)
    results = run_compare(spec)
    base = Side("adam", "constant")
    two = tables.mean_ratio(results, Side(OURS, "constant"), base).over_runs
    one = tables.mean_ratio(results, Side("s-adam", "constant"), base).over_runs
    assert 0.15 <= two.value <= 0.6
    assert two.verdict == "win"
    assert 2.5 <= one.value <= 4.5
    assert one.verdict == "loss"


# ---- figures


@pytest.mark.slow
def test_every_figure_draws_and_says_what_it_shows_and_what_not(small_results):
    figures = compare_figures(small_results)
    for schedule in ("constant", "cosine"):
        for name in ("ratios", "sensitivity", "verdicts", "ranks", "performance", "data", "ends"):
            assert f"{name}-{schedule}" in figures
    assert sum(name.startswith("map-") for name in figures) == 2 * 2 * 3
    for name, figure in figures.items():
        words = figure.layout.meta["words"]
        assert "not" in words, name
        assert len(figure.data) > 0
    page = report_page(small_results)
    assert page.count("<figcaption>") == len(figures)
    assert small_results.spec.to_command().split()[3] in page

    assert "eft out" not in page


def test_a_page_says_which_maps_it_leaves_out(small_results, monkeypatch):
    monkeypatch.setattr(files, "MAX_MAPS", 1)
    maps = [name for name in compare_figures(small_results) if name.startswith("map-")]
    assert len(maps) == 2  # one heatmap of one landscape, under both schedules
    page = report_page(small_results)
    assert "<p>Left out: the maps of 1 of 2 landscapes.</p>" in page
    assert "<p>Left out: 2 of 3 heatmaps of each.</p>" in page


def test_figures_show_the_numbers_of_the_tables(small_results):
    figures = compare_figures(small_results)
    counts = tables.verdicts(small_results, "constant")
    (matrix,) = figures["verdicts-constant"].data
    assert matrix.text[0][1] == "/".join(map(str, counts[0, 1]))
    means = [t for t in figures["ratios-cosine"].data if t.meta["role"] == "mean"]
    found = tables.ratios(small_results)
    found = found[(found["landscape"] == "all") & (found["against"] == "same")
                  & (found["schedule"] == "cosine")].set_index("rule")["ratio"]  # fmt: skip
    assert {t.meta["rule"]: t.x[0] for t in means} == pytest.approx(
        {label: found[label] for label in small_results.labels if label != "adam"}
    )


def test_basins_are_drawn_for_a_grid_of_starts():
    spec = Compare(
        problems=problems_of(("trap",)),
        rules=make_rules(("adam", OURS)),
        lrs=(0.1,),
        starts=Starts("grid", 6),
        seeds=1,
        steps=60,
    )
    results = run_compare(spec)
    figures = compare_figures(results)
    drawn = figures["basins-constant-chebyshev-n2"]
    panels = [t for t in drawn.data if t.meta["role"] == "basin"]
    assert [t.meta["rule"] for t in panels] == list(results.labels)
    assert panels[0].customdata.shape == (6, 6, 2)
    assert estimate(spec).lanes == len(results.frame) == 3 * 3 * 36


def test_several_rules_of_a_kind_look_different():
    spec = Compare(rules=make_rules(("s-adam", "b=s-adam", "c=s-adam")), seeds=1, lrs=(0.1,))
    results = Results.of(spec, [])
    styles = [results.style(label) for label in results.labels]
    assert len({(style.color, style.dash) for style in styles}) == 6
    assert [style.title for style in styles[2:4]] == ["b", "Matched to b"]


def test_a_profile_in_steps_counts_steps(small_results):
    """Held to shares counted from the rows, at every cost that occurs."""
    for kind, make in (
        ("data", compare.data_profile),
        ("performance", compare.performance_profile),
    ):
        drawn = make(small_results, "cosine", "steps")
        costs = tables.costs_to_target(small_results, "cosine", count="steps")
        for label, own, curve in zip(small_results.labels, costs, drawn.data, strict=True):
            hits = tables.hits(small_results, "l1", "cosine", label)
            assert (own[: len(hits)] == 1 + hits).all()
            assert curve.meta["rule"] == label
            best = np.where(np.isfinite(own), costs.min(0), 1.0)  # those unsolved stay infinite
            solved = own if kind == "data" else own / best
            shares = [float((solved <= at).mean()) for at in curve.x]
            np.testing.assert_allclose(curve.y, shares, atol=1e-12)
    each = tables.costs_to_target(small_results, "cosine", count="evaluations")
    per_step = [small_results.cost(label) for label in small_results.labels]
    assert (each == costs * np.array(per_step)[:, None]).all()
    assert "steps, whatever they cost" in drawn.layout.meta["words"]


def test_a_long_profile_is_drawn_in_few_points_with_its_ends():
    x, y = compare._steps(np.arange(5000.0), np.linspace(0, 1, 5000), most=100)
    assert 90 <= len(x) <= 100
    assert (x > 0).all()
    assert (x[-1], y[-1]) == (4999.0, 1.0)
    x, y = compare._steps([0.0, 1.0, 2.0], [0.1, 0.2, 0.3])
    assert (x.tolist(), y.tolist()) == ([1.0, 2.0], [0.2, 0.3])


# ---- files and memory


def test_the_file_of_runs_holds_every_row_and_the_spec(small_results):
    table = pq.read_table(io.BytesIO(runs_file(small_results)))
    assert table.to_pandas().equals(small_results.frame)
    assert Compare.from_json(table.schema.metadata[b"sadam.spec"]) == small_results.spec


def test_what_is_known_of_complete_problems_is_taken_over(small, small_results):
    spec = replace(small, schedules=("constant",), axes=(), steps=10)
    first = run_compare(spec)
    tables.ratios(first)
    again = Results(spec, first.frame)
    assert again.after(first) is again
    key = ("l1", "constant", "adam")
    assert again.tuned(*key) is first.tuned(*key)
    side, base = Side(OURS, "constant"), Side("adam", "constant")
    taken = tables.problem_ratio(again, "l1", side, base)
    assert taken is tables.problem_ratio(first, "l1", side, base)
    assert tables.ratios(again) is not tables.ratios(first)  # of all problems: made anew
    assert tables.ratios(again).equals(tables.ratios(first))
    other = Results(spec, first.frame).after(small_results)  # another spec's: nothing of it
    assert other._memory == {}
    assert Results(spec, first.frame).after(None)._memory == {}


def test_runs_below_a_minimum_that_was_searched_for_are_measured_from_the_least_seen():
    """The search looks at the window; the lower place lies outside of it."""
    own = "= min((x-2)**2 + y**2, (x+10)**2 + y**2 - 5); start = -7, 1"
    spec = Compare(
        problems=problems_of((own, "l1")),
        rules=make_rules(["adam", "sgd"]),
        lrs=(0.01, 0.02),
        steps=200,
        seeds=6,
        controls=False,
    )
    assert landscapes.get(own).minimum == pytest.approx(0.0)
    results = run_compare(spec)
    there = results.frame["landscape"] == own
    assert results.frame.loc[there, "best_gap"].min() == 0.0
    assert (results.frame.loc[there, "final_gap"] >= 0).all()
    x = results.frame.loc[there, "x"].to_numpy()
    f = (x + 10) ** 2 + results.frame.loc[there, "y"].to_numpy() ** 2
    still = results.frame.loc[there, "final_gap"].to_numpy() < 1e-6
    assert still.any()
    assert f[still] == pytest.approx(results.frame.loc[there, "final_gap"][still], abs=1e-6)
    ratio = tables.ratios(results).query("rule == 'sgd' and landscape == @own").iloc[0]
    assert ratio["ratio"] < 0.1  # before, both gaps were below 0 and counted as equal
    (told,) = results.notes
    assert "runs found f = -5, less than the search had, 0" in told
    kinked = results.frame["landscape"] == "l1"
    alone = run_compare(replace(spec, problems=spec.problems[1:]))
    assert (results.frame.loc[kinked, "final_gap"].to_numpy() == alone.frame["final_gap"]).all()
    assert alone.notes == ()
