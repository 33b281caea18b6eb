"""What all tests share: one torch thread, and property tests without deadlines on busy machines."""

import os

from hypothesis import settings

# Not torch.set_num_threads: xdist's own process runs no test and would import torch for nothing.
os.environ["OMP_NUM_THREADS"] = "1"
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
