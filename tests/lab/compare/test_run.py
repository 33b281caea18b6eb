"""Blocks, workers and run directories: the same numbers whatever happens on the way."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import sadam.lab.compare.rundir as rundir
from landscapes import CATALOGUE
from sadam import metrics
from sadam.engine import run
from sadam.lab.compare.blocks import compute, outcomes, plan
from sadam.lab.compare.problems import draw_starts
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import iter_compare, load_results, run_compare
from sadam.lab.compare.scheduler import WorkError, in_process, on_processes
from sadam.lab.experiment import Experiment
from sadam.lab.export import ExportError
from sadam.lab.race import run_race
from sadam.rules import AdamW

ROOT = Path(__file__).parents[3]


def files(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file()
    }


def some(spec, count):
    """The first blocks of a comparison, as its directory keeps them."""
    return [number for number, _ in zip(range(count), plan(spec), strict=False)]


# ---- blocks


def test_a_row_is_the_race_it_stands_for(small, small_results):
    frame = small_results.frame
    for at in range(0, len(frame), 37):
        row = frame.iloc[at]
        if str(row["rule"]).startswith("matched-"):
            continue
        rule = small.configurations[row["rule"]][row["configuration"]]
        race = run_race(
            Experiment(
                landscape=row["landscape"],
                starts=((row["x0"], row["y0"]),),
                rules=((row["rule"], replace(rule, lr=float(row["lr"]))),),
                steps=small.steps,
                seed=int(row["seed"]),
                schedule=row["schedule"],
            )
        )
        (track,) = race.trajectories.values()
        assert row["final_gap"] == float(metrics.final_gap(track, race.reference)[0])
        assert row["best_gap"] == float(metrics.best_gap(track, race.reference)[0])
        assert row["x"] == float(track.points[-1, 0, 0])
        assert row["damping"] == getattr(rule, "damping", None) or np.isnan(row["damping"])


def test_a_control_is_adamw_with_the_mean_step_of_the_same_run(small, small_results):
    frame = small_results.frame
    ours = frame[(frame["rule"] == "s-adam-two-sided") & (frame["configuration"] == 0)]
    control = frame[frame["rule"] == "matched-s-adam-two-sided"]
    assert (ours[["lr", "seed", "start"]].to_numpy() == control[
        ["lr", "seed", "start"]].to_numpy()).all()  # fmt: skip
    for i in range(0, len(ours), 11):
        mine, theirs = ours.iloc[i], control.iloc[i]
        landscape = CATALOGUE[mine["landscape"]]
        start = torch.tensor([[mine["x0"], mine["y0"]]], dtype=torch.float64)
        rule = AdamW(mine["lr"] * mine["mean_brake"])
        options = {"steps": small.steps, "schedule": mine["schedule"]}
        track = run(landscape.value, {"it": rule}, start, **options)["it"]
        gap = metrics.final_gap(track, landscape.minimum)
        assert theirs["final_gap"] == pytest.approx(float(gap[0]), rel=1e-9)


def test_the_cut_changes_nothing(small, small_results):
    again = Results.of(small, [compute(small, block) for block in plan(small, 7)])
    order = ["landscape", "schedule", "rule", "configuration", "lr", "seed", "start"]
    one, other = (
        r.frame.astype(dict.fromkeys(order[:3], str)).sort_values(order, ignore_index=True)
        for r in (small_results, again)
    )
    for name in one:
        assert one[name].astype(str).tolist() == other[name].astype(str).tolist(), name


def test_every_rule_has_the_same_starts(small, small_results):
    frame = small_results.frame
    for problem in small.problems:
        wanted = [tuple(p) for i in range(3) for p in draw_starts(problem, small.starts, i)]
        rows = frame[frame["landscape"] == problem.landscape]
        for _, part in rows.groupby(["rule", "schedule", "lr", "configuration"], observed=True):
            assert list(zip(part["x0"], part["y0"], strict=True)) == wanted


def test_outcomes_are_named():
    landscape = CATALOGUE["chebyshev-n2"]  # minimum (1, 1), trap (0, -1), diagonal 6.4
    end = np.array([[0.9, 1.0], [1.1, 1.0], [0.1, -1.0], [0.2, -1.0], [np.nan, np.nan]])
    reached = np.array([True, False, False, False, False])
    diverged = np.array([False, False, False, False, True])
    codes, names = outcomes(landscape, end, reached, diverged)
    assert [names[code] for code in codes] == [
        "minimum (1, 1)", "near minimum (1, 1)", "trap (0, -1)", "elsewhere", "diverged",
    ]  # fmt: skip


# ---- run directories


def test_a_directory_holds_what_memory_holds(small, small_results, tmp_path):
    seen = [(p.done, p.total) for p in iter_compare(small, tmp_path / "runs")]
    assert seen == [(i, seen[-1][1]) for i in range(seen[-1][1] + 1)]
    assert sorted(files(tmp_path / "runs")) == ["runs.parquet", "spec.json"]
    loaded = load_results(tmp_path / "runs")
    assert loaded.frame.astype(str).equals(small_results.frame.astype(str))
    assert loaded.spec == small
    metadata = pq.read_schema(tmp_path / "runs" / "runs.parquet").metadata
    assert metadata[b"sadam.spec"].decode() == small.to_json()
    before = files(tmp_path / "runs")
    assert [p.done for p in iter_compare(small, tmp_path / "runs")] == [seen[-1][1]] * 2
    assert files(tmp_path / "runs") == before


def test_stopped_and_gone_on_ends_with_the_same_bytes(small, tmp_path):
    run_compare(small, tmp_path / "whole")
    steps = iter_compare(small, tmp_path / "cut")
    for progress in steps:
        if progress.done == 5:
            partial = progress.results()
            break
    steps.close()
    assert len(files(tmp_path / "cut")) == 6
    assert set(partial.problems) < {"l1", "chebyshev-n2"}
    assert len(load_results(tmp_path / "cut").frame) == len(partial.frame) > 0
    written = (tmp_path / "cut" / "parts" / "00003.parquet").stat().st_mtime_ns
    steps = iter_compare(small, tmp_path / "cut")
    assert next(steps).done == 5
    assert (tmp_path / "cut" / "parts" / "00003.parquet").stat().st_mtime_ns == written
    assert sum(1 for _ in steps) > 0
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_killed_and_gone_on_ends_with_the_same_bytes(small, tmp_path):
    spec = replace(small, steps=300, seeds=8)
    (tmp_path / "spec.json").write_text(spec.to_json())
    words = [sys.executable, "-m", "sadam", "compare", "--spec", str(tmp_path / "spec.json")]
    words += ["--out", str(tmp_path / "cut")]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    parts = tmp_path / "cut" / "parts"
    while process.poll() is None and len(list(parts.glob("0*.parquet"))) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(parts.glob("0*.parquet"))) >= 2, "it was done before it could be killed"
    steps = iter_compare(spec, tmp_path / "cut")
    assert 2 <= next(steps).done < len(plan(spec))
    for _ in steps:
        pass
    run_compare(spec, tmp_path / "whole")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_another_comparisons_directory_is_refused_and_left(small, tmp_path):
    run_compare(small, tmp_path)
    before = files(tmp_path)
    with pytest.raises(ExportError, match="holds another comparison"):
        run_compare(replace(small, steps=41), tmp_path)
    assert files(tmp_path) == before


def test_one_writer_at_a_time(small, tmp_path):
    steps = iter_compare(small, tmp_path)
    next(steps)
    with pytest.raises(ExportError, match="another process is writing to"):
        next(iter_compare(small, tmp_path))
    steps.close()
    assert next(iter_compare(small, tmp_path)).total > 0


@pytest.mark.parametrize("harm", ["cut short", "a bit flipped", "another's", "empty"])
def test_a_damaged_part_is_found_and_computed_anew(small, tmp_path, harm):
    steps = iter_compare(small, tmp_path / "a")
    while next(steps).done < 3:
        pass
    steps.close()
    part = tmp_path / "a" / "parts" / "00001.parquet"
    data = bytearray(part.read_bytes())
    if harm == "cut short":
        part.write_bytes(data[: len(data) // 2])
    elif harm == "empty":
        part.write_bytes(b"")
    elif harm == "another's":
        part.write_bytes((part.parent / "00002.parquet").read_bytes())
    else:
        column = pq.read_metadata(part).row_group(0).column(5)  # the last byte of its last page
        data[column.data_page_offset - 1 + column.total_compressed_size // 2] ^= 16
        part.write_bytes(data)
    if harm != "another's":
        with_damage = load_results(tmp_path / "a")
        assert "00001.parquet is damaged and was left out" in with_damage.notes[0]
    steps = iter_compare(small, tmp_path / "a")
    first = next(steps)
    assert first.done == 2
    assert "so it is computed anew" in first.notes[0]
    for _ in steps:
        pass
    run_compare(small, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_full_disk_is_one_sentence_and_loses_nothing(small, tmp_path, monkeypatch):
    steps = iter_compare(small, tmp_path)
    while next(steps).done < 2:
        pass
    before = files(tmp_path)
    replaced = os.replace
    monkeypatch.setattr(
        rundir.os,
        "replace",
        lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")),
    )
    with pytest.raises(ExportError, match=r"No space left \(what was written before is whole"):
        next(steps)
    monkeypatch.setattr(rundir.os, "replace", replaced)
    assert files(tmp_path) == before
    assert next(iter_compare(small, tmp_path)).done == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_file_that_cannot_be_written_to_its_end(small, tmp_path):
    (tmp_path / "spec.json").write_text(small.to_json())
    code = (
        "import resource, sys, sadam.lab.cli as c; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)); "
        f"sys.exit(c.main(['compare', '--spec', {str(tmp_path / 'spec.json')!r}, "
        f"'--out', {str(tmp_path / 'runs')!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("sadam: cannot write to")
    assert ended.stderr.count("\n") == 1
    assert all(len(data) <= 6000 for data in files(tmp_path / "runs").values())
    assert not [name for name in files(tmp_path / "runs") if ".sadam-" in name]


def test_a_directory_that_is_none(small, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="it is not a directory"):
        run_compare(small, tmp_path / "file")
    with pytest.raises(ExportError, match="holds no comparison"):
        load_results(tmp_path)
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(ExportError, match="is not the spec of a comparison"):
        load_results(tmp_path)


# ---- processes


def test_processes_find_the_same_and_end_when_told(small):
    numbers = some(small, 8)
    mine = dict(in_process(small, numbers))
    found = on_processes(small, numbers, 2)
    theirs = dict(next(found) for _ in range(5))
    found.close()
    assert not multiprocessing.active_children()
    assert all(mine[i].equals(theirs[i]) for i in theirs)


def test_a_process_that_is_killed_costs_its_block_only(small, monkeypatch):
    spec = replace(small, steps=300)
    numbers = some(spec, 8)
    found = on_processes(spec, numbers, 2)
    got = dict([next(found)])
    victim = multiprocessing.active_children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    got.update(found)
    mine = dict(in_process(spec, numbers))
    assert sorted(got) == numbers
    assert all(mine[i].equals(got[i]) for i in numbers)
    assert not multiprocessing.active_children()


def test_a_number_of_workers_that_cannot_be(small):
    with pytest.raises(ValueError, match="workers is 0"):
        next(iter_compare(small, workers=0))


def test_a_block_that_fails_is_one_sentence(small):
    with pytest.raises(WorkError, match="block 99999 failed: IndexError"):
        list(on_processes(small, [99999], 1))
