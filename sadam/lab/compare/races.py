"""The race behind a cell of a comparison: the same runs, to be watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sadam.lab.compare.results import Results
from sadam.lab.experiment import Experiment
from sadam.lab.rulebook import MAX_RULES
from sadam.rules import AdamW


def race_behind(
    results: Results,
    landscape: str,
    schedule: str,
    labels: Sequence[str] | None = None,
    run: int = 0,
) -> Experiment:
    """Return the race of one run of a comparison, each rule at its own best learning rate.

    Its numbers are those of the comparison, to the last bit where the spec's cost is steps; of
    equal evaluations it shows as many steps of every rule.

    Args:
        results: Of which the landscape is complete.
        landscape: The problem.
        schedule: The schedule.
        labels: Which rules; all of them by default, as far as a race has room.
        run: Number of the run: seed number times starts of a seed, plus start number.
    """
    labels = results.labels if labels is None else labels
    rules = []
    for label in labels[:MAX_RULES]:
        rate = results.tuned(landscape, schedule, label).rate
        rule, lr = results.rule(label), results.spec.lrs[rate]
        if (of := results.control_of(label)) is None:
            rules.append((label, replace(rule, lr=lr)))  # type: ignore[type-var]
            continue
        theirs = results.rule(of)
        brake = results.column(landscape, schedule, of, "mean_brake")[rate, run]
        rules.append(
            (
                label,
                AdamW(
                    lr=float(lr * brake),
                    betas=theirs.betas,  # type: ignore[attr-defined]
                    eps=theirs.eps,  # type: ignore[attr-defined]
                    weight_decay=theirs.weight_decay,  # type: ignore[attr-defined]
                ),
            )
        )

    def at(name: str) -> float:
        return results.column(landscape, schedule, labels[0], name)[0, run]

    return Experiment(
        landscape=landscape,
        starts=((float(at("x0")), float(at("y0"))),),
        rules=tuple(rules),
        steps=results.spec.steps,
        seed=int(at("seed")),
        schedule=schedule,
    )
