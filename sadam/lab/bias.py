"""Bias and spread of the estimators against k, radius and dimension; the theorem on smooth slopes.

Everything here is measured at single points whose answer is known: a slope, a kink, a vertex, a
bend. All of these functions look at two coordinates only, so a probe in dimension D needs only the
first two components of a uniform direction. Their law is exact and cheap in any dimension:
``(z1, z2) / sqrt(z1^2 + z2^2 + s)`` with normal ``z`` and ``s`` chi-squared with D - 2 degrees of
freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sadam.lab.checked import check_enough_probes, checked_radius
from sadam.lab.codec import SpecError, from_plain, nearest, texts
from sadam.lab.lgi_map import ESTIMATORS, MAX_PROBES
from sadam.lab.spec import MAX_SEED, whole
from sadam.probes import ZETA, Kind, lgi_from_slopes
from sadam.text import shown

MAX_DIM = 1_000_000
MAX_REPETITIONS = 100_000
MOST_DRAWN = 100_000_000  # probes x repetitions: some 16 bytes each

THEOREM = (
    "Where f has a gradient g other than 0, the expectation of the one-sided LGI tends to 1 as the "
    "radius goes to 0: for every number k of probes from 2 on, every dimension and every g."
)
PROOF = (
    "For a small radius the slopes are D_i = g . u_i (and zeta is small beside them).",
    "The unbiased variance over the mean square of any k numbers is k/(k-1) (1 - (sum D_i)^2 / "
    "(k sum D_i^2)).",
    "Turning one u_j into -u_j leaves the law of the probes as it is, and sum D_i^2 as well, but "
    "changes the sign of D_i D_j: so every E[D_i D_j / sum D_i^2] with i other than j is 0.",
    "What is left of E[(sum D_i)^2 / sum D_i^2] is E[sum D_i^2 / sum D_i^2] = 1.",
    "Hence E[LGI] = k/(k-1) (1 - 1/k) = 1.",
)
"""The theorem's proof, line by line."""
PROOF_LATEX = (
    r"For a small radius the slopes are $D_i = g \cdot u_i$, and $\zeta$ is small beside them.",
    r"The unbiased variance over the mean square of any $k$ numbers is "
    r"$\frac{k}{k-1}\Bigl(1 - \frac{(\sum D_i)^2}{k \sum D_i^2}\Bigr)$.",
    r"Turning one $u_j$ into $-u_j$ leaves the law of the probes and $\sum D_i^2$ as they are, but "
    r"changes the sign of $D_i D_j$: so $\mathbb{E}\bigl[D_i D_j / \sum D_i^2\bigr] = 0$ for "
    r"$i \neq j$.",
    r"What is left of $\mathbb{E}\bigl[(\sum D_i)^2 / \sum D_i^2\bigr]$ is "
    r"$\mathbb{E}\bigl[\sum D_i^2 / \sum D_i^2\bigr] = 1$.",
    r"Hence $\mathbb{E}[\mathrm{LGI}] = \frac{k}{k-1}\bigl(1 - \frac1k\bigr) = 1$.  ∎",
)
"""The same in Markdown with LaTeX."""


class Case(NamedTuple):
    """A place whose instability is known.

    Attributes:
        title: In words.
        slope: ``(u, sigma) -> (f(x + sigma u) - f(x)) / sigma`` for the first two components of
            directions, ``(..., 2)``.
        limit: ``(kind, sigma, D)`` -> what the LGI tends to as k grows: the powers of even and odd
            part in expectation, put into the formula.
    """

    title: str
    slope: Callable[[Tensor, float], Tensor]
    limit: Callable[[Kind, float, int], float]


def mean_absolute_component(dim: int) -> float:
    """``E|u_1|`` of a uniform direction in R^D: ``Gamma(D/2) / (sqrt(pi) Gamma((D+1)/2))``.

    Args:
        dim: Dimension D, 1 to a million.

    Raises:
        SpecError: If it is out of its range.
    """
    whole("dim", dim, 1, MAX_DIM)
    return math.exp(math.lgamma(dim / 2) - math.lgamma((dim + 1) / 2)) / math.sqrt(math.pi)


def population_lgi(kind: Kind, mean: float, even: float, odd: float, zeta: float = ZETA) -> float:
    """The LGI of infinitely many probes.

    Args:
        kind: Which estimator.
        mean: ``E D``.
        even: ``E e^2``, at least 0.
        odd: ``E o^2``, at least 0; ``E D^2`` is their sum, because even times odd is odd in u.
        zeta: Added to the denominator, above 0.
    """
    power = even + odd
    return (even if kind == "two-sided" else power - mean**2) / (power + zeta)


def _limit_of_slope(kind: Kind, sigma: float, dim: int) -> float:
    return population_lgi(kind, 0.0, 0.0, 1 / dim)


def _limit_of_kink(kind: Kind, sigma: float, dim: int) -> float:
    return population_lgi(kind, mean_absolute_component(dim), 1 / dim, 0.0)


def _limit_of_vertex(kind: Kind, sigma: float, dim: int) -> float:
    # E |u_1 u_2| = 2 / (pi D): on the plane's circle 1/pi, and E(u_1^2 + u_2^2) = 2/D.
    power = 2 / dim + 2 * 2 / (math.pi * dim)
    return population_lgi(kind, 2 * mean_absolute_component(dim), power, 0.0)


def _limit_of_half_kink(kind: Kind, sigma: float, dim: int) -> float:
    return population_lgi(kind, mean_absolute_component(dim), 1 / dim, 1 / dim)


def _limit_of_bend(kind: Kind, sigma: float, dim: int) -> float:
    return population_lgi(kind, sigma / 2, sigma**2 / 4, 1 / dim)


CASES = {
    "slope": Case("slope: x₁", lambda u, s: u[..., 0], _limit_of_slope),
    "kink": Case("kink: |x₁|", lambda u, s: u[..., 0].abs(), _limit_of_kink),
    "vertex": Case("vertex: |x₁| + |x₂|", lambda u, s: u.abs().sum(-1), _limit_of_vertex),
    "kink-and-slope": Case(
        "kink on a slope: |x₁| + x₂", lambda u, s: u[..., 0].abs() + u[..., 1], _limit_of_half_kink
    ),
    "bend": Case("bend: x₁ + |x|²/2", lambda u, s: u[..., 0] + s / 2, _limit_of_bend),
}
"""The places by name, each at the origin."""


@lru_cache(maxsize=8)
def first_components(seed: int, repetitions: int, num_probes: int, dim: int) -> Tensor:
    """Draw the first two components of uniform directions in R^D, ``(k, repetitions, 2)``.

    ``seed`` is at least 0, k and ``repetitions`` at least 1, D at least 2.
    """
    draw = np.random.default_rng([seed, dim, num_probes])
    z = draw.standard_normal((num_probes, repetitions, 2))
    rest = draw.chisquare(dim - 2, (num_probes, repetitions)) if dim > 2 else 0.0
    return torch.from_numpy(z / np.sqrt((z**2).sum(-1) + rest)[..., None])


def draw_lgi(
    case: str,
    kind: Kind,
    *,
    num_probes: int,
    radius: float = 0.01,
    dim: int = 2,
    repetitions: int = 2000,
    seed: int = 0,
) -> Tensor:
    """Draw an LGI again and again at a known place, ``(repetitions,)``.

    Args:
        case: A name of :data:`CASES`.
        kind: Which estimator.
        num_probes: Directions k of each draw, 2 to 100 000; with the repetitions they are at most
            :data:`MOST_DRAWN` in all.
        radius: Probe radius sigma, above 0 and at most 1e6.
        dim: Dimension D, 2 to a million.
        repetitions: Number of draws, 2 to 100 000.
        seed: Of the draws, 0 to 2^32 - 1.

    Raises:
        SpecError: If an argument is out of its range.
    """
    for what, name, known in (("case", case, CASES), ("estimator", kind, ESTIMATORS)):
        if not isinstance(name, str) or name not in known:
            raise SpecError(f"no {what} is called {shown(name)}: {nearest(name, known)}")
    check_enough_probes(whole("num_probes", num_probes, 1, MAX_REPETITIONS))
    whole("dim", dim, 2, MAX_DIM)
    whole("repetitions", repetitions, 2, MAX_REPETITIONS)
    if num_probes * repetitions > MOST_DRAWN:
        raise SpecError(
            f"{num_probes} probes x {repetitions} repetitions are more than {MOST_DRAWN}: take "
            "fewer of one"
        )
    whole("seed", seed, 0, MAX_SEED)
    sigma = checked_radius(radius)
    u = first_components(seed, repetitions, num_probes, dim)
    slope = CASES[case].slope
    return lgi_from_slopes(slope(u, sigma), slope(-u, sigma) if kind == "two-sided" else None, ZETA)


def bias_table(
    cases: Sequence[str],
    *,
    num_probes: Sequence[int] = (2,),
    radii: Sequence[float] = (0.01,),
    dims: Sequence[int] = (2,),
    repetitions: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean and spread of both estimators over all combinations; arguments as :func:`draw_lgi`.

    Returns:
        A row for each; none where a list is empty. Columns: ``case``, ``estimator``,
        ``num_probes``, ``radius``, ``dim``, ``mean``, ``std``, ``error`` (standard error of the
        mean), ``low`` and ``high`` (5 % and 95 %), ``limit`` (the closed form for infinitely many
        probes).

    Raises:
        SpecError: If an argument is out of its range.
    """
    whole_numbers = tuple[int, ...]
    grid = (
        texts(cases, "cases"),
        from_plain(whole_numbers, num_probes, "num_probes"),
        from_plain(tuple[float, ...], radii, "radii"),
        from_plain(whole_numbers, dims, "dims"),
    )
    whole("repetitions", repetitions, 2, MAX_REPETITIONS)
    whole("seed", seed, 0, MAX_SEED)
    return _bias_table(*grid, repetitions, seed).copy()


BIAS_COLUMNS = [
    "case", "estimator", "num_probes", "radius", "dim", "mean", "std", "error", "low", "high",
    "limit",
]  # fmt: skip
"""The columns of :func:`bias_table`."""


@lru_cache(maxsize=8)
def _bias_table(
    cases: tuple[str, ...],
    num_probes: tuple[int, ...],
    radii: tuple[float, ...],
    dims: tuple[int, ...],
    repetitions: int,
    seed: int,
) -> pd.DataFrame:
    rows = []
    for case in cases:
        for k in num_probes:
            for radius in radii:
                for dim in dims:
                    for kind in ESTIMATORS:
                        lgi = draw_lgi(
                            case, kind, num_probes=k, radius=radius, dim=dim,
                            repetitions=repetitions, seed=seed,
                        )  # fmt: skip
                        low, high = np.quantile(lgi.numpy(), [0.05, 0.95])
                        std = float(lgi.std())
                        rows.append(
                            {
                                "case": case,
                                "estimator": kind,
                                "num_probes": k,
                                "radius": radius,
                                "dim": dim,
                                "mean": float(lgi.mean()),
                                "std": std,
                                "error": std / math.sqrt(repetitions),
                                "low": float(low),
                                "high": float(high),
                                "limit": CASES[case].limit(kind, radius, dim),
                            }
                        )
    return pd.DataFrame(rows, columns=BIAS_COLUMNS)


def bias_by_probes(seed: int = 0) -> pd.DataFrame:
    """:func:`bias_table` over k from 2 to 64, in the plane; columns and errors are its."""
    return bias_table(
        ("slope", "kink-and-slope", "kink", "vertex"), num_probes=(2, 4, 8, 16, 32, 64), seed=seed
    )


def bias_by_radius(seed: int = 0) -> pd.DataFrame:
    """:func:`bias_table` over the radius from 1e-4 to 1, in the plane, with k = 2 and 64."""
    radii = tuple(float(r) for r in np.logspace(-4, 0, 13))
    return bias_table(("bend", "kink"), num_probes=(2, 64), radii=radii, seed=seed)


def bias_by_dimension(seed: int = 0) -> pd.DataFrame:
    """:func:`bias_table` over D from 2 to 10 000, with k = 2 and 64."""
    dims = (2, 3, 5, 10, 30, 100, 300, 1000, 3000, 10_000)
    return bias_table(("slope", "kink"), num_probes=(2, 64), dims=dims, seed=seed)


@dataclass(frozen=True)
class Check:
    """The theorem, tried.

    Attributes:
        mean: Mean of the one-sided LGI over the draws.
        error: Its standard error.
        num_probes: Directions k of each draw.
        dim: Dimension D.
        repetitions: Number of draws.
    """

    mean: float
    error: float
    num_probes: int
    dim: int
    repetitions: int

    @property
    def holds(self) -> bool:
        """Whether the mean lies within four standard errors of 1."""
        return abs(self.mean - 1) <= 4 * self.error


def check_theorem(
    num_probes: int = 2, dim: int = 2, *, repetitions: int = 20_000, seed: int = 0
) -> Check:
    """Try :data:`THEOREM` on a slope of length sqrt(D) at random.

    The slope is long enough for zeta not to matter: it takes ``zeta D / |g|^2`` off the 1.

    Args:
        num_probes: Directions k of each draw, 2 to 1024.
        dim: Dimension D, 2 to a million.
        repetitions: Number of draws, 2 to 100 000.
        seed: Of the draws, 0 to 2^32 - 1.

    Raises:
        SpecError: If an argument is out of its range.
    """
    check_enough_probes(whole("num_probes", num_probes, 1, MAX_PROBES))
    whole("dim", dim, 2, MAX_DIM)
    whole("repetitions", repetitions, 2, MAX_REPETITIONS)
    u = first_components(whole("seed", seed, 0, MAX_SEED), repetitions, num_probes, dim)
    lgi = lgi_from_slopes(u[..., 0] * math.sqrt(dim), None, ZETA)
    return Check(
        float(lgi.mean()),
        float(lgi.std()) / math.sqrt(repetitions),
        num_probes,
        dim,
        repetitions,
    )
