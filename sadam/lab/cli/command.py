"""The command line, ``python -m sadam``: what there is, what runs it, what draws and writes it.

``list`` says what there is; ``race``, ``lgi-map``, ``calibrate``, ``train`` and ``compare`` run;
``report`` draws a comparison, ``export`` writes the files of a spec, ``gallery`` the pictures of
the gallery.

The laboratory, and torch with it, is imported only when a command runs, so that ``--help`` answers
at once. Defaults stated in the help texts are held to the real ones by a test.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from sadam.lab.cli.compare import add_compare_commands
from sadam.lab.cli.export import add_export
from sadam.lab.cli.gallery import add_gallery
from sadam.lab.cli.landscape import add_landscape_options, landscape_from
from sadam.lab.cli.lgi import add_commands
from sadam.lab.cli.options import add_output, base_fields, fields_given
from sadam.lab.cli.rules import add_rule_options, rules_from
from sadam.lab.cli.terminal import PROGRAM, deliver, say, show_line, silence
from sadam.lab.cli.train import add_train

if TYPE_CHECKING:
    from sadam.lab.experiment import Experiment
    from sadam.lab.export import Bundle

ABOUT = """\
Watch and measure how optimizers behave on functions with kinks.

Adam's steps chatter where a function is not differentiable: the gradient jumps from one side of a
kink to the other and the steps with it. S-Adam probes the function at a few random points near by,
condenses the slopes it finds into one number, the local geometric instability (LGI), and multiplies
the step by exp(-damping * LGI). As published it probes one side of each direction; "two-sided"
probes both, which is silent on smooth slopes and loud at kinks.
"""

EXAMPLES = """\
examples:
  python -m sadam list landscapes
  python -m sadam race
  python -m sadam race --landscape crescent --start=-1.5,2 --lr 0.05 --out crescent
  python -m sadam race --landscape cb2 --start 2,2 --start 1,-0.1 --rules adam,s-adam-two-sided
  python -m sadam race --function "a*abs(x) + abs(y - x**2)" --param a=0.5 --start=-1.5,2
  python -m sadam race --rules adam,slow=adam --set slow.lr=0.01 --schedule cosine
  python -m sadam race --spec crescent/spec.json --seed 1 --json
  python -m sadam lgi-map --landscape cb2 --radius 0.05 --out cb2-map
  python -m sadam calibrate --landscape lasso
  python -m sadam compare --suite reference
  python -m sadam train --dataset two-moons --hidden 16,16 --seeds 8
  python -m sadam gallery --out pictures
"""

RACE_ABOUT = """\
Run several optimizers from the same starts on one landscape, with the same random probe directions,
and print for each how near it came and how much it chattered:

  final gap        median of f - f* over the last 10 % of steps
  best gap         least f - f* of all steps
  conflict rate    share of steps at which the gradient turned by more than 90 degrees
  path efficiency  distance from start to end over the length of the path; 1 is straight
  mean brake       mean factor that S-Adam put on its steps; 1 is no brake
  evaluations      function evaluations: a gradient counts 2, a probe 1
  diverged         when it left the finite numbers, if it did

With several starts these are medians over them. With --out the spec, the numbers, the trajectories
and the figures are written too. Exit code: 0 done; 1 done, but images asked for with --formats are
missing; 2 something is wrong with what was asked, or a file could not be written; 130 interrupted.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence, with the nearest option or command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what is not known here, so that a command suggests options of its own."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        invalid = re.match(r"argument .*: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown := re.search(r"unrecognized arguments: (\S+)", message):
            flag = unknown.group(1).partition("=")[0] or unknown.group(1)
            hint = _hint(flag, list(self._option_string_actions)) if flag[0] == "-" else ""
            message = f"unknown argument {flag!r}{hint}"
        elif invalid:
            names = re.findall(r"[\w-]+", invalid.group(2))
            hint = _hint(invalid.group(1), names) or f": it must be one of {', '.join(names)}"
            message = f"there is no {invalid.group(1)!r}{hint}"
        raise ValueError(message)


def _hint(name: str, names: Sequence[str]) -> str:
    plain = {option.lstrip("-"): option for option in names}  # dashes are alike in all options
    close = difflib.get_close_matches(name.lstrip("-"), plain, n=1, cutoff=0.5)
    return f", did you mean {plain[close[0]]!r}?" if close else ""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        f"python -m {PROGRAM}",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    about = "show the landscapes, rules and schedules there are"
    add = commands.add_parser(
        "list", help=about, description=about.capitalize() + ".", allow_abbrev=False
    )
    add.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=["all", "landscapes", "rules", "schedules"],
        help="what to show (default: all)",
    )
    add.add_argument("--json", action="store_true", help="print JSON")
    add.set_defaults(run=_list)

    add = commands.add_parser(
        "race",
        help="run optimizers side by side: a table, and files with --out",
        description=RACE_ABOUT,
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    _add_race_options(add)
    add.set_defaults(run=_race)
    add_commands(commands)
    add_compare_commands(commands)
    add_train(commands)
    add_gallery(commands)
    add_export(commands)
    return parser


def _add_race_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to run")
    add_landscape_options(what)
    what.add_argument(
        "--start",
        metavar="X,Y",
        action="append",
        help="where to start; give it again for more starts (default: the landscape's own)",
    )
    what.add_argument("--steps", metavar="N", help="number of steps (default: 500)")
    what.add_argument("--seed", metavar="N", help="seed of the probe directions (default: 0)")
    what.add_argument(
        "--schedule",
        metavar="KEY",
        help="learning rate over time: constant, inverse-sqrt or cosine (default: constant)",
    )
    what.add_argument(
        "--spec",
        metavar="FILE",
        help="start from the JSON of a spec, - for standard input; options given here override it "
        "(another --landscape without --start: its own start; --rules keeps what it knows)",
    )
    add_rule_options(parser, lr=0.05)
    out = parser.add_argument_group("output")
    add_output(out, "html,parquet,csv,png,svg,pdf", "gif,mp4,html-small")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: The arguments, without the program's name; those of the process by default.
    """
    if argv is None:  # the process is ours
        argv = sys.argv[1:]
        signal.signal(signal.SIGTERM, _terminate)
        sys.unraisablehook = _again
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _guarded(argv)
    try:
        sys.stdout.flush()
    except OSError as error:
        silence()
        return code if isinstance(error, BrokenPipeError) else 2
    return code


def _guarded(argv: Sequence[str]) -> int:
    """Run a command; every way it can end becomes an exit code and at most one sentence."""
    try:
        _check_names(argv)
        parser = build_parser()
        arguments = parser.parse_args(_joined(argv))
        if not hasattr(arguments, "run"):
            parser.print_help()
            return 0
        return arguments.run(arguments)
    except SystemExit as end:  # argparse, after --help; or a SIGTERM
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        silence()
        return 0
    except (ValueError, OSError, MemoryError) as error:
        message = " ".join(str(error).split()) or "out of memory"
        show_line()  # of what it was at
        print(f"{PROGRAM}: {message}", file=sys.stderr)
        return 2


def _check_names(words: Sequence[str]) -> None:
    """Refuse what can name no file: an empty --out, which would be where one stands, and a NUL."""
    for i, word in enumerate(words):
        if "\0" in word:
            raise ValueError("an argument holds a NUL character, which no name and no number has")
        if word == "--out=" or (word == "--out" and list(words[i + 1 : i + 2]) == [""]):
            raise ValueError("--out is empty: name a directory, or . for where you are")


def _terminate(*_: Any) -> NoReturn:
    raise SystemExit(143)


def _again(lost: sys.UnraisableHookArgs) -> None:
    """Send a Ctrl-C or SIGTERM once more that came where Python only prints and forgets it."""
    if not issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        return sys.__unraisablehook__(lost)
    number = signal.SIGINT if lost.exc_type is KeyboardInterrupt else signal.SIGTERM
    main = threading.main_thread().ident
    # In a moment: this hook, too, runs where nothing can be raised.
    return threading.Timer(0.05, signal.pthread_kill, (main, number)).start()


def _joined(words: Sequence[str]) -> list[str]:
    """Turn ``--start -1.5,2`` into ``--start=-1.5,2``, lest the value be taken for an option."""
    result: list[str] = []
    for word in words:
        last = result[-1] if result else ""
        if re.match(r"-(\d|\.\d|inf|nan)", word, re.I) and re.fullmatch(r"--[a-z-]+", last):
            result[-1] = f"{last}={word}"
        else:
            result.append(word)
    return result


def _list(arguments: argparse.Namespace) -> int:
    from sadam.lab.cli.listing import listing, readable

    found = listing(arguments.what)
    say(json.dumps(found, indent=2, ensure_ascii=False) if arguments.json else readable(found))
    return 0


def _race(arguments: argparse.Namespace) -> int:
    def compute() -> Bundle:
        from sadam.lab.export import race_bundle
        from sadam.lab.race import run_race

        return race_bundle(run_race(experiment))

    experiment = experiment_from(arguments)
    return deliver(arguments, compute, on_demand=("gif", "mp4"))


def experiment_from(arguments: argparse.Namespace) -> Experiment:
    """Return the experiment that the options of ``race`` describe.

    Raises:
        ValueError: If they describe none, or the file of ``--spec`` cannot be read.
    """
    from sadam.lab.codec import from_text
    from sadam.lab.experiment import Experiment, Point
    from sadam.lab.rulebook import DEFAULT_LR

    landscape = landscape_from(arguments)  # first: a spec may name what a file of the user's adds
    given = base_fields(arguments, Experiment)
    if landscape is not None:
        if landscape != given.get("landscape"):
            given["starts"] = ()
        given["landscape"] = landscape
    if arguments.start:
        given["starts"] = tuple(from_text(Point, text, "start") for text in arguments.start)
    given |= fields_given(arguments, Experiment, ("steps", "seed"))
    if arguments.schedule is not None:
        given["schedule"] = arguments.schedule
    experiment = Experiment(**given)
    rules = rules_from(arguments, experiment.rules, DEFAULT_LR)
    return experiment if rules == experiment.rules else replace(experiment, rules=rules)
