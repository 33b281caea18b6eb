"""What a page computes in its script: said, interrupted, in turns, and one for all who ask."""

import re
import threading
import time

import pytest

from pages.shared import jobs, kept, patience, turns
from sadam.lab.calibration import CalibrationProgress
from sadam.pauses import breathe


class Interrupted(BaseException):
    """What Streamlit raises where a script speaks whose visitor wants something else."""


class Slot:
    """A place on a page; speaking ends the script once :attr:`unwanted` is set."""

    def __init__(self):
        self.said, self.unwanted = [], threading.Event()

    def markdown(self, text):
        if self.unwanted.is_set():
            raise Interrupted
        self.said.append(text)

    def empty(self):
        self.said.append("")


@pytest.fixture
def slot(monkeypatch):
    monkeypatch.setattr(patience, "LIGHT", 0.02)
    monkeypatch.setattr(patience, "TELL", 0.01)
    here = Slot()
    monkeypatch.setattr(patience._here, "slot", here)
    monkeypatch.setattr(patience._here, "told", "Racing")
    yield here
    assert not len(patience.LINE)
    assert not turns._drawing
    assert turns._turns._value == max(1, turns.os.cpu_count() // 2)


def work(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        breathe()
    return seconds


@pytest.fixture
def worked():
    kept.clear()
    yield kept.kept("work of a test")(work)
    kept.clear()


def test_what_is_short_says_nothing_and_takes_no_place(slot, worked, monkeypatch):
    monkeypatch.setattr(patience, "LIGHT", 60.0)  # however busy the machine, this is shorter
    monkeypatch.setattr(patience.LINE, "join", lambda: pytest.fail("short ones wait for nobody"))
    assert worked(0.001) == 0.001
    assert slot.said == []


def test_what_takes_long_says_so_and_takes_it_back(slot, worked):
    with turns.visitor():
        assert worked(0.5) == 0.5
    assert re.match(r"Racing … \d s", slot.said[0])
    assert slot.said[-1] == ""
    said = len(slot.said)
    assert worked(0.5) == 0.5  # kept
    assert len(slot.said) == said


def test_a_visitor_who_wants_something_else_ends_it(slot, worked):
    slot.unwanted.set()
    began = time.monotonic()
    with turns.visitor(), pytest.raises(Interrupted):
        worked(30)
    assert time.monotonic() - began < 10
    slot.unwanted.clear()
    assert worked(0.05) == 0.05  # nothing is left behind that would hold the next one up


def test_a_long_one_takes_turns_with_jobs_and_nobody_waits_for_its_page(slot, worked, monkeypatch):
    monkeypatch.setattr(turns, "TURN", 0.005)
    monkeypatch.setattr(turns, "GIVE_WAY", 60)  # a job that waited for this page would not end
    ended = threading.Event()

    def steps():
        try:
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                breathe()
                yield CalibrationProgress(0, 1, lambda: 0)
            yield CalibrationProgress(1, 1, lambda: 1)
        finally:
            ended.set()

    def work_until_it_has():
        until = time.monotonic() + 30
        while not ended.wait(0.001) and time.monotonic() < until:
            breathe()
        return ended.is_set()

    with turns.visitor():
        job = jobs.start(steps)
        assert kept.kept("work until a job has ended")(work_until_it_has)()
    assert job.wait(10)
    assert job.state == "done"


def test_only_so_many_pages_compute_for_long_and_the_next_know_their_place(
    slot, worked, monkeypatch
):
    monkeypatch.setattr(patience.LINE, "places", 0)
    monkeypatch.setattr(turns, "LOOK", 0.005)
    before = patience.LINE.join()
    threading.Timer(0.2, lambda: (before.leave(), setattr(patience.LINE, "places", 1))).start()
    assert worked(0.5) == 0.5
    assert any("place 2 in the queue of this server" in text for text in slot.said)


def test_more_than_can_wait_are_told_in_one_sentence(slot, worked, monkeypatch):
    monkeypatch.setattr(patience.LINE, "places", 0)
    monkeypatch.setattr(turns, "MAX_WAITING", 0)
    with pytest.raises(turns.Busy, match="try again when one has ended"):
        worked(5)


def test_who_asks_for_the_same_waits_for_it_and_may_leave(slot, worked):
    """The other visitor's computation goes on, and the third finds its result."""
    finish = threading.Event()

    @kept.kept("work until it is told")
    def computed():
        while not finish.wait(0.001):
            breathe()
        return "found"

    def heard():
        return any("another visitor has asked for the same" in text for text in slot.said)

    def tell():
        until = time.monotonic() + 30
        while not heard() and time.monotonic() < until:
            time.sleep(0.001)
        finish.set()

    other = threading.Thread(target=computed)
    other.start()
    while not kept._making:
        time.sleep(0.001)
    slot.unwanted.set()
    with pytest.raises(Interrupted):
        computed()
    slot.unwanted.clear()
    threading.Thread(target=tell).start()
    assert computed() == "found"
    assert heard()
    other.join(10)


def test_within_another_one_and_without_a_page_it_is_only_computed(worked, monkeypatch):
    monkeypatch.setattr(patience, "LIGHT", 0.0)
    monkeypatch.setattr(patience.LINE, "join", lambda: pytest.fail("nobody looks"))
    assert worked(0.01) == 0.01
