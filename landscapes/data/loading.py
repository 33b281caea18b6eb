"""From a spec of data to the data, made here or read from a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscapes.data.archives import read_images
from landscapes.data.csv_data import read_csv_file
from landscapes.data.datasets import DataError, Dataset, DataSpec, Split, split_up
from landscapes.data.made_data import SOURCES, make

_NOISE = 102  # purpose of a random stream


def load(spec: DataSpec) -> Dataset:
    """Make or read the data of a spec.

    Raises:
        DataError: If a file is missing or is not what it should be.
    """
    if spec.name in SOURCES:
        source = SOURCES[spec.name]
        inputs, targets = make(spec.name, spec.n or source.n, spec.seed)
        noise = source.noise if spec.noise is None else spec.noise
        examples = Split(*_noisy(inputs, targets, noise, bool(source.classes), spec.seed))
        return split_up(spec, examples, source.classes, source.features)
    if spec.path is None:
        raise DataError(f"{spec.name} is read from your own disk: give its path")
    if spec.name == "csv":
        return read_csv_file(spec)
    return read_images(spec)


def _noisy(
    inputs: NDArray, targets: NDArray, noise: float, classes: bool, seed: int
) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng([seed, _NOISE])
    if classes:
        return inputs + noise * rng.standard_normal(inputs.shape), targets
    return inputs, targets + noise * rng.standard_normal(targets.shape)
