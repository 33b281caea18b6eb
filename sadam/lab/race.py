"""A race: every rule of an experiment on one landscape, its table, and what happened in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

import landscapes
from landscapes import Landscape
from sadam import metrics
from sadam.engine import Trajectories, run
from sadam.lab.experiment import Experiment
from sadam.lab.style import style_of
from sadam.probes import Probing
from sadam.rules import AdamW, MomentRule, SAdam

CONTROL = "matched-"  # label of a matched control: this, and the label of its S-Adam


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

    @property
    def reference(self) -> float:
        """What gaps are measured from: the known minimum, else the least value any rule saw."""
        if self.landscape.minimum is not None:
            return self.landscape.minimum
        return min(float(t.values.min()) for t in self.trajectories.values())


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
    """Add to each S-Adam its control: AdamW at ``lr * mean(brake)`` of that S-Adam's run.

    It tells adaptive braking from a smaller step (MATH.md section 5). The result is an ordinary
    experiment with the controls' learning rates written out; controls that are there already are
    matched anew.
    """
    rules = {
        label: rule
        for label, rule in experiment.rules
        if not label.startswith(CONTROL) or not isinstance(rule, AdamW)
    }
    plain = replace(experiment, rules=tuple(rules.items()))
    race = run_race(plain)
    controls = {
        CONTROL + label: AdamW(
            lr=float(rule.lr) * _median(metrics.mean_brake(race.trajectories[label])),
            betas=rule.betas,
            eps=rule.eps,
            weight_decay=rule.weight_decay,
        )
        for label, rule in rules.items()
        if isinstance(rule, SAdam)
    }
    return replace(plain, rules=tuple((rules | controls).items()))


def results_table(race: Race) -> pd.DataFrame:
    """One row for each rule, sorted by final gap; medians over the starts.

    Columns: ``rule`` (label), ``title``, ``final_gap`` (median of f - f* over the last 10 % of
    steps; infinite where more than half of the starts diverged), ``best_gap``, the chattering
    measures of :data:`sadam.metrics.MEASURES`, ``kink_crossings`` per step, ``mean_brake``,
    ``evaluations`` (of one start's whole run: a gradient counts 2, a probe 1), ``diverged`` (number
    of starts) and ``diverged_at`` (first step at which one left, or -1).
    """
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
    return pd.DataFrame(rows).sort_values("final_gap", kind="stable", ignore_index=True)


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
    return float(np.median(over_starts.numpy()))  # unlike torch's, defined at infinity


def last_steps(race: Race) -> int:
    """How many steps the last 10 % are."""
    return max(1, round(race.experiment.steps / 10))


def sentence(race: Race, table: pd.DataFrame | None = None) -> str:
    """What happened, in words that say no more than the numbers of this race do.

    Args:
        race: The race.
        table: Its :func:`results_table`, where it is known already.
    """
    table = (results_table(race) if table is None else table).set_index("rule")
    said = [
        f"{row['title']} left the finite numbers at step {int(row['diverged_at'])}"
        + (f" from {int(row['diverged'])} of {starts} starts." if starts > 1 else ".")
        for starts in [len(race.experiment.starts)]
        for _, row in table[table["diverged"] > 0].iterrows()
    ]
    standing = table[table["diverged"] == 0]
    if len(standing):
        best = standing.iloc[0]
        rival = _rival(race, standing)
        if rival is None:
            said.insert(0, f"{best['title']} ended {_number(best['final_gap'])} above f*.")
        else:
            said = [_compare(race, best, rival), *said]
    return " ".join(said)


def _rival(race: Race, standing: pd.DataFrame) -> pd.Series | None:
    """Whom to hold the best against: Adam if it is in the race, else the next best."""
    others = standing.iloc[1:]
    if not len(others):
        return None
    adams = [label for label in others.index if type(race.rules[label]).__name__ == "Adam"]
    return others.loc[adams[0]] if adams else others.iloc[0]


def _compare(race: Race, best: pd.Series, rival: pd.Series) -> str:
    turns = [100 * _median(_tail_conflicts(race, str(row.name))) for row in (best, rival)]
    text = (
        f"Over the last {last_steps(race)} steps f swings by "
        f"**{_number(rival['tail_amplitude'])}** under {rival['title']}, whose gradient turns back "
        f"on itself in {turns[1]:.0f} % of steps, and by "
        f"**{_number(best['tail_amplitude'])}** under {best['title']} ({turns[0]:.0f} %)"
    )
    if rival["final_gap"] <= best["final_gap"]:
        return f"{text}; both end {_number(best['final_gap'])} above the minimum."
    if best["final_gap"] <= 0:
        return (
            f"{text}; {best['title']} ends at the minimum itself, {rival['title']} "
            f"{_number(rival['final_gap'])} above it."
        )
    factor = rival["final_gap"] / best["final_gap"]
    closer = f"{factor:.2g}" if factor < 10 else f"{factor:,.0f}"
    return (
        f"{text}; {best['title']} ends **{closer} times closer** to the minimum "
        f"({_number(best['final_gap'])} against {_number(rival['final_gap'])})."
    )


def _tail_conflicts(race: Race, label: str) -> torch.Tensor:
    track = race.trajectories[label]
    n = last_steps(race) + 1
    return metrics.conflict_rate(
        metrics.Track(track.points[-n:], track.values[-n:], track.grads[-n:])
    )


def _number(value: float) -> str:
    return f"{value:.3g}"
