"""What every kind of spec has in common: a kind, a version, and strict JSON both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from sadam.lab.codec import (
    SpecError,
    fields_from,
    from_plain,
    nearest,
    parse_json,
    schema,
    to_plain,
)
from sadam.text import shown

Point = tuple[float, float]  # as in landscapes, which is imported late: see known_landscape
Window = tuple[Point, Point]  # ((x_min, x_max), (y_min, y_max))

MAX_SEED = 2**32 - 1


class Spec:
    """Base of the frozen dataclasses that say everything about a computation.

    A subclass sets ``kind`` and ``version``, checks itself in ``__post_init__`` and says in
    ``to_command`` how the command line runs it.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises:
            SpecError: If it is anything else.
        """
        return cls(**fields_from(schema(cls), spec_body(data, cls), "the spec"))

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain dicts, lists, texts and numbers."""
        values = {name: to_plain(getattr(self, name)) for name in schema(type(self))}
        return {"kind": self.kind, "version": self.version, **values}

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read JSON.

        Raises:
            SpecError: If it is not the JSON of such a spec.
        """
        return cls.from_dict(parse_json(text))

    def to_json(self, indent: int | None = None) -> str:
        """Return JSON that :meth:`from_json` reads back unchanged."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that runs this spec, quoted for a shell.

        Args:
            program: How it begins, as a shell reads it.

        Raises:
            NotImplementedError: If a subclass does not say it.
        """
        raise NotImplementedError


def spec_body(data: Any, cls: type[Spec]) -> dict[str, Any]:
    """Check kind and version of a spec, and return the rest.

    Raises:
        SpecError: If it is not a spec of this class.
    """
    if not isinstance(data, Mapping):
        raise SpecError(f"the spec must be a JSON object, but is {shown(data)}")
    body = dict(data)
    for name in ("kind", "version"):
        if name not in body:
            raise SpecError(f"the spec has no field {name!r}, which it must have")
    kind, version = body.pop("kind"), body.pop("version")
    if kind != cls.kind:
        raise SpecError(f"the spec has the kind {shown(kind)}, but {cls.kind!r} was expected")
    version = from_plain(int, version, "version")
    if version > cls.version:
        raise SpecError(
            f"the spec has version {shown(version)}, but this program reads versions up to "
            f"{cls.version}: a newer one wrote it"
        )
    if version < 1:
        raise SpecError(f"the spec has version {shown(version)}, but versions begin at 1")
    return body


def known_landscape(name: Any) -> Any:
    """Return a landscape of the catalogue, or the own function of a name that begins with ``=``.

    Raises:
        SpecError: If there is none of that name, or its formula cannot be read.
    """
    import landscapes  # late: it compiles the whole catalogue, a third of a second

    if not isinstance(name, str):
        raise SpecError(f"landscape must be a text, but is {shown(name)}")
    try:
        return landscapes.get(name)
    except ValueError as error:
        raise SpecError(str(error)) from None


def known_schedule(name: Any) -> str:
    """Return the key of a learning-rate schedule.

    Raises:
        SpecError: If it is none.
    """
    from sadam.schedules import SCHEDULES  # late: it brings torch

    if not isinstance(name, str) or name not in SCHEDULES:
        raise SpecError(f"unknown schedule {shown(name)}: {nearest(name, SCHEDULES)}")
    return name


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number between two bounds.

    Raises:
        SpecError: If it is none.
    """
    number = from_plain(int, value, name)
    if not low <= number <= high:
        raise SpecError(f"{name} is {shown(number)}, but must lie between {low} and {high}")
    return number


def number_text(value: Any) -> str:
    """Return a value as the command line reads it."""
    if isinstance(value, tuple):
        return ",".join(map(number_text, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
