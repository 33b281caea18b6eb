"""What is computed once for all visitors: the least recently seen goes when it takes too much room.

Streamlit's caches count entries, and an entry of a race may take a kilobyte or 240 megabytes. Here
all results of all pages share :data:`MAX_BYTES`; the newest is kept whatever its size, so that a
picture on screen is not computed again at each click.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import torch

from pages.shared.patience import alone, computing, hush
from sadam.lab.spec import Spec

MAX_BYTES = 200_000_000  # of all results that are kept for all visitors
MAX_KEPT = 1_000  # of them, however small

_OWN = ("landscapes", "sadam", "pages")  # whose objects are looked into

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Entry:
    """A result that is kept, and about how many bytes it takes."""

    value: Any
    size: int


_entries: OrderedDict[tuple[Any, ...], Entry] = OrderedDict()
_total = 0
_making: dict[tuple[Any, ...], tuple[threading.Lock, list[int]]] = {}
_lock = threading.Lock()


def kept(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep what a function returns, by its arguments: specs, numbers, texts, or tuples of them.

    Visitors who ask for the same at the same time wait for one computation.

    Args:
        name: Names the function for good, also where a page's script defines it anew.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            key = (name, *map(_key, args), *((n, _key(kwargs[n])) for n in sorted(kwargs)))
            if (found := look(key)) is None:
                with _alone(key):
                    if (found := look(key)) is None:
                        with computing():
                            value = function(*args, **kwargs)
                        found = keep(key, value)
                hush()
            return found.value

        return call

    return decorated


def look(key: tuple[Any, ...]) -> Entry | None:
    """Return what is kept under a key, which begins with a name; None if nothing is.

    It is weighed again: results remember what they are asked for.
    """
    with _lock:
        found = _entries.get(key)
    return None if found is None else keep(key, found.value)


def keep(key: tuple[Any, ...], value: Any) -> Entry:
    """Keep a result, and let what was longest not looked for go where there is no room."""
    global _total
    entry = Entry(value, weight(value) + weight(key))
    with _lock:
        if key in _entries:
            _total -= _entries.pop(key).size
        _entries[key] = entry
        _total += entry.size
        while len(_entries) > 1 and (_total > MAX_BYTES or len(_entries) > MAX_KEPT):
            _, gone = _entries.popitem(last=False)
            _total -= gone.size
    return entry


def size() -> int:
    """Return how many bytes are kept."""
    return _total


def clear() -> None:
    """Keep nothing of what was computed."""
    global _total
    with _lock:
        _entries.clear()
        _total = 0


def weight(value: Any) -> int:
    """Return about how many bytes a result takes: its arrays, tables, texts and containers."""
    seen: set[Any] = set()
    total, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            mark, more = ("storage", storage.data_ptr()), storage.nbytes()
        elif isinstance(item, np.ndarray):
            while isinstance(item.base, np.ndarray):
                item = item.base
            mark, more = id(item), item.nbytes
        elif isinstance(item, pd.DataFrame | pd.Series):
            mark, more = id(item), int(np.sum(item.memory_usage(deep=True)))
        else:
            mark, more = id(item), sys.getsizeof(item, 0)
        if mark in seen:
            continue
        seen.add(mark)
        total += more
        if isinstance(item, Mapping):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, tuple | list | set | frozenset):
            waiting += item
        elif isinstance(item, type):
            continue
        elif hasattr(item, "__dict__") and type(item).__module__.partition(".")[0] in _OWN:
            waiting += vars(item).values()  # what it remembers of what it was asked is among them
        elif is_dataclass(item):
            waiting += [getattr(item, f.name) for f in fields(item)]
    return total


def _key(value: Any) -> Any:
    """What tells arguments apart to the last bit: -0.0 from 0.0, 1 from 1.0 and from True."""
    if isinstance(value, str | bytes):
        return value
    return (type(value), value.to_json() if isinstance(value, Spec) else repr(value))


@contextmanager
def _alone(key: tuple[Any, ...]) -> Iterator[None]:
    """While nobody else computes the same."""
    with _lock:
        lock, users = _making.setdefault(key, (threading.Lock(), [0]))
        users[0] += 1
    try:
        alone(lock)
        try:
            yield
        finally:
            lock.release()
    finally:
        with _lock:
            users[0] -= 1
            if not users[0]:
                del _making[key]
