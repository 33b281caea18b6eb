"""A real cluster on the loopback: a scheduler, workers, one of them killed in the middle."""

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import sadam.lab.compare.scheduler as scheduler
from sadam.lab.compare.blocks import plan
from sadam.lab.compare.problems import Starts, problems_of
from sadam.lab.compare.run import iter_compare, run_compare
from sadam.lab.compare.scheduler import WorkError, on_dask

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # processes; Dask's own

ROOT = Path(__file__).parents[3]
WORKER = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1")


def dask(command, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", command, *words],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": "/nonexistent"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    process.kill()
    process.communicate()


@contextmanager
def running(command, pattern, *words):
    """A process, once it has said what the pattern finds."""
    process = dask(command, *words)
    try:
        for line in process.stderr:
            if found := re.search(pattern, line):
                break
        else:
            pytest.fail(f"dask {command} did not start")
        yield process, found[0]
    finally:
        end(process)


@pytest.fixture(scope="module")
def cluster():
    """A scheduler's address and two workers."""
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address, registered = r"tcp://127\.0\.0\.1:\d+", r"Registered to"
    with (
        running("scheduler", address, *words) as (_, where),
        running("worker", registered, where, *WORKER) as (one, _),
        running("worker", registered, where, *WORKER) as (two, _),
    ):
        yield where, [one, two]


def test_networks_on_a_cluster_are_the_same_to_the_last_bit(small, cluster, tmp_path):
    address, workers = cluster
    assert all(worker.poll() is None for worker in workers)
    nets = (
        "net: two-moons; hidden = 8,4; batch = 16; n = 64",
        "net: sawtooth; hidden = 8; weight_bits = 2; batch = 8; n = 32",
    )
    problems, starts = problems_of(("l1", *nets)), Starts("own")
    spec = replace(small, problems=problems, starts=starts, axes=(), seeds=2, steps=16)
    assert sum(block.problem.is_network for block in plan(spec)) > 8
    there = run_compare(spec, tmp_path / "cluster", scheduler=address)
    here = run_compare(spec, tmp_path / "here")
    networks = here.frame[here.frame["landscape"].isin(nets)]
    # Two nets, schedules and seeds at each learning rate; three rules and a control.
    assert len(networks) == 2 * 2 * 2 * len(spec.lrs) * 4
    assert networks["final_gap"].nunique() > len(networks) / 2
    assert there.frame.equals(here.frame)
    for name in ("spec.json", "runs.parquet"):
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_a_cluster_finds_the_same_bytes_though_a_worker_is_killed(small, cluster, tmp_path):
    address, workers = cluster
    spec = replace(small, steps=100)
    steps = iter_compare(spec, tmp_path / "cluster", scheduler=address)
    while next(steps).done < 2:
        pass
    workers[0].send_signal(signal.SIGKILL)
    *_, last = steps
    assert last.done == last.total == len(plan(spec))
    run_compare(spec, tmp_path / "here")
    for name in ("spec.json", "runs.parquet"):
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_stopping_takes_the_work_back(small, cluster):
    found = on_dask(replace(small, steps=100), range(len(plan(small))), cluster[0])
    number, table = next(found)
    assert len(table) > 0
    found.close()
    began = time.monotonic()
    again = on_dask(small, [number], cluster[0])
    assert next(again)[0] == number
    again.close()
    assert time.monotonic() - began < 60


def test_other_versions_are_refused(small, cluster, monkeypatch):
    monkeypatch.setattr(scheduler, "_versions", lambda: ("0.1", "0.2"))
    with pytest.raises(WorkError, match=r"but here is torch 0\.1 and NumPy 0\.2"):
        list(on_dask(small, [0], cluster[0]))


def test_a_scheduler_that_is_not_there(small, monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 0.5)
    with pytest.raises(WorkError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(on_dask(small, [0], "tcp://127.0.0.1:9"))
    with pytest.raises(WorkError, match="no Dask scheduler answers at nonsense://x"):
        list(on_dask(small, [0], "nonsense://x"))


def test_a_scheduler_without_workers(small, monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 3.0)
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    with (
        running("scheduler", r"tcp://127\.0\.0\.1:\d+", *words) as (_, where),
        pytest.raises(WorkError, match="has no workers"),
    ):
        list(on_dask(small, [0], where))


def test_without_dask_it_is_one_sentence(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkError, match="pip install distributed"):
        list(on_dask(small, [0], "tcp://127.0.0.1:9"))
