"""A training as a report, and what can be written about it.

Of any training, stopped or diverged: what is not finite is missing from a table and None in a
document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor

from sadam.lab.export import Bundle
from sadam.lab.report import Report, frame_of, plain, versions
from sadam.lab.training.run import TrainingResult
from sadam.lab.training.table import measures_of, results_table, sentence

if TYPE_CHECKING:
    from sadam.lab.figures.training_files import Figures

TRAINING_FORMATS = ("npz",)
"""What a training can be written as besides what every result can."""


def training_report(result: TrainingResult) -> Report:
    """Return the report of a training."""
    table = results_table(result)
    records = [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict("records")]
    document = {
        **frame_of(result.spec),
        "steps": result.run.steps,
        "data": {
            "name": result.data.name,
            "train": len(result.data.train),
            "validation": len(result.data.validation),
            "test": len(result.data.test),
            "inputs": list(result.data.input_shape),
            "classes": list(result.data.classes),
        },
        "parameters": result.network.num_parameters,
        "stated": {"split": result.held_out, "metric": result.metric},
        "sentence": sentence(result),
        "results": records,
        "versions": versions(),
    }
    header, rows = readable_rows(result, records)
    return Report(
        spec=result.spec,
        title=title_of(result),
        formula="",
        about=about(result),
        said=sentence(result, markdown=True),
        header=header,
        rows=rows,
        document=document,
    )


def title_of(result: TrainingResult) -> str:
    """Return what was trained on what, in a few words."""
    net = result.spec.network
    trained = f"{net.activation} {net.noun} {net.widths} on {result.data.name}"
    return ", ".join([trained, *net.quantization])


def about(result: TrainingResult) -> str:
    """Return how it was trained, in a sentence or two."""
    spec, data, problem = result.spec, result.data, result.problem
    seeds = f"seeds {spec.seed} to {spec.seed + spec.seeds - 1}"
    parts = [
        f"{result.network.num_parameters} parameters, {problem.loss.kind} loss, "
        f"{len(data.train)} / {len(data.validation)} / {len(data.test)} examples to train, "
        f"validate and test, batches of {problem.batch_size}",
        f"{result.run.steps} steps, {spec.schedule} learning rate, "
        + (seeds if spec.seeds > 1 else f"seed {spec.seed}"),
    ]
    for name in ("label_noise", "input_noise", "l1"):
        if getattr(spec, name):
            parts.append(f"{name.replace('_', ' ')} {getattr(spec, name):g}")
    text = "; ".join(parts) + f"; {spec.dtype}."
    if spec.lr_grid:
        text += (
            f" Best of grid: the learning rate with the least median final {result.followed} loss "
            "among the grid and the rule's own; * marks an end of what was tried."
        )
    return text


def readable_rows(
    result: TrainingResult, records: list[dict[str, Any]]
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the results as texts."""
    split, metric = result.held_out, result.metric
    header = ["rule", "lr", f"{split} {metric}", "95 %", "train loss", "conflict rate", "flips"]
    header += ["mean brake", "evaluations", "diverged"]
    rows = []
    for row in records:
        lr = f"{row['lr']:.3g}" + (" best" if row["at"] == "best of grid" else "")
        left = "-"
        if row["diverged"]:
            left = f"{row['diverged']} of {result.spec.seeds}, first at step {row['diverged_at']}"
        low, high = (_stated(row[name], metric) for name in ("low", "high"))
        rows.append(
            [
                row["rule"],
                lr + ("*" if row["edge"] else ""),
                _stated(row[f"{split}_{metric}"], metric),
                f"{low} to {high}" if result.spec.seeds > 1 else "-",
                _number(row["train_loss"]),
                f"{100 * row['conflict_rate']:.1f} %" if "conflict_rate" in row else "-",
                f"{row['flips']:.3g}",
                f"{row['mean_brake']:.3f}",
                f"{row['evaluations']:,}",
                left,
            ]
        )
    return header, rows


def _stated(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if metric == "accuracy" else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def training_tables(result: TrainingResult) -> dict[str, pa.Table]:
    """Return what was recorded as long Arrow tables; what was not measured is missing.

    ``models``: a row for each rule, learning rate and seed: final losses and accuracies by split,
    chattering measures, ``diverged_at``. ``steps``: a row for each of these and each step:
    ``minibatch_loss``, ``lgi`` (as the rule measured it), ``brake``, ``conflict`` (1 if the
    gradient turned), ``flips``. ``evaluations``: ``loss`` and ``accuracy`` of the split followed on
    the way. ``instability``: both estimators of LGI, measured for all rules alike.
    """
    run = result.run
    steps = {
        "minibatch_loss": run.losses, "lgi": run.lgi, "brake": run.brake, "conflict": run.conflicts
    } | ({} if run.flips is None else {"flips": run.flips})  # fmt: skip
    lgi = {"lgi_one_sided": run.lgi_one_sided, "lgi_two_sided": run.lgi_two_sided}
    ends: dict[str, Any] = {
        f"{split}_{name}": values
        for split, numbers in result.finals.items()
        for name, values in numbers.items()
    }
    ends |= {**measures_of(result), "diverged_at": run.diverged_at.numpy()}
    return {
        "models": _long(result, np.array([run.steps]), {k: v[None] for k, v in ends.items()}),
        "steps": _long(result, np.arange(run.steps), _arrays(steps)),
        "evaluations": _long(
            result, run.evaluated_at.numpy(), _arrays(run.evaluations[result.followed])
        ),
        "instability": _long(result, run.observed_at.numpy(), _arrays(lgi)),
    }


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {name: tensor.double().numpy() for name, tensor in tensors.items()}


def _long(
    result: TrainingResult, steps: NDArray[Any], columns: Mapping[str, NDArray[Any]]
) -> pa.Table:
    """Arrays ``(n, S, M)`` as one table, model by model, seed by seed."""
    n, seeds, models = len(steps), result.spec.seeds, len(result.models)
    labels = list(result.rules)
    code = np.array([labels.index(model.label) for model in result.models], dtype=np.int8)
    numbers = np.asarray(result.spec.seed_numbers)
    table = {
        "rule": pa.DictionaryArray.from_arrays(
            pa.array(np.repeat(code, seeds * n)), pa.array(labels)
        ),
        "lr": np.repeat([model.lr for model in result.models], seeds * n),
        "seed": np.tile(np.repeat(numbers, n), models),
        "step": np.tile(steps.astype(np.int32), models * seeds),
    }
    for name, values in columns.items():
        flat = np.ascontiguousarray(values.transpose(2, 1, 0)).reshape(-1)
        if flat.dtype.kind == "f":
            flat = np.where(np.isfinite(flat), flat, math.nan)
        table[name] = pa.array(flat, from_pandas=True)
    return pa.table(table)


def training_arrays(result: TrainingResult) -> dict[str, NDArray[Any]]:
    """Return the parameters: ``snapshots`` ``(n, S, M, P)`` at ``steps``, and ``final``.

    Beside them what the models are: ``rules`` and ``lr`` ``(M,)``, ``seeds`` ``(S,)``, and the
    lengths ``sizes`` of the parameter tensors. One that diverged stays where it was last finite.
    """
    run = result.run
    return {
        "steps": run.snapshot_at.numpy(),
        "snapshots": run.snapshots.numpy(),
        "final": run.final.numpy(),
        "rules": np.array([model.label for model in result.models]),
        "lr": np.array([model.lr for model in result.models]),
        "seeds": np.asarray(result.spec.seed_numbers),
        "sizes": np.asarray(result.network.sizes),
    }


def training_bundle(result: TrainingResult) -> Bundle:
    """Return what can be written about a training."""

    @cache
    def figures() -> Figures:
        from sadam.lab.figures.training_files import figures_and_left_out

        return figures_and_left_out(result)

    return Bundle(
        training_report(result),
        lambda: training_tables(result),
        lambda: figures().drawn,
        lambda: {"parameters": training_arrays(result)},
        left_out=lambda: figures().left_out,
    )
