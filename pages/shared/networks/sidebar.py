"""The Networks page's sidebar: its controls, drawn."""

from __future__ import annotations

import streamlit as st

from landscapes.data.csv_data import MAX_BYTES
from landscapes.data.datasets import Dataset
from landscapes.data.made_data import SOURCES
from landscapes.nets.layers import ACTIVATIONS
from landscapes.nets.quantization import BITS
from pages.shared import links, widgets
from pages.shared.networks.controls import (
    FILE,
    PREFIX,
    loaded,
    put,
    use_controls,
    value,
    wait_for_csv,
)
from pages.shared.networks.preview import preview
from pages.shared.networks.values import FULL, GRID, LAST_SEED, MOST_SEEDS, OWN, usual
from sadam.lab.spec import MAX_SEED
from sadam.lab.training.spec import FLAT_IMAGES
from sadam.schedules import SCHEDULES

RATES = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 3, 5, 7)] + [1.0, 3.0, 10.0]
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
STEPS = [50, 100, 200, 300, 500, 1000, 2000, 5000]


def sidebar(data: Dataset | None) -> None:
    """Draw the controls, and a small picture of the data if there are any."""
    with st.sidebar:
        if value("loaded"):
            _loaded_note()
            return
        _data_controls(data)
        _network_controls()
        _rule_controls()
        _sadam_controls()
        _run_controls()
        _advanced_controls()
        st.button("Reset this page", on_click=put, width="stretch", icon=":material/restart_alt:")


def _loaded_note() -> None:
    spec = loaded()
    st.info(
        "This training differs in ways that the controls cannot say, so it is shown as it came: "
        f"{len(spec.models)} rules and learning rates, {spec.seeds} seeds, {spec.steps} steps. "
        "Its spec is under Share.",
        icon=":material/description:",
    )
    if spec.data.name == OWN:
        _csv_upload()
    st.button(
        "Use the controls",
        on_click=use_controls,
        width="stretch",
        help="What the controls can say of it is kept; the rest goes back to the defaults.",
    )


def _dataset_chosen() -> None:
    name = value("dataset")
    for control, held in usual(name).items():
        st.session_state[PREFIX + control] = held
    if name not in FLAT_IMAGES:
        st.session_state[f"{PREFIX}kind"] = "mlp"
    if name == OWN:
        wait_for_csv()


def _uploaded() -> None:
    """Keep the file's content: Streamlit forgets it when the visitor turns to another page."""
    file = st.session_state["csv_upload"]
    st.session_state[FILE] = None if file is None else (file.name, file.getvalue())


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
    _csv_upload()
    st.text_input(
        "Target column",
        key=f"{PREFIX}target",
        placeholder="the last one",
        help="Its name in the header. Empty: the last column.",
    )


def _csv_upload() -> None:
    st.file_uploader(
        "CSV file",
        type=["csv", "tsv", "txt"],
        key="csv_upload",
        on_change=_uploaded,
        max_upload_size=MAX_BYTES // 1_000_000,
        help="UTF-8; a row an example; features are numbers; the target is classes (any text, or "
        "at most 20 different whole numbers) or values. It stays in this server's memory, for this "
        "session only, and does not travel in a link.",
    )


def _network_controls() -> None:
    if value("dataset") in FLAT_IMAGES:
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
            format_func=lambda bits: f"{bits} bits" if bits.isdigit() else bits.capitalize(),
            key=PREFIX + name,
            accept_new_options=True,
            help="Fake quantization with straight-through gradients, as in quantization-aware "
            "training: 8, 4, 3 or 2 bits, one scale for each tensor. 2 bits leave three levels to "
            "a weight. Full: none.",
        )


def _rule_controls() -> None:
    widgets.optimizers(
        PREFIX,
        "Any number, side by side: of one seed all have the same start, the same minibatches and "
        "the same probe directions.",
    )
    st.select_slider(
        "Learning rate",
        links.with_value(f"{PREFIX}lr", RATES),
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
        "and decay of the weights without looking. Where it does as well, the smaller step was "
        "what mattered.",
    )


def _sadam_controls() -> None:
    st.markdown("**S-Adam's brake**")
    radius, probes = st.columns(2)
    radius.select_slider(
        "Radius σ",
        links.with_value(f"{PREFIX}radius", widgets.RADII),
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
    widgets.dampings(PREFIX)


def _run_controls() -> None:
    steps, batch = st.columns(2)
    steps.selectbox(
        "Steps",
        links.with_value(f"{PREFIX}steps", STEPS),
        key=f"{PREFIX}steps",
        help="More: `python -m sadam train --steps N`.",
    )
    batch.select_slider(
        "Batch size",
        [*sorted({*BATCHES, value("batch")} - {"all"}), "all"],
        key=f"{PREFIX}batch",
        help="Examples of a step. Small batches are noisy; all: no noise but the labels'.",
    )
    seeds, seed = st.columns(2)
    seeds.number_input(
        "Seeds",
        min_value=1,
        max_value=MOST_SEEDS,
        step=1,
        key=f"{PREFIX}seeds",
        help="Trainings of every rule. A seed has its own start, order of the data, wrong labels "
        "and probe directions; bands and intervals are over the seeds.",
    )
    seed.number_input(
        "First seed",
        min_value=0,
        max_value=LAST_SEED,
        step=1,
        key=f"{PREFIX}seed",
        help="The others follow it. The same seeds give the same numbers everywhere.",
    )
    widgets.schedule(PREFIX, list(SCHEDULES))


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
            max_value=MAX_SEED,
            step=1,
            key=f"{PREFIX}data_seed",
            help="Of the making and the split of the data.",
        )
        widgets.memories(PREFIX)
        st.segmented_control(
            "Precision",
            ["float64", "float32"],
            key=f"{PREFIX}dtype",
            required=True,
            help="float32 takes about half as long.",
        )
