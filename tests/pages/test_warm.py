"""First runs of pages, which import, one at a time; later ones beside each other."""

import threading

import pytest

from pages.shared.warm import one_at_a_time


def test_nobody_runs_a_page_beside_its_first_run_and_all_do_after_it():
    began, joined, together = threading.Event(), threading.Event(), threading.Barrier(3)
    seen = []

    def first():
        with one_at_a_time("some page"):
            began.set()
            seen.append(joined.wait(0.2))

    def later():
        began.wait()
        with one_at_a_time("some page"):
            joined.set()
            together.wait(10)  # all three are here at once

    threads = [threading.Thread(target=work) for work in (later, later, later, first)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False]
    assert not together.broken


def test_other_pages_wait_for_a_first_run_too():
    entered = threading.Event()

    def other():
        with one_at_a_time("other page"):
            entered.set()

    with one_at_a_time("one page"):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.1)
    thread.join()
    assert entered.is_set()


def test_a_run_that_ends_early_has_imported_too():
    with pytest.raises(KeyboardInterrupt), one_at_a_time("another"):
        raise KeyboardInterrupt
    with one_at_a_time("another"), one_at_a_time("another"):
        pass  # nobody is waited for
