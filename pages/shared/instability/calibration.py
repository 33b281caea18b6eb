"""How well each estimator knows a kink: here, over the catalogue, and at known places."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages.shared.charts import chart
from pages.shared.desk import Desk
from pages.shared.instability import controls
from pages.shared.kept import kept
from sadam.lab.bias import (
    PROOF_LATEX,
    THEOREM,
    Check,
    bias_by_dimension,
    bias_by_probes,
    bias_by_radius,
    check_theorem,
)
from sadam.lab.calibration import (
    Calibration,
    CalibrationReport,
    CalibrationSpec,
    calibrate,
    catalogue_table,
    iter_calibration,
)
from sadam.lab.figures import calibration as figures
from sadam.lab.style import duration

CATALOGUE_SPEC = CalibrationSpec(grid=101)
REFRESH = 0.5  # seconds between two looks at its progress
desk: Desk[CalibrationReport] = Desk("_cal_", "calibration", lambda spec: True)
DIMENSIONS = [2, 3, 10, 100, 1000, 10_000]
BIAS: dict[str, tuple[Callable[[int], pd.DataFrame], Callable[[pd.DataFrame], go.Figure], str]] = {
    "Probes k": (
        bias_by_probes,
        figures.bias_against_probes,
        "How many probes it takes. On a slope the one-sided LGI is 1 on average for every k, the "
        "two-sided 0 for every k; at a kink on a slope both need more probes to settle.",
    ),
    "Radius": (
        bias_by_radius,
        figures.bias_against_radius,
        "How far the probes reach. On a bend the even part grows with the square of the radius; a "
        "straight kink looks the same at every radius.",
    ),
    "Dimension": (
        bias_by_dimension,
        figures.bias_against_dimension,
        "The same slope and kink |x₁| within more and more dimensions: closed forms hold from the "
        "plane to D = 10 000.",
    ),
}

AREAS = {
    "landscape": st.column_config.TextColumn("Landscape", pinned=True),
    "group": st.column_config.TextColumn("Group"),
    "convex": st.column_config.CheckboxColumn("Convex"),
    "radius": st.column_config.NumberColumn("Radius", format="%g"),
    "near_share": st.column_config.NumberColumn(
        "Near a kink", format="percent", help="Share of points with a kink within the radius."
    ),
    "roc_two_sided": st.column_config.NumberColumn(
        "ROC two-sided", format="%.3f", help="Area under the ROC curve; 0.5 is chance."
    ),
    "roc_one_sided": st.column_config.NumberColumn("ROC one-sided", format="%.3f"),
    "roc_goldstein": st.column_config.NumberColumn(
        "ROC diameter", format="%.3f", help="Of the Goldstein diameter itself."
    ),
    "rank_two_sided": st.column_config.NumberColumn(
        "Rank two-sided", format="%.3f", help="Rank correlation with the Goldstein diameter."
    ),
    "rank_one_sided": st.column_config.NumberColumn("Rank one-sided", format="%.3f"),
    "why": st.column_config.TextColumn("Why below 0.95", width="large"),
}


@kept("calibration")
def calibration_of(
    landscape: str, radius: float, grid: int, num_probes: int, seed: int
) -> Calibration:
    """Calibrate on one landscape once for all visitors."""
    return calibrate(landscape, radius, grid, num_probes, seed)


@st.cache_data(max_entries=16, show_spinner="Drawing probes at known places …")
def bias_of(name: str, seed: int) -> pd.DataFrame:
    """Bias and spread at known places."""
    return BIAS[name][0](seed)


@st.cache_data(max_entries=64, show_spinner=False)
def check_of(num_probes: int, dim: int, seed: int) -> Check:
    """The theorem, tried."""
    return check_theorem(num_probes, dim, seed=seed)


def show(landscape: str) -> None:
    """Draw the tab."""
    _here(landscape)
    st.divider()
    _theorem()
    st.divider()
    _known_places()
    st.divider()
    _catalogue()


def _draw(figure: go.Figure, key: str, height: int, title: str = "", least_width: int = 0) -> None:
    chart(figure, key=key, height=height, title=title, least_width=least_width)


def _here(landscape: str) -> None:
    value = controls.value
    found = calibration_of(
        landscape, value("radius"), min(value("grid"), 201), value("num_probes"), value("seed")
    )
    st.markdown("## Does a larger LGI mean a kink here?")
    if math.isnan(found.roc["two-sided"]):
        st.markdown(
            "No point of this window has a kink within the radius, so there is nothing to find: "
            "what should be seen here is silence."
            if not found.near_share > 0
            else "Every point of this window has a kink within the radius: take a smaller one."
        )
    else:
        st.markdown(
            f"Of a point with a kink within {found.radius:g} and one without, the two-sided LGI is "
            f"larger at the first in **{100 * found.roc['two-sided']:.1f} %** of all pairs, the "
            f"one-sided in **{100 * found.roc['one-sided']:.1f} %**, the Goldstein diameter in "
            f"**{100 * found.roc['goldstein']:.1f} %**; 50 % is chance. "
            f"{100 * found.near_share:.2g} % of the {found.grid} × {found.grid} points have a kink "
            "that near."
        )
    if found.why:
        st.info(found.why, icon=":material/info:")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _draw(figures.roc(found), "calibration_roc", 420, "Kinks found against false alarms")
        st.caption(
            "ROC curves for the question whether a declared kink passes within the radius. The "
            "closer to the upper left corner, the better the sign; the dotted line is chance."
        )
    with right:
        figure = figures.scatter(found)
        for note, kind in zip(figure.layout.annotations, ("one-sided", "two-sided"), strict=True):
            note.text = f"{kind}, rank correlation {found.rank[kind]:.2f}"
        figure.update_yaxes(title=None)
        title = "LGI (upwards) against the Goldstein diameter"
        _draw(figure, "calibration_scatter", 420, title, least_width=540)
        st.caption(
            f"A dot for each of {len(found.scatter)} sampled points of the map; half of them near "
            "a kink where there are enough. Zeros are drawn at 10⁻¹²."
        )


def _theorem() -> None:
    st.markdown("## Why the one-sided LGI is 1 on smooth slopes")
    statement, trial = st.columns([3, 2], gap="large")
    with statement:
        st.markdown(f"**Theorem.** {THEOREM}")
        st.markdown("\n".join(f"{i}. {line}" for i, line in enumerate(PROOF_LATEX, 1)))
        st.caption(
            "A property of the published formula, whatever the landscape. The two-sided LGI tends "
            "to 0 at the same places, with the square of the radius."
        )
    with trial:
        st.markdown("**Try it**")
        probes, dim = st.columns(2)
        k = probes.number_input("Probes k", 2, 64, 2, key="theorem_k")
        d = dim.selectbox("Dimension D", DIMENSIONS, key="theorem_d")
        check = check_of(k, d, controls.value("seed"))
        st.metric(
            "Mean one-sided LGI on a slope",
            f"{check.mean:.4f} ± {check.error:.4f}",
            help="Mean and standard error; the slope has length sqrt(D).",
        )
        verdict = "within" if check.holds else "NOT within"
        st.caption(
            f"{check.repetitions:,} draws of {check.num_probes} probes in D = {check.dim:,}: "
            f"{verdict} four standard errors of 1."
        )


def _known_places() -> None:
    st.markdown("## Bias and spread at places whose answer is known")
    name = st.segmented_control(
        "Against", list(BIAS), default=next(iter(BIAS)), key="bias_axis", required=True
    )
    _, make, told = BIAS[name]
    _draw(make(bias_of(name, controls.value("seed"))), "calibration_bias", 460, least_width=760)
    st.caption(
        f"{told} Marks: means; bars: the middle 90 % of 2000 draws; lines: closed forms for "
        "infinitely many probes."
    )


def _catalogue() -> None:
    st.markdown("## The whole catalogue")
    spec = CATALOGUE_SPEC
    seen, running = desk.shown(), desk.running
    found = desk.known(spec) if seen is None else seen.result
    if running:
        st.session_state["_cal_watching"] = True
        st.fragment(_progress, run_every=REFRESH)()
        return
    if found is None or len(found.calibrations) < _total(spec):
        _offer(spec, found)
    if found is not None and found.calibrations:
        _results(found)
        st.code(spec.to_command(), language="bash", wrap_lines=True)


def _total(spec: CalibrationSpec) -> int:
    return len(spec.landscapes) * len(spec.radii)


def _offer(spec: CalibrationSpec, found: CalibrationReport | None) -> None:
    """A button that starts it, and what it will do or has done."""
    if desk.trouble:
        st.error(desk.trouble)
    if found is None:
        st.caption(
            f"ROC areas and rank correlations on all {len(spec.landscapes)} landscapes at radius "
            f"0.01 and 0.05, on a grid of {spec.grid} × {spec.grid}. Takes about half a minute, "
            "beside whatever else you do on this page."
        )
    else:
        st.caption(
            f"Stopped: {len(found.calibrations)} of {_total(spec)} calibrations are done and kept."
        )
    done = () if found is None else found.calibrations
    name = "Calibrate on the other landscapes" if done else "Calibrate on every landscape"
    st.button(name, key="calibrate_all", on_click=_start, args=(done,))


def _start(done: tuple[Calibration, ...]) -> None:
    desk.start(CATALOGUE_SPEC, lambda: iter_calibration(CATALOGUE_SPEC, done))


def _progress() -> None:
    """How far it is; again and again while it runs."""
    if not desk.running and st.session_state.pop("_cal_watching", False):
        st.rerun()
    if (job := desk.job) is None:
        return
    told = f"Calibrating: {job.step} of {job.steps}" if job.steps else desk.waiting
    if (left := job.seconds_left) is not None:
        told += f", about {duration(left)} left"
    st.progress(job.step / (job.steps or 1), told)
    st.button("Stop", key="stop_calibrating", icon=":material/stop:", on_click=desk.stop)


def _results(report: CalibrationReport) -> None:
    """What the calibrations that are done say."""
    found = report.calibrations
    table = catalogue_table(found)
    judged = table.dropna(subset=["roc_two_sided"])
    if judged.empty:
        return
    least, count = judged["roc_two_sided"].min(), judged["landscape"].nunique()
    st.markdown(
        f"Over {count} landscape{'' if count == 1 else 's'} with kinks the two-sided ROC area has "
        f"the median **{judged['roc_two_sided'].median():.3f}** and the least {least:.3f}; the "
        f"one-sided the median **{judged['roc_one_sided'].median():.3f}** and the greatest "
        f"{judged['roc_one_sided'].max():.3f}. 0.5 is chance."
    )
    figure = figures.catalogue(found)
    height = figure.layout.height or 900
    _draw(figure, "calibration_catalogue", int(height), least_width=540)
    st.caption(
        "A row for each landscape with kinks, a panel for each radius; dotted: chance, dashed: "
        "0.95. Where the two-sided area is below 0.95 the table says why."
    )
    st.dataframe(table, column_config=AREAS, hide_index=True, placeholder="–", width="stretch")
