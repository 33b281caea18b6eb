"""The race, or on a network the training, behind a cell of a comparison: the same runs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sadam.lab.codec import SpecError, from_plain, texts
from sadam.lab.compare.grids import changed
from sadam.lab.compare.networks import is_network, network_of
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import medians
from sadam.lab.compare.tables import axes_of
from sadam.lab.experiment import Experiment
from sadam.lab.matched import matched_control
from sadam.lab.rulebook import MAX_RULES, LabelledRules
from sadam.lab.spec import whole
from sadam.lab.training.spec import Training
from sadam.text import shown


def race_behind(
    results: Results,
    landscape: str,
    schedule: str,
    labels: Sequence[str] | None = None,
    run: int = 0,
) -> Experiment | Training:
    """Return the race or training of one run of a comparison, each rule at its own best lr.

    Its numbers are those of the comparison where the spec's cost is steps, to the last bit (but for
    a convolutional network in float32); of equal evaluations it shows as many steps of every rule.

    Args:
        results: Of which the problem is complete.
        landscape: The problem.
        schedule: The schedule.
        labels: Which rules, at least one; all of them by default, as far as a race has room.
        run: Number of the run: seed number times starts of a seed, plus start number.

    Raises:
        SpecError: If there is no such run, or it starts farther out than a race may.
        ValueError: If the problem is not complete, or there is no such rule.
    """
    labels = results.labels if labels is None else texts(labels, "labels")
    landscape = from_plain(str, landscape, "landscape")
    schedule = from_plain(str, schedule, "schedule")
    whole("run", run, 0, results.spec.runs - 1)
    if not labels:
        raise SpecError("labels must name at least one rule")
    rules = []
    for label in labels[:MAX_RULES]:
        rate = results.tuned(landscape, schedule, label).rate
        of = results.control_of(label)
        rule = replace(results.rule(of or label), lr=results.spec.lrs[rate])  # type: ignore[type-var]
        if of is not None:
            brake = results.column(landscape, schedule, of, "mean_brake")[rate, run]
            rule = matched_control(rule, float(brake))  # type: ignore[arg-type]
        rules.append((label, rule))

    def at(name: str) -> float:
        return results.column(landscape, schedule, labels[0], name)[0, run]

    seed = int(at("seed"))
    if is_network(landscape):
        return _training(results, landscape, schedule, tuple(rules), seed)
    return Experiment(
        landscape=landscape,
        starts=((float(at("x0")), float(at("y0"))),),
        rules=tuple(rules),
        steps=results.spec.steps,
        seed=seed,
        schedule=schedule,
    )


def _training(
    results: Results, name: str, schedule: str, rules: LabelledRules, seed: int
) -> Training:
    return replace(
        network_of(name),
        rules=rules,
        matched_controls=False,  # those that are wanted are among the rules
        seed=seed,
        steps=results.spec.steps,
        schedule=schedule,
    )


def typical_run(results: Results, landscape: str, schedule: str, label: str) -> int:
    """Return the number of the run in the middle by final gap, at the rule's own best lr.

    Of equal ones, infinite ones too, the first. A ``ValueError`` where the problem is not complete.
    """
    return _middle(results.tuned(landscape, schedule, label).gaps)


def _middle(gaps: np.ndarray) -> int:
    return int(np.argsort(gaps, kind="stable")[(len(gaps) - 1) // 2])


def race_of_cell(
    results: Results, label: str, landscape: str, schedule: str, x: str, y: str, at: Sequence[float]
) -> Experiment | Training:
    """Return the race or training behind a cell of a heatmap: its run in the middle by final gap.

    The other hyperparameters are those that gave the cell its value.

    Args:
        results: Of a spec with axes.
        label: The rule.
        landscape: The problem.
        schedule: The schedule.
        x: ``"lr"`` or the name of an axis.
        y: The same.
        at: Their values, which the cell has.

    Raises:
        ValueError: If there is no such cell.
    """
    if {x, y} - {"lr", *axes_of(results, label)}:
        raise ValueError(f"no heatmap of {label} over {shown(x)} and {shown(y)}")
    frame = results.frame
    rows = frame[
        (frame["landscape"] == landscape)
        & (frame["schedule"] == schedule)
        & (frame["rule"] == label)
        & (frame[x] == at[0])
        & (frame[y] == at[1])
    ]
    if rows.empty:
        raise ValueError(f"no cell of {shown(label)} on {shown(landscape)} at {shown(tuple(at))}")
    names = ["lr", *axes_of(results, label)]
    cells = rows.groupby(names, observed=True)["final_gap"]
    chosen = cells.agg(lambda gaps: float(medians(gaps.to_numpy()))).idxmin()
    found = rows.loc[cells.groups[chosen]]
    run = found.iloc[_middle(found["final_gap"].to_numpy())]
    values = {name: float(run[name]) for name in names}
    rules, seed = ((label, changed(label, results.rule(label), **values)),), int(run["seed"])
    if is_network(landscape):
        return _training(results, landscape, schedule, rules, seed)
    return Experiment(
        landscape=landscape,
        starts=((float(run["x0"]), float(run["y0"])),),
        rules=rules,
        steps=results.spec.steps,
        seed=seed,
        schedule=schedule,
    )
