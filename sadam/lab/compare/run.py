"""Run a comparison: block by block, wherever, and stop or go on at any time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from sadam.lab.compare.blocks import Block, groups_of, plan
from sadam.lab.compare.networks import work_of
from sadam.lab.compare.results import Results
from sadam.lab.compare.rundir import RunDirectory, read_directory
from sadam.lab.compare.scheduler import MAX_WORKERS, in_process, on_dask, on_processes
from sadam.lab.compare.spec import Compare
from sadam.lab.spec import whole
from sadam.rules import AdamW, cost_of

CALLS = 600  # lanes that cost as much as what a step costs without any
MULTIPLICATIONS = 100.0  # of a network that cost as much as an evaluation of a landscape
NETWORK_STEP = 4000.0  # what a step of a batch of networks costs without any, as much again


@dataclass(frozen=True)
class Progress:
    """How far a comparison is.

    Attributes:
        done: Blocks that are done, those of earlier runs included.
        total: All blocks.
        seconds: Since this run began.
        left: Estimate of the seconds still to go; None at the beginning.
        notes: A sentence for each thing worth saying, such as a damaged part.
        results: Returns what is known by now; to be called before the next step, or after the last.
    """

    done: int
    total: int
    seconds: float
    left: float | None
    notes: tuple[str, ...]
    results: Callable[[], Results]


def iter_compare(
    spec: Compare,
    directory: str | os.PathLike[str] | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[Progress]:
    """Run a comparison and say after each block how far it is; closing it keeps what is done.

    Args:
        spec: What to compare.
        directory: Where to keep results; what is there already is not computed again. Without it
            they are kept in memory.
        workers: Processes of this machine to use, 1 to 256; 1: this one.
        scheduler: Address of a Dask cluster's scheduler, to use its workers instead.

    Yields:
        Progress: Before the first block, after each, and last of all with everything.

    Raises:
        SpecError: If the number of workers is out of its range.
        ExportError: If the directory cannot be written to or belongs to another spec.
        WorkError: If the workers or the scheduler fail.
    """
    workers = whole("workers", workers, 1, MAX_WORKERS)
    blocks = plan(spec)
    if directory is None:
        memory: dict[int, pa.Table] = {}
        yield from _go(spec, blocks, workers, scheduler, memory, memory.__setitem__)
        return
    with RunDirectory(directory, spec, len(blocks)) as store:
        yield from _go(spec, blocks, workers, scheduler, store, store.write)


def run_compare(spec: Compare, directory: str | os.PathLike[str] | None = None, **how) -> Results:
    """Run a comparison to its end; arguments and errors as :func:`iter_compare`.

    Runs that diverge are rows like others: their gaps are infinite.
    """
    last = None
    for last in iter_compare(spec, directory, **how):  # noqa: B007
        pass
    assert last is not None
    return last.results()


def load_results(directory: str | os.PathLike[str]) -> Results:
    """Return what a run directory holds by now, of no block as well.

    Files that are damaged are left out and told in the results' notes.

    Raises:
        ExportError: If it is no run directory.
    """
    spec, tables, notes = read_directory(directory)
    return Results.of(spec, tables, notes)


def _go(
    spec: Compare,
    blocks: tuple[Block, ...],
    workers: int,
    scheduler: str | None,
    store: dict[int, pa.Table] | RunDirectory,
    keep: Callable[[int, pa.Table], None],
) -> Iterator[Progress]:
    directory = store if isinstance(store, RunDirectory) else None
    done = set(directory.done) if directory else set()
    notes = tuple(directory.notes) if directory else ()
    left = [i for i in range(len(blocks)) if i not in done]
    weights = {i: weight(spec, blocks[i]) for i in left}
    whole_weight, done_weight, began = sum(weights.values()), 0.0, time.monotonic()

    def progress() -> Progress:
        took = time.monotonic() - began
        ahead = (whole_weight - done_weight) * took / done_weight if done_weight else None
        if not left:
            ahead = 0.0
        return Progress(len(done), len(blocks), took, ahead, notes, results)

    def results() -> Results:
        if directory is not None:
            return Results.of(spec, list(directory.tables()), notes)
        assert isinstance(store, dict)
        return Results.of(spec, [store[i] for i in sorted(store)], notes)

    yield progress()
    if left:
        if scheduler is not None:
            found = on_dask(spec, left, scheduler)
        elif workers > 1:
            found = on_processes(spec, left, workers)
        else:
            found = in_process(spec, left)
        with closing(found):  # type: ignore[type-var]
            for number, table in found:
                keep(number, table)
                done.add(number)
                done_weight += weights[number]
                if len(done) < len(blocks):
                    yield progress()
    if directory is not None:
        directory.finish()
    left = []
    yield progress()


def weight(spec: Compare, block: Block) -> float:
    """Return about how long a block takes, in no unit."""
    rule = groups_of(spec, block.label)[block.group].rules[0]
    controlled = block.group == 0 and block.label in spec.controlled
    lanes, steps = block.last - block.first, spec.steps_of(rule)
    if block.problem.is_network:
        name, batches = block.problem.landscape, 1 + (spec.seeds if controlled else 0)
        theirs = spec.steps_of(AdamW()) if controlled else 0
        work = work_of(name, rule, steps) + (work_of(name, AdamW(), theirs) if theirs else 0.0)
        batch_steps = steps + (batches - 1) * theirs
        return batch_steps * NETWORK_STEP + lanes * work / MULTIPLICATIONS
    theirs = spec.steps_of(AdamW()) * cost_of(AdamW()) if controlled else 0
    return float((CALLS + lanes) * (steps * cost_of(rule) + theirs))
