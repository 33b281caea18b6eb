"""What many runs say about one rule against another: intervals, verdicts, profiles, ranks.

Arrays of gaps have the runs (start and seed) as their last axis; run ``i`` is the same start with
the same seed for every rule and learning rate. A bootstrap resamples the runs, the same ones for
both sides of a comparison (paired). Infinite gaps, of runs that diverged, are numbers like others.

Gaps and costs are at least 0 and never NaN; there is at least one run, rule and problem, unless it
is said. Seeds are whole numbers of at least 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RESAMPLES = 1000
LEVEL = 0.95
ENOUGH = 6
"""Runs below which two equal rules are told apart too often: see :func:`one_in`."""
FLOOR = 1e-12
"""Gaps below it count as this: there rounding decides, and both rules are at the minimum."""


@dataclass(frozen=True)
class Estimate:
    """A number and the interval in which 95 % of its bootstrap values lie."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Literal["win", "tie", "loss"]:
        """What a ratio of gaps says: a win below 1, a loss above, a tie if the interval holds 1."""
        if self.low <= 1.0 <= self.high:
            return "tie"
        return "win" if self.high < 1.0 else "loss"


def resamples(runs: int, seed: Sequence[int], number: int = RESAMPLES, *, starts: int = 1) -> Array:
    """Draw bootstrap resamples of runs.

    Where seeds share their starts, the runs from one start are no news of other starts: without
    probes they are one run many times. There starts are drawn first, then, for each that is drawn,
    its runs (the two-stage bootstrap of Davison and Hinkley 1997, section 3.8).

    Args:
        runs: How many runs there are.
        seed: Seeds a NumPy generator.
        number: How many resamples to draw.
        starts: How many starts the seeds share, run ``i`` being of start ``i % starts``; it divides
            ``runs``. 1 where every run is independent of the others.

    Returns:
        How often each run is in each resample, ``(number, runs)``; rows sum to ``runs``.
    """
    generator = np.random.default_rng(seed)
    if starts > 1:
        each = runs // starts
        start = generator.integers(0, starts, (number, starts, 1))
        picks = (start + starts * generator.integers(0, each, (number, starts, each))).reshape(
            number, runs
        )
    else:
        picks = generator.integers(0, runs, (number, runs))
    at = picks + np.arange(number)[:, None] * runs
    return np.bincount(at.ravel(), minlength=number * runs).reshape(number, runs).astype(np.int32)


def medians(values: Array, counts: Array | None = None) -> Array:
    """Medians over the last axis, of the values themselves or of resamples of them.

    Args:
        values: ``(..., n)``; infinity is allowed, NaN is not.
        counts: How often each value counts, ``(B, n)``; none: once.

    Returns:
        ``(...)`` without counts, else ``(B, ...)``. Of an even number of values the mean of the
        middle two.
    """
    if counts is None:
        ordered = np.sort(values, axis=-1)
        n = values.shape[-1]
        return (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2
    flat = values.reshape(-1, values.shape[-1])
    n = int(counts[0].sum())
    found = np.empty((len(counts), len(flat)))
    for i, row in enumerate(flat):
        order = np.argsort(row, kind="stable")
        passed = counts[:, order].cumsum(1)
        low = row[order][(passed > (n - 1) // 2).argmax(1)]
        high = row[order][(passed > n // 2).argmax(1)]
        found[:, i] = (low + high) / 2
    return found.reshape(len(counts), *values.shape[:-1])


def log_ratio(a: Array, b: Array) -> Array:
    """``log(a / b)`` of gaps; 0 where both are below :data:`FLOOR`, or both infinite.

    Infinite where one of them is.
    """
    with np.errstate(invalid="ignore"):
        difference = np.log(np.maximum(a, FLOOR)) - np.log(np.maximum(b, FLOOR))
    return np.where(np.isnan(difference), 0.0, difference)


def interval(value: float, samples: Array) -> Estimate:
    """Return a value with the percentile bootstrap interval of its samples ``(B,)``.

    Source: Efron and Tibshirani 1993, chapter 13. An order statistic, so infinity is no obstacle.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], method="nearest")
    return Estimate(float(value), float(low), float(high))


def one_in(runs: int) -> int:
    """How many intervals between two equal rules there are to one that tells them apart.

    Of so few runs the interval of a median's bootstrap is all that was seen, from least to
    greatest: it leaves out what all runs, by chance, lie on one side of. With :data:`ENOUGH` runs
    that is one in 32, near the 1 in 20 that an interval of 95 % allows.

    Args:
        runs: Independent runs, at least 2.
    """
    return 2 ** (runs - 1)


def ratio(a: float, b: float, logs: Array) -> Estimate:
    """Ratio of two gaps with its interval, from its bootstrap's logarithms ``(B,)``.

    1 where both are infinite, and infinite beyond float64.
    """
    value = _exp(float(log_ratio(np.asarray(a), np.asarray(b))))
    with np.errstate(over="ignore"):
        return interval(value, np.exp(logs))


def _exp(log: float) -> float:
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class MeanRatio:
    """A geometric mean of ratios over several problems.

    Attributes:
        over_runs: With the interval for these problems: only the runs are resampled.
        over_problems: With the interval for problems of their kind: they are resampled, too.
    """

    over_runs: Estimate
    over_problems: Estimate


def geometric_mean(logs: Array, samples: Array, seed: Sequence[int] = (0,)) -> MeanRatio:
    """Geometric mean of ratios over problems; one won and one lost without end cancel out.

    Args:
        logs: Logarithm of each problem's ratio, ``(P,)``, P at least 1.
        samples: Their bootstrap values, ``(P, B)``.
        seed: Seeds the draw of problems.
    """
    problems, number = samples.shape
    value = _exp(_mean(logs))
    picks = np.random.default_rng(seed).integers(0, problems, (number, problems))
    again = samples[picks, np.arange(number)[:, None]]
    with np.errstate(over="ignore"):
        return MeanRatio(
            over_runs=interval(value, np.exp(_means(samples.T))),
            over_problems=interval(value, np.exp(_means(again))),
        )


def most_decisive(logs: Array) -> int:
    """Which problem's ratio, when left out, changes the geometric mean most.

    Args:
        logs: Logarithm of each problem's ratio, ``(P,)``, P at least 2; infinite ones decide.
    """
    whole = _mean(logs)
    rest = np.array([_mean(np.delete(logs, i)) for i in range(len(logs))])
    with np.errstate(invalid="ignore"):  # infinite with and without it: no change
        return int(np.nan_to_num(np.abs(rest - whole), posinf=math.inf).argmax())


def half_by(values: Array) -> float:
    """The least of some costs by which half of them are met, infinity standing for those not met.

    The lower median: where exactly half are met, the last of those.
    """
    return float(np.sort(values)[(len(values) - 1) // 2])


def _means(logs: Array) -> Array:
    return np.array([_mean(row) for row in logs]) if not np.isfinite(logs).all() else logs.mean(1)


def _mean(logs: Array) -> float:
    """Mean; a problem won without end and one lost without end cancel out."""
    ends = np.sign(logs[np.isinf(logs)]).sum()
    return float(logs[np.isfinite(logs)].sum() / len(logs)) if ends == 0 else math.inf * ends


def performance_profile(costs: Array) -> tuple[Array, Array]:
    """Performance profile of Dolan and More (2002, Math. Programming 91).

    Args:
        costs: What each of R rules needed to solve each of P problems, ``(R, P)``, positive;
            infinite where it did not.

    Returns:
        Factors ``tau >= 1`` at which a share changes, ``(m,)``, increasing from 1; and for each
        rule the share of problems that it solved at no more than ``tau`` times the cost of
        whichever was cheapest there, ``(R, m)``. A problem that no rule solved counts for none;
        of no problem at all every share is 0.
    """
    best = costs.min(0)
    with np.errstate(invalid="ignore"):
        factors = np.where(np.isfinite(costs), costs / best, math.inf)
    return _shares(factors, 1.0)


def data_profile(costs: Array) -> tuple[Array, Array]:
    """Data profile of More and Wild (2009, SIAM J. Optim. 20): share solved within a budget.

    Args:
        costs: As for :func:`performance_profile`.

    Returns:
        Budgets at which a share changes, ``(m,)``, increasing from 0; and the share of problems
        that each rule solved within it, ``(R, m)``, 0 of no problem. Theirs are in units of D + 1
        evaluations.
    """
    return _shares(costs, 0.0)


def _shares(costs: Array, first: float) -> tuple[Array, Array]:
    steps = np.unique(np.append(costs[np.isfinite(costs)], first))
    ordered = np.sort(costs, axis=1)
    counted = [np.searchsorted(row, steps, side="right") for row in ordered]
    return steps, np.array(counted) / max(costs.shape[1], 1)


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of rules over problems, 1 being best (Demsar 2006, JMLR 7).

    Attributes:
        mean: Mean rank of each rule, ``(R,)``; equal gaps share their ranks.
        problems: Number N of problems.
        statistic: Friedman's chi-squared; NaN for fewer than three rules or two problems.
        p_value: Probability of one as large if all rules were alike.
        critical_difference: Mean ranks that differ by less are not told apart at the 5 % level
            (Nemenyi's test); NaN for a single rule.
    """

    mean: Array
    problems: int
    statistic: float
    p_value: float
    critical_difference: float


def ranks(gaps: Array) -> Ranks:
    """Rank rules on each problem, and test whether the ranks differ.

    Args:
        gaps: ``(P, R)``; below :data:`FLOOR` they are equal.
    """
    from scipy import stats  # late: half a second that a start without it need not wait

    problems, rules = gaps.shape
    place = stats.rankdata(np.maximum(gaps, FLOOR), axis=1)
    statistic, p_value = math.nan, math.nan
    if rules > 2 and problems > 1 and (place != place[:, :1]).any():
        statistic, p_value = stats.friedmanchisquare(*place.T)
    elif rules > 2 and problems > 1:  # all alike on every problem
        statistic, p_value = 0.0, 1.0
    return Ranks(
        place.mean(0), problems, float(statistic), float(p_value), nemenyi(rules, problems)
    )


def nemenyi(rules: int, problems: int, alpha: float = 0.05) -> float:
    """Critical difference of mean ranks, ``q sqrt(R (R + 1) / (6 N))``, for N of at least 1.

    ``q`` is the upper quantile of the studentized range of R means with infinitely many degrees of
    freedom, over sqrt(2): Demsar 2006, table 5. NaN for a single rule.
    """
    from scipy import stats

    if rules < 2:
        return math.nan
    q = stats.studentized_range.ppf(1 - alpha, rules, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(rules * (rules + 1) / (6 * problems)))
