"""Syntax tree to expression graph: looks names up, checks kinds and bounds, keeps the columns."""

from __future__ import annotations

from collections.abc import Mapping

from landscapes.expressions import CONDITIONS, FoldError, Graph, Node
from landscapes.syntax import (
    CONSTANTS,
    FUNCTIONS,
    VARIABLES,
    Call,
    Chain,
    FormulaError,
    Name,
    Negative,
    Not,
    Number,
    Power,
    Tree,
    shorten,
    suggestion,
)

MAX_EXPONENT = 64
MAX_NODES = 500


def lower(text: str, tree: Tree, parameters: Mapping[str, float]) -> tuple[Graph, Node]:
    """Turn a syntax tree into a node of a new graph.

    Args:
        text: What was parsed, for messages.
        tree: Its syntax tree.
        parameters: Values of the names that are not part of the language.

    Raises:
        FormulaError: For an unknown name, a number where a condition belongs, constants that do
            not give a finite number, and beyond 500 operations or exponents of 64.
    """
    builder = _Builder(text, parameters)
    return builder.graph, builder.number(tree)


class _Builder:
    """Turns a syntax tree into nodes, and says where in the text it cannot."""

    def __init__(self, text: str, parameters: Mapping[str, float]):
        self.text = text
        self.parameters = parameters
        self.graph = Graph()

    def number(self, tree: Tree) -> Node:
        node = self.any(tree)
        if node.op in CONDITIONS:
            return self.graph.where(node, self.graph.one, self.graph.zero)
        return node

    def condition(self, tree: Tree) -> Node:
        node = self.any(tree)
        if node.op not in CONDITIONS:
            raise self.fail(tree, "expected a condition here, such as x > 0")
        return node

    def any(self, tree: Tree) -> Node:
        try:
            node = self.node(tree)
        except FoldError as error:
            raise self.fail(tree, str(error)) from None
        if len(self.graph.nodes) > MAX_NODES:
            raise self.fail(tree, f"a formula may have {MAX_NODES} operations, this one has more")
        return node

    def fail(self, tree: Tree, reason: str) -> FormulaError:
        return FormulaError(self.text, tree.column, reason)

    def node(self, tree: Tree) -> Node:
        match tree:
            case Number():
                return self.graph.number(tree.value)
            case Name():
                return self.name(tree)
            case Negative():
                return self.graph.neg(self.number(tree.operand))
            case Not():
                return self.graph.negation(self.condition(tree.operand))
            case Power():
                return self.power(tree)
            case Call():
                return self.call(tree)
            case Chain(kind="+" | "*"):
                return self.arithmetic(tree)
            case Chain(kind="<"):
                return self.comparison(tree)
            case Chain():
                combine = self.graph.both if tree.kind == "and" else self.graph.either
                node = self.condition(tree.first)
                for _, _, operand in tree.rest:
                    node = combine(node, self.condition(operand))
                return node

    def name(self, tree: Name) -> Node:
        if tree.name in VARIABLES:
            return self.graph.x if tree.name == "x" else self.graph.y
        value = CONSTANTS.get(tree.name, self.parameters.get(tree.name))
        if value is None:
            known = (*VARIABLES, *CONSTANTS, *FUNCTIONS, *self.parameters)
            hint = suggestion(tree.name, known)
            raise self.fail(tree, f"unknown name {shorten(tree.name)!r}{hint}")
        return self.graph.number(value)

    def arithmetic(self, tree: Chain) -> Node:
        graph = self.graph
        operations = {"+": graph.add, "-": graph.sub, "*": graph.mul, "/": graph.div}
        node = self.number(tree.first)
        for column, op, operand in tree.rest:
            try:
                node = operations[op](node, self.number(operand))
            except FoldError as error:
                raise FormulaError(self.text, column, str(error)) from None
        return node

    def comparison(self, tree: Chain) -> Node:
        """``a < b <= c`` means ``a < b and b <= c``, as in Python."""
        left = self.number(tree.first)
        result = self.graph.truth(True)
        for _, op, operand in tree.rest:
            right = self.number(operand)
            name = {"<": "lt", ">": "lt", "<=": "le", ">=": "le", "==": "eq", "!=": "ne"}[op]
            pair = (right, left) if op in (">", ">=") else (left, right)
            result = self.graph.both(result, self.graph.apply(name, *pair))
            left = right
        return result

    def power(self, tree: Power) -> Node:
        base, exponent = self.number(tree.base), self.number(tree.exponent)
        if exponent.constant is not None and abs(exponent.constant) > MAX_EXPONENT:
            raise self.fail(tree, f"a constant exponent may be at most {MAX_EXPONENT} in size")
        return self.graph.power(base, exponent)

    def call(self, tree: Call) -> Node:
        if tree.name == "where":
            condition = self.condition(tree.arguments[0])
            return self.graph.where(condition, *map(self.number, tree.arguments[1:]))
        arguments = [self.number(a) for a in tree.arguments]
        if tree.name in ("max", "min"):
            return self.graph.extreme(tree.name + "imum", arguments)
        return self.graph.apply(tree.name, *arguments)
