"""Ready-made settings for networks on data, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from landscapes.nets.losses import LossKind


@dataclass(frozen=True)
class Preset:
    """A network and a protocol of training, for any data that fits.

    Attributes:
        name: The key it is found under.
        note: Where it comes from, and which parts are whose.
        datasets: What it is meant for.
        channels: Of a convolutional network; empty for a multilayer perceptron.
        hidden: Widths of a multilayer perceptron; empty for a convolutional network.
        activation: Of the hidden layers.
        weight_bits: None: not quantized.
        activation_bits: None: not quantized.
        loss: Of the outputs.
        batch_size: Examples of a step.
        label_noise: Share of the training labels replaced.
        steps: Steps of a training.
        seeds: Number of seeds.
        lr: The common learning rate.
        lr_grid: Learning rates among which each rule is given its own best.
        schedule: Of the learning rate.
        dtype: Precision of the training.
    """

    name: str
    note: str
    datasets: tuple[str, ...]
    channels: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    weight_bits: int | None = None
    activation_bits: int | None = None
    loss: LossKind = "cross-entropy"
    batch_size: int = 32
    label_noise: float = 0.0
    steps: int = 300
    seeds: int = 6
    lr: float = 1e-3
    lr_grid: tuple[float, ...] = ()
    schedule: str = "constant"
    dtype: Literal["float32", "float64"] = "float64"


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Read the shape of an example as ``(channels, height, width)``.

    Flat examples are one channel: a square if their number is one (the digits), else one row.
    """
    if len(shape) == 3:
        return shape  # type: ignore[bad-return]
    side = round(shape[-1] ** 0.5)
    return (1, side, side) if side * side == shape[-1] else (1, 1, shape[-1])


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "paper-qat": Preset(
            name="paper-qat",
            note=(
                "After the quantization-aware training of Xu et al. (ICML 2026, arXiv:2605.29547). "
                "From the paper's abstract and its authors' defaults: CIFAR-100 and Tiny ImageNet, "
                "quantization-aware training with small batches, learning rate 1e-3, AdamW and "
                "Prox-SGD as baselines. Ours, for want of a stated protocol: the network (three "
                "convolutions of 16, 32 and 64 channels), 2-bit weights and full-precision "
                "activations, batches of 16, 3000 steps, 3 seeds, the grid of learning rates."
            ),
            datasets=("cifar100", "tiny-imagenet"),
            channels=(16, 32, 64),
            weight_bits=2,
            batch_size=16,
            steps=3000,
            seeds=3,
            lr=1e-3,
            lr_grid=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
            dtype="float32",
        ),
    }
)


def preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        ValueError: If there is none of that name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}: it must be one of {', '.join(PRESETS)}")
    return PRESETS[name]
