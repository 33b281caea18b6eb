"""Results: the rows of a comparison by rule, and each rule at its own best learning rate.

A problem is named as in the spec, a schedule by its key, a rule by its label, a matched control by
``matched-`` and that of its S-Adam. What is asked of a problem that is not complete, or of a name
that is none of the comparison's, is a ``ValueError`` of one sentence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from sadam.lab.compare.blocks import joined
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import FLOOR, RESAMPLES, medians, resamples
from sadam.lab.matched import CONTROL
from sadam.lab.spec import known_landscape
from sadam.lab.style import STYLES, Style
from sadam.rules import AdamW, MomentRule, cost_of, key_of
from sadam.text import shown

Array = NDArray[np.float64]

_OF_ONE_PROBLEM = ("Results.tuned", "problem_ratio")  # what is remembered, and stays true of it
DASHES = ("", "dash", "6px,2px", "10px,3px,2px,3px")  # of the first of a kind its own


P = ParamSpec("P")
T = TypeVar("T")


def remembered(
    make: Callable[Concatenate[Results, P], T],
) -> Callable[Concatenate[Results, P], T]:
    """Keep with the results what a function makes of them; arguments must be hashable.

    The function is one of results and of names; a ``ValueError`` refuses what is no name.
    """

    @wraps(make)
    def wrapper(results: Results, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (make.__qualname__, args, *sorted(kwargs.items()))
        try:
            known = key in results._memory
        except TypeError:
            raise ValueError(f"results are asked for by names, not by {shown(args)}") from None
        if not known:
            results._memory[key] = make(results, *args, **kwargs)
        return results._memory[key]

    return wrapper


@dataclass(frozen=True)
class Tuned:
    """A rule on one problem under one schedule, at its own best learning rate.

    Attributes:
        rate: Index of that learning rate; for a matched control, of the S-Adam that it goes with.
        gap: Median final gap there.
        gaps: Final gap of each run there, ``(runs,)``.
        samples: Median final gap in each bootstrap resample, tuned anew in each, ``(B,)``.
    """

    rate: int
    gap: float
    gaps: Array
    samples: Array


def _from_the_least_seen(spec: Compare, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Gaps of an own function from the least value that a run saw, where that is below its f*."""
    told = []
    for name in (p.landscape for p in spec.problems if not p.is_network):
        if frame.empty or (landscape := known_landscape(name)).proved:
            continue
        rows = (frame["landscape"] == name).to_numpy()
        below = -float(frame.loc[rows, "best_gap"].min()) if rows.any() else 0.0
        if below <= FLOOR * max(1.0, abs(landscape.minimum)):  # rounding, no lower place
            continue
        frame = frame.assign(
            **{gap: frame[gap] + below * rows for gap in ("final_gap", "best_gap")}
        )
        told.append(
            f"Warning: on {name} runs found f = {landscape.minimum - below:.6g}, less than the "
            f"search had, {landscape.minimum:.6g}: gaps are measured from there, while targets and "
            "the ends called its minimum are those of the search."
        )
    return frame, told


@dataclass(frozen=True)
class Results:
    """What a comparison has found, all of it or what there is by now.

    Attributes:
        spec: What was compared.
        frame: A row for each lane; columns as :func:`sadam.lab.compare.blocks.compute` says.
        notes: A sentence for each thing worth saying about the data.
    """

    spec: Compare
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    _memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, spec: Compare, tables: Sequence[pa.Table], notes: Iterable[str] = ()) -> Results:
        """Return the results that some tables hold, in the order of the plan; of none, too.

        Where a minimum was only searched for and runs went below it, gaps are from the least value
        of all runs, which a note says.
        """
        frame = joined(tables).to_pandas() if tables else pd.DataFrame()
        found, told = _from_the_least_seen(spec, frame)
        return cls(spec, found, (*notes, *told))

    def after(self, earlier: Results | None) -> Results:
        """Take over what is known of problems that were complete already; returns the results.

        Args:
            earlier: Results of the same comparison, from a moment when less of it was done.
        """
        if earlier is not None and earlier.spec == self.spec:
            kept = {k: v for k, v in earlier._memory.items() if k[0] in _OF_ONE_PROBLEM}
            self._memory.update(kept)
        return self

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The rules' labels, each S-Adam followed by its matched control."""
        found: list[str] = []
        for label, _ in self.spec.rules:
            found += [label, CONTROL + label] if label in self.spec.controlled else [label]
        return tuple(found)

    def rule(self, label: str) -> MomentRule:
        """The rule of a label; of a control, and of a label that is none, ``AdamW()``."""
        rules = dict(self.spec.rules)
        return rules[label] if label in rules else AdamW()

    def style(self, label: str) -> Style:
        """How a rule looks and is called; of several of one kind the later ones have other dashes.

        A matched control looks like one, of whatever S-Adam it is.
        """
        if label in STYLES:
            return STYLES[label]
        control = self.control_of(label)
        of = control or label
        key = (CONTROL if control else "") + key_of(self.rule(of))
        alike = [n for n, rule in self.spec.rules if key_of(rule) == key_of(self.rule(of))]
        title = f"Matched to {of}" if control else label
        dash = DASHES[alike.index(of) % len(DASHES)] or STYLES[key].dash
        return replace(STYLES[key], title=title, dash=dash)

    def control_of(self, label: str) -> str | None:
        """The label of the S-Adam that a matched control goes with; None for any other rule."""
        is_control = label not in dict(self.spec.rules)
        return label.removeprefix(CONTROL) if is_control else None

    def cost(self, label: str) -> int:
        """Function evaluations of a step: a gradient counts 2, a probe 1."""
        return cost_of(self.rule(label))

    @cached_property
    def _places(self) -> dict[tuple[str, str, str], NDArray[np.intp]]:
        """Rows of configuration 0 of each landscape, schedule and rule that is complete."""
        if self.frame.empty:
            return {}
        rows = np.flatnonzero(self.frame["configuration"].to_numpy() == 0)
        groups = self.frame.iloc[rows].groupby(["landscape", "schedule", "rule"], observed=True)
        complete = len(self.spec.lrs) * self.spec.runs
        return {
            (str(a), str(b), str(c)): rows[where]
            for (a, b, c), where in groups.indices.items()  # type: ignore[misc]
            if len(where) == complete
        }

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Landscapes of which every rule and schedule is complete."""
        return tuple(
            p.landscape
            for p in self.spec.problems
            if all((p.landscape, s, n) in self._places
                   for s in self.spec.schedules for n in self.labels)
        )  # fmt: skip

    def column(self, landscape: str, schedule: str, label: str, name: str) -> NDArray:
        """A column of a rule as it is in the spec, ``(learning rates, runs)``.

        Raises:
            ValueError: If there is no such rule under that schedule, or it is not complete there.
        """
        key = (landscape, schedule, label)
        if not all(isinstance(name, str) for name in key) or key not in self._places:
            raise ValueError(
                f"nothing is complete of {shown(label)} on {shown(landscape)} under "
                f"{shown(schedule)}"
            )
        rows = self._places[key]
        return self._array(name)[rows].reshape(len(self.spec.lrs), self.spec.runs)

    @remembered
    def _array(self, name: str) -> NDArray:
        """A whole column; texts as Python's."""
        column = self.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            texts = np.array([str(text) for text in column.cat.categories], dtype=object)
            return texts[column.cat.codes.to_numpy()]
        return column.to_numpy()

    def counts(self, landscape: str) -> NDArray[np.int32]:
        """The bootstrap resamples of a problem: the same for every rule (paired)."""
        seed = [self.spec.seed, zlib.crc32(landscape.encode())]
        return resamples(self.spec.runs, seed, RESAMPLES, starts=self.spec.shared_starts)

    @remembered
    def tuned(self, landscape: str, schedule: str, label: str) -> Tuned:
        """Return a rule at its own best learning rate: the one of least median final gap.

        Of equal ones the smallest, also where all are infinite because half of the runs or more
        diverge. A matched control has the learning rates of its S-Adam, and is taken where that
        one is best.
        """
        key = (landscape, schedule, label)
        gaps = self.column(*key, "final_gap")
        middle, drawn = medians(gaps), medians(gaps, self.counts(landscape))
        deciding, decided = middle, drawn
        if (of := self.control_of(label)) is not None:
            theirs = self.column(landscape, schedule, of, "final_gap")
            deciding = medians(theirs)
            decided = medians(theirs, self.counts(landscape))
        rate = int(deciding.argmin())
        samples = np.take_along_axis(drawn, decided.argmin(1)[:, None], 1)[:, 0]
        return Tuned(rate, float(middle[rate]), gaps[rate], samples)
