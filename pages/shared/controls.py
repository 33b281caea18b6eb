"""The Race page's controls: what a visitor sets becomes an Experiment.

Every control lives in ``st.session_state`` under its name in :data:`DEFAULTS`, so that resetting is
writing the defaults back, and a click on the map is writing a start.
"""

from __future__ import annotations

import streamlit as st

from landscapes import CATALOGUE, Landscape
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES, Experiment
from sadam.lab.style import STYLES
from sadam.rules import RULES, MomentRule, ProxSGD, SAdam
from sadam.schedules import SCHEDULES

RATES = [float(f"{m}e{e}") for e in range(-4, 1) for m in (1, 2, 3, 5, 7)] + [10.0]
RADII = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 5)] + [1.0]
STEPS = [50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, MAX_STEPS]
FIRST = "crescent"

DEFAULTS = {
    "landscape": FIRST,
    "start_x": CATALOGUE[FIRST].start[0],
    "start_y": CATALOGUE[FIRST].start[1],
    "rules": list(PAPER_RULES),
    "lr": 0.1,
    "lr_sgd": 0.002,
    "probes": "two-sided",
    "damping_one": 2.0,
    "damping_two": 4.0,
    "num_probes": 2,
    "radius": 0.01,
    "steps": 500,
    "seed": 0,
    "schedule": "constant",
    "beta1": 0.9,
    "beta2": 0.999,
    "weight_decay": 0.01,
    "momentum": 0.9,
    "l1": 1e-4,
    "matched": False,
    "crossings": False,
}


def set_start(x: float, y: float) -> None:
    """Start every rule here from the next run on."""
    st.session_state["start_x"], st.session_state["start_y"] = round(x, 6), round(y, 6)


def _reset() -> None:
    st.session_state.update(DEFAULTS)


def _landscape_chosen() -> None:
    set_start(*CATALOGUE[st.session_state["landscape"]].start)


def sidebar() -> None:
    """Draw the controls.

    A page calls :func:`keep` and :func:`experiment`, and draws its picture first: the session's
    state holds what the controls say before they are drawn, and the browser then has the picture
    before the sixty messages of a sidebar that did not change.
    """
    with st.sidebar:
        _landscape_controls()
        _rule_controls()
        _sadam_controls()
        _run_controls()
        _advanced_controls()
        st.button(
            "Reset everything", on_click=_reset, width="stretch", icon=":material/restart_alt:"
        )


def keep() -> None:
    """Give every control its value, and hold it while the visitor is on another page.

    Streamlit forgets the values of widgets that the page on screen does not have, unless they are
    written again.
    """
    for name, value in DEFAULTS.items():
        st.session_state[name] = st.session_state.get(name, value)


def landscape_choice() -> Landscape:
    """Draw the list of landscapes, which the pages share, and return the chosen one."""
    st.selectbox(
        "Landscape",
        list(CATALOGUE),
        format_func=_describe,
        key="landscape",
        on_change=_landscape_chosen,
        help="Kinked: not differentiable somewhere. Smooth: controls on which an estimator of "
        "non-smoothness must stay silent. Stepped: as quantization makes them.",
    )
    landscape = CATALOGUE[st.session_state["landscape"]]
    st.caption(landscape.note)
    return landscape


def _landscape_controls() -> None:
    landscape_choice()
    x, y = st.columns(2)
    for column, name, axis in ((x, "start_x", "x"), (y, "start_y", "y")):
        column.number_input(
            f"Start {axis}",
            key=name,
            step=0.1,
            format="%.4g",
            help="Or click on the map.",
            min_value=-1e6,
            max_value=1e6,
        )


def _describe(key: str) -> str:
    landscape = CATALOGUE[key]
    shape = "convex" if landscape.convex else "non-convex"
    words = [shape if landscape.group == "kinked" else landscape.group]
    words += ["trap"] if landscape.traps else []
    return f"{landscape.title}: {', '.join(words)}"


def _rule_controls() -> None:
    st.pills(
        "Optimizers",
        list(RULES),
        selection_mode="multi",
        format_func=lambda key: STYLES[key].title,
        key="rules",
        help="Any number, side by side, from the same start.",
    )
    st.select_slider(
        "Learning rate",
        RATES,
        key="lr",
        help="lr of Adam, AMSGrad, AdamW and both S-Adams. The authors' default: 0.001. One value "
        "for all shows behaviour; it does not settle who is better.",
    )
    st.select_slider(
        "Learning rate of SGD and Prox-SGD",
        RATES,
        key="lr_sgd",
        help="Their steps are lr times the gradient itself, so on steep landscapes they need a "
        "smaller lr than Adam's, whose steps are about lr long.",
    )


def _sadam_controls() -> None:
    st.markdown("**S-Adam's brake**")
    st.select_slider(
        "Probe radius σ",
        RADII,
        key="radius",
        help="How far from the point the loss is probed, in units of x. Authors' default: 0.01.",
    )
    st.slider(
        "Probes k",
        1,
        32,
        key="num_probes",
        help="Random directions at each step. One-sided probes cost k extra evaluations, two-sided "
        "2k. Authors' default: 2. With k = 1 the published LGI is 0: there is no variance.",
    )
    one, two = st.columns(2)
    one.number_input(
        "λ published",
        min_value=0.0,
        max_value=100.0,
        step=0.5,
        key="damping_one",
        help="Damping of S-Adam with one-sided probes, as published: the step is multiplied by "
        "exp(-λ·LGI). Authors' default: 2. With 0 it is AdamW.",
    )
    two.number_input(
        "λ two-sided",
        min_value=0.0,
        max_value=100.0,
        step=0.5,
        key="damping_two",
        help="Damping of S-Adam with two-sided probes. Default: 4.",
    )
    st.segmented_control(
        "LGI shown along the paths",
        ["two-sided", "one-sided"],
        key="probes",
        help="Both estimators are measured along every path, also along Adam's, which does not "
        "look. One-sided is the published one: about 1 on every smooth slope.",
    )

    st.toggle(
        "Matched control",
        key="matched",
        help="Adds AdamW at lr times each S-Adam's mean brake: the same average step without "
        "looking. Where the control does as well, the smaller step was what mattered.",
    )
    st.toggle("Mark kink crossings", key="crossings", help="A tick on every step across a kink.")


def _run_controls() -> None:
    steps, seed = st.columns([3, 2])
    steps.selectbox("Steps", STEPS, key="steps", help=f"At most {MAX_STEPS:,}.")
    seed.number_input(
        "Seed",
        min_value=0,
        max_value=2**32 - 1,
        step=1,
        key="seed",
        help="Of the probe directions. The same seed gives the same numbers everywhere.",
    )
    st.selectbox(
        "Schedule",
        list(SCHEDULES),
        key="schedule",
        help="What multiplies lr at step t of T: 1, 1/sqrt(t), or (1 + cos(pi t/T))/2. "
        "Decay cures much of the chattering by itself. Authors' default: constant.",
    )


def _advanced_controls() -> None:
    with st.expander("Advanced"):
        one, two = st.columns(2)
        unit = {"min_value": 0.0, "max_value": 0.99999, "format": "%.5g"}
        one.number_input(
            "β₁",
            key="beta1",
            step=0.05,
            help="Memory of the gradient's mean. Default: 0.9.",
            **unit,
        )
        two.number_input(
            "β₂", key="beta2", step=0.01, help="Memory of its square. Default: 0.999.", **unit
        )
        one.number_input(
            "Weight decay",
            key="weight_decay",
            min_value=0.0,
            max_value=10.0,
            step=0.01,
            format="%.4g",
            help="AdamW and S-Adam pull x towards 0 by lr times this at each step; the brake does "
            "not act on it. Authors' default: 0.01.",
        )
        two.number_input(
            "Momentum",
            key="momentum",
            step=0.05,
            help="Of SGD and Prox-SGD. Default: 0.9.",
            **unit,
        )
        one.number_input(
            "l1",
            key="l1",
            min_value=0.0,
            max_value=10.0,
            step=1e-4,
            format="%.4g",
            help="Prox-SGD's l1 term. Default: 0.0001. Where the landscape knows its own proximal "
            "map, that is used instead.",
        )


def experiment() -> Experiment:
    """Build the experiment from the session's state, drawn or not, once :func:`keep` was called.

    Raises:
        SpecError: If the state describes none, such as a start that is not a number.
    """
    state = st.session_state
    chosen = [key for key in RULES if key in state["rules"]]
    return Experiment(
        landscape=state["landscape"],
        starts=((state["start_x"], state["start_y"]),),
        rules=tuple((key, _rule(key)) for key in chosen),
        steps=state["steps"],
        seed=state["seed"],
        schedule=state["schedule"],
    )


def _rule(key: str) -> MomentRule:
    state = st.session_state
    make = RULES[key]
    if key == "sgd":
        return make(lr=state["lr_sgd"], momentum=state["momentum"])
    if key == "prox-sgd":
        return ProxSGD(lr=state["lr_sgd"], momentum=state["momentum"], l1=state["l1"])
    common = {"lr": state["lr"], "betas": (state["beta1"], state["beta2"])}
    if key in ("adam", "amsgrad"):
        return make(**common)
    common["weight_decay"] = state["weight_decay"]
    if key == "adamw":
        return make(**common)
    two_sided = key == "s-adam-two-sided"
    return SAdam(
        **common,
        probes="two-sided" if two_sided else "one-sided",
        damping=state["damping_two" if two_sided else "damping_one"],
        num_probes=state["num_probes"],
        radius=state["radius"],
    )
