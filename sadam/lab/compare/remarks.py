"""What has to be said beside a comparison's headline: what limits it, what it cost, what stands by.

Gaps that are infinite because runs diverged count as equal to each other, which a remark says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sadam.lab.compare import tables
from sadam.lab.compare.budget import costs_differ
from sadam.lab.compare.results import Results
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import ENOUGH, FLOOR, one_in
from sadam.lab.compare.suites import suite_of
from sadam.lab.compare.tables import Side

MIN_RATES = 2  # fewer learning rates are no tuning


def remarks(results: Results) -> list[str]:
    """Return what has to be said beside the headline, a sentence each."""
    spec, said = results.spec, list(results.notes)
    if len(spec.lrs) < MIN_RATES:
        said.append(
            "Warning: only one learning rate was tried, so no rule is at its own best, and nothing "
            "follows about which is better."
        )
    said += _few(spec)
    if not results.problems:
        return said
    best = tables.best(results)
    edges = best[best["edge"]]
    if len(edges):
        said.append(
            f"{len(edges)} of {len(best)} best learning rates lie at an end of the grid, where a "
            "wider one might find better: "
            f"{_each(results, edges)}."
        )
    lost = best[~np.isfinite(best["final_gap"])]
    if len(lost):
        said.append(
            f"{len(lost)} of {len(best)} final gaps are infinite, as half of the runs or more "
            "diverge even at the best learning rate, and two such gaps count as equal: "
            f"{_each(results, lost)}."
        )
    decaying = [n for n, rule in spec.rules if getattr(rule, "weight_decay", 0.0)]
    if 0 < len(decaying) < len(spec.rules):
        said.append(
            f"{', '.join(results.style(n).title for n in decaying)} decay their weights, which "
            "moves the place where they settle towards 0; a weight decay of 0 for all of them "
            "compares without."
        )
    dear = [label for label, _ in spec.rules if results.cost(label) > 2]
    if dear and spec.cost == "steps":
        costs = ", ".join(f"{results.style(n).title} {results.cost(n)}" for n in dear)
        said.append(
            f"A step costs {costs} function evaluations, one of a rule that does not probe 2: "
            "under equal steps they used more. At equal evaluations (--cost evaluations) the "
            "answer can differ."
        )
    if spec.cost == "evaluations" and costs_differ(spec):
        control = ", a matched control included, which they pay for more steps than its S-Adam"
        said.append(
            f"Every rule has as many evaluations{control if spec.controlled else ''}. At equal "
            "steps (--cost steps) the answer can differ."
        )
    if len(results.problems) > 1:
        said.append(
            f"Factors are geometric means over the {spec.nouns}, gaps below {FLOOR:g} counted as "
            "that, so a few where one rule converges and another does not may decide them; bounds "
            "point the same way as the factor, and one below 1 the other way; "
            f"intervals hold 95 % of paired bootstrap resamples of the {_what(spec)}, each rule "
            f"tuned anew in each, for these {spec.nouns}. "
            f"The second interval resamples the {spec.nouns}, too: it is for others of their kind."
        )
    return said + _earlier(results)


def _few(spec: Compare) -> list[str]:
    """Say how little chance can be judged by, where it is too little."""
    number = spec.independent
    if spec.runs < 2:
        return ["Warning: there is one run of each, so intervals have no width."]
    if number < ENOUGH:
        what = "runs of each" if number == spec.runs else "starts, which all seeds share"
        return [
            f"Warning: there are only {number} {what}, and of intervals between equal rules with "
            f"so few one in {one_in(number)} leaves 1 out."
        ]
    alone = [label for label, rule in spec.rules if rule.probing is None]
    if spec.starts.kind == "own" and alone and not all(p.is_network for p in spec.problems):
        return [
            "From its one start on a landscape a rule that does not probe makes the same run at "
            "every seed: intervals hold what probes change, and nothing of other starts. Random "
            "starts tell more."
        ]
    return []


def _what(spec: Compare) -> str:
    return "starts, and of the seeds of each" if spec.shared_starts > 1 < spec.seeds else "runs"


def _each(results: Results, rows: pd.DataFrame) -> str:
    """On how many problems, rule by rule."""
    counts = rows["rule"].value_counts(sort=False)
    return ", ".join(f"{results.style(str(rule)).title} on {n}" for rule, n in counts.items())


def _earlier(results: Results) -> list[str]:
    """Say what the column of earlier figures is, and how many of them today's intervals hold."""
    expected = getattr(suite_of(results.spec), "expected", ())
    if not expected:
        return []
    base = Side(results.spec.baseline, results.spec.schedules[0])
    held, beyond = 0, 0
    for one in expected:
        mean = tables.mean_ratio(results, Side(one.label, one.schedule), base)
        assert mean is not None
        held += mean.over_runs.low <= one.ratio <= mean.over_runs.high
        beyond += mean.over_problems.low <= one.ratio <= mean.over_problems.high
    return [
        "Earlier: what another program found in the same comparison with other random starts and "
        f"directions, without intervals; of its {len(expected)} factors today's intervals over "
        f"runs hold {held}, those over {results.spec.nouns} too {beyond}."
    ]
