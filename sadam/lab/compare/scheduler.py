"""Who computes the blocks: this process, processes of its own, or the workers of a Dask cluster.

Every way takes the numbers of blocks and yields ``(number, table)`` as they come, in any order; the
tables are the same to the last bit. Closing the generator ends the work. Numbers are places in the
spec's plan; of none nothing is computed.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from typing import Any

import pyarrow as pa

from sadam.lab.compare.blocks import Block, compute, plan
from sadam.lab.compare.spec import Compare

MAX_WORKERS = 256
TRIES = 3  # worker processes that may end while computing one and the same block
PATIENCE = 30.0  # seconds to wait for a cluster's scheduler, and then for its first worker

Numbered = Iterator[tuple[int, pa.Table]]


class WorkError(ValueError):
    """The work could not be done; the message is one sentence."""


@lru_cache(maxsize=4)
def _planned(text: str) -> tuple[Compare, tuple[Block, ...]]:
    spec = Compare.from_json(text)
    return spec, plan(spec)


def work(text: str, number: int) -> pa.Table:
    """Compute one block of a spec's JSON; what a worker runs, wherever it is."""
    spec, blocks = _planned(text)
    return compute(spec, blocks[number])


def in_process(spec: Compare, numbers: Sequence[int]) -> Numbered:
    """Compute blocks one after the other."""
    text = spec.to_json()
    for number in numbers:
        yield number, work(text, number)


# ---- processes of our own


def on_processes(spec: Compare, numbers: Sequence[int], workers: int) -> Numbered:
    """Compute blocks in several processes; one that is lost costs the block it was at.

    Raises:
        WorkError: If processes are lost again and again over the same block.
    """
    text, left = spec.to_json(), list(reversed(numbers))
    losses: dict[int, int] = {}
    team = [_Worker(text) for _ in range(min(workers, len(numbers)))]
    try:
        for member in team:
            member.give(left)
        while busy := [member for member in team if member.number is not None]:
            ready = wait([member.answers for member in busy])
            for member in (m for m in busy if m.answers in ready):
                number = member.number
                assert number is not None
                try:
                    answer = member.answers.recv()
                except (EOFError, OSError):  # it is gone
                    losses[number] = losses.get(number, 0) + 1
                    if losses[number] >= TRIES:
                        raise WorkError(
                            f"{TRIES} worker processes ended while computing block {number}, "
                            "perhaps for want of memory: take fewer --workers"
                        ) from None
                    left.append(number)
                    member.end()
                    team[team.index(member)] = new = _Worker(text)
                    new.give(left)
                    continue
                member.give(left)
                if isinstance(answer, str):
                    raise WorkError(f"block {number} failed: {answer}")
                yield number, answer
    finally:
        for member in team:
            member.end()


class _Worker:
    """A process that computes one block after the other."""

    def __init__(self, text: str) -> None:
        spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self.answers, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, text), daemon=True)
        with _interrupts_ignored():  # by the process from its first moment on
            self.process.start()
        theirs.close()
        self.number: int | None = None

    def give(self, left: list[int]) -> None:
        """Hand it the next block, if there is one."""
        self.number = left.pop() if left else None
        if self.number is not None:
            with suppress(OSError):  # it is gone, which whoever waits for its answer will notice
                self.answers.send(self.number)

    def end(self) -> None:
        self.answers.close()
        self.process.terminate()
        self.process.join(5.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started within ignore Ctrl-C: the one that asks decides when to end them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may; from others no terminal is at hand
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(questions: Connection, text: str) -> None:
    """The worker: until the other side is gone, answer the number of a block with its table."""
    with suppress(EOFError, OSError):
        while True:
            number = questions.recv()
            try:
                answer: Any = work(text, number)
            except Exception as error:  # whatever it is, the other side makes a sentence of it
                answer = f"{type(error).__name__}: {error}"
            questions.send(answer)


# ---- a Dask cluster


def on_dask(spec: Compare, numbers: Sequence[int], address: str) -> Numbered:
    """Compute blocks on the workers of a Dask cluster, which moves those of a lost worker.

    Args:
        spec: What to compare.
        numbers: Numbers of the blocks.
        address: Of the cluster's scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises:
        WorkError: If Dask is not installed, the scheduler is not there or has no workers, they
            cannot compute, have other versions of torch or NumPy, or the connection is lost.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise WorkError(
            "--scheduler needs the package distributed: pip install distributed"
        ) from None
    for name in ("distributed", "tornado"):  # what goes wrong is said in one sentence below
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError):
        raise WorkError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, and give "
            "the address that it prints"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError):
            raise WorkError(
                f"the scheduler at {address} has no workers: start some with "
                f"`dask worker {address}`"
            ) from None
        text, here = spec.to_json(), _versions()
        # Every task carries its spec: what is put on one worker is lost with it.
        futures = client.map(_work_elsewhere, [text] * len(numbers), numbers, pure=False)
        of = {future.key: number for future, number in zip(futures, numbers, strict=True)}
        try:
            for future in as_completed(futures, loop=client.loop):
                number = of[future.key]
                if future.status != "finished":
                    raise WorkError(_why(future, number, address))
                there, table = future.result()
                if there != here:
                    raise WorkError(
                        f"a worker has {_told(there)}, but here is {_told(here)}: numbers might "
                        "differ, so install the same versions"
                    )
                future.release()
                yield number, table
        except (OSError, EOFError):
            raise WorkError(f"the connection to the scheduler at {address} was lost") from None
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.cancel(futures, force=True)


def _versions() -> tuple[str, str]:
    import numpy as np
    import torch

    return torch.__version__, np.__version__


def _told(versions: tuple[str, str]) -> str:
    return f"torch {versions[0]} and NumPy {versions[1]}"


def _work_elsewhere(text: str, number: int) -> tuple[tuple[str, str], pa.Table]:
    return _versions(), work(text, number)


def _why(future: Any, number: int, address: str) -> str:
    if future.status in ("cancelled", "lost"):
        return f"the connection to the scheduler at {address} was lost"
    error = future.exception()
    if isinstance(error, ImportError):
        return f"a worker lacks what it needs ({error}): start workers where this program is"
    name = type(error).__name__
    if name == "KilledWorker":
        return f"several workers ended while computing block {number}, perhaps for want of memory"
    return f"block {number} failed: {name}: {error}"
