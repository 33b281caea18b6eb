"""Compare: who ends closer, each rule tuned, over many starts and seeds, with intervals."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.guard import ensure_router

ensure_router()

from pages.shared import links  # noqa: E402
from pages.shared.compare import controls, files, races, session, tabs  # noqa: E402
from pages.shared.compare.cells import cells  # noqa: E402
from pages.shared.compare.matrix import ratio_cells  # noqa: E402
from pages.shared.compare.sidebar import sidebar  # noqa: E402
from pages.shared.desk import Shown  # noqa: E402
from pages.shared.share import share  # noqa: E402
from pages.shared.words import sentence  # noqa: E402
from sadam.lab.codec import SpecError  # noqa: E402
from sadam.lab.compare import report  # noqa: E402
from sadam.lab.compare.budget import cost_words, other_budget  # noqa: E402
from sadam.lab.compare.networks import is_network  # noqa: E402
from sadam.lab.compare.problems import noun_of  # noqa: E402
from sadam.lab.compare.remarks import remarks  # noqa: E402
from sadam.lab.compare.report import about, title_of  # noqa: E402
from sadam.lab.compare.results import Results  # noqa: E402
from sadam.lab.compare.spec import Compare  # noqa: E402
from sadam.lab.figures.compare import ratio_forest  # noqa: E402

REFRESH = 0.5  # seconds between two looks at a running comparison
BESIDE = 10  # landscapes at most for the ratios to stand beside the table


def header(spec: Compare | None) -> None:
    """Title and buttons."""
    words, buttons = st.columns([4, 5], vertical_alignment="bottom", gap="small")
    done, running = session.desk.spec, session.desk.running
    words.markdown(f"# {title_of(done) if done else 'Compare'}")
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if done is not None and len(done.schedules) > 1:
            _schedule_control(done)
        if running:
            st.button(
                "Stop",
                icon=":material/stop:",
                on_click=session.desk.stop,
                key="stop_comparison",
                help="What was computed is kept.",
            )
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary" if spec is not None and spec != done else "secondary",
            disabled=spec is None or (running and spec == done),
            key="start_comparison",
            help=f"Compares what the controls on the left say: {session.cost_of(spec)}"
            if spec is not None
            else None,
            on_click=session.start,
            args=(spec,),
        )
        if spec is not None:
            share(controls.LINK, spec, files.script(spec), controls.open_spec)


def _schedule_control(spec: Compare) -> None:
    if st.session_state.get("cmp_schedule") not in spec.schedules:
        st.session_state["cmp_schedule"] = spec.schedules[0]
    quiet: dict[str, Any] = {"label_visibility": "collapsed", "required": True}
    st.segmented_control("Schedule", spec.schedules, key="cmp_schedule", **quiet)


def schedule_of(seen: Shown[Results]) -> str:
    """The schedule that figures are of."""
    chosen = st.session_state.get("cmp_schedule")
    known = seen.result.spec.schedules
    return chosen if chosen in known else known[0]


def watch() -> None:
    """Progress and the answer; while a comparison runs, again and again."""
    races.go_to_race()
    if st.session_state.pop("_cmp_turned", False):
        st.rerun()  # the controls and the title, too
    seen, running = session.shown(), session.desk.running
    if not running and st.session_state.get("_cmp_watching"):
        st.session_state["_cmp_watching"] = False
        st.rerun()
    share_done, text = session.progress()
    complete = seen is not None and bool(seen.result.problems)
    if running or not complete:
        st.progress(share_done, text)
    if seen is None or not complete:
        return
    answer(seen)
    if not running:
        st.caption(f"{sentence(text)[:-1]}. {about(seen.result)}")


def answer(seen: Shown[Results]) -> None:
    """The sentence, the table of ratios, and their means in a picture."""
    results, schedule = seen.result, schedule_of(seen)
    st.markdown(seen.once("headline", lambda: report.headline_lines(results)))
    if seen.final:
        other_budget_line(results)
    if len(results.spec.lrs) < 2 or results.spec.runs < 2:
        for remark in remarks(results):
            if remark.startswith("Warning: "):
                st.warning(remark.removeprefix("Warning: "), icon=":material/warning:")
    heads, rows, lead = seen.once(("cells", schedule), lambda: ratio_cells(results, schedule))
    beside = len(results.labels) > 1 and len(results.problems) <= BESIDE
    table, picture = st.columns([7, 5], gap="large") if beside else (st.container(),) * 2
    with table:
        st.markdown(f"**Final gap against {results.style(results.spec.baseline).title}'s**")
        cells(
            heads,
            rows,
            key="compare_ratios",
            lead=lead,
            label=f"Ratios of final gaps: {results.spec.nouns} by rules",
            on_pick=lambda pick: races.open_ratio(pick, schedule),
        )
        one = noun_of(results.problems, 1)
        st.caption(
            "Blue: so many times closer to the minimum, brown: farther, grey: a tie, as the 95 % "
            f"paired bootstrap interval over {results.spec.runs} runs holds 1. Bounds point the "
            f"same way as their factor, one below 1 the other way.{_second(results)} Each rule at "
            f"its own best learning rate. {cost_words(results)} Press a cell to watch the run in "
            f"the middle{_or_training(results)}, or the name of a {one} for all rules."
        )
    if len(results.labels) > 1:
        with picture:
            figure = seen.once(("forest", schedule), lambda: ratio_forest(results, schedule))
            tabs.picture(figure, "compare_forest")


def other_budget_line(results: Results) -> None:
    """What comes of equal evaluations beside equal steps: the verdict if it is known, a button."""
    other = other_budget(results.spec)
    if other is None or len(results.spec.rules) < 2:
        return
    known, name = session.desk.known(other), f"equal {other.cost}"
    text = f"**At {name} the answer can differ.**"
    if known is not None:
        text = f"**The other way:** {report.short_answer(known)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(text, width="content" if known is None else "stretch")
        st.button(
            f"Compare at {name}",
            icon=":material/balance:",
            key="other_budget",
            on_click=start_other,
            args=(other,),
            help=f"Runs the same comparison with {other.cost} equal: {session.cost_of(other)}",
        )


def start_other(spec: Compare) -> None:
    """Put the other budget into the controls, and compare."""
    controls.turn(spec)
    session.start(spec)
    st.session_state["_cmp_turned"] = True


def _second(results: Results) -> str:
    """What the second interval of the first row is."""
    if len(results.problems) < 2:
        return ""
    nouns = noun_of(results.problems)
    return (
        f" The second interval in the first row resamples the {nouns}, too; “here”: where it holds "
        f"1, so that on other {nouns} of their kind it may be otherwise."
    )


def _or_training(results: Results) -> str:
    return ", a network's on the Networks page" if any(map(is_network, results.problems)) else ""


def below(seen: Shown[Results]) -> None:
    """What has to be said beside the answer, and the evidence."""
    said = [r for r in remarks(seen.result) if not r.startswith("Warning: ")]
    if said:
        with st.expander("What to keep in mind", icon=":material/info:"):
            st.markdown("\n".join(f"- {remark}" for remark in said))
    tabs.show(seen, schedule_of(seen))


def _by_itself(spec: Compare, moved: bool) -> bool:
    """Whether to compare without a click: at first, and what an address or a file has just said."""
    shown, running = session.desk.spec, session.desk.running
    return session.small(spec) and (shown is None or (moved and spec != shown and not running))


def page() -> None:
    """The answer first; then the controls."""
    races.go_to_race()
    moved = controls.take()
    links.show_notes()
    spec, problem = None, ""
    try:
        spec = controls.wanted()
    except SpecError as error:
        problem = sentence(error)
    if spec is not None and _by_itself(spec, moved):
        session.start(spec)
    header(spec)
    if problem:  # what is only missing yet is no error
        (st.info if problem.startswith(("Choose", "Give")) else st.error)(problem)
    if session.desk.trouble:
        st.error(session.desk.trouble)
    if spec is not None and spec != session.desk.spec:
        st.info(
            "The controls say something else than what is shown: press Start to compare it. "
            f"{session.cost_of(spec)}",
            icon=":material/play_arrow:",
        )
    st.session_state["_cmp_watching"] = session.desk.running
    st.fragment(watch, run_every=REFRESH if session.desk.running else None)()
    seen = session.shown()
    if seen is not None and seen.final and seen.result.problems:
        below(seen)
    sidebar()
    controls.LINK.give()


page()
