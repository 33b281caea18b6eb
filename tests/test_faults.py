"""What may go wrong around the app: its port is taken, the clock jumps, a worker dies."""

import errno
import itertools
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import exports, jobs
from pages.shared.guard import settings_trouble
from sadam.lab.experiment import Experiment
from sadam.lab.export import race_bundle
from sadam.lab.race import run_race

ROOT = Path(__file__).parents[1]


class Step(NamedTuple):
    step: int
    steps: int
    result: object


def three():
    for i in range(4):
        yield Step(i, 3, lambda i=i: i)


def test_settings_that_cannot_be_read_are_one_sentence_and_no_page(tmp_path):
    shutil.copy(ROOT / "app.py", tmp_path)
    (tmp_path / "pages").symlink_to(ROOT / "pages")
    shutil.copytree(ROOT / ".streamlit", tmp_path / ".streamlit")
    settings = tmp_path / ".streamlit/config.toml"
    assert settings_trouble(settings) == ""
    settings_trouble.cache_clear()
    settings.write_text("[server\naddress = ", encoding="utf-8")
    app = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert [error.value.count(". ") for error in app.error] == [0]
    assert "`.streamlit/config.toml` cannot be read" in app.error[0].value
    assert not app.markdown


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
             "--server.address=127.0.0.1", f"--server.port={port}"],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert said.count("\n") == 1
    assert f"Port {port} is not available" in said


def test_a_clock_that_jumps_changes_no_time_left(monkeypatch):
    jumps = itertools.cycle([0.0, 4e9, -4e9])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    job = jobs.start(three)
    lefts = []
    while not job.wait(0.001):
        lefts.append(job.seconds_left)
    lefts.append(job.seconds_left)
    assert job.state == "done"
    assert lefts[-1] == 0
    assert all(left is None or 0 <= left < 60 for left in lefts)
    assert 0 <= job.computing < 60


@pytest.mark.parametrize("blow", [MemoryError("no room"), SystemExit(3), RecursionError("deep")])
def test_a_worker_that_dies_is_told_and_the_next_job_runs(blow):
    def dying():
        yield Step(1, 3, lambda: "kept")
        raise blow

    before = jobs.running()
    job = jobs.start(dying)
    assert job.wait(10)
    assert (job.state, job.error) == ("failed", blow)
    assert job.latest.result == "kept"
    assert jobs.running() == before
    again = jobs.start(three)
    assert again.wait(10)
    assert again.state == "done"


def test_a_disk_that_is_full_at_a_download_leaves_nothing_there(tmp_path, monkeypatch):
    """The callable fails, Streamlit says that there is no file, and no half of one stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bundle = race_bundle(run_race(Experiment(steps=5)))
    assert set(exports._built(bundle, ["csv"])) == {
        "spec.json", "results.json", "trajectories.csv"
    }  # fmt: skip

    def full(*_, **__):
        (written,) = tmp_path.iterdir()
        assert sorted(path.name for path in written.iterdir()) == ["results.json", "spec.json"]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        exports._built(bundle, ["parquet"])
    assert list(tmp_path.iterdir()) == []


LEAVING = """
import atexit
atexit.register(lambda: print("alive" if job.thread.is_alive() else "ended"))
import torch
from pages.shared import exports, jobs
from sadam.rules import RULES
from sadam.sweep import sweep

def work():
    while True:
        sweep(lambda x: x.abs().sum(-1), RULES["adam"](lr=0.1), torch.ones(10**5, 2), steps=10**4)
        yield

job = jobs.start(work)
"""


@pytest.mark.slow
def test_a_server_that_ends_ends_its_jobs_first():
    command = [sys.executable, "-c", LEAVING]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "ended\n")
    assert "terminate" not in ended.stderr
