"""Below the Networks page's curves: numbers, units, loss planes, chattering, files, code."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.charts import chart
from pages.shared.exports import buttons
from pages.shared.networks.pictures import Shown, is_control
from pages.shared.networks.values import COSTS, CURVES, OWN, TABS
from pages.shared.words import sentence as said
from sadam.lab.codec import SpecError
from sadam.lab.figures.training import (
    conflicts_along_training,
    flips_along_training,
    lgi_along_training,
    loss_by_evaluations,
    loss_by_step,
    lr_sensitivity,
    minibatch_loss,
)
from sadam.lab.figures.training_maps import decision_map, fitted_curve, is_planar
from sadam.lab.figures.units import unit_pictures
from sadam.lab.style import style_of
from sadam.lab.training import Training
from sadam.lab.training.report import training_bundle

FILES = {
    "figures.html": ("html", "Interactive page", "text/html", "All figures; opens offline."),
    "steps.csv": ("csv", "CSV", "text/csv", "Every step of every model: loss, LGI, brake, flips."),
    "steps.parquet": (
        "parquet",
        "Parquet",
        "application/octet-stream",
        "The same, smaller and typed; the spec is in its metadata.",
    ),
    "parameters.npz": (
        "npz",
        "Parameters",
        "application/octet-stream",
        "Snapshots and final parameters of every model, as NumPy arrays.",
    ),
    "results.json": ("", "Results", "application/json", "The table, the sentence, the spec."),
    "spec.json": ("", "Spec", "application/json", "For python -m sadam train --spec."),
}

COLUMNS = {
    "Optimizer": st.column_config.TextColumn(pinned=True),
    "At": st.column_config.TextColumn(
        "At", help="At the common learning rate, at its own best of the grid, or a control."
    ),
    "lr": st.column_config.NumberColumn("lr", format="%.3g"),
    "Train loss": st.column_config.NumberColumn(
        format="%.3g", help="On the whole training set, true labels."
    ),
    "Conflict": st.column_config.NumberColumn(
        format="percent", help="Steps whose minibatch gradient points against the last one."
    ),
    "Reversal": st.column_config.NumberColumn(
        format="percent", help="Steps that turn back on the previous step."
    ),
    "Efficiency": st.column_config.NumberColumn(
        format="percent", help="Distance from start to end over the path's length."
    ),
    "Flips": st.column_config.NumberColumn(
        format="%.3g",
        help="Units that a step switches on or off, summed over 16 training examples.",
    ),
    "LGI": st.column_config.NumberColumn(
        format="%.3f", help="Mean two-sided LGI along the path, measured for all alike."
    ),
    "Brake": st.column_config.NumberColumn(
        format="%.3f", help="Mean factor on the step; 1 for rules that do not brake."
    ),
    "Evaluations": st.column_config.NumberColumn(help="A gradient counts 2, a probe 1."),
}


def pick_rule(label: str) -> None:
    """Look at this rule's network from the next run on."""
    st.session_state["net_rule"] = label
    st.session_state["_net_picked"] = True


def chosen(seen: Shown) -> tuple[str, int]:
    """The rule and the place of the seed that are looked into."""
    rule, seed = st.session_state["net_rule"], st.session_state["net_place"]
    return (
        rule if rule in seen.rules else seen.rules[-1],
        seed if seed < seen.result.spec.seeds else 0,
    )


def curve_controls() -> None:
    """Draw the switches of the curves."""
    quiet: dict[str, Any] = {"label_visibility": "collapsed", "required": True}
    st.segmented_control(
        "Loss of",
        CURVES,
        key="net_curve",
        help="Validation: on held-out examples with true labels. Minibatch: as the rules see it.",
        **quiet,
    )
    st.segmented_control(
        "Cost",
        COSTS,
        key="net_cost",
        help="The loss against steps, or against function evaluations: a gradient counts 2, a "
        "probe 1.",
        **quiet,
    )


def show(seen: Shown) -> None:
    """Draw the tabs."""
    parts = _results, _inside, _plane, _chattering, _downloads, _code
    if not seen.result.run.steps:
        return
    places = st.tabs(list(TABS), key="net_tab", on_change="rerun")
    for place, part in zip(places, parts, strict=True):
        with place:
            if place.open:
                try:
                    part(seen)
                except SpecError as error:
                    st.info(said(error), icon=":material/info:")


def _results(seen: Shown) -> None:
    result, table = seen.result, seen.table
    spec, split, metric = result.spec, result.held_out, result.metric
    stated = f"{split}_{metric}"
    shown = pd.DataFrame(
        {
            "Optimizer": table["title"],
            "At": [_at_text(row) for row in table[["at", "lr", "edge"]].itertuples(index=False)],
            "lr": table["lr"],
            "Stated": table[stated],
            "Low": table["low"],
            "High": table["high"],
            "Train loss": table["train_loss"],
            "Conflict": table.get("conflict_rate"),
            "Reversal": table.get("reversal_rate"),
            "Efficiency": table.get("path_efficiency"),
            "Flips": table.get("flips"),
            "LGI": table.get("lgi_two_sided"),
            "Brake": table["mean_brake"],
            "Evaluations": table["evaluations"],
            "Diverged": [
                f"{count} of {spec.seeds}, step {at}" if count else "no"
                for count, at in zip(table["diverged"], table["diverged_at"], strict=True)
            ],
        }
    )
    order = ["at", stated]
    ranked = table.assign(at=[["best of grid", "own", "control"].index(a) for a in table["at"]])
    ranked = ranked.sort_values(order, ascending=[True, metric == "loss"], kind="stable")
    st.dataframe(
        shown.loc[ranked.index],
        hide_index=True,
        placeholder="–",
        width="stretch",
        column_config=COLUMNS | _stated_columns(f"{split.capitalize()} {metric}", metric),
    )
    st.caption(
        "The first rows are each rule at its own best of the grid. A best value at an end of the "
        "grid is marked: the grid may be too narrow for that rule."
        if spec.lr_grid
        else "One learning rate for all: a picture of behaviour, not a verdict. Switch on the grid "
        "for each rule at its own best."
    )
    if spec.lr_grid:
        left, right = st.columns(2, gap="medium")
        chart(lr_sensitivity.plain(result), left, height=380, key="networks_lr")
        chart(loss_by_step.plain(result, at="best"), right, height=380, key="networks_best")


def _stated_columns(what: str, metric: str) -> dict[str, Any]:
    """How the columns look that hold what results are stated in."""
    number = "percent" if metric == "accuracy" else "%.4g"
    return {
        "Stated": st.column_config.NumberColumn(
            what, format=number, help="Median over the seeds, at the end."
        ),
        "Low": st.column_config.NumberColumn(
            "95 % from", format=number, help="Bootstrap interval of the median over the seeds."
        ),
        "High": st.column_config.NumberColumn("to", format=number),
    }


def _at_text(row: Any) -> str:
    words = {"own": "common lr", "best of grid": "own best", "control": "matched"}[row.at]
    return words + (", at the edge" if row.edge else "")


def _choice(seen: Shown, place: DeltaGenerator) -> tuple[str, int]:
    """Draw the choice of a rule and a seed; every tab shows the same."""
    state = st.session_state
    state["net_rule_shown"], state["net_seed_shown"] = chosen(seen)
    rule, seed = place.columns([4, 1], vertical_alignment="bottom")
    rule.segmented_control(
        "Optimizer",
        seen.rules,
        format_func=lambda label: style_of(label, seen.result.rules[label]).title,
        key="net_rule_shown",
        required=True,
        on_change=lambda: state.update({"net_rule": state["net_rule_shown"]}),
    )
    seed.selectbox(
        "Seed",
        range(seen.result.spec.seeds),
        format_func=lambda i: str(seen.result.spec.seed_numbers[i]),
        key="net_seed_shown",
        on_change=lambda: state.update({"net_place": state["net_seed_shown"]}),
    )
    return chosen(seen)


def _inside(seen: Shown) -> None:
    result = seen.result
    label, seed = _choice(seen, st.container())
    if is_planar(result):
        left, right = st.columns([5, 6], gap="medium")
        chart(decision_map.plain(result, label, seed), left, height=560, key="networks_decision")
        try:
            figure = unit_pictures.plain(result, label, seed)
        except ValueError as error:
            right.info(said(error), icon=":material/info:")
        else:
            chart(figure, right, height=600, key="networks_units", legend=False)
        st.caption(
            "Left: what the network says everywhere, over the linear regions on which it is one "
            "affine function; computed exactly. Right: each unit's activation over the same plane, "
            "each scaled by itself: blue below 0, orange above. Lines: weights; the smallest "
            "quarter of each layer is left out."
        )
    elif result.data.input_shape == (1,):
        chart(fitted_curve.plain(result, seed), st.container(), height=460, key="networks_fit")
    else:
        st.info(
            "These data have more than two inputs, so that there is no map of decisions. The "
            "pictures above are the first layers' weights.",
            icon=":material/info:",
        )


def _plane(seen: Shown) -> None:
    from pages.shared.networks import plane

    plane.show(seen)


def _chattering(seen: Shown) -> None:
    result = seen.result
    st.caption(
        "How the paths behave. Both estimators of LGI are measured along every path, also along "
        "those of rules that do not look. Flips: units that a step switches on or off, summed over "
        "16 training examples."
    )
    pairs = (
        (lgi_along_training.plain(result), lgi_along_training.plain(result, "one-sided")),
        (conflicts_along_training.plain(result), flips_along_training.plain(result)),
        (minibatch_loss.plain(result), loss_by_evaluations.plain(result)),
    )
    for row, pair in enumerate(pairs):
        for column, (place, figure) in enumerate(
            zip(st.columns(2, gap="medium"), pair, strict=True)
        ):
            chart(
                figure,
                place,
                height=330,
                key=f"networks_chattering_{row}{column}",
                legend=row == len(pairs) - 1,
            )


def _downloads(seen: Shown) -> None:
    st.caption(
        "PDF, PNG and SVG of every figure: the command under Code with `--out DIR`. Every file "
        "carries the spec that made it; files are built when you click."
    )
    if seen.result.spec.data.name == OWN:
        st.caption("Your data are not in any of these files; the spec names the file you chose.")
    stem = f"train-{seen.result.spec.data.name}"
    buttons(FILES, stem, lambda: training_bundle(seen.result))
    controls = [label for label in seen.result.rules if is_control(label)]
    if controls:
        st.caption("The matched controls are among the rules in these files.")


def _code(seen: Shown) -> None:
    spec = seen.result.spec
    st.caption("The same numbers, without the browser:")
    st.code(spec.to_command(), language="bash", wrap_lines=True)
    st.code(script(spec), language="python", wrap_lines=True)


def script(spec: Training) -> str:
    """The Python that trains the same and prints the same numbers."""
    return (
        "from sadam.lab.kinds import load\n"
        "from sadam.lab.training import run_training\n"
        "from sadam.lab.training.table import results_table, sentence\n\n"
        f"result = run_training(load('''{spec.to_json()}'''))\n"
        'stated = f"{result.held_out}_{result.metric}"\n'
        'table = results_table(result)[["title", "at", "lr", stated, "low", "high"]]\n'
        "print(table.to_string(index=False))\n"
        "print(sentence(result))"
    )
