"""Long computations beside the pages: ends, stops, failures, turns, visitors who leave."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.shared import jobs, turns
from sadam.lab.training.run import run_training
from sadam.lab.training.spec import Training
from sadam.pauses import breathe, breathing
from sadam.rules import RULES
from sadam.sweep import sweep

APP = str(Path(__file__).parents[2] / "app.py")


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


def test_the_first_result_is_that_of_a_step():
    made = []

    def work():
        for i in range(3):
            yield Step(i, 2, lambda i=i: made.append(i))

    assert jobs.start(work).wait(10)
    assert made[0] == 1
    assert made[-1] == 2


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
    monkeypatch.setattr(
        jobs, "get_script_run_ctx", lambda **_: SimpleNamespace(session_id="visitor")
    )
    job = jobs.start(counting(10**6, lambda i: time.sleep(0.001)))
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
    monkeypatch.setattr(jobs.LINE, "places", jobs.running() + 1)
    monkeypatch.setattr(turns, "MAX_WAITING", 0)
    go = threading.Event()
    job = jobs.start(counting(1, lambda i: go.wait(10)))
    with pytest.raises(turns.Busy, match="as many as it takes"):
        jobs.start(counting(1))
    go.set()
    assert job.wait(10)
    assert jobs.start(counting(1)).wait(10)


@pytest.fixture
def queue(monkeypatch):
    """One job that computes until it is told to go, and three that wait behind it."""
    monkeypatch.setattr(jobs.LINE, "places", jobs.running() + 1)
    monkeypatch.setattr(turns, "LOOK", 0.01)
    go, order = threading.Event(), []
    first = jobs.start(counting(1, lambda i: go.wait(10)))
    while first.place:
        time.sleep(0.001)
    waiting = [jobs.start(counting(1, lambda i, n=n: order.append(n))) for n in range(3)]
    yield go, order, first, waiting
    go.set()
    assert all(job.wait(10) for job in (first, *waiting))


def test_those_who_wait_know_their_place_and_go_in_order(queue):
    go, order, first, waiting = queue
    assert [job.place for job in (first, *waiting)] == [0, 1, 2, 3]
    assert all(job.running and job.state == "waiting" for job in waiting)
    assert not waiting[0].wait(0.05)
    assert order == []
    go.set()
    assert all(job.wait(10) for job in waiting)
    assert order == [0, 0, 1, 1, 2, 2]
    assert [job.place for job in waiting] == [0, 0, 0]
    assert {job.state for job in waiting} == {"done"}


def test_who_waits_can_be_stopped_and_the_others_move_up(queue):
    _, order, _, waiting = queue
    waiting[0].stop()
    assert waiting[0].wait(10)
    assert waiting[0].state == "stopped"
    assert [job.place for job in waiting] == [0, 1, 2]
    assert order == []


def test_who_leaves_while_waiting_leaves_the_queue(queue, monkeypatch):
    _, order, _, waiting = queue
    monkeypatch.setattr(jobs.Job, "_attended", lambda job: job is not waiting[1])
    assert waiting[1].wait(10)
    assert waiting[1].state == "left"
    assert [job.place for job in waiting] == [1, 0, 2]
    assert order == []


def test_a_worker_that_dies_gives_its_place_to_the_next(queue):
    go, order, *_ = queue

    def dying():
        raise MemoryError
        yield

    last = jobs.start(dying)
    assert last.place == 4
    behind = jobs.start(counting(1, lambda i: order.append("behind")))
    go.set()
    assert last.wait(10)
    assert behind.wait(10)
    assert (last.state, behind.state) == ("failed", "done")
    assert order[-1] == "behind"


@pytest.mark.slow
@pytest.mark.parametrize(("page", "key"), [("networks", "_net_job"), ("compare", "_cmp_job")])
def test_a_page_says_its_visitors_place_and_the_queue_goes_on(page, key, queue):
    go, _, _, waiting = queue
    app = AppTest.from_file(APP, default_timeout=90).switch_page(f"pages/{page}.py")
    small = {"net_steps": 10, "net_seeds": 1, "cmp_steps": 10, "cmp_number": 2}
    for name, value in {**small, "net_batch": 8, "net_n": 64, "cmp_landscapes": ["l1"]}.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception
    job = app.session_state[key]
    assert job.place == len(waiting) + 1
    (bar,) = app.get("progress")
    assert bar.proto.text == "Place 4 in the queue of this server: 3 wait before it"
    waiting[0].stop()
    waiting[0].wait(10)
    app.run()
    assert app.get("progress")[0].proto.text.startswith("Place 3 in the queue")
    go.set()
    assert job.wait(60)
    app.run()
    assert job.state == "done"
    assert not any("queue" in bar.proto.text for bar in app.get("progress"))


def test_a_page_that_is_being_drawn_comes_first(monkeypatch):
    monkeypatch.setattr(turns, "GIVE_WAY", 60)
    with turns.visitor(), turns.visitor():
        job = jobs.start(counting(3))
        assert not job.wait(0.2)
        assert job.step == 0
    assert job.wait(10)
    assert job.state == "done"


def test_pages_that_are_always_being_drawn_do_not_stop_a_job(monkeypatch):
    monkeypatch.setattr(turns, "GIVE_WAY", 0.01)
    with turns.visitor():
        assert jobs.start(counting(3)).wait(10)


def test_a_page_that_fails_holds_nothing_up():
    with pytest.raises(KeyError), turns.visitor():
        raise KeyError
    assert jobs.start(counting(3)).wait(10)


def breathing_once(order, name, moments=40):
    """An iterator whose one step is long, with moments at which it may be made to wait."""

    def each(i):
        if i == 1:
            for _ in range(moments):
                order.append(name)
                time.sleep(0.002)
                breathe()

    return counting(1, each)


def test_long_steps_take_turns_too(monkeypatch):
    monkeypatch.setattr(turns, "TURN", 0.005)
    order = []
    pair = [jobs.start(breathing_once(order, name)) for name in ("first", "second")]
    assert all(job.wait(20) for job in pair)
    assert order.index("second") < 30, "a later job waits for no other's step"
    assert all(0.05 < job.computing < 2 for job in pair), "waiting for a turn is not computing"


@pytest.mark.slow
def test_a_page_comes_first_in_the_middle_of_a_step(monkeypatch):
    monkeypatch.setattr(turns, "GIVE_WAY", 60)
    order = []
    job = jobs.start(breathing_once(order, "job", 1000))
    while not order:
        time.sleep(0.001)
    with turns.visitor():
        time.sleep(0.05)  # more than one moment
        reached = len(order)
        time.sleep(0.1)
        assert len(order) == reached < 1000
    assert job.wait(20)
    assert len(order) == 1000


def test_a_sweep_and_a_training_breathe():
    breaths = []
    with breathing(lambda: breaths.append(1)):
        starts = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
        sweep(lambda x: x.abs().sum(-1), RULES["adam"](lr=0.1), starts, steps=64)
        of_sweep = len(breaths)
        training = Training(seeds=1, steps=8, rules=(("adam", RULES["adam"](lr=0.1)),))
        run_training(training)
    breathe()
    assert of_sweep >= 4
    assert len(breaths) >= of_sweep + 8
