"""Evaluation: an expression graph laid out as a flat list of torch calls.

Each call reads and writes numbered slots; a slot is used again as soon as its tensor is no longer
needed, so large batches stay small in memory. Only elementwise calls that round every element
alike are used (no fused multiply-add), so a point's result does not depend on its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor

from landscapes.language.expressions import CONDITIONS, Node


def _pow(a: Tensor, b: Tensor) -> Tensor:
    """``torch.pow``, padded to whole vectors: its last few elements would round differently."""
    a, b = torch.broadcast_tensors(a, b)
    missing = -a.numel() % 32  # the widest: two registers of 16 floats
    if not missing:
        return torch.pow(a.contiguous(), b.contiguous())
    flat = [torch.nn.functional.pad(t.flatten(), (0, missing), value=1.0) for t in (a, b)]
    return torch.pow(*flat)[:-missing].view(a.shape)


def _inverse(a: Tensor) -> Tensor:
    return torch.where(a == 0, a, torch.reciprocal(a))


def _maximums(*args: Tensor) -> Tensor:
    if any(a.requires_grad for a in args):  # so that autograd, too, splits ties evenly
        return torch.stack(torch.broadcast_tensors(*args)).amax(0)
    return reduce(torch.maximum, args)


def _minimums(*args: Tensor) -> Tensor:
    if any(a.requires_grad for a in args):
        return torch.stack(torch.broadcast_tensors(*args)).amin(0)
    return reduce(torch.minimum, args)


def _attains(a: Tensor, b: Tensor) -> Tensor:
    return torch.eq(a, b).to(a.dtype)


def _unless(hidden: Tensor, a: Tensor) -> Tensor:
    return torch.masked_fill(a, hidden, math.nan)


_CALLS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "neg": torch.neg,
    "mul": torch.mul,
    "div": torch.div,
    "pow": _pow,
    "inverse": _inverse,  # 0 at 0
    "abs": torch.abs,
    "sqrt": torch.sqrt,
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sign": torch.sign,
    "round": torch.round,
    "floor": torch.floor,
    "step": torch.heaviside,  # of (a, value at a = 0)
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "maximums": _maximums,
    "minimums": _minimums,
    "attains": _attains,  # 1 where a = b, else 0
    "where": torch.where,
    "unless": _unless,
    "lt": torch.lt,
    "le": torch.le,
    "eq": torch.eq,
    "ne": torch.ne,
    "and": torch.logical_and,
    "not": torch.logical_not,
}


_IN_PLACE: dict[str, Callable[..., Tensor]] = {
    name: getattr(Tensor, f"{name}_")
    for name in (
        *("add", "sub", "neg", "mul", "div", "abs", "sqrt", "exp", "log", "sin", "cos"),
        *("tan", "tanh", "relu", "sign", "round", "floor"),
    )
}
"""The same calls written over their first argument: no new memory, nearly half the time."""
_INTO = {
    name: getattr(torch, name)
    for name in (
        *("add", "sub", "neg", "mul", "div", "abs", "sqrt", "exp", "log", "sin", "cos", "tan"),
        *("tanh", "sign", "round", "floor", "maximum", "minimum", "where"),
        *("lt", "le", "eq", "ne"),
    )
} | {"step": torch.heaviside, "attains": torch.eq, "and": torch.logical_and}
"""The same calls writing into memory that is given (``out=``)."""

_Step = tuple[Callable[..., Tensor], int, int, int, tuple[int, ...]]


@dataclass(frozen=True)
class _Laid:
    """A node with its slot and its arguments': all, in an order to overwrite, needed no longer."""

    node: Node
    slot: int
    args: tuple[int, ...]
    over: tuple[int, ...] | None
    ended: tuple[int, ...]


class Tape:
    """The calls that compute some nodes of a graph; a function of two tensors."""

    def __init__(self, outputs: Sequence[Node]):
        """Lay out the calls for ``outputs``."""
        nodes = _needed(outputs)
        self._constants = [n for n in nodes if n.constant is not None]
        slots = {node: 2 + i for i, node in enumerate(self._constants)}
        slots.update((n, "xy".index(n.op)) for n in nodes if n.op in ("x", "y"))
        last = {arg: node for node in nodes for arg in node.args} | dict.fromkeys(outputs)
        self._size = 2 + len(self._constants)
        self._calls: list[_Step] = []  # keep every intermediate result, for autograd
        self._fast: list[_Step] = []  # write over those that are no longer needed
        self._plan: list[_Laid] = []
        free: list[int] = []
        for node in nodes:
            if node in slots:
                continue
            args = tuple(slots[a] for a in node.args)
            ended = {a for a in node.args if last[a] is node and a.constant is None and a.args}
            free.extend(slots[a] for a in ended)
            if not free:
                free.append(self._size)
                self._size += 1
            slots[node] = free.pop()
            i, j = (*args, -1)[:2] if len(args) < 3 else (-1, -1)
            self._calls.append((_CALLS[node.op], slots[node], i, j, args))
            over = _written_over(node, ended)
            over_slots = None if over is None else tuple(slots[a] for a in over)
            self._plan.append(
                _Laid(node, slots[node], args, over_slots, tuple(slots[a] for a in ended))
            )
            if over is None:
                self._fast.append(self._calls[-1])
            else:
                i, j = (*(slots[a] for a in over), -1)[:2]
                self._fast.append((_IN_PLACE[node.op], slots[node], i, j, args))
        self._outputs = tuple(outputs)
        self._results = tuple(slots[node] for node in outputs)
        # An output that is an input or a constant must be given memory and shape of its own.
        self._bare = tuple(i for i, n in enumerate(outputs) if not (n.varies and n.args))
        self._templates: dict[torch.dtype, list[Tensor | None]] = {}

    def __call__(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """Return the outputs at points ``(x, y)``.

        Args:
            x: First components, any shape, a floating dtype.
            y: Second components, same shape and dtype.

        Returns:
            One tensor like ``x`` per output (boolean for conditions). Equal outputs are the same
            tensor.

        Raises:
            TypeError: If the dtype is not a floating one.
        """
        template = self._templates.get(x.dtype)
        if template is None:
            template = self._templates[x.dtype] = self._template(x.dtype)
        slots: list = [x, y, *template]
        differentiated = torch.is_grad_enabled() and (x.requires_grad or y.requires_grad)
        for call, out, i, j, args in self._calls if differentiated else self._fast:
            if j >= 0:
                slots[out] = call(slots[i], slots[j])
            elif i >= 0:
                slots[out] = call(slots[i])
            else:
                slots[out] = call(*[slots[k] for k in args])
        results = [slots[k] for k in self._results]
        for k in self._bare:
            results[k] = results[k].expand(x.shape).clone(memory_format=torch.contiguous_format)
        return results

    def __len__(self) -> int:
        return len(self._calls)

    def bind(self, x: Tensor, y: Tensor, outputs: Sequence[Tensor]) -> list[Callable[[], Any]]:
        """Fix the memory of an evaluation, for a loop that evaluates at the same place many times.

        No memory is asked for afterwards: nearly half of a call's time at a handful of points. The
        results are those of a call, to the last bit.

        Args:
            x: First components; read anew at each evaluation.
            y: Second components, same shape and dtype.
            outputs: Where the results go: like ``x``, one for each output.

        Returns:
            What to call, one after the other, for one evaluation.
        """
        template = self._template(x.dtype)
        slots: list = [x, y, *template]
        into = {
            node: out
            for i, (node, out) in enumerate(zip(self._outputs, outputs, strict=True))
            if i not in self._bare and node not in self._outputs[:i]
        }
        spare: dict[torch.dtype, list[Tensor]] = {x.dtype: [], torch.bool: []}
        program: list[Callable[[], Any]] = []
        for laid in self._plan:
            node, args = laid.node, [slots[k] for k in laid.args]
            ended = [slots[k] for k in laid.ended]
            if not node.varies:  # a constant that was not folded: once is enough
                target = _CALLS[node.op](*args)
                ended = []
            elif node not in into and laid.over is not None:
                target, *others = [slots[k] for k in laid.over]
                program.append(partial(_IN_PLACE[node.op], target, *others))
            else:
                dtype = torch.bool if node.op in CONDITIONS else x.dtype
                target = into.get(node)
                if target is None:
                    target = (
                        spare[dtype].pop() if spare[dtype] else torch.empty_like(x, dtype=dtype)
                    )
                program += _writing(node.op, args, target)
            slots[laid.slot] = target
            for tensor in ended:
                if tensor is not target and tensor.shape == x.shape:
                    spare[tensor.dtype].append(tensor)
        for k, (slot, out) in enumerate(zip(self._results, outputs, strict=True)):
            if slots[slot] is not out:
                copy = partial(out.copy_, slots[slot])
                copy() if k in self._bare and not self._outputs[k].varies else program.append(copy)
        return program

    def _template(self, dtype: torch.dtype) -> list[Tensor | None]:
        if not dtype.is_floating_point:
            raise TypeError(f"points must be of a floating dtype, not {dtype}")
        # Tensors without dimensions are faster than Python numbers. Of the dtype of the points,
        # they never raise the precision of points that have no dimension either.
        with torch.inference_mode(False):  # they outlive the mode of the first call
            constants = [
                torch.tensor(n.constant, dtype=torch.bool if n.op == "true" else dtype)
                for n in self._constants
            ]
        return [*constants, *[None] * (self._size - 2 - len(constants))]


def _writing(op: str, args: Sequence[Tensor], target: Tensor) -> list[Callable[[], Any]]:
    """The calls that put an operation's result into ``target``."""
    if op in _INTO:
        return [partial(_INTO[op], *args, out=target)]
    if op in ("maximums", "minimums"):
        pairwise = torch.maximum if op == "maximums" else torch.minimum
        first = partial(pairwise, *args[:2], out=target)
        return [first, *(partial(pairwise, target, arg, out=target) for arg in args[2:])]
    return [lambda: target.copy_(_CALLS[op](*args))]


def _written_over(node: Node, ended: set[Node]) -> tuple[Node, ...] | None:
    """The arguments in an order whose first may be written over with the result; None if none."""
    if node.op not in _IN_PLACE:
        return None
    orders = [node.args]
    if node.op in ("add", "mul"):
        orders.append(node.args[::-1])
    for order in orders:
        first = order[0]
        if first in ended and first.varies and first.op not in CONDITIONS:
            return order
    return None


def _needed(outputs: Sequence[Node]) -> list[Node]:
    """Return the outputs and everything they are computed from, operands first."""
    seen: set[Node] = set()
    todo = list(outputs)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(node.args)
    return sorted(seen, key=lambda node: node.index)
