"""Syntax tree to expression graph: looks names up, checks kinds and bounds, keeps the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from landscapes.language.expressions import CONDITIONS, FoldError, Graph, Node
from landscapes.language.syntax import (
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
    lowering = _Lowering(text, parameters)
    return lowering.graph, lowering.number(lowering.node(tree))


class _Lowering:
    def __init__(self, text: str, parameters: Mapping[str, float]):
        self.text = text
        self.parameters = parameters
        self.graph = Graph()

    def fail(self, column: int, reason: str) -> FormulaError:
        return FormulaError(self.text, column, reason)

    def fold(self, column: int, operation: Callable[..., Node], *args: Node | str) -> Node:
        """Apply an operation of the graph on behalf of a place in the text."""
        try:
            node = operation(*args)
        except FoldError as error:
            raise self.fail(column, str(error)) from None
        if len(self.graph.nodes) > MAX_NODES:
            raise self.fail(column, f"a formula may have {MAX_NODES} operations, this has more")
        return node

    def number(self, node: Node) -> Node:
        """Turn a condition into 0 or 1."""
        if node.op in CONDITIONS:
            return self.graph.where(node, self.graph.one, self.graph.zero)
        return node

    def condition(self, tree: Tree, node: Node) -> Node:
        if node.op not in CONDITIONS:
            raise self.fail(tree.column, "expected a condition here, such as x > 0")
        return node

    def node(self, tree: Tree) -> Node:
        graph = self.graph
        match tree:
            case Number():
                return graph.number(tree.value)
            case Name():
                return self.name(tree)
            case Negative():
                return self.fold(tree.column, graph.neg, self.number(self.node(tree.operand)))
            case Not():
                return graph.negation(self.condition(tree.operand, self.node(tree.operand)))
            case Power():
                return self.power(tree)
            case Call():
                return self.call(tree)
            case Chain(kind="+" | "*"):
                return self.arithmetic(tree)
            case Chain(kind="<"):
                return self.comparison(tree)
            case Chain():
                return self.logic(tree)

    def name(self, tree: Name) -> Node:
        if tree.name in VARIABLES:
            return self.graph.x if tree.name == "x" else self.graph.y
        value = CONSTANTS.get(tree.name, self.parameters.get(tree.name))
        if value is None:
            hint = suggestion(tree.name, (*VARIABLES, *CONSTANTS, *FUNCTIONS, *self.parameters))
            raise self.fail(tree.column, f"unknown name {shorten(tree.name)!r}{hint}")
        return self.graph.number(value)

    def arithmetic(self, tree: Chain) -> Node:
        graph = self.graph
        operations = {"+": graph.add, "-": graph.sub, "*": graph.mul, "/": graph.div}
        result = self.number(self.node(tree.first))
        for column, op, operand in tree.rest:
            result = self.fold(column, operations[op], result, self.number(self.node(operand)))
        return result

    def comparison(self, tree: Chain) -> Node:
        """``a < b <= c`` means ``a < b and b <= c``, as in Python."""
        graph = self.graph
        left = self.number(self.node(tree.first))
        result = graph.truth(True)
        for column, op, operand in tree.rest:
            right = self.number(self.node(operand))
            name = {"<": "lt", ">": "lt", "<=": "le", ">=": "le", "==": "eq", "!=": "ne"}[op]
            pair = (right, left) if op in (">", ">=") else (left, right)
            holds = self.fold(column, graph.apply, name, *pair)
            result = graph.both(result, holds)
            left = right
        return result

    def logic(self, tree: Chain) -> Node:
        combine = self.graph.both if tree.kind == "and" else self.graph.either
        result = self.condition(tree.first, self.node(tree.first))
        for column, _, operand in tree.rest:
            holds = self.condition(operand, self.node(operand))
            result = self.fold(column, combine, result, holds)
        return result

    def power(self, tree: Power) -> Node:
        base = self.number(self.node(tree.base))
        exponent = self.number(self.node(tree.exponent))
        if exponent.constant is not None and abs(exponent.constant) > MAX_EXPONENT:
            reason = f"a constant exponent may be at most {MAX_EXPONENT} in size"
            raise self.fail(tree.column, reason)
        return self.fold(tree.column, self.graph.power, base, exponent)

    def call(self, tree: Call) -> Node:
        graph = self.graph
        nodes = [self.node(argument) for argument in tree.arguments]
        if tree.name == "where":
            condition = self.condition(tree.arguments[0], nodes[0])
            return self.fold(tree.column, graph.where, condition, *map(self.number, nodes[1:]))
        numbers = map(self.number, nodes)
        if tree.name in ("max", "min"):
            return self.fold(tree.column, graph.extreme, tree.name + "imum", *numbers)
        return self.fold(tree.column, graph.apply, tree.name, *numbers)
