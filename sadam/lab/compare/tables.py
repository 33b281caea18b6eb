"""Tables of a comparison: sensitivity, best, ratios, verdicts, profiles, ranks, heatmaps, basins.

Every function takes :class:`sadam.lab.compare.results.Results`, of all blocks or of those that are
done, and speaks of the problems that are complete. While none is, a table has its columns and no
rows, and arrays are empty or 0; what is asked of one problem, schedule or rule is a ``ValueError``
where it is not complete or there is none. Runs that diverged have infinite gaps, and where half of
them or more did, so are medians.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sadam.lab.codec import from_plain
from sadam.lab.compare.blocks import TARGET_MET
from sadam.lab.compare.results import Results, remembered
from sadam.lab.compare.statistics import (
    Estimate,
    MeanRatio,
    Ranks,
    data_profile,
    geometric_mean,
    half_by,
    log_ratio,
    medians,
    performance_profile,
    ranks,
    ratio,
)
from sadam.lab.spec import whole
from sadam.text import shown

Array = NDArray[Any]


def sensitivity(results: Results, landscape: str, schedule: str) -> pd.DataFrame:
    """Final gap against the learning rate on one problem.

    Columns: ``rule``, ``lr``, ``median``, ``low``, ``high`` (quartiles over runs; order statistics,
    infinite where runs diverged), ``diverged`` (share), ``best`` (whether it is the rule's own).
    """
    parts = []
    for label in results.labels:
        gaps = results.column(landscape, schedule, label, "final_gap")
        low, high = np.quantile(gaps, [0.25, 0.75], axis=1, method="inverted_cdf")
        best = results.tuned(landscape, schedule, label).rate
        parts.append(
            pd.DataFrame(
                {
                    "rule": label,
                    "lr": results.spec.lrs,
                    "median": medians(gaps),
                    "low": low,
                    "high": high,
                    "diverged": np.isinf(gaps).mean(1),
                    "best": np.arange(len(gaps)) == best,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@remembered
def best(results: Results) -> pd.DataFrame:
    """Each rule at its own best learning rate: a row for each problem, schedule and rule.

    Columns: ``landscape``, ``schedule``, ``rule``, ``lr``, ``edge`` (whether the best value is at
    an end of the grid), ``final_gap``, ``low``, ``high`` (median and quartiles over runs),
    ``best_gap``, ``steps``, ``evaluations`` (by which half of the runs met the last target;
    infinite where fewer did), ``reached``, ``near``, ``trapped``, ``elsewhere``, ``diverged``
    (shares of runs by where they ended), ``mean_brake``, ``runs``.
    """
    rows = []
    for landscape in results.problems:
        for schedule in results.spec.schedules:
            rows += [_best_row(results, landscape, schedule, label) for label in results.labels]
    return pd.DataFrame(rows, columns=_BEST)


_BEST = [
    "landscape", "schedule", "rule", "lr", "edge", "final_gap", "low", "high", "best_gap", "steps",
    "evaluations", "reached", "near", "trapped", "diverged", "elsewhere", "mean_brake", "runs",
]  # fmt: skip
_RATIOS = [
    "rule", "schedule", "against", "landscape", "ratio", "low", "high", "verdict", "low_problems",
    "high_problems",
]  # fmt: skip


def _best_row(results: Results, landscape: str, schedule: str, label: str) -> dict[str, Any]:
    key = (landscape, schedule, label)
    tuned, spec = results.tuned(*key), results.spec
    low, high = np.quantile(tuned.gaps, [0.25, 0.75], method="inverted_cdf")
    steps = half_by(hits(results, landscape, schedule, label))
    ended = results.column(*key, "outcome")[tuned.rate].astype(str)
    return {
        "landscape": landscape,
        "schedule": schedule,
        "rule": label,
        "lr": spec.lrs[tuned.rate],
        "edge": len(spec.lrs) > 1 and tuned.rate in (0, len(spec.lrs) - 1),
        "final_gap": tuned.gap,
        "low": low,
        "high": high,
        "best_gap": float(medians(results.column(*key, "best_gap")[tuned.rate])),
        "steps": steps,
        "evaluations": steps * results.cost(label),
        "reached": (np.char.startswith(ended, "minimum") | (ended == TARGET_MET)).mean(),
        "near": np.char.startswith(ended, "near").mean(),
        "trapped": np.char.startswith(ended, "trap").mean(),
        "diverged": (ended == "diverged").mean(),
        "elsewhere": (ended == "elsewhere").mean(),
        "mean_brake": float(np.median(results.column(*key, "mean_brake")[tuned.rate])),
        "runs": spec.runs,
    }


def hits(
    results: Results, landscape: str, schedule: str, label: str, target: int = -1
) -> NDArray[np.float64]:
    """Steps to a target at the rule's own best learning rate, ``(runs,)``; infinite if not met.

    Args:
        results: What was found.
        landscape: The problem.
        schedule: The schedule.
        label: The rule.
        target: Number of one of the spec's; a negative one counts from the last.

    Raises:
        SpecError: If there is no such target.
    """
    targets = len(results.spec.targets)
    number = whole("number of the target", target, -targets, targets - 1) % targets
    rate = results.tuned(landscape, schedule, label).rate
    steps = results.column(landscape, schedule, label, f"steps_to_{number}")[rate]
    return np.where(steps < 0, np.inf, steps.astype(float))


# ---- ratios and verdicts


class Side(NamedTuple):
    """What is compared: a rule under a schedule."""

    label: str
    schedule: str


@remembered
def problem_ratio(results: Results, landscape: str, a: Side, b: Side) -> tuple[Estimate, Array]:
    """Ratio of the final gaps of two sides on one problem, and its bootstrap's logarithms."""
    one = results.tuned(landscape, a.schedule, a.label)
    other = results.tuned(landscape, b.schedule, b.label)
    logs = log_ratio(one.samples, other.samples)
    return ratio(one.gap, other.gap, logs), logs


@remembered
def mean_ratio(results: Results, a: Side, b: Side, without: str = "") -> MeanRatio | None:
    """Geometric mean of the ratio of two sides over the problems; None if none is complete.

    Args:
        results: What was found.
        a: Above the line.
        b: Below it.
        without: A problem to leave out.
    """
    names = [name for name in results.problems if name != without]
    if not names:
        return None
    samples = np.stack([problem_ratio(results, name, a, b)[1] for name in names])
    kept = [name != without for name in results.problems]
    return geometric_mean(log_ratios(results, a, b)[kept], samples, [results.spec.seed])


def log_ratios(results: Results, a: Side, b: Side) -> Array:
    """Logarithm of the ratio of two sides on each problem that is complete, ``(P,)``."""
    with np.errstate(divide="ignore"):
        return np.log([problem_ratio(results, n, a, b)[0].value for n in results.problems])


@remembered
def ratios(results: Results) -> pd.DataFrame:
    """Ratios to the baseline: for each problem, and their geometric mean (``landscape`` is "all").

    Columns: ``rule``, ``schedule``, ``landscape``, ``against`` ("same": the baseline under the same
    schedule; "first": under the first one), ``ratio``, ``low``, ``high`` (paired bootstrap over
    runs), ``low_problems``, ``high_problems`` (of the mean: problems resampled, too), ``verdict``.
    """
    rows = []
    spec = results.spec
    for schedule in spec.schedules:
        for label in results.labels:
            side = Side(label, schedule)
            for against, other in (("same", schedule), ("first", spec.schedules[0])):
                base = Side(spec.baseline, other)
                frame = {"rule": label, "schedule": schedule, "against": against}
                for name in results.problems:
                    found, _ = problem_ratio(results, name, side, base)
                    rows.append(frame | {"landscape": name} | _numbers(found))
                mean = mean_ratio(results, side, base)
                if mean is not None:
                    over = mean.over_problems
                    rows.append(
                        frame
                        | {"landscape": "all", **_numbers(mean.over_runs)}
                        | {"low_problems": over.low, "high_problems": over.high}
                    )
    return pd.DataFrame(rows, columns=_RATIOS)


def _numbers(estimate: Estimate) -> dict[str, Any]:
    return {
        "ratio": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "verdict": estimate.verdict,
    }


@remembered
def verdicts(results: Results, schedule: str) -> Array:
    """Wins, ties and losses of every rule against every other, ``(R, R, 3)``, over the problems.

    A tie: the paired interval of the ratio holds 1. A rule against itself is a tie everywhere.
    """
    labels = results.labels
    found = np.zeros((len(labels), len(labels), 3), dtype=int)
    order = ("win", "tie", "loss")
    for i, a in enumerate(labels):
        found[i, i] = 0, len(results.problems), 0
        for j, b in enumerate(labels[:i]):
            for name in results.problems:
                sides = Side(a, schedule), Side(b, schedule)
                estimate, _ = problem_ratio(results, name, *sides)
                found[i, j, order.index(estimate.verdict)] += 1
            found[j, i] = found[i, j, ::-1]
    return found


@remembered
def rank_table(results: Results, schedule: str) -> Ranks | None:
    """Ranks of the rules by median final gap over the problems; None if no problem is complete."""
    if not results.problems:
        return None
    gaps = [
        [results.tuned(name, schedule, label).gap for label in results.labels]
        for name in results.problems
    ]
    return ranks(np.array(gaps))


Count = Literal["evaluations", "steps"]


def costs_to_target(
    results: Results, schedule: str, target: int = -1, count: Count = "evaluations"
) -> Array:
    """Cost to a target, ``(rules, problems x runs)``; infinite where it was not met.

    The gradient at the point that meets it is counted, too.

    Args:
        results: What was found.
        schedule: The schedule.
        target: Number of the target, as for :func:`hits`.
        count: ``"evaluations"`` or ``"steps"``.

    Raises:
        ValueError: If ``count`` is neither.
    """
    if count not in get_args(Count):
        raise ValueError(f"costs are counted in evaluations or steps, not in {shown(count)}")
    each = {n: results.cost(n) if count == "evaluations" else 1 for n in results.labels}
    found = [
        [(1 + hits(results, name, schedule, label, target)) * each[label]
         for name in results.problems]
        for label in results.labels
    ]  # fmt: skip
    return np.array([np.concatenate([np.empty(0), *costs]) for costs in found])


def profiles(
    results: Results, schedule: str, target: int = -1, count: Count = "evaluations"
) -> dict[str, tuple[Array, Array]]:
    """Performance and data profiles over all runs of all problems; see :func:`costs_to_target`."""
    costs = costs_to_target(results, schedule, target, count)
    return {"performance": performance_profile(costs), "data": data_profile(costs)}


# ---- heatmaps


def heatmap(
    results: Results, label: str, landscape: str, schedule: str, x: str, y: str
) -> pd.DataFrame:
    """Median final gap over two hyperparameters; of those that are neither, the best value.

    Args:
        results: Of a spec with axes.
        label: A rule that has both.
        landscape: The problem.
        schedule: The schedule.
        x: ``"lr"`` or the name of an axis; :func:`heatmaps_of` says which there are.
        y: Another.

    Returns:
        Rows are values of ``y``, columns values of ``x``; NaN where nothing was run (yet), infinite
        where half of the runs or more diverged.

    Raises:
        ValueError: If the rule has no such axis, or nothing of it was run on the problem.
    """
    frame = results.frame
    known = ["lr", *axes_of(results, from_plain(str, label, "label"))]
    if frame.empty or x not in known or y not in known or x == y:
        raise ValueError(f"no heatmap of {shown(label)} over {shown(x)} and {shown(y)}")
    rows = frame[
        (frame["landscape"] == landscape)
        & (frame["schedule"] == schedule)
        & (frame["rule"] == label)
    ]
    if rows.empty:
        raise ValueError(f"nothing was run of {shown(label)} on {shown(landscape)}")
    cells = rows.groupby(known, observed=True)["final_gap"].agg(
        lambda gaps: float(medians(gaps.to_numpy()))
    )
    return cells.groupby([y, x]).min().unstack(x)


def axes_of(results: Results, label: str) -> list[str]:
    """The names of the axes that vary a rule."""
    rule = results.rule(label)
    return [axis.name for axis in results.spec.axes if hasattr(rule, axis.name)]


def heatmaps_of(results: Results) -> list[tuple[str, str, str]]:
    """The heatmaps there are to draw: ``(label, x, y)``."""
    found = []
    for label, _ in results.spec.rules:
        if len(results.spec.configurations[label]) == 1:
            continue
        names = ["lr"] if len(results.spec.lrs) > 1 else []
        names += axes_of(results, label)
        found += [(label, x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
    return found


@remembered
def ends(results: Results) -> pd.DataFrame:
    """Share of runs by where they ended, traps by name, each rule at its own best learning rate.

    Columns: ``landscape``, ``schedule``, ``rule``, ``outcome``, ``share``.
    """
    rows = []
    for landscape in results.problems:
        for schedule in results.spec.schedules:
            for label in results.labels:
                rate = results.tuned(landscape, schedule, label).rate
                ended = results.column(landscape, schedule, label, "outcome")[rate].astype(str)
                names, counts = np.unique(ended, return_counts=True)
                rows += [
                    {
                        "landscape": landscape,
                        "schedule": schedule,
                        "rule": label,
                        "outcome": str(name),
                        "share": count / len(ended),
                    }
                    for name, count in zip(names, counts, strict=True)
                ]
    return pd.DataFrame(rows, columns=["landscape", "schedule", "rule", "outcome", "share"])
