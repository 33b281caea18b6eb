"""What all tests share: one torch thread, and property tests without deadlines on busy machines."""

import os
import signal

import pytest
from hypothesis import settings

# Not torch.set_num_threads: xdist's own process runs no test and would import torch for nothing.
os.environ["OMP_NUM_THREADS"] = "1"
# Tests press Ctrl-C, which a shell tells those that it runs in the background to ignore.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def driver():
    """Playwright, which a process can start once at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright
