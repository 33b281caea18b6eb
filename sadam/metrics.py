"""Chattering and progress as numbers (MATH.md sections 4 and 5).

Every measure takes arrays whose first axis is time and whose other leading axes are independent
trajectories, and returns one number for each trajectory, ``(n, ..., D) -> (...)``. A moving value
is the same measure taken over windows, so each definition is written once.

There is at least one point. A step that cannot be judged (a zero or unmeasured gradient, or one
whose length is 0 or infinite because its square is: below 1e-162, beyond 1e154) does not count. No
trajectory changes another's numbers, and no measure is NaN where points, f and gradients are as the
engine leaves them: finite and within :data:`sadam.engine.LIMIT`, or NaN from a step on. The one
exception is the amplitude of f where f itself never was a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from sadam.checks import shown
from sadam.engine import Trajectories

WELCH_SEGMENT = 256


class Track(NamedTuple):
    """What the measures look at: n points in time, n - 1 steps between them."""

    points: Tensor  # (n, ..., D)
    values: Tensor  # (n, ...)
    grads: Tensor  # (n, ..., D)


def turned(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Where consecutive vectors point more than 90 degrees apart.

    Args:
        vectors: Gradients or steps, ``(n, ..., D)``.

    Returns:
        Two masks ``(n-1, ...)``: the cosine of the angle is negative; both vectors are finite and
        not zero, so that there is an angle at all.
    """
    return _turned(vectors[:-1] * vectors[1:], _norm(vectors))


def _turned(products: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The same from coordinate-wise products ``(n-1, ..., D)`` and lengths ``(n, ...)``."""
    known = (lengths > 0) & (lengths < math.inf)  # false for NaN
    judged = known[:-1] & known[1:]
    return (products.sum(-1) < 0) & judged, judged


def _sign_flips(products: Tensor) -> tuple[Tensor, Tensor]:
    """How many signs change at each step, and of how many: ``(n-1, ...)`` each, float64.

    Args:
        products: Of consecutive gradients, coordinate by coordinate, ``(n-1, ..., D)``.
    """
    sign = torch.sign(products)  # 0 for NaN
    judged = sign.abs().sum(-1).to(torch.float64)
    return (judged - sign.sum(-1)) / 2, judged


def _total(lengths: Tensor) -> Tensor:
    """Sum of lengths ``(n, ...)``; one that was not measured adds nothing."""
    return torch.nan_to_num(lengths, posinf=0.0).sum(0, dtype=torch.float64)


def _rate(event: Tensor, judged: Tensor) -> Tensor:
    """Share of the judged steps at which the event happened."""
    return _share(event.sum(0), judged.sum(0))


def _share(events: Tensor, judged: Tensor) -> Tensor:
    """How many of those judged; 0 where none was."""
    return events / judged.clamp(min=1).to(torch.float64)


def _ratio(part: Tensor, whole: Tensor, empty: float) -> Tensor:
    return torch.where(whole > 0, part / whole, torch.full_like(whole, empty))


def conflict_rate(track: Track) -> Tensor:
    """Share of steps whose gradient points against the previous one: ``cos(g_t, g_{t-1}) < 0``."""
    return _rate(*turned(track.grads))


def sign_flip_rate(track: Track) -> Tensor:
    """Share of (step, coordinate) pairs at which the gradient's sign changes."""
    return _rate(*_sign_flips(track.grads[:-1] * track.grads[1:]))


def reversal_rate(track: Track) -> Tensor:
    """Share of steps that turn back on the previous one: ``cos(s_t, s_{t-1}) < 0``."""
    return _rate(*turned(track.points.diff(dim=0)))


def path_efficiency(track: Track) -> Tensor:
    """Distance from start to end over the path's length; 1 = straight, or not moved at all."""
    return _straightness(
        track.points[-1] - track.points[0], _total(_norm(track.points.diff(dim=0)))
    )


def _straightness(way: Tensor, length: Tensor) -> Tensor:
    return _ratio(_norm(way).to(torch.float64), length, empty=1.0).clamp(max=1.0)


def gradient_variation(track: Track) -> Tensor:
    """Relative gradient variation ``sum |g_t - g_{t-1}| / sum |g_t|``, in [0, 2]."""
    change, power = _norm(track.grads.diff(dim=0)), _norm(track.grads)
    return _ratio(_total(change), _total(power), empty=0.0)


def high_frequency_share(track: Track) -> Tensor:
    """Share of the gradient's power above half the Nyquist frequency (Welch 1967)."""
    frequency, power = gradient_spectrum(track.grads)
    return _ratio(power[frequency > 0.25].sum(0), power.sum(0), empty=0.0)


def gradient_spectrum(grads: Tensor) -> tuple[Tensor, Tensor]:
    """Power spectrum of the gradient, summed over its coordinates (Welch's method).

    Args:
        grads: ``(n, ..., D)``.

    Returns:
        Frequencies in cycles per step, ``(m,)``, from 0 to 0.5; power, ``(m, ...)``. What is not
        finite counts as 0.

    Raises:
        ValueError: If there is no gradient.
    """
    if grads.ndim < 2 or not len(grads) or not grads.is_floating_point():
        raise ValueError(
            f"Invalid grads: {grads.dtype} {tuple(grads.shape)}, must be floating (n, ..., D) with "
            "n at least 1"
        )
    # scipy.signal's welch in a few lines: importing it takes longer than all else of a first race.
    signal = torch.nan_to_num(grads, posinf=0.0, neginf=0.0)
    segment = min(WELCH_SEGMENT, len(signal))
    parts = signal.unfold(0, segment, max(1, segment - segment // 2))  # (segments, ..., D, segment)
    window = torch.hann_window(segment, dtype=signal.dtype)
    spectrum = torch.fft.rfft((parts - parts.mean(-1, keepdim=True)) * window)
    power = spectrum.abs().square().mean(0) / window.square().sum()
    power[..., 1 : (segment + 1) // 2] *= 2  # what stands at negative frequencies
    frequency = torch.fft.rfftfreq(segment, dtype=signal.dtype)
    return frequency, power.sum(-2).movedim(-1, 0)


def tail_amplitude(track: Track) -> Tensor:
    """Interquartile range of f over the last 10 % of steps; NaN where f is not finite there."""
    last = tail(track.values)
    return torch.quantile(last, 0.75, dim=0) - torch.quantile(last, 0.25, dim=0)


def tail(values: Tensor) -> Tensor:
    """The last 10 % of the steps: of ``(n, ...)`` the last :func:`last_steps` of n - 1."""
    return values[-last_steps(len(values) - 1) :]


def last_steps(steps: int) -> int:
    """Return how many the last 10 % of some steps are (50 of 500), at least one, also of none."""
    return max(1, round(steps / 10))


MEASURES: Mapping[str, Callable[[Track], Tensor]] = MappingProxyType(
    {
        "conflict_rate": conflict_rate,
        "sign_flip_rate": sign_flip_rate,
        "reversal_rate": reversal_rate,
        "path_efficiency": path_efficiency,
        "gradient_variation": gradient_variation,
        "high_frequency_share": high_frequency_share,
        "tail_amplitude": tail_amplitude,
    }
)
"""The measures of chattering by name."""


class Tally:
    """The rates of paths that come in stretches and are not kept: sums that add up.

    Args:
        start: Where the paths start, ``(..., D)``.
    """

    def __init__(self, start: Tensor) -> None:
        self.start = start.clone()
        zero = torch.zeros(start.shape[:-1], dtype=torch.float64)
        self._turns, self._flips, self._reversals = ((zero, zero) for _ in range(3))
        self._length = self._change = self._power = zero

    def add(self, points: Tensor, grads: Tensor) -> Tensor:
        """Add a stretch of n steps.

        Args:
            points: ``(n+2, ..., D)``: the point before the first of the stretch, then all from the
                first to the last. At the very beginning the first point twice.
            grads: ``(n+1, ..., D)``: the gradient before the stretch, then those its steps left
                from. At the very beginning NaN, then the gradients. What is NaN does not count.

        Returns:
            Whether each gradient turned against the one before it: 1, 0, or NaN where that cannot
            be judged, ``(n, ...)``.

        Raises:
            ValueError: If there is not one point more than gradients.
        """
        if len(points) != len(grads) + 1:
            raise ValueError(
                f"Invalid points: {len(points)} for {len(grads)} gradients, must be one more"
            )
        steps, products = points.diff(dim=0), grads[:-1] * grads[1:]
        ways, powers = _norm(steps), _norm(grads)
        turns, judged = _turned(products, powers)
        self._turns = _added(self._turns, (turns, judged))
        self._flips = _added(self._flips, _sign_flips(products))
        self._reversals = _added(self._reversals, _turned(steps[:-1] * steps[1:], ways))
        self._length = self._length + _total(ways[1:])
        self._change = self._change + _total(_norm(grads.diff(dim=0)))
        self._power = self._power + _total(powers[1:])
        return torch.where(judged, turns.to(torch.float64), math.nan)

    def measures(self, end: Tensor) -> dict[str, Tensor]:
        """The measures so far, by their names in :data:`MEASURES`.

        Args:
            end: Where the paths are, ``(..., D)``.
        """
        return {
            "conflict_rate": _share(*self._turns),
            "sign_flip_rate": _share(*self._flips),
            "reversal_rate": _share(*self._reversals),
            "path_efficiency": _straightness(end - self.start, self._length),
            "gradient_variation": _ratio(self._change, self._power, empty=0.0),
        }


def _added(sums: tuple[Tensor, Tensor], more: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return sums[0] + more[0].sum(0), sums[1] + more[1].sum(0)


def measure(run: Trajectories, names: Sequence[str] = tuple(MEASURES)) -> dict[str, Tensor]:
    """Measure whole runs.

    Args:
        run: Trajectories from the engine, leading shape ``lead``.
        names: Keys of :data:`MEASURES`.

    Returns:
        For each name a tensor of shape ``lead``.

    Raises:
        ValueError: If there is no such measure.
    """
    _check_names(names)
    track = Track(run.points, run.values, run.grads)
    return {name: MEASURES[name](track) for name in names}


def moving(
    run: Trajectories, window: int, names: Sequence[str] = tuple(MEASURES)
) -> dict[str, Tensor]:
    """Measure windows of ``window`` steps that end at steps ``window .. T``.

    Args:
        run: Trajectories from the engine, leading shape ``lead``.
        window: Length in steps, from 2 to T.
        names: Keys of :data:`MEASURES`.

    Returns:
        For each name a tensor of shape ``(T - window + 1, *lead)``.

    Raises:
        ValueError: If the window does not fit, or there is no such measure.
    """
    _check_names(names)
    if not isinstance(window, Integral) or not 2 <= window <= run.steps:
        raise ValueError(
            f"Invalid window: {shown(window)}, must be from 2 to the {run.steps} steps run"
        )
    track = Track(*(_windows(a, window + 1) for a in (run.points, run.values, run.grads)))
    return {name: MEASURES[name](track) for name in names}


def _check_names(names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in MEASURES]:
        raise ValueError(
            f"Invalid names: {shown(unknown[0])}, must be of {', '.join(map(str, MEASURES))}"
        )


def _windows(array: Tensor, length: int) -> Tensor:
    """``(n, ...) -> (length, n - length + 1, ...)``: time inside the window first."""
    return array.unfold(0, length, 1).movedim(-1, 0)


def kink_crossings(points: Tensor, kinks: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
    """How many kinks each step crosses: sign changes of the kink functions.

    A point exactly on a kink belongs to the side it came from; where a kink function is NaN (the
    kink is hidden there) nothing is crossed.

    Args:
        points: ``(n, ..., D)``; where they are NaN nothing is crossed.
        kinks: Functions ``(..., D) -> (...)`` whose zero sets are the kinks.

    Returns:
        ``(n-1, ...)``, whole numbers as float64.
    """
    crossed = torch.zeros_like(points[1:, ..., 0])
    for kink in kinks:
        sign = torch.sign(kink(points))
        order = torch.arange(len(sign)).view(-1, *([1] * (sign.ndim - 1))).expand_as(sign)
        latest = torch.where(sign != 0, order, 0).cummax(0).values  # last point off the kink
        side = sign.gather(0, latest)
        crossed += side[:-1] * side[1:] < 0
    return crossed


def median(values: Tensor, dim: int = 0) -> Tensor:
    """Median along one axis, of an even number the mean of the middle two, as NumPy has it.

    torch's own takes the lower of the two, which tells of a path that hops between two levels
    its better one.

    Args:
        values: Floating point; infinity is allowed. Where one is NaN, the median is.
        dim: The axis, along which there is at least one value.
    """
    ordered, n = values.sort(dim).values, values.shape[dim]  # NaN comes last
    middle = (ordered.select(dim, (n - 1) // 2) + ordered.select(dim, n // 2)) / 2
    return middle.masked_fill(ordered.select(dim, n - 1).isnan(), math.nan)


def final_gap(run: Trajectories, minimum: float) -> Tensor:
    """Median of ``f - f*`` over the last 10 % of steps, shape ``lead``; infinite if it diverged.

    Args:
        run: Trajectories from the engine, leading shape ``lead``.
        minimum: f*, finite.
    """
    last = median(tail(run.values) - minimum)
    return torch.where(run.diverged_at >= 0, torch.inf, last)


def best_gap(run: Trajectories, minimum: float) -> Tensor:
    """Smallest ``f - f*`` on the way, shape ``lead``; NaN where the start was not finite."""
    return run.values.min(0).values - minimum


def mean_brake(run: Trajectories) -> Tensor:
    """Mean factor on the steps taken, shape ``lead``; 1 for a rule that does not brake."""
    return mean_of_brakes(run.brake)


def mean_of_brakes(brake: Tensor) -> Tensor:
    """Return the mean ``(...)`` of brakes ``(T, ...)``, NaN where no step was taken.

    It is 1 where there was no step at all. Brakes are in [0, 1], of a floating dtype.
    """
    return torch.nan_to_num(brake.nanmean(0), nan=1.0)


def _norm(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors, dim=-1)
