"""Comparisons with a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sadam.lab.compare.grids import log_grid
from sadam.lab.compare.problems import Starts, problems_of
from sadam.lab.compare.spec import Compare
from sadam.rules import RULES


@dataclass(frozen=True)
class Expected:
    """A ratio to the baseline that an earlier, independent computation of the suite gave."""

    label: str
    schedule: str
    ratio: float


@dataclass(frozen=True)
class Suite:
    """A spec with a name, and what is to stand beside its numbers.

    Attributes:
        about: What it is, in a sentence.
        spec: Makes the spec.
        expected: Ratios to print beside today's.
    """

    about: str
    spec: Callable[[], Compare]
    expected: tuple[Expected, ...] = ()


def _reference() -> Compare:
    def s_adam(key: str, k: int):
        return RULES[key](num_probes=k, weight_decay=0.0)

    starts = {
        "nonsmooth-rosenbrock": (-1.5, 2.0),
        "l1": (2.3, 1.7),
        "cb2": (2.0, 2.0),
        "mifflin1": (0.8, 0.6),
        "wolfe": (5.0, 4.0),
        "chebyshev-n2": (-1.0, 1.5),
    }
    return Compare(
        problems=problems_of(starts, starts),
        rules=(
            ("adam", RULES["adam"]()),
            ("s-adam", s_adam("s-adam", 2)),
            ("S-Adam published (k 8)", s_adam("s-adam", 8)),
            ("s-adam-two-sided", s_adam("s-adam-two-sided", 2)),
            ("S-Adam two-sided (k 4)", s_adam("s-adam-two-sided", 4)),
        ),
        lrs=log_grid(1e-3, 1.0, 16),
        schedules=("constant", "inverse-sqrt", "cosine"),
        starts=Starts("random", 1, 0.3),
        seeds=16,
        steps=500,
        baseline="adam",
    )


def _catalogue() -> Compare:
    return Compare(
        problems=problems_of(("all",)),
        rules=tuple((key, make()) for key, make in RULES.items()),
        lrs=log_grid(1e-3, 1.0, 16),
        seeds=32,
        steps=500,
    )


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "reference": Suite(
            "Six landscapes with kinks, 16 starts and seeds, 500 steps, no weight decay: the "
            "comparison that was once computed apart from this program, in plain NumPy.",
            _reference,
            (
                Expected("adam", "inverse-sqrt", 0.58),
                Expected("adam", "cosine", 0.019),
                Expected("s-adam", "constant", 3.4),
                Expected("S-Adam published (k 8)", "constant", 4.0),
                Expected("s-adam-two-sided", "constant", 0.15),
                Expected("S-Adam two-sided (k 4)", "cosine", 0.006),
            ),
        ),
        "catalogue": Suite(
            "Every landscape, every rule, 32 starts and seeds, 500 steps.", _catalogue
        ),
    }
)
"""Every suite by its name on the command line."""


def suite_of(spec: Compare) -> Suite | None:
    """Return the suite whose spec this is; None if it is none's."""
    for suite in SUITES.values():
        if suite.spec() == spec:
            return suite
    return None
