"""Where a formula may fail to be differentiable, and where it really does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor

from landscapes.base import DifferentiableObjective, Objective, Point
from landscapes.checks import check_whole, check_window
from landscapes.language.derivatives import adjoints
from landscapes.language.expressions import Graph, Node

_GRID = 49  # lines per direction
_PER_CANDIDATE = 32  # places looked at, unless there are many candidates
_PLACES = 16_000  # places times what computes all candidates: tens of milliseconds
_SECTIONS, _ROUNDS = 16, 8  # from the width of a cell down to 1e-9 of it
MAX_WORK = 5_000  # candidates times the operations that compute them all
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
    operations: int = 1,
) -> tuple[Objective, ...]:
    """Keep the functions on whose zero set the objective's value or gradient really jumps.

    Zeros are found along the lines of a grid over the window and refined by sections; then value
    and gradient are compared a small distance to either side, and again eight and 64 times closer.
    What is smooth shrinks; a jump stays. A jump below 1e-9 of f or of the gradient is not told from
    rounding, nor is one where f is not finite. Sides of a window may be from 1e-300 to 1e300.

    Args:
        objective: The function in question, ``(..., 2) -> (...)``.
        candidates: Functions whose zero sets are in question, NaN where they do not apply.
        window: ``((x_min, x_max), (y_min, y_max))``, finite, each min below its max.
        together: All candidates at once, where that is cheaper than one after the other.
        operations: How many operations ``together`` takes: the more, the fewer places of each
            candidate are looked at, from 32 down to 2; at least 0.

    Returns:
        Those with a jump somewhere in the window.

    Raises:
        ValueError: If the window is empty or not finite.
    """
    check_window(window)
    check_whole("operations", operations)
    if not candidates:
        return ()
    (x0, x1), (y0, y1) = window
    size = torch.tensor([x1 - x0, y1 - y0], dtype=torch.float64)
    # Off the round numbers and off the diagonals, where kinks like to lie.
    ticks = torch.arange(_GRID, dtype=torch.float64)
    ticks = torch.meshgrid((ticks + 0.4567) / _GRID, (ticks + 0.2931) / _GRID, indexing="ij")
    grid = torch.tensor([x0, y0], dtype=torch.float64) + size * torch.stack(ticks, -1)
    values = together or (lambda x: [u(x) for u in candidates])
    places = min(max(_PLACES // (len(candidates) * (operations + 1)), 2), _PER_CANDIDATE)
    whose, at, along = _zeros(values, grid, places)
    jumps = whose[_jumps(objective, at, along, size)]
    return tuple(u for i, u in enumerate(candidates) if i in set(jumps.tolist()))


def _zeros(
    values: Callable[[Tensor], Sequence[Tensor]], grid: Tensor, places: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return points near zeros of functions and unit vectors along which they change sign.

    Args:
        values: All functions at once.
        grid: Points, ``(n, n, 2)``.
        places: At how many places of each function to look.

    Returns:
        Which function, ``(m,)``; the points, ``(m, 2)``; the vectors, ``(m, 2)``.
    """
    signs = torch.sign(torch.stack([*values(grid)]))
    whose, ends = [], []
    for axis in (0, 1):
        here, there = (signs.narrow(axis + 1, k, _GRID - 1) for k in (0, 1))
        k, i, j = torch.nonzero(here * there < 0, as_tuple=True)
        whose.append(k)
        ends.append(torch.stack((grid[i, j], grid[i + (axis == 0), j + (axis == 1)])))
    owner, order = torch.cat(whose).sort(stable=True)
    counts = torch.bincount(owner, minlength=len(signs))
    rank = torch.arange(len(owner)) - (counts.cumsum(0) - counts)[owner]
    some = rank % (-(counts // -places)).clamp(min=1)[owner] == 0
    owner, (low, high) = owner[some], torch.cat(ends, 1)[:, order[some]]
    until = torch.bincount(owner, minlength=len(signs)).cumsum(0).tolist()
    shares = [slice(a, b) for a, b in zip([0, *until], until, strict=False)]
    if not len(owner):
        return owner, low, high
    along = torch.sign(high - low)  # edges of the grid are parallel to an axis
    fractions = torch.linspace(0, 1, _SECTIONS + 1, dtype=torch.float64)[:, None, None]
    n = torch.arange(len(owner))

    def own(points: Tensor) -> Tensor:  # of each point the function whose it is
        found = zip(values(points), shares, strict=True)
        return torch.cat([at[..., share] for at, share in found], -1)

    for _ in range(_ROUNDS):
        points = low + fractions * (high - low)
        signs = torch.sign(own(points))
        same = (signs == signs[0]).cumprod(0).sum(0).clamp(max=_SECTIONS)  # points before a change
        low, high = points[same - 1, n], points[same, n]
    # Where it turns into NaN it does not vanish: it becomes hidden.
    found = own(low) * own(high) <= 0
    return owner[found], low[found], along[found]


def _jumps(f: DifferentiableObjective, at: Tensor, along: Tensor, size: Tensor) -> Tensor:
    """Whether value or gradient jump at points, ``(m,)``."""
    scales = torch.tensor([1e-5, 1e-5 / 8, 1e-5 / 64], dtype=torch.float64)[:, None, None]
    step = scales * (along * size)
    value, grad = f.value_and_grad(torch.stack((at + step, at - step)))
    both = torch.cat((value.unsqueeze(-1), grad), -1)
    far, middle, near = both[0] - both[1]
    # What grows in proportion to the distance cancels.
    wide, narrow = (middle - far / 8).abs(), (near - middle / 8).abs()
    rounding = 1e-9 * (1 + both.abs().amax((0, 1)))
    return ((narrow > wide / 2) & (narrow > rounding)).any(-1)
