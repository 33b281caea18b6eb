"""Below the Compare page's answer: the evidence, a tab each, with words under every figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from landscapes import get
from pages.shared.charts import chart
from pages.shared.compare import files, races
from pages.shared.compare.cells import cells
from pages.shared.compare.controls import PREFIX, TABS
from pages.shared.compare.matrix import pair_cells, verdict_cells
from pages.shared.compare.races import PARTED
from pages.shared.desk import Shown
from sadam.lab.compare import tables
from sadam.lab.compare.budget import cost_words
from sadam.lab.compare.networks import is_network
from sadam.lab.compare.problems import noun_of, title_of_problem
from sadam.lab.compare.report import readable_table
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import half_by
from sadam.lab.compare.tables import Count
from sadam.lab.figures import compare as figures
from sadam.lab.figures import compare_maps

COUNTS: dict[str, Count] = {"Evaluations": "evaluations", "Steps": "steps"}


def picture(
    figure: go.Figure,
    key: str,
    *,
    on_click: Callable[[Mapping[str, Any]], None] | None = None,
    least_width: int = 0,
    more: str = "",
) -> None:
    """A figure under its title, over its words.

    Args:
        figure: A figure of :mod:`sadam.lab.figures.compare`, fresh.
        key: Its key.
        on_click: As :func:`chart`.
        least_width: As :func:`chart`.
        more: What a click does.
    """
    chart(figure, key=key, on_click=on_click, least_width=least_width)
    st.caption(f"{figure.layout.meta['words']} {more}".strip())


def show(seen: Shown[Results], schedule: str) -> None:
    """Draw the tabs."""
    parts = (_rates, _verdicts, _cost, _ends, _heatmaps, _table, files.show)
    places = st.tabs(TABS, key=f"{PREFIX}tab", on_change="rerun")
    for place, draw in zip(places, parts, strict=True):
        with place:
            if place.open:
                draw(seen, schedule)


def _rates(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    if len(results.spec.lrs) < 2:
        st.info(
            "Only one learning rate was tried: there is nothing to draw against it, and no rule is "
            "at its own best. Give several, such as 0.001:1:10.",
            icon=":material/info:",
        )
        return
    figure = figures.lr_sensitivity(results, schedule)
    columns = min(3, len(results.problems))
    picture(figure, "compare_rates", least_width=230 * columns if columns > 1 else 0)


def _verdicts(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    if len(results.labels) < 2:
        st.info("There is one rule, and nobody to compare it with.", icon=":material/info:")
        return
    words = str(figures.verdict_matrix(results, schedule).layout.meta["words"])
    matrix, pair = st.columns([3, 2], gap="large")
    picked = st.session_state.get("_cmp_pair", "")
    if not set(picked.split(PARTED)) <= set(results.labels):
        others = [label for label, _ in results.spec.rules if label != results.spec.baseline]
        picked = PARTED.join((others[-1], results.spec.baseline)) if others else ""
        picked = picked or PARTED.join(results.labels[1::-1])
    with matrix:
        st.markdown("**Won / tied / lost by row against column**")
        heads, rows = seen.once(("verdicts", schedule), lambda: verdict_cells(results, schedule))
        cells(
            heads,
            rows,
            key="compare_verdicts",
            label="Wins, ties and losses of every rule against every other",
            picked=picked,
            on_pick=lambda pick: st.session_state.update(_cmp_pair=pick),
        )
        st.caption(f"{words} Press a cell to see its landscapes.")
    with pair:
        a, b = picked.split(PARTED)
        st.markdown(f"**{results.style(a).title} against {results.style(b).title}**")
        heads, rows = pair_cells(results, schedule, a, b)
        cells(
            heads,
            rows,
            key="compare_pair",
            label="One rule against another by landscape",
            on_pick=lambda pick: races.open_ratio(pick, schedule),
        )
        st.caption(
            "Factor between the final gaps, each rule at its own best learning rate, with its 95 % "
            f"paired bootstrap interval over {results.spec.runs} runs. Press one to watch its run."
        )
    if len(results.problems) > 1:
        picture(figures.rank_diagram(results, schedule), "compare_ranks")


def _cost(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    st.session_state.setdefault("cmp_count", "Evaluations")
    st.segmented_control(
        "Counted in",
        list(COUNTS),
        key="cmp_count",
        required=True,
        help="A gradient counts 2 evaluations, a probe 1. In steps, what a step costs is ignored.",
    )
    count = COUNTS[st.session_state["cmp_count"]]
    left, right = st.columns(2, gap="large")
    for place, make, key in (
        (left, figures.performance_profile, "compare_performance"),
        (right, figures.data_profile, "compare_data"),
    ):
        with place:
            figure = make(results, schedule, count)
            figure.update_layout(height=480)
            picture(figure, key)
    best = tables.best(results)
    best = best[best["schedule"] == schedule]
    means = best.assign(met=best["steps"].map(math.isfinite))
    shown = [
        {
            "Optimizer": results.style(label).title,
            "Evaluations a step": results.cost(label),
            "Where it is met": f"{rows['met'].sum()} of {len(rows)}",
            "Steps": _finite(half_by(rows["steps"].to_numpy())),
            "Evaluations": _finite(half_by(rows["evaluations"].to_numpy())),
            "Final gap": rows["final_gap"].median(),
        }
        for label in results.labels
        for rows in (means[means["rule"] == label],)
    ]
    st.markdown("**To the target, in steps and in evaluations**")
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="–",
        column_config={
            "Steps": st.column_config.NumberColumn(format="%.0f"),
            "Evaluations": st.column_config.NumberColumn(format="%.0f"),
            "Final gap": st.column_config.NumberColumn(format="%.3g"),
        },
    )
    nouns = noun_of(results.problems)
    st.caption(
        f"The target is {results.spec.targets[-1]:g} of {figures.start_gap(results)}, met where "
        f"at least half of {results.spec.runs} runs meet it. Steps, evaluations: by which half of "
        f"{len(results.problems)} {nouns} are met; a dash where fewer are. Final gap: median over "
        f"the {nouns} of medians over the runs. {cost_words(results)}"
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _choice(label: str, names: tuple[str, ...], key: str) -> str:
    """One of the problems that are complete."""
    if st.session_state.get(key) not in names:
        st.session_state[key] = names[0]
    st.selectbox(label, names, format_func=title_of_problem, key=key)
    return st.session_state[key]


def _ends(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    starts = results.spec.starts
    if starts.kind == "grid" and starts.number > 1:
        names = sorted(results.problems, key=lambda n: not get(n).traps)
        chooser, _ = st.columns([1, 2])
        with chooser:
            name = _choice("Basins of", tuple(names), "cmp_basin")
        figure = compare_maps.basin_map(results, name, schedule)
        picture(
            figure,
            "compare_basins",
            least_width=900,
            on_click=lambda click: races.open_basin(click, name, schedule),
            more="Press a start to watch the race from there.",
        )
    elif all(map(is_network, results.problems)):
        st.info(
            "A network has no basin map: its weights start where each seed draws them, not on a "
            "grid in the plane.",
            icon=":material/info:",
        )
    else:
        st.info(
            "Basin maps need a grid of starts: choose “Grid” under Starts on the left.",
            icon=":material/info:",
        )
    picture(compare_maps.run_ends(results, schedule), "compare_ends")


def _heatmaps(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    found = tables.heatmaps_of(results)
    if not found:
        st.info(
            "Heatmaps need a second hyperparameter: give values of damping, radius or probes under "
            "“S-Adam, weight decay, heatmaps” on the left.",
            icon=":material/info:",
        )
        return
    which, where = st.columns(2)
    titles = {
        f"{results.style(label).title}: {compare_maps.NAMES.get(x, x)} × "
        f"{compare_maps.NAMES.get(y, y)}": (label, x, y)
        for label, x, y in found
    }
    with which:
        if st.session_state.get("cmp_heatmap") not in titles:
            st.session_state["cmp_heatmap"] = next(iter(titles))
        st.selectbox("Heatmap", list(titles), key="cmp_heatmap")
    with where:
        name = _choice("Problem", results.problems, "cmp_heatmap_on")
    label, x, y = titles[st.session_state["cmp_heatmap"]]
    picture(
        compare_maps.hyperparameter_map(results, label, name, schedule, x, y),
        "compare_heatmap",
        on_click=lambda click: races.open_heatmap(click, label, name, schedule, x, y),
        more="Press a cell to watch its run.",
    )


def _table(seen: Shown[Results], schedule: str) -> None:
    results = seen.result
    header, rows = readable_table(results)
    st.dataframe(
        [dict(zip(header, row, strict=True)) for row in rows], hide_index=True, placeholder="–"
    )
    st.caption("As `python -m sadam compare` prints it. Below: each rule on each problem.")
    best = tables.best(results)
    best = best[best["schedule"] == schedule].drop(columns="schedule")
    percent = {
        name: st.column_config.NumberColumn(format="percent")
        for name in ("reached", "near", "trapped", "elsewhere", "diverged")
    }
    number = {
        name: st.column_config.NumberColumn(format="%.3g")
        for name in ("lr", "final_gap", "low", "high", "best_gap", "mean_brake")
    }
    best = best.replace(math.inf, None)
    best["rule"] = [results.style(label).title for label in best["rule"]]
    st.dataframe(best, hide_index=True, placeholder="–", column_config=percent | number)
    st.caption(
        f"Medians and quartiles (low, high) over {results.spec.runs} runs at the rule's own best "
        "learning rate; edge: that is at an end of the grid. Steps and evaluations: to "
        f"{results.spec.targets[-1]:g} of {figures.start_gap(results)}. It does not show which "
        "differences are more than luck: see the intervals."
    )
