"""Where the probes of a training go, and what they measure, for many models at once.

Called at every step: nothing is checked. An LGI is NaN or 0 where :mod:`sadam.probes` says so, in
the training's dtype: differences of losses are too large to be squared from 1.8e19 on in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from sadam.probes import Probing, directions, floor_in, lgi_power_ratio, power_terms

DIRECTION_BLOCK = 1 << 14  # numbers of one probe's directions drawn at once
LONGEST_DIRECTIONS = 256  # steps
LATER_BLOCKS = 1 << 62  # puts their streams where no probe of a seed's first block has its own


class Offsets:
    """From a point to its probes, for all seeds: unit directions times the radius.

    They are drawn a block of steps at a time. The first block of a seed is the beginning of
    :func:`sadam.probes.directions`'s table of that seed; those after it have streams of their own.
    """

    def __init__(
        self, seeds: Sequence[int], probing: Probing, sizes: Sequence[int], dtype: torch.dtype
    ) -> None:
        self.seeds, self.radius, self.dtype = seeds, probing.radius, dtype
        dim = sum(sizes)
        self.length = max(1, min(LONGEST_DIRECTIONS, DIRECTION_BLOCK // dim))
        self.draw = partial(
            directions,
            steps=self.length,
            num_probes=probing.num_probes,
            dim=dim,
            sphere=probing.sphere,
            sizes=sizes,
        )
        self.block = -1
        self.rows: Sequence[Tensor] = ()

    def at(self, step: int) -> Tensor:
        """Return the offsets of a step, from 0, ``(S, k, 1, P)``."""
        block, row = divmod(step, self.length)
        if block != self.block:
            drawn = [self.draw(_stream(s, block)) * self.radius for s in self.seeds]
            self.rows = torch.stack([d.to(self.dtype) for d in drawn], 1).unsqueeze(3).unbind(0)
            self.block = block
        return self.rows[row]


def _stream(seed: int, block: int) -> int:
    """Seed of a block's directions, at least 0.

    NumPy reads a seed as words of 32 bits and drops zeros at the end: of a seed of one word, block
    ``b`` and probe 0 would have the stream of block 0 and probe ``b``.
    """
    short = seed < 1 << 32 and block > 0
    return seed + (block << 32) + (LATER_BLOCKS if short else 0)


class Probes:
    """How neighbouring models are probed that probe alike."""

    def __init__(self, probing: Probing, at: slice, offsets: Offsets) -> None:
        self.probing, self.at, self.offsets = probing, at, offsets
        self.two_sided = probing.kind == "two-sided"
        terms = power_terms(probing.num_probes, self.two_sided)
        floor = probing.zeta * terms * float(probing.radius) ** 2  # for differences
        self.floor = floor_in(floor, offsets.dtype)

    def place(self, x: Tensor, step: int, out: Tensor) -> Tensor:
        """Put a step's probes round the models' points, ``(S, M, P) -> (S, K, m, P)``."""
        centre, offset, k = x[:, None, self.at], self.offsets.at(step), self.probing.num_probes
        torch.add(centre, offset, out=out[:, :k])
        if self.two_sided:
            torch.sub(centre, offset, out=out[:, k:])
        return out

    def differences(self, away: Tensor) -> tuple[Tensor, Tensor | None]:
        """Cut ``f(probe) - f(x)``, ``(S, K * m)``, in forward and backward, ``(k, S, m)`` each."""
        k = self.probing.num_probes
        away = away.unflatten(1, (self.probing.evaluations, -1)).movedim(1, 0)
        return away[:k], away[k:] if self.two_sided else None

    def lgi(self, away: Tensor) -> Tensor:
        """Return the LGI before rounding, ``(S, m)``; argument as :meth:`differences`."""
        return lgi_power_ratio(*self.differences(away), self.floor)
