"""Long computations beside the pages: ends, stops, failures, turns, visitors who leave."""

import threading
import time
from typing import NamedTuple

import pytest

from pages.shared import jobs


class Step(NamedTuple):
    step: int
    steps: int
    result: object


def counting(steps, each=None, closed=None):
    """An iterator of so many steps whose result is the number of steps taken."""

    def work():
        try:
            for i in range(steps + 1):
                if each is not None:
                    each(i)
                yield Step(i, steps, lambda i=i: i)
        finally:
            if closed is not None:
                closed.append(True)

    return work


def test_a_job_runs_to_its_end():
    closed = []
    job = jobs.start(counting(5, closed=closed))
    assert job.wait(10)
    assert (job.state, job.step, job.steps, job.latest.result) == ("done", 5, 5, 5)
    assert closed
    assert job.seconds_left == 0


def test_stopping_keeps_what_was_computed_and_closes_the_iterator():
    reached, closed = threading.Event(), []

    def each(i):
        if i == 3:
            reached.set()
        time.sleep(0.002)

    job = jobs.start(counting(10**6, each, closed))
    assert reached.wait(10)
    job.stop()
    assert job.wait(10)
    assert job.state == "stopped"
    assert 3 <= job.step < 10**6
    assert job.latest.result == job.latest.step == job.step
    assert closed


def test_a_failure_is_kept_with_the_last_result():
    def each(i):
        if i == 2:
            raise ValueError("the third step fails")

    job = jobs.start(counting(9, each))
    assert job.wait(10)
    assert job.state == "failed"
    assert str(job.error) == "the third step fails"
    assert job.latest.result in (0, 1)


def test_a_job_ends_when_its_session_has_gone(monkeypatch):
    there = {"visitor": True}

    class Fake:
        @staticmethod
        def exists():
            return True

        @staticmethod
        def instance():
            return Fake

        @staticmethod
        def is_active_session(session):
            return there[session]

    monkeypatch.setattr(jobs, "Runtime", Fake)
    monkeypatch.setattr(jobs, "GRACE", 0.05)
    job = jobs.Job(counting(10**6, lambda i: time.sleep(0.001)), "visitor")
    job.thread.start()
    assert not job.wait(0.3)  # as long as the visitor is there
    there["visitor"] = False
    assert job.wait(10)
    assert job.state == "left"


def test_jobs_take_turns():
    order = []
    first, second = (
        counting(30, lambda i, name=name: (order.append(name), time.sleep(0.002)))
        for name in ("first", "second")
    )
    pair = [jobs.start(first), jobs.start(second)]
    assert all(job.wait(20) for job in pair)
    assert order.index("second") < 15, "a later job waits for no other's end"


def test_there_are_only_so_many_jobs(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_JOBS", jobs.running() + 1)
    go = threading.Event()
    job = jobs.start(counting(1, lambda i: go.wait(10)))
    with pytest.raises(jobs.Busy, match="as many as it takes"):
        jobs.start(counting(1))
    go.set()
    assert job.wait(10)
    assert jobs.start(counting(1)).wait(10)


def test_a_page_that_is_being_drawn_comes_first(monkeypatch):
    monkeypatch.setattr(jobs, "GIVE_WAY", 60)
    with jobs.visitor(), jobs.visitor():
        job = jobs.start(counting(3))
        assert not job.wait(0.2)
        assert job.step == 0
    assert job.wait(10)
    assert job.state == "done"


def test_pages_that_are_always_being_drawn_do_not_stop_a_job(monkeypatch):
    monkeypatch.setattr(jobs, "GIVE_WAY", 0.01)
    with jobs.visitor():
        assert jobs.start(counting(3)).wait(10)


def test_a_page_that_fails_holds_nothing_up():
    with pytest.raises(KeyError), jobs.visitor():
        raise KeyError
    assert jobs.start(counting(3)).wait(10)
