"""What several tests of the laboratory share."""

import pytest

from sadam.lab.experiment import Experiment, make_rules
from sadam.lab.race import run_race
from sadam.rules import Adam


@pytest.fixture(scope="module")
def race():
    """Four rules and one that diverges, from two starts."""
    rules = (
        *make_rules(["adam", "s-adam", "s-adam-two-sided", "prox-sgd"]),
        ("wild", Adam(lr=1e9)),
    )
    return run_race(Experiment("cb2", ((1.0, -0.1), (2.0, 2.0)), rules, steps=40))
