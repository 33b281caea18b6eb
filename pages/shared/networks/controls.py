"""The Networks page's controls: what a visitor sets becomes a Training, and its data."""

from __future__ import annotations

from typing import Any

import streamlit as st

from landscapes.csv_data import MAX_BYTES, read_csv
from landscapes.datasets import DataError, Dataset, DataSpec, load
from landscapes.layers import ACTIVATIONS
from landscapes.made_data import SOURCES
from landscapes.quantization import BITS
from pages.shared.networks.preview import preview
from sadam.lab.codec import SpecError, from_text
from sadam.lab.experiment import PAPER_RULES
from sadam.lab.rulebook import LabelledRules, build_rule, hyperparameters
from sadam.lab.style import STYLES
from sadam.lab.training import Architecture, Training
from sadam.rules import RULES
from sadam.schedules import SCHEDULES

PREFIX = "net_"  # of this page's keys; app.py holds their values while other pages are shown
OWN = "csv"
FULL = "full precision"
RATES = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 3, 5, 7)] + [1.0, 3.0, 10.0]
RADII = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 5)] + [1.0]
GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
BATCHES: list[int | str] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, "all"]
STEPS = [50, 100, 200, 300, 500, 1000, 2000, 5000]
MAX_RECORDS = 500_000  # models of all seeds x steps: what a visitor may keep in the server's memory
IMAGES = ("digits", "mnist1d")

DEFAULTS: dict[str, Any] = {
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
    "seeds": 5,
    "seed": 0,
    "steps": 300,
    "schedule": "constant",
    "radius": 0.01,
    "num_probes": 2,
    "damping_one": 2.0,
    "damping_two": 4.0,
    "beta1": 0.9,
    "beta2": 0.999,
    "weight_decay": 0.01,
    "momentum": 0.9,
    "dtype": "float64",
}


def value(name: str) -> Any:
    """What a control of this page holds."""
    return st.session_state[PREFIX + name]


def keep() -> None:
    """Give every control its value, and hold it while the visitor is on another page."""
    for name, default in DEFAULTS.items():
        st.session_state[PREFIX + name] = st.session_state.get(PREFIX + name, default)


def _reset() -> None:
    st.session_state.update({PREFIX + name: default for name, default in DEFAULTS.items()})


def _dataset_chosen() -> None:
    source = SOURCES.get(value("dataset"))
    if source is not None:
        st.session_state[f"{PREFIX}n"] = source.n
        st.session_state[f"{PREFIX}noise"] = source.noise
    if value("dataset") not in IMAGES:
        st.session_state[f"{PREFIX}kind"] = "mlp"


def _uploaded() -> None:
    """Keep the file's content: Streamlit forgets it when the visitor turns to another page."""
    file = st.session_state.get("csv_upload")
    if file is not None:
        st.session_state["_net_csv"] = (file.name, file.getvalue())
    else:
        st.session_state.pop("_net_csv", None)


@st.cache_resource(max_entries=16, show_spinner=False)
def _made(spec: DataSpec) -> Dataset:
    """Data that are made here, once for all visitors."""
    return load(spec)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(content: bytes, spec: DataSpec) -> Dataset:
    return read_csv(content, spec)


def data_spec() -> DataSpec:
    """Build the spec of the data.

    Raises:
        SpecError: If the controls describe none.
    """
    try:
        if value("dataset") != OWN:
            return DataSpec(
                value("dataset"), n=value("n"), noise=value("noise"), seed=value("data_seed")
            )
        if "_net_csv" not in st.session_state:
            raise SpecError(
                "choose a CSV file on the left: features and a target, a row an example"
            )
        name, _ = st.session_state["_net_csv"]
        target = value("target").strip() or None
        return DataSpec(OWN, seed=value("data_seed"), path=name, target=target)
    except DataError as error:
        raise SpecError(str(error)) from None


def load_data(spec: DataSpec) -> Dataset:
    """Return the data of a spec: made here, or the file that was uploaded. No path is opened.

    Raises:
        SpecError: If the file is not as it should be.
    """
    try:
        if spec.name != OWN:
            return _made(spec)
        return _read(st.session_state["_net_csv"][1], spec)
    except DataError as error:
        raise SpecError(str(error)) from None


def training(data: DataSpec) -> Training:
    """Build the training from the session's state, drawn or not, once :func:`keep` was called.

    Raises:
        SpecError: If the state describes none.
    """
    spec = Training(
        data=data,
        network=Architecture(
            kind=value("kind"),
            hidden=_widths(),
            activation=value("activation"),
            weight_bits=_bits("weight_bits"),
            activation_bits=_bits("activation_bits"),
        ),
        loss=value("loss"),
        l1=value("l1"),
        batch_size=None if value("batch") == "all" else value("batch"),
        label_noise=value("label_noise"),
        input_noise=value("input_noise"),
        rules=_rules(),
        lr_grid=GRID if value("grid") else (),
        matched_controls=value("matched"),
        seeds=value("seeds"),
        seed=value("seed"),
        steps=value("steps"),
        schedule=value("schedule"),
        dtype=value("dtype"),
    )
    records = len(spec.models) * spec.seeds * spec.steps
    if records > MAX_RECORDS:
        raise SpecError(
            f"{len(spec.models)} rules and learning rates x {spec.seeds} seeds x {spec.steps} "
            f"steps are {records} records, but the page keeps at most {MAX_RECORDS}: take fewer, "
            "or run it on the command line (python -m sadam train)"
        )
    return spec


def _widths() -> tuple[int, ...]:
    name = "hidden" if value("kind") == "mlp" else "channels"
    return from_text(tuple[int, ...], value("hidden"), name)


def _bits(name: str) -> int | None:
    text = str(value(name) or FULL).strip()
    return None if text == FULL else from_text(int, text, name)


def _rules() -> LabelledRules:
    if not value("rules"):
        raise SpecError("choose at least one optimizer on the left")
    given = {name: value(name) for name in ("lr", "momentum", "weight_decay", "radius")}
    given |= {"num_probes": value("num_probes"), "betas": (value("beta1"), value("beta2"))}
    rules = []
    for key in RULES:
        if key in value("rules"):
            damping = value("damping_two" if key == "s-adam-two-sided" else "damping_one")
            types = hyperparameters(key)
            own = {k: v for k, v in (given | {"damping": damping}).items() if k in types}
            rules.append((key, build_rule(key, key, own)))
    return tuple(rules)


def sidebar(data: Dataset | None) -> None:
    """Draw the controls, and a small picture of the data if there are any."""
    with st.sidebar:
        _data_controls(data)
        _network_controls()
        _rule_controls()
        _sadam_controls()
        _run_controls()
        _advanced_controls()
        st.button(
            "Reset this page", on_click=_reset, width="stretch", icon=":material/restart_alt:"
        )


def _data_controls(data: Dataset | None) -> None:
    st.selectbox(
        "Data",
        [*SOURCES, OWN],
        format_func=lambda name: "Your own CSV" if name == OWN else SOURCES[name].title,
        key=f"{PREFIX}dataset",
        on_change=_dataset_chosen,
        help="Half of the examples are trained on, a quarter validates (and chooses learning "
        "rates), a quarter tests. Inputs are standardised by the training examples. CIFAR-100 and "
        "Tiny ImageNet, for those who have the files: `python -m sadam train --help`.",
    )
    if value("dataset") == OWN:
        _csv_controls()
    elif data is None or data.name == value("dataset"):
        st.caption(SOURCES[value("dataset")].note)
    if data is not None:
        preview(data)
    source = SOURCES.get(value("dataset"))
    if source is not None:
        n, noise = st.columns(2)
        n.number_input(
            "Examples n",
            min_value=8,
            max_value=source.most,
            step=8,
            key=f"{PREFIX}n",
            help=f"In all. Usual here: {source.n}; at most {source.most:,}.",
        )
        noise.number_input(
            "Noise",
            min_value=0.0,
            max_value=10.0,
            step=0.05,
            format="%.3g",
            key=f"{PREFIX}noise",
            help="Standard deviation of normal noise on the inputs before they are standardised; "
            f"for a regression, on the targets. Usual here: {source.noise:g}.",
        )
    st.slider(
        "Label noise",
        0.0,
        0.5,
        step=0.01,
        key=f"{PREFIX}label_noise",
        help="Share of the training labels that are wrong, others for each seed. For a regression: "
        "standard deviation of noise on the targets. Validation and test keep true labels.",
    )


def _csv_controls() -> None:
    st.file_uploader(
        "CSV file",
        type=["csv", "tsv", "txt"],
        key="csv_upload",
        on_change=_uploaded,
        max_upload_size=MAX_BYTES // 1_000_000,
        help="UTF-8; a row an example; features are numbers; the target is classes (any text, or "
        "at most 20 different whole numbers) or values. It stays in this server's memory, for this "
        "session only.",
    )
    st.text_input(
        "Target column",
        key=f"{PREFIX}target",
        placeholder="the last one",
        help="Its name in the header. Empty: the last column.",
    )


def _network_controls() -> None:
    if value("dataset") in IMAGES:
        st.segmented_control(
            "Network",
            ["mlp", "conv"],
            format_func=lambda kind: {"mlp": "Dense", "conv": "Convolutional"}[kind],
            key=f"{PREFIX}kind",
            required=True,
            help="Dense layers, or 3 x 3 convolutions, each with 2 x 2 pooling.",
        )
    hidden, activation = st.columns(2)
    hidden.text_input(
        "Hidden layers" if value("kind") == "mlp" else "Channels",
        key=f"{PREFIX}hidden",
        help="Widths of 1 to 4 layers, each 1 to 128, as in 16, 16.",
    )
    activation.selectbox(
        "Activation",
        list(ACTIVATIONS),
        key=f"{PREFIX}activation",
        help="relu, leaky-relu and hard-tanh have kinks; tanh and softplus are smooth controls.",
    )
    weights, activations = st.columns(2)
    for column, name, what in (
        (weights, "weight_bits", "Weights"),
        (activations, "activation_bits", "Activations"),
    ):
        column.selectbox(
            what,
            list(dict.fromkeys([FULL, *(str(bits) for bits in BITS), str(value(name) or FULL)])),
            format_func=lambda bits: f"{bits} bits" if bits.isdigit() else bits,
            key=PREFIX + name,
            accept_new_options=True,
            help="Fake quantization with straight-through gradients, as in quantization-aware "
            "training: 8, 4, 3 or 2 bits, one scale for each tensor. 2 bits leave three levels to "
            "a weight.",
        )


def _rule_controls() -> None:
    st.pills(
        "Optimizers",
        list(RULES),
        selection_mode="multi",
        format_func=lambda key: STYLES[key].title,
        key=f"{PREFIX}rules",
        help="Any number, side by side: of one seed all have the same start, the same minibatches "
        "and the same probe directions.",
    )
    st.select_slider(
        "Learning rate",
        RATES,
        format_func=lambda lr: f"{lr:g}",
        key=f"{PREFIX}lr",
        help="One for all rules, which shows behaviour but does not settle who is better: see the "
        "switch below. The authors' default: 0.001.",
    )
    st.toggle(
        "Each rule's own best of a grid",
        key=f"{PREFIX}grid",
        help=f"Trains every rule also at {', '.join(f'{lr:g}' for lr in GRID)}, and states each at "
        "the one with the least median validation loss. Takes about "
        f"{len(GRID)} times as long.",
    )
    st.toggle(
        "Matched control",
        key=f"{PREFIX}matched",
        help="Afterwards trains AdamW at lr times each S-Adam's mean brake: the same average step "
        "without looking. Where it does as well, the smaller step was what mattered.",
    )


def _sadam_controls() -> None:
    st.markdown("**S-Adam's brake**")
    radius, probes = st.columns(2)
    radius.select_slider(
        "Radius σ",
        RADII,
        format_func=lambda r: f"{r:g}",
        key=f"{PREFIX}radius",
        help="How far from the parameters the loss is probed, on the same minibatch. Authors' "
        "default: 0.01.",
    )
    probes.slider(
        "Probes k",
        1,
        16,
        key=f"{PREFIX}num_probes",
        help="Random directions at each step. One-sided probes cost k extra evaluations, two-sided "
        "2k. Authors' default: 2.",
    )
    one, two = st.columns(2)
    number = {"min_value": 0.0, "max_value": 100.0, "step": 0.5}
    one.number_input(
        "λ published",
        key=f"{PREFIX}damping_one",
        help="The step is multiplied by exp(-λ·LGI). Authors' default: 2. With 0 it is AdamW.",
        **number,
    )
    two.number_input(
        "λ two-sided",
        key=f"{PREFIX}damping_two",
        help="The same with two-sided probes. Default: 4.",
        **number,
    )


def _run_controls() -> None:
    steps, batch = st.columns(2)
    steps.selectbox(
        "Steps", STEPS, key=f"{PREFIX}steps", help="More: `python -m sadam train --steps N`."
    )
    batch.select_slider(
        "Batch size",
        BATCHES,
        key=f"{PREFIX}batch",
        help="Examples of a step. Small batches are noisy; all: no noise but the labels'.",
    )
    seeds, seed = st.columns(2)
    seeds.number_input(
        "Seeds",
        min_value=1,
        max_value=16,
        step=1,
        key=f"{PREFIX}seeds",
        help="Trainings of every rule. A seed has its own start, order of the data, wrong labels "
        "and probe directions; bands and intervals are over the seeds.",
    )
    seed.number_input(
        "First seed",
        min_value=0,
        max_value=2**32 - 100,
        step=1,
        key=f"{PREFIX}seed",
        help="The others follow it. The same seeds give the same numbers everywhere.",
    )
    st.selectbox(
        "Schedule",
        list(SCHEDULES),
        key=f"{PREFIX}schedule",
        help="What multiplies lr at step t of T: 1, 1/sqrt(t), or (1 + cos(pi t/T))/2. Authors' "
        "default: constant.",
    )


def _advanced_controls() -> None:
    with st.expander("Advanced"):
        one, two = st.columns(2)
        one.selectbox(
            "Loss",
            ["auto", "cross-entropy", "squared"],
            key=f"{PREFIX}loss",
            help="auto: cross-entropy for classes, squared for values.",
        )
        two.number_input(
            "l1",
            min_value=0.0,
            max_value=1.0,
            step=1e-4,
            format="%.4g",
            key=f"{PREFIX}l1",
            help="Weight of |x|₁ in the loss of all rules; Prox-SGD takes it as its prox.",
        )
        one.number_input(
            "Input noise",
            min_value=0.0,
            max_value=5.0,
            step=0.05,
            format="%.3g",
            key=f"{PREFIX}input_noise",
            help="Standard deviation of noise on the inputs of each minibatch, drawn anew.",
        )
        two.number_input(
            "Data seed",
            min_value=0,
            max_value=2**32 - 1,
            step=1,
            key=f"{PREFIX}data_seed",
            help="Of the making and the split of the data.",
        )
        unit = {"min_value": 0.0, "max_value": 0.99999, "format": "%.5g"}
        one.number_input(
            "β₁", key=f"{PREFIX}beta1", step=0.05, help="Memory of the mean. Default: 0.9.", **unit
        )
        two.number_input(
            "β₂",
            key=f"{PREFIX}beta2",
            step=0.01,
            help="Memory of the square. Default: 0.999.",
            **unit,
        )
        one.number_input(
            "Weight decay",
            key=f"{PREFIX}weight_decay",
            min_value=0.0,
            max_value=10.0,
            step=0.01,
            format="%.4g",
            help="Of AdamW and S-Adam; the brake does not act on it. Authors' default: 0.01.",
        )
        two.number_input(
            "Momentum",
            key=f"{PREFIX}momentum",
            step=0.05,
            help="Of SGD and Prox-SGD. Default: 0.9.",
            **unit,
        )
        st.segmented_control(
            "Precision",
            ["float64", "float32"],
            key=f"{PREFIX}dtype",
            required=True,
            help="float32 takes about half as long.",
        )
