"""The options that commands share: the spec to start from, its fields, and what to write."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sadam.lab.spec import Spec

S = TypeVar("S", bound="Spec")


def add_options(group: Any, options: Mapping[str, tuple[str, str]]) -> None:
    """Add options that take a text; by name, what stands for it in the help and what that says."""
    for name, (metavar, told) in options.items():
        group.add_argument(f"--{name}", metavar=metavar, help=told)


def add_json(group: Any) -> None:
    """Add ``--json``."""
    group.add_argument("--json", action="store_true", help="print the numbers and the spec as JSON")


def add_output(group: Any, formats: str, more: str = "html-small") -> None:
    """Add the options for what to write.

    Args:
        group: Where to add them.
        formats: What is written by default.
        more: What is written only where it is asked for.
    """
    add_json(group)
    group.add_argument("--out", metavar="DIR", help="write files there; made if it is not there")
    group.add_argument(
        "--formats",
        metavar="F,F,...",
        help=f"which of {formats} to write (default: all; png, svg and pdf need a Chromium), or "
        f"{more}; spec.json and results.json are always written",
    )


def add_input_and_output(parser: ArgumentParser, formats: str) -> None:
    """Add the options for a spec to start from and, of some formats, for what to write."""
    group = parser.add_argument_group("input and output")
    told = "start from the JSON of a spec, - for standard input; options override it"
    group.add_argument("--spec", metavar="FILE", help=told)
    add_output(group, formats)


def spec_in(path: str, read: Callable[[str | bytes], S]) -> S:
    """Return the spec in a file, or on standard input for ``-``.

    Args:
        path: Which file.
        read: Reads its JSON, such as ``from_json`` of a class of specs.

    Raises:
        ValueError: If the file cannot be read, or holds no such spec.
    """
    from sadam.lab.codec import MAX_BYTES

    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    try:
        return read(data)
    except ValueError as error:
        name = "standard input" if path == "-" else path
        raise ValueError(f"{name}: {error}") from None


def fields_of(spec: Spec) -> dict[str, Any]:
    """Return the fields of a spec by name, for another to be made from."""
    return {field.name: getattr(spec, field.name) for field in fields(spec)}  # type: ignore[arg-type]


def base_fields(arguments: Namespace, cls: type[Spec]) -> dict[str, Any]:
    """Return the fields of the spec of ``--spec``; none without it.

    Raises:
        ValueError: If its file cannot be read, or holds no spec of that class.
    """
    return {} if arguments.spec is None else fields_of(spec_in(arguments.spec, cls.from_json))


def fields_given(arguments: Namespace, cls: type[Spec], options: Iterable[str]) -> dict[str, Any]:
    """Return what options of the names of a spec's fields say, of those that are given.

    Raises:
        ValueError: If one is not of its field's type.
    """
    from sadam.lab.codec import from_text, schema

    types = schema(cls)
    names = [option.replace("-", "_") for option in options]
    texts = {name: text for name in names if (text := getattr(arguments, name)) is not None}
    return {name: from_text(types[name], text, name) for name, text in texts.items()}
