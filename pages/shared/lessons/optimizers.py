"""Lessons on optimizers: chattering, the matched control, schedules, Reddi's problem, networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from landscapes import CATALOGUE
from pages.shared import controls as race
from pages.shared.kept import kept
from pages.shared.lessons.links import BETAS, RATES, ROUNDS, STEPPED, VALLEYS
from pages.shared.lessons.parts import (
    RACE,
    Opens,
    choose,
    click_sets,
    draw,
    key,
    put,
    race_of,
    race_stage,
    value,
)
from sadam.lab.experiment import Experiment
from sadam.lab.figures.lessons import SCHEDULE_TITLES, online_figure, schedule_figure
from sadam.lab.lessons import under_schedules
from sadam.lab.matched import CONTROL
from sadam.lab.online import SOURCE, Online, OnlineRun, run_online, told
from sadam.lab.race import Race, results_table, with_matched_controls
from sadam.lab.rulebook import make_rules, set_hyperparameter

NETWORKS = "pages/networks.py"
STEPS = 300
VALLEY_LR = {"nonsmooth-rosenbrock": 0.03}  # elsewhere 0.1
S_ADAM = {"two-sided": "s-adam-two-sided", "one-sided": "s-adam"}


def _row(found: Race, rule: str) -> dict[str, Any]:
    table = results_table(found).set_index("rule")
    return {str(name): value for name, value in table.loc[rule].items()}


# ---------------------------------------------------------------------------- 3


def _chattering(lr: float) -> Experiment:
    start = ((value("sx"), value("sy")),)
    return Experiment("l1", start, make_rules(("adam",), lr=lr), STEPS)


def chattering() -> None:
    """Adam in the needle valley; the floor of its gap follows the learning rate."""
    st.select_slider("Learning rate", RATES, key=key("lr"))
    lr = value("lr")
    found, half = race_of(_chattering(lr)), race_of(_chattering(lr / 2))
    row, other = _row(found, "adam"), _row(half, "adam")
    race_stage(
        found,
        "chattering",
        f"With lr {lr:g} Adam's median gap over the last {found.last_steps} steps is "
        f"**{row['final_gap']:.3g}**; the gradient turned against the one before in "
        f"**{100 * row['conflict_rate']:.0f} %** of the steps. With half of it, {lr / 2:g}, that "
        f"gap is {other['final_gap']:.3g}. Click the map for another start.",
        click_sets("sx", "sy"),
    )


def chattering_answer() -> str:
    """The same race with two values of beta2 and with a smaller lr."""
    base = _chattering(0.2)
    numbers = {}
    for beta2 in (0.999, 0.9):
        rules = set_hyperparameter(base.rules, "all", "betas", (0.9, beta2))
        numbers[beta2] = _row(race_of(replace(base, rules=rules)), "adam")["final_gap"]
    return (
        "No. Adam divides by the root of the mean **square** of the gradient, which stays as large "
        "as ever at a kink, but nothing tells it how close the kink is: the length of its step is "
        "set by lr. With lr 0.2 from the start chosen, the median gap over the last 10 % of steps "
        f"is {numbers[0.999]:.3g} with β₂ = 0.999 and {numbers[0.9]:.3g} with β₂ = 0.9: on "
        "|x| + 10 |y| the size of both derivatives never changes, so every memory has the same "
        "mean square. What removes the floor is a step that shrinks: by a schedule, or by a brake "
        "that notices the kink."
    )


def chattering_opens() -> Opens:
    """The same race with the other rules beside it."""
    query = race.query_of(_chattering(value("lr")))
    query["rules"] = "adam,adamw,prox-sgd,s-adam,s-adam-two-sided"
    return Opens("Race Adam against the others from here", RACE, query)


# ---------------------------------------------------------------------------- 6


def _braked() -> tuple[Experiment, str]:
    label = S_ADAM[value("estimator")]
    rules = make_rules(("adamw", label), lr=VALLEY_LR.get(value("valley"), 0.1))
    rules = set_hyperparameter(rules, label, "damping", value("damping"))
    return Experiment(value("valley"), (), rules, STEPS), label


@kept("race with controls")
def _controlled(spec: Experiment) -> Experiment:
    return with_matched_controls(spec)


def control() -> None:
    """AdamW, an S-Adam and AdamW at lr times that S-Adam's mean brake."""
    where, which, strength = st.columns([3, 4, 3], gap="small")
    with where:
        choose("Function", "valley", VALLEYS)
    which.segmented_control("Probes", list(S_ADAM), key=key("estimator"), required=True)
    strength.slider("Damping λ", 0.0, 8.0, step=0.5, key=key("damping"))
    spec, label = _braked()
    found = race_of(_controlled(spec))
    braked, plain, matched = (_row(found, r) for r in (label, "adamw", CONTROL + label))
    gap, other = braked["final_gap"], matched["final_gap"]
    race_stage(
        found,
        "control",
        f"S-Adam's brake was on average **{braked['mean_brake']:.3f}**. Its median gap over the "
        f"last {found.last_steps} steps is **{gap:.3g}**; that of AdamW with its lr multiplied by "
        f"that number **{other:.3g}** ({_times(gap, other)}); AdamW as it was, "
        f"{plain['final_gap']:.3g}.",
    )


def _times(gap: float, other: float) -> str:
    if min(gap, other) <= 0 or max(gap, other) < 1.05 * min(gap, other):
        return "as good as the same"
    factor = max(gap, other) / min(gap, other)
    who = "the control is farther" if other > gap else "the control is nearer"
    return f"{who} by a factor of {factor:.3g}"


def control_answer() -> str:
    """What the control can and cannot show."""
    return (
        "Not by itself. It says that in that race the mean factor on the step was not the reason. "
        "One start and one learning rate may be luck, S-Adam paid for its probes (compare by "
        "evaluations), and the other rules may have a better learning rate. A claim needs each "
        "rule at its own best learning rate, many starts and seeds, and equal cost: that is what "
        "`python -m sadam compare` does."
    )


def control_opens() -> Opens:
    """The same race with its control switched on."""
    spec, _ = _braked()
    return Opens("Open this race with its control", RACE, race.query_of(spec, matched=True))


# ---------------------------------------------------------------------------- 7


def _decayed() -> Experiment:
    rules = make_rules(("adam", "s-adam-two-sided"), lr=value("decay_lr"))
    return Experiment(value("decay_on"), (), rules, STEPS)


@kept("schedules")
def _scheduled(spec: Experiment) -> dict[str, Race]:
    return under_schedules(spec)


def schedules() -> None:
    """Adam and two-sided S-Adam under three schedules."""
    where, rate = st.columns(2, gap="medium")
    with where:
        choose("Function", "decay_on", VALLEYS)
    rate.select_slider("First learning rate", RATES, key=key("decay_lr"))
    found = _scheduled(_decayed())
    draw(schedule_figure.plain(found, ("adam", "s-adam-two-sided")), "schedules", 460)
    ends = {
        rule: ", ".join(
            f"{_row(one, rule)['final_gap']:.2g} ({SCHEDULE_TITLES[name]})"
            for name, one in found.items()
        )
        for rule in ("adam", "s-adam-two-sided")
    }
    st.markdown(
        f"Median gaps over the last {found['constant'].last_steps} of {STEPS} steps: Adam "
        f"{ends['adam']}; S-Adam two-sided {ends['s-adam-two-sided']}. From the landscape's own "
        "start."
    )


def schedules_answer() -> str:
    """Both: why decay does not settle it."""
    return (
        "Often it is, and it costs nothing. Two things remain. A schedule must know when the run "
        "ends and shrinks the step everywhere, on smooth ground too; a probe-driven brake shrinks "
        "it where it measures a kink. The two can be combined, for better or for worse: the curves "
        "show both. In any comparison both should be tried: a method that only beats an undecayed "
        "Adam has beaten a baseline that nobody would use at the end of training."
    )


def schedules_opens() -> Opens:
    """The race under the cosine schedule."""
    spec = replace(_decayed(), schedule="cosine")
    return Opens("Race under the cosine schedule", RACE, race.query_of(spec))


# ---------------------------------------------------------------------------- 9


@kept("rounds")
def _online(spec: Online) -> OnlineRun:
    with st.spinner("Playing the rounds …"):
        return run_online(spec)


def reddi() -> None:
    """Adam and AMSGrad on the online problem."""
    memory, rounds = st.columns(2, gap="medium")
    memory.select_slider("β₂", BETAS, key=key("beta2"))
    rounds.select_slider("Rounds", ROUNDS, key=key("rounds"), format_func=lambda n: f"{n:,}")
    found = _online(Online(rounds=value("rounds"), beta2=value("beta2")))
    draw(online_figure.plain(found), "reddi", 430)
    st.markdown(told(found))
    st.caption(f"Source: {SOURCE}. Steps of lr 0.5/√t, β₁ = 0.9, projected onto [−1, 1].")


def reddi_answer() -> str:
    """Two memories, computed."""
    ends = {b2: _online(Online(beta2=b2)).points["adam"][-1] for b2 in (0.99, 0.999)}
    return (
        "It helps on this problem: after 100,000 rounds Adam is at "
        f"{ends[0.99]:+.3f} with β₂ = 0.99 and at {ends[0.999]:+.3f} with β₂ = 0.999, whose memory "
        "of about 1000 rounds outlasts the 101 of the period. But for every fixed β₂ (with "
        "β₁ < √β₂) there is a problem with a longer period on which Adam fails; that is the "
        "theorem of Reddi, Kale & Kumar. AMSGrad keeps the largest mean square so far, so a rare "
        "large gradient is never forgotten."
    )


def reddi_opens() -> Opens:
    """Adam against AMSGrad on a kinked valley."""
    query = race.LINK.query({"rules": ["adam", "amsgrad"], "landscape": "l1"})
    return Opens("Race Adam against AMSGrad", RACE, query)


# ---------------------------------------------------------------------------- 10


def _stepped() -> Experiment:
    rules = make_rules(("adamw", "s-adam", "s-adam-two-sided"), lr=0.1)
    rules = set_hyperparameter(rules, "all", "radius", value("step_radius"))
    return Experiment(value("step"), ((value("nx"), value("ny")),), rules, 200)


def networks() -> None:
    """A staircase, or a unit that can die, with the radius of the probes to choose."""

    def moved() -> None:
        x, y = CATALOGUE[value("step")].start
        put("nx", x)
        put("ny", y)

    where, reach = st.columns(2, gap="medium")
    where.segmented_control(
        "Picture of",
        STEPPED,
        key=key("step"),
        format_func=lambda name: CATALOGUE[name].title,
        on_change=moved,
        required=True,
    )
    reach.select_slider(
        "Probe radius σ",
        sorted({value("step_radius"), 0.001, 0.01, 0.03, 0.1, 0.25, 0.5}),
        key=key("step_radius"),
    )
    found = race_of(_stepped())
    rows = {label: _row(found, label) for label in found.rules}
    adamw = found.trajectories["adamw"]
    seen = float(adamw.lgi_two_sided.nanmean()), float(adamw.lgi_one_sided.nanmean())
    race_stage(
        found,
        "networks",
        f"Probes of length {value('step_radius'):g} see along AdamW's path an LGI of "
        f"**{seen[0]:.2f}** two-sided and **{seen[1]:.2f}** one-sided on average. Median "
        f"gaps over the last {found.last_steps} steps: "
        f"AdamW {rows['adamw']['final_gap']:.3g}, S-Adam (published) "
        f"{rows['s-adam']['final_gap']:.3g}, S-Adam two-sided "
        f"{rows['s-adam-two-sided']['final_gap']:.3g}. Click the map for another start.",
        click_sets("nx", "ny"),
    )


def networks_answer() -> str:
    """The dead unit, computed."""
    from sadam.lab.inspector import inspect

    found = inspect("relu-fit", (0.0, 1.0), radius=0.01)
    lowest = min(found.rose.forward)
    return (
        "At (0, 1) of *One ReLU unit* the incoming weight is 0 and the unit is silent for every "
        f"input. Autograd returns the gradient ({found.gradient[0]:.3g}, {found.gradient[1]:.3g}), "
        f"so every gradient method stays there; yet probes of length 0.01 find directions with "
        f"slope {lowest:.2g}. A brake cannot help: it scales a step of length 0. Probes *see* "
        "more than the gradient, but S-Adam only uses them to go slower."
    )


def networks_opens() -> Opens:
    """The page where small nets are trained."""
    return Opens("Train small nets on the Networks page", NETWORKS, {})
