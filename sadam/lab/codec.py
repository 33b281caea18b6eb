"""Frozen dataclasses to plain JSON and back, strictly: what every kind of spec has in common.

A dataclass's annotations are its schema. They may be made of ``float``, ``int``, ``bool``, ``str``,
``None``, ``Any``, ``Literal``, unions, ``tuple[A, B]``, ``tuple[A, ...]`` and other dataclasses; a
member of a union that no JSON can express (a tensor) is passed over. Whatever does not fit is a
:class:`SpecError` of one sentence that says where, what was found and what would be right.
"""

from __future__ import annotations

import difflib
import json
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sadam.text import shown

MAX_BYTES, MAX_ITEMS = 1_000_000, 10_000


class SpecError(ValueError):
    """A spec, or a setting on the command line, that cannot be; the message is one sentence."""


def reason(error: ValueError) -> str:
    """Return what an error of the core says, to stand in a sentence."""
    return str(error).replace("Invalid ", "invalid ", 1)


def nearest(name: object, options: Iterable[str]) -> str:
    """Return ``"did you mean 'adam'?"`` where an option is close, else the list of options."""
    names, text = list(options), name if isinstance(name, str) else shown(name)
    close = difflib.get_close_matches(text[:100].lower(), names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"it must be one of {', '.join(names)}"


def schema(cls: type) -> dict[str, Any]:
    """Return the annotations of a dataclass's fields, resolved, in order."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}


def to_plain(value: Any) -> Any:
    """Return a value made of frozen dataclasses and tuples as dicts, lists and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def from_plain(annotation: Any, value: Any, where: str) -> Any:
    """Return ``value`` as the annotation wants it: lists as tuples, whole numbers as floats.

    Args:
        annotation: A type as listed in the module's text.
        value: What JSON (or Python) gave.
        where: How a message calls it, e.g. ``"starts[0]"``.

    Raises:
        SpecError: If it does not fit; NaN and infinity never do.
        TypeError: If the annotation is none of those listed.
    """
    origin, members = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return value
    if annotation in _SCALARS:
        return _SCALARS[annotation](value, where)
    if origin is Literal:
        if value in members and isinstance(value, str):
            return value
        raise SpecError(f"{where} cannot be {shown(value)}: {nearest(value, members)}")
    if origin is Union or origin is types.UnionType:
        if value is None and type(None) in members:
            return None
        known = [m for m in members if m is not type(None) and _expressible(m)]
        return from_plain(known[0], value, where)
    if origin is tuple:
        return _tuple(members, value, where)
    if is_dataclass(annotation):
        values = fields_from(schema(annotation), value, where)
        try:
            return annotation(**values)  # type: ignore[operator]
        except SpecError:
            raise
        except ValueError as error:  # what the dataclass itself refuses
            raise SpecError(str(error)) from None
    raise TypeError(f"no JSON form for {annotation!r}")


def fields_from(types_by_name: Mapping[str, Any], value: Any, where: str) -> dict[str, Any]:
    """Read a JSON object that must have exactly the named fields.

    Raises:
        SpecError: If it is no object, a field is missing or unknown, or a value does not fit.
    """
    if not isinstance(value, Mapping):
        raise SpecError(f"{where} must be a JSON object, but is {shown(value)}")
    for name in value:
        if name not in types_by_name:
            raise SpecError(f"{where} has an unknown field {shown(name)}: "
                            f"{nearest(name, types_by_name)}")  # fmt: skip
    for name in types_by_name:
        if name not in value:
            raise SpecError(f"{where} has no field {name!r}, which it must have")
    prefix = "" if where == "the spec" else f"{where}."
    return {n: from_plain(t, value[n], prefix + n) for n, t in types_by_name.items()}


def from_text(annotation: Any, text: str, where: str) -> Any:
    """Read a value typed on a command line, such as ``0.05`` or ``0.9,0.999``.

    Raises:
        SpecError: If it does not fit the annotation.
    """
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Union or origin is types.UnionType:
        return from_text(next(m for m in members if _expressible(m)), text, where)
    if origin is tuple:
        parts = text.split(",")
        if members[-1] is not Ellipsis and len(parts) != len(members):
            raise SpecError(f"{where} must be {len(members)} numbers with commas, but is {text!r}")
        wanted = members[:1] * len(parts) if members[-1] is Ellipsis else members
        return tuple(from_text(t, part, where) for t, part in zip(wanted, parts, strict=True))
    if annotation is float or annotation is int:
        try:
            number = annotation(text)
        except ValueError:
            kind = "a number" if annotation is float else "a whole number"
            raise SpecError(f"{where} must be {kind}, but is {shown(text)}") from None
        return from_plain(annotation, number, where)
    return from_plain(annotation, text, where)


def texts(values: Any, where: str) -> tuple[str, ...]:
    """Return what is an iterable of texts, but not one text: that would be read by its letters.

    Raises:
        SpecError: If it is none.
    """
    several = isinstance(values, Iterable) and not isinstance(values, str | bytes)
    return from_plain(tuple[str, ...], tuple(values) if several else values, where)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON strictly: no duplicate keys, no NaN or infinity, at most :data:`MAX_BYTES`.

    A number too large for a float, such as ``1e999``, is read as infinite, which no field takes.

    Raises:
        SpecError: If it is not such JSON; the message names line and column where it can.
    """
    if not isinstance(text, str | bytes):
        raise SpecError(f"a spec is read from text or bytes, not from {shown(text)}")
    if len(text) > MAX_BYTES:
        raise SpecError(f"the spec is too large, a spec has at most {MAX_BYTES} bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise SpecError("the spec is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise SpecError(
            f"the spec is not JSON: {error.msg.lower()} at line {error.lineno}, "
            f"column {error.colno}"
        ) from None
    except RecursionError:
        raise SpecError("the spec is nested too deeply") from None
    except SpecError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise SpecError("the spec holds a number with too many digits") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"the spec has the field {shown(twice)} twice in one object")
    return result


def _no_constant(name: str) -> Any:
    raise SpecError(f"the spec holds {name}, but every number must be finite")


def _expressible(annotation: Any) -> bool:
    return (
        annotation in _SCALARS
        or get_origin(annotation) in (tuple, Literal)
        or is_dataclass(annotation)
    )


def _float(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SpecError(f"{where} must be a number, but is {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpecError(f"{where} must be a finite number, but is {shown(value)}")
    return number


def _int(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SpecError(f"{where} must be a whole number, but is {shown(value)}")
    return int(value)


def _bool(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{where} must be true or false, but is {shown(value)}")
    return value


def _str(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SpecError(f"{where} must be a text, but is {shown(value)}")
    return value


_SCALARS = {float: _float, int: _int, bool: _bool, str: _str}


def _tuple(members: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SpecError(f"{where} must be a list, but is {shown(value)}")
    if len(value) > MAX_ITEMS:
        raise SpecError(f"{where} has {len(value)} values, but at most {MAX_ITEMS} are read")
    if members[-1] is Ellipsis:
        members = members[:1] * len(value)
    elif len(value) != len(members):
        raise SpecError(f"{where} must have {len(members)} values, but is {shown(value)}")
    pairs = zip(members, value, strict=True)
    return tuple(from_plain(t, item, f"{where}[{i}]") for i, (t, item) in enumerate(pairs))
