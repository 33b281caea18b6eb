"""Data for small networks: what is asked for, how it is cut in three and standardised."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from landscapes.checks import shown
from landscapes.data.made_data import SOURCES

SplitName = Literal["train", "validation", "test"]
FROM_FILES = ("csv", "cifar100", "tiny-imagenet")
NAMES = (*SOURCES, *FROM_FILES)


class DataError(ValueError):
    """Data cannot be loaded; the message is one sentence that says what would be right."""


@dataclass(frozen=True)
class Split:
    """Examples: ``inputs`` of shape ``(n, *input)``; ``targets`` ``(n,)``, whole for classes."""

    inputs: NDArray
    targets: NDArray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Dataset:
    """Data cut in three and standardised.

    Inputs are shifted and scaled by mean and standard deviation of the *training* examples, each
    column by its own (each channel, for images), so that in training they have mean 0 and standard
    deviation 1; a column that never changes is only shifted. So are a regression's targets.

    Attributes:
        name: Where it came from.
        train: What gradients are taken on.
        validation: What choices, such as of a learning rate, are made on; may be empty.
        test: What results are stated on; may be empty.
        classes: Names of the classes; empty for a regression.
        mean: What was taken off the inputs; broadcasts against one example.
        scale: What they were divided by then.
        target_mean: What was taken off a regression's targets; 0 for classes.
        target_scale: What they were divided by then; 1 for classes.
        features: Names of the inputs; empty for images.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    mean: NDArray
    scale: NDArray
    target_mean: float = 0.0
    target_scale: float = 1.0
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
        """Return one of the three parts.

        Raises:
            ValueError: If there is none of that name.
        """
        if name not in get_args(SplitName):
            raise ValueError(f"Invalid split: {name!r}, must be one of {get_args(SplitName)}")
        return getattr(self, name)


MOST_NOISE = 1e6  # standard deviation of the noise that is added to data


@dataclass(frozen=True)
class DataSpec:
    """What data to load. Equal specs give equal arrays.

    Args:
        name: One of :data:`NAMES`.
        n: Number of examples in all (of an archive: for training and validation), taken evenly
            from the classes; None: the usual number, or all there are in a file.
        noise: Standard deviation of normal noise on the inputs, before standardising; for a
            regression on the targets. None: the usual amount; 0 for files.
        seed: Of the making, the noise and the split. A training's own seeds do not touch it.
        validation: Share of the examples that is kept for validation.
        test: Share that is kept for the test. The archives bring a test set of their own, which is
            taken whole instead.
        path: The file (csv) or folder or archive (cifar100, tiny-imagenet) on this machine. A
            program that takes specs from strangers must not let them set it.
        target: Name of a CSV's target column; None: the last.

    Raises:
        DataError: If a field is out of its range.
    """

    name: str = "two-moons"
    n: int | None = None
    noise: float | None = None
    seed: int = 0
    validation: float = 0.25
    test: float = 0.25
    path: str | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in NAMES:
            raise DataError(
                f"there is no data set {shown(self.name)}: it must be one of {', '.join(NAMES)}"
            )
        for name, kind, what in _KINDS:
            value = getattr(self, name)
            optional = value is None and name in ("n", "noise", "path", "target")
            if not optional and (not isinstance(value, kind) or isinstance(value, bool)):
                raise DataError(f"Invalid {name}: {shown(value)}, must be {what}")
        if self.seed < 0:
            raise DataError(f"Invalid seed: {self.seed}, must be at least 0")
        for name in ("validation", "test"):
            if not 0 <= getattr(self, name) < 1:
                raise DataError(f"Invalid {name}: {getattr(self, name)}, must be in [0, 1)")
        if self.validation + self.test >= 1:
            raise DataError(
                f"validation ({self.validation}) and test ({self.test}) together leave nothing to "
                "train on: they must sum to less than 1"
            )
        if self.noise is not None and not 0 <= self.noise <= MOST_NOISE:
            raise DataError(f"Invalid noise: {self.noise}, must lie between 0 and {MOST_NOISE:g}")
        most = SOURCES[self.name].most if self.name in SOURCES else np.inf
        if self.n is not None and not 8 <= self.n <= most:
            wanted = f"between 8 and {most}" if most < np.inf else "at least 8"
            raise DataError(f"Invalid n: {self.n}, {self.name} takes a number {wanted}")


_KINDS: tuple[tuple[str, type, str], ...] = (
    ("n", Integral, "a whole number"),
    ("noise", Real, "a number"),
    ("seed", Integral, "a whole number"),
    ("validation", Real, "a number"),
    ("test", Real, "a number"),
    ("path", str, "a text"),
    ("target", str, "a text"),
)


def split_up(
    spec: DataSpec,
    examples: Split,
    classes: tuple[str, ...],
    features: tuple[str, ...] = (),
    test: Split | None = None,
) -> Dataset:
    """Cut examples in three, each class in the same shares, and standardise them.

    Args:
        spec: Says the shares and the seed.
        examples: All of them, as they are.
        classes: Names of the classes; empty for a regression.
        features: Names of the inputs.
        test: A test set of its own, if there is one.

    Raises:
        DataError: If a part that should have examples has none, or a class none to train on.
    """
    rng = np.random.default_rng([spec.seed, _SPLIT])
    shares = (spec.validation, 0.0 if test is not None else spec.test)
    groups = (
        [np.flatnonzero(examples.targets == i) for i in range(len(classes))]
        if classes
        else [np.arange(len(examples))]
    )
    parts: list[list[NDArray]] = [[], [], []]
    for members in groups:
        held = [round(share * len(members)) for share in shares]
        cuts = [len(members) - sum(held), len(members) - held[1]]
        for part, own in zip(parts, np.split(rng.permutation(members), cuts), strict=True):
            part.append(own)
    for name, own in zip(classes, parts[0], strict=False):
        if not len(own):
            raise DataError(f"{spec.name} has too few examples of the class {name!r} to train on")
    kept = [np.sort(np.concatenate(part)) for part in parts]
    train, validation, held_out = (Split(examples.inputs[i], examples.targets[i]) for i in kept)
    for name, part, share in zip(("validation", "test"), (validation, held_out), shares,
                                 strict=True):  # fmt: skip
        if share and not len(part):
            raise DataError(f"{len(examples)} examples are too few for a {name} share of {share}")
    return _standardised(spec.name, (train, validation, test or held_out), classes, features)


def _standardised(
    name: str,
    parts: tuple[Split, Split, Split],
    classes: tuple[str, ...],
    features: tuple[str, ...],
) -> Dataset:
    """Shift and scale by the training examples' own mean and spread."""
    inputs = parts[0].inputs
    axes = 0 if inputs.ndim == 2 else (0, *range(2, inputs.ndim))  # images: channel by channel
    mean = inputs.mean(axes, keepdims=True, dtype=np.float64)[0]
    scale = inputs.std(axes, keepdims=True, dtype=np.float64)[0]
    scale = np.where(scale > 1e-12 * np.abs(mean), scale, 1.0)
    t_mean, t_scale = 0.0, 1.0
    if not classes:
        t_mean = float(parts[0].targets.mean())
        t_scale = float(parts[0].targets.std()) or 1.0
    kind = inputs.dtype

    def own(part: Split) -> Split:
        targets = part.targets if classes else (part.targets - t_mean) / t_scale
        return Split((part.inputs - mean.astype(kind)) / scale.astype(kind), targets)

    train, validation, test = map(own, parts)
    return Dataset(name, train, validation, test, classes, mean, scale, t_mean, t_scale, features)


_SPLIT = 103  # purpose of a random stream
