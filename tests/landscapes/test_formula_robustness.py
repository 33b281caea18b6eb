"""Some of what ``python -m benchmarks.formulas`` reads a hundred thousand times."""

import time

import pytest

from benchmarks import formulas

COUNT = 400


@pytest.mark.parametrize("make", [formulas.random_text, formulas.mutated_formula])
@pytest.mark.slow
def test_every_text_ends_in_a_landscape_or_a_formula_error(make):
    tally = formulas.hold(formulas.texts(make, COUNT, seed=1), limit=0.25)  # busy machines
    assert tally.wrong == []
    assert tally.landscapes + tally.refused == COUNT
    assert tally.landscapes > COUNT / 50
    assert tally.refused > COUNT / 50


def test_the_same_seed_gives_the_same_texts():
    draw = [list(formulas.texts(formulas.mutated_formula, 20, seed)) for seed in (0, 0, 1)]
    assert draw[0] == draw[1] != draw[2]


def test_what_goes_wrong_is_counted(monkeypatch):
    def read(text):
        if text == "slow":
            end = time.thread_time() + 0.02
            while time.thread_time() < end:
                pass
        if text == "bad":
            raise RecursionError("too deep")
        return True

    monkeypatch.setattr(formulas, "read", read)
    tally = formulas.hold(iter(["fine", "slow", "bad"]), limit=0.01)
    assert [text for text, _ in tally.wrong] == ["slow", "bad"]
    assert tally.wrong[1][1] == "RecursionError: too deep"
    assert tally.landscapes == 2
    assert tally.slowest[1] == "slow"
