"""Problems: which landscapes and networks are compared on, and where the runs start."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sadam.lab.codec import SpecError, from_plain, nearest, texts, to_plain
from sadam.lab.compare.networks import canonical, is_network, title_of_network
from sadam.lab.experiment import MAX_START
from sadam.lab.spec import Point, known_landscape, whole
from sadam.text import shown

if TYPE_CHECKING:
    from landscapes import Landscape

MAX_PROBLEMS = 64
MAX_OWN = 16  # own functions among them: the minimum of each is searched for, some 0.2 s
MAX_SIDE = 256  # points along each side of a grid of starts
MAX_RANDOM_STARTS = 4096
START_STREAM = 2**31 + 1

TAGS: Mapping[str, Callable[[Landscape], bool]] = MappingProxyType(
    {
        "all": lambda f: True,
        "kinked": lambda f: f.group == "kinked",
        "smooth": lambda f: f.group == "smooth",
        "stepped": lambda f: f.group == "stepped",
        "quantized": lambda f: "quantized" in f.name,
        "convex": lambda f: f.convex,
        "non-convex": lambda f: not f.convex,
        "trap": lambda f: bool(f.traps),
        "composite": lambda f: f.prox is not None,
        "several-minima": lambda f: len(f.minimisers) > 1,
    }
)
"""Kinds of landscapes by the word that chooses them; joined with ``+``, all must hold."""


@dataclass(frozen=True)
class Problem:
    """What is minimised, and where the runs start, or around which point.

    Attributes:
        landscape: A landscape; or a network, as :mod:`sadam.lab.compare.networks` writes it.
        start: Of a landscape; None for a network, whose weights are drawn by each seed.
    """

    landscape: str
    start: Point | None

    @property
    def is_network(self) -> bool:
        """Whether it is a network, not a landscape."""
        return is_network(self.landscape)


@dataclass(frozen=True)
class Starts:
    """Which starts there are; a spec checks the bounds.

    Attributes:
        kind: ``"own"``: the problem's start. ``"grid"``: a grid over the landscape's window.
            ``"random"``: normal around the problem's start, others for each seed.
        number: Points along each side of the grid, at most 256, or random starts of each seed, at
            most 4096.
        scale: Standard deviation of random starts, in units of ``x``, 0 to 1e6.
    """

    kind: Literal["own", "grid", "random"] = "own"
    number: int = 1
    scale: float = 0.3

    @property
    def count(self) -> int:
        """Starts of each seed."""
        return {"own": 1, "grid": self.number**2, "random": self.number}[self.kind]


def problems_of(
    names: Iterable[str], starts: Mapping[str, Point] = MappingProxyType({})
) -> tuple[Problem, ...]:
    """Return the problems that keys and tags name, in the order of the catalogue for each.

    Args:
        names: Keys such as ``"cb2"``, functions such as ``"= abs(x) + abs(y)"``, tags such as
            ``"convex"``, or several with ``+``: ``"convex+kinked"``; networks such as
            ``"net: two-moons; hidden = 16,16"``.
        starts: Other starts than the landscapes' own, by key.

    Returns:
        Each problem once, in the order in which it was named first; none of no names.

    Raises:
        SpecError: If a name is neither, or nothing has all the tags; if there are too many; if a
            start is no point, or is given for what is not named.
    """
    from landscapes import CATALOGUE, is_own  # late: it compiles the whole catalogue

    found: dict[str, Point | None] = {}
    names = texts(names, "landscapes")
    _check_number(names)
    for name in names:
        if is_network(name):
            found[canonical(name)] = None
            continue
        if name in CATALOGUE or is_own(name):
            landscape = known_landscape(name)
            found[landscape.name] = landscape.start
            continue
        tags = name.split("+")
        for tag in tags:
            if tag not in TAGS:
                raise SpecError(
                    f"no landscape and no tag is called {shown(tag)}: "
                    f"{nearest(tag, [*TAGS, *CATALOGUE])}"
                )
        chosen = [f for f in CATALOGUE.values() if all(TAGS[tag](f) for tag in tags)]
        if not chosen:
            raise SpecError(f"no landscape is {' and '.join(tags)}")
        found |= {f.name: f.start for f in chosen}
    if not isinstance(starts, Mapping):
        raise SpecError(f"starts must be given by key, not as {shown(starts)}")
    starts = {
        key: from_plain(Point, at, f"the start of {shown(key)}") for key, at in starts.items()
    }
    for key in starts:
        if is_network(key):
            raise SpecError(f"a start is given for {shown(key)}, whose weights its seeds draw")
        if key not in found:
            raise SpecError(f"a start is given for {shown(key)}, which is not compared")
    return tuple(Problem(key, starts.get(key, start)) for key, start in found.items())


def _check_number(names: Iterable[str]) -> None:
    """Refuse too many, before one of them is looked at."""
    from landscapes import is_own

    names = list(names)
    own = sum(map(is_own, names))
    for number, most, what in (
        (len(names), MAX_PROBLEMS, "problems"),
        (own, MAX_OWN, "own functions"),
    ):
        if number > most:
            raise SpecError(f"{number} {what} are too many, at most {most} are allowed")


def check_problems(problems: Any) -> tuple[Problem, ...]:
    """Return problems, each a network or a landscape with a known minimum, none twice.

    Raises:
        SpecError: If they are none, more than :data:`MAX_PROBLEMS`, or more own functions than
            :data:`MAX_OWN`.
    """
    found = from_plain(tuple[Problem, ...], to_plain(problems), "problems")
    _check_number(problem.landscape for problem in found)
    found = tuple(
        replace(p, landscape=canonical(p.landscape)) if p.is_network else p for p in found
    )
    for i, problem in enumerate(found):
        if problem.landscape in [p.landscape for p in found[:i]]:
            kind = "network" if problem.is_network else "landscape"
            raise SpecError(f"the {kind} {problem.landscape!r} is named twice")
        if problem.is_network:
            if problem.start is not None:
                raise SpecError(
                    f"the start of {shown(problem.landscape)} must be null, as its seeds draw its "
                    f"weights, but is {shown(problem.start)}"
                )
            continue
        landscape = known_landscape(problem.landscape)
        if problem.start is None:
            raise SpecError(f"{problem.landscape} has no start, which a landscape must have")
        if max(map(abs, problem.start)) > MAX_START:
            raise SpecError(
                f"the start of {problem.landscape} is {shown(problem.start)}, but coordinates must "
                f"lie within +-{MAX_START:g}"
            )
        if landscape.minimum is None:
            raise SpecError(f"the minimum of {problem.landscape} is not known: there are no gaps")
        if not landscape.gap_at(problem.start) > 0:
            raise SpecError(
                f"{problem.landscape} starts at its minimum, which leaves nothing to do"
            )
    return found


def title_of_problem(name: str) -> str:
    """Return the title of a landscape or network.

    Raises:
        SpecError: If there is none of that name.
    """
    return title_of_network(name) if is_network(name) else known_landscape(name).title


def short_title(name: str) -> str:
    """Return a title that fits a chart: without what stands in brackets; of a formula the formula.

    No two problems have the same.

    Raises:
        SpecError: If there is none of that name.
    """
    return name if name.startswith("=") else title_of_problem(name).split(" (")[0]


def noun_of(names: Iterable[str], number: int = 2) -> str:
    """Return what some problems are: landscapes (of none too), networks, or problems of both kinds.

    Args:
        names: The problems' names.
        number: How many the word is for: 1 for the singular.
    """
    kinds = {is_network(name) for name in names}
    word = "problem" if len(kinds) > 1 else "network" if True in kinds else "landscape"
    return word if number == 1 else word + "s"


def check_starts(starts: Starts, problems: Iterable[Problem]) -> Starts:
    """Return starts within the bounds; a scale that is not used is the default one.

    Raises:
        SpecError: If they are not.
    """
    most = {"own": 1, "grid": MAX_SIDE, "random": MAX_RANDOM_STARTS}[starts.kind]
    whole("number of starts", starts.number, 1, most)
    if starts.count > 1 and any(problem.is_network for problem in problems):
        raise SpecError(
            f"networks have one start for each seed, which draws the weights, not {starts.count}: "
            "compare them with starts own or random:1, and take more seeds instead"
        )
    if not 0 <= starts.scale <= MAX_START:
        raise SpecError(f"the scale of starts is {starts.scale:g}, but must lie in 0 to 1e6")
    return starts if starts.kind == "random" else replace(starts, scale=0.3)


def draw_starts(problem: Problem, starts: Starts, seed: int) -> NDArray[np.float64]:
    """Return the starts of one seed, ``(starts.count, 2)``; the same for every rule.

    A grid goes along y within x: start ``i * number + j`` is column ``i``, row ``j``. Of a network
    they are NaN: it starts at weights that its seed draws. Problem and starts are those of a spec,
    the seed is at least 0. Random starts may lie anywhere: there the function need not be defined.
    """
    if problem.start is None:
        return np.full((starts.count, 2), np.nan)
    if starts.kind == "own":
        return np.array([problem.start])
    if starts.kind == "grid":
        window = known_landscape(problem.landscape).window
        x, y = (np.linspace(low, high, starts.number) for low, high in window)
        return np.stack([np.repeat(x, starts.number), np.tile(y, starts.number)], axis=1)
    # A stream beside those of the probe directions, which are [seed, number of the probe].
    stream = np.random.default_rng([seed, START_STREAM, zlib.crc32(problem.landscape.encode())])
    return problem.start + starts.scale * stream.standard_normal((starts.number, 2))
