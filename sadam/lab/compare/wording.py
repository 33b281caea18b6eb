"""One way to say a ratio of final gaps, for sentences, tables, cells and charts.

A ratio is said as a factor with a direction: a ratio of 0.37 is "2.7 times closer". Its bounds are
factors in the same direction, so that one below 1 points the other way. Ratios are at least 0, and
infinite where one side diverges; of two sides that both do the ratio is 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sadam.lab.compare import tables
from sadam.lab.compare.problems import noun_of, short_title
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import Estimate, MeanRatio, most_decisive
from sadam.lab.compare.tables import Side

MUCH = 1.5  # a factor that changes by as much without one problem hangs on it
MOST_DIGITS = 4  # of a number near 1


class Factor(NamedTuple):
    """A ratio as a factor with a direction.

    Attributes:
        times: How many times; infinite for a ratio of 0 or infinity. Below 1 only where a
            bootstrap of few runs lies beyond 1, and its ratio does not.
        word: "closer" or "farther"; "as close" where ratio and interval are 1.
        low: Lower bound in that direction; below 1 it points the other way.
        high: Upper bound.
    """

    times: float
    word: str
    low: float
    high: float

    @property
    def bounds(self) -> str:
        """The interval as text."""
        return f"[{number(self.low)}, {number(self.high)}]"

    @property
    def text(self) -> str:
        """The factor and its direction as text."""
        return self.word if self.word == "as close" else f"{number(self.times)} times {self.word}"


def factor_of(ratio: Estimate, like: Factor | None = None) -> Factor:
    """Return a ratio of final gaps as a factor with a direction: that of its verdict, or its own.

    Args:
        ratio: The ratio.
        like: A factor whose direction it is to have.
    """
    low, value, high = ratio.low, ratio.value, ratio.high
    if low == value == high == 1.0 and like is None:
        return Factor(1.0, "as close", 1.0, 1.0)
    word = {"win": "closer", "loss": "farther"}.get(
        ratio.verdict, "farther" if value > 1 else "closer"
    )
    if (like.word if like else word) == "farther":
        return Factor(value, "farther", low, high)
    return Factor(_over(value), "closer", _over(high), _over(low))


def _over(value: float) -> float:
    return 1 / value if value else math.inf


def number(value: float) -> str:
    """Return a factor or a bound in two digits, or more near 1: only 1 itself reads 1.

    ``"inf"`` for what is not finite.
    """
    if not math.isfinite(value):
        return "inf"
    if value >= 1000:
        return f"{value:.1e}"
    if value >= 99.5:
        return f"{value:.0f}"
    for digits in range(2, MOST_DIGITS + 1):
        text = f"{value:.{digits}g}"
        if value == 1 or float(text) != 1:
            return text
    return "1.001" if value > 1 else "0.999"


def named(name: str) -> str:
    """A problem's name within a sentence: a title, or a formula set as code."""
    return f"`{name}`" if name.startswith("=") else short_title(name)


def told(results: Results, a: Side, b: Side, other: str) -> str:
    """Say how one side ends against another, over all problems that are complete.

    Args:
        results: Of which a problem is complete.
        a: Who ends.
        b: What it is held against.
        other: How the sentence calls that.
    """
    mean = tables.mean_ratio(results, a, b)
    assert mean is not None
    if len(results.problems) == 1:
        return _verdict(mean, other, "")
    each = [tables.problem_ratio(results, name, a, b)[0].verdict for name in results.problems]
    won, tied, lost = (each.count(v) for v in ("win", "tie", "loss"))
    text = _verdict(mean, other, noun_of(results.problems))
    return f"{text} ({won} won, {tied} tied, {lost} lost){_hangs_on(results, mean, a, b)}"


def _verdict(mean: MeanRatio, other: str, nouns: str) -> str:
    """How the mean ratio reads; without nouns there is one problem, and no other interval."""
    runs = factor_of(mean.over_runs)
    beyond = factor_of(mean.over_problems, runs)
    too = f", {beyond.bounds} over {nouns} too" if nouns else ""
    inside = f"{runs.bounds} over runs"
    if mean.over_runs.verdict == "tie":
        return f"is not told from {other}: {runs.text}, {inside}{too}"
    if math.isinf(runs.times):
        if runs.word == "closer":
            return f"ends where {other} diverges, so that no factor is large enough"
        return f"diverges where {other} does not, so that no factor is large enough"
    ends = f"ends {runs.text} than {other}"
    if nouns and mean.over_problems.verdict == "tie":
        return f"{ends} on these {nouns}, {inside}, but not surely on others of their kind{too}"
    return f"{ends}, {inside}{too}"


def _hangs_on(results: Results, mean: MeanRatio, a: Side, b: Side) -> str:
    """The problem without which the factor changes most, if it changes much."""
    logs = tables.log_ratios(results, a, b)
    name = results.problems[most_decisive(logs)]
    rest = tables.mean_ratio(results, a, b, without=name)
    assert rest is not None
    whole, left = mean.over_runs, rest.over_runs
    if whole.value == left.value:
        return ""
    ends = sorted((whole.value, left.value))
    much = ends[0] == 0 or ends[1] / ends[0] >= MUCH
    if not much and whole.verdict == left.verdict:
        return ""
    return f", without {named(name)} {brief(left)}"


def short(results: Results, a: Side, b: Side) -> str:
    """How one side ends against another, in a few words; a problem must be complete."""
    mean = tables.mean_ratio(results, a, b)
    assert mean is not None
    here = mean.over_runs.verdict != "tie" == mean.over_problems.verdict
    nouns = noun_of(results.problems)
    return brief(mean.over_runs) + f" on these {nouns}" * (here and len(results.problems) > 1)


def brief(ratio: Estimate) -> str:
    """A ratio in a few words: factor, interval, and whether it is a tie."""
    found = factor_of(ratio)
    tie = ", a tie" if ratio.verdict == "tie" else ""
    return f"{found.text} {found.bounds}{tie}"
