"""A rule of :mod:`sadam.rules` as a ``torch.optim.Optimizer``: groups, dtypes, state.

Every group holds its rule's hyperparameters by name, and the rule is rebuilt when one of them
changes, so schedulers may change any of them. The state of a parameter is its step's number and
those fields of :class:`sadam.family.Moments` that the rule uses, in the parameter's own dtype
(complex parameters as pairs of real numbers).
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from sadam.checks import is_positive, shown
from sadam.family import Coefficients, Moments, StepCoefficients, advance, at_step, parts_used
from sadam.probes import Probing
from sadam.rules import MomentRule

PRECISE = (torch.float32, torch.float64, torch.complex64, torch.complex128)
REFUSED_OPTIONS = ("foreach", "fused", "capturable", "differentiable")


class Prepared(NamedTuple):
    """A group's rule and what is costly to ask of it."""

    row: Coefficients
    probing: Probing | None


@lru_cache(maxsize=256)
def _prepare(rule: type[MomentRule], hyperparameters: tuple[tuple[str, Any], ...]) -> Prepared:
    """Build the rule at ``lr=1``: the learning rate is the factor of each step, and may be 0."""
    with torch.device("cpu"):  # hyperparameters are numbers, whatever the default device
        built = rule(**dict(hyperparameters), lr=1.0)  # type: ignore[call-arg]
        return Prepared(built.coefficients(), built.probing)


def _number(value: Any) -> Any:
    """Hyperparameters as numbers: a tensor's value, a list as a tuple."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    return tuple(map(_number, value)) if isinstance(value, list | tuple) else value


def as_real(tensor: Tensor) -> Tensor:
    """The same memory as real numbers, detached: any shape, complex ones with a last axis of 2."""
    tensor = tensor.detach()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


class RuleOptimizer(Optimizer):
    """A rule of :mod:`sadam.rules` over parameter groups."""

    rule: ClassVar[type[MomentRule]]
    takes_complex: ClassVar[bool] = True

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own hyperparameters; see ``torch.optim.Optimizer``.

        Raises:
            ValueError: If a hyperparameter is out of its range, must be the same in all groups and
                is not, or is not supported.
            TypeError: If a parameter's dtype is not supported.
        """
        super().add_param_group(param_group)
        try:
            self.check_group(param_group)
        except Exception:
            self.param_groups.pop()
            raise

    def check_group(self, group: dict[str, Any]) -> None:
        """Refuse what a group cannot have.

        Raises:
            ValueError: As :meth:`add_param_group`.
            TypeError: As :meth:`add_param_group`.
        """
        for option in REFUSED_OPTIONS:
            if group.get(option):
                raise ValueError(f"{type(self).__name__} has no option {option!r}: leave it out")
        self.prepared(group)
        for p in group["params"]:
            if p.requires_grad:
                self._check_dtype(p)

    def _check_dtype(self, p: Tensor) -> None:
        name = type(self).__name__
        if p.dtype not in PRECISE:
            raise TypeError(
                f"{name} cannot step parameters of {p.dtype}: what it adds to them would be lost "
                "to rounding. Keep the parameters in float32 and run the forward pass under "
                "torch.autocast"
            )
        if p.is_complex() and not self.takes_complex:
            raise TypeError(
                f"{name} cannot step parameters of {p.dtype}: its proximal map is that of the l1 "
                "norm of real numbers. Hand in real and imaginary parts as two real parameters"
            )

    def prepared(self, group: dict[str, Any]) -> Prepared:
        """The rule of a group as it now stands.

        Raises:
            ValueError: If a hyperparameter is out of its range.
        """
        lr = _number(group["lr"])
        if not (is_positive(lr) or (isinstance(lr, int | float) and lr == 0)):
            raise ValueError(f"Invalid lr: {shown(lr)}, must be finite and at least 0")
        names = (field.name for field in fields(self.rule) if field.name != "lr")  # type: ignore[arg-type]
        return _prepare(self.rule, tuple((name, _number(group[name])) for name in names))

    def active(self, group: dict[str, Any]) -> list[Tensor]:
        """Parameters to move: trainable and with a gradient.

        Raises:
            RuntimeError: If a gradient is sparse.
            TypeError: If a parameter's dtype is not supported.
        """
        active = [
            p for p in dict.fromkeys(group["params"]) if p.requires_grad and p.grad is not None
        ]
        for p in active:
            self._check_dtype(p)
            if p.grad.layout != torch.strided:  # type: ignore[union-attr]
                raise RuntimeError(
                    f"{type(self).__name__} does not support sparse gradients: build the layer "
                    "with sparse=False, or give its parameters to torch.optim.SparseAdam"
                )
        return active

    def move(
        self, group: dict[str, Any], params: list[Tensor], row: Coefficients, brake: float | None
    ) -> None:
        """Take one step with the parameters of a group, any shapes; nothing is checked."""
        lr, uses = _number(group["lr"]), parts_used(row)
        used = ["m", *(["v"] if uses["adaptive"] else []), *(["peak"] if uses["peak"] else [])]
        coefficients: dict[tuple, StepCoefficients] = {}
        for p in params:
            x, state = as_real(p), self.state[p]
            grad = as_real(p.grad.resolve_conj())  # type: ignore[union-attr]
            if not state:
                state["step"] = 0
                state.update({name: torch.zeros_like(x) for name in used})
            state["step"] += 1
            key = (state["step"], x.dtype, x.device)
            if key not in coefficients:
                coefficients[key] = _coefficients(row, lr, *key)
            # The fields that this row does not use are not touched: no memory for them.
            moments = Moments(*(state.get(name, state["m"]) for name in Moments._fields))
            advance(
                x,
                -grad if group["maximize"] else grad,
                brake,  # type: ignore[arg-type]
                moments,
                coefficients[key],
                out=x,
                **uses,
            )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what ``state_dict`` gave; see ``torch.optim.Optimizer``.

        Raises:
            ValueError: If it is the state of another optimizer.
        """
        for key, state in state_dict.get("state", {}).items():
            if isinstance(key, int) and not {"step", "m"} <= state.keys():
                raise ValueError(
                    f"this is not a state_dict of {type(self).__name__}: it keeps "
                    f"{', '.join(map(str, state))} for a parameter, must be step, m, ..."
                )
        for group in state_dict.get("param_groups", [{}]):
            if missing := self.defaults.keys() - group.keys():
                raise ValueError(
                    f"this is not a state_dict of {type(self).__name__}: its groups have no "
                    f"{', '.join(sorted(missing))}"
                )
        super().load_state_dict(state_dict)


def _coefficients(
    row: Coefficients, lr: float, t: int, dtype: torch.dtype, device: torch.device
) -> StepCoefficients:
    """The coefficients of step ``t`` where the parameters are."""
    with torch.device("cpu"):
        k = at_step(row, t, lr)
    if isinstance(k.soft, int | float):  # torch clamps by no number that the dtype cannot hold
        soft = min(k.soft, torch.finfo(dtype).max)
        k = k._replace(soft=soft, minus_soft=-soft)
    moved: Any = (v.to(device, dtype) if isinstance(v, Tensor) else v for v in k)
    return StepCoefficients(*moved)
