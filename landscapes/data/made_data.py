"""Data that is made from a seed or comes with scikit-learn and mnist1d; nothing is downloaded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Made = tuple[Array, NDArray]
"""Inputs ``(n, features)`` and targets ``(n,)``: whole numbers for classes, else values."""


@dataclass(frozen=True)
class Source:
    """A data set that needs no file.

    Attributes:
        title: Its name in words.
        make: ``make(n, rng)``, without noise.
        classes: Names of the classes; empty for a regression.
        features: Names of the inputs.
        n: How many examples are made if nothing else is said.
        noise: Standard deviation of the noise if nothing else is said.
        most: The largest n.
        note: Where it comes from, in one sentence.
    """

    title: str
    make: Callable[[int, np.random.Generator], Made]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    n: int
    noise: float
    most: int
    note: str


def two_moons(n: int, rng: np.random.Generator) -> Made:
    """Two interleaved half circles of radius 1, evenly spaced, as ``sklearn.datasets.make_moons``.

    Args:
        n: Number of examples.
        rng: Not used: there is nothing random but the noise.
    """
    label = _halves(n)
    upper = n - int(label.sum())
    angle = np.pi * np.concatenate([np.linspace(0, 1, upper), np.linspace(0, 1, n - upper)])
    sign = 1 - 2 * label
    return np.stack([label + sign * np.cos(angle), label / 2 + sign * np.sin(angle)], 1), label


def circles(n: int, rng: np.random.Generator) -> Made:
    """Two circles round 0, of radius 1 and 1/2, evenly spaced, as ``make_circles``."""
    label = _halves(n)
    angle = np.concatenate([2 * np.pi * np.arange(m) / m for m in (n - label.sum(), label.sum())])
    radius = np.where(label, 0.5, 1.0)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), label


def spirals(n: int, rng: np.random.Generator) -> Made:
    """Two Archimedean spirals of one and three quarters turns (Lang and Witbrock 1988)."""
    label = _halves(n)
    along = np.sqrt(rng.random(n))  # about as many examples on each stretch of a spiral
    angle = 3.5 * np.pi * along + np.pi * label
    return np.stack([along * np.cos(angle), along * np.sin(angle)], 1), label


def xor(n: int, rng: np.random.Generator) -> Made:
    """Uniform in the square [-1, 1]^2; class 1 where the coordinates' signs differ."""
    x = rng.uniform(-1, 1, (n, 2))
    return x, (x[:, 0] * x[:, 1] < 0).astype(np.int64)


def sawtooth(n: int, rng: np.random.Generator) -> Made:
    """Values of a triangle wave on [-1, 1]: ``2 |2x - round(2x)| - 1/2``, kinks at every 1/4."""
    x = np.sort(rng.uniform(-1, 1, n))
    return x[:, None], 2 * np.abs(2 * x - np.round(2 * x)) - 0.5


def digits(n: int, rng: np.random.Generator) -> Made:
    """The 8 x 8 digits that come with scikit-learn, grey values 0..16."""
    from sklearn.datasets import load_digits  # late: it takes a second

    inputs, targets = load_digits(return_X_y=True)
    kept = evenly(np.asarray(targets), n, rng)
    return np.asarray(inputs, float)[kept], np.asarray(targets, np.int64)[kept]


_MNIST1D = threading.Lock()


def mnist1d(n: int, rng: np.random.Generator) -> Made:
    """MNIST-1D, made by the package's own ``make_dataset``: 40 points of a distorted digit."""
    from mnist1d import data  # late: it imports requests

    args = data.get_dataset_args()
    changes = {  # it makes as many of each class
        "num_samples": max(10, -(-n // 10) * 10),
        "train_split": 1.0,
        "seed": int(rng.integers(2**32 - 1)),
    }
    args = data.ObjectView(vars(args) | changes)
    with _MNIST1D:  # it draws from the global streams: leave these as they were
        here, there = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            made = data.make_dataset(args)
        finally:
            random.setstate(here)
            np.random.set_state(there)  # noqa: NPY002
    inputs, kept = made["x"].reshape(len(made["y"]), -1), evenly(made["y"], n, rng)
    return np.asarray(inputs, float)[kept], np.asarray(made["y"], np.int64)[kept]


def _halves(n: int) -> NDArray:
    return np.repeat([0, 1], [n - n // 2, n // 2])


def evenly(labels: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Return indices ``(n,)`` of examples, in order, as evenly from the classes as these allow.

    Args:
        labels: Class of each example, ``(N,)``.
        n: How many, at most N.
        rng: Draws which.
    """
    order = rng.permutation(len(labels))
    rank = np.empty(len(labels), np.int64)  # an example's place among those of its class
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    return np.sort(order[np.argsort(rank[order], kind="stable")][:n])


@lru_cache(maxsize=8)
def make(name: str, n: int, seed: int) -> Made:
    """Return a source's examples without noise; the latest are kept, so do not change them."""
    return SOURCES[name].make(n, np.random.default_rng([seed, 101]))


_PLANE, _TEN = ("x", "y"), tuple("0123456789")

SOURCES: MappingProxyType[str, Source] = MappingProxyType(
    {
        "two-moons": Source("Two moons", two_moons, ("0", "1"), _PLANE, 512, 0.15, 20_000,
                            "Two interleaved half circles, as in scikit-learn."),
        "circles": Source("Circles", circles, ("0", "1"), _PLANE, 512, 0.08, 20_000,
                          "A circle inside another, as in scikit-learn."),
        "spirals": Source("Two spirals", spirals, ("0", "1"), _PLANE, 512, 0.02, 20_000,
                          "Two intertwined spirals (Lang and Witbrock 1988)."),
        "xor": Source("XOR", xor, ("0", "1"), _PLANE, 512, 0.05, 20_000,
                      "A square whose quadrants belong to two classes by turns."),
        "sawtooth": Source("Sawtooth", sawtooth, (), ("x",), 256, 0.05, 20_000,
                           "Regression on a triangle wave: a function that is kinked itself."),
        "digits": Source("Digits", digits, _TEN, tuple(f"pixel {i}" for i in range(64)), 1797, 0.0,
                         1797, "8 x 8 handwritten digits, bundled with scikit-learn (UCI 1998)."),
        "mnist1d": Source("MNIST-1D", mnist1d, _TEN, tuple(f"t{i}" for i in range(40)), 2000, 0.0,
                          20_000, "MNIST-1D (Greydanus and Kobak 2024), made on the spot."),
    }
)  # fmt: skip
