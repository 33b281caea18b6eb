"""Planes through parameter space: where they lie, what a loss is on them, what they leave out.

Lengths are taken by squares: those between 1e-70 and 1e70 can be relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscapes.base import Point
from landscapes.checks import check_amount, check_whole
from landscapes.nets.layers import ACTIVATIONS
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP, Network

BLOCK_NUMBERS = 1 << 19  # activations of a block: fewer calls weigh more than a smaller cache


@dataclass(frozen=True)
class Plane:
    """The points ``origin + a * first + b * second``.

    Attributes:
        origin: ``(P,)``.
        first: ``(P,)``; need not be a unit vector, nor at right angles to the other.
        second: ``(P,)``; not parallel to ``first``.
        title: How it was laid, in words.

    Raises:
        ValueError: If the shapes differ, or the directions are parallel, 0, not finite or beyond
            the lengths that can be relied on.
    """

    origin: Tensor
    first: Tensor
    second: Tensor
    title: str = ""

    def __post_init__(self) -> None:
        a, b = self.first, self.second
        if not a.shape == b.shape == self.origin.shape == (a.numel(),):
            raise ValueError(
                f"Invalid origin, first and second: shapes {tuple(self.origin.shape)}, "
                f"{tuple(a.shape)} and {tuple(b.shape)}, must be (P,) each"
            )
        area = (a @ a) * (b @ b) - (a @ b) ** 2
        if not bool(area > 1e-20 * (a @ a) * (b @ b)):
            raise ValueError(
                "the plane's two directions are parallel, or one of them is 0, not finite or not "
                "of a length between 1e-70 and 1e70"
            )

    @property
    def directions(self) -> Tensor:
        """Both directions, ``(2, P)``."""
        return torch.stack([self.first, self.second])

    def points(self, coordinates: Tensor) -> Tensor:
        """Return the parameters ``(..., P)`` at coordinates ``(..., 2)``; NaN at one that is.

        Raises:
            ValueError: If the last axis is not 2.
        """
        _check_last("coordinates", coordinates, 2)
        return self.origin + coordinates.to(self.origin.dtype) @ self.directions

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Drop points ``(..., P)`` onto the plane at right angles.

        Returns:
            Their coordinates, ``(..., 2)``, and the relative projection error, ``(...)``: the
            distance from the plane over the distance from its origin, 0 in the plane and 1 where
            nothing of the way lies in it. Both are NaN for a point that is not finite.

        Raises:
            ValueError: If the last axis is not P.
        """
        _check_last("points", points, len(self.origin))
        away = points.to(self.origin.dtype) - self.origin
        d = self.directions
        coordinates = torch.linalg.solve(d @ d.T, (away @ d.T).unsqueeze(-1)).squeeze(-1)
        missed = torch.linalg.vector_norm(away - coordinates @ d, dim=-1)
        length = torch.linalg.vector_norm(away, dim=-1)
        return coordinates, torch.where(length == 0, 0.0, missed / length.clamp(min=1e-300))

    def shifted(self, offset: Tensor) -> Plane:
        """Return the plane moved by a vector ``(P,)``, else a ValueError as at its making."""
        return Plane(self.origin + offset, self.first, self.second, self.title)


def pca_plane(points: Tensor) -> tuple[Plane, Tensor]:
    """Lay the plane with the least squared distance from points (Lorch 2016; Li et al. 2018).

    Args:
        points: ``(N, P)``, such as the points of all trajectories; at least 3, not on one line,
            within 1e150.

    Returns:
        The plane through their mean along the first two principal axes (unit vectors; the largest
        component of each is positive), and the share of the variance on each, ``(2,)``.

    Raises:
        ValueError: If the points do not span a plane, or are not finite.
    """
    if points.ndim != 2:
        raise ValueError(f"Invalid points: shape {tuple(points.shape)}, must be (N, P)")
    points = points.to(torch.float64)
    if not bool((points.abs() <= 1e150).all()):  # false for NaN
        raise ValueError("the plane's points must be finite: leave diverged trajectories out")
    origin = points.mean(0)
    away = points - origin
    if len(points) < points.shape[1]:  # the smaller of the two Gram matrices
        power, axes = torch.linalg.eigh(away @ away.T)
        axes = away.T @ axes[:, -2:]
    else:
        power, axes = torch.linalg.eigh(away.T @ away)
        axes = axes[:, -2:]
    if not len(power) > 1 or not bool(power[-2] > 1e-13 * power[-1]):  # below is rounding
        raise ValueError("the points lie on one line: there is no plane through them to choose")
    axes = axes / torch.linalg.vector_norm(axes, dim=0)
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(0, keepdim=True)))
    share = power[-2:].flip(0) / power.clamp(min=0).sum()
    return Plane(origin, axes[:, 1], axes[:, 0], "principal axes of the trajectories"), share


def random_plane(network: Network, origin: Tensor, seed: int = 0) -> Plane:
    """Lay a plane along two random filter-normalised directions (Li et al. 2018, section 4).

    A direction is normal noise whose every filter (the weights into one unit) is given the length
    of the origin's filter; on biases it is 0, as in the authors' code.

    Args:
        network: What the parameters are of.
        origin: ``(P,)``, finite, with weights that are not all 0.
        seed: Of the noise, at least 0.

    Raises:
        ValueError: If the seed or the origin is not what it must be.
    """
    check_whole("seed", seed)
    _check_finite("origin", origin)
    rng = np.random.default_rng([seed, 0x91A])
    noise = torch.from_numpy(rng.standard_normal((2, network.num_parameters)))
    first, second = (_filter_normalised(network, d, origin.to(torch.float64)) for d in noise)
    return Plane(origin.to(torch.float64), first, second, "two random filter-normalised directions")


def _check_last(name: str, tensor: Tensor, size: int) -> None:
    if tensor.shape[-1:] != (size,):
        raise ValueError(f"Invalid {name}: shape {tuple(tensor.shape)}, must be (..., {size})")


def _check_finite(name: str, point: Tensor) -> None:
    if not bool(torch.isfinite(point).all()) or point.ndim < 1:
        raise ValueError(f"Invalid {name}: must be (P,), and every number of it finite")


def _filter_normalised(network: Network, direction: Tensor, origin: Tensor) -> Tensor:
    like, found = network.unflatten(origin), network.unflatten(direction)
    scaled = {}
    for name, d in found.items():
        if d.ndim == 1:
            scaled[name] = torch.zeros_like(d)
            continue
        lengths = [t.flatten(1).norm(dim=1).view(-1, *[1] * (d.ndim - 1)) for t in (like[name], d)]
        scaled[name] = d * (lengths[0] / lengths[1])
    return network.flatten(scaled)


def line_plane(start: Tensor, end: Tensor, third: Tensor | None = None, seed: int = 0) -> Plane:
    """Lay a plane through two points: ``start`` at (0, 0) and ``end`` at (1, 0).

    Args:
        start: ``(P,)``.
        end: ``(P,)``, another point.
        third: A point that the plane shall contain; None: a random direction.
        seed: Of the random direction, at least 0.

    Returns:
        The plane; its second direction is at right angles to the first and as long.

    Raises:
        ValueError: If the points are equal or all on one line, not finite, or not of one shape.
    """
    check_whole("seed", seed)
    for name, point in (("start", start), ("end", end), ("third", third)):
        if point is not None:
            _check_finite(name, point)
            if point.shape != (len(start),):
                raise ValueError(f"Invalid {name}: shape {tuple(point.shape)}, all must be (P,)")
    start, end = start.to(torch.float64), end.to(torch.float64)
    first = end - start
    if third is None:
        rng = np.random.default_rng([seed, 0x11E])
        second = torch.from_numpy(rng.standard_normal(len(start)))
    else:
        second = third.to(torch.float64) - start
    length = torch.linalg.vector_norm(first)
    if not bool(length > 0):
        raise ValueError("the two points are equal: there is no line between them")
    unit, before = first / length, torch.linalg.vector_norm(second)
    second = second - (second @ unit) * unit
    height = torch.linalg.vector_norm(second)
    if not bool(height > 1e-10 * before):
        raise ValueError("the three points lie on one line: there is no plane to choose")
    return Plane(start, first, second * (length / height), "the line between two points")


def window_of(coordinates: Tensor, margin: float = 0.15) -> tuple[Point, Point]:
    """Return a window round coordinates ``(..., 2)``, wider than them by a share on each side.

    Raises:
        ValueError: If there is no coordinate, one is not finite, or the margin is below 0.
    """
    check_amount("margin", margin)
    shape = tuple(coordinates.shape)
    if shape[-1:] != (2,) or 0 in shape or not bool(torch.isfinite(coordinates).all()):
        raise ValueError(f"Invalid coordinates: shape {shape}, must be finite (..., 2) and some")
    flat = coordinates.reshape(-1, 2)
    low, high = flat.amin(0), flat.amax(0)
    room = torch.clamp(margin * (high - low), min=1e-3 * float((high - low).max()) or 1e-3)
    (x0, y0), (x1, y1) = (low - room).tolist(), (high + room).tolist()
    return (x0, x1), (y0, y1)


class PlaneLoss:
    """A network's loss on a plane: an objective ``(..., 2) -> (...)``.

    Two ways to the LGI over the plane. *Inside* the plane: probe this objective, with directions of
    the plane, as any landscape. In the *full* space: a probe by ``sigma * u`` from every point of
    the plane is the loss on the plane moved by that vector, so the slopes of probe ``u`` are
    ``(PlaneLoss(loss, plane.shifted(sigma * u))(c) - PlaneLoss(loss, plane)(c)) / sigma``. The two
    answer different questions: the first is about the picture, the second about what an optimizer
    that probes there meets.

    Coordinates are floating; one that is not finite has a loss of NaN, and changes no other's.

    Args:
        loss: The objective in parameter space.
        plane: Where to cut it, of as many parameters.
        dtype: What the network is evaluated in: float32 is about twice as fast and right to about
            six digits, float64 for difference quotients.

    Raises:
        ValueError: If the plane is of other parameters, or the dtype is not a floating one.
    """

    def __init__(self, loss: NetworkLoss, plane: Plane, dtype: torch.dtype = torch.float64) -> None:
        if len(plane.origin) != loss.num_parameters or not dtype.is_floating_point:
            raise ValueError(
                f"Invalid plane or dtype: {len(plane.origin)} parameters in {dtype}, must be "
                f"{loss.num_parameters} in float32 or float64"
            )
        self.loss, self.plane, self.dtype = loss, plane, dtype
        rows = torch.stack([plane.origin, plane.first, plane.second]).to(dtype)
        net = loss.network
        affine = isinstance(net, MLP) and not net.quantized
        self._fast = _AffinePlane(net, loss, rows) if affine else None  # type: ignore[bad-argument-type]

    def __call__(self, x: Tensor) -> Tensor:
        """Return the loss at coordinates ``(..., 2)``, without gradient, in the dtype of ``x``.

        Raises:
            ValueError: If the last axis is not 2.
        """
        _check_last("coordinates", x, 2)
        flat = x.detach().reshape(-1, 2)
        if self._fast is not None:
            value = self._fast(flat.to(self.dtype))
        else:
            parts = [  # never all parameter vectors at once
                self.loss(self.plane.points(c.to(self.plane.origin)).to(self.dtype))
                for c in flat.split(self.loss.block)
            ]
            value = torch.cat(parts)
        return value.to(x.dtype).view(x.shape[:-1])


class _AffinePlane:
    """Evaluates an MLP without quantization on a plane, in blocks.

    Its first pre-activations are affine in the coordinates: those of all examples are one product
    with a table made once. Features come ahead of examples, and every layer has one unit more whose
    activation is 1 and stands for the bias of the next, so that a layer is one product and one
    activation in place.
    """

    def __init__(self, net: MLP, loss: NetworkLoss, rows: Tensor) -> None:
        self.loss, self.rows, self.act = loss, rows, ACTIVATIONS[net.activation]
        inputs, self.targets = loss.encoded(rows.dtype)
        x = torch.nn.functional.pad(inputs[0].flatten(1), (0, 1), value=1.0)  # (B, in + 1)
        first, *rest = net.matrices(rows)  # (3, in + 1, out) each: origin and two directions
        table = torch.nn.functional.pad(first.transpose(1, 2) @ x.T, (0, 0, 0, 1))
        table[0, -1] = self.act.unit
        self.table = table.flatten(1)  # (3, (h + 1) * B)
        self.layers: list[Tensor] = []
        for w in rest[:-1]:
            w_unit = torch.nn.functional.pad(w, (0, 1))
            w_unit[0, -1, -1] = self.act.unit
            self.layers.append(w_unit)
        self.layers.append(rest[-1])
        self.examples = len(x)
        units = sum(net.hidden) + len(net.hidden)
        self.block = max(1, BLOCK_NUMBERS // (2 * self.examples * units))

    def __call__(self, coordinates: Tensor) -> Tensor:
        """Return the objective, ``(N,)``, at ``(N, 2)``."""
        n = min(self.block, len(coordinates))
        factors = torch.nn.functional.pad(coordinates, (1, 0), value=1.0)  # 1, a, b
        sides = [self.table.shape[1] // self.examples, *(w.shape[2] for w in self.layers)]
        units = [self.rows.new_empty(n, side, self.examples) for side in sides]
        flat = [w.flatten(1) for w in self.layers]
        values = []
        for own in factors.split(self.block):
            m = len(own)
            z = units[0][:m]
            torch.mm(own, self.table, out=z.view(m, self.table.shape[1]))
            for layer, w, after in zip(self.layers, flat, units[1:], strict=True):
                self.act.into(z, z)
                weights = (own @ w).view(m, *layer.shape[1:]).transpose(1, 2)
                z = torch.bmm(weights, z, out=after[:m])
            value = self.loss.loss.value(z.transpose(1, 2).unsqueeze(0), self.targets)[0]
            if self.loss.l1:
                value = value + self.loss.l1 * (own @ self.rows).abs().sum(-1)
            values.append(value)
        return torch.cat(values)
