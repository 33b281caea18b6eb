"""The Race page's controls: what a visitor sets becomes an Experiment.

Every control lives in ``st.session_state`` under its name in :data:`DEFAULTS`, so that resetting is
writing the defaults back, and a click on the map is writing a start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from landscapes import CATALOGUE, Landscape, is_own
from pages.shared import links, own
from sadam.lab.codec import SpecError
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES, Experiment
from sadam.lab.spec import MAX_SEED, Spec
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
    "view": "Map",
    "frame": "Window",
    "cost": "Steps",
    "loaded": "",
    **own.DEFAULTS,
}
VIEWS, FRAMES, COSTS = ["Map", "Surface"], ["Window", "Paths", "Tail"], ["Steps", "Evaluations"]
UNIT = 0.99999  # the largest beta or momentum that a control takes
FIELDS: dict[str, links.Read] = {  # how a link is read
    "landscape": links.choice([own.OWN, *CATALOGUE]),
    "start_x": links.number(-1e6, 1e6),
    "start_y": links.number(-1e6, 1e6),
    "rules": links.many(list(RULES)),
    "lr": links.number(1e-8, 1e3),
    "lr_sgd": links.number(1e-8, 1e3),
    "probes": links.choice(["two-sided", "one-sided"]),
    "damping_one": links.number(0, 100),
    "damping_two": links.number(0, 100),
    "num_probes": links.number(1, 32, whole=True),
    "radius": links.number(1e-8, 1e3),
    "steps": links.number(1, MAX_STEPS, whole=True),
    "seed": links.number(0, MAX_SEED, whole=True),
    "schedule": links.choice(list(SCHEDULES)),
    "beta1": links.number(0, UNIT),
    "beta2": links.number(0, UNIT),
    "weight_decay": links.number(0, 10),
    "momentum": links.number(0, UNIT),
    "l1": links.number(0, 10),
    "matched": links.flag,
    "crossings": links.flag,
    "view": links.choice(VIEWS),
    "frame": links.choice(FRAMES),
    "cost": links.choice(COSTS),
    "loaded": links.packed,
    "own_text": links.words,
    "own_window": links.words,
    "own_values": links.values,
}
LINK = links.Link("race", FIELDS, DEFAULTS, own.idle)
_PLAIN = ("sgd", "prox-sgd")  # rules whose steps are lr times the gradient
_SAID_BY = (  # control, hyperparameter, rules that take it from there
    ("lr", "lr", [key for key in RULES if key not in _PLAIN]),
    ("lr_sgd", "lr", _PLAIN),
    ("damping_one", "damping", ["s-adam"]),
    ("damping_two", "damping", ["s-adam-two-sided"]),
    *((name, name, RULES) for name in ("num_probes", "radius", "weight_decay", "momentum", "l1")),
)


def set_start(x: float, y: float) -> None:
    """Start every rule here from the next run on."""
    state = st.session_state
    x, y = round(x, 6), round(y, 6)
    if state.get("loaded"):
        spec = replace(Experiment.from_json(state["loaded"]), starts=((x, y),))
        state["loaded"] = spec.to_json()
    state["start_x"], state["start_y"] = x, y


def open_spec(spec: Spec) -> None:
    """Bring the controls in line with a spec; what they cannot say is held beside them.

    Raises:
        SpecError: If it is not the spec of a race.
    """
    if not isinstance(spec, Experiment):
        raise SpecError(f"this is a spec of kind {spec.kind!r}; this page opens races")
    state = st.session_state
    state.update({**DEFAULTS, **_values_of(spec)})
    try:
        same = experiment() == spec
    except SpecError:
        same = False
    state["loaded"] = "" if same else spec.to_json()


def query_of(spec: Experiment, **more: Any) -> dict[str, str]:
    """The query of an address at which this page opens a race, and more of its controls."""
    values = _values_of(spec)
    if len(spec.starts) > 1 or not set(dict(spec.rules)) <= set(RULES):
        values = {"loaded": spec.to_json()}  # no control says it
    return LINK.query({**values, **more})


def _values_of(spec: Experiment) -> dict[str, Any]:
    """What the controls would say of a race, as far as they can."""
    values: dict[str, Any] = {
        "steps": spec.steps,
        "seed": spec.seed,
        "schedule": spec.schedule,
        "rules": [label for label, _ in spec.rules if label in RULES],
        "start_x": spec.starts[0][0],
        "start_y": spec.starts[0][1],
    }
    if is_own(spec.landscape):
        values |= {"landscape": own.OWN, **own.values_of(spec.landscape)}
    else:
        values["landscape"] = spec.landscape
    for label, rule in spec.rules:
        for control, name, labels in _SAID_BY:
            if label in labels and hasattr(rule, name):
                values[control] = getattr(rule, name)
        if hasattr(rule, "betas"):
            values["beta1"], values["beta2"] = rule.betas
    return values


def _reset() -> None:
    st.session_state.update(DEFAULTS)


def _landscape_chosen() -> None:
    set_start(*chosen().start)


def chosen() -> Landscape:
    """The landscape that the controls say."""
    key = st.session_state["landscape"]
    return own.own_function() if key == own.OWN else CATALOGUE[key]


def sidebar() -> None:
    """Draw the controls.

    A page calls :func:`keep` and :func:`experiment`, and draws its picture first: the session's
    state holds what the controls say before they are drawn, and the browser then has the picture
    before the sixty messages of a sidebar that did not change.
    """
    with st.sidebar:
        if st.session_state["loaded"]:
            _loaded_note()
            return
        _landscape_controls()
        _rule_controls()
        _sadam_controls()
        _run_controls()
        _advanced_controls()
        st.button(
            "Reset everything", on_click=_reset, width="stretch", icon=":material/restart_alt:"
        )


def _loaded_note() -> None:
    st.info(
        "This race comes from a file or a link. Its rules differ in ways that the controls here "
        "cannot say, so they are shown as they came.",
        icon=":material/description:",
    )
    st.button(
        "Use the controls",
        on_click=lambda: st.session_state.update(loaded=""),
        width="stretch",
        help="What the controls can say of this race is kept; the rest goes back to the defaults.",
    )


def keep() -> None:
    """Give every control its value, and hold it while the visitor is on another page.

    Streamlit forgets the values of widgets that the page on screen does not have, unless they are
    written again.
    """
    for name, value in DEFAULTS.items():
        st.session_state[name] = st.session_state.get(name, value)


def landscape_choice() -> None:
    """Draw the list of landscapes, which the pages share, and a box for one's own."""
    st.selectbox(
        "Landscape",
        [own.OWN, *CATALOGUE],
        format_func=_describe,
        key="landscape",
        on_change=_landscape_chosen,
        help="Kinked: not differentiable somewhere. Smooth: controls on which an estimator of "
        "non-smoothness must stay silent. Stepped: as quantization makes them.",
    )
    if st.session_state["landscape"] == own.OWN:
        own.box(set_start)
    else:
        st.caption(CATALOGUE[st.session_state["landscape"]].note)


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
    if key == own.OWN:
        return "Your own function"
    landscape = CATALOGUE[key]
    shape = "convex" if landscape.convex else "non-convex"
    words = [shape if landscape.group == "kinked" else landscape.group]
    words += ["trap"] if landscape.traps else []
    return f"{landscape.title}: {', '.join(words)}"


def with_value(name: str, options: list) -> list:
    """The options of a control, and its value if a link or a file has brought another."""
    value = st.session_state[name]
    return options if value in options else sorted([*options, value])


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
        with_value("lr", RATES),
        key="lr",
        help="lr of Adam, AMSGrad, AdamW and both S-Adams. The authors' default: 0.001. One value "
        "for all shows behaviour; it does not settle who is better.",
    )
    st.select_slider(
        "Learning rate of SGD and Prox-SGD",
        with_value("lr_sgd", RATES),
        key="lr_sgd",
        help="Their steps are lr times the gradient itself, so on steep landscapes they need a "
        "smaller lr than Adam's, whose steps are about lr long.",
    )


def _sadam_controls() -> None:
    st.markdown("**S-Adam's brake**")
    st.select_slider(
        "Probe radius σ",
        with_value("radius", RADII),
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
    steps.selectbox(
        "Steps", with_value("steps", STEPS), key="steps", help=f"At most {MAX_STEPS:,}."
    )
    seed.number_input(
        "Seed",
        min_value=0,
        max_value=MAX_SEED,
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
        unit = {"min_value": 0.0, "max_value": UNIT, "format": "%.5g"}
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
    if state["loaded"]:
        return Experiment.from_json(state["loaded"])
    rules = [key for key in RULES if key in state["rules"]]
    return Experiment(
        landscape=chosen().name,
        starts=((state["start_x"], state["start_y"]),),
        rules=tuple((key, _rule(key)) for key in rules),
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
