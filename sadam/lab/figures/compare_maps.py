"""Where runs end: over two hyperparameters, over the starts (basins), and in all.

As in :mod:`sadam.lab.figures.compare`, what nothing is complete of is a ``ValueError``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

import landscapes
from landscapes import Landscape
from sadam.lab.compare import tables
from sadam.lab.compare.basins import Basin, basin
from sadam.lab.compare.problems import short_title
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import FLOOR
from sadam.lab.figures.compare import check_complete, count_of, finish, start_gap
from sadam.lab.figures.maker import as_text
from sadam.lab.style import channels

NAMES = {
    "lr": "learning rate",
    "damping": "damping λ",
    "radius": "probe radius σ",
    "num_probes": "probes k",
}
MINIMUM_COLORS = ("#2D6A9F", "#56B4E9", "#009E73", "#8FBF9F", "#CC79A7")
TRAP_COLORS = ("#D55E00", "#E69F00")
END_COLORS = {
    "reached": "#00785A",
    "near": "#7CC7AF",
    "trapped": "#D55E00",
    "elsewhere": "#C9CDD2",
    "diverged": "#1F2933",
}
CROSS = {"symbol": "x", "size": 11, "color": "white", "line": {"color": "black", "width": 1}}
ELSEWHERE, DIVERGED = "#E3E5E8", "#1F2933"


def hyperparameter_map(
    results: Results, label: str, landscape: str, schedule: str, x: str, y: str
) -> go.Figure:
    """Median final gap over two hyperparameters of a rule on one landscape.

    Args:
        results: Of a spec with axes.
        label: A rule that has both.
        landscape: The problem.
        schedule: The schedule.
        x: ``"lr"`` or the name of an axis; see :func:`sadam.lab.compare.tables.heatmaps_of`.
        y: Another.
    """
    check_complete(results, schedule)
    table = tables.heatmap(results, label, landscape, schedule, x, y)
    style = results.style(label)
    gap = np.clip(table.to_numpy(dtype=float), FLOOR, 1e12)
    best = np.unravel_index(np.nanargmin(gap), gap.shape)
    axes = [[f"{value:.4g}" for value in values] for values in (table.columns, table.index)]
    figure = go.Figure(
        go.Heatmap(
            z=np.log10(gap),
            x=axes[0],
            y=axes[1],
            customdata=gap,
            colorscale="Cividis",
            reversescale=True,
            colorbar={"title": {"text": "log₁₀ gap"}},
            hovertemplate=f"{NAMES.get(x, x)} %{{x}}, {NAMES.get(y, y)} %{{y}}: gap "
            "%{customdata:.3g}<extra></extra>",
            meta={"role": "heatmap", "rule": label, "landscape": landscape},
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[axes[0][best[1]]],
            y=[axes[1][best[0]]],
            mode="markers",
            marker=CROSS,
            name="least",
            showlegend=False,
            hoverinfo="skip",
            meta={"role": "best"},
        )
    )  # fmt: skip
    figure.update_xaxes(title=NAMES.get(x, x), type="category")
    figure.update_yaxes(title=NAMES.get(y, y), type="category")
    spec = results.spec
    others = [name for name in tables.axes_of(results, label) if name not in (x, y)]
    rest = [] if "lr" in (x, y) else ["lr"]
    rest += others
    kept = f" Of {', '.join(rest)} the best value is taken in each cell." if rest else ""
    own = results.tuned(landscape, schedule, label)
    return finish(
        figure,
        f"{style.title} on {as_text(short_title(landscape))}: final gap over {NAMES.get(x, x)} and "
        f"{NAMES.get(y, y)}",
        f"Median final gap of {spec.runs} runs in each cell ({schedule}); the cross marks the "
        f"least, {gap[best]:.3g}. The rule as it is in the tables, at its own best learning rate, "
        f"ends at {own.gap:.3g}.{kept} The least of many cells flatters: it is no verdict against "
        "rules that were not tuned so.",
        height=620,
    )


def basin_map(results: Results, landscape: str, schedule: str) -> go.Figure:
    """Where each rule's runs end, by where they start; a panel for each rule.

    The spec's starts must be a grid, and the problem a landscape.
    """
    check_complete(results, schedule)
    labels = results.labels
    columns = min(3, len(labels))
    rows = math.ceil(len(labels) / columns)
    basins = {label: basin(results, landscape, schedule, label) for label in labels}
    f = landscapes.get(landscape)
    seen = sorted({str(name) for one in basins.values() for name in np.unique(one.outcome)})
    colors = _colors(f, seen)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[_panel_title(results, label, basins[label], seen) for label in labels],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=min(0.09, 0.3 / rows),
    )
    for panel, label in enumerate(labels):
        for trace in (_panel(results, label, basins[label], colors), *_places(f)):
            figure.add_trace(trace, row=panel // columns + 1, col=panel % columns + 1)
    figure.add_traces(_legend(colors))
    x, y = f.window
    figure.update_xaxes(range=x)
    figure.update_yaxes(range=y)
    spec, side = results.spec, results.spec.starts.number
    rates = ", ".join(f"{results.style(n).title} {basins[n].lr:.3g}" for n in labels)
    return finish(
        figure,
        f"Basins of {as_text(short_title(landscape))} ({schedule})",
        f"Colour: where the run from that start ends after {_steps_taken(results)}; hover for the "
        f"steps it took. n = {side} x {side} starts, seed {spec.seed}, at learning rates {rates}. "
        "White stars are declared minimisers (representatives where they form a set), crosses "
        "traps. Darker: the final gap meets the target; lighter: the end is within 2 % of the "
        "window's diagonal. It does not show other seeds, nor other learning rates.",
        height=180 + 300 * rows,
        title_y=0.985,
        legend={"orientation": "h", "y": -0.06, "yanchor": "top", "x": 0},
        margin={"b": 110},
    )


def _colors(f: Landscape, seen: Sequence[str]) -> dict[str, str]:
    """A colour for each outcome that was seen, in the order of the legend."""
    places = [f"minimum ({a:.4g}, {b:.4g})" for a, b in f.minimisers]
    traps = [name for name in seen if name.startswith("trap")]
    colors = dict(zip(places, MINIMUM_COLORS * 9, strict=False))
    colors |= {f"near {name}": _lighter(color) for name, color in colors.items()}
    colors |= dict(zip(traps, TRAP_COLORS * 9, strict=False))
    colors |= {"elsewhere": ELSEWHERE, "diverged": DIVERGED}
    return {name: color for name, color in colors.items() if name in seen}


def _lighter(color: str) -> str:
    """Halfway to white."""
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in channels(color))


def _panel_title(results: Results, label: str, here: Basin, seen: Sequence[str]) -> str:
    """The rule, and below it the share of its runs at each minimum and in each trap."""
    minima = [name for name in seen if name.startswith(("minimum", "near"))]
    traps = [name for name in seen if name.startswith("trap")]
    shares = [f"{100 * (here.outcome == name).mean():.0f} % {name}" for name in (*minima, *traps)]
    return f"{results.style(label).title}<br><sup>{', '.join(shares)}</sup>"


def _panel(results: Results, label: str, here: Basin, colors: dict[str, str]) -> go.Heatmap:
    """Where the runs of one rule end."""
    edges = [k / len(colors) for k in range(len(colors) + 1)]
    taken = np.where(np.isnan(here.steps), "target not met", here.steps.astype(str))
    return go.Heatmap(
        x=here.x,
        y=here.y,
        z=np.select([here.outcome == name for name in colors], list(range(len(colors)))),
        zmin=-0.5,
        zmax=len(colors) - 0.5,
        colorscale=[
            [edge, color]
            for color, sides in zip(colors.values(), pairwise(edges), strict=True)
            for edge in sides
        ],
        showscale=False,
        customdata=np.stack([here.outcome, taken], axis=-1),
        hovertemplate="from (%{x:.3g}, %{y:.3g}): %{customdata[0]}, steps to the target: "
        "%{customdata[1]}<extra>" + results.style(label).title + "</extra>",
        meta={"role": "basin", "rule": label},
    )


def _places(f: Landscape) -> list[go.Scatter]:
    """The declared minimisers and traps inside the window."""
    (x0, x1), (y0, y1) = f.window
    traces = []
    for points, symbol in ((f.minimisers, "star"), (f.traps, "x")):
        inside = [(a, b) for a, b in points if x0 <= a <= x1 and y0 <= b <= y1]
        if inside:
            traces.append(
                go.Scatter(
                    x=[a for a, _ in inside],
                    y=[b for _, b in inside],
                    mode="markers",
                    marker={"symbol": symbol, "size": 10, "color": "white",
                            "line": {"color": "black", "width": 1}},
                    showlegend=False,
                    hoverinfo="skip",
                    meta={"role": "places"},
                )
            )  # fmt: skip
    return traces


def _legend(colors: dict[str, str]) -> list[go.Scatter]:
    """A square without a place for each outcome."""
    return [
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=name,
            marker={"symbol": "square", "size": 12, "color": color},
            meta={"role": "legend"},
        )
        for name, color in colors.items()
    ]


def _steps_taken(results: Results) -> str:
    """How many steps the runs had, by rule where they differ."""
    taken = {label: results.spec.steps_of(results.rule(label)) for label in results.labels}
    if len(set(taken.values())) == 1:
        return f"{results.spec.steps} steps"
    each = ", ".join(f"{results.style(label).title} {steps}" for label, steps in taken.items())
    return f"its steps ({each})"


def run_ends(results: Results, schedule: str) -> go.Figure:
    """Where the runs end: at the minimum, in a trap, elsewhere, or nowhere."""
    check_complete(results, schedule)
    best = tables.best(results)
    best = best[best["schedule"] == schedule]
    shares = best.groupby("rule", sort=False)[list(END_COLORS)].mean()
    figure = go.Figure(
        [
            go.Bar(
                y=[results.style(label).title for label in shares.index[::-1]],
                x=shares[name][::-1],
                name=name,
                orientation="h",
                marker={"color": color},
                hovertemplate="%{y}: %{x:.1%} " + name + "<extra></extra>",
                meta={"role": "ends", "name": name},
            )
            for name, color in END_COLORS.items()
        ]
    )
    figure.update_xaxes(
        range=[0, 1],
        tickformat=".0%",
        title={"text": "share of runs", "standoff": 14},
        automargin=True,  # or the title rises into the ticks where the legend takes the margin
    )
    figure.update_yaxes(automargin=True)
    traps = tables.ends(results)
    traps = traps[traps["outcome"].str.startswith("trap") & (traps["schedule"] == schedule)]
    named = (
        "; ".join(
            f"{as_text(short_title(str(row.landscape)))} {row.outcome}: "
            f"{results.style(str(row.rule)).title} {row.share:.0%}"
            for row in traps.itertuples()
        )
        or "none of the runs ended in a declared trap"
    )
    return finish(
        figure,
        f"Where the runs end ({schedule})",
        f"Reached: median gap of the last 10 % of steps within {results.spec.targets[-1]:g} of "
        f"{start_gap(results)}. Near, trapped: not so, and ending within 2 % of the "
        f"window's diagonal of a declared minimiser or trap ({named}). {count_of(results)}, "
        "each rule at its own best learning rate. It does not show how near the runs "
        "elsewhere came.",
        barmode="stack",
        height=260 + 34 * len(shares),
        legend={"orientation": "h", "y": -0.9 / (2 + len(shares)), "yanchor": "top", "x": 0},
        margin={"b": 110},
    )
