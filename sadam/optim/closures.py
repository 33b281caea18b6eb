"""What S-Adam asks of a closure: the loss with its gradients, and the loss alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Closure = Callable[..., Any]


def takes_backward(closure: Closure) -> bool:
    """Whether a closure has a parameter ``backward`` by name (``**kwargs`` might ignore it)."""
    try:
        parameter = inspect.signature(closure).parameters.get("backward")
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False
    return parameter is not None and parameter.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


def calls_of(closure: Closure, forward: Closure | None) -> tuple[Closure, Closure]:
    """The call that computes loss and gradients, and the call that computes the loss alone.

    Raises:
        TypeError: If there is no closure, or nothing computes the loss alone.
    """
    if not callable(closure):
        raise TypeError(
            "SAdam.step needs a closure: it evaluates the loss several times at each step"
        )
    both = takes_backward(closure)
    if forward is None and not both:
        raise TypeError(
            "SAdam.step cannot compute the loss without gradients: give the closure a parameter "
            "`backward` (closure(backward=False) returns the loss only), or pass forward=..., a "
            "function that returns the loss"
        )
    gradient = (lambda: closure(backward=True)) if both else closure
    return gradient, forward or (lambda: closure(backward=False))


def checked_loss(loss: Any) -> Tensor | float:
    """The loss as a float or a 0-d tensor of its own: the next call may reuse the memory.

    One that is not finite is a loss as any other; a tensor of any shape with one element will do.

    Raises:
        TypeError: If it is not one real number.
    """
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex():
        return loss.detach().reshape(()).clone()
    if not isinstance(loss, Tensor | str):
        try:
            return float(loss)
        except (TypeError, ValueError):
            pass
    what = (
        f"a tensor of shape {tuple(loss.shape)}, {loss.dtype}"
        if isinstance(loss, Tensor)
        else repr(loss)
    )
    raise TypeError(f"the closure returned {what}, must return the loss: one real number")


def as_numbers(losses: list[Tensor | float]) -> Tensor:
    """At least one loss as float64 on the CPU, ``(n,)``, in one transfer where they are tensors."""
    if all(isinstance(loss, Tensor) for loss in losses):
        return torch.stack(losses).cpu().to(torch.float64)  # type: ignore[arg-type]
    return torch.tensor([float(v) for v in losses], dtype=torch.float64, device="cpu")
