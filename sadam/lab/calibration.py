"""How well each estimator knows a kink: against the Goldstein diameter and the declared kinks.

    >>> calibrate("cb2", 0.05).roc["two-sided"]
    0.97...

Two measures over all points of a grid. The *rank correlation* (Spearman) with the sampled Goldstein
diameter asks whether a larger LGI goes with a larger spread of the gradients. The *area under the
ROC curve* asks whether a point with a kink within the radius has a larger LGI than one without:
1 is always, 0.5 is chance, 0 is never. The truth for it are the kinks that the landscape declares
(:func:`sadam.lab.truth.near_kink`), not the diameter, which bends alone can make large; the
diameter's own area is reported beside the estimators'.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from landscapes import CATALOGUE, Landscape
from sadam.engine import value_and_grad_of
from sadam.lab.checked import check_enough_probes, checked_radius
from sadam.lab.codec import SpecError, from_plain
from sadam.lab.grid import grid_of
from sadam.lab.lgi_map import ESTIMATORS, MAX_GRID, MAX_PROBES, MIN_GRID, LgiMap, MapResult, run_map
from sadam.lab.roc import Array, Curve, rank_correlation, roc_area, roc_curve
from sadam.lab.spec import MAX_SEED, Spec, known_landscape, number_text, whole
from sadam.lab.truth import near_kink
from sadam.probes import directions, streamed_lgi

Score = Literal["one-sided", "two-sided", "goldstein"]
SCORES: tuple[Score, ...] = ("one-sided", "two-sided", "goldstein")

GOOD_AREA = 0.95
ROUNDING = 1e-9  # LGIs below it, and diameters below it times the largest gradient, are rounding
MOST_POINTS = 2000  # of the scatter
MAX_RADII = 8


@dataclass(frozen=True)
class Calibration:
    """How the estimators do on one landscape at one radius.

    Attributes:
        landscape: The landscape.
        radius: Probe radius and radius of the ball.
        grid: Points along each side of the window.
        num_probes: Directions at each point.
        seed: Seed of directions and samples.
        near_share: Share of the points with a declared kink within the radius; NaN where f is
            finite at none.
        rank: Spearman's rank correlation of each estimator with the Goldstein diameter; NaN where
            one of the two is the same everywhere.
        roc: Area under the ROC curve of each estimator and of the diameter; NaN where no point, or
            every point, has a kink within the radius.
        curves: The ROC curves; empty where there is no area.
        scatter: A sample of the points: ``x``, ``y``, each score under its name, ``near``.
        why: Where the two-sided area is below 0.95, why; else None.
        warnings: Sentences about a radius that does not suit the landscape.
    """

    landscape: Landscape
    radius: float
    grid: int
    num_probes: int
    seed: int
    near_share: float
    rank: Mapping[str, float]
    roc: Mapping[str, float]
    curves: Mapping[str, Curve]
    scatter: pd.DataFrame
    why: str | None
    warnings: tuple[str, ...]


def calibrate(
    landscape: str, radius: float, grid: int = 201, num_probes: int = 64, seed: int = 0
) -> Calibration:
    """Hold both estimators against the truth on every point of a landscape's window.

    Args:
        landscape: Its key, or an own function.
        radius: Probe radius, and radius within which a kink counts, above 0 and at most 1e6.
        grid: Points along each side, 11 to 801.
        num_probes: Directions at each point, 2 to 1024.
        seed: Seed of directions and samples, 0 to 2^32 - 1.

    Raises:
        SpecError: If an argument is out of its range.
    """
    result = run_map(
        LgiMap(
            landscape=landscape, radius=radius, grid=grid, num_probes=num_probes, seed=seed,
            probes=SCORES,
        )
    )  # fmt: skip
    return calibrate_map(result)


def calibrate_map(result: MapResult) -> Calibration:
    """The same from a map that was computed with ``one-sided``, ``two-sided`` and ``goldstein``.

    Points at which one of them is not finite count for nothing.

    Raises:
        ValueError: If the map lacks one of them.
    """
    if missing := [name for name in SCORES if name not in result.fields]:
        raise ValueError(f"the map has no {' and no '.join(missing)}, which a calibration needs")
    spec, landscape = result.spec, result.landscape
    assert spec.window is not None
    points = grid_of(spec.window, spec.grid)[2]
    near = near_kink(landscape, points, spec.radius)
    scores = scores_of(result)
    steep = torch.linalg.vector_norm(value_and_grad_of(landscape.value)(points)[1], dim=-1).numpy()
    known = np.isfinite(steep) & np.all([np.isfinite(s) for s in scores.values()], axis=0)
    points, near, steep = points[torch.from_numpy(known)], near[known], steep[known]
    scores = {name: score[known] for name, score in scores.items()}
    roc = {name: roc_area(score, near) for name, score in scores.items()}
    curves = {
        name: roc_curve(score, near) for name, score in scores.items() if not math.isnan(roc[name])
    }
    chosen = _sample(near, spec.seed)
    frame = pd.DataFrame({"x": points[chosen, 0].numpy(), "y": points[chosen, 1].numpy()})
    for name, score in scores.items():
        frame[name] = score[chosen]
    frame["near"] = near[chosen]
    why = None
    if roc["two-sided"] < GOOD_AREA:
        why = _why(result, points, near, scores, steep, roc["two-sided"])
    return Calibration(
        landscape=landscape,
        radius=spec.radius,
        grid=spec.grid,
        num_probes=spec.num_probes,
        seed=spec.seed,
        near_share=float(near.mean()) if len(near) else math.nan,
        rank={kind: rank_correlation(scores[kind], scores["goldstein"]) for kind in ESTIMATORS},
        roc=roc,
        curves=curves,
        scatter=frame,
        why=why,
        warnings=result.warnings,
    )


def scores_of(result: MapResult) -> dict[str, Array]:
    """Return the scores that a map holds, ``(N,)`` each; what is but rounding is 0, so it ties.

    NaN where the map is; without LGI and diameter there are none. On a linear piece the two-sided
    LGI is about 1e-28 and its ranks are noise.
    """
    scores: dict[str, Array] = {}
    for name in SCORES:
        if name in result.fields:
            score = result.fields[name].ravel().astype(np.float64)
            unit = 1.0
            if name == "goldstein" and np.isfinite(score).any():
                unit = float(np.nanmax(score))
            score[np.abs(score) < ROUNDING * unit] = 0.0
            scores[name] = score
    return scores


def _sample(near: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Indices of at most :data:`MOST_POINTS` points, half of them near a kink if there are many."""
    draw = np.random.default_rng([seed, 3])
    kinked, smooth = np.flatnonzero(near), np.flatnonzero(~near)
    kinked = draw.permutation(kinked)[: max(MOST_POINTS // 2, MOST_POINTS - len(smooth))]
    smooth = draw.permutation(smooth)[: MOST_POINTS - len(kinked)]
    return np.sort(np.concatenate([kinked, smooth]))


def _why(
    result: MapResult,
    points: torch.Tensor,
    near: NDArray[np.bool_],
    scores: Mapping[str, Array],
    steep: Array,
    area: float,
) -> str:
    """Why the two-sided LGI does not tell the points near a kink from the rest, in numbers.

    Three causes, each measured: the ball's rim, where few probes cross the kink; the division by
    the whole power of the slopes, which makes a weak kink on a steep slope small and a mere bend in
    a flat place large; and bends as such.
    """
    spec = result.spec
    close = near_kink(result.landscape, points, spec.radius / 2)
    inner = roc_area(scores["two-sided"][close | ~near], close[close | ~near])
    u = directions(spec.seed, 1, spec.num_probes, 2)[0]
    # Beside a huge zeta the LGI is the power of the even part alone, but for a constant factor.
    undivided = streamed_lgi(
        result.landscape.value, points, u, spec.radius, ("two-sided",), zeta=1e20
    )["two-sided"].numpy()
    even = roc_area(undivided, near)
    lost = near & (scores["two-sided"] < np.quantile(scores["two-sided"][~near], GOOD_AREA))
    said = [
        f"Two-sided ROC area {area:.3f} on {result.landscape.label} at radius {spec.radius:g}, "
        f"below {GOOD_AREA:g}."
    ]
    if lost.any():
        said.append(
            f"{100 * lost.sum() / near.sum():.0f} % of the points near a kink score below the top "
            f"5 % of the others; {100 * (lost & ~close).sum() / lost.sum():.0f} % of those lie in "
            f"the outer half of the ball, where few probes cross the kink (with kinks within half "
            f"the radius the area is {inner:.3f})."
        )
        jump, slope = np.median(scores["goldstein"][lost]), np.median(steep[lost])
        if even > max(area, GOOD_AREA):
            said.append(
                f"LGI is the kink's share of the slopes' power, not its size: the lost points have "
                f"slopes of {slope:.2g} beside a jump of {jump:.2g}. The even part alone, not "
                f"divided by the slopes, would have the area {even:.3f}."
            )
        else:
            said.append(
                f"The even part alone, not divided by the slopes, has the area {even:.3f}: "
                + (
                    "within this radius f bends as much as the weaker kinks jump."
                    if jump > 0
                    else "the gradients sampled at the lost points do not differ."
                )
            )
    return " ".join(said)


@dataclass(frozen=True)
class CalibrationSpec(Spec):
    """A calibration over one landscape or all.

    Attributes:
        landscape: Its key in ``landscapes.CATALOGUE``, an own function, or ``"all"``.
        radii: Probe radii, 1 to 8, each above 0 and at most 1e6; each counts once.
        grid: Points along each side of a window, 11 to 801.
        num_probes: Directions at each point, 2 to 1024.
        seed: Seed of directions and samples, 0 to 2^32 - 1.

    Raises:
        SpecError: If anything is out of its range.
    """

    kind: ClassVar[str] = "calibration"
    version: ClassVar[int] = 1

    landscape: str = "all"
    radii: tuple[float, ...] = (0.01, 0.05)
    grid: int = 201
    num_probes: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        if self.landscape != "all":
            put("landscape", known_landscape(self.landscape).name)
        radii = from_plain(tuple[float, ...], self.radii, "radii")
        if not 1 <= len(radii) <= MAX_RADII:
            raise SpecError(f"radii must be 1 to {MAX_RADII} numbers, not {len(radii)}")
        put("radii", tuple(dict.fromkeys(checked_radius(radius) for radius in radii)))
        put("grid", whole("grid", self.grid, MIN_GRID, MAX_GRID))
        put("num_probes", whole("num_probes", self.num_probes, 1, MAX_PROBES))
        check_enough_probes(self.num_probes)
        put("seed", whole("seed", self.seed, 0, MAX_SEED))

    @property
    def landscapes(self) -> tuple[str, ...]:
        """The keys of the landscapes."""
        return tuple(CATALOGUE) if self.landscape == "all" else (self.landscape,)

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that runs this calibration, quoted for a shell."""
        words = [*shlex.split(program), "calibrate", "--landscape", self.landscape]
        words += ["--radius", number_text(self.radii), "--grid", str(self.grid)]
        words += ["--num-probes", str(self.num_probes), "--seed", str(self.seed)]
        return shlex.join(words)


@dataclass(frozen=True)
class CalibrationReport:
    """Calibrations of a spec's landscapes and radii, in its order."""

    spec: CalibrationSpec
    calibrations: tuple[Calibration, ...]


class CalibrationProgress(NamedTuple):
    """How far a calibration is.

    Attributes:
        step: Calibrations done.
        steps: Calibrations in all.
        result: Returns the report of those that are done.
    """

    step: int
    steps: int
    result: Callable[[], CalibrationReport]


def iter_calibration(
    spec: CalibrationSpec, done: tuple[Calibration, ...] = ()
) -> Iterator[CalibrationProgress]:
    """Calibrate as :func:`run_calibration`, and say how far it is: at first, and after each.

    Args:
        spec: What to do.
        done: The first calibrations of the same spec, where it was stopped before.
    """
    todo = [(key, radius) for key in spec.landscapes for radius in spec.radii]
    yield CalibrationProgress(len(done), len(todo), partial(CalibrationReport, spec, done))
    for key, radius in todo[len(done) :]:
        done += (calibrate(key, radius, spec.grid, spec.num_probes, spec.seed),)
        yield CalibrationProgress(len(done), len(todo), partial(CalibrationReport, spec, done))


def run_calibration(
    spec: CalibrationSpec, progress: Callable[[int, int], None] | None = None
) -> CalibrationReport:
    """Calibrate on every landscape and radius of a spec.

    Args:
        spec: What to do.
        progress: Called before each with how many are done and how many there are.
    """
    so_far = iter_calibration(spec)
    for now in so_far:
        if progress is not None and now.step < now.steps:
            progress(now.step, now.steps)
    return now.result()


_COLUMNS = [
    "landscape", "group", "convex", "radius", "near_share", "roc_two_sided", "roc_one_sided",
    "roc_goldstein", "rank_two_sided", "rank_one_sided", "why",
]  # fmt: skip


def catalogue_table(calibrations: Iterable[Calibration]) -> pd.DataFrame:
    """One row for each calibration; of none there are the columns.

    Columns: ``landscape``, ``group``, ``convex``, ``radius``, ``near_share``, ``roc_two_sided``,
    ``roc_one_sided``, ``roc_goldstein`` (the diameter's own area), ``rank_two_sided``,
    ``rank_one_sided``, ``why`` (empty where there is nothing to explain).
    """
    return pd.DataFrame(
        [
            {
                "landscape": found.landscape.name,
                "group": found.landscape.group,
                "convex": found.landscape.convex,
                "radius": found.radius,
                "near_share": found.near_share,
                "roc_two_sided": found.roc["two-sided"],
                "roc_one_sided": found.roc["one-sided"],
                "roc_goldstein": found.roc["goldstein"],
                "rank_two_sided": found.rank["two-sided"],
                "rank_one_sided": found.rank["one-sided"],
                "why": found.why or "",
            }
            for found in calibrations
        ],
        columns=_COLUMNS,
    )
