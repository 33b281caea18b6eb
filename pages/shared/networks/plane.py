"""The loss on a plane through parameter space, with every rule's path, and the LGI there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.shared.charts import chart
from pages.shared.networks.pictures import Shown
from sadam.lab.figures.training_maps import loss_plane_lgi, loss_plane_map
from sadam.lab.style import style_of
from sadam.lab.training.plane import LossPlane, loss_plane

KINDS = {
    "pca": "Through all paths (PCA)",
    "random": "Random directions",
    "line": "Line between two minima",
}
PROBES = {"Whole space": False, "Plane": True}
ESTIMATORS = ["two-sided", "one-sided"]


def show(seen: Shown) -> None:
    """Draw the tab.

    Raises:
        SpecError: If there is no such plane.
    """
    view = _chosen(seen)
    st.markdown(_errors(seen, view))
    estimator, probes = _lgi_controls()
    left, right = st.columns(2, gap="medium")
    key = view.about, view.seed, estimator, probes
    title = f"Training loss on {view.examples} examples"
    loss = loss_plane_map.plain(seen.result, view)
    chart(loss, left, height=600, key="networks_plane", title=title)
    figure = seen.once(
        ("lgi", *key),
        lambda: loss_plane_lgi.plain(seen.result, view, estimator, PROBES[probes]),
    )
    title = f"{estimator.capitalize()} LGI, probes in the {probes.lower()}"
    chart(figure, right, height=480, key="networks_plane_lgi", title=title, legend=False)
    st.caption(
        f"Loss on {view.examples} training examples with true labels. {view.note} LGI: 8 probes at "
        "each point, the same everywhere; in the whole space they leave the plane as an "
        "optimizer's do, in the plane they see what the picture shows."
    )


def _chosen(seen: Shown) -> LossPlane:
    result, state = seen.result, st.session_state
    kind, seed = st.columns([6, 1], vertical_alignment="bottom", gap="small")
    kind.segmented_control(
        "Plane",
        list(KINDS),
        format_func=KINDS.__getitem__,
        key="net_plane_kind",
        required=True,
        help="PCA: the plane with the least squared distance from all paths' points. Random: two "
        "filter-normalised directions from the end of one rule (Li et al. 2018). Line: through the "
        "ends of two rules and their common start.",
    )
    chosen = state["net_plane_kind"]
    ends: tuple[str, str] | None = None
    if chosen != "pca":
        first, second = st.columns(2)
        rules = list(reversed(seen.rules))

        def title(label: str) -> str:
            return style_of(label, result.rules[label]).title

        _offer("net_plane_first", rules)
        one = first.selectbox("From the end of", rules, format_func=title, key="net_plane_first")
        other = one
        if chosen == "line" and len(rules) > 1:
            others = [label for label in rules if label != one]
            _offer("net_plane_second", others)
            other = second.selectbox(
                "To the end of", others, format_func=title, key="net_plane_second"
            )
        ends = (one, other)
    _offer("net_plane_seed", range(result.spec.seeds))
    place = seed.selectbox(
        "Seed",
        range(result.spec.seeds),
        format_func=lambda i: str(result.spec.seed_numbers[i]),
        key="net_plane_seed",
    )
    with st.spinner("Evaluating the loss on the plane …", show_time=False):
        return seen.once(
            ("plane", chosen, place, ends),
            lambda: loss_plane(result, chosen, seed=place, ends=ends),
        )


def _offer(name: str, options: Sequence[Any]) -> None:
    """Let go of a choice that is no longer offered."""
    if st.session_state.get(name) not in options:
        st.session_state[name] = options[0]


def _errors(seen: Shown, view: LossPlane) -> str:
    """How far the paths' ends are from the plane, in words."""
    ends = {label: float(errors[-1]) for label, errors in view.errors.items()}
    words = ", ".join(
        f"{style_of(label, seen.result.rules[label]).title} {100 * error:.0f} %"
        for label, error in ends.items()
    )
    about = f"{view.about[0].upper()}{view.about[1:]}"
    worst = max(ends.values())
    trust = (
        "The paths lie nearly in the plane."
        if worst < 0.1
        else "What looks near here can be far apart: a path's true loss is not the one drawn under "
        "it."
    )
    return (
        f"{about}. Relative projection error of the ends (distance from the plane over distance "
        f"from its origin): {words}. {trust}"
    )


def _lgi_controls() -> tuple[str, str]:
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        estimator = st.segmented_control(
            "LGI",
            ESTIMATORS,
            key="net_plane_estimator",
            required=True,
            label_visibility="collapsed",
        )
        probes = st.segmented_control(
            "Probes",
            list(PROBES),
            key="net_plane_probes",
            required=True,
            label_visibility="collapsed",
        )
    return str(estimator), str(probes)
