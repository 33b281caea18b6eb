"""Small computations behind the lessons that no other part of the laboratory makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes.formula import Formula
from sadam.engine import Function, value_and_grad_of
from sadam.family import brake_of
from sadam.lab.bias import draw_lgi
from sadam.lab.checked import checked_radius, positive
from sadam.lab.codec import from_plain
from sadam.lab.experiment import Experiment
from sadam.lab.inspector import checked_point
from sadam.lab.lgi_map import ESTIMATORS
from sadam.lab.race import Race, run_race
from sadam.lab.spec import Point, known_landscape, whole
from sadam.lab.subdifferential import Subdifferential, sampled_subdifferential
from sadam.probes import Kind
from sadam.rules import SAdam
from sadam.schedules import SCHEDULES

Array = NDArray[np.float64]

DRAWS = 20_000
_DOUBLINGS, _CUTS, _PARTS = 40, 11, 64  # of the line search: to 1 in 10^16 of the bracket


@dataclass(frozen=True)
class Slopes:
    """A function of one variable and its derivative on a grid and at a point.

    Attributes:
        x: The grid, ``(n,)``.
        value: f on the grid, ``(n,)``.
        slope: Its derivative there, ``(n,)``.
        at: The point.
        value_at: f at the point.
        slope_at: Its derivative there.
        before: Its derivative ``reach`` to the left of the point.
        after: Its derivative ``reach`` to the right.
        reach: That distance.
    """

    x: Array
    value: Array
    slope: Array
    at: float
    value_at: float
    slope_at: float
    before: float
    after: float
    reach: float

    @property
    def curvature(self) -> float:
        """The change of the slope over the distance in which it happens."""
        return (self.after - self.before) / (2 * self.reach)


def kink_slopes(at: float, width: float, reach: float, slope: float = 0.25) -> Slopes:
    """``|x| + slope x``, or rounded: ``sqrt(x^2 + width^2) + slope x``.

    Args:
        at: The point; the grid goes from -1.5 to 1.5, whatever it is.
        width: Radius of the rounding, at least 0, which keeps the kink.
        reach: How far to both sides of the point the derivative is compared, above 0.
        slope: Of what is added to the kink.

    Raises:
        SpecError: If a number is out of its range.
    """
    at, slope = from_plain(float, at, "at"), from_plain(float, slope, "slope")
    width, reach = positive("width", width, zero=True), positive("reach", reach)
    bend = "abs(x)" if width == 0 else "sqrt(x**2 + w**2)"
    f = Formula.parse(f"{bend} + s*x", {"s": slope} | ({"w": width} if width else {}))
    grid = torch.linspace(-1.5, 1.5, 601, dtype=torch.float64)
    x = torch.cat([grid, torch.tensor([at, at - reach, at + reach], dtype=torch.float64)])
    value, grad = value_and_grad_of(f)(torch.stack([x, torch.zeros_like(x)], dim=-1))
    v, g = value.numpy(), grad[:, 0].numpy()
    at_end = map(float, g[601:])
    slope_at, before, after = at_end
    return Slopes(grid.numpy(), v[:601], g[:601], at, float(v[601]), slope_at, before, after, reach)


def autograd_at_zero() -> Mapping[str, float]:
    """What torch's autograd returns at 0 for functions with a kink there, and for one without."""
    functions = {
        "abs(x)": torch.abs,
        "relu(x)": torch.relu,
        "maximum(x, 0)": lambda x: torch.maximum(x, torch.zeros_like(x)),
        "relu(x) - relu(-x)": lambda x: torch.relu(x) - torch.relu(-x),
    }
    found = {}
    for name, function in functions.items():
        x = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (grad,) = torch.autograd.grad(function(x), x)
        found[name] = float(grad)
    return found


def gradients_near(landscape: str, point: Point, radius: float) -> Subdifferential:
    """The gradients within a radius of a point, and their hull.

    Args:
        landscape: Its key, or an own function.
        point: Where; coordinates within +-1e6.
        radius: Of the ball, above 0 and at most 1e6.

    Raises:
        SpecError: If an argument is out of its range.
        ValueError: If no gradient there is finite.
    """
    x = torch.tensor(checked_point(point), dtype=torch.float64)
    return sampled_subdifferential(known_landscape(landscape), x, checked_radius(radius))


def running_means(case: str, num_probes: int, dim: int, seed: int) -> Mapping[Kind, Array]:
    """The mean of the first 1..n LGIs drawn at a known place, for each estimator: ``(n,)``.

    Args:
        case: A name of :data:`sadam.lab.bias.CASES`.
        num_probes: Directions k of each draw, 2 to 1024.
        dim: Dimension D, 2 to a million.
        seed: Of the draws, at least 0.

    Raises:
        SpecError: If an argument is out of its range.
    """
    count = np.arange(1, DRAWS + 1)
    drawn = _drawn(case, num_probes, dim, seed)
    return {kind: np.cumsum(lgi.numpy()) / count for kind, lgi in drawn.items()}


def mean_brakes(case: str, num_probes: int, dim: int, seed: int) -> Mapping[Kind, float]:
    """The mean of S-Adam's brake, at its default damping, over the same draws.

    It brakes by each draw on its own: that is not the brake of the mean LGI, and where single draws
    spread it is larger (Jensen's inequality).

    Arguments and errors as :func:`running_means`.
    """
    found = {}
    for kind, lgi in _drawn(case, num_probes, dim, seed).items():
        row = SAdam(probes=kind).coefficients()
        found[kind] = float(brake_of(lgi, row.damping, row.cap).mean())
    return found


def _drawn(case: str, num_probes: int, dim: int, seed: int) -> Mapping[Kind, Tensor]:
    given = {"num_probes": num_probes, "dim": dim, "seed": seed}
    return _draws(
        from_plain(str, case, "case"), *(from_plain(int, v, name) for name, v in given.items())
    )


@lru_cache(maxsize=64)
def _draws(case: str, num_probes: int, dim: int, seed: int) -> Mapping[Kind, Tensor]:
    return {
        kind: draw_lgi(
            case, kind, num_probes=num_probes, dim=dim, radius=1e-4, repetitions=DRAWS, seed=seed
        )
        for kind in ESTIMATORS
    }


def under_schedules(spec: Experiment) -> dict[str, Race]:
    """The same race under every schedule, by the schedule's key."""
    return {name: run_race(replace(spec, schedule=name)) for name in SCHEDULES}


def steepest_descent(landscape: str, start: Point, steps: int = 30) -> Array:
    """Steepest descent with exact line search: ``(n, 2)``, n at most steps + 1.

    At a kink the gradient is what the landscape returns for one. It ends early where the gradient
    is 0 or not finite, or no step against it leads lower; from a start at which f is not defined
    there is only that start.

    Args:
        landscape: Its key, or an own function.
        start: Where to start; coordinates within +-1e6.
        steps: At most so many, 0 to 1000.

    Raises:
        SpecError: If an argument is out of its range.
    """
    function = known_landscape(landscape).value
    x = torch.tensor(checked_point(start), dtype=torch.float64)
    found = [x]
    for _ in range(whole("steps", steps, 0, 1000)):
        value, grad = value_and_grad_of(function)(x)
        length = torch.linalg.vector_norm(grad)
        if not float(length) > 0:
            break
        new = x - _first_minimum(function, x, grad / length) * grad / length
        if not float(function(new)) < float(value):
            break
        x = new
        found.append(x)
    return torch.stack(found).numpy()


def _first_minimum(function: Function, x: Tensor, against: Tensor) -> float:
    """How far to go from x against a unit direction to the first minimum of f.

    The bracket is doubled until f rises, then cut down to two of its 64 parts again and again.
    """
    far = 1e-3 * 2.0 ** torch.arange(_DOUBLINGS, dtype=torch.float64)
    values = function(x - far[:, None] * against)
    rises = torch.nonzero(values[1:] >= values[:-1])
    high = float(far[int(rises[0]) + 1]) if len(rises) else float(far[-1])
    low = 0.0
    for _ in range(_CUTS):
        at = torch.linspace(low, high, _PARTS + 1, dtype=torch.float64)
        best = int(torch.argmin(function(x - at[:, None] * against)))
        low, high = float(at[max(best - 1, 0)]), float(at[min(best + 1, _PARTS)])
    return (low + high) / 2
