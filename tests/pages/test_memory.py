"""What computations no longer use goes back to the system."""

import platform
import subprocess
import sys

import pytest

FREED = """
import sys, threading
import numpy as np, psutil
from pages.shared.memory import give_back

if sys.argv[1] == "give back":
    assert give_back()

def work():
    for size in range(2 << 20, 30 << 20, 4 << 20):
        kept.append(np.ones(1000))  # small, and it stays: the heap cannot shrink below it
        np.ones(size // 8)

kept = []
for _ in range(2):
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(psutil.Process().memory_info().rss)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc, which keeps what is free")
def test_many_threads_leave_little_behind():
    def after(how):
        done = subprocess.run(
            [sys.executable, "-c", FREED, how], capture_output=True, text=True, check=True
        )
        return int(done.stdout) / 1e6

    assert after("give back") < after("keep") - 50
