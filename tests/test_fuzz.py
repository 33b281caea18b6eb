"""Some of what ``python -m benchmarks.fuzz`` sends a hundred thousand times."""

import os

import pytest

from benchmarks import fuzz, fuzz_inputs
from sadam.lab.codec import SpecError

COUNTS = {
    "specs": 120,
    "files of specs": 60,
    "addresses": 40,
    "command lines": 25,
    "CSV files": 200,
}


@pytest.fixture(autouse=True)
def folder():
    with fuzz.prepared():
        yield


@pytest.mark.parametrize("title", fuzz.KINDS)
def test_whatever_is_sent_is_read_or_refused_in_one_sentence(title):
    tally = fuzz.hold(fuzz.KINDS[title], COUNTS[title], seed=1, slower=5)  # busy machines
    assert tally.wrong == []
    assert tally.read + tally.refused == COUNTS[title]
    assert tally.read > 0
    assert tally.refused > COUNTS[title] / 10


def test_the_same_seed_sends_the_same():
    draws = [[fuzz.random.Random(seed) for _ in range(2)] for seed in (3, 4)]
    for make in (fuzz_inputs.a_file, fuzz_inputs.a_line, fuzz_inputs.a_csv):
        (one, again), (other, _) = [[make(draw) for draw in pair] for pair in draws]
        assert one == again != other


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("two\nlines", "not one line"),
        (" ", "not one line"),
        ("x" * 2000, "not one line"),
        ("invalid literal for int() with base 10: 'a'", "invalid literal"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (SpecError("outside of what the reader expects"), "SpecError"),
    ],
)
def test_what_goes_wrong_is_counted(said, what):
    def read(text):
        if isinstance(said, Exception):
            raise said
        return said

    tally = fuzz.hold(fuzz.Kind(lambda draw: "sent", read, 1.0), 3, seed=0)
    assert len(tally.wrong) == 3
    assert tally.wrong[0][0] == "'sent'"
    assert what in tally.wrong[0][1]
    assert tally.read == tally.refused == 0


def test_what_takes_too_long_is_counted():
    def slow(text):
        end = fuzz.time.thread_time() + 0.02
        while fuzz.time.thread_time() < end:
            pass

    tally = fuzz.hold(fuzz.Kind(lambda draw: "sent", slow, 0.005), 1, seed=0)
    assert tally.wrong[0][1].startswith("took 2")


def test_a_command_that_leaves_a_file_is_caught(monkeypatch):
    monkeypatch.setattr(fuzz, "command", lambda words: os.mkdir("left") or 0)
    with pytest.raises(fuzz.Unclear, match="left \\['left'\\] behind"):
        fuzz.read_line(["race"])
