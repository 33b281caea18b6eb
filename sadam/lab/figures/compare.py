"""Comparisons in pictures: who ends closer, how surely, at what cost, and who depends on luck.

Every figure carries the words that belong under it in ``layout.meta["words"]``: what it shows, of
how much, and what it does not show. It speaks of the problems that are complete; of none, or of a
schedule that is none of its own, it is a ``ValueError``. Gaps are drawn from 1e-12 to 1e12.
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sadam.lab.codec import nearest
from sadam.lab.compare import tables
from sadam.lab.compare.budget import cost_words
from sadam.lab.compare.networks import is_network
from sadam.lab.compare.problems import noun_of, short_title, title_of_problem
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import FLOOR, Estimate
from sadam.lab.compare.wording import brief
from sadam.lab.figures.maker import as_text
from sadam.lab.figures.ticks import factor_ticks
from sadam.text import shown

MAX_PANELS = 12
CEILING = 1e12
VERDICT_COLORS = [[0.0, "#B35806"], [0.5, "#F4F4F2"], [1.0, "#2D6A9F"]]  # loss, tie, win
TARGET_LEGEND = {"orientation": "h", "y": -0.12, "yanchor": "top", "x": 0}


def count_of(results: Results) -> str:
    """Of how much a figure speaks."""
    spec = results.spec
    problems = len(results.problems)
    return (
        f"n = {problems} {noun_of(results.problems, problems)}, {spec.runs} "
        f"run{'s' if spec.runs != 1 else ''} (starts x seeds) of each rule and learning rate, "
        f"{len(spec.lrs)} learning rate{'s' if len(spec.lrs) != 1 else ''}"
    )


def start_gap(results: Results) -> str:
    """What targets are shares of."""
    of = {"landscape": "the gap at the landscape's start", "network": "the loss at a run's start"}
    return of.get(noun_of(results.problems, 1), " or ".join(of.values()))


def check_complete(results: Results, schedule: str) -> None:
    """Refuse to draw what nothing is known of.

    Raises:
        ValueError: If no problem is complete, or there is no such schedule.
    """
    if schedule not in (known := results.spec.schedules):
        raise ValueError(f"no schedule {shown(schedule)} here: {nearest(schedule, known)}")
    if not results.problems:
        raise ValueError("nothing is complete yet, so there is nothing to draw")


def panel_title(name: str) -> str:
    """A problem's title in lines that fit a panel."""
    if is_network(name):
        return title_of_problem(name).replace(", ", "<br>", 1)
    return "<br>".join(map(as_text, textwrap.wrap(short_title(name), 26)))


def finish(figure: go.Figure, title: str, words: str, **layout: Any) -> go.Figure:
    """Return the figure with its title, and the words that belong under it."""
    return figure.update_layout(
        title={"text": title}, meta={"summary": title, "words": words}, **layout
    )


def _line(results: Results, label: str, **more: Any) -> dict[str, Any]:
    style = results.style(label)
    return {
        "name": style.title,
        "legendgroup": label,
        "line": style.line | more.pop("line", {}),
        "meta": {"role": "curve", "rule": label, "color_dark": style.color_dark},
    } | more


def _clipped(values: Any) -> Any:
    return np.clip(np.asarray(values, dtype=float), FLOOR, CEILING)


def ratio_forest(results: Results, schedule: str) -> go.Figure:
    """Each rule's ratio to the baseline: every landscape a dot, their geometric mean a diamond."""
    check_complete(results, schedule)
    base = results.style(results.spec.baseline).title
    found = tables.ratios(results)
    found = found[(found["schedule"] == schedule) & (found["against"] == "same")]
    figure = go.Figure()
    labels = [label for label in results.labels if label != results.spec.baseline][::-1]
    for at, label in enumerate(labels):
        style = results.style(label)
        rows = found[(found["rule"] == label) & (found["landscape"] != "all")]
        spread = np.linspace(-0.28, 0.28, len(rows)) if len(rows) > 1 else np.zeros(1)
        texts = [
            f"{as_text(short_title(str(row.landscape)))}: {_told(row)}" for row in rows.itertuples()
        ]
        figure.add_trace(
            go.Scatter(
                x=_clipped(rows["ratio"]),
                y=at + spread,
                mode="markers",
                marker={"size": 6, "color": style.color, "opacity": 0.45},
                text=texts,
                hovertemplate="%{text}<extra>" + style.title + "</extra>",
                showlegend=False,
                name=style.title,
                meta={"role": "dots", "rule": label, "color_dark": style.color_dark},
            )
        )
        mean = found[(found["rule"] == label) & (found["landscape"] == "all")]
        for row in mean.itertuples():
            for low, high, width in (
                (row.low_problems, row.high_problems, 1.5),
                (row.low, row.high, 5),
            ):
                figure.add_trace(
                    go.Scatter(
                        x=_clipped([low, high]),
                        y=[at, at],
                        mode="lines",
                        line={"color": style.color, "width": width},
                        hoverinfo="skip",
                        showlegend=False,
                        meta={"role": "interval", "rule": label, "color_dark": style.color_dark},
                    )
                )
            figure.add_trace(
                go.Scatter(
                    x=_clipped([row.ratio]),
                    y=[at],
                    mode="markers",
                    marker={"symbol": "diamond", "size": 12, "color": style.color,
                            "line": {"color": "white", "width": 1}},
                    hovertemplate=f"geometric mean: {_told(row)}<extra>{style.title}</extra>",
                    showlegend=False,
                    meta={"role": "mean", "rule": label, "color_dark": style.color_dark},
                )
            )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#5B6570", "width": 1, "dash": "dot"})
    drawn = np.concatenate([trace.x for trace in figure.data]) if figure.data else np.ones(1)
    figure.update_xaxes(
        type="log",
        title=f"← times closer than {base} | times farther →",
        **factor_ticks(float(drawn.min()), float(drawn.max())),
    )
    titles = [results.style(label).title for label in labels]
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=titles, automargin=True, zeroline=False
    )
    return finish(
        figure,
        f"Final gap against {base}, each rule at its own best learning rate ({schedule})",
        f"A dot is a {noun_of(results.problems, 1)}, the diamond the geometric mean of all; the "
        "thick bar holds 95 % of paired bootstrap resamples of the runs, the thin one resamples "
        f"the {noun_of(results.problems)}, too. "
        f"{count_of(results)}. {cost_words(results)} It does not show how far apart the runs of a "
        "rule are.",
        height=200 + 44 * max(len(labels), 2),
    )


def _told(row: Any) -> str:
    """A row of the table of ratios in words."""
    return brief(Estimate(row.ratio, row.low, row.high))


def lr_sensitivity(results: Results, schedule: str) -> go.Figure:
    """Median final gap in its interquartile band against the learning rate, a panel a landscape."""
    check_complete(results, schedule)
    names = results.problems[:MAX_PANELS]
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[panel_title(name) for name in names],
        horizontal_spacing=0.07,
        vertical_spacing=min(0.12, 0.3 / rows),
    )
    for panel, name in enumerate(names):
        place = {"row": panel // columns + 1, "col": panel % columns + 1}
        table = tables.sensitivity(results, name, schedule)
        for label in results.labels:
            part = table[table["rule"] == label]
            style = results.style(label)
            x = np.asarray(part["lr"])
            figure.add_trace(
                go.Scatter(
                    x=np.concatenate([x, x[::-1]]),
                    y=_clipped(np.concatenate([part["high"], part["low"][::-1]])),
                    fill="toself",
                    mode="lines",
                    line={"width": 0, "color": style.color},
                    fillcolor=style.color,
                    opacity=0.12,
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=label,
                    meta={"role": "band", "rule": label, "color_dark": style.color_dark},
                ),
                **place,
            )
            figure.add_trace(
                go.Scatter(
                    x=x,
                    y=_clipped(part["median"]),
                    mode="lines+markers",
                    marker={
                        "symbol": style.symbol,
                        "color": style.color,
                        "size": np.where(part["best"], 11, 0),
                    },
                    showlegend=panel == 0,
                    hovertemplate=f"{style.title}: %{{y:.3g}} at %{{x:.3g}}<extra></extra>",
                    **_line(results, label),
                ),
                **place,
            )
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(type="log", exponentformat="power")
    figure.update_xaxes(title="learning rate", row=rows)
    figure.update_yaxes(title="final gap", col=1)
    left_out = len(results.problems) - len(names)
    more = (
        f" {left_out} further {noun_of(results.problems)} are in the tables only."
        if left_out
        else ""
    )
    return finish(
        figure,
        f"Final gap against the learning rate ({schedule})",
        "Line: median over the runs; band: their middle half; mark: the rule's own best. A matched "
        "control stands at the learning rate of its S-Adam, though it takes that times the mean "
        f"brake. {count_of(results)}.{more} Runs that diverged count as infinite. It does not show "
        "learning rates between those tried.",
        height=140 + 270 * rows,
        legend={"orientation": "h", "y": -0.9 / (rows * 3), "yanchor": "top", "x": 0},
        margin={"b": 150},
    )


def verdict_matrix(results: Results, schedule: str) -> go.Figure:
    """Wins, ties and losses of every rule (row) against every other (column)."""
    check_complete(results, schedule)
    counts = tables.verdicts(results, schedule)
    titles = [results.style(label).title for label in results.labels]
    texts = [["/".join(map(str, cell)) for cell in row] for row in counts]
    problems = max(len(results.problems), 1)
    figure = go.Figure(
        go.Heatmap(
            z=(counts[..., 0] - counts[..., 2]) / problems,
            x=titles,
            y=titles,
            text=texts,
            texttemplate="%{text}",
            zmin=-1,
            zmax=1,
            colorscale=VERDICT_COLORS,
            colorbar={"title": {"text": "won − lost"}, "tickformat": ".0%"},
            hovertemplate="%{y} against %{x}: %{text} won/tied/lost<extra></extra>",
            meta={"role": "verdicts"},
        )
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(automargin=True, tickangle=-35)
    return finish(
        figure,
        f"Won / tied / lost by row against column ({schedule})",
        f"A {noun_of(results.problems, 1)} is won where the 95 % paired bootstrap interval of the "
        "ratio of final gaps lies below 1, lost where above, and tied where it holds 1; "
        f"each rule at its own best learning rate. {count_of(results)}. It does not show by how "
        "much; and of many comparisons one in twenty falls outside its interval by chance.",
        height=260 + 44 * len(titles),
    )


def performance_profile(
    results: Results, schedule: str, count: tables.Count = "evaluations"
) -> go.Figure:
    """Dolan-More profile: share of runs solved within a factor of the cheapest rule."""
    return _profile(results, schedule, "performance", count)


def data_profile(results: Results, schedule: str, count: tables.Count = "evaluations") -> go.Figure:
    """More-Wild profile: share of runs solved within a budget of evaluations or steps."""
    return _profile(results, schedule, "data", count)


def _profile(results: Results, schedule: str, kind: str, count: tables.Count) -> go.Figure:
    check_complete(results, schedule)
    at, shares = tables.profiles(results, schedule, count=count)[kind]
    target = results.spec.targets[-1]
    figure = go.Figure()
    for label, share in zip(results.labels, shares, strict=True):
        x, y = _steps(at, share)
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                hovertemplate=f"{results.style(label).title}: %{{y:.0%}} within %{{x:.4g}}"
                "<extra></extra>",
                **_line(results, label, line={"shape": "hv"}),
            )
        )
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%", title="share of runs")
    counted = "steps, whatever they cost"
    if count == "evaluations":
        counted = "function evaluations (a gradient 2, a probe 1)"
    first = (
        "A run is solved at its first gap within "
        f"{target:g} of {start_gap(results)}; cost counts {counted}, each rule at the "
        "learning rate of its own least median final gap, not of its fastest run. "
    )
    if kind == "performance":
        figure.update_xaxes(
            type="log", dtick=1, title="at most this many times the cheapest rule's cost"
        )
        title = f"Performance profile ({schedule})"
        words = "The left end is the share of runs on which a rule was cheapest, the right end the "
        words += "share that it solved at all (Dolan and Moré 2002)."
    else:
        named = "function evaluations" if count == "evaluations" else "steps, the start counted"
        figure.update_xaxes(title=named, type="log", dtick=1)
        title = f"Data profile ({schedule})"
        words = "Share of the runs that are solved within a budget (Moré and Wild 2009)."
    return finish(
        figure,
        title,
        f"{words} {first}{count_of(results)}. It does not show how near the others came, nor what "
        "happened after.",
        legend=TARGET_LEGEND,
        margin={"b": 140},
        height=620,
    )


def _steps(x: Any, y: Any, most: int = 400) -> tuple[Any, Any]:
    """At most so many points of a step function, its ends included; only x > 0 on a log axis."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).astype(int))
    x, y = np.asarray(x)[keep], np.asarray(y)[keep]
    return x[x > 0], y[x > 0]


def rank_diagram(results: Results, schedule: str) -> go.Figure:
    """Mean ranks with the critical difference (Demsar 2006); a single rule has none."""
    check_complete(results, schedule)
    ranks = tables.rank_table(results, schedule)
    assert ranks is not None
    order = np.argsort(-ranks.mean, kind="stable")
    half = np.nan_to_num(ranks.critical_difference) / 2
    bars = (
        f"Bars are the critical difference {ranks.critical_difference:.3g} wide: two rules whose "
        "bars do not overlap differ at the 5 % level (Nemenyi). "
    ) * bool(half)
    figure = go.Figure()
    for at, i in enumerate(order):
        label = results.labels[i]
        style = results.style(label)
        figure.add_trace(
            go.Scatter(
                x=[ranks.mean[i]],
                y=[at],
                mode="markers",
                error_x={"type": "constant", "value": half, "color": style.color, "width": 5},
                marker={"symbol": style.symbol, "size": 11, "color": style.color},
                name=style.title,
                showlegend=False,
                hovertemplate=f"{style.title}: mean rank %{{x:.2f}}<extra></extra>",
                meta={"role": "rank", "rule": label, "color_dark": style.color_dark},
            )
        )
    figure.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[results.style(results.labels[i]).title for i in order],
        automargin=True,
    )
    figure.update_xaxes(title="mean rank; 1 is best", zeroline=False)
    friedman = (
        f"Friedman's test: chi-squared {ranks.statistic:.3g}, p = {ranks.p_value:.2g}. "
        if math.isfinite(ranks.statistic)
        else ""
    )
    return finish(
        figure,
        f"Mean rank by median final gap ({schedule})",
        f"{bars}{friedman}{count_of(results)}. Ranks do not show by how much one is closer.",
        height=180 + 40 * len(order),
    )
