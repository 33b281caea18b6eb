"""What the Networks page's controls hold, and the training that they say: each from the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from landscapes.data.datasets import DataError, DataSpec
from landscapes.data.made_data import SOURCES
from landscapes.nets.layers import ACTIVATIONS
from landscapes.nets.quantization import BITS
from pages.shared import links
from pages.shared.networks import plane
from pages.shared.widgets import RULE_DEFAULTS, RULE_FIELDS
from sadam.lab.codec import SpecError, from_text
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES
from sadam.lab.rulebook import LabelledRules, build_rule, hyperparameters
from sadam.lab.spec import MAX_SEED
from sadam.lab.training import Architecture, Training
from sadam.lab.training.spec import MAX_SEEDS
from sadam.rules import RULES
from sadam.schedules import SCHEDULES

OWN = "csv"
FULL = "full"
GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
MOST_SEEDS, LAST_SEED = 16, 2**32 - 100
MAX_RECORDS = 500_000  # models of all seeds x steps: what a visitor may keep in the server's memory
CURVES, COSTS = ["Validation", "Minibatch"], ["Steps", "Evaluations"]
TABS = (
    "Results",
    "Inside a network",
    "Loss plane",
    "Instability and chattering",
    "Data and figures",
    "Code",
)

SETTINGS: dict[str, Any] = {  # what says the training
    "dataset": "two-moons",
    "n": SOURCES["two-moons"].n,
    "noise": SOURCES["two-moons"].noise,
    "label_noise": 0.0,
    "input_noise": 0.0,
    "data_seed": 0,
    "target": "",
    "kind": "mlp",
    "hidden": "16, 16",
    "activation": "relu",
    "weight_bits": FULL,
    "activation_bits": FULL,
    "loss": "auto",
    "batch": 32,
    "l1": 0.0,
    "rules": list(PAPER_RULES),
    "lr": 0.01,
    "grid": False,
    "matched": True,
    "seeds": 6,
    "seed": 0,
    "steps": 300,
    "schedule": "constant",
    **RULE_DEFAULTS,
    "dtype": "float64",
    "loaded": "",
}
DEFAULTS: dict[str, Any] = {  # and what says how it is looked at
    **SETTINGS,
    "curve": CURVES[0],
    "cost": COSTS[0],
    "rule": "",
    "place": 0,
    "tab": TABS[0],
    "plane_kind": "pca",
    "plane_estimator": plane.ESTIMATORS[0],
    "plane_probes": next(iter(plane.PROBES)),
    "plane_first": "",
    "plane_second": "",
    "plane_seed": 0,
}


def _widths(text: str) -> str:
    """Widths of the hidden layers."""
    try:
        Architecture(hidden=from_text(tuple[int, ...], text, "hidden")).network((2,), 1)
    except SpecError:
        raise ValueError("must be 1 to 4 widths, each from 1 to 128, such as 16,16") from None
    return text


def _batch(text: str) -> int | str:
    """A number of examples, or all of them."""
    if text == "all":
        return text
    try:
        return int(links.number(1, 10_000_000, whole=True)(text))
    except ValueError:
        raise ValueError("must be a whole number from 1 on, or all") from None


FIELDS: dict[str, links.Read] = {
    "dataset": links.choice([*SOURCES, OWN]),
    "n": links.number(8, max(source.most for source in SOURCES.values()), whole=True),
    "noise": links.number(0, 10),
    "label_noise": links.number(0, 0.5),
    "input_noise": links.number(0, 5),
    "data_seed": links.number(0, MAX_SEED, whole=True),
    "target": links.words,
    "kind": links.choice(["mlp", "conv"]),
    "hidden": _widths,
    "activation": links.choice(ACTIVATIONS),
    "weight_bits": links.choice([FULL, *map(str, BITS)]),
    "activation_bits": links.choice([FULL, *map(str, BITS)]),
    "loss": links.choice(["auto", "cross-entropy", "squared"]),
    "batch": _batch,
    "l1": links.number(0, 1),
    "rules": links.many(list(RULES)),
    "lr": links.number(1e-8, 1e3),
    "grid": links.flag,
    "matched": links.flag,
    "seeds": links.number(1, MOST_SEEDS, whole=True),
    "seed": links.number(0, LAST_SEED, whole=True),
    "steps": links.number(1, MAX_STEPS, whole=True),
    "schedule": links.choice(list(SCHEDULES)),
    **RULE_FIELDS,
    "num_probes": links.number(1, 16, whole=True),  # as far as its slider goes
    "dtype": links.choice(["float64", "float32"]),
    "loaded": links.packed,
    "curve": links.choice(CURVES),
    "cost": links.choice(COSTS),
    "rule": links.words,
    "place": links.number(0, MAX_SEEDS - 1, whole=True),
    "tab": links.choice(TABS),
    "plane_kind": links.choice(plane.KINDS),
    "plane_estimator": links.choice(plane.ESTIMATORS),
    "plane_probes": links.choice(plane.PROBES),
    "plane_first": links.words,
    "plane_second": links.words,
    "plane_seed": links.number(0, MAX_SEEDS - 1, whole=True),
}

Values = Mapping[str, Any]
"""Controls by their names in :data:`DEFAULTS`."""

_COMMON = ("lr", "momentum", "weight_decay", "radius", "num_probes")  # of all rules that have them
_AS_IT_IS = ("label_noise", "input_noise", "loss", "l1", "seeds", "seed", "steps", "schedule")


def usual(dataset: str) -> dict[str, Any]:
    """What the controls of a data set say once it is chosen."""
    source = SOURCES.get(dataset)
    return {} if source is None else {"n": source.n, "noise": source.noise}


def data_of(values: Values, path: str | None = None) -> DataSpec:
    """Build the spec of the data.

    Args:
        values: What the controls say.
        path: What a CSV is called.

    Raises:
        SpecError: If they describe none.
    """
    name, seed = values["dataset"], values["data_seed"]
    try:
        if name != OWN:
            return DataSpec(name, n=values["n"], noise=values["noise"], seed=seed)
        return DataSpec(OWN, seed=seed, path=path, target=values["target"].strip() or None)
    except DataError as error:
        raise SpecError(str(error)) from None


def training_of(values: Values, data: DataSpec) -> Training:
    """Build the training.

    Raises:
        SpecError: If the controls describe none.
    """
    kind = values["kind"]
    return Training(
        data=data,
        network=Architecture(
            kind=kind,
            hidden=from_text(
                tuple[int, ...], values["hidden"], "hidden" if kind == "mlp" else "channels"
            ),
            activation=values["activation"],
            weight_bits=_bits(values, "weight_bits"),
            activation_bits=_bits(values, "activation_bits"),
        ),
        batch_size=None if values["batch"] == "all" else values["batch"],
        rules=_rules(values),
        lr_grid=GRID if values["grid"] else (),
        matched_controls=values["matched"],
        dtype=values["dtype"],
        **{name: values[name] for name in _AS_IT_IS},
    )


def _bits(values: Values, name: str) -> int | None:
    text = str(values[name] or FULL).strip()
    return None if text == FULL else from_text(int, text, name)


def _rules(values: Values) -> LabelledRules:
    if not values["rules"]:
        raise SpecError("choose at least one optimizer on the left")
    given = {name: values[name] for name in _COMMON}
    given["betas"] = values["beta1"], values["beta2"]
    rules = []
    for key in RULES:
        if key in values["rules"]:
            given["damping"] = values[_damping(key)]
            types = hyperparameters(key)
            rules.append(
                (key, build_rule(key, key, {k: v for k, v in given.items() if k in types}))
            )
    return tuple(rules)


def _damping(key: str) -> str:
    return "damping_two" if key == "s-adam-two-sided" else "damping_one"


def allowed(spec: Training) -> Training:
    """Return a training that this page may run for a visitor.

    Raises:
        SpecError: If it would open a file of the server, or keep too much in its memory.
    """
    if spec.data.name not in (*SOURCES, OWN):
        raise SpecError(
            f"{spec.data.name} is read from files of the machine that trains: take the command "
            "line (python -m sadam train --spec FILE)"
        )
    records = len(spec.models) * spec.seeds * spec.steps
    if records > MAX_RECORDS:
        raise SpecError(
            f"{len(spec.models)} rules and learning rates x {spec.seeds} seeds x {spec.steps} "
            f"steps are {records} records, but the page keeps at most {MAX_RECORDS}: take fewer, "
            "or run it on the command line (python -m sadam train)"
        )
    return spec


def values_of(spec: Training) -> dict[str, Any]:
    """What the controls say of a training; what they cannot say is in ``loaded`` as JSON."""
    values = settings_of(spec)
    data = spec.data
    told = replace(data, **{**usual(data.name), **_given(data)})  # the usual may be left out
    try:
        same = training_of(values, data_of(values, data.path)) == replace(spec, data=told)
    except SpecError:
        same = False
    return values if same else {**values, "loaded": spec.to_json()}


def settings_of(spec: Training) -> dict[str, Any]:
    """What the controls can say of a training; what they cannot is as at the beginning."""
    data, net = spec.data, spec.network
    found: dict[str, Any] = {
        **usual(data.name),
        **_given(data),
        "dataset": data.name,
        "data_seed": data.seed,
        "target": data.target or "",
        "kind": net.kind,
        "hidden": ", ".join(map(str, net.hidden)),
        "activation": net.activation,
        "weight_bits": str(net.weight_bits or FULL),
        "activation_bits": str(net.activation_bits or FULL),
        "batch": "all" if spec.batch_size is None else spec.batch_size,
        "rules": [label for label, _ in spec.rules if label in RULES],
        "grid": bool(spec.lr_grid),
        "matched": spec.matched_controls,
        "dtype": spec.dtype,
        **{name: getattr(spec, name) for name in _AS_IT_IS},
    }
    for label, rule in spec.rules:
        found |= {name: getattr(rule, name) for name in _COMMON if hasattr(rule, name)}
        if hasattr(rule, "damping"):
            found[_damping(label)] = rule.damping
        if hasattr(rule, "betas"):
            found["beta1"], found["beta2"] = rule.betas
    return SETTINGS | {name: value for name, value in found.items() if _can_hold(name, value)}


def _given(data: DataSpec) -> dict[str, Any]:
    return {name: v for name in ("n", "noise") if (v := getattr(data, name)) is not None}


def _can_hold(name: str, value: Any) -> bool:
    """Whether a control can hold a value."""
    try:
        return FIELDS[name](links.text_of(value)) == value
    except ValueError:
        return False
