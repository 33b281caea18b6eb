"""Update rules: pure, elementwise, one equation with many names.

Each is a row of coefficients of the family's equation (:mod:`sadam.family`): it says them, and
nothing else.

Hyperparameters are numbers, or tensors with one value per trajectory, ``(...)``, in these ranges:
``lr``, ``radius``, ``zeta`` and ``cap`` positive and finite, however small or large (the radius: in
32 bits); ``eps``, ``weight_decay``, ``l1`` and ``damping`` finite and at least 0; ``momentum`` and
both ``betas`` in [0, 1). Anything else is a ValueError at construction. With ``eps=0`` a coordinate
whose gradients were all 0 becomes NaN, as in ``torch.optim``.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from sadam.checks import shown
from sadam.family import (
    CAP,
    Coefficients,
    Hyper,
    Moments,
    StepCoefficients,
    advance,
    at_step,
    brake_of,
    parts_used,
)
from sadam.probes import ZETA, Kind, Probing, Sphere


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

        Called at every step: nothing is checked. Where gradient or LGI is NaN, so is the next
        ``x``; a step too large for its dtype is infinite. No trajectory changes another's numbers.

        Args:
            x: Points, shape ``(..., D)``, or one parameter tensor of any shape; floating.
            grad: The gradient at ``x``, same shape.
            lgi: Local geometric instability at ``x``: shape ``(...)``, or 0-d; at least 0.
            state: What :meth:`init` returned.
            t: The step's number, from 1.
            lr_factor: What a schedule multiplies the learning rate by at this step; at least 0.
        """
        ...


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
        """Return the state before the first step, like ``x``, ``(..., D)`` or any shape."""
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
        return advance(x, grad, brake, state, k, **parts_used(row))  # type: ignore[arg-type]


def _check(name: str, value: Hyper, ok: Callable[[Any], Any], must: str) -> None:
    try:
        if isinstance(value, int | float):  # thirty times as fast as a tensor of one number
            good = abs(value) <= sys.float_info.max and ok(value)
        else:
            tensor = torch.as_tensor(value, dtype=torch.float64)
            good = bool((torch.isfinite(tensor) & ok(tensor)).all())
    except (TypeError, ValueError, RuntimeError):  # not a number at all
        good = False
    if not good:
        raise ValueError(f"Invalid {name}: {shown(value)}, must be {must}")


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
            raise ValueError(f"Invalid betas: {shown(betas)}, must be a pair (beta1, beta2)")
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
    zeta: float = ZETA
    cap: Hyper = CAP

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


def cost_of(rule: UpdateRule) -> int:
    """Return the function evaluations of one step: a gradient counts 2, a probe 1."""
    return 2 + (rule.probing.evaluations if rule.probing else 0)


def key_of(rule: MomentRule) -> str:
    """Return the key of a rule in :data:`RULES`.

    Raises:
        ValueError: If its class is none of theirs.
    """
    if isinstance(rule, SAdam):
        return "s-adam" if rule.probes == "one-sided" else "s-adam-two-sided"
    for key, make in RULES.items():
        if make is type(rule):
            return key
    raise ValueError(f"Invalid rule: {shown(rule)}, must be one of {', '.join(RULES)}")
