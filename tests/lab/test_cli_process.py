"""How the process of a command ends."""

import signal
import subprocess
import sys
import time

import pytest

import sadam.lab.cli as cli
from tests.lab.processes import ROOT, spawn

pytestmark = pytest.mark.slow  # a process of its own for each


def test_an_error_of_the_process_is_one_line():
    process = spawn("race", "--landscape", "cresent")
    out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "crescent" in err


@pytest.mark.parametrize(
    ("blow", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_an_interrupted_race_leaves_nothing(tmp_path, blow, code):
    out = tmp_path / "out"
    process = spawn("race", "--steps", 20_000, "--num-probes", 128, "--out", out)
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert out.exists()
    process.send_signal(blow)
    text, err = process.communicate(timeout=60)
    assert (process.returncode, text, err) == (code, "", "")
    assert list(tmp_path.iterdir()) == []


LOST = """
import os, signal, sys, time
import sadam.lab.cli, sadam.lab.cli.command as command

class Thing:
    def __del__(self):
        os.kill(os.getpid(), blow)
        for _ in range(1000):  # the interruption is raised here, where it can only be ignored
            pass

def work(arguments):
    Thing()
    print("went on", flush=True)
    time.sleep(60)
    print("as if nothing had been")

command._list = work
blow, sys.argv = getattr(signal, sys.argv[1]), ["sadam", "list"]
raise SystemExit(command.main())
"""


@pytest.mark.parametrize(("blow", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interruption_that_python_ignores_is_not_lost(blow, code):
    ended = subprocess.run(
        [sys.executable, "-c", LOST, blow], cwd=ROOT, capture_output=True, text=True, timeout=50
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "went on\n", "")


def test_a_reader_who_leaves_is_no_error():
    with spawn("list") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_output_that_cannot_be_written_is_told():
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "sadam", "list", "schedules"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "No space left on device" in ended.stderr


def test_main_reads_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sadam", "list", "schedules"])
    kept = signal.getsignal(signal.SIGTERM)
    try:
        assert cli.main() == 0
    finally:
        signal.signal(signal.SIGTERM, kept)
    assert "cosine" in capsys.readouterr().out
