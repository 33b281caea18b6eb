"""The commands ``compare`` and ``report``."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sadam.lab.cli.options import add_json, add_options, base_fields, fields_given, fields_of
from sadam.lab.cli.terminal import PROGRAM, names_in, say, show_line

if TYPE_CHECKING:
    from sadam.lab.compare.grids import Axis
    from sadam.lab.compare.results import Results
    from sadam.lab.compare.run import Progress
    from sadam.lab.compare.spec import Compare
    from sadam.lab.rulebook import LabelledRules

ABOUT = """\
Compare optimizers fairly: every rule from the same starts with the same seeds at every learning
rate of one grid, each taken at its own best. Prints how many times closer or farther it ends than
the baseline, a geometric mean over the landscapes, with the interval of a paired bootstrap over the
runs (and, in the next column, over the landscapes too; a bound below 1 points the other way), wins,
ties and losses (a tie: the interval holds 1), mean rank, and shares of runs that reach the minimum,
sit in a trap or diverge. Beside each S-Adam runs its matched control: AdamW at lr times the mean
brake of the same run, with the same decay of the weights and the same budget.

Landscapes are chosen by key or tag: all, kinked, smooth, stepped, quantized, convex, non-convex,
trap, composite, several-minima; + joins tags that must all hold.

A network is a line of text: its data (those of train that need no file), then any of hidden,
channels, activation, weight_bits, activation_bits, batch, loss, label_noise, input_noise, dtype, n,
noise, data_seed, as "two-moons; hidden = 16,16; weight_bits = 2". Its seed draws weights,
minibatches and probes; its gap is the loss on the whole training set.

With --out DIR every block's rows are kept as they come. Whatever ends the program, the same command
goes on from there and ends with the same bytes; a directory of another comparison is refused. Draw
it at any time with report DIR. Numbers do not depend on --workers or --scheduler. Exit codes are
those of race; 130 after Ctrl-C, when what was done is kept.
"""

REPORT_ABOUT = """\
Draw what a run directory of compare holds by now: one HTML page that opens offline, with every
figure, what it shows and what not, the spec and the command, and a PDF of it where a Chromium is
installed. Exit code: 0 done; 1 done, but the PDF is missing; 2 it is no run directory.
"""

EXAMPLES = """\
examples:
  python -m sadam compare --suite reference
  python -m sadam compare --landscapes convex+kinked --seeds 32 --out runs --workers 2
  python -m sadam compare --landscapes cb2 --rules adam,s-adam-two-sided --grid damping=0:8:24
  python -m sadam compare --net digits --net "two-moons; hidden = 16,16; weight_bits = 2" --seeds 8
  python -m sadam compare --landscapes trap --starts grid:64 --seeds 1 --lr 0.05 --steps 300
  python -m sadam compare --suite catalogue --scheduler tcp://10.0.0.1:8786 --out catalogue
  python -m sadam report runs
"""

LIST, NUMBER = "A,B,... or LOW:HIGH:N", "N"

WHAT = {
    "suite": ("NAME", "start from a comparison with a name: reference or catalogue"),
    "spec": ("FILE", "start from the JSON of a spec, - for standard input"),
    "landscapes": ("KEY|TAG,...", "which functions (default: kinked)"),
    "rules": ("KEY,KEY,...", "the optimizers, KEY or LABEL=KEY (default: those of race)"),
    "lr": (LIST, "learning rates, evenly spaced by factors (default: 0.001:1:16)"),
    "schedules": ("KEY,...", "constant, inverse-sqrt, cosine (default: constant)"),
    "starts": (
        "KIND",
        "own, grid:N (N x N over the window) or random:N:DEVIATION around the landscape's, others "
        "for each seed (default: random:1:0.3)",
    ),
    "seeds": (NUMBER, "how many (default: 16)"),
    "seed": (NUMBER, "the first of them (default: 0)"),
    "steps": (NUMBER, "number of steps (default: 500)"),
    "cost": ("WHAT", "what is equal: steps, or evaluations (default: steps)"),
    "targets": (
        "A,B,...",
        "shares of the gap at the start whose first step is recorded; the smallest is reaching the "
        "minimum (default: 0.1,0.01,0.001)",
    ),
    "baseline": ("LABEL", "whom ratios are taken to (default: adam)"),
}


def add_compare_commands(commands: Any) -> None:
    """Add both commands to the parser's."""
    raw = argparse.RawDescriptionHelpFormatter
    add = commands.add_parser(
        "compare",
        help="compare optimizers fairly: tuned, seeded, with intervals",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    what = add.add_argument_group("what to compare")
    add_options(what, WHAT)
    what.add_argument(
        "--function",
        metavar="TEXT",
        action="append",
        default=[],
        help='a function of your own, such as "abs(x) + b*abs(y); b = 10"; repeatable',
    )
    what.add_argument(
        "--net",
        metavar="TEXT",
        action="append",
        default=[],
        help='a network, such as "two-moons; hidden = 16,16; batch = 32"; repeatable',
    )
    what.add_argument(
        "--start",
        metavar="KEY=X,Y",
        action="append",
        default=[],
        help="another start of one landscape; repeatable",
    )
    what.add_argument(
        "--set",
        metavar="RULE.NAME=VALUE",
        action="append",
        default=[],
        help="a hyperparameter of one rule (by label), or of all with RULE 'all'; repeatable",
    )
    what.add_argument(
        "--grid",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        help="also vary damping, radius, num_probes, weight_decay, momentum, l1 or eps, for a "
        f"heatmap: {LIST}, evenly spaced (radius: by factors); repeatable",
    )
    what.add_argument(
        "--no-controls", action="store_true", help="without the matched controls of S-Adam"
    )
    how = add.add_argument_group("how to run it, and output")
    how.add_argument("--estimate", action="store_true", help="say what it costs, and run nothing")
    how.add_argument("--workers", metavar=NUMBER, help="processes to use (default: 1)")
    how.add_argument("--scheduler", metavar="ADDRESS", help="use the workers of a Dask cluster")
    how.add_argument("--out", metavar="DIR", help="keep results there; go on if some are there")
    add_json(how)
    add.set_defaults(run=_compare)

    add = commands.add_parser(
        "report",
        help="draw what a run directory of compare holds",
        description=REPORT_ABOUT,
        allow_abbrev=False,
    )
    add.add_argument("directory", metavar="DIR", help="a run directory, finished or not")
    add.add_argument("--no-pdf", action="store_true", help="only the HTML page")
    add.set_defaults(run=_report)


def spec_from(arguments: argparse.Namespace) -> Compare:
    """Return the comparison that the options describe.

    Raises:
        ValueError: If they describe none, or the file of ``--spec`` cannot be read.
    """
    from sadam.lab.compare.grids import log_grid, numbers_from_text
    from sadam.lab.compare.spec import Compare
    from sadam.lab.rulebook import kept, make_rules

    given = _base(arguments)
    given |= _problems(arguments, given)
    if arguments.rules is not None:
        given["rules"] = kept(make_rules(names_in(arguments.rules)), given.get("rules", ()))
        if given.get("baseline") not in [label for label, _ in given["rules"]]:
            given["baseline"] = ""
    if arguments.lr is not None:
        given["lrs"] = numbers_from_text(arguments.lr, "lr", log_grid)
    if arguments.schedules is not None:
        given["schedules"] = names_in(arguments.schedules)
    if arguments.starts is not None:
        given["starts"] = _starts(arguments.starts)
    simple = ("seeds", "seed", "steps", "cost", "targets", "baseline")
    given |= fields_given(arguments, Compare, simple)
    if arguments.no_controls:
        given["controls"] = False
    if arguments.set:
        given["rules"] = _set(arguments.set, Compare(**given | {"axes": ()}).rules)
    if arguments.grid:
        given["axes"] = tuple(_axis(text) for text in arguments.grid)
    return Compare(**given)


def _base(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of the comparison that the options start from; none if from none."""
    from sadam.lab.codec import nearest
    from sadam.lab.compare.spec import Compare
    from sadam.lab.compare.suites import SUITES
    from sadam.text import shown

    name = arguments.suite
    if name is None:
        return base_fields(arguments, Compare)
    if arguments.spec is not None:
        raise ValueError("give --suite or --spec, not both")
    if name not in SUITES:
        raise ValueError(f"there is no suite {shown(name)}: {nearest(name, SUITES)}")
    return fields_of(SUITES[name].spec())


def _problems(arguments: argparse.Namespace, given: dict[str, Any]) -> dict[str, Any]:
    """The field of problems, if the options say something of it.

    Args:
        arguments: What was parsed.
        given: The fields that the options start from.
    """
    from sadam.lab.codec import from_text
    from sadam.lab.compare.networks import PREFIX
    from sadam.lab.compare.problems import problems_of
    from sadam.lab.compare.spec import Compare

    starts = dict(_pair(text, "--start", "KEY=X,Y") for text in arguments.start)
    points = {key: from_text(tuple[float, float], text, "start") for key, text in starts.items()}
    if arguments.landscapes is not None or arguments.function or arguments.net:
        names = [] if arguments.landscapes is None else [*names_in(arguments.landscapes)]
        names += [f"= {text.strip()}" for text in arguments.function]
        names += [f"{PREFIX} {text.strip().removeprefix(PREFIX)}" for text in arguments.net]
        return {"problems": problems_of(names, points)}
    if points:
        known = Compare(**given).problems
        before = {p.landscape: p.start for p in known if p.start is not None}
        return {"problems": problems_of((p.landscape for p in known), before | points)}
    return {}


def _set(settings: list[str], rules: LabelledRules) -> LabelledRules:
    """The rules with the hyperparameters of ``--set``."""
    from sadam.lab.rulebook import set_hyperparameter

    for setting in settings:
        place, value = _pair(setting, "--set", "RULE.NAME=VALUE")
        who, dot, name = place.rpartition(".")
        if not dot:
            raise ValueError(f"--set {setting}: it must look like RULE.NAME=VALUE")
        if name == "lr":
            raise ValueError("every rule is tried at all learning rates: set them with --lr")
        rules = set_hyperparameter(rules, who, name, value)
    return rules


def _axis(text: str) -> Axis:
    """The axis that one ``--grid`` describes."""
    from sadam.lab.compare.grids import Axis, linear_grid, log_grid, numbers_from_text

    name, values = _pair(text, "--grid", "NAME=VALUES")
    name = name.replace("-", "_")
    return Axis(
        name, numbers_from_text(values, name, log_grid if name == "radius" else linear_grid)
    )


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")  # the last: a function's own text may hold some
    if not equals:
        raise ValueError(f"{option} {text}: it must look like {form}")
    return name.strip(), value


def _starts(text: str) -> Any:
    from sadam.lab.codec import from_plain, from_text
    from sadam.lab.compare.problems import Starts

    kind, *rest = text.split(":")
    most = {"own": 0, "grid": 1, "random": 2}.get(kind)
    if most is not None and len(rest) > most:
        raise ValueError(f"--starts {text}: {kind} takes at most {most} numbers")
    values: dict[str, Any] = {"kind": kind, "number": 1, "scale": 0.3}
    if rest:
        values["number"] = from_text(int, rest[0], "number of starts")
    if len(rest) > 1:
        values["scale"] = from_text(float, rest[1], "scale of starts")
    return from_plain(Starts, values, "starts")


def _compare(arguments: argparse.Namespace) -> int:
    from sadam.lab.codec import from_text

    spec = spec_from(arguments)
    if arguments.estimate:
        return _estimate(spec, arguments.json)
    from sadam.lab.compare.run import iter_compare
    from sadam.lab.style import duration

    workers = 1 if arguments.workers is None else from_text(int, arguments.workers, "workers")
    last: Progress | None = None
    steps = iter_compare(spec, arguments.out, workers=workers, scheduler=arguments.scheduler)
    stopped = False
    with closing(steps):  # type: ignore[type-var]
        try:
            for progress in steps:
                for note in progress.notes if last is None else ():
                    print(f"{PROGRAM}: {note}", file=sys.stderr)
                last = progress
                left = "" if last.left is None else f", about {duration(last.left)} left"
                show_line(f"{last.done} of {last.total} blocks{left} ...")
        except KeyboardInterrupt:
            stopped = True
        finally:
            show_line()
    if last is None or (stopped and not last.done):
        return 130
    results = last.results()
    if not stopped and arguments.out is not None:
        from sadam.lab.compare.files import write_tables

        write_tables(results, arguments.out)
    _print(results, arguments)
    if stopped:
        where = f"; the same command goes on from {arguments.out}" if arguments.out else ""
        print(
            f"{PROGRAM}: stopped after {last.done} of {last.total} blocks{where}", file=sys.stderr
        )
        return 130
    return 0


def _estimate(spec: Compare, as_json: bool) -> int:
    from sadam.lab.compare.blocks import plan
    from sadam.lab.compare.spec import estimate

    cost, blocks = estimate(spec), len(plan(spec))
    nets = f", {cost.multiplications:.2g} multiplications in networks" * bool(cost.multiplications)
    if as_json:
        document = {"command": spec.to_command(), "spec": spec.to_dict(), "blocks": blocks}
        say(json.dumps(document | vars(cost), indent=2))
    else:
        say(
            f"{cost.lanes:,} runs in {blocks:,} blocks, {cost.steps:,} steps, "
            f"{cost.evaluations:,} function evaluations{nets}"
        )
    return 0


def _print(results: Results, arguments: argparse.Namespace) -> None:
    from sadam.lab.compare.report import compare_report
    from sadam.lab.report import terminal_text

    report = compare_report(results)
    if arguments.json:
        say(json.dumps(report.document, indent=2, ensure_ascii=False, allow_nan=False))
        return
    say(terminal_text(report))
    if arguments.out is not None:
        say(
            f"\nThe runs are in {arguments.out}; `python -m {PROGRAM} report {arguments.out}` "
            "draws them."
        )


def _report(arguments: argparse.Namespace) -> int:
    from sadam.lab.compare.files import write_report
    from sadam.lab.compare.run import load_results

    results = load_results(arguments.directory)
    files, notes = write_report(results, arguments.directory, pdf=not arguments.no_pdf)
    for path in files:
        say(str(path))
    for note in (*results.notes, *notes):
        print(f"{PROGRAM}: {note}", file=sys.stderr)
    return 1 if notes else 0
