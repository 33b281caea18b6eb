import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sadam.lab.compare.statistics import (
    ENOUGH,
    FLOOR,
    Estimate,
    data_profile,
    geometric_mean,
    interval,
    log_ratio,
    medians,
    nemenyi,
    one_in,
    performance_profile,
    ranks,
    ratio,
    resamples,
)

gaps = st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=12)


# ---- medians and resamples


@given(gaps)
def test_medians_are_numpys(values):
    array = np.array(values)
    assert medians(array) == np.median(array)


@given(gaps, st.integers(0, 99))
def test_resampled_medians_are_medians_of_the_resamples(values, seed):
    array, counts = np.array(values), resamples(len(values), [seed], 7)
    assert (counts.sum(1) == len(values)).all()
    for row, found in zip(counts, medians(array, counts), strict=True):
        assert found == np.median(np.repeat(array, row))


def test_resamples_are_those_of_their_seed():
    assert (resamples(9, [1, 2]) == resamples(9, [1, 2])).all()
    assert (resamples(9, [1, 2]) != resamples(9, [1, 3])).any()
    counts = resamples(50, [0], 4000)  # each run is Binomial(50, 1/50) in each
    assert abs(counts.var() - 50 * (1 / 50) * (49 / 50)) < 0.02


def test_of_shared_starts_the_starts_are_drawn_first():
    """Copies of a run are no news: the intervals of their medians are those of one of each."""
    once = np.random.default_rng(3).exponential(size=12)
    copies = np.tile(once, 16)  # run i is of start i % 12
    counts = resamples(len(copies), [1], 4000, starts=12)
    assert (counts.sum(1) == len(copies)).all()
    of_start = counts.reshape(4000, 16, 12).sum(1)
    assert (of_start % 16 == 0).all()  # whole starts, each with as many of its seeds
    assert of_start.mean(0) == pytest.approx(np.full(12, 16), rel=0.05)
    together = interval(0, medians(copies, counts))
    assert together == interval(0, medians(once, of_start // 16))
    alone = interval(0, medians(once, resamples(12, [2], 4000)))
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.35)
    wrong = interval(0, medians(copies, resamples(len(copies), [1], 4000)))
    assert wrong.high - wrong.low < (together.high - together.low) / 2


@pytest.mark.parametrize("runs", [2, 3, 4, 5, ENOUGH])
def test_so_few_runs_tell_equal_rules_apart_as_often_as_is_said(runs):
    draws, counts = np.random.default_rng(runs).normal(size=(1500, 2, runs)), resamples(runs, [0])
    found = [interval(0, medians(a, counts) - medians(b, counts)) for a, b in draws]
    apart = np.mean([not one.low <= 0 <= one.high for one in found])
    assert apart == pytest.approx(1 / one_in(runs), abs=0.035)


# ---- ratios


@given(gaps, st.integers(0, 99))
def test_a_rule_against_itself_is_a_tie_everywhere(values, seed):
    array = np.array([values])
    counts = resamples(len(values), [seed], 50)
    drawn = medians(array, counts)[:, 0]
    logs = log_ratio(drawn, drawn)
    one = ratio(medians(array)[0], medians(array)[0], logs)
    assert (one.value, one.low, one.high, one.verdict) == (1.0, 1.0, 1.0, "tie")
    both = geometric_mean(np.zeros(1), logs[None])
    assert both.over_runs == both.over_problems == Estimate(1.0, 1.0, 1.0)


def test_a_constant_factor_is_found_without_doubt_where_runs_are_paired():
    noise = np.exp(np.random.default_rng(0).normal(size=(1, 40)) * 3)  # a factor 20 either way
    counts = resamples(40, [0])
    for factor, verdict in ((0.5, "win"), (2.0, "loss")):
        found = ratio(
            factor * medians(noise)[0],
            medians(noise)[0],
            log_ratio(medians(factor * noise, counts)[:, 0], medians(noise, counts)[:, 0]),
        )
        assert found.verdict == verdict
        assert found.low == pytest.approx(factor, rel=1e-12)
        assert found.high == pytest.approx(factor, rel=1e-12)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Median of 60 exponential draws against their true median, log 2."""
    rng = np.random.default_rng(1)
    inside = 0
    for i in range(300):
        draws = rng.exponential(size=(1, 60))
        found = interval(medians(draws)[0], medians(draws, resamples(60, [i], 400))[:, 0])
        inside += found.low <= math.log(2) <= found.high
    assert 0.90 <= inside / 300 <= 0.98


def test_agrees_with_scipys_bootstrap():
    rng = np.random.default_rng(3)
    a, b = rng.lognormal(0.4, 1, 50), rng.lognormal(0, 1, 50)
    counts = resamples(50, [5], 4000)
    mine = ratio(
        np.median(a),
        np.median(b),
        log_ratio(medians(a[None], counts)[:, 0], medians(b[None], counts)[:, 0]),
    )
    theirs = stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.median(x, axis=axis) / np.median(y, axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(7),
    ).confidence_interval
    assert mine.low == pytest.approx(theirs.low, rel=0.05)
    assert mine.high == pytest.approx(theirs.high, rel=0.05)


def test_infinite_and_vanishing_gaps():
    found = log_ratio(np.array([math.inf, math.inf, 1.0, 0.0, 0.0]),
                      np.array([math.inf, 1.0, math.inf, FLOOR / 9, 1.0]))  # fmt: skip
    assert found[:4].tolist() == [0.0, math.inf, -math.inf, 0.0]
    assert found[4] == pytest.approx(math.log(FLOOR))


def test_verdicts():
    assert Estimate(0.5, 0.4, 0.9).verdict == "win"
    assert Estimate(0.5, 0.4, 1.0).verdict == "tie"
    assert Estimate(1.5, 1.0, 2.0).verdict == "tie"
    assert Estimate(1.5, 1.1, math.inf).verdict == "loss"


def test_geometric_means_by_hand():
    logs = np.log([0.1, 10.0, 8.0])
    samples = np.repeat(logs[:, None], 30, axis=1)  # no doubt about any problem
    mean = geometric_mean(logs, samples)
    assert mean.over_runs.value == pytest.approx(2.0)
    assert mean.over_runs.low == mean.over_runs.high == pytest.approx(2.0)
    assert mean.over_problems.low < 1 < mean.over_problems.high <= 10.0 + 1e-9
    lost = geometric_mean(np.array([math.inf, 0.0]), np.array([[math.inf] * 9, [0.0] * 9]))
    assert lost.over_runs == Estimate(math.inf, math.inf, math.inf)


# ---- profiles


def test_a_performance_profile_by_hand():
    costs = np.array([[1.0, 4.0, math.inf, math.inf], [2.0, 2.0, 5.0, math.inf]])
    tau, share = performance_profile(costs)
    assert tau.tolist() == [1.0, 2.0]
    assert share.tolist() == [[0.25, 0.5], [0.5, 0.75]]  # the last problem counts for none


def test_a_data_profile_by_hand():
    budget, share = data_profile(np.array([[30.0, 10.0, math.inf], [20.0, 20.0, 20.0]]))
    assert budget.tolist() == [0.0, 10.0, 20.0, 30.0]
    assert share * 3 == pytest.approx(np.array([[0, 1, 1, 2], [0, 0, 3, 3]]))


@given(
    st.lists(st.lists(st.floats(1, 1e6) | st.just(math.inf), min_size=3, max_size=3), min_size=1)
)
def test_profiles_rise_and_end_at_what_was_solved(columns):
    costs = np.array(columns).T
    solved = np.isfinite(costs).mean(1)
    for profile in (performance_profile, data_profile):
        at, share = profile(costs)
        assert (np.diff(at) > 0).all()
        assert (np.diff(share, axis=1) >= 0).all()
        assert np.allclose(share[:, -1], solved)


# ---- ranks


@pytest.mark.parametrize(
    ("rules", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)]
)
def test_critical_differences_are_those_of_demsars_table(rules, q):
    assert nemenyi(rules, 20) == pytest.approx(q * math.sqrt(rules * (rules + 1) / 120), rel=1e-3)


def test_ranks_and_friedmans_statistic_by_hand():
    """Five problems, three rules, no ties: 12 N / (R (R + 1)) (sum of r^2 - R (R + 1)^2 / 4)."""
    found = ranks(np.array([[1, 2, 3], [1, 3, 2], [1, 2, 3], [2, 1, 3], [1, 2, math.inf]]))
    mean = np.array([6, 10, 14]) / 5
    assert found.mean == pytest.approx(mean)
    assert found.statistic == pytest.approx(12 * 5 / 12 * ((mean**2).sum() - 3 * 16 / 4))
    assert found.p_value == pytest.approx(math.exp(-found.statistic / 2))  # chi-squared, 2 degrees
    assert ranks(np.array([[1.0, 1.0, 5.0]])).mean.tolist() == [1.5, 1.5, 3.0]


def test_equal_rules_have_equal_ranks():
    found = ranks(np.full((6, 3), 1e-15))
    assert found.mean.tolist() == [2.0, 2.0, 2.0]
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert math.isnan(ranks(np.ones((6, 2))).p_value)
    assert math.isnan(ranks(np.ones((6, 1))).critical_difference)
