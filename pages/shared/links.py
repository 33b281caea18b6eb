"""What is on screen as a link: every control by its name, read back field by field.

A page's address says what its controls say, so a reload loses nothing, the browser's back and
forward work, and a link opens the same picture elsewhere. Each field is read by itself: what cannot
be read keeps its default and is named; nothing else is lost.
"""

from __future__ import annotations

import base64
import itertools
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.shared.words import sentence
from sadam.lab.codec import nearest

VERSION = 1
MAX_PACKED = 200_000  # characters of a text that a link brings compressed
_HELD = "_held"  # what the controls of all pages said when their page was last drawn
_SHOWN = "_link"  # the page and the query that the session's state agrees with
_BEFORE = "_link_before"  # the page, and the queries that agreed with it before, the last ones
REMEMBERED = 8  # of those
_NOTES = "_link_notes"
PRESENT = "present"  # the presenter mode, in the address of any page; app.py reads it

MOST_NOTES, MOST_SAID = 12, 600  # things and characters said of one address; more are counted
MOST_NAMED = 12  # options that a note names; of more, the nearest

Read = Callable[[str], Any]
"""Reads a field's text; ValueError says, after the field's name, what it must be."""


def choice(options: Collection[Any]) -> Read:
    """One of some values, by their text."""
    by_text = {text_of(option): option for option in options}

    def read(text: str) -> Any:
        if text not in by_text:
            raise ValueError(_one_of(text, by_text))
        return by_text[text]

    return read


def _one_of(text: str, options: Collection[str]) -> str:
    if len(options) <= MOST_NAMED:
        return f"must be one of {', '.join(options)}"
    near = nearest(text, options)
    return f"must be one of {len(options)}" + (f": {near}" if near.startswith("did") else "")


def _shown(text: str) -> str:
    """A part of an address as a note shows it: short, on one line."""
    return " ".join(text.split())[:40]


def many(options: Collection[str]) -> Read:
    """Any of some texts, with commas between them."""

    def read(text: str) -> list[str]:
        found = [part for part in text.split(",") if part]
        if unknown := [part for part in found if part not in options]:
            raise ValueError(f"holds {unknown[0][:40]!r}, which is none of {', '.join(options)}")
        return list(dict.fromkeys(found))

    return read


def number(low: float, high: float, whole: bool = False) -> Read:
    """A number between two bounds."""

    def read(text: str) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            kind = "whole number" if whole else "number"
            raise ValueError(f"must be a {kind} from {low:.10g} to {high:.10g}")
        return value

    return read


def flag(text: str) -> bool:
    """1 or 0."""
    if text not in ("0", "1"):
        raise ValueError("must be 1 or 0")
    return text == "1"


def words(text: str) -> str:
    """Any text of at most 1000 characters."""
    if len(text) > 1000:
        raise ValueError("must have at most 1000 characters")
    return text


def packed(text: str) -> str:
    """A long text, compressed by :func:`pack`."""
    try:
        unpack = zlib.decompressobj()
        whole = unpack.decompress(base64.urlsafe_b64decode(text), MAX_PACKED)
        return whole.decode() if not unpack.unconsumed_tail else _broken()
    except (ValueError, zlib.error):  # a UnicodeDecodeError and a binascii.Error are ValueErrors
        return _broken()


def _broken() -> str:
    raise ValueError("is damaged")


def pack(text: str) -> str:
    """Compress a long text for a link."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()


def values(text: str) -> dict[str, float]:
    """Names with numbers, such as ``a:0.5,b:2``."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition(":")
        if not name.isidentifier():
            raise ValueError("must look like a:0.5,b:2")
        found[name] = number(-1e6, 1e6)(value)
    return found


def text_of(value: Any) -> str:
    """A control's value as a link writes it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{text_of(v)}" for name, v in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(text_of, value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def with_value(name: str, options: list) -> list:
    """The options of a control, and its value if a link or a file has brought another."""
    value = st.session_state[name]
    return options if value in options else sorted([*options, value])


@dataclass(frozen=True)
class Link:
    """How a page and its address agree.

    Attributes:
        page: Names the page.
        fields: How the page's controls are read, by their keys in the session's state.
        defaults: What the controls say as the page opens.
        idle: Whether a field means nothing as things are; it is then left out of the address.
    """

    page: str
    fields: Mapping[str, Read]
    defaults: Mapping[str, Any]
    idle: Callable[[str], bool] = lambda name: False

    def take(self) -> set[str]:
        """Bring the session's state in line with the address, unless this page wrote it.

        To be called before any control of the page is drawn.

        Returns:
            The fields that were read just now.
        """
        state, query = st.session_state, st.query_params.to_dict()
        page, shown = state.get(_SHOWN, (None, {}))
        if self._late(query, page, shown):
            return set()
        self._agree(query)
        if query == shown or (not query and page != self.page):
            return set()  # nothing new, or a visit from another page, which brings no address
        notes = []
        version = query.pop("v", str(VERSION))
        query.pop(PRESENT, None)
        if version != str(VERSION):
            notes.append(
                f"it is of version {_shown(version)[:8]}, this app writes version {VERSION}"
            )
        for name, default in self.defaults.items():
            state[name] = default
        for name, text in query.items():
            if name not in self.fields:
                notes.append(f"nothing here is called {_shown(name)}")
                continue
            try:
                state[name] = self.fields[name](text)
            except ValueError as error:
                notes.append(f"{name} {error}, not {text[:40]!r}")
        state[_NOTES] = notes
        return query.keys() & self.fields.keys()

    def give(self) -> None:
        """Write the page's state into the address; a page as it opens has a bare one.

        An address that says the same in fewer words stays: every new one is a step of the
        browser's history, and a visitor who goes back could not get past it.
        """
        state, query, current = st.session_state, self.written(), st.query_params.to_dict()
        if self._says(current):
            query = {name: text for name, text in current.items() if name != PRESENT}
        elif all(state[name] == default for name, default in self.defaults.items()):
            query = {}
        if state.get(PRESENT):
            query[PRESENT] = "1"
        if query != current:
            st.query_params.from_dict(query)
        self._agree(query)
        state[_HELD] = {**state.get(_HELD, {}), **{name: state[name] for name in self.defaults}}

    def _agree(self, query: Mapping[str, str]) -> None:
        """Note that the page says what this address says, and what it said before."""
        state = st.session_state
        page, before = state.get(_BEFORE, (None, []))
        before = before if page == self.page else []
        if not before or before[-1] != query:
            before = [*before, dict(query)][-REMEMBERED:]
        state[_BEFORE], state[_SHOWN] = (self.page, before), (self.page, dict(query))

    def _late(self, query: Mapping[str, str], page: str | None, shown: Mapping[str, str]) -> bool:
        """Whether a busy browser sent a control's change with an address that is no longer true.

        It sends both with every change, and is told of a new address only after a run. Whoever goes
        back comes with an earlier address, too, but has changed no control.
        """
        state = st.session_state
        if page != self.page or query == shown or query not in state.get(_BEFORE, (None, []))[1]:
            return False
        held = state.get(_HELD, {})
        return any(state[name] != held[name] for name in self.defaults if name in held)

    def _says(self, query: Mapping[str, str]) -> bool:
        """Whether an address, read from the defaults on, is the state as it is."""
        said = dict(self.defaults)
        for name, text in query.items():
            if name in self.fields:
                try:
                    said[name] = self.fields[name](text)
                except ValueError:
                    return False
            elif name != PRESENT and (name, text) != ("v", str(VERSION)):
                return False
        return all(st.session_state[name] == value for name, value in said.items())

    def written(self) -> dict[str, str]:
        """All fields, with the version."""
        state = st.session_state
        return self.query({name: state[name] for name in self.fields if not self.idle(name)})

    def query(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Some fields as the query of an address, with the version; the others have defaults."""
        texts = {
            name: pack(value) if self.fields[name] is packed and value else text_of(value)
            for name, value in values.items()
        }
        return {"v": str(VERSION), **{name: text for name, text in texts.items() if text}}

    def address(self) -> str:
        """The whole address of what is on screen, every field written out."""
        base = (st.context.url or "").partition("?")[0]
        return f"{base}?{urlencode(self.written(), safe=',:')}"


def hold() -> None:
    """Keep what the controls of all pages say, whichever is on screen.

    Streamlit forgets the values of widgets that the page on screen does not have, unless they are
    written again; and of those of a page that is left after a fragment of it ran alone, all.
    """
    state = st.session_state
    for name, value in state.get(_HELD, {}).items():
        state[name] = state.get(name, value)


def note(told: str) -> None:
    """Have :func:`show_notes` say that one thing more of the address was ignored."""
    st.session_state[_NOTES] = [*(st.session_state.get(_NOTES) or ()), told]


def notes() -> str:
    """What of the address was ignored, as a sentence; empty if nothing was or it has been told."""
    told = st.session_state.pop(_NOTES, None)
    if not told:
        return ""
    lengths = itertools.accumulate(map(len, told))
    few = max(1, min(MOST_NOTES, sum(length <= MOST_SAID for length in lengths)))
    if more := len(told) - few:
        told = [*told[:few], f"and {more} thing{'s' * (more > 1)} more"]
    return (
        sentence("the link could not be followed in everything: " + "; ".join(told))
        + " The rest is as the link says."
    )


def show_notes() -> None:
    """Say, once, what of the address was ignored."""
    if told := notes():
        st.warning(told, icon=":material/link_off:")
