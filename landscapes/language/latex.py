"""Syntax tree to LaTeX (the part of it that KaTeX knows), in the author's order.

Nothing is simplified; parentheses appear where the reading needs them, not where they were typed.
"""

from __future__ import annotations

import re

from landscapes.language.syntax import Call, Chain, Name, Negative, Not, Number, Power, Tree

# How tightly a piece of LaTeX holds together; a looser piece inside a tighter place is bracketed.
_CASES, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _POWER, _ATOM = range(9)

_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda"),
        *("mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "pi"),
    )
)
_SUBSCRIPTED = re.compile(r"([A-Za-z]+)(?:_([A-Za-z0-9]+)|([0-9]+))?")
_RELATIONS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_NAMED = {"sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "tanh": r"\tanh", "log": r"\ln"}
_WORDS = {"max": r"\max", "min": r"\min"}
_FENCES = {  # name: (before, after, how tightly the whole holds together)
    "abs": (r"\left|", r"\right|", _ATOM),
    "floor": (r"\left\lfloor ", r"\right\rfloor ", _ATOM),
    "sqrt": (r"\sqrt{", "}", _ATOM),
    "exp": ("e^{", "}", _POWER),
}


def latex(tree: Tree) -> str:
    """Return LaTeX for a formula, without dollar signs."""
    return _number(tree)[0]


def _number(tree: Tree) -> tuple[str, int]:
    match tree:
        case Number():
            return _literal(tree.text)
        case Name():
            return _name(tree.name), _ATOM
        case Negative():
            # The sign of a product may stand before it, but not before a sum.
            return "-" + _inside(tree.operand, _PRODUCT), _SUM
        case Chain(kind="+"):
            return _sum(tree), _SUM
        case Chain(kind="*"):
            return _product(tree)
        case Power():
            return _power(tree)
        case Call():
            return _call(tree)
        case _:  # a condition used as a number: Iverson's bracket
            return rf"\left[{_condition(tree)[0]}\right]", _ATOM


def _condition(tree: Tree) -> tuple[str, int]:
    match tree:
        case Chain(kind="<"):
            rest = (f" {_RELATIONS[op]} {_inside(operand, _SUM)}" for _, op, operand in tree.rest)
            return _inside(tree.first, _SUM) + "".join(rest), _COMPARE
        case Chain(kind="and" | "or"):
            level = _AND if tree.kind == "and" else _OR
            operands = (tree.first, *(operand for _, _, operand in tree.rest))
            text = rf" \text{{ {tree.kind} }} ".join(_holds(o, level + 1) for o in operands)
            return text, level
        case Not():
            return r"\text{not }" + _holds(tree.operand, _NOT), _NOT
        case _:
            return _number(tree)


def _holds(tree: Tree, least: int) -> str:
    text, level = _condition(tree)
    return text if level >= least else _bracket(text)


def _inside(tree: Tree, least: int, *, after: bool = False) -> str:
    """Return LaTeX that fits where pieces must hold together at least this tightly.

    With ``after``, a sign in front is bracketed: it would follow another sign.
    """
    text, level = _number(tree)
    return text if level >= least and not (after and text.startswith("-")) else _bracket(text)


def _bracket(text: str) -> str:
    return rf"\left({text}\right)"


def _literal(text: str) -> tuple[str, int]:
    mantissa, _, exponent = text.lower().partition("e")
    mantissa = ("0" + mantissa if mantissa.startswith(".") else mantissa).removesuffix(".")
    if not exponent:
        return mantissa, _ATOM
    power = f"10^{{{int(exponent)}}}"
    if mantissa == "1":
        return power, _POWER
    return rf"{mantissa} \cdot {power}", _PRODUCT


def _name(name: str) -> str:
    match = _SUBSCRIPTED.fullmatch(name)
    if match is None:
        return _upright(name)
    head, tail = match[1], match[2] or match[3]
    head = "\\" + head if head in _GREEK else _upright(head)
    return f"{head}_{{{_upright(tail)}}}" if tail else head


def _upright(name: str) -> str:
    """Letters side by side would read as a product."""
    if name.isdigit() or len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _sum(tree: Chain) -> str:
    text = _inside(tree.first, _SUM)
    for _, op, operand in tree.rest:
        text += f" {op} {_inside(operand, _SUM if op == '+' else _PRODUCT, after=True)}"
    return text


def _product(tree: Chain) -> tuple[str, int]:
    first = tree.first
    sign = ""
    if isinstance(first, Negative):
        sign, first = "-", first.operand
    # Division binds to the left: all that was read so far becomes the numerator.
    factors = [first]
    text = ""
    for _, op, operand in tree.rest:
        if op == "*":
            factors.append(operand)
        else:
            top = _juxtapose(text, factors) if text or len(factors) > 1 else _number(first)[0]
            text, factors = rf"\frac{{{top}}}{{{_number(operand)[0]}}}", []
    text = _juxtapose(text, factors)
    return sign + text, _SUM if sign else _PRODUCT


def _juxtapose(text: str, factors: list[Tree]) -> str:
    for factor in factors:
        piece = _inside(factor, _PRODUCT, after=True)
        # Digits side by side would read as one number, a number before a fraction as a mixed one.
        dot = text and (piece[0].isdigit() or (text[-1].isdigit() and piece.startswith(r"\frac")))
        text = rf"{text} \cdot {piece}" if dot else f"{text} {piece}".lstrip()
    return text


def _power(tree: Power) -> tuple[str, int]:
    exponent = _number(tree.exponent)[0]
    base = tree.base
    if isinstance(base, Call) and base.name in _NAMED and isinstance(tree.exponent, Number):
        return f"{_NAMED[base.name]}^{{{exponent}}}{_arguments(base)}", _PRODUCT
    return f"{_inside(base, _ATOM)}^{{{exponent}}}", _POWER


def _call(tree: Call) -> tuple[str, int]:
    name = tree.name
    if name == "where":
        return _cases(tree), _CASES
    if name in _FENCES:
        left, right, level = _FENCES[name]
        return left + _number(tree.arguments[0])[0] + right, level
    word = _NAMED.get(name) or _WORDS.get(name) or rf"\operatorname{{{name}}}"
    return word + _arguments(tree), _POWER


def _arguments(tree: Call) -> str:
    return _bracket(r",\ ".join([_number(a)[0] for a in tree.arguments]))


def _cases(tree: Call) -> str:
    rows = []
    rest: Tree = tree
    while isinstance(rest, Call) and rest.name == "where":
        condition, value, rest = rest.arguments
        rows.append(rf"{_number(value)[0]} & \text{{if }} {_condition(condition)[0]}")
    rows.append(rf"{_number(rest)[0]} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
