"""Probing an objective along random lines: directions, and two estimators of LGI.

Equations are those of MATH.md section 3. Shapes: ``x`` is ``(..., D)``, directions are
``(k, ..., D)``, an LGI is ``(...)``; all of a floating dtype.

The LGI is NaN where a slope (f at the point or a probe) or its square is not finite (beyond 1e154
in float64), and 0 where all vanish when squared. No point changes another's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from sadam.checks import check_probes, check_radius, check_whole, check_zeta, shown
from sadam.pauses import breathe

Kind = Literal["one-sided", "two-sided"]
Sphere = Literal["global", "tensor"]
Function = Callable[[Tensor], Tensor]
ZETA = 1e-6  # what the authors add to the denominator of an LGI
FEW = 4096  # numbers for which one call of cumsum is faster than a call for each term
_TWO = torch.tensor(2.0, dtype=torch.float64)  # faster to multiply by than a Python number
CACHED_NUMBERS = 1 << 20  # larger tables of directions are drawn anew: 16 of 8 MB are kept


@dataclass(frozen=True)
class Probing:
    """How a point is probed.

    Args:
        kind: ``"one-sided"`` (k extra evaluations) or ``"two-sided"`` (2k).
        num_probes: Number k of directions, at least 1.
        radius: Distance sigma of the probes, in units of ``x``; a number or one per trajectory,
            positive and finite in 32 bits: 1.5e-45 to 3.4e38.
        sphere: ``"global"``: unit vectors of the whole space; ``"tensor"``: one in each block of
            coordinates (each parameter tensor).
        zeta: Added to the denominator; a number, positive and finite.

    Raises:
        ValueError: If a field is out of its range.
    """

    kind: Kind = "two-sided"
    num_probes: int = 2
    radius: float | Tensor = 0.01
    sphere: Sphere = "global"
    zeta: float = ZETA

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"Invalid probes: {self.kind!r}, must be one of {get_args(Kind)}")
        if self.sphere not in get_args(Sphere):
            raise ValueError(f"Invalid sphere: {self.sphere!r}, must be one of {get_args(Sphere)}")
        k = self.num_probes
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"Invalid num_probes: {k!r}, must be a whole number of at least 1")
        check_radius(self.radius, torch.float32)
        check_zeta(self.zeta)

    @property
    def evaluations(self) -> int:
        """Extra function evaluations at each point."""
        return self.num_probes * (2 if self.kind == "two-sided" else 1)


def directions(
    seed: int,
    steps: int,
    num_probes: int,
    dim: int,
    *,
    sphere: Sphere = "global",
    sizes: Sequence[int] | None = None,
) -> Tensor:
    """Draw random directions, the same for every trajectory of a seed (common random numbers).

    Probe ``i`` has a random stream of its own, so the first k probes of the first T steps are the
    same whatever else is asked for.

    Args:
        seed: At least 0.
        steps: Number T of steps, at least 0.
        num_probes: Number k of directions for each step, at least 1.
        dim: Dimension D, at least 1.
        sphere: ``"global"``: uniform on the unit sphere of R^D. ``"tensor"``: uniform on the unit
            sphere of each block of coordinates.
        sizes: Lengths of the blocks, summing to D; one block by default.

    Returns:
        Shape ``(T, k, D)``, float64; always finite. A copy, never what is cached.

    Raises:
        ValueError: If an argument is out of its range.
    """
    for name, value, least in (
        ("seed", seed, 0), ("steps", steps, 0), ("num_probes", num_probes, 1), ("dim", dim, 1),
    ):  # fmt: skip
        check_whole(name, value, least)
    if sphere not in get_args(Sphere):
        raise ValueError(f"Invalid sphere: {shown(sphere)}, must be one of {get_args(Sphere)}")
    if sizes and (min(sizes) < 0 or sum(sizes) != dim):
        raise ValueError(f"Invalid sizes: {shown(tuple(sizes))}, must sum to dim, which is {dim}")
    draw = _directions if steps * num_probes * dim <= CACHED_NUMBERS else _directions.__wrapped__
    return draw(seed, steps, num_probes, dim, sphere, tuple(sizes or (dim,))).clone()


@lru_cache(maxsize=16)
def _directions(
    seed: int, steps: int, num_probes: int, dim: int, sphere: Sphere, sizes: tuple[int, ...]
) -> Tensor:
    stream = np.random.default_rng
    draws = [stream([seed, i]).standard_normal((steps, dim)) for i in range(num_probes)]
    u = torch.from_numpy(np.stack(draws, axis=1))
    blocks = u.split(list(sizes) if sphere == "tensor" else [dim], dim=-1)
    return torch.cat([b / torch.linalg.vector_norm(b, dim=-1, keepdim=True) for b in blocks], -1)


def ordered_sum(terms: Tensor) -> Tensor:
    """Sum over the first axis, first to last, whatever the size of the other axes.

    ``Tensor.sum`` chooses its order of additions by the shape of the whole batch; then a
    trajectory's last bits would depend on its neighbours. Both ways below add in the same order:
    few terms in one call, many without striding through memory. ``(k, ...)`` with k at least 1.
    """
    if terms.numel() <= FEW:
        return terms.cumsum(0).select(0, -1)
    total = terms[0].clone()
    for term in terms[1:]:
        total += term
    return total


def _running_sum(terms: Tensor, out: Tensor) -> None:
    """Write the running sums of ``(..., k, n)`` over k; the last is :func:`ordered_sum`'s."""
    if terms.numel() <= FEW:
        torch.cumsum(terms, -2, out=out)
        return
    if out is not terms:
        out.copy_(terms)
    for before, here in pairwise(out.unbind(-2)):
        here += before


def lgi_from_slopes(forward: Tensor, backward: Tensor | None, zeta: float = ZETA) -> Tensor:
    """Turn difference quotients into the LGI (MATH.md 3.1 and 3.2); nothing is checked.

    Args:
        forward: ``D_i = (f(x + sigma u_i) - f(x)) / sigma``, shape ``(k, ...)``, k at least 1.
        backward: ``D_i' = (f(x - sigma u_i) - f(x)) / sigma``, same shape; None for the one-sided
            estimator.
        zeta: Added to the denominator; above 0.

    Returns:
        Shape ``(...)``, rounded to float32 precision but in the dtype of the slopes: difference
        quotients amplify rounding, and two correct runs would part company on the digits beyond.
    """
    floor = floor_in(zeta * power_terms(len(forward), backward is not None), forward.dtype)
    return round_to_float32(lgi_power_ratio(forward, backward, floor))


def power_terms(num_probes: int, two_sided: bool) -> int:
    """How many ``zeta`` stand beside the sum of powers that the estimators divide by."""
    return num_probes * (4 if two_sided else 1)  # 4: the even and odd parts are taken twice


def floor_in(floor: float, dtype: torch.dtype) -> float:
    """Return a floor that does not vanish in a dtype: beside one that does, a flat f is 0 / 0."""
    found = torch.finfo(dtype)
    return max(floor, found.smallest_normal * found.eps)  # the least number above 0


def lgi_power_ratio(forward: Tensor, backward: Tensor | None, floor: float | Tensor) -> Tensor:
    """The LGI before rounding, from slopes ``D_i`` or from differences ``sigma D_i``.

    Both estimators are ratios of sums of powers, so a common factor of the slopes matters only
    beside the floor: ``zeta`` times :func:`power_terms`, times ``sigma^2`` for differences. Other
    arguments and result as :func:`lgi_from_slopes`.
    """
    k = forward.shape[0]
    power = ordered_sum(forward * forward)
    if backward is not None:
        even = forward + backward
        power = ordered_sum(backward * backward).add_(power).mul_(_TWO)
        return _over(ordered_sum(even.mul_(even)), power, floor)
    return _over(_variance(ordered_sum(forward), power, k), power, floor)


# Two-sided, the numerator sum (D_i + D_i')^2 is 4 sum e_i^2, so the denominator is twice the power
# sum D_i^2 + D_i'^2: that is 4 sum e_i^2 + o_i^2.


def _variance(total: Tensor, power: Tensor, k: int) -> Tensor:
    """One-sided numerator from ``sum D_i`` and ``sum D_i^2``; written over the first.

    One pass loses digits of the variance, but only beside the power that it is divided by.
    """
    if k == 1:
        return total.zero_()
    scatter = torch.addcmul(power, total, total, value=-1 / k, out=total)
    return scatter.clamp_(min=0).mul_(k / (k - 1))


def _over(numerator: Tensor, power: Tensor, floor: float | Tensor) -> Tensor:
    """The LGI, written over its numerator; the power is overwritten too."""
    return numerator.div_(power.add_(floor))


class ProbePairs:
    """Both estimators at n points from k probes to each side, in memory made once.

    For a loop that measures again and again at a few points, where fresh memory costs more than
    arithmetic. The numbers are those of :func:`lgi_power_ratio`.

    Attributes:
        differences: To be filled with ``f(x -+ sigma u_i) - f(x)``: backward ones, then forward
            ones, ``(2, k, n)``. Overwritten by :meth:`measure`.
    """

    def __init__(self, num_probes: int, num_points: int, zeta: Tensor) -> None:
        """Make the memory; ``zeta`` times ``sigma^2`` is ``()`` or ``(n,)``, float64, above 0."""
        self._k = num_probes
        memory = torch.empty(4, num_probes, num_points, dtype=torch.float64)
        self.differences, self._squared = memory[:2], memory[:3]
        self._backward, self._forward, self._even, self._totals = memory.unbind(0)
        self._sums = [rows[-1] for rows in memory.unbind(0)]
        self._powers, self._result = memory[:2, -1], memory[2:, -1]
        floors = [zeta * power_terms(num_probes, both) for both in (True, False)]
        rows = torch.stack([floor.expand(num_points) for floor in floors])
        self._floors = rows.clamp_(min=floor_in(0.0, torch.float64))

    def measure(self) -> Tensor:
        """Return the two-sided and the one-sided LGI before rounding, ``(2, n)``."""
        torch.add(self._forward, self._backward, out=self._even)
        _running_sum(self._forward, self._totals)
        self._squared.mul_(self._squared)
        _running_sum(self._squared, self._squared)
        backward, forward, _, total = self._sums
        _variance(total, forward, self._k)
        backward.add_(forward).mul_(_TWO)
        return _over(self._result, self._powers, self._floors)


def streamed_lgi(
    f: Function,
    x: Tensor,
    directions: Tensor,
    radius: float,
    kinds: Collection[Kind] = ("one-sided", "two-sided"),
    *,
    zeta: float = ZETA,
    block: int = 8192,
) -> dict[Kind, Tensor]:
    """Both estimators at many points with many probes, never holding ``(k, N)`` numbers.

    Points are taken in blocks that fit the cache, probes one after the other: only the sums of
    powers that MATH.md 3.1 and 3.2 need are kept. All points share their directions.

    Args:
        f: The objective, ``(..., D) -> (...)``.
        x: Points, ``(N, D)``, float64.
        directions: Unit vectors, ``(k, D)``.
        radius: Probe radius sigma, above 0 and at most 1e150.
        kinds: Which estimators.
        zeta: Added to the denominator; positive and finite.
        block: Points at a time, at least 1.

    Returns:
        The estimators asked for, ``(N,)`` each, rounded to float32 precision; equal to
        :func:`one_sided_lgi` and :func:`two_sided_lgi` up to the order of sums. For one probe the
        one-sided LGI is 0 by definition. NaN as said at the top of the module; differences of f
        below 1e-162 count as 0.

    Raises:
        ValueError: If an argument is out of its range, or shapes do not fit.
    """
    if x.ndim != 2 or directions.ndim != 2:
        raise ValueError(f"Invalid x: shape {tuple(x.shape)}, must be (N, D), directions (k, D)")
    check_probes(x, directions, radius, zeta, largest=1e150)
    check_whole("block", block, least=1)
    if unknown := set(kinds) - set(get_args(Kind)):
        raise ValueError(f"Invalid kinds: {shown(unknown)}, must be of {get_args(Kind)}")
    columns = x.T.contiguous()
    offsets = (directions.to(x.dtype) * radius).unsqueeze(-1)  # (k, D, 1)
    found = {kind: x.new_empty(x.shape[0]) for kind in kinds}
    for start in range(0, x.shape[0], block):
        for kind, lgi in _lgi_of_block(f, columns[:, start : start + block], offsets, kinds,
                                       zeta * radius**2).items():  # fmt: skip
            found[kind][start : start + block] = lgi
    return {kind: round_to_float32(lgi) for kind, lgi in found.items()}


def _lgi_of_block(
    f: Function, columns: Tensor, offsets: Tensor, kinds: Collection[Kind], zeta: float
) -> dict[Kind, Tensor]:
    """One block of :func:`streamed_lgi`: ``(D, n)`` points; ``zeta`` for differences."""
    k = len(offsets)
    value = f(columns.T)
    place = torch.empty_like(columns)
    total, power, power_back, evens = (torch.zeros_like(value) for _ in range(4))
    for offset in offsets:
        breathe()
        forward = f(torch.add(columns, offset, out=place).T) - value
        power.addcmul_(forward, forward)
        if "one-sided" in kinds:
            total += forward
        if "two-sided" in kinds:
            backward = f(torch.sub(columns, offset, out=place).T) - value
            power_back.addcmul_(backward, backward)
            even = forward.add_(backward)
            evens.addcmul_(even, even)
    lgi: dict[Kind, Tensor] = {}
    if "two-sided" in kinds:
        both = power_back.add_(power).mul_(_TWO)
        lgi["two-sided"] = _over(evens, both, floor_in(zeta * power_terms(k, True), value.dtype))
    if "one-sided" in kinds:
        floor = floor_in(zeta * power_terms(k, False), value.dtype)
        lgi["one-sided"] = _over(_variance(total, power, k), power, floor)
    return lgi


def round_to_float32(lgi: Tensor) -> Tensor:
    """Round to float32 precision, keeping the dtype."""
    return lgi.to(torch.float32).to(lgi.dtype)


def _slopes(f: Function, x: Tensor, u: Tensor, radius: float | Tensor, fx: Tensor | None) -> Tensor:
    """Difference quotients along ``u``, shape ``(k, ...)``."""
    sigma = torch.as_tensor(radius, dtype=x.dtype)
    offset = u * (sigma.unsqueeze(-1) if sigma.ndim else sigma)
    return (f(x + offset) - (f(x) if fx is None else fx)) / sigma


def one_sided_lgi(
    f: Function,
    x: Tensor,
    directions: Tensor,
    radius: float | Tensor = 0.01,
    *,
    zeta: float = ZETA,
    value: Tensor | None = None,
) -> Tensor:
    """The LGI as published (Xu et al. 2026; MATH.md 3.1): forward slopes' variance over power.

    On any smooth slope its expectation is 1 for every k >= 2; with k = 1 it is 0 by definition.

    Args:
        f: The objective, ``(..., D) -> (...)``.
        x: Points, ``(..., D)``.
        directions: Unit vectors, ``(k, ..., D)`` (or ``(k, D)`` for all points alike).
        radius: Probe radius sigma, positive and finite; a number or of shape ``(...)``. One too
            small to move ``x`` finds f flat: the LGI is 0.
        zeta: Added to the denominator; positive and finite.
        value: ``f(x)``, ``(...)``, where it is known already.

    Returns:
        Shape ``(...)``, in ``[0, k/(k-1)]``; NaN as said at the top of the module.

    Raises:
        ValueError: If an argument is out of its range, or shapes do not fit.
    """
    directions = aligned(directions, x)
    check_probes(x, directions, radius, zeta)
    return lgi_from_slopes(_slopes(f, x, directions, radius, value), None, zeta)


def two_sided_lgi(
    f: Function,
    x: Tensor,
    directions: Tensor,
    radius: float | Tensor = 0.01,
    *,
    zeta: float = ZETA,
    value: Tensor | None = None,
) -> Tensor:
    """The two-sided LGI (MATH.md 3.2): power of the even part of the slopes over their whole power.

    It is 0 where f is smooth (at rate sigma^2) and rises to 1 at a kink. Arguments and errors as
    :func:`one_sided_lgi`.

    Returns:
        Shape ``(...)``, in ``[0, 1)``; NaN as said at the top of the module.
    """
    directions = aligned(directions, x)
    check_probes(x, directions, radius, zeta)
    value = f(x) if value is None else value
    forward = _slopes(f, x, directions, radius, value)
    return lgi_from_slopes(forward, _slopes(f, x, -directions, radius, value), zeta)


def aligned(u: Tensor, x: Tensor) -> Tensor:
    """Give ``(k, D)`` directions the axes of ``x``, ``(..., D)``; others are left as they are."""
    return u.reshape(u.shape[0], *([1] * (x.ndim - 1)), u.shape[-1]) if u.ndim == 2 else u
