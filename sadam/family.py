"""The family's one equation: every rule here is a row of coefficients of it.

The equation (MATH.md section 2), with the step ``t`` counting from 1, ``bias1 = 1 - b1^t`` and
``bias2 = 1 - b2^t`` (both 1 where nothing is averaged)::

    m <- b1 m + c g
    v <- b2 v + (1 - b2) g^2             (v = 1 throughout where there is no second moment)
    w <- max(w, v) for AMSGrad, else v
    x <- (1 - lr wd) x - lr brake (m / bias1) / (sqrt(w / bias2) + eps)
    x <- sign(x) max(|x| - lr l1, 0)     (the proximal map of l1 |x|_1)

    brake = exp(-damping min(LGI, cap))

The equation is elementwise, so the same code steps a batch of points in the plane and a parameter
tensor of a network. The LGI is the only whole-vector quantity; it is measured elsewhere
(:mod:`sadam.probes`) and handed in.

All of this is called at every step and checks nothing: shapes broadcast, dtypes are floating, and
the coefficients are in the ranges of :mod:`sadam.rules`. NaN and infinity go where the equation
carries them, and never to another element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

CAP = 10.0  # the authors' largest LGI that counts

Hyper = float | Tensor
"""A hyperparameter: a number, or a tensor with one value per trajectory (shape ``(...)``)."""


class Moments(NamedTuple):
    """State of the family: momentum ``m``, second moment ``v`` and the largest ``v`` so far."""

    m: Tensor
    v: Tensor
    peak: Tensor


@dataclass(frozen=True)
class Coefficients:
    """One row of the family's coefficients: what is constant over a run."""

    lr: Hyper
    momentum: Hyper
    second: Hyper | None = None  # beta2; None: no second moment
    eps: Hyper = 0.0
    weight_decay: Hyper = 0.0
    l1: Hyper = 0.0
    damping: Hyper = 0.0
    cap: Hyper = CAP
    peak: bool = False  # AMSGrad: divide by the largest second moment so far
    averaged: bool = True  # m is an average (c = 1 - b1, bias-corrected) rather than a sum (c = 1)


class StepCoefficients(NamedTuple):
    """The coefficients of one step; numbers or tensors that broadcast against ``x``."""

    b1: Hyper
    c: Tensor
    b2: Hyper
    one_minus_b2: Hyper
    eps: Hyper
    peak: Hyper
    root_bias2: Hyper  # sqrt(1 - b2^t)
    lr: Hyper  # of this step
    scale: Hyper  # -lr / (1 - b1^t)
    keep: Hyper  # 1 - lr wd
    soft: Hyper  # lr l1
    minus_soft: Hyper


def at_step(row: Coefficients, t: int | Tensor, lr_factor: Hyper = 1.0) -> StepCoefficients:
    """Return the coefficients of step ``t`` (from 1); with a column of steps ``(T, 1)``, of all."""
    lr = row.lr * lr_factor
    b2: Hyper = 1.0 if row.second is None else row.second
    bias1 = 1.0 - _power(row.momentum, t) if row.averaged else 1.0
    bias2: Hyper = 1.0 if row.second is None else 1.0 - _power(b2, t)
    c = 1.0 - row.momentum if row.averaged else 1.0
    return StepCoefficients(
        b1=row.momentum,
        c=torch.as_tensor(c, dtype=torch.float64),
        b2=b2,
        one_minus_b2=1.0 - b2,
        eps=row.eps,
        peak=float(row.peak),
        root_bias2=bias2**0.5,
        lr=lr,
        scale=-lr / bias1,
        keep=1.0 - lr * row.weight_decay,
        soft=lr * row.l1,
        minus_soft=-lr * row.l1,
    )


def step_table(
    rows: Sequence[Coefficients], factors: Tensor, width: int, fitted: Callable[[Tensor], Tensor]
) -> list[StepCoefficients]:
    """Return the coefficients of every step, of several rows side by side.

    Args:
        rows: At least one; what is a tensor in them is ``(width,)``.
        factors: On the learning rate, ``(T,)``, at least one.
        width: Lanes of each row.
        fitted: Makes of one coefficient, ``(T, rows x width)``, float64, what is cut into steps and
            broadcasts against ``x`` then, ``(T, ...)``.
    """
    steps = len(factors)
    t = torch.arange(1, steps + 1, dtype=torch.float64)[:, None]
    columns = [
        [
            torch.as_tensor(value, dtype=torch.float64).expand(steps, width)
            for value in at_step(row, t, factors[:, None])
        ]
        for row in rows
    ]
    by_step: list[Iterable[Tensor]] = []
    for parts in zip(*columns, strict=True):
        field = fitted(torch.cat(parts, dim=1))
        constant = bool((field == field[0]).all())  # then it is not cut into steps
        by_step.append(repeat(field[0], steps) if constant else field.unbind(0))
    return [StepCoefficients(*values) for values in zip(*by_step, strict=True)]


def _power(base: Hyper, t: int | Tensor) -> Hyper:
    """``base^t``, element by element: ``torch.pow`` rounds differently by place in the batch."""
    if isinstance(base, Tensor):
        return torch.exp(torch.log(base) * t)
    if isinstance(t, Tensor):
        return _powers(base, tuple(t.flatten().tolist())).view_as(t)
    return base**t


@lru_cache(maxsize=32)
def _powers(base: float, exponents: tuple[float, ...]) -> Tensor:
    return torch.tensor([base**s for s in exponents], dtype=torch.float64)


class Parts(TypedDict):
    """Which parts of the equation are used at all: flags of :func:`advance`."""

    adaptive: bool
    peak: bool
    soft: bool


def parts_used(*rows: Coefficients) -> Parts:
    """Return which parts of the equation at least one of some rows uses."""
    return {
        "adaptive": any(row.second is not None for row in rows),
        "peak": any(row.peak for row in rows),
        "soft": any(_some(row.l1) for row in rows),
    }


def _some(value: Hyper) -> bool:
    return bool(value.any() if isinstance(value, Tensor) else value)


def brake_of(lgi: Tensor, damping: Hyper, cap: Hyper = CAP) -> Tensor:
    """Return the brake ``exp(-damping * min(LGI, cap))``, in [0, 1], shape of ``lgi``.

    It is 0 where the exponent is beyond -745, and NaN where the LGI, ``(...)``, is.
    """
    return torch.exp(torch.minimum(lgi, torch.as_tensor(cap, dtype=lgi.dtype)) * -damping)


def advance(
    x: Tensor,
    grad: Tensor,
    brake: Tensor | None,
    state: Moments,
    k: StepCoefficients,
    *,
    adaptive: bool = True,
    peak: bool = True,
    soft: bool = True,
    out: Tensor | None = None,
    scratch: tuple[Tensor, Tensor] | tuple[None, None] = (None, None),
) -> Tensor:
    """One step of the family's equation: the only place where it is written.

    The operations and their order are those of ``torch.optim``, so that results agree to rounding.

    Args:
        x: Where to step from, any shape; left as it is.
        grad: The gradient, like ``x``.
        brake: Factor on the step that broadcasts against ``x``; None means 1.
        state: Advanced in place.
        k: Coefficients that broadcast against ``x``.
        adaptive: False if no lane has a second moment (then ``v`` is not touched).
        peak: False if no lane is AMSGrad.
        soft: False if no lane has an l1 term.
        out: Where to write the next ``x``.
        scratch: Two tensors like ``x`` for what lies between, so that no memory is asked for.
    """
    one, two = scratch
    step = torch.mul(state.m.mul_(k.b1).addcmul_(grad, k.c), k.scale, out=one)  # type: ignore[arg-type]
    if brake is not None:
        step.mul_(brake)
    new = torch.mul(x, k.keep, out=out)  # type: ignore[arg-type]
    if adaptive:
        state.v.mul_(k.b2).addcmul_(grad, torch.mul(grad, k.one_minus_b2, out=two))  # type: ignore[arg-type]
        second = state.v
        if peak:  # peak = 0 forgets the past, so that the maximum is v itself
            second = torch.maximum(state.peak.mul_(k.peak), state.v, out=state.peak)
        new.addcdiv_(step, torch.sqrt(second, out=two).div_(k.root_bias2).add_(k.eps))
    else:
        new.add_(step)
    if soft:  # the proximal map of soft |x|_1: towards 0 by soft, and exactly to 0
        new.sub_(torch.clamp(new, k.minus_soft, k.soft, out=two))  # type: ignore[no-matching-overload]
    return new
