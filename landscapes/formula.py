"""A formula in x and y: one text that gives value, gradient, LaTeX and kinks.

    >>> f = Formula.parse("10*abs(y - x**2) + abs(1 - x)")
    >>> value, grad = f.value_and_grad(torch.tensor([0.0, 1.0], dtype=torch.float64))

The text is parsed, lowered to an expression graph, differentiated and laid out as torch calls: the
modules of :mod:`landscapes.language`. It is never handed to the interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from landscapes.base import Objective
from landscapes.checks import shown
from landscapes.kinks import kink_candidates
from landscapes.language.derivatives import adjoints
from landscapes.language.expressions import Node
from landscapes.language.latex import latex
from landscapes.language.lowering import lower
from landscapes.language.syntax import (
    RESERVED,
    Call,
    Chain,
    FormulaError,
    Name,
    Negative,
    Not,
    Power,
    Tree,
    parse,
    shorten,
)
from landscapes.language.tape import Tape

__all__ = ["Formula", "FormulaError", "free_names"]


class Formula:
    """A function of the plane, written as text. Immutable; an Objective with a gradient.

    Gradients follow autograd's conventions where a derivative does not exist: sign(0) = 0, a
    maximum splits evenly among the arguments that attain it, relu'(0) = 0, and sign, round, floor
    and comparisons have derivative 0. One deviation: where autograd would divide by sqrt(0), that
    factor is 0, so ``sqrt(x**2 + y**2)`` has gradient 0 at the origin (the least-norm subgradient
    of a norm) instead of NaN.

    It is evaluated at points ``(..., 2)`` of a floating dtype. Outside of its domain, beyond the
    largest number and where a coordinate that it depends on is NaN, f is NaN or infinite; its
    gradient may be so too, or any number. Other points keep their bits.

    Attributes:
        text: As given.
        parameters: The values of its named parameters.
        latex: For display, without dollar signs.

    Raises:
        FormulaError: If the text is not a formula; see :meth:`parse`.
        ValueError: From its calls, if the last axis of the points is not 2.
        TypeError: From its calls, if their dtype is not a floating one.
    """

    text: str
    parameters: Mapping[str, float]
    latex: str

    def __init__(self, text: str, parameters: Mapping[str, float] | None = None):
        """Compile a text; see :meth:`parse`."""
        self.text = text
        self.parameters = MappingProxyType(_checked(text, parameters or {}))
        tree = parse(text)
        self.latex = latex(tree)
        graph, root = lower(text, tree, self.parameters)
        self._value = Tape([root])
        slopes = adjoints(graph, root)
        grad = (slopes.get(graph.x, graph.zero), slopes.get(graph.y, graph.zero))
        self._value_and_grad = Tape([root, *grad])

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, float] | None = None) -> Formula:
        """Compile a text such as ``"max(abs(x), a*abs(y))"``.

        Args:
            text: Variables ``x y``, constants ``pi e``, numbers, ``+ - * / **``, comparisons,
                ``and or not``, and ``abs max min sqrt exp log sin cos tan tanh relu sign round
                floor where(condition, a, b)``.
            parameters: Values of the other names in the text; finite.

        Raises:
            FormulaError: If the text is not a formula, names something unknown, or exceeds a bound
                (1000 characters, 40 levels, 500 operations, exponents up to 64), or a parameter is
                not a finite number.
        """
        return cls(text, parameters)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the value, shape ``(...)`` and dtype of ``x``, at ``x`` of shape ``(..., 2)``."""
        return self._value(*_coordinates(x))[0]

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return values, shape ``(...)``, and gradients, shape ``(..., 2)``, at ``x``.

        The gradient's memory is ``(2, ...)``: its components are contiguous.
        """
        if x.requires_grad:
            x = x.detach()
        f, gx, gy = self._value_and_grad(*_coordinates(x))
        grad = torch.stack((gx, gy))
        return f, grad.t() if x.dim() == 2 else grad.movedim(0, -1)

    def bind(
        self, x: Tensor, y: Tensor, value: Tensor, grad: tuple[Tensor, Tensor] | None = None
    ) -> list[Callable[[], Any]]:
        """Return the calls that evaluate at ``x, y``, whatever they hold then, in fixed memory.

        For loops: nothing is checked.

        Args:
            x: First components, any shape; kept.
            y: Second components, of the same shape and dtype; kept.
            value: Where the value goes, like ``x``.
            grad: Where the two components of the gradient go, if it is wanted.
        """
        if grad is None:
            return self._value.bind(x, y, [value])
        return self._value_and_grad.bind(x, y, [value, *grad])

    @cached_property
    def kinks(self) -> tuple[Objective, ...]:
        """Where it may not be differentiable: the zero sets of these functions.

        One for each argument of abs, relu and sign, each pair of arguments of max and min, each
        comparison of a where, each step of floor and round. NaN where the kink is hidden, that is
        where the value does not depend on the operation at all. They may still be smooth there;
        :func:`landscapes.kinks.real_kinks` keeps those that are not.
        """
        return tuple(Kink(self, i, node) for i, node in enumerate(self._places))

    def kink_values(self, x: Tensor) -> list[Tensor]:
        """Return all :attr:`kinks` at ``x``, ``(...)`` each: what they share is computed once."""
        return self._kink_tape(*_coordinates(x)) if self._places else []

    @property
    def kink_operations(self) -> int:
        """How many operations :meth:`kink_values` takes at a point."""
        return len(self._kink_tape)

    @cached_property
    def _places(self) -> list[Node]:
        graph, root = lower(self.text, parse(self.text), self.parameters)
        return kink_candidates(graph, root)

    @cached_property
    def _kink_tape(self) -> Tape:
        return Tape(self._places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        extra = f", {dict(self.parameters)}" if self.parameters else ""
        return f"Formula.parse({self.text!r}{extra})"

    def __reduce__(self) -> tuple[type[Formula], tuple[str, dict[str, float]]]:
        return Formula, (self.text, dict(self.parameters))

    def _key(self) -> tuple:
        return self.text, tuple(sorted(self.parameters.items()))


class Kink:
    """One of a formula's kinks: an Objective whose zero set it is, NaN where it is hidden."""

    def __init__(self, formula: Formula, index: int, node: Node):
        self._place = (formula, index)
        self._node = node

    @cached_property
    def _tape(self) -> Tape:
        return Tape([self._node])

    def __call__(self, x: Tensor) -> Tensor:
        """Return the value, shape ``(...)`` and dtype of ``x``, at ``x`` of shape ``(..., 2)``."""
        return self._tape(*_coordinates(x))[0]

    def __reduce__(self) -> tuple:
        return _kink, self._place


def _coordinates(x: Tensor) -> tuple[Tensor, Tensor]:
    """The two coordinates of points ``(..., 2)``."""
    try:
        first, second = x.unbind(-1)
    except (ValueError, IndexError):
        raise ValueError(f"Invalid points: shape {tuple(x.shape)}, must be (..., 2)") from None
    return first, second


def _kink(formula: Formula, index: int) -> Objective:
    return formula.kinks[index]


def free_names(text: str) -> tuple[str, ...]:
    """Return the names in a formula that need a value, in order of appearance.

    Raises:
        FormulaError: If the text does not follow the grammar.
    """
    found: dict[str, None] = {}
    todo = [parse(text)]
    while todo:
        tree = todo.pop()
        if isinstance(tree, Name) and tree.name not in RESERVED:
            found[tree.name] = None
        todo.extend(reversed(_children(tree)))
    return tuple(found)


def _children(tree: Tree) -> list[Tree]:
    match tree:
        case Negative() | Not():
            return [tree.operand]
        case Chain():
            return [tree.first, *(operand for _, _, operand in tree.rest)]
        case Power():
            return [tree.base, tree.exponent]
        case Call():
            return list(tree.arguments)
        case _:
            return []


def _checked(text: str, parameters: Mapping[str, float]) -> dict[str, float]:
    for name, value in parameters.items():
        if not name.isidentifier() or name in RESERVED:
            raise FormulaError(text, 1, f"a parameter cannot be called {shorten(name)!r}")
        try:
            finite = math.isfinite(value)
        except (TypeError, ValueError, OverflowError):
            finite = False
        if not finite:
            what = f"parameter {shorten(name)!r} must be finite, not {shown(value)}"
            raise FormulaError(text, 1, what)
    return {name: float(value) for name, value in parameters.items()}
