"""Who ends closer, as tables of coloured cells: rules by landscapes, and rules by rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from landscapes import CATALOGUE, get
from pages.shared.compare.cells import Cell, Head
from pages.shared.compare.races import PARTED
from sadam.lab.compare import tables
from sadam.lab.compare.networks import is_network
from sadam.lab.compare.problems import noun_of, short_title, title_of_problem
from sadam.lab.compare.results import Results
from sadam.lab.compare.statistics import Estimate
from sadam.lab.compare.tables import Side
from sadam.lab.compare.wording import brief, factor_of, number

FAINTEST, STRONGEST = 0.16, 0.62  # of a colour, so that text stays readable on it
FULL = 1.5  # decades of a ratio that get the strongest
Row = tuple[Head, Sequence[Cell]]


def tone_of(ratio: float, verdict: str) -> float:
    """The colour of a ratio: positive is closer; none where it is a tie."""
    if verdict == "tie":
        return 0.0
    decades = abs(math.log10(ratio)) if 0 < ratio < math.inf else FULL
    strength = FAINTEST + (STRONGEST - FAINTEST) * min(decades / FULL, 1.0)
    return strength if verdict == "win" else -strength


def factor(value: float) -> str:
    """A number of times, or a bound, as a cell has room for it: 5e6 is 10⁶."""
    if not math.isfinite(value):
        return "∞"
    if 0.001 <= value < 9995 or value == 0:
        return number(value) if value < 1000 else f"{value:.3g}"
    power = str(math.floor(math.log10(value)))
    return "10" + power.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def head_of(results: Results, label: str) -> Head:
    """The head of a rule's column or row."""
    style = results.style(label)
    return Head(style.title, "", style.color, style.color_dark, style.dash)


def order_of(results: Results) -> list[str]:
    """The rules, and after them their matched controls: a narrow screen cuts off the last ones."""
    return sorted(results.labels, key=lambda label: results.control_of(label) is not None)


def ratio_cells(results: Results, schedule: str) -> tuple[list[Head], list[Row], int]:
    """Ratios of final gaps to the baseline's: landscapes by rules, their means first.

    Returns:
        Heads of the columns, the rows, and how many of them sum up the others.
    """
    spec, labels = results.spec, order_of(results)
    base = Side(spec.baseline, schedule)
    title = results.style(spec.baseline).title
    best = tables.best(results)
    best = best[best["schedule"] == schedule].set_index(["landscape", "rule"])
    rows: list[Row] = []
    several = len(results.problems) > 1
    if several:
        line = []
        for label in labels:
            if label == spec.baseline:
                line.append(Cell("1", "baseline", told=f"{title}: what the others are measured by"))
                continue
            mean = tables.mean_ratio(results, Side(label, schedule), base)
            assert mean is not None
            told = f"{results.style(label).title} against {title}, geometric mean:"
            line.append(_cell(mean.over_runs, told, several, beyond=mean.over_problems))
        nouns = noun_of(results.problems)
        note = f"{len(results.problems)} {nouns}; intervals over runs, and over {nouns} too"
        rows.append((Head("All", note), line))
    for name in results.problems:
        line = []
        for label in labels:
            row: Any = best.loc[(name, label)]
            edge = ", at an end of the grid" if row["edge"] else ""
            on = short_title(name)
            where = f"{results.style(label).title} on {on} at lr {row['lr']:.3g}{edge}"
            pick = PARTED.join((name, label))
            gap = f"final gap {row['final_gap']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
            if label == spec.baseline:
                told = f"{where}: {gap}.{_opens(pick)}"
                line.append(Cell(f"{row['final_gap']:.2g}", "gap", told=told, pick=pick))
                continue
            found, _ = tables.problem_ratio(results, name, Side(label, schedule), base)
            told = f"{where}: {gap}; against {title}"
            line.append(_cell(found, told, not several, pick))
        rows.append((Head(_title(name), _kind(name), pick=name + PARTED), line))
    return [head_of(results, label) for label in labels], rows, int(several)


def _title(name: str) -> str:
    """A problem's title, which no line ends within "n = 64"."""
    return title_of_problem(name).replace(" = ", "\u00a0=\u00a0")


def _kind(name: str) -> str:
    if is_network(name):
        return "network"
    if name not in CATALOGUE:  # nobody has shown whether it is convex
        return "your own"
    landscape = get(name)
    words = ["convex" if landscape.convex else "non-convex"]
    words += ["trap"] if landscape.traps else []
    return ", ".join(words)


def _opens(pick: str) -> str:
    """What a click on a cell does, in words."""
    if not pick:
        return ""
    return " Opens the training." if is_network(pick) else " Opens the race."


def _cell(
    found: Estimate, told: str, interval: bool, pick: str = "", beyond: Estimate | None = None
) -> Cell:
    """A ratio with its verdict, and its interval if there is room; beyond: over problems, too."""
    ratio, tie = factor_of(found), found.verdict == "tie"
    told = f"{told} {brief(found)}"
    note = "tie" if ratio.word == "as close" else ratio.word + ", tie" * tie
    tone = tone_of(found.value, found.verdict)
    bounds = [ratio]
    if beyond is not None:
        bounds.append(factor_of(beyond, ratio))
        told += f"; over the problems, too, {bounds[1].bounds}"
        if not tie and beyond.verdict == "tie":  # so on these, not surely on others
            note, tone = f"{note} here", math.copysign(FAINTEST, tone)
    if interval:
        note += "".join(f"\n[{factor(one.low)}, {factor(one.high)}]" for one in bounds)
    return Cell(f"{factor(ratio.times)}×", note, tone, f"{told}.{_opens(pick)}", pick)


def verdict_cells(results: Results, schedule: str) -> tuple[list[Head], list[Row]]:
    """Wins, ties and losses of every rule (row) against every other (column)."""
    counts = tables.verdicts(results, schedule)
    problems = len(results.problems)
    rows: list[Row] = []
    for i, a in enumerate(results.labels):
        line = []
        for j, b in enumerate(results.labels):
            won, tied, lost = (int(n) for n in counts[i, j])
            told = (
                f"{results.style(a).title} against {results.style(b).title}: {won} won, "
                f"{tied} tied, {lost} lost of {problems}. Lists the landscapes."
            )
            if i == j:
                line.append(Cell("–", told="A rule against itself is a tie everywhere."))
                continue
            share = (won - lost) / problems
            tone = share and math.copysign(FAINTEST + (STRONGEST - FAINTEST) * abs(share), share)
            line.append(Cell(f"{won}/{tied}/{lost}", "", tone, told, PARTED.join((a, b))))
        rows.append((head_of(results, a), line))
    return [head_of(results, label) for label in results.labels], rows


def pair_cells(results: Results, schedule: str, a: str, b: str) -> tuple[list[Head], list[Row]]:
    """One rule against another, landscape by landscape."""
    rows: list[Row] = []
    order = {"win": 0, "tie": 1, "loss": 2}
    found = [
        (name, tables.problem_ratio(results, name, Side(a, schedule), Side(b, schedule))[0])
        for name in results.problems
    ]
    for name, ratio in sorted(found, key=lambda item: (order[item[1].verdict], item[1].value)):
        told = f"{results.style(a).title} against {results.style(b).title} on {short_title(name)}:"
        cell = _cell(ratio, told, True, PARTED.join((name, a, b)))
        rows.append((Head(_title(name), _kind(name)), [cell]))
    return [Head(f"{results.style(a).title} is …", f"than {results.style(b).title}")], rows
