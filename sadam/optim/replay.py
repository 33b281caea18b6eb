"""Calling a closure again under the conditions of its first call, and leaving no trace of it.

A difference of two losses measures the parameters only if nothing else differs: not the dropout
mask, not a mixup coefficient, not the power iteration of a spectral norm. And a call that only
measures must not move anything: neither the random streams nor running statistics nor gradients.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

COMPILED = (
    "the closure calls a compiled module, whose buffers cannot be found: hand the model to the "
    "optimizer as well (model=...)"
)


class _Stream(NamedTuple):
    """One global source of random numbers."""

    get: Callable[[], Any]
    set: Callable[[Any], Any]


class _Buffer(NamedTuple):
    """A module's buffer and what it held."""

    owner: dict[str, Tensor | None]
    name: str
    tensor: Tensor
    held: Tensor


class Replay:
    """Records the conditions of one call, repeats them for others, and restores what was after it.

    Conditions are the random streams (torch's on the CPU and on the devices given, Python's and
    NumPy's global one) and the buffers of modules (running statistics and the like). Modules are
    found by themselves: those that are called during the first call, with their submodules. Where
    ``torch.compile`` has compiled them away they cannot be; for them hand in the model. State
    outside buffers (a plain attribute that ``forward`` changes, a data iterator) is not seen.

    Args:
        devices: Where the parameters are.
        parameters: Parameters, of any shape, whose gradients the repeats must not touch; those of
            the modules found are added.
        model: The module whose buffers to keep; None to find the modules during the first call.
    """

    def __init__(
        self,
        devices: Iterable[torch.device],
        parameters: Iterable[Tensor],
        model: nn.Module | None = None,
    ) -> None:
        self._streams = [*_global_streams(), *_device_streams(devices)]
        self._parameters = dict.fromkeys(parameters)
        self._model = model
        self._compiled = False
        self._modules: dict[nn.Module, None] = {}
        self._buffers_before: list[_Buffer] = []
        self._buffers_after: list[_Buffer] = []
        self._states_before: list[Any] = []
        self._states_after: list[Any] = []

    @contextmanager
    def first(self) -> Iterator[None]:
        """Record the conditions of the call that is made inside.

        Raises:
            RuntimeError: If it calls compiled modules and there is no model to look for them in.
        """
        self._states_before = [stream.get() for stream in self._streams]
        if self._model is None:
            hook = register_module_forward_pre_hook(partial(self._meet, threading.get_ident()))
        else:
            hook = None
            self._note(self._model)
        try:
            yield
        finally:
            if hook is not None:
                hook.remove()
        if self._compiled:
            raise RuntimeError(COMPILED)
        self._states_after = [stream.get() for stream in self._streams]
        self._buffers_after = [b for module in self._modules for b in _buffers(module)]

    def _meet(self, thread: int, module: nn.Module, _: object) -> None:
        """Note a module just before it runs; the hook is global, other threads are not ours."""
        if torch.compiler.is_compiling():
            self._compiled = True  # the compiler replays this when what it compiled runs
        elif module not in self._modules and threading.get_ident() == thread:
            if hasattr(module, "_orig_mod"):  # what torch.compile makes of a module
                raise RuntimeError(COMPILED)
            self._note(module)

    def _note(self, root: nn.Module) -> None:
        for module in root.modules():
            if module not in self._modules:
                self._modules[module] = None
                self._buffers_before += _buffers(module)
                own = module._parameters.values()
                self._parameters |= dict.fromkeys(p for p in own if p is not None)

    @contextmanager
    def repeats(self) -> Iterator[Callable[[], None]]:
        """Give a function that restores the first call's conditions, to be called before a repeat.

        On leaving, also by an exception, all is as it was after the first call. In between
        parameters have no gradient, so that a ``zero_grad`` inside a repeat finds nothing to zero.
        """
        moved = [
            (stream, before)
            for stream, before, after in zip(
                self._streams, self._states_before, self._states_after, strict=True
            )
            if not _same(before, after)
        ]
        grads = {p: p.grad for p in self._parameters}

        def rewind() -> None:
            for stream, state in moved:
                stream.set(state)
            _restore(self._buffers_before)
            torch.clear_autocast_cache()  # it holds casts of the weights as they were

        for p in grads:
            p.grad = None
        try:
            yield rewind
        finally:
            for stream, state in zip(self._streams, self._states_after, strict=True):
                stream.set(state)
            _restore(self._buffers_after)
            for p, grad in grads.items():
                p.grad = grad
            torch.clear_autocast_cache()


def _global_streams() -> list[_Stream]:
    return [
        _Stream(torch.get_rng_state, torch.set_rng_state),
        _Stream(random.getstate, random.setstate),
        _Stream(np.random.get_state, np.random.set_state),
    ]


def _device_streams(devices: Iterable[torch.device]) -> list[_Stream]:
    """The default generators of devices that have one of their own."""
    streams = []
    for device in dict.fromkeys(d for d in devices if d.type not in ("cpu", "meta")):
        module = torch.get_device_module(device)
        if not hasattr(module, "get_rng_state"):
            continue
        which = {} if device.type == "mps" else {"device": device}  # there is one MPS device only
        streams.append(
            _Stream(partial(module.get_rng_state, **which), partial(module.set_rng_state, **which))
        )
    return streams


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return all(np.array_equal(p, q) if isinstance(p, np.ndarray) else p == q for p, q in zip(a, b))  # noqa: B905


def _buffers(module: nn.Module) -> list[_Buffer]:
    """Copy a module's buffers, but not those that nobody can write to (expanded ones)."""
    return [
        _Buffer(module._buffers, name, buffer, buffer.detach().clone())
        for name, buffer in module._buffers.items()
        if buffer is not None and not is_lazy(buffer) and not _overlaps(buffer)
    ]


def _overlaps(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided:
        return False
    return any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape))  # noqa: B905


@torch.no_grad()
def _restore(buffers: list[_Buffer]) -> None:
    """Give buffers back their content, and modules their buffers."""
    if not buffers:
        return
    torch._foreach_copy_([b.tensor for b in buffers], [b.held for b in buffers])
    for owner, name, tensor, _ in buffers:
        if owner[name] is not tensor:
            owner[name] = tensor
