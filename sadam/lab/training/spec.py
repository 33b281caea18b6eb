"""Training: the frozen, validated spec of many small networks trained side by side.

    {"kind": "training", "version": 1, "data": {"name": "two-moons", "n": 512, ...},
     "network": {"kind": "mlp", "hidden": [16, 16], "activation": "relu", ...},
     "batch_size": 32, "rules": [...], "lr_grid": [], "seeds": 8, "steps": 300, ...}

A *model* is a rule with one learning rate; every model is trained once for each seed. A seed has
its own start, order of the data, flipped labels and probe directions, the same for all models.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal

from landscapes.data.datasets import MOST_NOISE, Dataset, DataSpec
from landscapes.data.made_data import SOURCES
from landscapes.nets.convnet import ConvNet
from landscapes.nets.networks import MLP, Network
from landscapes.nets.presets import Preset, image_shape
from sadam.lab.codec import SpecError, from_plain, reason, schema
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES
from sadam.lab.rulebook import (
    LabelledRules,
    RuledSpec,
    check_rules,
    make_rules,
    rule_words,
)
from sadam.lab.spec import MAX_SEED, known_schedule, number_text, whole
from sadam.text import shown

DEFAULT_LR = 0.01
MAX_SEEDS = 64
MAX_GRID = 32
MAX_MODELS = 1024  # models of all seeds
MAX_RECORDS = 4_000_000  # models of all seeds x steps: some 150 bytes each
MAX_NUMBERS = 50_000_000  # parameters of all models with their probes: some tens of bytes each
MAX_WORK = 1e14  # multiplications: some hours on a laptop; the paper's preset takes 4.4e13

FLAT_IMAGES = ("digits", "mnist1d")
"""Data whose examples are rows of numbers that a convolution may take for images."""


@dataclass(frozen=True)
class Architecture:
    """A network but for its inputs and outputs, which the data say; :meth:`network` checks it.

    Attributes:
        kind: ``"mlp"`` or ``"conv"``.
        hidden: Widths of the hidden layers, or channels of the convolutions: 1 to 4 numbers.
        activation: A key of :data:`landscapes.nets.layers.ACTIVATIONS`.
        weight_bits: Fake quantization of the weights to 8, 4, 3 or 2 bits; None: none.
        activation_bits: The same for the activations.
    """

    kind: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[int, ...] = (16, 16)
    activation: str = "relu"
    weight_bits: int | None = None
    activation_bits: int | None = None

    @property
    def noun(self) -> str:
        """What it is called."""
        return "convolutional net" if self.kind == "conv" else "net"

    @property
    def widths(self) -> str:
        """The hidden layers, such as ``"16-16"``."""
        return "-".join(map(str, self.hidden))

    @property
    def quantization(self) -> list[str]:
        """What is quantized and how, such as ``["2-bit weights"]``; empty where nothing is."""
        parts = ((self.weight_bits, "weights"), (self.activation_bits, "activations"))
        return [f"{bits}-bit {what}" for bits, what in parts if bits is not None]

    def network(self, input_shape: tuple[int, ...], num_outputs: int) -> Network:
        """Return the network for data of this shape.

        Args:
            input_shape: Of one example: ``(n,)``, or ``(channels, height, width)`` of an image.
            num_outputs: At least 1.

        Raises:
            SpecError: If there is none.
        """
        facts = (self.activation, self.weight_bits, self.activation_bits)
        try:
            if self.kind == "mlp":
                return MLP(math.prod(input_shape), self.hidden, num_outputs, *facts)
            if len(input_shape) != 3:
                raise SpecError(
                    f"a convolution needs images, but the data have inputs of shape {input_shape}: "
                    "take an mlp"
                )
            return ConvNet(input_shape, self.hidden, num_outputs, *facts)
        except SpecError:
            raise
        except ValueError as error:
            raise SpecError(reason(error)) from None


@dataclass(frozen=True)
class Training(RuledSpec):
    """Networks trained by several rules on the same data.

    Attributes:
        data: What data; see :class:`landscapes.data.datasets.DataSpec`. Its ``path`` is read from
            this machine: a program that takes specs from strangers must refuse one.
        network: Its shape.
        loss: ``"auto"``: cross-entropy for classes, squared for values.
        l1: Weight of ``|x|_1`` in the objective of all rules, at least 0; proximal rules take it as
            their prox.
        batch_size: 1 to the number of training examples; None: all of them.
        label_noise: Share of the training labels that are wrong, others for each seed; for values
            the standard deviation of noise on them, at most 1e6.
        input_noise: Standard deviation of noise on the standardised inputs of each minibatch, 0 to
            1e6.
        rules: ``(label, rule)`` pairs, 1 to 12, each with its learning rate.
        lr_grid: Learning rates tried for every rule besides, positive, at most 32; empty: none.
        matched_controls: Whether to train, after the others, AdamW at ``lr * mean(brake)`` of each
            S-Adam.
        seeds: How many, 1 to 64.
        seed: The first of them; the others follow it.
        steps: Number of steps, 1 to 20 000.
        schedule: Key of the learning-rate schedule.
        dtype: ``"float64"`` or ``"float32"``.

    Raises:
        SpecError: If anything is out of its range; one sentence says what and what is allowed.
    """

    kind: ClassVar[str] = "training"
    version: ClassVar[int] = 1

    data: DataSpec = field(default_factory=DataSpec)
    network: Architecture = field(default_factory=Architecture)
    loss: Literal["auto", "cross-entropy", "squared"] = "auto"
    l1: float = 0.0
    batch_size: int | None = 32
    label_noise: float = 0.0
    input_noise: float = 0.0
    rules: LabelledRules = field(default_factory=lambda: make_rules(PAPER_RULES, lr=DEFAULT_LR))
    lr_grid: tuple[float, ...] = ()
    matched_controls: bool = True
    seeds: int = 8
    seed: int = 0
    steps: int = 300
    schedule: str = "constant"
    dtype: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        types = schema(type(self))
        for name in ("loss", "dtype", "matched_controls"):
            put(name, from_plain(types[name], getattr(self, name), name))
        for name in ("data", "network"):
            given = getattr(self, name)
            if not isinstance(given, types[name]):
                raise SpecError(f"{name} must be a {types[name].__name__}, but is {shown(given)}")
        put("data", _checked(self.data, "data"))
        put("network", _checked(self.network, "network"))
        for name, most in (
            ("l1", math.inf),
            ("label_noise", MOST_NOISE),
            ("input_noise", MOST_NOISE),
        ):
            put(name, _at_least_0(name, getattr(self, name), most))
        if self.batch_size is not None:
            put("batch_size", whole("batch_size", self.batch_size, 1, 10_000_000))
        put("rules", check_rules(self.rules))
        put("lr_grid", _grid(self.lr_grid))
        put("seeds", whole("seeds", self.seeds, 1, MAX_SEEDS))
        put("seed", whole("seed", self.seed, 0, MAX_SEED - MAX_SEEDS))
        put("steps", whole("steps", self.steps, 1, MAX_STEPS))
        put("schedule", known_schedule(self.schedule))
        self._check_shape()

    def _check_shape(self) -> None:
        """Check what can be known without the data."""
        if (models := len(self.models) * self.seeds) > MAX_MODELS:
            raise SpecError(
                f"{len(self.models)} rules and learning rates x {self.seeds} seeds are {models} "
                f"models, but at most {MAX_MODELS} are allowed"
            )
        if (records := models * self.steps) > MAX_RECORDS:
            raise SpecError(
                f"{models} models x {self.steps} steps are {records} records, "
                f"but at most {MAX_RECORDS} are allowed"
            )
        name = self.data.name
        if name in SOURCES:
            source = SOURCES[name]
            classes = len(source.classes)
            outputs = classes if classes > 2 else 1
            if self.loss == "cross-entropy" and not classes:
                raise SpecError(f"{name} has no classes: its loss must be squared")
            self.check_cost(self._network((len(source.features),), outputs))
        else:
            self.network.network((3, 8, 8), 2)

    @property
    def models(self) -> tuple[tuple[str, float], ...]:
        """Every rule's label with a learning rate: first the rules as they are, then the grid."""
        own = [(label, float(rule.lr)) for label, rule in self.rules]  # type: ignore[attr-defined]
        grid = [(label, lr) for label, _ in self.rules for lr in self.lr_grid]
        return tuple(dict.fromkeys([*own, *grid]))

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds themselves."""
        return tuple(range(self.seed, self.seed + self.seeds))

    def network_for(self, data: Dataset) -> Network:
        """Return the network for a data set.

        Raises:
            SpecError: If it does not fit, or would take too much time or memory.
        """
        network = self._network(data.input_shape, data.num_outputs)
        self.check_cost(network, len(data.train))
        return network

    def _network(self, shape: tuple[int, ...], num_outputs: int) -> Network:
        if self.network.kind == "conv" and self.data.name in FLAT_IMAGES:
            shape = image_shape(shape)
        return self.network.network(shape, num_outputs)

    def check_cost(self, network: Network, examples: int | None = None) -> None:
        """Refuse what would not fit in memory, or not end within hours.

        Args:
            network: Whose models.
            examples: Number of training examples, where it is known.

        Raises:
            SpecError: If it is too much; the sentence names the cap.
        """
        rules = dict(self.rules)
        probings = [rules[label].probing for label, _ in self.models]
        extra = sum(p.evaluations for p in probings if p is not None)
        numbers = self.seeds * (len(self.models) + extra) * network.num_parameters
        if numbers > MAX_NUMBERS:
            raise SpecError(
                f"the models and their probes have {numbers} parameters together, but at most "
                f"{MAX_NUMBERS} are allowed: take fewer rules, seeds, probes or units"
            )
        batch = min(self.batch_size or examples or 1, examples or 10_000_000)
        each = multiplications(network) * batch * self.seeds
        work = float(self.steps) * each * (3 * len(self.models) + extra)
        if work > MAX_WORK:
            raise SpecError(
                f"this training takes {work:.1e} multiplications, but at most {MAX_WORK:.0e} are "
                "allowed: take fewer steps, rules, seeds or probes, smaller batches or networks"
            )

    def to_command(self, program: str = "python -m sadam") -> str:
        """Return the command line that runs this spec, quoted for a shell."""
        usual, words = Training(), [*shlex.split(program), "train"]
        data, network = self.data, self.network
        words += ["--dataset", data.name]
        if data.path is not None:
            words += ["--csv" if data.name == "csv" else "--data", data.path]
        own = {
            "target": data.target, "examples": data.n, "noise": data.noise,
            "data-seed": data.seed or None,
            "validation": None if data.validation == usual.data.validation else data.validation,
            "test": None if data.test == usual.data.test else data.test,
            "channels" if network.kind == "conv" else "hidden": network.hidden,
            "activation": None if network.activation == "relu" else network.activation,
            "bits": network.weight_bits, "activation-bits": network.activation_bits,
            "loss": None if self.loss == "auto" else self.loss,
            "l1": self.l1 or None,
            "batch-size": "all" if self.batch_size is None else self.batch_size,
            "label-noise": self.label_noise or None, "input-noise": self.input_noise or None,
        }  # fmt: skip
        words += [f"--{k}={number_text(v)}" for k, v in own.items() if v is not None]
        words += rule_words(self.rules)
        if self.lr_grid:
            words.append(f"--lr-grid={number_text(self.lr_grid)}")
        if not self.matched_controls:
            words.append("--no-controls")
        words += ["--seeds", str(self.seeds), "--seed", str(self.seed), "--steps", str(self.steps)]
        if self.schedule != usual.schedule:
            words += ["--schedule", self.schedule]
        if self.dtype != usual.dtype:
            words += ["--dtype", self.dtype]
        return shlex.join(words)


def from_preset(preset: Preset, data: DataSpec) -> Training:
    """Return the training that a preset describes, on some data.

    Raises:
        SpecError: If the data do not fit it.
    """
    kind, hidden = ("conv", preset.channels) if preset.channels else ("mlp", preset.hidden)
    bits = (preset.weight_bits, preset.activation_bits)
    return Training(
        data=data,
        network=Architecture(kind, hidden, preset.activation, *bits),  # type: ignore[bad-argument-type]
        loss=preset.loss,
        batch_size=preset.batch_size,
        label_noise=preset.label_noise,
        rules=make_rules(PAPER_RULES, lr=preset.lr),
        lr_grid=preset.lr_grid,
        seeds=preset.seeds,
        steps=preset.steps,
        schedule=preset.schedule,
        dtype=preset.dtype,
    )


def multiplications(network: Network) -> int:
    """Return how many multiplications one example takes on its way forward."""
    total, (height, width) = 0, network.input_shape[1:] if len(network.input_shape) == 3 else (1, 1)
    for shape in network.shapes.values():
        if len(shape) == 4:
            total += math.prod(shape) * height * width
            height, width = max(1, height // 2), max(1, width // 2)
        elif len(shape) == 2:
            total += math.prod(shape)
    return total


def _checked(value: Any, where: str) -> Any:
    """A dataclass with every number of the type that its annotation says."""
    types = schema(type(value))
    typed = {n: from_plain(t, getattr(value, n), f"{where}.{n}") for n, t in types.items()}
    try:
        return replace(value, **typed)
    except ValueError as error:
        raise SpecError(str(error)) from None


def _at_least_0(name: str, value: Any, most: float) -> float:
    number = from_plain(float, value, name)
    if number < 0:
        raise SpecError(f"{name} is {number:g}, but must be at least 0")
    if number > most:
        raise SpecError(f"{name} is {number:g}, but must be at most {most:g}")
    return number


def _grid(values: Any) -> tuple[float, ...]:
    grid = from_plain(tuple[float, ...], values, "lr_grid")
    if len(grid) > MAX_GRID:
        raise SpecError(f"lr_grid has {len(grid)} values, but at most {MAX_GRID} are allowed")
    if any(value <= 0 for value in grid):
        raise SpecError(f"lr_grid holds {min(grid):g}, but learning rates must be positive")
    return tuple(sorted(set(grid)))
