"""A comparison in words and numbers, for people and for programs.

Of whatever is complete: while nothing is, the headline says so. What limits it stands in
:mod:`sadam.lab.compare.remarks`.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from sadam.lab.compare import tables
from sadam.lab.compare.budget import budget, costs_differ
from sadam.lab.compare.networks import EVALUATIONS, is_network
from sadam.lab.compare.problems import noun_of, title_of_problem
from sadam.lab.compare.remarks import remarks
from sadam.lab.compare.results import Results
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import Estimate
from sadam.lab.compare.suites import suite_of
from sadam.lab.compare.tables import Side
from sadam.lab.compare.wording import factor_of, named, short, told
from sadam.lab.matched import CONTROL
from sadam.lab.report import Report, frame_of, plain, versions


def compare_report(results: Results) -> Report:
    """Return the report of a comparison, of all blocks or of those that are there."""
    header, rows = readable_table(results)
    return Report(
        spec=results.spec,
        title=title_of(results.spec),
        formula="",
        about=about(results),
        said="\n".join([headline_lines(results), "", *remarks(results)]),
        header=header,
        rows=rows,
        document=document(results),
    )


def title_of(spec: Compare) -> str:
    """Return a heading."""
    rules = f"{len(spec.rules)} rule{'s' * (len(spec.rules) > 1)}"
    if len(spec.problems) == 1:
        return f"{rules} on {title_of_problem(spec.problems[0].landscape)}"
    return f"{rules} on {len(spec.problems)} {spec.nouns}"


def about(results: Results) -> str:
    """Return how it was run, in a sentence or two."""
    spec, one = results.spec, noun_of((p.landscape for p in results.spec.problems), 1)
    number = spec.starts.number
    kinds = {
        "own": "from the landscape's start",
        "grid": f"from a grid of {number} x {number} starts",
        "random": f"from {number} start{'s' * (number > 1)} of each seed, normal around the "
        f"landscape's with deviation {spec.starts.scale:g}",
    }
    start, gap, nets = kinds[spec.starts.kind], "median of f - f*", ""
    if one != "landscape":
        drawn = "from weights that the seed draws"
        start = drawn if one == "network" else f"{start} (on networks {drawn})"
        nets = (
            " On a network the seed draws weights, minibatches and probe directions, and the gap "
            "is the loss on the whole training set, which is at least 0, with its labels as they "
            f"are, recorded every {100 // EVALUATIONS} % of the steps."
        )
    if one == "network":
        gap = "median of the recorded training losses"
    budget = f"{spec.steps} step{'s' * (spec.steps > 1)}"
    if spec.cost == "evaluations":
        budget = f"{2 * spec.steps} function evaluations (a gradient counts 2, a probe 1)"
    rates = f"{len(spec.lrs)} learning rates from {spec.lrs[0]:g} to {spec.lrs[-1]:g}"
    if len(spec.lrs) == 1:
        rates = f"one learning rate, {spec.lrs[0]:g}"
    done = ""
    if len(results.problems) < len(spec.problems):
        done = f" So far {len(results.problems)} of {len(spec.problems)} {spec.nouns} are complete."
    return (
        f"{spec.runs} run{'s' * (spec.runs > 1)} of each rule and learning rate on each {one}, "
        f"{start}, "
        f"{spec.seeds} seed{'s' * (spec.seeds > 1)} from {spec.seed} on; {budget}; {rates}; "
        "each rule is taken at its own best, the one of least median final gap "
        f"({gap} over the last 10 % of steps).{nets}{done}"
    )


def headline(results: Results) -> str:
    """Answer the question in a sentence or two, which say no more than the numbers do."""
    first, said, controls = answer(results)
    text = f"{first} {'; '.join(said)}." if said else first
    if controls:
        text += f" {against_controls(results)}: {'; '.join(controls)}."
    return text


def headline_lines(results: Results) -> str:
    """Return the headline as lists, in Markdown: each rule, and each matched control, in a line."""
    first, said, controls = answer(results)
    lines = [first, "", *(f"- {text}" for text in said)]
    if controls:
        lines += ["", f"{against_controls(results)}:", "", *(f"- {text}" for text in controls)]
    return "\n".join(lines).rstrip()


def answer(results: Results) -> tuple[str, list[str], list[str]]:
    """Return the headline in parts.

    Returns:
        How it begins, with the budget; what it says of each rule, and of each S-Adam against its
        matched control.
    """
    spec = results.spec
    if not results.problems:
        return "Nothing is complete yet.", [], []
    count, whole = len(results.problems), len(spec.problems)
    where = f"On {count} {noun_of(results.problems)}"
    if whole == 1:
        where = f"On {named(results.problems[0])}"
    elif count < whole:
        where = f"So far, on {count} of {whole} {spec.nouns}"
    base = Side(spec.baseline, spec.schedules[0])
    name = results.style(spec.baseline).title
    others = [label for label, _ in spec.rules if label != spec.baseline]
    if not others:
        return f"{where}, {name} at its own best learning rate {_ends(results)}.", [], []

    def say(label: str, other: str, title: str) -> str:
        return told(results, Side(label, base.schedule), Side(other, base.schedule), title)

    return (
        f"{where}, {budget(results)}, {base.schedule} learning rate, each rule at its own best:",
        [f"**{results.style(n).title}** {say(n, spec.baseline, name)}" for n in others],
        [f"{results.style(n).title} {say(n, CONTROL + n, 'it')}" for n in spec.controlled],
    )


def _ends(results: Results) -> str:
    """Where the only rule ends, from the nearest problem to the farthest."""
    spec, nets = results.spec, [is_network(name) for name in results.problems]
    gaps = [results.tuned(n, spec.schedules[0], spec.baseline).gap for n in results.problems]
    what, of = ("at a training loss of ", "") if all(nets) else ("", " above f*")
    if any(nets) and not all(nets):
        what, of = "at a gap or training loss of ", ""
    near, far = f"{min(gaps):.3g}", f"{max(gaps):.3g}"
    return f"ends {what}{near if near == far else f'{near} to {far}'}{of}"


def against_controls(results: Results) -> str:
    """What stands before the verdicts on matched controls."""
    text = "Against AdamW with its own mean step (matched control)"
    if results.spec.cost == "evaluations" and costs_differ(results.spec):
        return f"{text}, which takes as many evaluations and so more steps"
    return text


def short_answer(results: Results) -> str:
    """The verdicts of every rule against the baseline, in one short sentence with the budget.

    Of a single rule, or of nothing complete, it is the headline.
    """
    spec = results.spec
    if not results.problems or len(spec.rules) == 1:
        return headline(results)
    base = Side(spec.baseline, spec.schedules[0])
    said = [
        f"{results.style(label).title} {short(results, Side(label, base.schedule), base)}"
        for label, _ in spec.rules
        if label != spec.baseline
    ]
    text = f"{budget(results)}, against {results.style(spec.baseline).title}: {'; '.join(said)}."
    return text[:1].upper() + text[1:]


# ---- the table


def readable_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Return header and rows as texts: by rule over all problems, or on the only one."""
    if not results.problems:
        return ["rule"], [[label] for label in results.labels]
    if len(results.problems) == 1:
        return _one_problem(results)
    spec, found, best = results.spec, tables.ratios(results), tables.best(results)
    several = len(spec.schedules) > 1
    expected = getattr(suite_of(spec), "expected", ())
    name = results.style(spec.baseline).title
    header = ["rule", *(["schedule"] if several else []), f"than {name}", "95 %", spec.nouns]
    header += ["won/tied/lost", "rank", "reached", "near", "trapped", "diverged", "at edge"]
    header += ["earlier"] if expected else []
    base = Side(spec.baseline, spec.schedules[0])
    rows = []
    for schedule in spec.schedules:
        ranks = tables.rank_table(results, schedule)
        assert ranks is not None
        for label, rank in zip(results.labels, ranks.mean, strict=True):
            mine = best[(best["rule"] == label) & (best["schedule"] == schedule)]
            ratio = found[
                (found["rule"] == label)
                & (found["schedule"] == schedule)
                & (found["against"] == "first")
            ]
            each = ratio[ratio["landscape"] != "all"]["verdict"].tolist()
            mean = tables.mean_ratio(results, Side(label, schedule), base)
            assert mean is not None
            factor = factor_of(mean.over_runs)
            beyond = factor_of(mean.over_problems, factor)
            earlier = [
                factor_of(Estimate(e.ratio, e.ratio, e.ratio))
                for e in expected
                if (e.label, e.schedule) == (label, schedule)
            ]
            rows.append(
                [
                    results.style(label).title,
                    *([schedule] if several else []),
                    factor.text,
                    factor.bounds,
                    beyond.bounds,
                    "/".join(str(each.count(v)) for v in ("win", "tie", "loss")),
                    f"{rank:.2f}",
                    *(
                        f"{100 * mine[n].mean():.0f} %"
                        for n in ("reached", "near", "trapped", "diverged")
                    ),
                    f"{mine['edge'].sum()} of {len(mine)}",
                    *([earlier[0].text if earlier else ""] if expected else []),
                ]
            )
    return header, rows


def _one_problem(results: Results) -> tuple[list[str], list[list[str]]]:
    spec, best = results.spec, tables.best(results)
    name = results.style(spec.baseline).title
    several = len(spec.schedules) > 1
    header = ["rule", *(["schedule"] if several else []), "best lr", "final gap", "quartiles"]
    header += [
        f"than {name}",
        "95 %",
        "steps",
        "evaluations",
        "reached",
        "near",
        "trapped",
        "diverged",
    ]
    base = Side(spec.baseline, spec.schedules[0])
    rows = []
    for row in best.sort_values("final_gap", kind="stable").to_dict("records"):
        side = Side(row["rule"], row["schedule"])
        ratio, _ = tables.problem_ratio(results, row["landscape"], side, base)
        rows.append(
            [
                results.style(row["rule"]).title,
                *([row["schedule"]] if several else []),
                f"{row['lr']:.3g}{' (edge)' if row['edge'] else ''}",
                f"{row['final_gap']:.3g}",
                f"{row['low']:.3g} to {row['high']:.3g}",
                factor_of(ratio).text,
                factor_of(ratio).bounds,
                _count(row["steps"]),
                _count(row["evaluations"]),
                *(f"{100 * row[n]:.0f} %" for n in ("reached", "near", "trapped", "diverged")),
            ]
        )
    return header, rows


def _count(value: float) -> str:
    return "-" if math.isinf(value) else f"{value:,.0f}"


# ---- for programs


def document(results: Results) -> dict[str, Any]:
    """Return the numbers as plain data for JSON: what is not a finite number is None."""
    spec = results.spec
    found: dict[str, Any] = {
        **frame_of(spec),
        "sentence": headline(results).replace("**", ""),
        "remarks": remarks(results),
        "complete": len(results.problems) == len(spec.problems),
        "best": [],
        "ratios": [],
        "verdicts": {},
        "ranks": {},
        "ends": [],
    }
    if results.problems:
        found["best"] = records(tables.best(results))
        found["ratios"] = records(tables.ratios(results))
        found["ends"] = records(tables.ends(results))
        for schedule in spec.schedules:
            ranks = tables.rank_table(results, schedule)
            assert ranks is not None
            found["verdicts"][schedule] = {
                "rules": list(results.labels),
                "win_tie_loss": tables.verdicts(results, schedule).tolist(),
            }
            found["ranks"][schedule] = {
                "mean": dict(zip(results.labels, ranks.mean.tolist(), strict=True)),
                "problems": ranks.problems,
                "friedman": plain(ranks.statistic),
                "p_value": plain(ranks.p_value),
                "critical_difference": plain(ranks.critical_difference),
            }
    suite = suite_of(spec)
    if suite is not None and suite.expected:
        found["earlier"] = [vars(expected) for expected in suite.expected]
    return {**found, "versions": versions()}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as plain data for JSON."""
    return [
        {str(name): _python(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _python(value: Any) -> Any:
    return plain(value.item() if hasattr(value, "item") else value)
