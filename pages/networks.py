"""Networks: small nets trained by several optimizers at once, live."""

from __future__ import annotations

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from landscapes.data.datasets import Dataset  # noqa: E402
from pages.shared.networks import controls, session, tabs  # noqa: E402
from pages.shared.networks.board import board  # noqa: E402
from pages.shared.networks.pictures import (  # noqa: E402
    Shown,
    dots_of,
    panels_of,
    tiles_of,
    title_of,
)
from pages.shared.networks.sidebar import sidebar  # noqa: E402
from pages.shared.networks.values import OWN  # noqa: E402
from pages.shared.share import share  # noqa: E402
from pages.shared.words import literal, sentence  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.training import Training  # noqa: E402
from sadam.lab.training.report import about  # noqa: E402
from sadam.lab.training.run import problem_of  # noqa: E402

NO_FILE = (
    "Your CSV does not travel in the link, which opens with other data; the command and the script "
    "read the file where they run."
)
REFRESH = 0.4  # seconds between two looks at a running training


def wanted() -> tuple[Training | None, Dataset | None, str]:
    """The training that the controls describe, its data, and what is wrong with it."""
    data = None
    try:
        chosen = controls.data_spec()
        data = controls.load_data(chosen)
        spec = controls.training(chosen)
        problem_of(spec, data)
    except SpecError as error:
        return None, data, sentence(error)
    return spec, data, ""


def _by_itself(spec: Training, moved: bool) -> bool:
    """Whether to train without a click: at first, and what another address brings, if it is quick.

    Args:
        spec: What the controls say.
        moved: Whether an address or a file has just said it.
    """
    shown, running = session.desk.spec, session.desk.running
    return shown is None or (moved and spec != shown and not running and session.small(spec))


def header(spec: Training | None, data: Dataset | None) -> None:
    """Title, switches and buttons."""
    words, buttons = st.columns([3, 5], vertical_alignment="bottom", gap="small")
    seen, trained, running = session.desk.shown(), session.desk.spec, session.desk.running
    told = "Networks"
    if running and trained is not None and data is not None and trained == spec:
        told = title_of(trained, data)
    elif seen is not None:
        told = title_of(seen.result.spec, seen.result.data)
    words.markdown(f"# {literal(told)}")
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        tabs.curve_controls()
        if running:
            st.button(
                "Stop",
                icon=":material/stop:",
                on_click=session.desk.stop,
                key="stop_training",
                help="What was computed is kept.",
            )
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary" if spec is not None and spec != trained else "secondary",
            disabled=spec is None,
            key="start_training",
            help="Trains what the controls on the left say, anew.",
            on_click=session.start,
            args=(spec, data),
        )
        if spec is not None:
            lost = spec.data.name == OWN
            script = tabs.script(spec)
            share(controls.link(), spec, script, controls.open_spec, NO_FILE if lost else "")


def watch() -> None:
    """Progress, tiles and curves; while a training runs, again and again."""
    state, seen, running = st.session_state, session.desk.shown(), session.desk.running
    ended = not running and state["_net_watching"]
    state["_net_watching"] = running
    if ended or state.pop("_net_picked", False):  # the rest of the page has something new to show
        st.rerun()
    done, text = session.progress()
    if running and seen is not None and seen.result.spec != session.desk.spec:
        text += " · until its first result the training before is shown"
    st.progress(done, text)
    if seen is None:
        return
    rule, seed = tabs.chosen(seen)
    board(
        tiles_of(seen, seed),
        panels_of(seen, st.session_state["net_curve"], st.session_state["net_cost"]),
        key="networks_board",
        dots=dots_of(seen.result),
        picked=rule,
        label=f"What each rule has learnt. {title_of(seen.result.spec, seen.result.data)}",
        on_pick=tabs.pick_rule,
    )


def show(seen: Shown) -> None:
    """Words, numbers and all other pictures of a training that has ended."""
    st.markdown(seen.said)
    st.caption(about(seen.result))
    tabs.show(seen)


def page() -> None:
    """The picture first, then the controls, then the rest."""
    moved = controls.take()
    controls.show_notes()
    spec, data, problem = wanted()
    if spec is not None and data is not None and _by_itself(spec, moved):
        session.start(spec, data)
    header(spec, data)
    if problem:  # what is only missing yet is no error
        (st.info if problem.startswith("Choose") else st.error)(problem)
    if session.desk.trouble:
        st.error(session.desk.trouble)
    if spec is not None and spec != session.desk.spec:
        st.info("The controls say something else than what is shown: press Start to train it.")
    st.session_state["_net_watching"] = session.desk.running
    st.fragment(watch, run_every=REFRESH if session.desk.running else None)()
    sidebar(data)  # before what may take seconds
    seen = session.desk.shown()
    if seen is not None and seen.final:
        show(seen)
    controls.link().give()


page()
