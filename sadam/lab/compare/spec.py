"""Compare: the frozen, validated spec of a comparison, and what it will cost.

    {"kind": "compare", "version": 1, "problems": [{"landscape": "cb2", "start": [2.0, 2.0]}],
     "rules": [...], "lrs": [0.001, ..., 1.0], "schedules": ["constant"],
     "starts": {"kind": "random", "number": 1, "scale": 0.3}, "seeds": 16, "seed": 0, ...}

A *run* is a start with a seed; every rule makes the same ones. A *configuration* is a rule with
one value for each hyperparameter; configuration 0 of a rule is the rule as it is written in the
spec, the others come from the spec's axes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import Any, ClassVar, Literal

from sadam.lab.codec import SpecError, from_plain, nearest, schema, to_plain
from sadam.lab.compare import networks
from sadam.lab.compare.grids import Axis, changed, check_axes, increasing, log_grid
from sadam.lab.compare.problems import (
    Problem,
    Starts,
    check_problems,
    check_starts,
    noun_of,
    problems_of,
)
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES
from sadam.lab.matched import CONTROL
from sadam.lab.rulebook import (
    LabelledRules,
    RuledSpec,
    check_rules,
    make_rules,
    types_of,
    values_of,
)
from sadam.lab.spec import MAX_SEED, known_landscape, known_schedule, number_text, whole
from sadam.lab.training.spec import MAX_WORK
from sadam.rules import AdamW, MomentRule, SAdam, cost_of, key_of
from sadam.text import shown

MAX_LRS = 64
MAX_SEEDS = 1024
MAX_RUNS = 4_000_000  # lanes in all: the table of results has a row of about 100 bytes for each
MAX_EVALUATIONS = 200_000_000_000  # about two hours on two cores; probes included
DEFAULT_TARGETS = (1e-1, 1e-2, 1e-3)


@dataclass(frozen=True)
class Compare(RuledSpec):
    """Rules compared on problems, each at every learning rate of one grid.

    Attributes:
        problems: Landscapes with their starts, and networks, each once.
        rules: ``(label, rule)`` pairs; their ``lr`` does not matter and is set to the grid's first.
        lrs: Learning rates, the same for all rules, positive and increasing, 1 to 64.
        schedules: Keys of learning-rate schedules.
        axes: Further hyperparameters to vary, for heatmaps; what tables and verdicts compare is
            configuration 0 of each rule, so that nobody is tuned more than the others.
        starts: Which starts.
        seeds: Number of seeds, 1 to 1024.
        seed: The first of them; the others follow it.
        steps: Number of steps, 1 to 20 000.
        cost: What is the same for all rules: ``"steps"``, or ``"evaluations"``: then a rule that
            probes takes as many steps as ``steps`` of a rule that does not would pay for.
        targets: Gaps whose first step is recorded, as shares of the gap at the problem's start (of
            a network: of the training loss at each run's own start), positive and decreasing, 1 to
            8; the last is what "reaches the minimum" means.
        controls: Whether to run AdamW at ``lr * mean(brake)`` of each S-Adam run beside it; of
            equal evaluations it has as many as every rule, and so more steps than its S-Adam.
        baseline: Label of the rule that ratios are taken to.

    Raises:
        SpecError: If anything is out of its range; one sentence says what and what is allowed.
    """

    kind: ClassVar[str] = "compare"
    version: ClassVar[int] = 1
    filled: ClassVar[tuple[str, ...]] = ("problems", "lrs")

    problems: tuple[Problem, ...] = ()
    rules: LabelledRules = field(default_factory=lambda: make_rules(PAPER_RULES))
    lrs: tuple[float, ...] = ()
    schedules: tuple[str, ...] = ("constant",)
    axes: tuple[Axis, ...] = ()
    starts: Starts = field(default_factory=lambda: Starts("random", 1, 0.3))
    seeds: int = 16
    seed: int = 0
    steps: int = 500
    cost: Literal["steps", "evaluations"] = "steps"
    targets: tuple[float, ...] = DEFAULT_TARGETS
    controls: bool = True
    baseline: str = ""

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        types = schema(type(self))
        put("problems", check_problems(self.problems or problems_of(("kinked",))))
        put("lrs", increasing("lrs", self.lrs or log_grid(1e-3, 1.0, 16), MAX_LRS))
        first = self.lrs[0]
        put("rules", tuple((n, changed(n, r, lr=first)) for n, r in check_rules(self.rules)))
        put("schedules", _schedules(self.schedules))
        put("axes", check_axes(self.axes, self.rules))
        starts = from_plain(Starts, to_plain(self.starts), "starts")
        put("starts", check_starts(starts, self.problems))
        put("seeds", whole("seeds", self.seeds, 1, MAX_SEEDS))
        put("seed", whole("seed", self.seed, 0, MAX_SEED - self.seeds + 1))
        put("steps", whole("steps", self.steps, 1, MAX_STEPS))
        put("cost", from_plain(types["cost"], self.cost, "cost"))
        put("targets", _targets(self.targets))
        put("controls", from_plain(bool, self.controls, "controls"))
        labels = [label for label, _ in self.rules]
        put("baseline", self.baseline or ("adam" if "adam" in labels else labels[0]))
        if self.baseline not in labels:
            raise SpecError(
                f"no rule is called {shown(self.baseline)}, to be the baseline: "
                f"{nearest(self.baseline, labels)}"
            )
        if taken := {CONTROL + label for label in labels} & set(labels):
            raise SpecError(f"the label {shown(min(taken))} is that of a matched control")
        _check_size(self)

    # ---- what is run

    @property
    def nouns(self) -> str:
        """What is compared on: "landscapes", "networks", or "problems" of both kinds."""
        return noun_of(problem.landscape for problem in self.problems)

    @property
    def runs(self) -> int:
        """Runs of each rule, learning rate and configuration: starts x seeds."""
        return self.seeds * self.starts.count

    @property
    def shared_starts(self) -> int:
        """Starts that all seeds share, those of a grid; 1 where the runs are all independent."""
        return self.starts.count if self.starts.kind == "grid" else 1

    @property
    def independent(self) -> int:
        """What chance is judged by: the starts of a grid, else the runs."""
        return self.shared_starts if self.shared_starts > 1 else self.runs

    @cached_property
    def configurations(self) -> Mapping[str, tuple[MomentRule, ...]]:
        """The configurations of each rule by its label; the first is the rule of the spec."""
        found = {}
        for label, rule in self.rules:
            mine = [axis for axis in self.axes if axis.name in types_of(rule)]
            varied = (
                changed(label, rule, **dict(zip((a.name for a in mine), values, strict=True)))
                for values in product(*(axis.values for axis in mine))
            )
            found[label] = tuple(dict.fromkeys((rule, *varied)))
        return found

    def steps_of(self, rule: MomentRule) -> int:
        """Steps that a rule takes, at least 1."""
        if self.cost == "steps":
            return self.steps
        return max(1, self.steps * 2 // cost_of(rule))

    @property
    def controlled(self) -> tuple[str, ...]:
        """Labels of the rules that have a matched control."""
        return tuple(n for n, rule in self.rules if self.controls and isinstance(rule, SAdam))

    # ---- to a command

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that runs this spec, quoted for a shell."""
        keys = [(label, key_of(rule)) for label, rule in self.rules]
        names = [key if label == key else f"{label}={key}" for label, key in keys]
        words = [*shlex.split(program), "compare"]
        landscapes = [p.landscape for p in self.problems if not p.is_network]
        if known := [name for name in landscapes if not name.startswith("=")]:
            words += ["--landscapes", ",".join(known)]
        for own in (name for name in landscapes if name.startswith("=")):
            words += ["--function", own.removeprefix("=").strip()]
        for net in (p.landscape for p in self.problems if p.is_network):
            words += ["--net", net.removeprefix(networks.PREFIX).strip()]
        words += ["--rules", ",".join(names)]
        for problem in self.problems:
            if problem.start is None:
                continue
            if problem.start != known_landscape(problem.landscape).start:
                words.append(f"--start={problem.landscape}={number_text(problem.start)}")
        for (label, rule), (_, usual) in zip(self.rules, make_rules(names), strict=True):
            for name, value in values_of(rule).items():
                if name != "lr" and value != getattr(usual, name):
                    words.append(f"--set={label}.{name}={number_text(value)}")
        words += ["--lr", number_text(self.lrs), "--schedules", ",".join(self.schedules)]
        words += [f"--grid={axis.name}={number_text(axis.values)}" for axis in self.axes]
        starts = self.starts
        shape = {"own": "", "grid": f":{starts.number}"}.get(
            starts.kind, f":{starts.number}:{number_text(starts.scale)}"
        )
        words += ["--starts", starts.kind + shape, "--seeds", str(self.seeds)]
        words += ["--seed", str(self.seed), "--steps", str(self.steps), "--cost", self.cost]
        words += ["--targets", number_text(self.targets), "--baseline", self.baseline]
        return shlex.join(words if self.controls else [*words, "--no-controls"])


@dataclass(frozen=True)
class Cost:
    """What a comparison takes.

    Attributes:
        lanes: Runs, each a row of the results.
        steps: Their steps.
        evaluations: Function evaluations: a gradient counts 2, a probe 1.
        multiplications: Those of the networks among the problems.
    """

    lanes: int
    steps: int
    evaluations: int
    multiplications: float


def estimate(spec: Compare) -> Cost:
    """Return what a spec takes; nothing is run."""
    places = len(spec.problems) * len(spec.schedules) * len(spec.lrs) * spec.runs
    lanes = steps = evaluations = 0
    work = 0.0
    nets = [problem.landscape for problem in spec.problems if problem.is_network]
    each = places // len(spec.problems)  # places of one problem

    def on_networks(rule: MomentRule, steps: int) -> float:
        return each * sum(networks.work_of(net, rule, steps) for net in nets)

    for label, rules in spec.configurations.items():
        for i, rule in enumerate(rules):
            taken = places * spec.steps_of(rule)
            lanes, steps = lanes + places, steps + taken
            evaluations += taken * cost_of(rule)
            work += on_networks(rule, spec.steps_of(rule))
            if i == 0 and label in spec.controlled:
                taken = places * spec.steps_of(AdamW())
                lanes, steps = lanes + places, steps + taken
                evaluations += taken * cost_of(AdamW())
                work += on_networks(AdamW(), spec.steps_of(AdamW()))
    return Cost(lanes, steps, evaluations, work)


def _check_size(spec: Compare) -> None:
    cost = estimate(spec)
    if cost.lanes > MAX_RUNS:
        raise SpecError(
            f"this comparison makes {cost.lanes} runs, but at most {MAX_RUNS} are allowed: take "
            "fewer starts, seeds, learning rates, rules or landscapes"
        )
    if cost.evaluations > MAX_EVALUATIONS:
        raise SpecError(
            f"this comparison takes {cost.evaluations} function evaluations, probes included, but "
            f"at most {MAX_EVALUATIONS} are allowed: take fewer steps, starts, seeds or probes"
        )
    if cost.multiplications > MAX_WORK:
        raise SpecError(
            f"the networks of this comparison take {cost.multiplications:.1e} multiplications, but "
            f"at most {MAX_WORK:.0e} are allowed: take fewer steps, seeds, learning rates or "
            "probes, smaller batches or networks"
        )


def _targets(values: Any) -> tuple[float, ...]:
    numbers = from_plain(tuple[float, ...], values, "targets")
    return increasing("targets", tuple(sorted(numbers)), 8)[::-1]


def _schedules(values: Any) -> tuple[str, ...]:
    names = from_plain(tuple[str, ...], values, "schedules")
    if not names or len(set(names)) < len(names):
        raise SpecError("schedules must hold at least one key, and none twice")
    return tuple(map(known_schedule, names))
