"""Reverse-mode differentiation of an expression graph into itself.

Conventions at ties are torch's: sign(0) = 0, a maximum splits its derivative evenly among the
arguments that attain it, relu'(0) = 0, comparisons and steps have derivative 0. The one deviation:
where autograd divides by sqrt(0), the factor is 0 here, which makes the derivative of a norm at
the origin its least-norm subgradient 0 instead of NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

from landscapes.language.expressions import Graph, Node

Parts = Iterator[tuple[Node, Node]]


def adjoints(graph: Graph, root: Node) -> dict[Node, Node]:
    """Differentiate a node with respect to everything it is computed from.

    Args:
        graph: Where the derivatives are built; folding in it is no longer strict afterwards.
        root: The node to differentiate.

    Returns:
        For each node that ``root`` depends on through differentiable operations, the derivative of
        ``root`` with respect to it.
    """
    graph.strict = False
    result = {root: graph.one}
    for node in reversed(graph.nodes[: root.index + 1]):
        if node in result and node.op in _RULES:
            for arg, part in _RULES[node.op](graph, node, result[node]):
                if arg.varies and part is not graph.zero:
                    result[arg] = _sum(graph, result[arg], part) if arg in result else part
    return result


def _sum(graph: Graph, a: Node, b: Node) -> Node:
    # Both arms of a `where` that hold the same term: the condition no longer matters.
    if a.op == "where" == b.op and a.args[0] is b.args[0]:
        (condition, p, q), (_, r, s) = a.args, b.args
        return graph.where(condition, _sum(graph, p, r), _sum(graph, q, s))
    return graph.add(a, b)


def _mul(graph: Graph, node: Node, g: Node) -> Parts:
    if node.power:
        base, n = node.power
        yield base, graph.times(g, graph.times(graph.number(n), graph.integer_power(base, n - 1)))
        return
    a, b = node.args
    yield a, graph.times(g, b)
    yield b, graph.times(g, a)


def _div(graph: Graph, node: Node, g: Node) -> Parts:
    a, b = node.args
    yield a, graph.div(g, b)
    if b.varies:
        yield b, graph.neg(graph.times(g, graph.div(node, b)))


def _pow(graph: Graph, node: Node, g: Node) -> Parts:
    base, p = node.args
    if base.varies:
        slope = graph.times(p, graph.power(base, graph.sub(p, graph.one)))
        yield base, graph.times(g, graph.where(graph.apply("eq", p, graph.zero), graph.zero, slope))
    if p.varies:
        at_zero = graph.apply("eq", base, graph.zero)
        flat = graph.both(at_zero, graph.apply("le", graph.zero, p))
        slope = graph.times(node, graph.apply("log", base))
        yield p, graph.times(g, graph.where(flat, graph.zero, slope))


def _sqrt(graph: Graph, node: Node, g: Node) -> Parts:
    yield node.args[0], graph.times(g, graph.times(graph.number(0.5), graph.apply("inverse", node)))


def _extreme(graph: Graph, node: Node, g: Node) -> Parts:
    a, b = node.args
    half = graph.number(0.5)
    ahead = (a, b) if node.op == "maximum" else (b, a)
    if a.varies:
        share = graph.times(g, graph.apply("step", graph.sub(*ahead), half))
        yield a, share
        yield b, graph.sub(g, share)
    else:
        yield b, graph.times(g, graph.apply("step", graph.sub(*ahead[::-1]), half))


def _extremes(graph: Graph, node: Node, g: Node) -> Parts:
    attained = [graph.apply("attains", a, node) for a in node.args]
    share = graph.div(g, reduce(graph.add, attained))
    for a, here in zip(node.args, attained, strict=True):
        yield a, graph.times(here, share)


def _where(graph: Graph, node: Node, g: Node) -> Parts:
    condition, a, b = node.args
    yield a, graph.where(condition, g, graph.zero)
    yield b, graph.where(condition, graph.zero, g)


def _chain(slope: Callable[[Graph, Node, Node], Node]) -> Callable[[Graph, Node, Node], Parts]:
    """Return the rule of a function of one argument, from its slope at (argument, value)."""

    def rule(graph: Graph, node: Node, g: Node) -> Parts:
        yield node.args[0], graph.times(g, slope(graph, node.args[0], node))

    return rule


_RULES: dict[str, Callable[[Graph, Node, Node], Parts]] = {
    "add": lambda _, node, g: iter([(node.args[0], g), (node.args[1], g)]),
    "sub": lambda graph, node, g: iter([(node.args[0], g), (node.args[1], graph.neg(g))]),
    "neg": lambda graph, node, g: iter([(node.args[0], graph.neg(g))]),
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "sqrt": _sqrt,
    "abs": _chain(lambda graph, u, _: graph.apply("sign", u)),
    "exp": _chain(lambda _, u, value: value),
    "log": _chain(lambda graph, u, _: graph.div(graph.one, u)),
    "sin": _chain(lambda graph, u, _: graph.apply("cos", u)),
    "cos": _chain(lambda graph, u, _: graph.neg(graph.apply("sin", u))),
    "tan": _chain(lambda graph, _, value: graph.add(graph.one, graph.mul(value, value))),
    "tanh": _chain(lambda graph, _, value: graph.sub(graph.one, graph.mul(value, value))),
    "relu": _chain(lambda graph, u, _: graph.apply("step", u, graph.zero)),
    "maximum": _extreme,
    "minimum": _extreme,
    "maximums": _extremes,
    "minimums": _extremes,
    "where": _where,
}
