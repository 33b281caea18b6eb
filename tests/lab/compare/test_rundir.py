"""Run directories: whole at any instant, whatever happens to them, to their bytes, to the disk."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sadam.lab.compare.sealed as sealed
from sadam.lab.compare.blocks import plan
from sadam.lab.compare.run import iter_compare, load_results, run_compare
from sadam.lab.compare.sealed import DamagedError, read_sealed
from sadam.lab.export import ExportError

pytestmark = pytest.mark.slow  # processes, killed and started again

ROOT = Path(__file__).parents[3]


def files(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file()
    }


def part(directory, number):
    (path,) = (directory / "parts").glob(f"{number:05d}-*.parquet")
    return path


def begun(spec, directory, blocks):
    """A comparison, stopped after some blocks."""
    steps = iter_compare(spec, directory)
    while next(steps).done < blocks:
        pass
    steps.close()


def command(spec, place, directory):
    (place / "spec.json").write_text(spec.to_json())
    words = [sys.executable, "-m", "sadam", "compare", "--spec", str(place / "spec.json")]
    return [*words, "--out", str(directory)]


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """A finished comparison's directory; not to be changed."""
    directory = tmp_path_factory.mktemp("whole") / "runs"
    run_compare(small, directory)
    return directory


@pytest.fixture(scope="module")
def three(small, tmp_path_factory):
    """The directory of one that was stopped after three blocks; not to be changed."""
    directory = tmp_path_factory.mktemp("three") / "runs"
    begun(small, directory, 3)
    return directory


@pytest.fixture
def copied(tmp_path):
    """Copies a directory to where it may be changed."""
    return lambda directory: Path(shutil.copytree(directory, tmp_path / "copy"))


def test_a_directory_holds_what_memory_holds(small, small_results, tmp_path):
    seen = [(p.done, p.total) for p in iter_compare(small, tmp_path / "runs")]
    assert seen == [(i, seen[-1][1]) for i in range(seen[-1][1] + 1)]
    assert sorted(files(tmp_path / "runs")) == ["runs.parquet", "runs.parquet.sha256", "spec.json"]
    loaded = load_results(tmp_path / "runs")
    assert loaded.frame.astype(str).equals(small_results.frame.astype(str))
    assert loaded.spec == small
    metadata = pq.read_schema(tmp_path / "runs" / "runs.parquet").metadata
    assert metadata[b"sadam.spec"].decode() == small.to_json()
    before = files(tmp_path / "runs")
    assert [p.done for p in iter_compare(small, tmp_path / "runs")] == [seen[-1][1]] * 2
    assert files(tmp_path / "runs") == before


def test_stopped_and_gone_on_ends_with_the_same_bytes(small, whole, tmp_path):
    steps = iter_compare(small, tmp_path / "cut")
    for progress in steps:
        if progress.done == 5:
            partial = progress.results()
            break
    steps.close()
    assert len(files(tmp_path / "cut")) == 6
    assert set(partial.problems) < {"l1", "chebyshev-n2"}
    assert len(load_results(tmp_path / "cut").frame) == len(partial.frame) > 0
    written = part(tmp_path / "cut", 3).stat().st_mtime_ns
    steps = iter_compare(small, tmp_path / "cut")
    assert next(steps).done == 5
    assert part(tmp_path / "cut", 3).stat().st_mtime_ns == written
    assert sum(1 for _ in steps) > 0
    assert files(tmp_path / "cut") == files(whole)


def test_controls_that_had_a_third_of_the_evaluations_are_computed_anew(
    small, tmp_path, monkeypatch
):
    spec = replace(small, cost="evaluations", axes=())
    with monkeypatch.context() as earlier:
        earlier.setattr("sadam.lab.compare.rundir.FULL_CONTROLS", "")
        begun(spec, tmp_path / "cut", 3)
        begun(small, tmp_path / "steps", 3)
    assert next(iter_compare(spec, tmp_path / "cut")).done == 0
    assert next(iter_compare(small, tmp_path / "steps")).done == 3  # nothing has changed of these


def test_killed_and_gone_on_ends_with_the_same_bytes(small, tmp_path):
    spec = replace(small, steps=300, seeds=8)
    words = command(spec, tmp_path, tmp_path / "cut")
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


@pytest.mark.parametrize("harm", ["cut short", "another's", "empty"])
def test_a_damaged_part_is_found_and_computed_anew(small, whole, three, copied, harm):
    directory = copied(three)
    path = part(directory, 1)
    data = path.read_bytes()
    if harm == "another's":
        path.unlink()
        shutil.copy(
            part(directory, 2), path.with_name(part(directory, 2).name.replace("2", "1", 1))
        )
    else:
        path.write_bytes(data[: len(data) // 2] if harm == "cut short" else b"")
        with_damage = load_results(directory)
        assert with_damage.notes == (
            f"{path} is damaged and was left out: run the comparison again",
        )
    steps = iter_compare(small, directory)
    first = next(steps)
    assert first.done == 2
    assert len(first.notes) == 1
    assert "/parts/00001-" in first.notes[0]
    assert first.notes[0].endswith("so it is computed anew")
    for _ in steps:
        pass
    assert files(directory) == files(whole)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_bit_changes_unnoticed(whole, three, data):
    """Neither in a part, nor in the whole, nor in its checksum."""
    path = data.draw(st.sampled_from([part(three, 0), part(three, 2), whole / "runs.parquet"]))
    harmed = data.draw(st.sampled_from([path, sealed.sum_beside(path)]))
    harmed = harmed if harmed.exists() else path
    content = harmed.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    bits = data.draw(st.integers(1, 255))
    changed = content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]
    assert read_sealed(path).num_rows > 0
    harmed.write_bytes(changed)
    try:
        with pytest.raises(DamagedError, match="is damaged"):
            read_sealed(path)
    finally:
        harmed.write_bytes(content)


def test_a_flipped_bit_of_the_whole_is_told_and_computed_anew(small, whole, copied):
    directory = copied(whole)
    path = directory / "runs.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    assert load_results(directory).notes == (
        f"{path} is damaged and was left out: run the comparison again",
    )
    steps = iter_compare(small, directory)
    assert next(steps).notes == (f"{path} is damaged, so it is computed anew",)
    for _ in steps:
        pass
    assert files(directory) == files(whole)


def test_a_part_damaged_while_the_comparison_runs(small, whole, tmp_path):
    steps = iter_compare(small, tmp_path)
    while (progress := next(steps)).done < 2:
        pass
    path = part(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ExportError, match="is damaged: run the same command again"):
        progress.results()
    with pytest.raises(ExportError, match="is damaged: run the same command again"):
        list(steps)
    assert not (tmp_path / "runs.parquet").exists()
    *_, last = iter_compare(small, tmp_path)
    assert last.done == last.total
    assert files(tmp_path) == files(whole)


def test_directories_of_earlier_versions_are_read(small, whole, three, copied, tmp_path):
    directory = copied(three)
    for number in range(3):
        part(directory, number).rename(directory / "parts" / f"{number:05d}.parquet")
    (note,) = load_results(directory).notes
    assert note.endswith("is of an earlier version, without checksums of whole files")
    steps = iter_compare(small, directory)
    assert next(steps).done == 3
    for _ in steps:
        pass
    assert files(directory) == files(whole)
    (directory / "runs.parquet.sha256").unlink()
    assert "of an earlier version" in load_results(directory).notes[0]
    assert [p.done for p in iter_compare(small, directory)] == [len(plan(small))] * 2


@pytest.mark.parametrize("rename", ["spec.json", "00004-", "runs.parquet.sha256", "runs.parquet"])
def test_the_instant_before_any_rename_is_a_good_one_to_die(
    small, whole, tmp_path, monkeypatch, rename
):
    class Killed(BaseException):
        pass

    def replace_or_die(source, target):
        if target.name == rename or (target.name.startswith("00004-") and rename == "00004-"):
            raise Killed
        return replaced(source, target)

    replaced = os.replace
    with monkeypatch.context() as patched:
        patched.setattr(sealed.os, "replace", replace_or_die)
        patched.setattr(sealed.os, "unlink", lambda _: None)  # the dead do not clear up
        with pytest.raises(Killed):
            run_compare(small, tmp_path)
    assert any(".sadam-" in name for name in files(tmp_path))
    run_compare(small, tmp_path)
    assert files(tmp_path) == files(whole)


def test_killed_while_parts_were_cleared(small, whole, three, copied):
    directory = copied(whole)
    shutil.copytree(three / "parts", directory / "parts")
    run_compare(small, directory)
    assert files(directory) == files(whole)
    assert not (directory / "parts").exists()


def test_two_processes_at_once_and_the_directory_removed_under_the_first(small, tmp_path):
    words = command(replace(small, steps=20_000), tmp_path, tmp_path / "runs")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    team = [subprocess.Popen(words, cwd=ROOT, **pipes) for _ in range(2)]
    while not (gone := [process for process in team if process.poll() is not None]):
        time.sleep(0.02)
    (loser,) = gone
    (winner,) = set(team) - {loser}
    out, err = loser.communicate()
    assert (loser.returncode, out) == (2, "")
    assert err.startswith("sadam: another process is writing to ")
    assert err.count("\n") == 1
    while winner.poll() is None and not (tmp_path / "runs" / "parts").exists():
        time.sleep(0.02)
    assert load_results(tmp_path / "runs").notes == ()
    shutil.rmtree(tmp_path / "runs")
    out, err = winner.communicate(timeout=120)
    assert (winner.returncode, out) == (2, "")
    assert err.startswith(f"sadam: {tmp_path / 'runs'} was removed")
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("gone", [".", "parts"])
def test_a_directory_removed_under_a_running_comparison(small, tmp_path, gone):
    steps = iter_compare(small, tmp_path / "runs")
    while (progress := next(steps)).done < 2:
        pass
    shutil.rmtree(tmp_path / "runs" / gone)
    with pytest.raises(ExportError, match="was removed, or a part of it, while results"):
        progress.results()
    with pytest.raises(ExportError, match="run the same command again"):
        next(steps)


def test_a_directory_made_anew_by_somebody_else_is_left(small, tmp_path):
    steps = iter_compare(small, tmp_path / "runs")
    while next(steps).done < 2:
        pass
    shutil.rmtree(tmp_path / "runs")
    begun(small, tmp_path / "runs", 1)
    before = files(tmp_path / "runs")
    with pytest.raises(ExportError, match="was removed"):
        next(steps)
    assert files(tmp_path / "runs") == before


def test_a_full_disk_is_one_sentence_and_loses_nothing(small, tmp_path, monkeypatch):
    steps = iter_compare(small, tmp_path)
    while next(steps).done < 2:
        pass
    before = files(tmp_path)
    replaced = os.replace
    monkeypatch.setattr(
        sealed.os,
        "replace",
        lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")),
    )
    with pytest.raises(ExportError, match=r"No space left \(what was written before is whole"):
        next(steps)
    monkeypatch.setattr(sealed.os, "replace", replaced)
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
