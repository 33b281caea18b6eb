"""The Race page's sidebar: the controls as a visitor meets them."""

from __future__ import annotations

import streamlit as st

from landscapes import CATALOGUE
from pages.shared import links, own, widgets
from pages.shared.controls import DEFAULTS, FIELDS, chosen, set_start
from pages.shared.redraw import START, redraw
from pages.shared.words import sentence
from sadam.lab.experiment import MAX_STEPS
from sadam.lab.rulebook import PLAIN
from sadam.lab.spec import MAX_SEED
from sadam.lab.style import titles_of
from sadam.rules import RULES
from sadam.schedules import SCHEDULES

RATES = [float(f"{m}e{e}") for e in range(-4, 1) for m in (1, 2, 3, 5, 7)] + [10.0]
_STEPS_BEFORE, _STEPS_ERROR, _STEPS_TOLD = "_steps_before", "_steps_error", "_steps_told"
STEPS = [50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, MAX_STEPS]


def sidebar() -> None:
    """Draw the controls.

    A page draws its picture first: the session's state holds what the controls say before they are
    drawn, and the browser then has the picture before the sixty messages of a sidebar.
    """
    with st.sidebar:
        if st.session_state["loaded"]:
            _loaded_note()
            return
        landscape_choice()
        _start()
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


def _reset() -> None:
    st.session_state.update(DEFAULTS)


def _landscape_chosen() -> None:
    set_start(*chosen().start)


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


@st.fragment(key=START)
def _start() -> None:
    x, y = st.columns(2)
    for column, name, axis in ((x, "start_x", "x"), (y, "start_y", "y")):
        st.session_state[name] = st.session_state[name]  # so that the browser hears of a click
        column.number_input(
            f"Start {axis}",
            key=name,
            on_change=redraw,
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


def _rule_controls() -> None:
    widgets.optimizers("", "Any number, side by side, from the same start.", redraw)
    st.select_slider(
        "Learning rate",
        links.with_value("lr", RATES),
        key="lr",
        on_change=redraw,
        help=f"lr of {titles_of(key for key in RULES if key not in PLAIN)}. The authors' default: "
        "0.001. One value for all shows behaviour; it does not settle who is better.",
    )
    st.select_slider(
        f"Learning rate of {titles_of(PLAIN)}",
        links.with_value("lr_sgd", RATES),
        key="lr_sgd",
        on_change=redraw,
        help="Their steps are lr times the gradient itself, so on steep landscapes they need a "
        "smaller lr than Adam's, whose steps are about lr long.",
    )


def _sadam_controls() -> None:
    st.markdown("**S-Adam's brake**")
    st.select_slider(
        "Probe radius σ",
        links.with_value("radius", widgets.RADII),
        key="radius",
        on_change=redraw,
        help="How far from the point the loss is probed, in units of x. Authors' default: 0.01.",
    )
    st.slider(
        "Probes k",
        1,
        32,
        key="num_probes",
        on_change=redraw,
        help="Random directions at each step. One-sided probes cost k extra evaluations, two-sided "
        "2k. Authors' default: 2. With k = 1 the published LGI is 0: there is no variance.",
    )
    widgets.dampings("", redraw)
    st.segmented_control(
        "LGI shown along the paths",
        ["two-sided", "one-sided"],
        key="probes",
        on_change=redraw,
        help="Both estimators are measured along every path, also along Adam's, which does not "
        "look. One-sided is the published one: about 1 on every smooth slope.",
    )

    st.toggle(
        "Matched control",
        key="matched",
        on_change=redraw,
        help="Adds AdamW at lr times each S-Adam's mean brake: the same average step and "
        "decay of the weights without looking. Where the control does as well, the smaller step "
        "was what mattered.",
    )
    st.toggle(
        "Mark kink crossings",
        key="crossings",
        on_change=redraw,
        help="A tick on every step across a kink.",
    )


def _steps_changed() -> None:
    """Take the number of steps that was chosen, or typed: then it comes as a text."""
    state = st.session_state
    typed = state["steps"]
    if not isinstance(typed, str):
        return None if state[_STEPS_TOLD] else redraw()  # what was told must go
    try:
        state["steps"] = FIELDS["steps"](typed.replace(",", "").replace(" ", ""))
    except ValueError as error:
        state["steps"] = state[_STEPS_BEFORE]
        state[_STEPS_ERROR] = f"Steps {error}: {typed[:20]!r} is none"
    return None  # the whole page: the box has an option more


def _run_controls() -> None:
    state = st.session_state
    state[_STEPS_BEFORE] = state["steps"]
    steps, seed = st.columns([3, 2])
    steps.selectbox(
        "Steps",
        links.with_value("steps", STEPS),
        key="steps",
        on_change=_steps_changed,
        accept_new_options=True,
        help=f"Any whole number up to {MAX_STEPS:,}: choose one or type it.",
    )
    error = state.pop(_STEPS_ERROR, None)
    state[_STEPS_TOLD] = error is not None
    if error:
        st.error(sentence(error))
    seed.number_input(
        "Seed",
        min_value=0,
        max_value=MAX_SEED,
        step=1,
        key="seed",
        on_change=redraw,
        help="Of the probe directions. The same seed gives the same numbers everywhere.",
    )
    widgets.schedule("", list(SCHEDULES), redraw)


def _advanced_controls() -> None:
    with st.expander("Advanced"):
        widgets.memories("", redraw)
        st.number_input(
            "l1",
            key="l1",
            on_change=redraw,
            min_value=0.0,
            max_value=10.0,
            step=1e-4,
            format="%.4g",
            help="Prox-SGD's l1 term. Default: 0.0001. Where the landscape knows its own proximal "
            "map, that is used instead.",
        )
