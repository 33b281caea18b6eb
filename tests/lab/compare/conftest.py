import pytest

from sadam.lab.compare.grids import Axis
from sadam.lab.compare.problems import Starts, problems_of
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.rulebook import make_rules


@pytest.fixture(scope="session")
def small():
    """A comparison of a second: two landscapes, three rules, an axis, two schedules."""
    return Compare(
        problems=problems_of(("l1", "chebyshev-n2")),
        rules=make_rules(("adam", "sgd", "s-adam-two-sided")),
        lrs=(0.01, 0.1, 1.0),
        schedules=("constant", "cosine"),
        axes=(Axis("damping", (0.0, 4.0)), Axis("num_probes", (2.0, 3.0))),
        starts=Starts("random", 2, 0.3),
        seeds=3,
        steps=40,
    )


@pytest.fixture(scope="session")
def small_results(small):
    return run_compare(small)
