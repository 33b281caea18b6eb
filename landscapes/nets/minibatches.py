"""Which examples a step sees: orders, flipped labels and noise, each a function of its seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK_NUMBERS = 1 << 18  # inputs of a seed that are put in order at a time
GROUP_EXAMPLES = 1 << 12  # orders of so many examples are drawn at a time


class Batch(NamedTuple):
    """Examples for each seed: ``inputs`` ``(S, B, *input)``, ``targets`` ``(S, B)``, encoded."""

    inputs: Tensor
    targets: Tensor


class Minibatches:
    """The minibatches of ``S`` seeds.

    An epoch is a permutation of the examples cut into batches; what is left over after the last
    whole batch sits out that epoch. A batch of all examples is all of them, in order. Steps are put
    in order many at a time, so that most minibatches are views.

    What is asked for is checked by :class:`landscapes.nets.training_problem.TrainingProblem`.

    Args:
        inputs: ``(n, *input)``, the same for all seeds.
        labels: ``(S, n)``, encoded.
        seeds: One for each row of the labels.
        batch_size: 1 to n.
        noise: Standard deviation of normal noise on the inputs, drawn anew each time an example is
            seen.
    """

    def __init__(
        self, inputs: Tensor, labels: Tensor, seeds: Sequence[int], batch_size: int, noise: float
    ) -> None:
        self.inputs, self.labels, self.seeds = inputs, labels, tuple(seeds)
        self.size, self.noise = batch_size, noise
        self.examples = len(inputs)
        self.steps_per_epoch = self.examples // batch_size
        epochs = max(1, GROUP_EXAMPLES // self.examples)
        self.group = epochs * self.steps_per_epoch  # steps whose orders are drawn together
        numbers = batch_size * inputs[0].numel()
        self.chunk = min(self.group, max(1, CHUNK_NUMBERS // numbers))
        # The latest of each, replaced as a whole: another thread sees the old or the new.
        self._orders: tuple[int, NDArray] | None = None
        self._ordered: tuple[tuple[int, int], Batch] | None = None

    def at(self, step: int) -> Batch:
        """Return the examples of a step (from 0) for every seed, ``(S, B, *input)``."""
        if self.size == self.examples and not self.noise:
            return Batch(self.inputs.expand(len(self.seeds), *self.inputs.shape), self.labels)
        group, within = divmod(step, self.group)
        key = (group, within // self.chunk)
        ordered = self._ordered
        if ordered is None or ordered[0] != key:
            self._ordered = ordered = (key, self._put_in_order(*key))
        start = within % self.chunk * self.size
        return Batch(*(t[:, start : start + self.size] for t in ordered[1]))

    def _put_in_order(self, group: int, chunk: int) -> Batch:
        """A run of minibatches end to end."""
        rows = slice(chunk * self.chunk * self.size, (chunk + 1) * self.chunk * self.size)
        index = torch.from_numpy(np.ascontiguousarray(self._orders_of(group)[:, rows]))
        inputs = self.inputs[index]
        if self.noise:
            for seed, own in zip(self.seeds, inputs, strict=True):
                noise = generator(seed, INPUTS, group, chunk).standard_normal(tuple(own.shape))
                own += torch.from_numpy(noise).mul_(self.noise).to(own.dtype)
        return Batch(inputs, self.labels.gather(1, index))

    def _orders_of(self, group: int) -> NDArray:
        """The examples that the steps of a group see, one after the other, ``(S, steps * B)``."""
        orders = self._orders
        if orders is None or orders[0] != group:
            epochs = self.group // self.steps_per_epoch
            in_order = np.tile(np.arange(self.examples), (epochs, 1))
            if self.size == self.examples:
                drawn = [in_order for _ in self.seeds]
            else:
                drawn = [generator(s, ORDER, group).permuted(in_order, axis=1) for s in self.seeds]
            used = np.stack(drawn)[..., : self.steps_per_epoch * self.size]
            self._orders = orders = (group, used.reshape(len(self.seeds), -1))
        return orders[1]


def noisy_labels(targets: NDArray, classes: int, noise: float, seed: int) -> NDArray:
    """Replace a share of class numbers by other classes, drawn uniformly.

    Args:
        targets: Class numbers ``(n,)``, or values if there are no classes.
        classes: How many there are; 0 for values.
        noise: The share; for values, the standard deviation of normal noise on them.
        seed: At least 0.
    """
    if not noise:
        return targets
    rng = generator(seed, LABELS)
    if not classes:
        return targets + noise * rng.standard_normal(len(targets))
    flipped = rng.permutation(len(targets))[: round(noise * len(targets))]
    noisy = targets.copy()
    noisy[flipped] = (noisy[flipped] + rng.integers(1, classes, len(flipped))) % classes
    return noisy


ORDER, LABELS, INPUTS = 1, 2, 3  # purposes of random streams


def generator(seed: int, purpose: int, *rest: int) -> np.random.Generator:
    """Return the random stream of a seed for one purpose."""
    return np.random.default_rng([seed, purpose, *rest])
