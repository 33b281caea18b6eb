"""The Compare page's controls: what a visitor sets becomes the spec of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import streamlit as st

from pages.shared import links
from pages.shared.widgets import RULE_DEFAULTS, RULE_FIELDS
from sadam.lab.codec import SpecError
from sadam.lab.compare.grids import Axis, linear_grid, log_grid, numbers_from_text
from sadam.lab.compare.networks import READY
from sadam.lab.compare.problems import (
    MAX_RANDOM_STARTS,
    Starts,
    problems_of,
)
from sadam.lab.compare.spec import MAX_SEEDS, Compare
from sadam.lab.compare.suites import SUITES
from sadam.lab.experiment import MAX_STEPS
from sadam.lab.rulebook import make_rules
from sadam.lab.spec import MAX_SEED, Spec
from sadam.rules import RULES, MomentRule
from sadam.schedules import SCHEDULES

PREFIX = "cmp_"  # of this page's keys; app.py holds their values while other pages are shown
_OPENED = "_cmp_opened"
SIX = ("nonsmooth-rosenbrock", "l1", "cb2", "mifflin1", "wolfe", "chebyshev-n2")
STARTS = {
    "grid": "Grid",
    "random": "Random",
    "own": "Own",
}
COSTS = {"steps": "Steps", "evaluations": "Evaluations"}
GRIDS: dict[str, Callable[[float, float, int], tuple[float, ...]]] = {
    "damping": linear_grid,
    "radius": log_grid,
    "num_probes": linear_grid,
}
LABELS = {"damping": "Damping λ", "radius": "Probe radius σ", "num_probes": "Probes k"}

TABS = (
    "Learning rates",
    "Win, tie, loss",
    "Cost",
    "Where runs end",
    "Heatmaps",
    "Table",
    "Report, data, code",
)
RULED = ("damping_one", "damping_two", "num_probes", "radius", "weight_decay")
DEFAULTS: dict[str, Any] = {
    "landscapes": list(SIX),
    "rules": ["adam", "adamw", "s-adam", "s-adam-two-sided"],
    "baseline": "adam",
    "controls": True,
    "lrs": "0.003:1:8",
    "schedules": ["constant"],
    "starts": "grid",
    "number": 8,
    "scale": 0.3,
    "seeds": 1,
    "seed": 0,
    "steps": 200,
    "cost": "steps",
    **{name: RULE_DEFAULTS[name] for name in RULED},
    "grid_damping": "",
    "grid_radius": "",
    "grid_num_probes": "",
    "loaded": "",
    "tab": TABS[0],
}

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "First look": ("Six landscapes with kinks, 64 starts each: a second or two.", {}),
    "Convex with kinks": (
        "Every convex landscape with kinks from random starts, 16 seeds.",
        {
            "landscapes": ["convex+kinked"],
            "starts": "random",
            "number": 1,
            "seeds": 16,
            "lrs": "0.001:1:16",
            "steps": 500,
        },
    ),
    "Traps and basins": (
        "Landscapes with traps from 64 × 64 starts: who is caught where?",
        {
            "landscapes": ["trap"],
            "number": 64,
            "steps": 300,
            "lrs": "0.01,0.03,0.1",
            "tab": "Where runs end",
        },
    ),
    "lr × damping": (
        "Two-sided S-Adam on one landscape over 24 learning rates × 24 dampings, 16 seeds.",
        {
            "landscapes": ["cb2"],
            "rules": ["adam", "s-adam-two-sided"],
            "starts": "random",
            "number": 1,
            "seeds": 16,
            "lrs": "0.001:1:24",
            "steps": 300,
            "grid_damping": "0:11.5:24",
            "tab": "Heatmaps",
        },
    ),
    "Small networks": (
        "Two moons, in full precision and with weights of 2 bits, from 8 seeds.",
        {
            "landscapes": [*READY[:2]],
            "starts": "own",
            "seeds": 8,
            "lrs": "0.003,0.01,0.03,0.1",
            "steps": 200,
        },
    ),
    **{f"Suite: {name}": (suite.about, {"loaded": name}) for name, suite in SUITES.items()},
}


def landscape_names(text: str) -> list[str]:
    """Read keys, tags, functions and networks of a link, with commas between them."""
    found, depth = [""], 0
    for letter, after in zip_longest(text, text[1:], fillvalue=""):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        # not those of max(x, y), nor of a network's hidden = 16,16
        if letter == "," and depth == 0 and not after.isdigit():
            found.append("")
        else:
            found[-1] += letter
    found = [part.strip() for part in found if part.strip()]
    try:
        problems_of(found)
    except SpecError as error:
        raise ValueError(f"cannot be read ({error})") from None
    return list(dict.fromkeys(found))


FIELDS: dict[str, links.Read] = {
    PREFIX + name: read
    for name, read in {
        "landscapes": landscape_names,
        "rules": links.many(list(RULES)),
        "baseline": links.choice(list(RULES)),
        "controls": links.flag,
        "lrs": links.words,
        "schedules": links.many(list(SCHEDULES)),
        "starts": links.choice(list(STARTS)),
        "number": links.number(1, MAX_RANDOM_STARTS, whole=True),
        "scale": links.number(0, 1e6),
        "seeds": links.number(1, MAX_SEEDS, whole=True),
        "seed": links.number(0, MAX_SEED, whole=True),
        "steps": links.number(1, MAX_STEPS, whole=True),
        "cost": links.choice(list(COSTS)),
        **{name: RULE_FIELDS[name] for name in RULED},
        "grid_damping": links.words,
        "grid_radius": links.words,
        "grid_num_probes": links.words,
        "loaded": links.packed,
        "tab": links.choice(TABS),
    }.items()
}


def value(name: str) -> Any:
    """What a control says, drawn or not."""
    return st.session_state[PREFIX + name]


def _idle(name: str) -> bool:
    """Whether a control means nothing as things are."""
    name = name.removeprefix(PREFIX)
    if value("loaded"):
        return name not in ("loaded", "tab")
    return {"number": value("starts") == "own", "scale": value("starts") != "random"}.get(
        name, False
    )


LINK = links.Link("compare", FIELDS, {PREFIX + k: v for k, v in DEFAULTS.items()}, _idle)


def keep() -> None:
    """Give every control its value."""
    for name, default in DEFAULTS.items():
        st.session_state.setdefault(PREFIX + name, default)


def put(**values: Any) -> None:
    """Set controls; those not named go back to what they were as the page opened."""
    for name, default in DEFAULTS.items():
        st.session_state[PREFIX + name] = values.get(name, default)


def wanted() -> Compare:
    """Build the comparison that the controls describe, drawn or not.

    Raises:
        SpecError: If they describe none; one sentence says why.
    """
    if loaded := value("loaded"):
        return Compare.from_json(loaded)
    if not value("landscapes"):
        raise SpecError(
            "choose at least one landscape, a kind of landscapes, or a network, on the left"
        )
    if not value("rules"):
        raise SpecError("choose at least one optimizer on the left")
    if not value("schedules"):
        raise SpecError("choose at least one schedule on the left")
    if not value("lrs").strip():
        raise SpecError("give at least one learning rate, such as 0.01, or LOW:HIGH:N for a grid")
    rules = [key for key in RULES if key in value("rules")]
    kind = value("starts")
    axes = [
        Axis(name, numbers_from_text(text, name, make))
        for name, make in GRIDS.items()
        if (text := value(f"grid_{name}").strip())
    ]
    return Compare(
        problems=problems_of(value("landscapes")),
        rules=tuple((key, _rule(key, rule)) for key, rule in make_rules(rules)),
        lrs=numbers_from_text(value("lrs").strip(), "lr", log_grid),
        schedules=tuple(key for key in SCHEDULES if key in value("schedules")),
        axes=tuple(axes),
        starts=Starts(kind, 1 if kind == "own" else value("number"), value("scale")),
        seeds=value("seeds"),
        seed=value("seed"),
        steps=value("steps"),
        cost=value("cost"),
        controls=value("controls"),
        baseline=value("baseline") if value("baseline") in rules else "",
    )


def _rule(key: str, rule: MomentRule) -> MomentRule:
    changes: dict[str, Any] = {}
    if hasattr(rule, "weight_decay"):
        changes["weight_decay"] = value("weight_decay")
    if key.startswith("s-adam"):
        changes["damping"] = value("damping_two" if key.endswith("two-sided") else "damping_one")
        changes["num_probes"] = value("num_probes")
        changes["radius"] = value("radius")
    return replace(rule, **changes)  # type: ignore[type-var]


def take() -> bool:
    """Bring the controls in line with the address.

    Returns:
        Whether it, or a spec that was opened, has just said what to compare.
    """
    read = LINK.take()
    keep()
    return bool(st.session_state.pop(_OPENED, False) or read)


def open_spec(spec: Spec) -> None:
    """Show what a spec says, in the controls as far as they can say it.

    Raises:
        SpecError: If it is not the spec of a comparison.
    """
    if not isinstance(spec, Compare):
        raise SpecError(f"this is a spec of kind {spec.kind!r}; this page opens comparisons")
    tab = value("tab")  # a file says nothing of it
    _say(spec)
    st.session_state[PREFIX + "tab"] = tab
    st.session_state[_OPENED] = True


def turn(spec: Compare) -> None:
    """Show a spec that differs in what is equal: in that control alone where it says all."""
    st.session_state[PREFIX + "cost"] = spec.cost
    try:
        same = wanted() == spec
    except SpecError:
        same = False
    if not same:
        open_spec(spec)


def _say(spec: Compare) -> None:
    put(**_values_of(spec))
    try:
        same = wanted() == spec
    except SpecError:
        same = False
    if not same:
        st.session_state[PREFIX + "loaded"] = spec.to_json()


def _values_of(spec: Compare) -> dict[str, Any]:
    """What the controls would say of a comparison, as far as they can."""
    found: dict[str, Any] = {
        "landscapes": [problem.landscape for problem in spec.problems],
        "rules": [label for label, _ in spec.rules if label in RULES],
        "baseline": spec.baseline if spec.baseline in RULES else DEFAULTS["baseline"],
        "controls": spec.controls,
        "lrs": ",".join(f"{lr!r}" for lr in spec.lrs),
        "schedules": list(spec.schedules),
        "starts": spec.starts.kind,
        "number": spec.starts.number,
        "scale": spec.starts.scale,
        "seeds": spec.seeds,
        "seed": spec.seed,
        "steps": spec.steps,
        "cost": spec.cost,
    }
    for axis in spec.axes:
        found[f"grid_{axis.name}"] = ",".join(f"{v:g}" for v in axis.values)
    for label, rule in spec.rules:
        for name in ("weight_decay", "num_probes", "radius"):
            if hasattr(rule, name):
                found[name] = getattr(rule, name)
        if hasattr(rule, "damping"):
            found["damping_two" if label.endswith("two-sided") else "damping_one"] = rule.damping
    return {name: v for name, v in found.items() if name in DEFAULTS}


def choose(preset: str) -> None:
    """Put a preset's values into the controls."""
    values = PRESETS[preset][1]
    if name := values.get("loaded"):
        _say(SUITES[name].spec())
    else:
        put(**values)


def use_controls(spec: Compare) -> None:
    """Keep of a spec what the controls can say."""
    put(**_values_of(spec))
