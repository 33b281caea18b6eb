"""Experiment: one frozen, validated spec of a race, to JSON, to a command line, and back.

A spec says everything: two runs of the same spec give the same numbers. Its JSON holds every
hyperparameter, so that it means the same after a default has changed::

    {"kind": "race", "version": 1, "landscape": "crescent", "starts": [[-1.5, 2.0]],
     "rules": [{"label": "adam", "rule": "adam", "lr": 0.05, "betas": [0.9, 0.999], "eps": 1e-08}],
     "steps": 500, "seed": 0, "schedule": "constant"}

Other kinds of experiment are further frozen dataclasses with a ``kind`` and a ``version`` that read
and write themselves through :mod:`sadam.lab.codec`; :func:`sadam.lab.kinds.load` tells them apart.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from sadam.lab.codec import SpecError, from_plain
from sadam.lab.rulebook import (
    LabelledRules,
    RuledSpec,
    check_rules,
    make_rules,
    rule_words,
)
from sadam.lab.spec import MAX_SEED, Point, known_landscape, known_schedule, number_text, whole
from sadam.rules import cost_of
from sadam.text import shown

DEFAULT_LANDSCAPE = "crescent"
PAPER_RULES = ("adam", "adamw", "prox-sgd", "s-adam", "s-adam-two-sided")
"""The four methods of the paper, and S-Adam with two-sided probes."""

MAX_STEPS = 20_000
MAX_STARTS = 256
MAX_START = 1e6
MAX_POINTS = 2_000_000  # rules x starts x steps: what is recorded, about 400 bytes each
MAX_EVALUATIONS = 50_000_000  # of all rules, starts and steps, and to measure LGI along the paths


@dataclass(frozen=True)
class Experiment(RuledSpec):
    """A race: rules, from one or several starts, on one landscape.

    Attributes:
        landscape: Its key in ``landscapes.CATALOGUE``, or an own function, ``"= abs(x) + y**2"``.
        starts: Where every rule starts; if empty, the landscape's own start. At most
            :data:`MAX_STARTS`, coordinates within +-:data:`MAX_START`. The function need not be
            defined there: see :func:`sadam.lab.race.run_race`.
        rules: ``(label, rule)`` pairs, 1 to 12. A label that is the key of a rule must be that
            rule's.
        steps: Number of steps, 1 to :data:`MAX_STEPS`; rules x starts x steps are at most
            :data:`MAX_POINTS`.
        seed: Seed of the probe directions, 0 to 2^32 - 1.
        schedule: Key of the learning-rate schedule.

    Raises:
        SpecError: If anything is out of its range; one sentence says what and what is allowed.
    """

    kind: ClassVar[str] = "race"
    version: ClassVar[int] = 1
    filled: ClassVar[tuple[str, ...]] = ("starts",)

    landscape: str = DEFAULT_LANDSCAPE
    starts: tuple[Point, ...] = ()
    rules: LabelledRules = field(default_factory=lambda: make_rules(PAPER_RULES))
    steps: int = 500
    seed: int = 0
    schedule: str = "constant"

    def __post_init__(self) -> None:
        known = known_landscape(self.landscape)
        starts = self.starts or (known.start,)
        put = partial(object.__setattr__, self)
        put("landscape", known.name)
        put("starts", _starts(starts))
        put("rules", check_rules(self.rules))
        put("steps", whole("steps", self.steps, 1, MAX_STEPS))
        put("seed", whole("seed", self.seed, 0, MAX_SEED))
        put("schedule", known_schedule(self.schedule))
        _check_size(self)

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that runs this spec, quoted for a shell."""
        words = [*shlex.split(program), "race", "--landscape", self.landscape]
        words += [f"--start={number_text(x)},{number_text(y)}" for x, y in self.starts]
        words += rule_words(self.rules)
        words += ["--steps", str(self.steps), "--seed", str(self.seed)]
        if self.schedule != "constant":
            words += ["--schedule", self.schedule]
        return shlex.join(words)


def _starts(starts: Any) -> tuple[Point, ...]:
    points = from_plain(tuple[Point, ...], starts, "starts")
    if len(points) > MAX_STARTS:
        raise SpecError(f"{len(points)} starts are too many, at most {MAX_STARTS} are allowed")
    for i, point in enumerate(points):
        if max(map(abs, point)) > MAX_START:
            raise SpecError(
                f"starts[{i}] is {shown(point)}, but coordinates must lie within +-{MAX_START:g}"
            )
    return points


def _check_size(spec: Experiment) -> None:
    """Refuse a race that would not fit in about one gigabyte."""
    each = spec.steps * len(spec.starts)
    if (points := each * len(spec.rules)) > MAX_POINTS:
        raise SpecError(
            f"{len(spec.rules)} rules x {len(spec.starts)} starts x {spec.steps} steps are "
            f"{points} points, but at most {MAX_POINTS} are allowed"
        )
    probes = (rule.probing.num_probes for _, rule in spec.rules if rule.probing)
    observed = 2 * max(probes, default=2)
    cost = sum(cost_of(rule) + observed for _, rule in spec.rules)
    if (evaluations := each * cost) > MAX_EVALUATIONS:
        raise SpecError(
            f"this race takes {evaluations} function evaluations, probes included, but at most "
            f"{MAX_EVALUATIONS} are allowed: take fewer steps, starts or probes"
        )
