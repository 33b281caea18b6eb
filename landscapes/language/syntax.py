"""Text to syntax tree: the grammar of the formula language and its error messages.

The grammar is Python's for arithmetic, comparisons and calls, cut down to what a function of two
variables needs. A Pratt parser reads it in one pass; nothing is ever handed to the interpreter.
Chains such as ``a + b - c`` become one node with many terms, so the depth of a tree is bounded by
the nesting the author wrote.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_LENGTH = 1000
MAX_NESTING = 40
MAX_ARGUMENTS = 20

VARIABLES = ("x", "y")
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {  # name: (fewest, most) arguments
    **dict.fromkeys(("abs", "sqrt", "exp", "log", "sin", "cos", "tan", "tanh"), (1, 1)),
    **dict.fromkeys(("relu", "sign", "round", "floor"), (1, 1)),
    **dict.fromkeys(("max", "min"), (2, MAX_ARGUMENTS)),
    "where": (3, 3),
}
RESERVED = frozenset((*VARIABLES, *CONSTANTS, *FUNCTIONS, "and", "or", "not"))

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 9)
_BINDING = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(COMPARISONS, _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/", _PRODUCT),
    "**": _POWER,
}
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol>\*\*|[<>=!]=|[-+*/(),<>])"
)
_ADVICE = {  # what people write, and what to write instead
    "^": "write ** for powers",
    "|": "write abs(x) for |x|",
    "=": "write == to compare",
    "!": "write not, or != to compare",
    "&": "write and",
    "%": "there is no remainder; write x - floor(x)",
    "²": "write **2",
    "³": "write **3",
    "×": "write *",
    "·": "write *",
    "÷": "write /",
    "−": "write - for minus",
    "π": "write pi",
    "√": "write sqrt(...)",
    "≤": "write <=",
    "≥": "write >=",
    "[": "write (",
    "{": "write (",
    "]": "write )",
    "}": "write )",
}
_OTHER_NAMES = {"ln": "log", "pow": "**", "fabs": "abs", "sgn": "sign", "if": "where"}


class FormulaError(ValueError):
    """A text that is not a formula, with the place where it goes wrong.

    Attributes:
        text: The text as given.
        column: Where, counted from 1; one past the end where the text stops too early.
        reason: The message without the column.
    """

    def __init__(self, text: str, column: int, reason: str):
        super().__init__(f"column {column}: {reason}")
        self.text = text
        self.column = column
        self.reason = reason

    def __reduce__(self) -> tuple[type[FormulaError], tuple[str, int, str]]:
        return FormulaError, (self.text, self.column, self.reason)


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, kept as it was written."""

    column: int
    text: str
    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, a constant or a parameter."""

    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """``-operand``."""

    column: int
    operand: Tree


@dataclass(frozen=True, slots=True)
class Chain:
    """``first op operand op operand ...`` of one precedence: sums, products, comparisons, logic."""

    kind: str  # "+", "*", "<", "and" or "or"
    first: Tree
    rest: tuple[tuple[int, str, Tree], ...]  # (column of the operator, operator, operand)

    @property
    def column(self) -> int:
        """Where the first operator stands."""
        return self.rest[0][0]


@dataclass(frozen=True, slots=True)
class Not:
    """``not operand``."""

    column: int
    operand: Tree


@dataclass(frozen=True, slots=True)
class Power:
    """``base ** exponent``."""

    column: int
    base: Tree
    exponent: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """``name(arguments)``."""

    column: int
    name: str
    arguments: tuple[Tree, ...]


Tree = Number | Name | Negative | Chain | Not | Power | Call


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "number", "name", "symbol" or "end"
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{shorten(self.text)}'"


def shorten(text: str) -> str:
    """Return a text short enough to stand in a message."""
    return text if len(text) <= 24 else text[:21] + "..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean ...?"`` for the nearest known name, or nothing."""
    if name in _OTHER_NAMES:
        return f"; write {_OTHER_NAMES[name]}"
    # Matching is quadratic in the length, and a very long name resembles nothing.
    near = difflib.get_close_matches(name[:24].lower(), tuple(known), n=1, cutoff=0.55)
    return f"; did you mean {near[0]}?" if near else ""


def parse(text: str) -> Tree:
    """Read a formula.

    Args:
        text: For example ``"10*abs(y - x**2) + abs(1 - x)"``.

    Returns:
        Its syntax tree; names are not looked up yet.

    Raises:
        FormulaError: If the text does not follow the grammar, is longer than 1000 characters, or
            nests deeper than 40 levels.
    """
    if len(text) > MAX_LENGTH:
        reason = f"a formula may have {MAX_LENGTH} characters, this one has {len(text)}"
        raise FormulaError(text, MAX_LENGTH + 1, reason)
    return _Parser(text).formula()


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            advice = _ADVICE.get(text[at], "it has no meaning here")
            raise FormulaError(text, at + 1, f"unexpected {text[at]!r}: {advice}")
        tokens.append(_Token(str(match.lastgroup), match.group(), at + 1))
        at = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, reason: str, column: int | None = None) -> FormulaError:
        return FormulaError(self.text, self.token.column if column is None else column, reason)

    def next(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def formula(self) -> Tree:
        if self.token.kind == "end":
            raise FormulaError(self.text, 1, "a formula is missing; try abs(x) + 10*abs(y)")
        tree = self.expression(_OR)
        if self.token.text == ")":
            raise self.fail("this ')' closes nothing")
        if self.token.kind != "end":
            raise self.fail(f"expected an operator or the end but found {self.token}")
        return tree

    def expression(self, least: int) -> Tree:
        """Read as far as operators bind at least this tightly."""
        tree = self.prefix(least)
        while (binding := self.operator()) >= least:
            tree = self.power(tree) if binding == _POWER else self.chain(tree, binding)
        return tree

    def nested(self, least: int = _OR) -> Tree:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail(f"nested deeper than {MAX_NESTING} levels")
        tree = self.expression(least)
        self.depth -= 1
        return tree

    def operator(self) -> int:
        token = self.token
        # Two operands in a row: the author left out the sign of a product.
        if token.kind == "number" or token.text == "(" or self.is_name():
            raise self.fail(f"write * between {self.tokens[self.at - 1]} and {token}")
        return _BINDING.get(token.text, 0)

    def is_name(self) -> bool:
        return self.token.kind == "name" and self.token.text not in ("and", "or", "not")

    def chain(self, first: Tree, binding: int) -> Tree:
        kind = {_SUM: "+", _PRODUCT: "*", _COMPARE: "<"}.get(binding, self.token.text)
        rest = []
        while _BINDING.get(self.token.text, 0) == binding:
            sign = self.next()
            rest.append((sign.column, sign.text, self.expression(binding + 1)))
            self.operator()
        return Chain(kind, first, tuple(rest))

    def power(self, base: Tree) -> Tree:
        column = self.next().column
        return Power(column, base, self.nested(_POWER))  # right associative: 2**3**2 = 2**9

    def prefix(self, least: int) -> Tree:
        token = self.token
        if token.kind == "number":
            value = float(self.next().text)
            if math.isinf(value):
                raise self.fail("this number is too large", token.column)
            return Number(token.column, token.text, value)
        if token.text in ("+", "-"):
            self.next()
            operand = self.nested(_SIGN)
            return operand if token.text == "+" else Negative(token.column, operand)
        if token.text == "not" and least <= _NOT:
            self.next()
            return Not(token.column, self.nested(_NOT))
        if token.text == "(":
            self.next()
            tree = self.nested()
            self.close(token, "')'")
            return tree
        if self.is_name():
            self.next()
            return self.call(token) if self.token.text == "(" else self.name(token)
        raise self.fail(f"expected a number, a name or '(' but found {token}")

    def name(self, token: _Token) -> Tree:
        if token.text in FUNCTIONS:
            reason = f"{token.text} needs its argument in parentheses: {token.text}(...)"
            raise self.fail(reason, token.column)
        return Name(token.column, token.text)

    def call(self, name: _Token) -> Tree:
        if name.text in VARIABLES or name.text in CONSTANTS:
            raise self.fail(f"write * between {name} and '('")
        if name.text not in FUNCTIONS:
            hint = suggestion(name.text, FUNCTIONS) if len(name.text) > 1 else ""
            hint = hint or "; write * before '(' to multiply"
            raise self.fail(f"{name} is not a function{hint}", name.column)
        bracket = self.next()
        arguments = []
        if self.token.text != ")":
            arguments.append(self.nested())
            while self.token.text == ",":
                self.next()
                arguments.append(self.nested())
        self.close(bracket, "',' or ')'")
        fewest, most = FUNCTIONS[name.text]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            plural = "" if wanted == "1" else "s"
            reason = f"{name.text} takes {wanted} argument{plural}, not {len(arguments)}"
            raise self.fail(reason, name.column)
        return Call(name.column, name.text, tuple(arguments))

    def close(self, bracket: _Token, wanted: str) -> None:
        if self.token.kind == "end":
            raise self.fail(f"the '(' of column {bracket.column} is never closed")
        if self.token.text != ")":
            raise self.fail(f"expected {wanted} but found {self.token}")
        self.next()
