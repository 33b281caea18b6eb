"""What came of a training, in numbers and words.

Seeds in which a model diverged count with infinite loss and accuracy 0, and are counted; before the
first step there are no rates yet, and the sentence says that nothing was trained.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sadam.lab.compare.statistics import (
    ENOUGH,
    Estimate,
    interval,
    medians,
    one_in,
    resamples,
)
from sadam.lab.matched import CONTROL
from sadam.lab.style import listed, style_of
from sadam.lab.training.run import TrainingResult
from sadam.metrics import mean_of_brakes

Array = NDArray[np.float64]
BOOTSTRAP_SEED = (0, 0xB007)


class Row(NamedTuple):
    """A line of the table: a model and why it is there."""

    label: str
    model: int
    at: str  # "own", "best of grid" or "control"


def rows_of(result: TrainingResult) -> list[Row]:
    """Return the lines of the table: every rule as it is, at its best, and the controls."""
    labels = [label for label, _ in result.spec.rules]
    rows = [Row(label, result.at(label), "own") for label in labels]
    if result.spec.lr_grid:
        rows += [Row(label, result.best(label), "best of grid") for label in labels]
    return rows + [
        Row(label, result.at(label), "control")
        for label in result.rules
        if label not in labels and label.startswith(CONTROL)
    ]


def results_table(result: TrainingResult) -> pd.DataFrame:
    """One row for every rule at its own learning rate, at its best one, and for every control.

    Columns: ``rule`` (label), ``title``, ``at`` (``"own"``, ``"best of grid"``, ``"control"``),
    ``lr``, ``edge`` (whether the best is at an end of what was tried); for every split and for loss
    and accuracy the median over the seeds, e.g. ``test_accuracy``, with its quartiles ``..._q1``,
    ``..._q3``; ``low`` and ``high``: 95 % bootstrap interval of the median that results are stated
    in; medians over the seeds of the chattering measures (there once a step was taken), of
    ``flips`` (units switched by a step, summed over the monitored examples), ``mean_brake``,
    ``lgi_one_sided`` and ``lgi_two_sided`` (means over the path); ``evaluations`` (of one model's
    whole run: a gradient counts 2, a probe 1), ``diverged`` (number of seeds) and ``diverged_at``
    (first step at which one left, or -1).
    """
    run, measures = result.run, measures_of(result)
    stated = result.finals[result.held_out][result.metric]
    counts = resamples(len(stated), BOOTSTRAP_SEED)
    table = []
    for label, i, at in rows_of(result):
        lr = result.models[i].lr
        row: dict[str, Any] = {
            "rule": label, "title": style_of(label, result.rules[label]).title, "at": at, "lr": lr,
        }  # fmt: skip
        tried = [result.models[k].lr for k in result.tried(label)]
        row["edge"] = at == "best of grid" and len(tried) > 1 and lr in (tried[0], tried[-1])
        for split, numbers in result.finals.items():
            for name, values in numbers.items():
                q1, q3 = np.quantile(values[:, i], [0.25, 0.75], method="nearest")
                row[f"{split}_{name}"] = float(medians(values[:, i]))
                row |= {f"{split}_{name}_q1": float(q1), f"{split}_{name}_q3": float(q3)}
        estimate = interval(0.0, medians(stated[:, i], counts))
        row |= {"low": estimate.low, "high": estimate.high}
        row |= {name: float(np.median(values[:, i])) for name, values in measures.items()}
        lost = run.diverged_at[:, i]
        lost = lost[lost >= 0]
        row |= {
            "evaluations": int(run.cost[i]) * run.steps,
            "diverged": len(lost),
            "diverged_at": int(lost.min()) if len(lost) else -1,
        }
        table.append(row)
    return pd.DataFrame(table)


def measures_of(result: TrainingResult) -> dict[str, Array]:
    """Chattering, switching units, brake and LGI of every model, ``(S, M)`` each; never NaN.

    What was never measured is 0, a brake 1.
    """
    run = result.run
    found = dict(run.measures) if run.steps else {}
    if run.flips is not None:
        found["flips"] = run.flips.double().nanmean(0)
    found["mean_brake"] = mean_of_brakes(run.brake.double())
    found["lgi_one_sided"] = run.lgi_one_sided.double().nanmean(0)
    found["lgi_two_sided"] = run.lgi_two_sided.double().nanmean(0)
    return {name: torch.nan_to_num(value, posinf=math.inf).numpy() for name, value in found.items()}


def difference(result: TrainingResult, a: int, b: int) -> Estimate:
    """Difference of two models' medians of what results are stated in, with a paired interval.

    Args:
        result: What was trained.
        a: Place of the model from which is taken.
        b: Place of the other; where the losses of both are infinite, the difference is 0.
    """
    stated = result.finals[result.held_out][result.metric]
    counts = resamples(len(stated), BOOTSTRAP_SEED)
    with np.errstate(invalid="ignore"):  # both infinite: no difference
        value = np.nan_to_num(medians(stated[:, a]) - medians(stated[:, b]), posinf=math.inf)
        samples = medians(stated[:, a], counts) - medians(stated[:, b], counts)
    return interval(float(value), np.where(np.isnan(samples), 0.0, samples))


def sentence(result: TrainingResult, *, markdown: bool = False) -> str:
    """What happened, in words that say no more than the numbers do.

    The rules are held against each other at their best learning rates where a grid was run, else at
    their own; then each S-Adam against its matched control. Who diverged in half of the seeds or
    more is held against nobody; who diverged at all is told.

    Args:
        result: What was trained.
        markdown: Whether to set the main numbers in bold.
    """
    if result.run.steps == 0:
        return "Nothing has been trained yet."
    said = [_stopped(result), _ranking(result), *_controls(result), _lost(result)]
    text = " ".join(filter(None, said))
    return text if markdown else text.replace("**", "")


def _stopped(result: TrainingResult) -> str:
    if result.complete:
        return ""
    return f"Stopped after {result.run.steps} of {result.spec.steps} steps."


def _ranking(result: TrainingResult) -> str:
    """The best rule against the runner-up, with an interval."""
    spec, metric = result.spec, result.metric
    stated = medians(result.finals[result.held_out][metric].T)
    sign = -1 if metric == "accuracy" else 1
    models = {
        label: result.best(label) if spec.lr_grid else result.at(label) for label, _ in spec.rules
    }
    lost = (result.run.diverged_at >= 0).sum(0)
    models = {label: i for label, i in models.items() if 2 * int(lost[i]) < spec.seeds}
    if not models:
        return ""
    order = sorted(models, key=lambda label: sign * stated[models[label]])
    title = {label: style_of(label, result.rules[label]).title for label in order}
    where = {"test": "On the test set", "validation": "On the validation set"}.get(
        result.held_out, "On the training set"
    )
    how = "each rule at its best learning rate" if spec.lr_grid else "at the learning rates given"
    best = order[0]
    seeds = f"median of {spec.seeds} seeds" if spec.seeds > 1 else "one seed"
    value = _shown(stated[models[best]], metric)
    alike = [o for o in order if _shown(stated[models[o]], metric) == value]
    ends = "ends with" if len(alike) == 1 else "end with"
    head = f"{where}, {how}, {listed([title[o] for o in alike])} {ends} "
    head += f"{_extreme(metric)} {metric}, **{value}** ({seeds})"
    if len(order) == 1:
        return f"{head}."
    found = {o: difference(result, models[best], models[o]) for o in order[1:]}
    text, others = head, order[len(alike) :]
    if others:
        against = f"{title[others[0]]} with {_shown(stated[models[others[0]]], metric)}"
        text += f"; next is {against}, {_difference_text(found[others[0]], metric)}"
    if spec.seeds == 1:
        return f"{text}; one seed tells nothing of chance."
    if spec.seeds < ENOUGH:
        return (
            f"{text}; {spec.seeds} seeds are too few to tell rules apart: of intervals between "
            f"equal rules one in {one_in(spec.seeds)} leaves 0 out."
        )
    ties = [o for o, estimate in found.items() if _tied(estimate)]
    if len(ties) == len(found):
        return f"{text}: **none of the {len(order)} rules can be told from {title[best]}**."
    if ties:
        names = listed([title[t] for t in ties])
        return (
            f"{text}. The interval of the difference from {title[best]} holds 0 for {names}, not "
            "for the others."
        )
    return f"{text}: **{title[best]} is better than every other rule here**."


def _controls(result: TrainingResult) -> list[str]:
    lost, said = (result.run.diverged_at >= 0).sum(0), []
    for label in result.rules:
        if not label.startswith(CONTROL) or label in dict(result.spec.rules):
            continue
        braked = label.removeprefix(CONTROL)
        rule = result.rules[braked]
        pair = result.at(braked), result.at(label)
        if max(int(lost[i]) for i in pair) * 2 >= result.spec.seeds:
            continue
        found = difference(result, *pair)
        title = style_of(braked, rule).title
        lr = float(result.rules[label].lr)  # type: ignore[attr-defined]
        text = (
            f"{title} at {float(rule.lr):g} against AdamW at its mean step of {lr:.3g} "  # type: ignore[attr-defined]
            f"(matched control): {_difference_text(found, result.metric)}"
        )
        if result.spec.seeds >= ENOUGH:
            text += f", so {_verdict(found, result.metric)} here"
        said.append(f"{text}.")
    return said


def _lost(result: TrainingResult) -> str:
    """Which rules diverged, as they are."""
    lost = (result.run.diverged_at >= 0).sum(0)
    said = [
        f"{style_of(label, rule).title} left the finite numbers in {int(lost[i])} of "
        f"{result.spec.seeds} seeds"
        for label, rule in result.rules.items()
        if lost[i := result.at(label)]
    ]
    return f"{listed(said)}." if said else ""


def _extreme(metric: str) -> str:
    return "the highest" if metric == "accuracy" else "the lowest"


def _verdict(found: Estimate, metric: str) -> str:
    """What a rule with a brake less its matched control tells, in words."""
    if _tied(found):
        return "braking by LGI cannot be told from a smaller step"
    ahead = (found.value > 0) == (metric == "accuracy")
    return f"{'braking by LGI' if ahead else 'the smaller step'} does better"


def _tied(found: Estimate) -> bool:
    return found.low <= 0 <= found.high


def _shown(value: float, metric: str) -> str:
    return f"{100 * value:.1f} %" if metric == "accuracy" else f"{value:.4g}"


def _difference_text(found: Estimate, metric: str) -> str:
    scale, unit = (100, " points") if metric == "accuracy" else (1, "")
    numbers = [f"{scale * v:+.2g}" if v else "0" for v in (found.value, found.low, found.high)]
    return f"a difference of {numbers[0]}{unit} [{numbers[1]}, {numbers[2]}]"
