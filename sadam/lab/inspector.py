"""Everything that can be said of one point: slopes, gradients near by, both LGIs, what S-Adam does.

>>> inspect("l1", (0.0, 0.0)).subdifferential.diameter
20.09...
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes import Landscape
from sadam.engine import value_and_grad_of
from sadam.family import brake_of
from sadam.lab.checked import MAX_COORDINATE, check_enough_probes, checked_radius, positive
from sadam.lab.codec import SpecError, from_plain
from sadam.lab.lgi_map import ESTIMATORS, MAX_PROBES, MAX_SAMPLES
from sadam.lab.radius import radius_warnings
from sadam.lab.spec import MAX_SEED, Point, known_landscape, whole
from sadam.lab.subdifferential import Subdifferential, sampled_subdifferential
from sadam.lab.truth import near_kink
from sadam.probes import Kind, directions, lgi_from_slopes, one_sided_lgi, two_sided_lgi

Array = NDArray[np.float64]

ANGLES = 720  # directions of the rose; even, so that every direction has its opposite
SCALES = tuple(10.0**-i for i in range(7))  # of the slice
SLICE_POINTS = 201
NOTICEABLE = 0.05  # an LGI, or a share of the brake, below that is not worth a word


@dataclass(frozen=True)
class Rose:
    """The slopes of f in every direction, over the probe radius.

    Attributes:
        angles: Directions u, ``(n,)``, in radians from the x axis.
        forward: ``D(u) = (f(x + sigma u) - f(x)) / sigma``, ``(n,)``.
        backward: ``-D(-u)``: the slope with which f arrives from behind; equal to ``forward``
            where f is smooth.
        even: ``(D(u) + D(-u)) / 2``; 0 where f is smooth.
        odd: ``(D(u) - D(-u)) / 2``; ``gradient . u`` where f is smooth.
    """

    angles: Array
    forward: Array
    backward: Array
    even: Array
    odd: Array


@dataclass(frozen=True)
class Slice:
    """f along a line through the point, seen from farther and from nearer.

    Attributes:
        angle: The line's direction, in radians.
        scales: Half lengths s, ``(m,)``.
        positions: ``t / s`` from -1 to 1, ``(n,)``.
        differences: ``(f(x + t u) - f(x)) / s``, ``(m, n)``: a smooth function becomes a straight
            line as s falls, a kink stays.
    """

    angle: float
    scales: Array
    positions: Array
    differences: Array


@dataclass(frozen=True)
class Interval:
    """A random number over repeated draws: its mean, and where nine tenths of it lie."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Estimate:
    """One estimator at the point.

    Attributes:
        drawn: LGI of the probes that were drawn.
        drawn_brake: Their brake.
        lgi: LGI over repeated draws of k directions.
        brake: Brake over the same draws.
        limit: LGI of all directions of the rose at once, as k grows.
    """

    drawn: float
    drawn_brake: float
    lgi: Interval
    brake: Interval
    limit: float


@dataclass(frozen=True)
class Inspection:
    """What :func:`inspect` found.

    Attributes:
        landscape: The landscape.
        point: The point.
        radius: Probe radius, and radius of the ball in which gradients are sampled.
        num_probes: Directions k that the optimizer draws.
        value: f at the point.
        gradient: The gradient, or what the landscape returns for one at a kink, ``(2,)``.
        rose: Slopes in all directions.
        probes: Angles of the k directions drawn, ``(k,)``.
        subdifferential: Gradients near by.
        slice: f along a line.
        estimates: Both estimators.
        kink_near: Whether a declared kink passes within the radius.
        warnings: Sentences about a radius that does not suit the landscape; empty if it does.
        sentence: What S-Adam would do here, and why.
    """

    landscape: Landscape
    point: Point
    radius: float
    num_probes: int
    value: float
    gradient: Array
    rose: Rose
    probes: Array
    subdifferential: Subdifferential
    slice: Slice
    estimates: Mapping[Kind, Estimate]
    kink_near: bool
    warnings: tuple[str, ...]
    sentence: str


def inspect(
    landscape: Landscape | str,
    point: Point,
    *,
    num_probes: int = 2,
    radius: float = 0.01,
    seed: int = 0,
    damping_one_sided: float = 2.0,
    damping_two_sided: float = 4.0,
    num_samples: int = 256,
    repetitions: int = 1000,
    angle: float | None = None,
) -> Inspection:
    """Look at one point of a landscape.

    Args:
        landscape: A landscape, its key, or an own function, ``"= abs(x) + y**2"``.
        point: Where; coordinates within +-1e6.
        num_probes: Directions k that the optimizer draws at each step, 2 to 1024.
        radius: Distance sigma of the probes, above 0 and at most 1e6.
        seed: Seed of all draws, 0 to 2^32 - 1.
        damping_one_sided: Strength lambda of the brake of one-sided probes, at least 0.
        damping_two_sided: Strength lambda of the brake of two-sided probes, at least 0.
        num_samples: Gradients sampled in the ball, 2 to 4096; those that are not finite are left
            out.
        repetitions: Draws behind the intervals, 2 to 100 000.
        angle: Direction of the slice, in radians; by default the one with the largest even part,
            which is across a kink. The slice is NaN where f is not finite.

    Raises:
        SpecError: If an argument is out of its range.
        ValueError: If the landscape is not finite at the point and all round it, or its slopes
            are too large to be squared.
    """
    if not isinstance(landscape, Landscape):
        landscape = known_landscape(landscape)
    point = checked_point(point)
    num_probes = whole("num_probes", num_probes, 1, MAX_PROBES)
    check_enough_probes(num_probes)
    radius = checked_radius(radius)
    seed = whole("seed", seed, 0, MAX_SEED)
    num_samples = whole("num_samples", num_samples, 2, 16 * MAX_SAMPLES)
    repetitions = whole("repetitions", repetitions, 2, 100_000)
    damping: dict[Kind, float] = {
        "one-sided": positive("damping_one_sided", damping_one_sided, zero=True),
        "two-sided": positive("damping_two_sided", damping_two_sided, zero=True),
    }
    x = torch.tensor(point, dtype=torch.float64)
    value, gradient = value_and_grad_of(landscape.value)(x)
    if not bool(torch.isfinite(value)):
        raise ValueError(f"{landscape.label} is not finite at ({point[0]:g}, {point[1]:g})")
    rose = _rose(landscape, x, radius)
    with np.errstate(over="ignore", invalid="ignore"):
        power = np.sum(rose.forward**2)
    drawn = directions(seed, 1, num_probes, 2)[0]
    draws = directions(seed, repetitions, num_probes, 2).transpose(0, 1)
    estimates = {
        kind: _estimate(landscape, x, kind, damping[kind], radius, drawn, draws, rose)
        for kind in ESTIMATORS
    }
    if not math.isfinite(power) or not all(math.isfinite(e.lgi.mean) for e in estimates.values()):
        raise ValueError(
            f"the slopes of {landscape.label} round ({point[0]:g}, {point[1]:g}) are not finite in "
            f"every direction, or too large to be squared, at the radius {radius:g}"
        )
    subdifferential = sampled_subdifferential(landscape, x, radius, num_samples, seed)
    if angle is None:
        angle = _across(rose, gradient)
    kink_near = bool(near_kink(landscape, x[None], radius)[0])
    return Inspection(
        landscape=landscape,
        point=point,
        radius=radius,
        num_probes=num_probes,
        value=float(value),
        gradient=gradient.numpy(),
        rose=rose,
        probes=torch.atan2(drawn[:, 1], drawn[:, 0]).numpy() % (2 * math.pi),
        subdifferential=subdifferential,
        slice=_slice(landscape, x, from_plain(float, angle, "angle")),
        estimates=estimates,
        kink_near=kink_near,
        warnings=radius_warnings(landscape, landscape.window, radius),
        sentence=_sentence(kink_near, radius, rose, estimates, not subdifferential.gradients.any()),
    )


def checked_point(value: object) -> Point:
    """Return a point, its coordinates within what a map may cover.

    Raises:
        SpecError: If it is none.
    """
    point = from_plain(Point, value, "point")
    if max(map(abs, point)) > MAX_COORDINATE:
        raise SpecError(
            f"point is ({point[0]:g}, {point[1]:g}), but coordinates must lie within "
            f"+-{MAX_COORDINATE:g}"
        )
    return point


def _rose(landscape: Landscape, x: Tensor, radius: float) -> Rose:
    angles = torch.arange(ANGLES, dtype=torch.float64) * (2 * math.pi / ANGLES)
    u = torch.stack((angles.cos(), angles.sin()), -1)
    forward = ((landscape.value(x + radius * u) - landscape.value(x)) / radius).numpy()
    opposite = np.roll(forward, -ANGLES // 2)
    with np.errstate(over="ignore", invalid="ignore"):
        even, odd = (forward + opposite) / 2, (forward - opposite) / 2
    return Rose(angles.numpy(), forward, -opposite, even, odd)


def _estimate(
    landscape: Landscape,
    x: Tensor,
    kind: Kind,
    damping: float,
    radius: float,
    drawn: Tensor,
    draws: Tensor,
    rose: Rose,
) -> Estimate:
    lgi_of = one_sided_lgi if kind == "one-sided" else two_sided_lgi
    once = lgi_of(landscape.value, x, drawn, radius)
    often = lgi_of(landscape.value, x, draws, radius)
    forward = torch.from_numpy(rose.forward)
    backward = torch.from_numpy(-rose.backward) if kind == "two-sided" else None
    return Estimate(
        drawn=float(once),
        drawn_brake=float(brake_of(once, damping)),
        lgi=_interval(often),
        brake=_interval(brake_of(often, damping)),
        limit=float(lgi_from_slopes(forward, backward)),
    )


def _interval(sample: Tensor) -> Interval:
    low, high = torch.quantile(sample, torch.tensor([0.05, 0.95], dtype=sample.dtype)).tolist()
    return Interval(float(sample.mean()), low, high)


def _across(rose: Rose, gradient: Tensor) -> float:
    """The direction with the largest even part; along the gradient where there is hardly any."""
    half = ANGLES // 2
    even = np.abs(rose.even[:half])
    if even.max() > 1e-3 * np.abs(rose.odd).max():
        return float(rose.angles[int(even.argmax())])
    return math.atan2(float(gradient[1]), float(gradient[0]))


def _slice(landscape: Landscape, x: Tensor, angle: float) -> Slice:
    positions = torch.linspace(-1, 1, SLICE_POINTS, dtype=torch.float64)
    scales = torch.tensor(SCALES, dtype=torch.float64)
    u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    points = x + (scales[:, None] * positions)[..., None] * u
    differences = (landscape.value(points) - landscape.value(x)) / scales[:, None]
    return Slice(angle, scales.numpy(), positions.numpy(), differences.numpy())


def _sentence(
    kink_near: bool, radius: float, rose: Rose, estimates: Mapping[Kind, Estimate], flat: bool
) -> str:
    """What each estimator would do here, and why, from the numbers; ``flat``: no gradient but 0."""
    one, two = estimates["one-sided"], estimates["two-sided"]
    power = float(np.mean(rose.even**2) + np.mean(rose.odd**2))
    share = float(np.mean(rose.even**2)) / power if power > 0 else 0.0
    percent = f"{100 * share:.0f} %" if share > 0.1 else f"{100 * share:.2g} %"
    if power == 0 and flat:
        why = f"f is flat within {radius:g}, so there is nothing to measure"
    elif power == 0:
        why = (
            f"the differences of f within {radius:g} are lost in rounding, so there is nothing to "
            "measure"
        )
    elif kink_near and share > NOTICEABLE:
        why = (
            f"a kink passes within {radius:g}, and the part of the slopes that does not change "
            f"sign with the direction holds {percent} of their power"
        )
    elif kink_near:
        why = (
            f"a kink passes within {radius:g}, but it is weak beside the slope: only {percent} of "
            "the slopes' power does not change sign with the direction"
        )
    elif share > NOTICEABLE:
        why = (
            f"no kink passes within {radius:g}, yet f bends so much beside its slope that "
            f"{percent} of the slopes' power does not change sign with the direction, as at a kink"
        )
    else:
        why = (
            f"f is smooth within {radius:g}: every slope changes sign with its direction (all but "
            f"{percent} of their power)"
        )
    return (
        f"Here {why}; S-Adam two-sided sees an LGI of {two.lgi.mean:.2f} and {_does(two)}, S-Adam "
        f"as published sees {one.lgi.mean:.2f} and {_does(one)}."
    )


def _does(estimate: Estimate) -> str:
    brake = estimate.brake
    if brake.mean > 1 - NOTICEABLE:
        return "lets Adam's step pass"
    spread = ""
    if brake.high - brake.low > 0.1:
        spread = f" ({brake.low:.2f} to {brake.high:.2f} from draw to draw)"
    return f"multiplies Adam's step by {brake.mean:.2f} on average{spread}"
