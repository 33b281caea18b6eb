"""Update rules: pure, elementwise, one equation with many names.

Every rule here is a row of coefficients of one update (MATH.md section 2), with the step ``t``
counting from 1, ``bias1 = 1 - b1^t`` and ``bias2 = 1 - b2^t`` (both 1 where nothing is averaged)::

    m <- b1 m + c g
    v <- b2 v + (1 - b2) g^2             (v = 1 throughout where there is no second moment)
    w <- max(w, v) for AMSGrad, else v
    x <- (1 - lr wd) x - lr brake (m / bias1) / (sqrt(w / bias2) + eps)
    x <- sign(x) max(|x| - lr l1, 0)     (the proximal map of l1 |x|_1)

    brake = exp(-damping min(LGI, cap))

The equation is elementwise, so the same code steps a batch of points in the plane and a parameter
tensor of a network. The LGI is the only whole-vector quantity; it is measured elsewhere
(:mod:`sadam.probes`) and handed in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from sadam.probes import Kind, Probing, Sphere

Hyper = float | Tensor
"""A hyperparameter: a number, or a tensor with one value per trajectory (shape ``(...)``)."""


class UpdateRule(Protocol):
    """What the engine asks of a rule."""

    @property
    def probing(self) -> Probing | None:
        """How the rule probes the objective at each step, or None if it does not."""
        ...

    def init(self, x: Tensor) -> Any:
        """Return the state before the first step: a NamedTuple of tensors like ``x``."""
        ...

    def update(
        self, x: Tensor, grad: Tensor, lgi: Tensor, state: Any, t: int, lr_factor: float = 1.0
    ) -> Tensor:
        """Return the next ``x``, advancing ``state`` in place.

        Args:
            x: Points, shape ``(..., D)``, or one parameter tensor of any shape.
            grad: The gradient at ``x``, same shape.
            lgi: Local geometric instability at ``x``: shape ``(...)``, or 0-d.
            state: What :meth:`init` returned.
            t: The step's number, from 1.
            lr_factor: What a schedule multiplies the learning rate by at this step.
        """
        ...


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
    cap: Hyper = 10.0
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
    scale: Hyper  # -lr / (1 - b1^t)
    keep: Hyper  # 1 - lr wd
    soft: Hyper  # lr l1
    minus_soft: Hyper


def at_step(row: Coefficients, t: int | Tensor, lr_factor: Hyper = 1.0) -> StepCoefficients:
    """Return the coefficients of step ``t`` (from 1); with a column of steps, of all of them."""
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
        scale=-lr / bias1,
        keep=1.0 - lr * row.weight_decay,
        soft=lr * row.l1,
        minus_soft=-lr * row.l1,
    )


def _power(base: Hyper, t: int | Tensor) -> Hyper:
    """``base^t``, element by element: ``torch.pow`` rounds differently by place in the batch."""
    if isinstance(base, Tensor):
        return torch.exp(torch.log(base) * t)
    if isinstance(t, Tensor):
        return torch.tensor([base**s for s in t.flatten().tolist()], dtype=t.dtype).view_as(t)
    return base**t


def brake_of(lgi: Tensor, damping: Hyper, cap: Hyper = 10.0) -> Tensor:
    """Return the brake ``exp(-damping * min(LGI, cap))``, in (0, 1], shape of ``lgi``."""
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
        x: Where to step from; left as it is.
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
    if adaptive:
        state.v.mul_(k.b2).addcmul_(grad, torch.mul(grad, k.one_minus_b2, out=two))  # type: ignore[arg-type]
        second = state.v
        if peak:  # peak = 0 forgets the past, so that the maximum is v itself
            second = torch.maximum(state.peak.mul_(k.peak), state.v, out=state.peak)
        step.div_(torch.sqrt(second, out=two).div_(k.root_bias2).add_(k.eps))
    new = torch.mul(x, k.keep, out=out).add_(step)  # type: ignore[arg-type]
    if soft:  # the proximal map of soft |x|_1: towards 0 by soft, and exactly to 0
        new.sub_(torch.clamp(new, k.minus_soft, k.soft, out=two))  # type: ignore[no-matching-overload]
    return new


def _lift(value: Hyper) -> Hyper:
    """Give a per-trajectory value a trailing axis, so that it broadcasts over coordinates."""
    return value.unsqueeze(-1) if isinstance(value, Tensor) and value.ndim else value


class MomentRule(ABC):
    """A rule of the family: it only has to say its row of coefficients."""

    proximal = False
    """Whether a landscape's own smooth part and proximal map replace gradient and l1 term."""

    @abstractmethod
    def coefficients(self) -> Coefficients:
        """Return the rule's row."""

    @property
    def probing(self) -> Probing | None:
        """How the rule probes, or None."""
        return None

    def init(self, x: Tensor) -> Moments:
        """Return the state before the first step, like ``x``."""
        adaptive = self.coefficients().second is not None
        v = torch.zeros_like(x) if adaptive else torch.ones_like(x)
        return Moments(torch.zeros_like(x), v, torch.zeros_like(x))

    def update(
        self,
        x: Tensor,
        grad: Tensor,
        lgi: Tensor,
        state: Moments,
        t: int,
        lr_factor: float = 1.0,
    ) -> Tensor:
        """Return the next ``x``; see :meth:`UpdateRule.update`."""
        row = self.coefficients()
        coefficients: Any = map(_lift, at_step(row, t, lr_factor))
        k = StepCoefficients(*coefficients)
        brake = None
        if self.probing is not None:
            brake = _lift(brake_of(lgi, row.damping, row.cap))
        return advance(
            x,
            grad,
            brake,  # type: ignore[arg-type]
            state,
            k,
            adaptive=row.second is not None,
            peak=row.peak,
            soft=not _is_zero(row.l1),
        )


def _is_zero(value: Hyper) -> bool:
    return not bool(torch.as_tensor(value).any())


def _check(name: str, value: Hyper, ok: Callable[[Tensor], Tensor], must: str) -> None:
    tensor = torch.as_tensor(value, dtype=torch.float64)
    if not bool((torch.isfinite(tensor) & ok(tensor)).all()):
        raise ValueError(f"Invalid {name}: {value}, must be {must}")


def _check_common(rule: Any) -> None:
    """Validate whichever of the family's hyperparameters a rule has."""
    positive, nonnegative = (lambda v: v > 0), (lambda v: v >= 0)
    unit = lambda v: (v >= 0) & (v < 1)  # noqa: E731
    for name in ("lr", "radius", "zeta", "cap"):
        if hasattr(rule, name):
            _check(name, getattr(rule, name), positive, "positive and finite")
    for name in ("eps", "weight_decay", "l1", "damping"):
        if hasattr(rule, name):
            _check(name, getattr(rule, name), nonnegative, "finite and at least 0")
    if hasattr(rule, "momentum"):
        _check("momentum", rule.momentum, unit, "in [0, 1)")
    if hasattr(rule, "betas"):
        betas = rule.betas
        if not isinstance(betas, tuple) or len(betas) != 2:
            raise ValueError(f"Invalid betas: {betas!r}, must be a pair (beta1, beta2)")
        for i, beta in enumerate(betas, 1):
            _check(f"beta{i}", beta, unit, "in [0, 1)")


@dataclass(frozen=True)
class SGD(MomentRule):
    """Gradient descent with momentum, as ``torch.optim.SGD``: ``b <- mu b + g``, ``x <- x - lr b``.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    momentum: Hyper = 0.9

    def __post_init__(self) -> None:
        _check_common(self)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(self.lr, self.momentum, averaged=False)


@dataclass(frozen=True)
class ProxSGD(MomentRule):
    """Momentum SGD on the smooth part, then the proximal map of ``l1 |x|_1``: soft-thresholding.

    Where a landscape declares itself ``smooth + h`` with a known proximal map of ``h``, the engine
    uses the gradient of the smooth part and that map in place of the l1 term.

    With momentum the gradients add up to ``1 / (1 - mu)`` of one while the proximal step stays what
    it is: the rule settles where ``smooth + (1 - mu) h`` is least. Only ``momentum=0`` settles at
    the minimiser of ``smooth + h``.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    momentum: Hyper = 0.9
    l1: Hyper = 1e-4

    proximal = True

    def __post_init__(self) -> None:
        _check_common(self)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(self.lr, self.momentum, l1=self.l1, averaged=False)


@dataclass(frozen=True)
class Adam(MomentRule):
    """Adam (Kingma and Ba 2015), as ``torch.optim.Adam`` without weight decay.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    betas: tuple[Hyper, Hyper] = (0.9, 0.999)
    eps: Hyper = 1e-8

    def __post_init__(self) -> None:
        _check_common(self)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(self.lr, *self.betas, eps=self.eps)


@dataclass(frozen=True)
class AMSGrad(MomentRule):
    """AMSGrad (Reddi, Kale and Kumar 2018), as ``torch.optim.Adam(amsgrad=True)``.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    betas: tuple[Hyper, Hyper] = (0.9, 0.999)
    eps: Hyper = 1e-8

    def __post_init__(self) -> None:
        _check_common(self)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(self.lr, *self.betas, eps=self.eps, peak=True)


@dataclass(frozen=True)
class AdamW(MomentRule):
    """AdamW (Loshchilov and Hutter 2019): the decay is taken off ``x``, not put into the gradient.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    betas: tuple[Hyper, Hyper] = (0.9, 0.999)
    eps: Hyper = 1e-8
    weight_decay: Hyper = 1e-2

    def __post_init__(self) -> None:
        _check_common(self)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(self.lr, *self.betas, eps=self.eps, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class SAdam(MomentRule):
    """Singularity-aware Adam (Xu et al., ICML 2026, arXiv:2605.29547): AdamW with a brake.

    The Adam step, not the decay, is multiplied by ``exp(-damping * min(LGI, cap))``. With
    ``damping=0`` this is AdamW to the last bit. Deviations from the authors' released code: ``eps``
    is added after the bias correction of ``v``, as in the paper; there is one probe direction for
    the whole vector, as in the paper (their code draws one per parameter tensor:
    ``sphere="tensor"``).

    Args:
        lr: Learning rate.
        betas: Decay rates of the two moments.
        eps: Added to the root of the second moment.
        weight_decay: Decoupled weight decay.
        damping: Strength lambda of the brake; by default 2 for one-sided probes (the authors'), 4
            for two-sided ones.
        num_probes: Number k of probe directions at each step.
        radius: Probe radius sigma, in units of ``x``.
        probes: ``"one-sided"`` (as published) or ``"two-sided"`` (this project's).
        sphere: ``"global"``: unit vectors of the whole space; ``"tensor"``: one for each block.
        zeta: Keeps the LGI finite where all slopes vanish.
        cap: Largest LGI that counts; for one-sided probes with k >= 2 it never binds.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """

    lr: Hyper = 1e-3
    betas: tuple[Hyper, Hyper] = (0.9, 0.999)
    eps: Hyper = 1e-8
    weight_decay: Hyper = 1e-2
    damping: Hyper | None = None
    num_probes: int = 2
    radius: Hyper = 0.01
    probes: Kind = "one-sided"
    sphere: Sphere = "global"
    zeta: float = 1e-6
    cap: Hyper = 10.0

    def __post_init__(self) -> None:
        if self.damping is None:
            object.__setattr__(self, "damping", 2.0 if self.probes == "one-sided" else 4.0)
        _check_common(self)
        _ = self.probing  # validates the rest

    @property
    def probing(self) -> Probing:
        """How the rule probes."""
        return Probing(self.probes, self.num_probes, self.radius, self.sphere, self.zeta)

    def coefficients(self) -> Coefficients:
        """Return the rule's row."""
        return Coefficients(
            self.lr,
            *self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            damping=self.damping,  # type: ignore[arg-type]
            cap=self.cap,
        )


RULES: Mapping[str, Callable[..., MomentRule]] = MappingProxyType(
    {
        "sgd": SGD,
        "adam": Adam,
        "amsgrad": AMSGrad,
        "adamw": AdamW,
        "prox-sgd": ProxSGD,
        "s-adam": SAdam,
        "s-adam-two-sided": partial(SAdam, probes="two-sided"),
    }
)
"""Every rule by its key on the command line and in a spec, as a constructor."""


def key_of(rule: MomentRule) -> str:
    """Return the key of a rule in :data:`RULES`."""
    if isinstance(rule, SAdam):
        return "s-adam" if rule.probes == "one-sided" else "s-adam-two-sided"
    return next(key for key, make in RULES.items() if make is type(rule))
