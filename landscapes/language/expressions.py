"""The expression graph: nodes that are shared, folded where constant, and never change.

A graph hands out one node per distinct expression (hash-consing), so equal subexpressions are
computed once and two nodes are equal exactly when they are the same object. Nodes are numbered in
the order of creation: operands always come before what is built from them.

Rewrites on the way in keep every finite value to the last bit (0 + u, 1 * u, constants with
constants, signs pulled outwards), the sign of a 0 aside. But 0 * u, u - u and 0 / u are 0 wherever
they stand, also where u is infinite or NaN, or 0 below the line. Only :meth:`Graph.times`, used for
derivatives, regroups constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable


class FoldError(ArithmeticError):
    """A constant that is not a finite number."""


class Node:
    """One operation on other nodes.

    Attributes:
        index: Its number in the graph.
        op: ``"x"``, ``"y"``, ``"constant"``, or the name of an operation of
            :mod:`landscapes.language.tape`.
        args: What it is computed from.
        constant: The number it stands for, if it is one. Conditions fold to 0.0 or 1.0.
        varies: Whether x or y is in it.
        power: ``(base, n)`` where the node is an integer power, which is computed by products.
    """

    __slots__ = ("args", "constant", "index", "op", "power", "varies")

    def __init__(self, index: int, op: str, args: tuple[Node, ...], constant: float | None):
        self.index = index
        self.op = op
        self.args = args
        self.constant = constant
        self.varies = op in ("x", "y") or any(a.varies for a in args)
        self.power: tuple[Node, int] | None = None


_NOT_FINITE = "this does not give a finite real number"
CONDITIONS = frozenset(("lt", "le", "eq", "ne", "and", "not", "true"))
_COMMUTATIVE = frozenset(("add", "mul", "eq", "ne", "and", "maximum", "minimum"))
_FOLD: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "sign": lambda a: float((a > 0) - (a < 0)),
    "round": lambda a: float(round(a)),
    "floor": lambda a: float(math.floor(a)),
    "maximum": max,
    "maximums": max,
    "minimum": min,
    "minimums": min,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "not": lambda a: not a,
}


class Graph:
    """Builds nodes, one per distinct expression.

    Attributes:
        strict: Whether folding to something that is not a finite number is an error. If not, the
            operation is left for later, where it gives inf or NaN as tensors do.
    """

    def __init__(self) -> None:
        self.strict = True
        self.nodes: list[Node] = []
        self._known: dict[tuple, Node] = {}
        self.x = self._node("x", ())
        self.y = self._node("y", ())
        self.zero = self.number(0.0)
        self.one = self.number(1.0)

    def _node(self, op: str, args: tuple[Node, ...], constant: float | None = None) -> Node:
        order = sorted(args, key=_index) if op in _COMMUTATIVE else args
        key = (op, *(a.index for a in order)) if constant is None else (op, constant)
        node = self._known.get(key)
        if node is None:
            node = self._known[key] = Node(len(self.nodes), op, args, constant)
            self.nodes.append(node)
        return node

    def number(self, value: float) -> Node:
        """Return the node of a finite number; -0.0 counts as 0.0.

        Raises:
            FoldError: If it is not finite.
        """
        if isinstance(value, complex) or not math.isfinite(value):
            raise FoldError(_NOT_FINITE)
        return self._node("constant", (), float(value) + 0.0)

    def truth(self, value: bool) -> Node:
        """Return the node of a condition that always or never holds."""
        return self._node("true", (), float(value))

    def apply(self, op: str, *args: Node) -> Node:
        """Return ``op(*args)``, folded to a number where all arguments are.

        Raises:
            FoldError: If folding overflows, divides by zero or leaves the real numbers.
        """
        if op not in _FOLD or any(a.constant is None for a in args):
            return self._node(op, args)
        try:
            value = _FOLD[op](*(a.constant for a in args))
            return self.truth(bool(value)) if op in CONDITIONS else self.number(value)
        except (ArithmeticError, ValueError) as error:
            if not self.strict:
                return self._node(op, args)
            reason = "division by zero" if isinstance(error, ZeroDivisionError) else _NOT_FINITE
            raise FoldError(reason) from None

    def add(self, a: Node, b: Node) -> Node:
        """Return ``a + b``."""
        if a is self.zero:
            return b
        if b is self.zero:
            return a
        if a is b:
            return self.mul(self.number(2.0), a)
        if a.op == "neg" and b.op == "neg":
            return self.neg(self.add(a.args[0], b.args[0]))
        if a.op == "neg":
            return self.sub(b, a.args[0])
        return self.sub(a, b.args[0]) if b.op == "neg" else self.apply("add", a, b)

    def sub(self, a: Node, b: Node) -> Node:
        """Return ``a - b``."""
        if b is self.zero:
            return a
        if a is self.zero:
            return self.neg(b)
        if a is b:
            return self.zero
        if b.op == "neg":
            return self.add(a, b.args[0])
        return self.neg(self.add(a.args[0], b)) if a.op == "neg" else self.apply("sub", a, b)

    def neg(self, a: Node) -> Node:
        """Return ``-a``."""
        if a.constant is not None:
            return self.number(-a.constant)
        if a.op == "neg":
            return a.args[0]
        return self.apply("sub", *a.args[::-1]) if a.op == "sub" else self._node("neg", (a,))

    def mul(self, a: Node, b: Node) -> Node:
        """Return ``a * b``."""
        if a is self.zero or b is self.zero:
            return self.zero
        for u, v in ((a, b), (b, a)):
            if u is self.one:
                return v
            if u.op == "neg":
                return self.neg(self.mul(u.args[0], v))
            if u.constant == -1.0:
                return self.neg(v)
        node = self.apply("mul", a, b)
        return self._label_power(node, a, 2) if a is b else node

    def div(self, a: Node, b: Node) -> Node:
        """Return ``a / b``.

        Raises:
            FoldError: If b is 0.
        """
        if b is self.zero:
            raise FoldError("division by zero")
        if b is self.one or a is self.zero:
            return a
        if a.op == "neg":
            return self.neg(self.div(a.args[0], b))
        return self.neg(self.div(a, b.args[0])) if b.op == "neg" else self.apply("div", a, b)

    def power(self, base: Node, exponent: Node) -> Node:
        """Return ``base ** exponent``: products for integers, sqrt for 1/2, else pow.

        Raises:
            FoldError: If both are constants and folding fails.
        """
        p = exponent.constant
        if p is None or base.constant is not None:
            return self.apply("pow", base, exponent)
        if p == 0.5:
            return self.apply("sqrt", base)
        if p != int(p):
            return self.apply("pow", base, exponent)
        positive = self.integer_power(base, abs(int(p)))
        return positive if p >= 0 else self.div(self.one, positive)

    def integer_power(self, base: Node, n: int) -> Node:
        """Return ``base ** n`` for ``n >= 0`` by repeated squaring."""
        if n == 0:
            return self.one
        if n == 1:
            return base
        half = self.integer_power(base, n // 2 if n % 2 == 0 else n - 1)
        return self._label_power(self.mul(half, half if n % 2 == 0 else base), base, n)

    def _label_power(self, node: Node, base: Node, n: int) -> Node:
        # The derivative of a power is shorter than that of a product. Only a base that precedes the
        # node will do: derivatives are passed down in the order of the numbers.
        if node.op == "mul" and node.power is None and base.index < node.index:
            node.power = (base, n)
        return node

    def extreme(self, op: str, *args: Node) -> Node:
        """Return the ``"maximum"`` or ``"minimum"`` of two or more nodes."""
        if all(a is args[0] for a in args):
            return args[0]
        return self.apply(op if len(args) == 2 else f"{op}s", *args)

    def where(self, condition: Node, a: Node, b: Node) -> Node:
        """Return ``a`` where the condition holds and ``b`` elsewhere."""
        if condition.constant is not None:
            return a if condition.constant else b
        return a if a is b else self._node("where", (condition, a, b))

    def both(self, a: Node, b: Node) -> Node:
        """Return the condition ``a and b``."""
        for u, v in ((a, b), (b, a)):
            if u.constant is not None:
                return v if u.constant else u
        return a if a is b else self._node("and", (a, b))

    def either(self, a: Node, b: Node) -> Node:
        """Return the condition ``a or b``."""
        return self.negation(self.both(self.negation(a), self.negation(b)))

    def negation(self, a: Node) -> Node:
        """Return the condition ``not a``."""
        return a.args[0] if a.op == "not" else self.apply("not", a)

    def times(self, a: Node, b: Node) -> Node:
        """Return ``a * b`` with constant factors gathered; may round differently from ``mul``."""
        (p, u), (q, v) = self.factors(a), self.factors(b)
        factor = p * q
        if not math.isfinite(factor):
            return self.mul(a, b)
        return self.mul(self.number(factor), self.mul(u, v))

    def unless(self, condition: Node, a: Node) -> Node:
        """Return ``a``, or NaN where the condition holds."""
        return self._node("unless", (condition, a))

    def factors(self, a: Node) -> tuple[float, Node]:
        """Split ``a`` into a constant factor and the rest."""
        if a.constant is not None:
            return a.constant, self.one
        if a.op == "neg":
            p, u = self.factors(a.args[0])
            return -p, u
        if a.op == "mul":
            for u, v in (a.args, a.args[::-1]):
                if u.constant is not None:
                    return u.constant, v
        return 1.0, a


def _index(node: Node) -> int:
    return node.index
