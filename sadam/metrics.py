"""Chattering and progress as numbers (MATH.md sections 4 and 5).

Every measure takes arrays whose first axis is time and whose other leading axes are independent
trajectories, and returns one number for each trajectory. A moving value is the same measure taken
over windows, so each definition is written once. A step that cannot be judged (a zero or unmeasured
gradient) does not count; no measure is ever NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

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
    before, after = vectors[:-1], vectors[1:]
    judged = _nonzero(before) & _nonzero(after)
    return ((before * after).sum(-1) < 0) & judged, judged


def _nonzero(vectors: Tensor) -> Tensor:
    return torch.isfinite(vectors).all(-1) & (vectors != 0).any(-1)


def _rate(event: Tensor, judged: Tensor, axes: int | tuple[int, ...] = 0) -> Tensor:
    """Share of the judged steps at which the event happened; 0 where none was judged."""
    return event.sum(axes) / judged.sum(axes).clamp(min=1).to(torch.float64)


def _ratio(part: Tensor, whole: Tensor, empty: float) -> Tensor:
    return torch.where(whole > 0, part / whole, torch.full_like(whole, empty))


def conflict_rate(track: Track) -> Tensor:
    """Share of steps whose gradient points against the previous one: ``cos(g_t, g_{t-1}) < 0``."""
    return _rate(*turned(track.grads))


def sign_flip_rate(track: Track) -> Tensor:
    """Share of (step, coordinate) pairs at which the gradient's sign changes."""
    product = track.grads[:-1] * track.grads[1:]
    judged = torch.isfinite(product) & (track.grads[:-1] != 0) & (track.grads[1:] != 0)
    return _rate((product < 0) & judged, judged, (0, -1))


def reversal_rate(track: Track) -> Tensor:
    """Share of steps that turn back on the previous one: ``cos(s_t, s_{t-1}) < 0``."""
    return _rate(*turned(track.points.diff(dim=0)))


def path_efficiency(track: Track) -> Tensor:
    """Distance from start to end over the path's length; 1 = straight, or not moved at all."""
    length = _norm(track.points.diff(dim=0)).sum(0)
    return _ratio(_norm(track.points[-1] - track.points[0]), length, empty=1.0).clamp(max=1.0)


def gradient_variation(track: Track) -> Tensor:
    """Relative gradient variation ``sum |g_t - g_{t-1}| / sum |g_t|``, in [0, 2]."""
    grads = torch.nan_to_num(track.grads, posinf=0.0, neginf=0.0)
    return _ratio(_norm(grads.diff(dim=0)).sum(0), _norm(grads).sum(0), empty=0.0)


def high_frequency_share(track: Track) -> Tensor:
    """Share of the gradient's power above half the Nyquist frequency (Welch 1967)."""
    frequency, power = gradient_spectrum(track.grads)
    return _ratio(power[frequency > 0.25].sum(0), power.sum(0), empty=0.0)


def gradient_spectrum(grads: Tensor) -> tuple[Tensor, Tensor]:
    """Power spectrum of the gradient, summed over its coordinates (Welch's method).

    Args:
        grads: ``(n, ..., D)``.

    Returns:
        Frequencies in cycles per step, ``(m,)``, from 0 to 0.5; power, ``(m, ...)``.
    """
    from scipy.signal import welch  # late: half a second that a start without it need not wait

    signal = torch.nan_to_num(grads, posinf=0.0, neginf=0.0)
    segment = min(WELCH_SEGMENT, len(signal))
    frequency, power = welch(signal.numpy(), nperseg=segment, axis=0, detrend="constant")
    return torch.from_numpy(frequency), torch.from_numpy(power).sum(-1)


def tail_amplitude(track: Track) -> Tensor:
    """Interquartile range of f over the last 10 % of steps."""
    last = tail(track.values)
    return torch.quantile(last, 0.75, dim=0) - torch.quantile(last, 0.25, dim=0)


def tail(values: Tensor) -> Tensor:
    """The last 10 % of the steps (the last 50 of 500), at least one."""
    return values[-max(1, round((len(values) - 1) / 10)) :]


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


def measure(run: Trajectories, names: Sequence[str] = tuple(MEASURES)) -> dict[str, Tensor]:
    """Measure whole runs.

    Args:
        run: Trajectories from the engine, leading shape ``lead``.
        names: Keys of :data:`MEASURES`.

    Returns:
        For each name a tensor of shape ``lead``.
    """
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
        ValueError: If the window does not fit.
    """
    if not 2 <= window <= run.steps:
        raise ValueError(f"Invalid window: {window}, must be from 2 to the {run.steps} steps run")
    track = Track(*(_windows(a, window + 1) for a in (run.points, run.values, run.grads)))
    return {name: MEASURES[name](track) for name in names}


def _windows(array: Tensor, length: int) -> Tensor:
    """``(n, ...) -> (length, n - length + 1, ...)``: time inside the window first."""
    return array.unfold(0, length, 1).movedim(-1, 0)


def kink_crossings(points: Tensor, kinks: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
    """How many kinks each step crosses: sign changes of the kink functions.

    A point exactly on a kink belongs to the side it came from; where a kink function is NaN (the
    kink is hidden there) nothing is crossed.

    Args:
        points: ``(n, ..., D)``.
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


def final_gap(run: Trajectories, minimum: float) -> Tensor:
    """Median of ``f - f*`` over the last 10 % of steps, shape ``lead``; infinite if it diverged."""
    last = (tail(run.values) - minimum).median(0).values
    return torch.where(run.diverged_at >= 0, torch.inf, last)


def best_gap(run: Trajectories, minimum: float) -> Tensor:
    """Smallest ``f - f*`` on the way, shape ``lead``."""
    return run.values.min(0).values - minimum


def mean_brake(run: Trajectories) -> Tensor:
    """Mean factor on the steps taken, shape ``lead``; 1 for a rule that does not brake."""
    return torch.nan_to_num(run.brake.nanmean(0), nan=1.0)


def _norm(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors, dim=-1)
