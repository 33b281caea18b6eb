"""Where the runs of a rule end, by where they start: the basins of a grid of starts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sadam.lab.compare.results import Results

Array = NDArray[Any]


class Basin(NamedTuple):
    """Where the runs of one rule from a grid of starts end, at the rule's own best learning rate.

    Attributes:
        x: First coordinates of the starts, ``(n,)``.
        y: Second ones, ``(n,)``.
        outcome: Where each run ends, ``(n, n)`` by row y and column x.
        steps: Steps to the last target; NaN where it was not met, ``(n, n)``.
        lr: The learning rate.
    """

    x: Array
    y: Array
    outcome: Array
    steps: Array
    lr: float


def basin(results: Results, landscape: str, schedule: str, label: str) -> Basin:
    """Return the basin map of a rule, of the first seed; the spec's starts must be a grid.

    A run that diverged, also at its start, is ``"diverged"``.

    Args:
        results: Of such a spec.
        landscape: The problem.
        schedule: The schedule.
        label: The rule.

    Raises:
        ValueError: If the starts are no grid, or the problem is not complete.
    """
    if results.spec.starts.kind != "grid":
        raise ValueError("basins are mapped over a grid of starts, which this comparison has not")
    n, key = results.spec.starts.number, (landscape, schedule, label)
    rate = results.tuned(*key).rate

    def grid(name: str) -> Array:
        return results.column(*key, name)[rate][: n * n].reshape(n, n).T

    steps = grid(f"steps_to_{len(results.spec.targets) - 1}").astype(float)
    return Basin(
        x=grid("x0")[0],
        y=grid("y0")[:, 0],
        outcome=grid("outcome").astype(str),
        steps=np.where(steps < 0, np.nan, steps),
        lr=results.spec.lrs[rate],
    )
