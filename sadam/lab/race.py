"""A race: every rule of an experiment on one landscape, its table, and what happened in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

import landscapes
from landscapes import Landscape
from sadam import metrics
from sadam.engine import Trajectories, run
from sadam.lab.experiment import Experiment
from sadam.lab.matched import CONTROL, matched_control
from sadam.lab.style import Style, drawing_order, style_of
from sadam.probes import Probing
from sadam.rules import AdamW, MomentRule, SAdam

CONVERGED = 1e-8  # two gaps below it are not compared: both rules are there
TIE = 1.05  # gaps that differ by less are called equal


@dataclass(frozen=True)
class Race:
    """An experiment and what came of it; the starts are the trajectories' one leading axis."""

    experiment: Experiment
    landscape: Landscape
    trajectories: dict[str, Trajectories]

    @property
    def rules(self) -> dict[str, MomentRule]:
        """The rules by label, in the experiment's order."""
        return dict(self.experiment.rules)

    def drawn(self) -> Iterator[tuple[str, Style, Trajectories]]:
        """Every rule with its style, in drawing order."""
        for label, style in drawing_order(self.rules).items():
            yield label, style, self.trajectories[label]

    @property
    def reference(self) -> float:
        """What gaps are measured from: the known minimum, else the least value that was seen."""
        known = self.landscape.minimum
        if known is not None and self.landscape.proved:
            return known
        seen = [self._least] if known is None else [self._least, known]
        return min(filter(math.isfinite, seen), default=0.0)

    @cached_property
    def _least(self) -> float:
        """The least finite value that was seen; infinite if there was none."""
        values = torch.cat([t.values.flatten() for t in self.trajectories.values()])
        return float(torch.where(torch.isfinite(values), values, torch.inf).min())

    @property
    def reference_kind(self) -> str:
        """Where :attr:`reference` comes from, in words."""
        known = self.landscape.minimum
        if known is not None and self.landscape.proved:
            return "known"
        if known is not None and known == self.reference:
            return "found by search, not proved"
        if not math.isfinite(self._least):
            return "no finite value was seen"
        return "the least value seen"


def run_race(experiment: Experiment) -> Race:
    """Run an experiment. The same experiment gives the same numbers everywhere."""
    torch.set_num_threads(1)  # faster at this size, and steady beside a busy neighbour
    landscape = landscapes.get(experiment.landscape)
    rules = dict(experiment.rules)
    probing = [rule.probing for rule in rules.values() if rule.probing is not None]
    trajectories = run(
        landscape.value,
        rules,
        torch.tensor(experiment.starts, dtype=torch.float64),
        steps=experiment.steps,
        seed=experiment.seed,
        schedule=experiment.schedule,
        smooth=landscape.smooth,
        prox=landscape.prox,
        observe=probing[0] if probing else Probing(),
    )
    return Race(experiment, landscape, trajectories)


def with_matched_controls(experiment: Experiment) -> Experiment:
    """Add to each S-Adam its matched control (:mod:`sadam.lab.matched`).

    The result is an ordinary experiment with the controls' learning rates written out; controls
    that are there already are matched anew.
    """
    rules = {
        label: rule
        for label, rule in experiment.rules
        if not label.startswith(CONTROL) or not isinstance(rule, AdamW)
    }
    plain = replace(experiment, rules=tuple(rules.items()))
    race = run_race(plain)
    controls = {
        CONTROL + label: matched_control(
            rule, _median(metrics.mean_brake(race.trajectories[label]))
        )
        for label, rule in rules.items()
        if isinstance(rule, SAdam)
    }
    return replace(plain, rules=tuple((rules | controls).items()))


Row = dict[str, Any]
"""A rule's results by the names of :func:`results_table`'s columns."""


def results_table(race: Race, rows: list[Row] | None = None) -> pd.DataFrame:
    """One row for each rule, sorted by final gap; medians over the starts.

    Columns: ``rule`` (label), ``title``, ``final_gap`` (median of f - f* over the last 10 % of
    steps; infinite where more than half of the starts diverged), ``best_gap``, the chattering
    measures of :data:`sadam.metrics.MEASURES`, ``kink_crossings`` per step, ``mean_brake``,
    ``evaluations`` (of one start's whole run: a gradient counts 2, a probe 1), ``diverged`` (number
    of starts) and ``diverged_at`` (first step at which one left, or -1).

    Args:
        race: The race.
        rows: Its :func:`results`, where they are known already.
    """
    return pd.DataFrame(results(race) if rows is None else rows)


def results(race: Race) -> list[Row]:
    """The rows of :func:`results_table`, without the time that a table takes."""
    numbers = _numbers(race)
    rows = []
    for i, (label, track) in enumerate(race.trajectories.items()):
        left = track.diverged_at[track.diverged_at >= 0]
        rows.append(
            {"rule": label, "title": style_of(label, race.rules[label]).title}
            | {name: _median(value[i]) for name, value in numbers.items()}
            | {
                "evaluations": track.evaluations * track.steps,
                "diverged": len(left),
                "diverged_at": int(left.min()) if len(left) else -1,
            }
        )
    return sorted(rows, key=lambda row: row["final_gap"])


def _numbers(race: Race) -> dict[str, torch.Tensor]:
    """Every measure of every rule and start, ``(rules, starts)`` each, all rules in one go."""
    tracks = list(race.trajectories.values())
    together = replace(
        tracks[0],
        points=torch.stack([t.points for t in tracks], dim=1),
        values=torch.stack([t.values for t in tracks], dim=1),
        grads=torch.stack([t.grads for t in tracks], dim=1),
        brake=torch.stack([t.brake for t in tracks], dim=1),
        diverged_at=torch.stack([t.diverged_at for t in tracks]),
    )
    crossings = metrics.kink_crossings(together.points, race.landscape.kinks).mean(0)
    return {
        "final_gap": metrics.final_gap(together, race.reference),
        "best_gap": metrics.best_gap(together, race.reference),
        **metrics.measure(together),
        "kink_crossings": crossings,
        "mean_brake": metrics.mean_brake(together),
    }


def _median(over_starts: torch.Tensor) -> float:
    if over_starts.numel() == 1:
        return over_starts.item()
    return float(np.median(over_starts.numpy()))  # unlike torch's, defined at infinity


def sentence(race: Race, rows: list[Row] | None = None, *, markdown: bool = False) -> str:
    """What happened, in words that say no more than the numbers of this race do.

    Every rule is named, whoever wins, and the winner is held against the runner-up.

    Args:
        race: The race.
        rows: Its :func:`results`, where they are known already.
        markdown: Whether to set the main numbers in bold.
    """
    rows = results(race) if rows is None else rows
    starts = len(race.experiment.starts)
    said = [
        f"{row['title']} left the finite numbers at step {int(row['diverged_at'])}"
        + (f" from {int(row['diverged'])} of {starts} starts." if starts > 1 else ".")
        for row in rows
        if row["diverged"]
    ]
    standing = [row for row in rows if not row["diverged"]]
    if standing:
        said = [_ranking(standing), _swings(race, standing), *said]
    text = " ".join(filter(None, said))
    return text if markdown else text.replace("**", "")


def _ranking(standing: list[Row]) -> str:
    """Who ended lowest, by how much, at what cost; then the others in order."""
    best, *others = standing
    cost = f"({best['evaluations']:,.0f} evaluations)"
    if not others:
        return f"{best['title']} ends **{_number(best['final_gap'])}** above f* {cost}."
    second, *rest = others
    gap, next_gap = best["final_gap"], second["final_gap"]
    against = f"{second['title']}'s {_number(next_gap)} ({second['evaluations']:,.0f})"
    if next_gap <= CONVERGED:
        text = f"**{best['title']}** and {second['title']} both converge, to gaps below 1e-8"
    elif next_gap <= TIE * gap:
        text = (
            f"**{best['title']}** ends as low as {second['title']}, {_number(gap)} above f* {cost}"
        )
    elif gap <= 0:
        text = f"**{best['title']}** ends at f* itself (median gap 0) {cost}, against {against}"
    else:
        factor = next_gap / gap
        times = f"{factor:.2g}" if factor < 10 else f"{factor:,.0f}"
        text = (
            f"**{best['title']}** ends with the smallest gap, **{_number(gap)}** {cost}, "
            f"**{times} times** smaller than {against}"
        )
    then = ", ".join(f"{row['title']} {_number(row['final_gap'])}" for row in rest)
    return f"{text}; then {then}." if then else f"{text}."


def _swings(race: Race, standing: list[Row]) -> str:
    """How much f still moves at the end: under the winner and where it moves most."""
    best, most = standing[0], max(standing, key=lambda row: row["tail_amplitude"])
    last = metrics.last_steps(race.experiment.steps)
    text = (
        f"Over the last {last} steps the middle half of f's values spans "
        f"{_number(best['tail_amplitude'])} under {best['title']}"
    )
    if most["title"] == best["title"]:
        return f"{text}, the most of all." if len(standing) > 1 else f"{text}."
    return f"{text} and {_number(most['tail_amplitude'])} under {most['title']}, the most of all."


def _number(value: float) -> str:
    return f"{value:.3g}"
