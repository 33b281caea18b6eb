"""Controls that several pages have: what a rule is told, with the same words everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared import links
from sadam.lab.rulebook import hyperparameters
from sadam.lab.style import STYLES, titles_of
from sadam.rules import RULES, SGD, SAdam

RADII = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 2, 5)] + [1.0]  # of probes
UNIT = 0.99999  # the largest beta or momentum that a control takes
RULE_FIELDS: dict[str, links.Read] = {  # how a link reads what rules are told, on every page
    "damping_one": links.number(0, 100),
    "damping_two": links.number(0, 100),
    "num_probes": links.number(1, 32, whole=True),
    "radius": links.number(1e-8, 1e3),
    "beta1": links.number(0, UNIT),
    "beta2": links.number(0, UNIT),
    "weight_decay": links.number(0, 10),
    "momentum": links.number(0, UNIT),
}
_SADAM = SAdam()
RULE_DEFAULTS: dict[str, Any] = {  # and what pages begin with: what the rules have by themselves
    "damping_one": _SADAM.damping,
    "damping_two": SAdam(probes="two-sided").damping,
    "num_probes": _SADAM.num_probes,
    "radius": _SADAM.radius,
    "beta1": _SADAM.betas[0],
    "beta2": _SADAM.betas[1],
    "weight_decay": _SADAM.weight_decay,
    "momentum": SGD().momentum,
}

Changed = Callable[[], None]


def optimizers(prefix: str, told: str, changed: Changed | None = None) -> None:
    """Which rules there are.

    Args:
        prefix: What the page's keys begin with.
        told: The help text.
        changed: Called when the visitor has changed it.
    """
    st.pills(
        "Optimizers",
        list(RULES),
        selection_mode="multi",
        format_func=lambda key: STYLES[key].title,
        key=f"{prefix}rules",
        on_change=changed,
        help=told,
    )


def dampings(prefix: str, changed: Changed | None = None) -> None:
    """S-Adam's damping, published and two-sided, side by side."""
    for column, kind, told in zip(
        st.columns(2),
        ("one", "two"),
        (
            "Damping of S-Adam with one-sided probes, as published: the step is multiplied by "
            "exp(-λ·LGI). Authors' default: 2. With 0 it is AdamW.",
            "Damping of S-Adam with two-sided probes. Default: 4.",
        ),
        strict=True,
    ):
        column.number_input(
            "λ published" if kind == "one" else "λ two-sided",
            min_value=0.0,
            max_value=100.0,
            step=0.5,
            key=f"{prefix}damping_{kind}",
            on_change=changed,
            help=told,
        )


def memories(prefix: str, changed: Changed | None = None) -> None:
    """Both betas, weight decay and momentum."""
    one, two = st.columns(2)
    for column, label, name, step, told in (
        (one, "β₁", "beta1", 0.05, "Memory of the gradient's mean. Default: 0.9."),
        (two, "β₂", "beta2", 0.01, "Memory of its square. Default: 0.999."),
        (two, "Momentum", "momentum", 0.05, f"Of {_with('momentum')}. Default: 0.9."),
    ):
        column.number_input(
            label,
            min_value=0.0,
            max_value=UNIT,
            step=step,
            format="%.5g",
            key=prefix + name,
            on_change=changed,
            help=told,
        )
    one.number_input(
        "Weight decay",
        min_value=0.0,
        max_value=10.0,
        step=0.01,
        format="%.4g",
        key=f"{prefix}weight_decay",
        on_change=changed,
        help=f"{_with('weight_decay')} pull x towards 0 by lr times this at each step; the brake "
        "does not act on it. Authors' default: 0.01.",
    )


def _with(name: str) -> str:
    """The rules that have a hyperparameter."""
    return titles_of(key for key in RULES if name in hyperparameters(key))


def schedule(prefix: str, schedules: list[str], changed: Changed | None = None) -> None:
    """What lr is multiplied by."""
    st.selectbox(
        "Schedule",
        schedules,
        key=f"{prefix}schedule",
        on_change=changed,
        help="What multiplies lr at step t of T: 1, 1/sqrt(t), or (1 + cos(pi t/T))/2. "
        "Decay cures much of the chattering by itself. Authors' default: constant.",
    )
