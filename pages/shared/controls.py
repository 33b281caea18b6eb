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
from pages.shared.widgets import RULE_DEFAULTS, RULE_FIELDS
from sadam.lab.codec import SpecError
from sadam.lab.experiment import MAX_STEPS, PAPER_RULES, Experiment
from sadam.lab.rulebook import PLAIN, build_rule, hyperparameters
from sadam.lab.spec import MAX_SEED, Spec
from sadam.rules import RULES, MomentRule, ProxSGD
from sadam.schedules import SCHEDULES

FIRST = "crescent"

DEFAULTS = {
    "landscape": FIRST,
    "start_x": CATALOGUE[FIRST].start[0],
    "start_y": CATALOGUE[FIRST].start[1],
    "rules": list(PAPER_RULES),
    "lr": 0.1,
    "lr_sgd": 0.002,
    "probes": "two-sided",
    **RULE_DEFAULTS,
    "l1": ProxSGD().l1,
    "steps": 500,
    "seed": 0,
    "schedule": "constant",
    "matched": False,
    "crossings": False,
    "view": "Map",
    "frame": "Window",
    "cost": "Steps",
    "loaded": "",
    **own.DEFAULTS,
}
VIEWS, FRAMES, COSTS = ["Map", "Surface"], ["Window", "Paths", "Tail"], ["Steps", "Evaluations"]
FIELDS: dict[str, links.Read] = {  # how a link is read
    "landscape": links.choice([own.OWN, *CATALOGUE]),
    "start_x": links.number(-1e6, 1e6),
    "start_y": links.number(-1e6, 1e6),
    "rules": links.many(list(RULES)),
    "lr": links.number(1e-8, 1e3),
    "lr_sgd": links.number(1e-8, 1e3),
    "probes": links.choice(["two-sided", "one-sided"]),
    **RULE_FIELDS,
    "l1": links.number(0, 10),
    "steps": links.number(1, MAX_STEPS, whole=True),
    "seed": links.number(0, MAX_SEED, whole=True),
    "schedule": links.choice(list(SCHEDULES)),
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
_SAID_BY = (  # control, hyperparameter, rules that take it from there
    ("lr", "lr", [key for key in RULES if key not in PLAIN]),
    ("lr_sgd", "lr", PLAIN),
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


def chosen() -> Landscape:
    """The landscape that the controls say."""
    key = st.session_state["landscape"]
    return own.own_function() if key == own.OWN else CATALOGUE[key]


def keep() -> None:
    """Give every control its value; :func:`pages.shared.links.hold` does while others are shown."""
    for name, value in DEFAULTS.items():
        st.session_state[name] = st.session_state.get(name, value)


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
    state, types = st.session_state, hyperparameters(key)
    values = {
        name: state[control] for control, name, rules in _SAID_BY if key in rules and name in types
    }
    if "betas" in types:
        values["betas"] = (state["beta1"], state["beta2"])
    return build_rule(key, key, values)
