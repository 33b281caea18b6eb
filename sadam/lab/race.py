"""A race: every rule of an experiment on one landscape, its table, and what happened in words.

A start from which a rule leaves the finite numbers (f, its gradient or the point is NaN or beyond
1e150) stays where it was last finite and is marked in ``diverged_at``, with step 0 where f is not
defined at the start itself; every other start and rule keeps its numbers to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

import landscapes
from landscapes import Landscape
from sadam import metrics
from sadam.engine import LIMIT, Trajectories, run
from sadam.lab.experiment import Experiment
from sadam.lab.matched import CONTROL, matched_control
from sadam.lab.style import Style, drawing_order, listed, style_of
from sadam.probes import Probing
from sadam.rules import AdamW, MomentRule, SAdam

CONVERGED = 1e-8  # gaps up to it are not compared
TIE = 1.05  # gaps that differ by no more are not ranked


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
        """What gaps are measured from: the known minimum, else the least value that was seen.

        NaN where none is known and no finite value was seen.
        """
        known = self.landscape.minimum
        if known is not None and self.landscape.proved:
            return known
        values = torch.cat([t.values.flatten() for t in self.trajectories.values()])
        seen = [] if known is None else [known]
        if len(finite := values[values.isfinite()]):
            seen.append(float(finite.min()))
        return min(filter(math.isfinite, seen), default=math.nan)

    @property
    def reference_kind(self) -> str:
        """Where :attr:`reference` comes from, in words."""
        known = self.landscape.minimum
        if known is not None and self.landscape.proved:
            return "known"
        if known is not None and known == self.reference:
            return "found by search, not proved"
        return "no value was seen" if math.isnan(self.reference) else "the least value seen"

    def reference_told(self, digits: int) -> str:
        """What f* is and where it comes from, or that there is none, to 1 or more digits."""
        if math.isnan(self.reference):
            return "no value of f was seen"
        return f"f* = {self.reference:.{digits}g} ({self.reference_kind})"

    @property
    def last_steps(self) -> int:
        """How many steps at the end final gaps are medians of."""
        return metrics.last_steps(self.experiment.steps)

    def gaps(self, label: str) -> torch.Tensor:
        """A rule's f - f* at every step, ``(T+1, starts)``; NaN from where a start diverged.

        Args:
            label: Of one of the race's rules.
        """
        track = self.trajectories[label]
        left = torch.where(track.diverged_at >= 0, track.diverged_at, track.steps + 1)
        gone = torch.arange(track.steps + 1)[:, None] >= left
        return (track.values - self.reference).masked_fill(gone, math.nan)


def run_race(experiment: Experiment) -> Race:
    """Run an experiment. The same experiment gives the same numbers everywhere.

    It always ends in a race, whatever the function and the learning rates: what leaves the finite
    numbers is marked, as above.
    """
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
    that are there already are matched anew. An S-Adam that could not take a step counts as one
    that did not brake.

    Raises:
        SpecError: If the rules are too many with their controls, or a label is too long for one.
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
    steps; infinite where half of the starts or more diverged), ``best_gap`` (NaN where no value of
    f was seen), the chattering measures of :data:`sadam.metrics.MEASURES` (``tail_amplitude`` of
    the starts that did not diverge, NaN where all did), ``kink_crossings`` per step (0 where the
    landscape declares no kinks), ``mean_brake``,
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
    measures = metrics.measure(together)
    frozen = together.diverged_at >= 0  # f stands still there, which is no calm
    measures["tail_amplitude"] = measures["tail_amplitude"].masked_fill(frozen, math.nan)
    return {
        "final_gap": metrics.final_gap(together, race.reference),
        "best_gap": metrics.best_gap(together, race.reference),
        **measures,
        "kink_crossings": crossings,
        "mean_brake": metrics.mean_brake(together),
    }


def _median(over_starts: torch.Tensor) -> float:
    if over_starts.numel() == 1:
        return over_starts.item()
    known = over_starts[~over_starts.isnan()].numpy()
    return float(np.median(known)) if len(known) else math.nan  # unlike torch's, also at infinity


def sentence(race: Race, rows: list[Row] | None = None, *, markdown: bool = False) -> str:
    """What happened, in words that say no more than the numbers of this race do.

    Every rule is named, whoever wins, and the winner is held against the runner-up. Where f* is
    only the least value that was seen, because no minimum is known, values of f are told, not gaps.
    Who diverged is told with the step; where nobody could start, only that and why.

    Args:
        race: The race.
        rows: Its :func:`results`, where they are known already.
        markdown: Whether to set the main numbers in bold.
    """
    rows = results(race) if rows is None else rows
    standing = [row for row in rows if math.isfinite(row["final_gap"])]
    ranking = _ranking if race.landscape.minimum is not None else _values
    said = [ranking(race, standing), _swings(race, standing)] if standing else []
    said += [*_left(race, rows), _undefined(race)]
    text = " ".join(part for part in said if part)
    return text if markdown else text.replace("**", "")


def _span(race: Race, what: str) -> str:
    """Of which steps and starts the final numbers are: how the sentence begins."""
    steps, starts = race.last_steps, len(race.experiment.starts)
    when = f"Over the last {steps:,} steps" if steps > 1 else "At the last step"
    who = f" (median of {starts} starts)" if starts > 1 else ""
    return f"{when}{who} the {'median ' if steps > 1 else ''}{what}"


def _ranking(race: Race, standing: list[Row]) -> str:
    """Whose gap was the smallest, by how much, at what cost; then the others in order."""
    span = _span(race, "gap")
    near = [row for row in standing if row["final_gap"] <= CONVERGED]
    best, *others = standing
    gap, cost = best["final_gap"], f"({best['evaluations']:,.0f} evaluations)"
    if len(near) > 1:
        names = listed([f"**{row['title']}**" for row in near])
        return f"{span} is at most 1e-8 under {names}{_then(standing[len(near) :], 'final_gap')}"
    if not others:
        return f"{span} of {best['title']} is **{_number(gap)}** {cost}."
    second, *rest = others
    next_gap = second["final_gap"]
    against = f"{_number(next_gap)} ({second['evaluations']:,.0f})"
    if next_gap <= TIE * gap:
        text = (
            f"{span} of **{best['title']}**, {_number(gap)} {cost}, and that of "
            f"{second['title']}, {against}, differ by at most 5 %"
        )
    else:
        text = f"{span} of **{best['title']}** is the smallest, **{_number(gap)}** {cost}, "
        if gap > CONVERGED:
            factor = next_gap / gap
            times = f"{factor:.2g}" if factor < 10 else f"{factor:,.0f}"
            text += f"**{times} times** smaller than {second['title']}'s {against}"
        else:
            text += f"against {second['title']}'s {against}"
    return text + _then(rest, "final_gap")


def _values(race: Race, standing: list[Row]) -> str:
    """The same in values of f, where no minimum is known to measure gaps from."""
    f = {
        label: _median(metrics.final_gap(track, 0.0)) for label, track in race.trajectories.items()
    }
    rows = sorted(({**row, "f": f[row["rule"]]} for row in standing), key=lambda row: row["f"])
    least = [row for row in rows if _number(row["f"]) == _number(rows[0]["f"])]
    names = listed([f"**{row['title']}**" for row in least])
    value = f"**{_number(rows[0]['f'])}**"
    text = f"No minimum of f was found: it may fall without end. {_span(race, 'f')} is "
    if len(rows) > 1:
        text += "the lowest, " if len(least) < len(rows) else ""
        return f"{text}{value}, under {names}{_then(rows[len(least) :], 'f')}"
    return f"{text}{value} under {names}."


def _then(rows: list[Row], column: str) -> str:
    """The rest of a ranking, with its full stop."""
    then = ", ".join(f"{row['title']} {_number(row[column])}" for row in rows)
    return f"; then {then}." if then else "."


def _swings(race: Race, standing: list[Row]) -> str:
    """How much f still moves at the end: under the first and where it moves most."""
    if race.last_steps == 1:
        return ""
    swings = [(row["title"], _number(row["tail_amplitude"])) for row in standing]
    largest = _number(max(row["tail_amplitude"] for row in standing))
    most = [title for title, swing in swings if swing == largest]
    text = "Over these steps the middle half of f's values spans"
    if len(most) == len(standing):
        return f"{text} {largest} under {'all of them' if len(most) > 1 else most[0]}."
    first, swing = swings[0]
    if swing != largest:
        text += f" {swing} under {first} and"
    return f"{text} {largest} under {listed(most)}, the most of all."


def _left(race: Race, rows: list[Row]) -> list[str]:
    """Who left the finite numbers on the way, when, and from how many starts."""
    starts, said = len(race.experiment.starts), []
    for row in rows:
        at = race.trajectories[row["rule"]].diverged_at
        if len(left := at[at > 0]):
            text = f"{row['title']} left the finite numbers at step {int(left.min())}"
            said.append(text + (f" from {len(left)} of {starts} starts." if starts > 1 else "."))
    return said


def _undefined(race: Race) -> str:
    """From which starts no rule can take a step, and why."""
    track = next(iter(race.trajectories.values()))  # all have the same starts
    stuck = track.diverged_at == 0
    if not stuck.any():
        return ""
    values = track.values[0][stuck]
    if values.isnan().any():
        what = "f is not defined"
    elif values.isinf().any():
        what = "f is not finite"
    elif (values.abs() >= LIMIT).any():
        what = f"f is beyond {LIMIT:g}"
    else:
        what = "f has no finite gradient"
    starts = race.experiment.starts
    where = f"at {int(stuck.sum())} of {len(starts)} starts"
    if len(starts) == 1:
        where = f"at the start, ({starts[0][0]:g}, {starts[0][1]:g})"
    text = f"{what} {where}: no optimizer can take a step from there"
    if len(starts) <= 2 * int(stuck.sum()) < 2 * len(starts):
        text += ", so that no median over the starts is finite"
    return f"{text}."


def _number(value: float) -> str:
    return f"{value:.3g}"
