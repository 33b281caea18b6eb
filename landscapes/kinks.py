"""Where a formula may fail to be differentiable, and where it really does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor

from landscapes.base import DifferentiableObjective, Objective, Point
from landscapes.derivatives import adjoints
from landscapes.expressions import Graph, Node

_GRID = 49  # lines per direction
_PER_CANDIDATE = 32  # places looked at
_SECTIONS, _ROUNDS = 64, 5  # from the width of a cell down to 1e-9 of it
_STEPS = ("sign", "floor", "round")


def kink_candidates(graph: Graph, root: Node) -> list[Node]:
    """Return functions whose zero sets hold every place where ``root`` may not be differentiable.

    Each is NaN where the operation it comes from is hidden: where the derivative of ``root`` with
    respect to that operation is exactly 0, or, for two arguments of a maximum, where neither is the
    largest. Steps (sign, floor, round) are never hidden: on one side of a jump that derivative may
    well be 0, as for ``round(x)**2``.
    """
    shown: dict[Node, Node] = {}
    for u, visible in _places(graph, root):
        # u, -u and 3 u vanish at the same places.
        key = graph.factors(u)[1]
        key = graph.sub(*sorted(key.args, key=lambda n: n.index)) if key.op == "sub" else key
        if key.varies:
            shown[key] = graph.either(shown[key], visible) if key in shown else visible
    hidden = {u: graph.negation(visible) for u, visible in shown.items()}
    return [u if h.constant == 0 else graph.unless(h, u) for u, h in hidden.items()]


def _places(graph: Graph, root: Node) -> Iterator[tuple[Node, Node]]:
    """Yield (function, condition under which its zeros matter)."""
    for node, adjoint in adjoints(graph, root).items():
        visible = graph.apply("ne", adjoint, graph.zero)
        if node.op in ("abs", "relu"):
            yield node.args[0], visible
        elif node.op in _STEPS:
            yield _jumps_of(graph, node), graph.truth(visible.constant != 0)
        elif node.op in ("maximum", "minimum"):
            yield graph.sub(*node.args), visible
        elif node.op in ("maximums", "minimums"):
            attained = {a: graph.apply("eq", a, node) for a in node.args}
            for a, b in combinations(attained, 2):
                top = graph.either(attained[a], attained[b])
                yield graph.sub(a, b), graph.both(visible, top)
        elif node.op == "where":
            yield from _boundaries(graph, node.args[0], visible)


def _jumps_of(graph: Graph, node: Node) -> Node:
    if node.op == "sign":
        return node.args[0]
    turns = graph.mul(graph.number(math.pi), node.args[0])
    return graph.apply("sin" if node.op == "floor" else "cos", turns)


def _boundaries(graph: Graph, condition: Node, visible: Node) -> Iterator[tuple[Node, Node]]:
    if condition.op == "not":
        yield from _boundaries(graph, condition.args[0], visible)
    elif condition.op == "and":  # where one of two conditions fails, the other does not matter
        a, b = condition.args
        yield from _boundaries(graph, a, graph.both(visible, b))
        yield from _boundaries(graph, b, graph.both(visible, a))
    elif condition.args:
        yield graph.sub(*condition.args), visible


def real_kinks(
    objective: DifferentiableObjective,
    candidates: Sequence[Objective],
    window: tuple[Point, Point],
    together: Callable[[Tensor], Sequence[Tensor]] | None = None,
) -> tuple[Objective, ...]:
    """Keep the functions on whose zero set the objective's value or gradient really jumps.

    Zeros are found along the lines of a grid over the window and refined by sections; then value
    and gradient are compared a small distance to either side, and again eight and 64 times closer.
    What is smooth shrinks; a jump stays.

    Args:
        objective: The function in question.
        candidates: Functions whose zero sets are in question, NaN where they do not apply.
        window: ``((x_min, x_max), (y_min, y_max))``.
        together: All candidates at once, where that is cheaper than one after the other.

    Returns:
        Those with a jump somewhere in the window.
    """
    (x0, x1), (y0, y1) = window
    size = torch.tensor([x1 - x0, y1 - y0], dtype=torch.float64)
    # Off the round numbers and off the diagonals, where kinks like to lie.
    ticks = torch.arange(_GRID, dtype=torch.float64)
    ticks = torch.meshgrid((ticks + 0.4567) / _GRID, (ticks + 0.2931) / _GRID, indexing="ij")
    grid = torch.tensor([x0, y0], dtype=torch.float64) + size * torch.stack(ticks, -1)
    values = together(grid) if together else [u(grid) for u in candidates]
    found = zip(candidates, values, strict=True)
    return tuple(u for u, at in found if _jumps(objective, *_zeros(u, grid, at), size))


def _zeros(u: Objective, grid: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return points near zeros of u, ``(n, 2)``, and unit vectors along which it changes sign.

    Args:
        u: The function.
        grid: Points, ``(n, n, 2)``.
        values: What u is there.
    """
    signs = torch.sign(values)
    ends = []
    for axis in (0, 1):
        here, there = signs.narrow(axis, 0, _GRID - 1), signs.narrow(axis, 1, _GRID - 1)
        i, j = torch.nonzero(here * there < 0, as_tuple=True)
        ends.append(torch.stack((grid[i, j], grid[i + (axis == 0), j + (axis == 1)])))
    low, high = torch.cat(ends, 1)
    if not len(low):
        return low, high
    every = max(1, -(-len(low) // _PER_CANDIDATE))
    low, high = low[::every], high[::every]
    along = (high - low) / torch.linalg.vector_norm(high - low, dim=-1, keepdim=True)
    fractions = torch.linspace(0, 1, _SECTIONS + 1, dtype=torch.float64)[:, None, None]
    n = torch.arange(len(low))
    for _ in range(_ROUNDS):
        points = low + fractions * (high - low)
        signs = torch.sign(u(points))
        same = (signs == signs[0]).cumprod(0).sum(0).clamp(max=_SECTIONS)  # points before a change
        low, high = points[same - 1, n], points[same, n]
    # Where it turns into NaN it does not vanish: it becomes hidden.
    found = u(low) * u(high) <= 0
    return low[found], along[found]


def _jumps(f: DifferentiableObjective, at: Tensor, along: Tensor, size: Tensor) -> bool:
    if not len(at):
        return False
    scales = torch.tensor([1e-5, 1e-5 / 8, 1e-5 / 64], dtype=torch.float64)[:, None, None]
    step = scales * (along * size)
    value, grad = f.value_and_grad(torch.stack((at + step, at - step)))
    both = torch.cat((value.unsqueeze(-1), grad), -1)
    far, middle, near = both[0] - both[1]
    # What grows in proportion to the distance cancels.
    wide, narrow = (middle - far / 8).abs(), (near - middle / 8).abs()
    rounding = 1e-9 * (1 + both.abs().amax((0, 1)))
    return bool(((narrow > wide / 2) & (narrow > rounding)).any())
