"""What is computed once for all visitors stays within its bytes, and is told apart to the bit."""

import gc
import re
import threading
import time
import weakref
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import memory
from pages.shared import kept
from sadam.lab.compare.problems import problems_of
from sadam.lab.compare.report import answer
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.experiment import Experiment
from sadam.lab.race import run_race
from sadam.lab.rulebook import make_rules

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    kept.clear()
    monkeypatch.setattr(kept, "MAX_BYTES", 100_000)
    yield
    kept.clear()


@dataclass
class Big:
    numbers: np.ndarray


def maker(name="test", numbers=1_000):
    calls = []

    @kept.kept(name)
    def made(*asked):
        calls.append(asked)
        return Big(np.zeros(numbers))

    return made, calls


def test_the_same_is_computed_once_and_also_by_a_function_defined_anew():
    made, calls = maker()
    again, more = maker()
    assert made(1) is made(1) is again(1)
    assert (len(calls), more) == (1, [])


def test_what_was_longest_not_seen_goes_and_the_bytes_stay_within_their_bound():
    made, calls = maker()  # 8 kB each
    gone = weakref.ref(made(0))
    stays = made(1)
    for asked in range(2, 1000):
        assert made(1) is stays
        made(asked)
        assert kept.size() <= 100_000
    gc.collect()
    assert gone() is None
    assert len(calls) == 1000


def test_the_newest_is_kept_however_large():
    made, calls = maker(numbers=50_000)
    assert made("large") is made("large")
    other, _ = maker("other")
    other(1)
    assert kept.size() < 10_000
    assert len(calls) == 1


def test_what_a_result_remembers_is_weighed_when_it_is_seen_again(monkeypatch):
    monkeypatch.setattr(kept, "MAX_BYTES", 10**9)
    spec = Compare(problems=problems_of(("l1",)), seeds=2, steps=20)

    @kept.kept("comparison")
    def compared(spec):
        return run_compare(spec)

    results = compared(spec)
    before = kept.size()
    answer(results)
    assert kept.size() == before
    compared(spec)
    remembered = [v for v in vars(results).values() if isinstance(v, pd.DataFrame)]
    assert sum(v.memory_usage(deep=True).sum() for v in remembered) > 0
    assert kept.size() > before


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, -0.0), (1, True), (1, 1.0), ("1", 1), ((1,), (1.0,)), (None, "None")]
)
def test_arguments_are_told_apart_to_the_bit(one, other):
    made, _ = maker()
    assert made(one) is not made(other)
    assert made(one) is made(one)


def test_specs_are_told_apart_by_all_they_say():
    made, _ = maker()
    spec = Experiment(starts=((0.0, 1.0),))
    assert made(spec) is made(Experiment(starts=((0.0, 1.0),)))
    assert made(spec) is not made(replace(spec, starts=((-0.0, 1.0),)))


def test_a_failure_is_not_kept():
    @kept.kept("failing")
    def fails(asked):
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fails(1)
    assert kept.size() == 0


def test_visitors_who_ask_for_the_same_wait_for_one_computation():
    calls = []

    @kept.kept("slow")
    def slow(asked):
        calls.append(asked)
        time.sleep(0.05)
        return object()

    found = []
    threads = [threading.Thread(target=lambda: found.append(slow(1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert calls == [1]
    assert len(set(map(id, found))) == 1
    assert not kept._making


@pytest.mark.slow
def test_different_experiments_in_a_row_stay_within_the_budget(monkeypatch):
    """A few of the thousand of ``python -m benchmarks.memory``, with as much less room."""
    most = 1_000_000
    monkeypatch.setattr(kept, "MAX_BYTES", most)
    memory.grow(1, (51,), 10_000, lambda done: None)
    start, sizes = memory.megabytes(), []
    memory.grow(14, (51, 101), 10_000, lambda done: sizes.append(kept.size()))
    assert max(sizes) <= most
    assert sorted(sizes) != sizes, "something had to go"
    assert memory.megabytes() - start < 100


def test_what_pages_keep_otherwise_is_bounded_and_small():
    """Streamlit's caches hold numbers and tables of a few rows only; arrays are kept by bytes."""
    found = {}
    for path in (ROOT / "pages").rglob("*.py"):
        text = path.read_text()
        for options, name in re.findall(r"@st\.cache_\w+\((.*)\)\ndef (\w+)", text):
            found[name] = options
        assert text.count("st.cache_") == len(re.findall(r"@st\.cache_\w+\(.*\)\ndef ", text)), path
    assert set(found) == {"bias_of", "check_of", "_work"}
    assert all("max_entries=" in options for options in found.values())


def test_the_weight_is_that_of_the_numbers():
    array = np.zeros(1000)
    assert 8000 <= kept.weight(array) < 8200
    assert kept.weight((array, array[1:], Big(array))) < 8800
    assert kept.weight(array[:1]) >= 8000, "a view holds the whole"
    assert kept.weight(torch.zeros(1000)[:1]) >= 4000
    assert kept.weight(pd.DataFrame({"a": array})) >= 8000
    race = run_race(Experiment(steps=1000, rules=make_rules(("adam", "s-adam"))))
    tracks = race.trajectories.values()
    least = sum(t.points.nbytes + t.grads.nbytes + t.values.nbytes for t in tracks)
    assert least < kept.weight(race) < 4 * least
