"""When Adam does not converge: the online problem of Reddi, Kale & Kumar (2018), in one dimension.

At round t the loss is ``f_t(x) = 1010 x`` if ``t mod 101 = 1`` and ``-10 x`` otherwise, on the
interval [-1, 1]. Over 101 rounds the slopes add up to 10, so the best fixed point is -1. Each rule
takes its step and is projected back onto the interval; the learning rate is ``lr / sqrt(t)``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sadam.engine import LIMIT
from sadam.lab.checked import positive
from sadam.lab.codec import SpecError, from_plain
from sadam.lab.spec import whole
from sadam.text import shown

MAX_ROUNDS = 1_000_000
EPS = 1e-8  # Adam's
OPTIMUM = -1.0
LOW, HIGH = -1.0, 1.0
SOURCE = "Reddi, Kale & Kumar 2018, On the convergence of Adam and beyond, section 3"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Online:
    """An online run.

    Attributes:
        rounds: Number T of rounds, 1 to a million.
        beta1: Memory of the gradient's mean, in [0, 1).
        beta2: Memory of its square, in [0, 1).
        lr: Learning rate of the first round, above 0 and at most 1e150, beyond which squares
            overflow.
        period: Rounds from one large slope to the next, 2 to 10 000.
        large: The large slope, above 0 and at most 1e150; the others are -10.
        start: Where to start, in [-1, 1].

    Raises:
        SpecError: If anything is out of its range.
    """

    rounds: int = 100_000
    beta1: float = 0.9
    beta2: float = 0.99
    lr: float = 0.5
    period: int = 101
    large: float = 1010.0
    start: float = 0.0

    def __post_init__(self) -> None:
        whole("rounds", self.rounds, 1, MAX_ROUNDS)
        whole("period", self.period, 2, 10_000)
        for name in ("lr", "large"):
            if (value := positive(name, getattr(self, name))) > LIMIT:
                raise SpecError(f"{name} is {value:g}, but must be at most {LIMIT:g}")
        for name in ("beta1", "beta2"):
            value = from_plain(float, getattr(self, name), name)
            if not 0 <= value < 1:
                raise SpecError(f"{name} is {shown(value)}, but must lie in [0, 1)")
        if not LOW <= from_plain(float, self.start, "start") <= HIGH:
            raise SpecError(f"start is {shown(self.start)}, but must lie between -1 and 1")

    def to_json(self) -> str:
        """Return the run's fields as JSON."""
        return json.dumps({"kind": "online", **asdict(self)})


@dataclass(frozen=True)
class OnlineRun:
    """What came of it.

    Attributes:
        spec: The run.
        points: For each rule, its points ``(T+1,)``.
        regret: For each rule, ``(sum of f_t(x_t) - f_t(-1)) / T`` over the first 1..T rounds,
            ``(T,)``.
    """

    spec: Online
    points: dict[str, Array]
    regret: dict[str, Array]


def slopes(spec: Online) -> Array:
    """The slope of each round, ``(T,)``; they do not depend on where one is."""
    t = np.arange(1, spec.rounds + 1)
    return np.where(t % spec.period == 1, spec.large, -10.0)


def run_online(spec: Online) -> OnlineRun:
    """Run Adam and AMSGrad.

    The slopes of all rounds are known beforehand, so Adam's two moments are linear filters of
    them; a test holds the result to :mod:`sadam.rules` step by step. Every number is finite.
    """
    from scipy.signal import lfilter  # late: half a second

    g = slopes(spec)
    t = np.arange(1, spec.rounds + 1, dtype=np.float64)
    b1, b2 = spec.beta1, spec.beta2
    m = lfilter([1 - b1], [1, -b1], g) / (1 - b1**t)
    v = lfilter([1 - b2], [1, -b2], g * g)
    rate = spec.lr / np.sqrt(t)
    steps = {
        "adam": rate * m / (np.sqrt(v / (1 - b2**t)) + EPS),
        "amsgrad": rate * m / (np.sqrt(np.maximum.accumulate(v) / (1 - b2**t)) + EPS),
    }
    points = {rule: _projected(spec.start, step) for rule, step in steps.items()}
    regret = {rule: np.cumsum(g * (x[:-1] - OPTIMUM)) / t for rule, x in points.items()}
    return OnlineRun(spec, points, regret)


def _projected(start: float, steps: Array) -> Array:
    """Take the steps one after the other, projected onto the interval after each."""
    x, found = start, [start]
    for step in steps.tolist():
        x = min(max(x - step, LOW), HIGH)
        found.append(x)
    return np.array(found)


def told(run: OnlineRun) -> str:
    """Where each rule ends, and its average regret."""
    names = {"adam": "Adam", "amsgrad": "AMSGrad"}
    ends = " and ".join(
        f"{name} at **{run.points[rule][-1]:+.3f}**" for rule, name in names.items()
    )
    regrets = ", ".join(f"{run.regret[rule][-1]:.3g} ({name})" for rule, name in names.items())
    return (
        f"After {run.spec.rounds:,} rounds {ends}; the best fixed point is −1. "
        f"Average regret: {regrets}."
    )
