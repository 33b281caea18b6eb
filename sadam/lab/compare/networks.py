"""Networks as problems of a comparison: one line of text that says data, network and minibatches.

    net: two-moons; hidden = 16,16; weight_bits = 2; batch = 32

First the data, then options, each at most once and in any order (:data:`OPTIONS`); what is left out
is as in :class:`sadam.lab.training.Training`. The line is parsed, never evaluated, and every
network has one way of being written, so that equal networks have equal names. Whatever takes a
name refuses one that says no network in a ``SpecError`` of one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from landscapes.data.datasets import FROM_FILES, Dataset, DataSpec
from landscapes.data.made_data import SOURCES
from sadam.lab.codec import SpecError, from_text, nearest, reason
from sadam.lab.rulebook import make_rules
from sadam.lab.spec import number_text
from sadam.lab.training.run import load_data, problem_of
from sadam.lab.training.spec import Architecture, Training, multiplications
from sadam.rules import MomentRule
from sadam.text import shown

PREFIX = "net:"
EVALUATIONS = 50  # times or so that a run's loss on the whole training set is recorded

# What the lanes of one batch may take; a lane is a model of one seed.
MOST_LANES = 256  # more are no faster
MOST_PARAMETERS = 1 << 21  # of all lanes; the loop keeps some 20 numbers for each
MOST_RECORDS = 1 << 20  # lanes x steps; some 100 bytes each
MOST_UNITS = 1 << 24  # lanes and their probes x examples of a step x units


@dataclass(frozen=True)
class Option:
    """What a name behind a semicolon sets.

    Attributes:
        part: ``"data"``, ``"network"``, or empty for the training itself.
        field: Its field there.
        read: Reads the value's text, given the name for a message.
    """

    part: str
    field: str
    read: Callable[[str, str], Any]


def _as(kind: Any) -> Callable[[str, str], Any]:
    return lambda text, name: from_text(kind, text, name)


def _batch(text: str, name: str) -> int | None:
    return None if text == "all" else from_text(int, text, name)


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "hidden": Option("network", "hidden", _as(tuple[int, ...])),
        "channels": Option("network", "hidden", _as(tuple[int, ...])),
        "activation": Option("network", "activation", _as(str)),
        "weight_bits": Option("network", "weight_bits", _as(int)),
        "activation_bits": Option("network", "activation_bits", _as(int)),
        "batch": Option("", "batch_size", _batch),
        "loss": Option("", "loss", _as(str)),
        "label_noise": Option("", "label_noise", _as(float)),
        "input_noise": Option("", "input_noise", _as(float)),
        "dtype": Option("", "dtype", _as(str)),
        "n": Option("data", "n", _as(int)),
        "noise": Option("data", "noise", _as(float)),
        "data_seed": Option("data", "seed", _as(int)),
    }
)
"""The names that may stand behind the data: fields of ``Training`` and of its parts."""

READY = (
    "net: two-moons; hidden = 16,16",
    "net: two-moons; hidden = 16,16; weight_bits = 2",
    "net: spirals; hidden = 32,32",
    "net: sawtooth; hidden = 16,16",
    "net: digits; hidden = 32",
    "net: digits; hidden = 32; weight_bits = 2; activation_bits = 4",
)
"""Networks to choose from."""


def is_network(name: Any) -> bool:
    """Whether a problem's name is that of a network."""
    return isinstance(name, str) and name.lstrip().startswith(PREFIX)


@lru_cache(maxsize=256)
def network_of(name: str) -> Training:
    """Return the training that a network's name says, with one rule, seed and step.

    Raises:
        SpecError: If it says none, or what it says cannot be trained.
    """
    if not isinstance(name, str):
        raise SpecError(f"a network must be a text, but is {shown(name)}")
    data, *options = (part.strip() for part in name.strip().removeprefix(PREFIX).split(";"))
    if data not in SOURCES:
        raise SpecError(_no_data(data))
    given: dict[str, dict[str, Any]] = {"data": {}, "network": {}, "": {}}
    seen: list[str] = []
    for option in options:
        key, equals, text = (part.strip() for part in option.partition("="))
        if key not in OPTIONS:
            raise SpecError(f"a network has no option {shown(key)}: {nearest(key, OPTIONS)}")
        if not equals or not text:
            raise SpecError(
                f"{shown(option)} of a network must look like {key} = VALUE, as in {READY[1]!r}"
            )
        if key in seen:
            raise SpecError(f"{key} stands twice in the network {shown(name)}")
        seen.append(key)
        what = OPTIONS[key]
        given[what.part][what.field] = what.read(text, key)
    if {"hidden", "channels"} <= set(seen):
        raise SpecError("hidden is of an mlp, channels of a convolutional net: give one of them")
    if "channels" in seen:
        given["network"]["kind"] = "conv"
    spec = _training(DataSpec(data), given)
    problem_of(spec, data_of(spec.data))  # says what does not fit
    return spec


def _training(data: DataSpec, given: Mapping[str, Mapping[str, Any]]) -> Training:
    source, made = SOURCES[data.name], dict(given["data"])
    for name, usual in (("n", source.n), ("noise", source.noise)):
        if made.get(name) == usual:  # one way of writing it
            del made[name]
    try:
        return Training(
            data=replace(data, **made),
            network=Architecture(**given["network"]),
            rules=make_rules(("sgd",)),
            matched_controls=False,
            seeds=1,
            steps=1,
            **given[""],
        )
    except SpecError:
        raise
    except ValueError as error:  # what the data's own spec refuses
        raise SpecError(reason(error)) from None


def _no_data(name: str) -> str:
    if name in FROM_FILES:
        return (
            f"{name} is read from a file, which a comparison does not carry: take one of "
            f"{', '.join(SOURCES)}"
        )
    if not name:
        return f"a network begins with its data, as in {READY[0]!r}"
    return f"there are no data {shown(name)} for a network: {nearest(name, SOURCES)}"


def canonical(name: str) -> str:
    """Return the one way of writing a network.

    Raises:
        SpecError: If the name says none.
    """
    spec, usual = network_of(name), network_of("net: " + network_of(name).data.name)
    conv = spec.network.kind == "conv"
    words = [f"{PREFIX} {spec.data.name}"]
    for key, option in OPTIONS.items():
        if key == ("hidden" if conv else "channels"):
            continue
        value, other = (
            getattr(getattr(s, option.part) if option.part else s, option.field)
            for s in (spec, usual)
        )
        if value != other or option.field == "hidden":
            words.append(f"{key} = {'all' if value is None else number_text(value)}")
    return "; ".join(words)


def title_of_network(name: str) -> str:
    """Return a short title, such as ``"Two moons, MLP 16-16, 2-bit weights"``."""
    spec = network_of(name)
    net, usual = spec.network, network_of("net: " + spec.data.name)
    kind = "conv net" if net.kind == "conv" else "MLP"
    words = [SOURCES[spec.data.name].title, f"{kind} {net.widths}"]
    if net.activation != usual.network.activation:
        words.append(net.activation)
    words += net.quantization
    if spec.batch_size != usual.batch_size:
        words.append(f"batch {spec.batch_size or 'all'}")
    if spec.label_noise:
        words.append(f"label noise {spec.label_noise:g}")
    if spec.input_noise:
        words.append(f"input noise {spec.input_noise:g}")
    if spec.data != usual.data or (spec.loss, spec.dtype) != (usual.loss, usual.dtype):
        rest = canonical(name).split("; ")
        named = ("n", "noise", "data_seed", "loss", "dtype")
        words += [part for part in rest[1:] if part.split(" = ")[0] in named]
    return ", ".join(words)


@lru_cache(maxsize=16)
def data_of(spec: DataSpec) -> Dataset:
    """Return the data of a spec; made once."""
    return load_data(Training(data=spec, steps=1, seeds=1))


# ---- what it takes


@dataclass(frozen=True)
class Size:
    """How large a network and its steps are.

    Attributes:
        parameters: Their number.
        multiplications: Of one example on its way forward.
        units: Numbers that one example has in the network, inputs and outputs included.
        batch: Examples of a step.
        examples: Examples of the training set.
    """

    parameters: int
    multiplications: int
    units: int
    batch: int
    examples: int


@lru_cache(maxsize=256)
def size_of(name: str) -> Size:
    """Return the size of a network."""
    spec = network_of(name)
    data = data_of(spec.data)
    network, examples = spec.network_for(data), len(data.train)
    return Size(
        parameters=network.num_parameters,
        multiplications=multiplications(network),
        units=math.prod(network.input_shape) + network.units + network.num_outputs,
        batch=min(spec.batch_size or examples, examples),
        examples=examples,
    )


def probes_of(rule: MomentRule) -> int:
    """Return the loss evaluations of a step besides its gradient."""
    return rule.probing.evaluations if rule.probing else 0


def work_of(name: str, rule: MomentRule, steps: int) -> float:
    """Return the multiplications of one run: a gradient counts 3 losses, a probe 1."""
    size = size_of(name)
    recorded = size.examples * (steps // max(1, steps // EVALUATIONS))
    return size.multiplications * (steps * size.batch * (3.0 + probes_of(rule)) + recorded)


def lanes_at_once(name: str, rule: MomentRule, steps: int) -> int:
    """Return how many runs are trained as one batch: a function of the problem, nothing else."""
    size = size_of(name)
    return max(
        1,
        min(
            MOST_LANES,
            MOST_PARAMETERS // (size.parameters * (1 + probes_of(rule))),
            MOST_RECORDS // steps,
            MOST_UNITS // (size.units * size.batch * (1 + probes_of(rule))),
        ),
    )
