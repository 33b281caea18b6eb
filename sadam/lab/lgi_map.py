"""Maps of what the probes see: both LGIs, their brakes, and the truth to hold them against.

    >>> result = run_map(LgiMap(landscape="cb2", radius=0.05))
    >>> result.fields["two-sided"].shape
    (201, 201)

All points share their directions (common random numbers), so a map is smooth where the landscape
is, and the same spec gives the same numbers everywhere.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes import Landscape
from sadam.engine import value_and_grad_of
from sadam.family import brake_of
from sadam.goldstein import diameter, goldstein_gradients
from sadam.hulls import planar_distance_to_hull
from sadam.lab.checked import check_enough_probes, checked_radius, checked_window, positive
from sadam.lab.codec import SpecError, from_plain
from sadam.lab.experiment import DEFAULT_LANDSCAPE
from sadam.lab.grid import grid_of
from sadam.lab.radius import radius_warnings
from sadam.lab.spec import MAX_SEED, Spec, Window, known_landscape, number_text, whole
from sadam.pauses import breathe
from sadam.probes import Kind, directions, lgi_from_slopes, streamed_lgi

Probes = Literal["one-sided", "two-sided", "goldstein", "stationarity", "spread"]
Array = NDArray[np.float32]

ESTIMATORS: tuple[Kind, ...] = ("one-sided", "two-sided")

MIN_GRID, MAX_GRID = 11, 801
MAX_PROBES = 1024
MAX_SAMPLES = 256
MAX_REPETITIONS = 512
MAX_WORK = 3_000_000_000  # function evaluations, or other work worth as much: about a minute


class Quantity(NamedTuple):
    """What a field of a map holds.

    Attributes:
        title: In words, for a heading.
        unit: What a number of it is, for a colour bar.
        scale: ``"lgi"`` and ``"brake"`` fields share one colour scale each, from 0 to 1;
            ``"free"`` ones have their own.
    """

    title: str
    unit: str
    scale: Literal["lgi", "brake", "free"]


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "one-sided": Quantity("LGI, one-sided (published)", "LGI", "lgi"),
        "two-sided": Quantity("LGI, two-sided", "LGI", "lgi"),
        "brake-one-sided": Quantity("Brake of one-sided probes", "brake", "brake"),
        "brake-two-sided": Quantity("Brake of two-sided probes", "brake", "brake"),
        "goldstein": Quantity("Goldstein diameter", "diameter", "free"),
        "stationarity": Quantity("Distance of 0 to the subdifferential", "distance", "free"),
        "mean-one-sided": Quantity("Mean one-sided LGI of the optimizer's draws", "LGI", "lgi"),
        "mean-two-sided": Quantity("Mean two-sided LGI of the optimizer's draws", "LGI", "lgi"),
        "spread-one-sided": Quantity("Spread of the one-sided LGI", "standard deviation", "lgi"),
        "spread-two-sided": Quantity("Spread of the two-sided LGI", "standard deviation", "lgi"),
    }
)  # fmt: skip
"""Every field a map can have."""


@dataclass(frozen=True)
class LgiMap(Spec):
    """A map of a landscape: what is measured at every point of a grid over a window.

    Attributes:
        landscape: Its key in ``landscapes.CATALOGUE``, or an own function, ``"= abs(x) + y**2"``.
        window: ``((x_min, x_max), (y_min, y_max))``, within +-1e6; the landscape's own if None.
        grid: Points along each side, 11 to 801.
        probes: What is measured: ``"one-sided"`` and ``"two-sided"`` LGI with their brakes,
            ``"goldstein"`` (diameter of the gradients sampled within ``radius``),
            ``"stationarity"`` (distance of 0 to the hull of the same gradients), ``"spread"`` (mean
            and standard deviation of the LGIs as the optimizer draws them).
        num_probes: Directions k at each point, 1 to 1024; 2 or more for one-sided probes.
        radius: Distance sigma of the probes; radius of the ball in which gradients are sampled.
            Above 0, at most 1e6; a warning says where it does not suit the landscape.
        seed: Seed of directions and samples, 0 to 2^32 - 1.
        damping_one_sided: Strength lambda of the brake of one-sided probes, at least 0.
        damping_two_sided: Strength lambda of the brake of two-sided probes, at least 0.
        num_samples: Gradients sampled at each point, 2 to 256.
        spread_probes: Directions that the optimizer draws at each step, for ``"spread"``; as
            ``num_probes``.
        repetitions: How often it draws them, for ``"spread"``, 2 to 512.

    Raises:
        SpecError: If anything is out of its range; one sentence says what and what is allowed.
    """

    kind: ClassVar[str] = "lgi-map"
    version: ClassVar[int] = 1

    landscape: str = DEFAULT_LANDSCAPE
    window: Window | None = None
    grid: int = 201
    probes: tuple[Probes, ...] = ("one-sided", "two-sided", "goldstein")
    num_probes: int = 64
    radius: float = 0.01
    seed: int = 0
    damping_one_sided: float = 2.0
    damping_two_sided: float = 4.0
    num_samples: int = 64
    spread_probes: int = 2
    repetitions: int = 32

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        known = known_landscape(self.landscape)
        put("landscape", known.name)
        put("window", checked_window(known.window if self.window is None else self.window))
        put("grid", whole("grid", self.grid, MIN_GRID, MAX_GRID))
        put("probes", tuple(dict.fromkeys(from_plain(tuple[Probes, ...], self.probes, "probes"))))
        if not self.probes:
            raise SpecError("probes must name at least one thing to measure")
        put("num_probes", whole("num_probes", self.num_probes, 1, MAX_PROBES))
        put("num_samples", whole("num_samples", self.num_samples, 2, MAX_SAMPLES))
        put("spread_probes", whole("spread_probes", self.spread_probes, 1, MAX_PROBES))
        put("repetitions", whole("repetitions", self.repetitions, 2, MAX_REPETITIONS))
        put("seed", whole("seed", self.seed, 0, MAX_SEED))
        put("radius", checked_radius(self.radius))
        for name in ("damping_one_sided", "damping_two_sided"):
            put(name, positive(name, getattr(self, name), zero=True))
        for name, used in (("num_probes", "one-sided"), ("spread_probes", "spread")):
            if used in self.probes and "one-sided" in self.estimators:
                check_enough_probes(getattr(self, name), name)
        if (work := self.work) > MAX_WORK:
            raise SpecError(
                f"this map takes {work} function evaluations, or other work worth as much, but at "
                f"most {MAX_WORK} are allowed: take a coarser grid, fewer probes or fewer samples"
            )

    @property
    def estimators(self) -> tuple[Kind, ...]:
        """Which LGIs are measured; both if only their spread is asked for."""
        return tuple(kind for kind in ESTIMATORS if kind in self.probes) or (
            ESTIMATORS if "spread" in self.probes else ()
        )

    @property
    def work(self) -> int:
        """Function evaluations, and other work in units of one."""
        n = self.num_samples
        each = 2 * self.num_probes * any(kind in self.probes for kind in ESTIMATORS)
        each += 4 * self.spread_probes * self.repetitions * ("spread" in self.probes)
        each += (4 * n + n * n // 4) * ("goldstein" in self.probes)
        each += 8 * n * ("stationarity" in self.probes)
        return self.grid**2 * each

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that computes this map, quoted for a shell."""
        words = [*shlex.split(program), "lgi-map", "--landscape", self.landscape]
        words += ["--probes", ",".join(self.probes), "--grid", str(self.grid)]
        words += ["--num-probes", str(self.num_probes), "--radius", number_text(self.radius)]
        words += ["--seed", str(self.seed)]
        if self.window != known_landscape(self.landscape).window:
            assert self.window is not None
            words.append(f"--window={number_text(self.window)}")
        for field in fields(self):
            if field.name in ADVANCED and (value := getattr(self, field.name)) != field.default:
                words += [f"--{field.name.replace('_', '-')}", number_text(value)]
        return shlex.join(words)


ADVANCED = (
    "damping_one_sided",
    "damping_two_sided",
    "num_samples",
    "spread_probes",
    "repetitions",
)
"""Fields that the command line names only where they differ from their defaults."""


@dataclass(frozen=True)
class MapResult:
    """A map that was computed.

    Attributes:
        spec: What was asked for.
        landscape: The landscape.
        x: Grid along x, ``(grid,)``.
        y: Grid along y, ``(grid,)``.
        fields: Each quantity by its name in :data:`QUANTITIES`, ``(grid, grid)``, rows are y,
            float32; NaN where the landscape, a slope or a gradient is not finite, or too large to
            be squared.
        warnings: Sentences about a radius that does not suit the landscape or the window, and about
            points at which there is nothing to measure.
        seconds: Time taken by each part.
    """

    spec: LgiMap
    landscape: Landscape
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    fields: Mapping[str, Array]
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]


def run_map(spec: LgiMap) -> MapResult:
    """Compute a map. The same spec gives the same numbers everywhere.

    A point at which there is nothing to measure is NaN and changes no other.
    """
    torch.set_num_threads(1)  # faster at this size, and steady beside a busy neighbour
    landscape = known_landscape(spec.landscape)
    assert spec.window is not None
    x, y, points = grid_of(spec.window, spec.grid)
    found: dict[str, Tensor] = {}
    seconds: dict[str, float] = {}
    with torch.inference_mode():
        kinds = tuple(kind for kind in ESTIMATORS if kind in spec.probes)
        if kinds:
            with _timed(seconds, "lgi"):
                u = directions(spec.seed, 1, spec.num_probes, 2)[0]
                lgi = streamed_lgi(landscape.value, points, u, spec.radius, kinds)
                found |= lgi
                for kind in kinds:
                    damping = getattr(spec, f"damping_{kind.replace('-', '_')}")
                    found[f"brake-{kind}"] = brake_of(lgi[kind], damping)
        if "spread" in spec.probes:
            with _timed(seconds, "spread"):
                found |= _spread(spec, landscape, points)
    if {"goldstein", "stationarity"} & set(spec.probes):
        with _timed(seconds, "gradients"):
            found |= _subdifferential(spec, landscape, points)
    with torch.inference_mode():
        outside = ~torch.isfinite(landscape.value(points)).numpy()
    fields = {
        name: _field(found[name], outside).reshape(spec.grid, spec.grid)
        for name in QUANTITIES
        if name in found
    }
    warnings = radius_warnings(landscape, spec.window, spec.radius)
    if share := float(np.mean(np.any([np.isnan(field) for field in fields.values()], axis=0))):
        warnings = (
            f"At {100 * share:.3g} % of the points, flat grey in the pictures, the function, a "
            "slope or a gradient is not finite: they count in no mean.",
            *warnings,
        )
    return MapResult(spec, landscape, x, y, fields, warnings, seconds)


def _field(values: Tensor, outside: NDArray[np.bool_]) -> Array:
    """The values as float32, NaN where they or the landscape are not finite."""
    with np.errstate(over="ignore"):
        field = values.numpy().astype(np.float32)
    field[outside | ~np.isfinite(field)] = np.nan
    return field


def _spread(spec: LgiMap, landscape: Landscape, points: Tensor) -> dict[str, Tensor]:
    """Mean and standard deviation of the LGIs over repeated draws of k directions."""
    f, k = landscape.value, spec.spread_probes
    offsets = directions(spec.seed, spec.repetitions, k, 2)[:, :, None] * spec.radius
    found = {
        f"{what}-{kind}": points.new_empty(len(points))
        for kind in spec.estimators
        for what in ("mean", "spread")
    }
    block = max(256, 8192 // k)
    for start in range(0, len(points), block):
        here = slice(start, start + block)
        x = points[here]
        value = f(x)
        sums = {
            kind: (torch.zeros_like(value), torch.zeros_like(value)) for kind in spec.estimators
        }
        for offset in offsets:
            breathe()
            forward = (f(_columns(x + offset)) - value) / spec.radius
            for kind in spec.estimators:
                backward = None
                if kind == "two-sided":
                    backward = (f(_columns(x - offset)) - value) / spec.radius
                lgi = lgi_from_slopes(forward, backward)
                sums[kind][0].add_(lgi)
                sums[kind][1].addcmul_(lgi, lgi)
        n = spec.repetitions
        for kind, (total, power) in sums.items():
            found[f"mean-{kind}"][here] = total / n
            variance = (power - total * total / n) / (n - 1)
            found[f"spread-{kind}"][here] = variance.clamp_(min=0).sqrt_()
    return found


def _columns(x: Tensor) -> Tensor:
    """The same points, ``(..., 2)``, with each component contiguous in memory."""
    return x.movedim(-1, 0).contiguous().movedim(0, -1)


def _subdifferential(spec: LgiMap, landscape: Landscape, points: Tensor) -> dict[str, Tensor]:
    """Goldstein diameter and distance of 0 to the hull, from the same sampled gradients."""
    value_and_grad = value_and_grad_of(landscape.value)
    measures: dict[str, Callable[[Tensor], Tensor]] = {
        "goldstein": lambda g: diameter((g - g[:1]).float()),  # centred: float32 will do
        "stationarity": planar_distance_to_hull,
    }
    wanted: dict[str, Tensor] = {}
    for name in measures:
        if name in set(spec.probes):
            wanted[name] = points.new_empty(len(points))
    block = max(64, 65536 // spec.num_samples)
    for start in range(0, len(points), block):
        breathe()
        here = slice(start, start + block)
        grads = goldstein_gradients(
            value_and_grad, points[here], spec.radius, spec.num_samples, seed=spec.seed
        )
        for name, field in wanted.items():
            field[here] = measures[name](grads)
    return wanted


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began
