"""The Compare page's sidebar: its controls, drawn."""

from __future__ import annotations

import streamlit as st

from landscapes import CATALOGUE
from pages.shared import widgets
from pages.shared.compare.controls import (
    COSTS,
    GRIDS,
    LABELS,
    PREFIX,
    PRESETS,
    STARTS,
    choose,
    put,
    use_controls,
    value,
    wanted,
)
from sadam.lab.codec import SpecError
from sadam.lab.compare.networks import READY, is_network, title_of_network
from sadam.lab.compare.problems import MAX_RANDOM_STARTS, MAX_SIDE, TAGS
from sadam.lab.compare.spec import MAX_SEEDS
from sadam.lab.experiment import MAX_STEPS
from sadam.lab.spec import MAX_SEED
from sadam.lab.style import STYLES
from sadam.rules import RULES
from sadam.schedules import SCHEDULES


def sidebar() -> None:
    """Draw the controls."""
    with st.sidebar:
        with st.popover("Ready-made comparisons", icon=":material/bolt:", width="stretch"):
            for name, (about, _) in PRESETS.items():
                st.button(name, help=about, on_click=choose, args=(name,), width="stretch")
        if value("loaded"):
            _loaded_note()
            return
        _problem_controls()
        _rule_controls()
        _run_controls()
        _sadam_controls()
        st.button("Reset everything", on_click=put, width="stretch", icon=":material/restart_alt:")


def _loaded_note() -> None:
    try:
        spec = wanted()
    except SpecError:  # the page says what is wrong with it
        st.button("Use the controls", on_click=put, width="stretch")
        return
    st.info(
        "This comparison differs in ways that the controls cannot say, so it is shown as it came: "
        f"{len(spec.problems)} {spec.nouns}, {len(spec.rules)} rules, {len(spec.lrs)} learning "
        f"rates, {spec.seeds} seeds, {spec.steps} steps. Its spec is under Share.",
        icon=":material/description:",
    )
    st.button(
        "Use the controls",
        on_click=use_controls,
        args=(spec,),
        width="stretch",
        help="What the controls can say of it is kept; the rest goes back to the defaults.",
    )


def _describe(name: str) -> str:
    if name in CATALOGUE:
        return CATALOGUE[name].title
    if is_network(name):
        return _network_title(name)
    if not set(name.split("+")) <= TAGS.keys():
        return name
    chosen = [f for f in CATALOGUE.values() if all(TAGS[tag](f) for tag in name.split("+"))]
    words = " and ".join(name.split("+")).replace("-minima", " minima")
    return f"All {words} ({len(chosen)})" if name != "all" else f"All ({len(chosen)})"


def _network_title(name: str) -> str:
    try:
        return title_of_network(name)
    except SpecError:  # what is wrong is said above the results
        return name


def _problem_controls() -> None:
    offered = [*TAGS, "convex+kinked", "non-convex+kinked", *READY]
    known = {*offered, *CATALOGUE}
    offered += [name for name in value("landscapes") if name not in known]
    st.multiselect(
        "Landscapes and networks",
        [*offered, *CATALOGUE],
        format_func=_describe,
        key=PREFIX + "landscapes",
        accept_new_options=True,
        help="Kinds of landscapes, single ones, or both. Smooth ones are controls. Type "
        "“convex+trap” for those that are both, or a function of your own behind “=”, such as "
        "“= abs(x) + 2*abs(y)”, or a network, such as “net: two-moons; hidden = 16,16; "
        "weight_bits = 2” (also channels, activation, activation_bits, batch, label_noise, n ...).",
    )
    kind, number = st.columns([3, 2])
    kind.selectbox(
        "Starts",
        list(STARTS),
        format_func=STARTS.__getitem__,
        key=PREFIX + "starts",
        help="The same for every rule. A grid over the window gives basin maps; random ones are "
        "drawn anew for each seed, normal around the landscape's start; own: that start itself. A "
        "network starts where its seed draws the weights: take Own, and several seeds.",
    )
    if value("starts") == "grid":
        st.session_state[PREFIX + "number"] = min(value("number"), MAX_SIDE)
    if value("starts") != "own":
        number.number_input(
            "Per side" if value("starts") == "grid" else "Per seed",
            min_value=1,
            max_value=MAX_SIDE if value("starts") == "grid" else MAX_RANDOM_STARTS,
            key=PREFIX + "number",
            help="Points along each side of the grid, or random starts of each seed.",
        )
    if value("starts") == "random":
        st.number_input(
            "Deviation",
            min_value=0.0,
            max_value=1e6,
            step=0.1,
            key=PREFIX + "scale",
            help="Standard deviation of random starts, in units of x.",
        )


def _rule_controls() -> None:
    widgets.optimizers(PREFIX, "Each is taken at its own best learning rate of the grid below.")
    rules = [key for key in RULES if key in value("rules")]
    if rules:
        if value("baseline") not in rules:
            st.session_state[PREFIX + "baseline"] = "adam" if "adam" in rules else rules[0]
        st.selectbox(
            "Measured against",
            rules,
            format_func=lambda key: STYLES[key].title,
            key=PREFIX + "baseline",
            help="Ratios of final gaps are taken to this rule's.",
        )
    st.toggle(
        "Matched control",
        key=PREFIX + "controls",
        help="Runs AdamW at lr times the mean brake beside each S-Adam run: the same average step "
        "and decay of the weights without looking, with the same budget (see Equal). Where it does "
        "as well, the smaller step was what mattered.",
    )


def _run_controls() -> None:
    st.text_input(
        "Learning rates",
        key=PREFIX + "lrs",
        help="LOW:HIGH:N, evenly spaced by factors, or numbers with commas. All rules are tried at "
        "all of them. With one only, nobody is at its own best.",
    )
    steps, cost = st.columns(2)
    steps.number_input(
        "Steps", min_value=1, max_value=MAX_STEPS, step=100, key=PREFIX + "steps",
        help=f"At most {MAX_STEPS:,}.",
    )  # fmt: skip
    cost.selectbox(
        "Equal",
        list(COSTS),
        format_func=COSTS.__getitem__,
        key=PREFIX + "cost",
        help="What every rule gets the same of. A gradient counts 2 evaluations, a probe 1: of "
        "equal evaluations a rule that probes takes fewer steps, and its matched control, which "
        "does not probe, as many as the others.",
    )
    seeds, seed = st.columns(2)
    seeds.number_input(
        "Seeds", min_value=1, max_value=MAX_SEEDS, step=1, key=PREFIX + "seeds",
        help="Of the probe directions and of random starts; the same for every rule.",
    )  # fmt: skip
    seed.number_input(
        "First seed", min_value=0, max_value=MAX_SEED, step=1, key=PREFIX + "seed",
        help="The same seed gives the same numbers everywhere.",
    )  # fmt: skip
    st.pills(
        "Schedules",
        list(SCHEDULES),
        selection_mode="multi",
        key=PREFIX + "schedules",
        help="What multiplies lr at step t of T: 1, 1/sqrt(t), or (1 + cos(pi t/T))/2. Each is "
        "compared by itself, and against the baseline under the first.",
    )


def _sadam_controls() -> None:
    with st.expander("S-Adam, weight decay, heatmaps"):
        widgets.dampings(PREFIX)
        one, two = st.columns(2)
        one.number_input(
            "Probes k", min_value=1, max_value=32, key=PREFIX + "num_probes",
            help="Random directions at each step. Authors' default: 2.",
        )  # fmt: skip
        options = sorted({*widgets.RADII, value("radius")})
        two.selectbox(
            "Radius σ",
            options,
            format_func=lambda radius: f"{radius:g}",
            key=PREFIX + "radius",
            help="How far from the point the loss is probed. Authors' default: 0.01.",
        )
        st.number_input(
            "Weight decay", min_value=0.0, max_value=10.0, step=0.01, format="%.4g",
            key=PREFIX + "weight_decay",
            help="Of AdamW and S-Adam; it pulls x towards 0. Authors' default: 0.01. With 0 AdamW "
            "is Adam, and every rule seeks the same point.",
        )  # fmt: skip
        st.caption("Heatmaps: also vary, as LOW:HIGH:N or numbers with commas.")
        for name in GRIDS:
            st.text_input(
                LABELS[name],
                key=f"{PREFIX}grid_{name}",
                placeholder={"damping": "0:8:9", "radius": "0.001:0.1:5"}.get(name, "1,2,4,8"),
                help="Tables and verdicts stay with the rule as it is above, so that nobody is "
                "tuned more than the others.",
            )
