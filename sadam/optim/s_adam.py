"""S-Adam as a ``torch.optim.Optimizer``; its equations are written in :mod:`sadam.rules`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sadam import rules
from sadam.checks import shown
from sadam.family import CAP, Coefficients, brake_of
from sadam.optim.closures import Closure, as_numbers, calls_of, checked_loss
from sadam.optim.replay import Replay
from sadam.optim.shell import RuleOptimizer, as_real
from sadam.probes import ZETA, Kind, Probing, Sphere, lgi_from_slopes

Directions = Callable[[int, int, int], Tensor]
PROBES = "probes"  # key, in ``state``, of what belongs to no single parameter; torch saves it too
TINY = 1e-30  # in place of the norm of a direction that is 0


class SAdam(RuleOptimizer):
    """Singularity-aware Adam (Xu et al. 2026), AdamW with a brake: :class:`sadam.rules.SAdam`.

    With ``damping=0`` it is ``torch.optim.AdamW``. There is one LGI for all groups together: of the
    loss as a function of all their parameters that have a gradient, along directions in that whole
    space (``sphere="tensor"``: one unit vector for each parameter tensor). ``damping`` and ``cap``
    turn it into each group's own brake. ``num_probes``, ``radius``, ``probes``, ``sphere``,
    ``zeta`` and ``probe_every`` say how it is measured and must be the same in all groups.

    Probes leave the model as it was, to the last bit: parameters, gradients, buffers and random
    streams (see :class:`sadam.optim.replay.Replay`), also when one of them raises an exception. All
    of them see the minibatch, the dropout mask and the buffers of the loss they are compared with,
    unless the closure fetches data: fetch it before.

    Where a probe's loss is not finite, the LGI is not a number and counts as ``cap``. A gradient or
    parameter that is not finite makes its own element NaN, as in ``torch.optim``, and no other.

    A slope along a random direction in D dimensions is about ``|gradient| / sqrt(D)``. Where its
    square is far below ``zeta`` the LGI goes to 0: for large nets choose a smaller ``zeta``. Losses
    computed in half precision (autocast) carry about three digits, while probes are differences of
    them: give a closure and a ``forward`` that compute the loss in float32 where you can.

    In data-parallel training the closure must return the loss averaged over all processes, or each
    of them brakes on its own and their parameters part.

    Args:
        params: Parameters, or groups of them as dictionaries.
        lr: Learning rate, finite and at least 0; a number or a tensor of one.
        betas: Decay rates of the two moments, in [0, 1).
        eps: Added to the root of the second moment; finite and at least 0.
        weight_decay: Decoupled weight decay; finite and at least 0.
        damping: Strength lambda of the brake, finite and at least 0; by default 2 for one-sided
            probes (the authors'), 4 for two-sided ones. With 0 the LGI is still measured.
        num_probes: Number k of probe directions, at least 1.
        radius: Probe radius sigma, in units of the parameters; positive and finite in 32 bits. One
            too small to move them in their dtype finds the loss flat: the LGI is 0.
        probes: ``"one-sided"`` (as published; k extra forward passes) or ``"two-sided"`` (this
            project's; 2k).
        sphere: ``"global"``: unit vectors of the whole space; ``"tensor"``: one for each tensor.
        zeta: Keeps the LGI finite where all slopes vanish; positive and finite.
        cap: Largest LGI that counts; positive and finite.
        maximize: Climb instead of descending; the LGI is the same.
        probe_every: Measure the LGI at every n-th step from the first, and keep it in between.
        seed: Seed of the directions, a whole number of 64 bits. They come from a generator of their
            own, on the device of the first parameter; the global ones are not used.
        generator: Use this generator instead, on any device.
        directions: ``directions(t, k, D)`` gives the unit vectors of step t, shape ``(k, D)``,
            instead of random ones: parameters in their order, each flattened.
        model: Whose buffers the probes must keep. Needed only where the closure runs modules
            compiled by ``torch.compile``; others are found by themselves.

    Raises:
        ValueError: If a hyperparameter is out of its range, or must be the same in all groups and
            is not.
        TypeError: If a parameter has less than 32 bits, or ``generator``, ``directions`` or
            ``model`` is not what it must be.
    """

    rule = rules.SAdam
    SHARED: ClassVar = ("num_probes", "radius", "probes", "sphere", "zeta", "probe_every")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        damping: float | None = None,
        num_probes: int = 2,
        radius: float = 0.01,
        probes: Kind = "one-sided",
        sphere: Sphere = "global",
        zeta: float = ZETA,
        cap: float = CAP,
        maximize: bool = False,
        probe_every: int = 1,
        seed: int = 0,
        generator: torch.Generator | None = None,
        directions: Directions | None = None,
        model: nn.Module | None = None,
    ) -> None:
        for name, value, kind in (
            ("generator", generator, torch.Generator),
            ("directions", directions, Callable),
            ("model", model, nn.Module),
        ):
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"Invalid {name}: {shown(value)}, must be a {kind.__name__}")
        if not isinstance(seed, Integral) or not -(2**63) <= seed < 2**64:
            raise ValueError(f"Invalid seed: {shown(seed)}, must be a whole number of 64 bits")
        self._directions, self._model = directions, model
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "damping": damping,
            "num_probes": num_probes,
            "radius": radius,
            "probes": probes,
            "sphere": sphere,
            "zeta": zeta,
            "cap": cap,
            "maximize": maximize,
            "probe_every": probe_every,
        }
        super().__init__(params, defaults)
        if generator is None:
            own = (p.device for group in self.param_groups for p in group["params"])
            generator = torch.Generator(next(own, "cpu")).manual_seed(seed)
        self._generator = generator

    @property
    def last_lgi(self) -> float:
        """The LGI as last measured; NaN before the first step or if a loss was not finite."""
        return self._memory.get("lgi", math.nan)

    @property
    def last_brake(self) -> float:
        """The factor on the last step, of the first group."""
        return self.last_brakes[0]

    @property
    def last_brakes(self) -> list[float]:
        """The factor on the last step, of each group; NaN before the first step."""
        return list(self._memory.get("brakes", [math.nan] * len(self.param_groups)))

    @property
    def _memory(self) -> dict[str, Any]:
        """What is kept from step to step beside the parameters' state."""
        return self.state.get(PROBES, {})  # type: ignore[call-overload, no-matching-overload]

    def check_group(self, group: dict[str, Any]) -> None:
        """Refuse what a group cannot have; errors as :meth:`add_param_group`."""
        super().check_group(group)
        if group["damping"] is None:  # the default depends on the probes; schedulers want a number
            group["damping"] = self.prepared(group).row.damping
        self._check_shared()

    def _check_shared(self) -> None:
        first = self.param_groups[0]
        every = first["probe_every"]
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(
                f"Invalid probe_every: {shown(every)}, must be a whole number of at least 1"
            )
        for i, group in enumerate(self.param_groups):
            for name in self.SHARED:
                if group[name] != first[name]:
                    raise ValueError(
                        f"Invalid {name} of parameter group {i}: {group[name]!r}, must be that of "
                        f"the others, {first[name]!r}: there is one LGI for all groups"
                    )

    @torch.no_grad()
    def step(self, closure: Closure, *, forward: Closure | None = None) -> Any:  # type: ignore[override]
        """Measure the LGI and take one step.

        Args:
            closure: Called with gradients on. Either ``closure(backward=True)``, which computes the
                loss and its gradients, while ``closure(backward=False)`` only computes the loss;
                or an ordinary closure that does the first, beside ``forward``. It returns the loss:
                one real number, as a tensor or a float.
            forward: Computes the same loss and nothing else. Called without gradients.

        Returns:
            What the closure returned.

        Raises:
            TypeError: If there is no way to compute the loss alone, or it is not a real number.
            RuntimeError: If a gradient is sparse, or if the closure runs compiled modules and the
                optimizer was not given the model.
            ValueError: If a hyperparameter has been set to something out of its range, or
                ``directions`` gave another shape.
        """
        gradient, probe = calls_of(closure, forward)
        self._check_shared()
        prepared = [self.prepared(group) for group in self.param_groups]
        t = self._memory.get("steps", 0) + 1
        replay = None
        if (t - 1) % self.param_groups[0]["probe_every"] == 0:
            parameters = [p for group in self.param_groups for p in group["params"]]
            replay = Replay({p.device for p in parameters}, parameters, self._model)
        with replay.first() if replay else nullcontext(), torch.enable_grad():
            loss = gradient()
        first = checked_loss(loss)
        active = [self.active(group) for group in self.param_groups]
        points = [as_real(p) for params in active for p in params]
        if not points:
            return loss
        if replay:
            probing: Probing = prepared[0].probing  # type: ignore[assignment]
            lgi = self._measure(points, first, probe, replay, probing, t)
        else:
            lgi = self.last_lgi
        brakes = [_brake(lgi, row) for row, _ in prepared]
        self.state[PROBES] = {  # type: ignore[index, unsupported-operation]
            "steps": t,
            "lgi": lgi,
            "brakes": brakes,
        }
        for group, params, (row, _), brake in zip(
            self.param_groups, active, prepared, brakes, strict=True
        ):
            self.move(group, params, row, brake)
        return loss

    def _measure(
        self,
        points: list[Tensor],
        first: Tensor | float,
        probe: Closure,
        replay: Replay,
        probing: Probing,
        t: int,
    ) -> float:
        """Return the LGI at the parameters, which are left as they are."""
        saved = [x.clone() for x in points]
        drawn = self._generator.get_state()
        values, backward = [first], []
        try:
            with replay.repeats() as rewind:

                def value_at(sign: int, offsets: list[Tensor]) -> Tensor | float:
                    torch._foreach_copy_(points, saved)
                    torch._foreach_add_(points, offsets, alpha=sign)
                    rewind()
                    return checked_loss(probe())

                for offsets in self._offsets(points, probing, t):
                    values.append(value_at(1, offsets))
                    if probing.kind == "two-sided":
                        backward.append(value_at(-1, offsets))
        except BaseException:
            self._generator.set_state(drawn)  # as if the step had not begun
            raise
        finally:
            torch._foreach_copy_(points, saved)
        f = as_numbers(values + backward)
        slopes, k = (f[1:] - f[0]) / float(probing.radius), probing.num_probes
        return float(lgi_from_slopes(slopes[:k], slopes[k:] if backward else None, probing.zeta))

    def _offsets(self, points: list[Tensor], probing: Probing, t: int) -> Iterator[list[Tensor]]:
        """Directions times the radius, one after the other, cut into the shapes of the points."""
        sizes = [x.numel() for x in points]
        own = self._directions is None
        for offset in self._drawn(sizes, probing) if own else self._given(sum(sizes), probing, t):
            yield [
                block.view(x.shape).to(x.device, x.dtype)
                for block, x in zip(offset.split(sizes), points, strict=True)
            ]

    def _drawn(self, sizes: list[int], probing: Probing) -> Iterator[Tensor]:
        """Offsets along directions from the generator.

        Drawn in float32 whatever the parameters' dtype: the same directions for all of them, and
        in float64 torch draws four times slower. Their length is the radius to float32 rounding.
        """
        radius = float(probing.radius)
        offset = torch.empty(sum(sizes), dtype=torch.float32, device=self._generator.device)
        blocks = offset.split(sizes) if probing.sphere == "tensor" else [offset]
        for _ in range(probing.num_probes):
            offset.normal_(generator=self._generator)
            for block in blocks:
                block.mul_(radius / torch.linalg.vector_norm(block).clamp_min(TINY))
            yield offset

    def _given(self, dim: int, probing: Probing, t: int) -> Tensor:
        """Offsets along directions from the function that the caller gave, ``(k, D)``."""
        shape = (probing.num_probes, dim)
        u = self._directions(t, *shape)  # type: ignore[misc]
        if u.shape != shape:
            raise ValueError(f"Invalid directions: shape {tuple(u.shape)}, must be {shape}")
        return u * float(probing.radius)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, that of the directions' generator too; see ``torch.optim.Optimizer``.

        The generator's is in it before the first step as well: a run that is loaded repeats itself.
        """
        memory = {**self._memory, "generator": self._generator.get_state()}
        self.state[PROBES] = memory  # type: ignore[index, unsupported-operation]
        return super().state_dict()

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("_generator", "_directions", "_model")}
        return super().__getstate__() | own

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        saved = self._memory.get("generator")
        if saved is None or "_generator" in state:  # a copy has its own generator, as it was
            return
        try:
            self._generator.set_state(saved.cpu())
        except RuntimeError:
            warnings.warn(
                "the directions of this state were drawn on another kind of device than "
                f"{self._generator.device}: they go on from this optimizer's own generator",
                stacklevel=3,
            )


def _brake(lgi: float, row: Coefficients) -> float:
    """A group's brake; an LGI that is not a number brakes as the cap does."""
    with torch.device("cpu"):
        seen = torch.tensor(row.cap if math.isnan(lgi) else lgi, dtype=torch.float64)
        return float(brake_of(seen, row.damping, row.cap))
