"""Data for small networks, made from a seed: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Split:
    """Examples: ``inputs`` of shape ``(n, *input)``; ``targets`` ``(n,)``, whole for classes."""

    inputs: Array
    targets: NDArray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Dataset:
    """Data cut in three, its inputs standardised.

    Every input is shifted and scaled by the mean and the standard deviation of the training
    examples: each column by its own, so that in training it has mean 0 and standard deviation 1 (a
    column that never changes is only shifted). Images are treated per channel.

    Attributes:
        name: Where it came from.
        train: What gradients are taken on.
        validation: What choices, such as of a learning rate, are made on.
        test: What results are stated on.
        classes: Names of the classes; empty for a regression, whose targets are standardised too.
        mean: What was taken off the inputs; broadcasts against one example.
        scale: What they were divided by then.
        features: Names of the inputs.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    mean: Array
    scale: Array
    features: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train.inputs.shape[1:]

    @property
    def num_outputs(self) -> int:
        """Outputs that a network for it has: one for a regression or two classes."""
        return len(self.classes) if len(self.classes) > 2 else 1

    def split(self, name: SplitName) -> Split:
        """Return one of the three parts."""
        return getattr(self, name)


def two_moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, NDArray]:
    """Two interleaved half circles of radius 1, as ``sklearn.datasets.make_moons``."""
    upper = n // 2
    angle = np.pi * np.concatenate([np.linspace(0, 1, upper), np.linspace(0, 1, n - upper)])
    label = np.repeat([0, 1], [upper, n - upper])
    sign = 1 - 2 * label
    x = np.stack([label + sign * np.cos(angle), label / 2 + sign * np.sin(angle)], 1)
    return x + noise * rng.standard_normal(x.shape), label


Maker = Callable[[int, float, np.random.Generator], tuple[Array, NDArray]]
MAKERS: MappingProxyType[str, Maker] = MappingProxyType({"two-moons": two_moons})


@dataclass(frozen=True)
class DataSpec:
    """What data to make.

    Args:
        name: A key of :data:`MAKERS`.
        n: Number of examples in all.
        noise: Standard deviation of the normal noise on the made inputs, before standardising.
        seed: Of the making and of the split; the seeds of a training do not touch it.
        validation: Share of the examples kept for validation.
        test: Share kept for the test.
    """

    name: str = "two-moons"
    n: int = 512
    noise: float = 0.15
    seed: int = 0
    validation: float = 0.25
    test: float = 0.25


def load(spec: DataSpec) -> Dataset:
    """Make the data of a spec."""
    rng = np.random.default_rng([spec.seed, 0xDA7A])
    inputs, targets = MAKERS[spec.name](spec.n, spec.noise, rng)
    return split_up(spec.name, inputs, targets, ("0", "1"), spec, rng)


def split_up(
    name: str,
    inputs: Array,
    targets: NDArray,
    classes: tuple[str, ...],
    spec: DataSpec,
    rng: np.random.Generator,
) -> Dataset:
    """Cut data in three, each class in the same shares, and standardise it."""
    parts: list[list[NDArray]] = [[], [], []]
    for group in range(max(len(classes), 1)):
        members = np.flatnonzero(targets == group) if classes else np.arange(len(targets))
        members = rng.permutation(members)
        held = round(spec.validation * len(members)), round(spec.test * len(members))
        cuts = [len(members) - sum(held), len(members) - held[1]]
        for part, taken in zip(parts, np.split(members, cuts), strict=True):
            part.append(taken)
    index = [np.sort(np.concatenate(part)) for part in parts]
    mean = inputs[index[0]].mean(0)
    scale = inputs[index[0]].std(0)
    scale = np.where(scale > 0, scale, 1.0)
    train, validation, test = (Split((inputs[i] - mean) / scale, targets[i]) for i in index)
    return Dataset(name, train, validation, test, classes, mean, scale)
