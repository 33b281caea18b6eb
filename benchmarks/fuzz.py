"""What visitors could send, through every public reader: a result, or one clear sentence.

    python -m benchmarks.fuzz [--count 20000] [--seed 0] [--only KIND]

So many specs, files of specs, page addresses, command lines and CSV files each, random ones and
changed good ones, have to end in a result or in one sentence, within the time of their kind. Prints
how many did and the slowest, and exits with 1 if one did not. Times are of the processor; what is
over its time is tried twice more and its least time counts. Nothing is computed but races of a few
steps: a command is stopped where its work would begin.
"""

import argparse
import contextlib
import io
import logging
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import parse_qs, urlencode

import numpy as np
import streamlit as st
import torch

from benchmarks import fuzz_inputs as inputs
from benchmarks.fuzz_inputs import SPECS, TEXTS, spliced
from landscapes.data.csv_data import read_csv
from landscapes.data.datasets import DataError, DataSpec
from pages.shared import controls, links
from pages.shared.compare import controls as compare
from pages.shared.instability import controls as maps
from pages.shared.lessons import links as lessons
from pages.shared.networks import controls as networks
from pages.shared.networks import values as network_values
from sadam.lab.cli import main as command
from sadam.lab.codec import SpecError
from sadam.lab.experiment import Experiment
from sadam.lab.kinds import load
from sadam.lab.race import run_race
from sadam.lab.spec import Spec

PYTHONS_OWN = re.compile(
    r"Traceback|Error\b|NoneType|invalid literal|could not convert|not supported between|"
    r"unhashable|object is not|<class|to unpack|index out of|math domain|unexpected keyword|"
    r"positional argument|tensor\("
)
MOST_WORDS = 1000  # characters of a sentence: some list every landscape


class Asked(Exception):
    """A command is about to compute what was asked for."""


class Unclear(Exception):
    """What was said is not one clear sentence, or what was read does not come back."""


@dataclass
class Tally:
    """What came of some inputs.

    Attributes:
        read: How many gave a result.
        refused: How many were refused in one clear sentence.
        slowest: Seconds and input of the slowest.
        wrong: An input and what happened, for each that ended otherwise or too late.
    """

    read: int = 0
    refused: int = 0
    slowest: tuple[float, str] = (0.0, "")
    wrong: list[tuple[str, str]] = field(default_factory=list)


class Kind(NamedTuple):
    """A kind of input.

    Attributes:
        make: Draws one.
        read: Reads one: None for a result, else the sentence that refuses it.
        limit: Seconds that may take.
    """

    make: Callable[[random.Random], Any]
    read: Callable[[Any], str | None]
    limit: float


# ---- the kinds


def read_spec(text: str) -> str | None:
    """Read a spec; what is read comes back from its own JSON."""
    try:
        spec = load(text)
    except SpecError as error:
        return str(error)
    if load(spec.to_json()) != spec:
        raise Unclear(f"came back as {load(spec.to_json())}")
    return None


def read_file(data: bytes) -> str | None:
    """Open a file on the page that opens files of its kind, as Share does, and share it again."""
    _new_visit({})
    try:
        spec = load(data)
        page = PAGES.get(spec.kind)
        if page is None or page.opened is None:
            return None
        page.take()
        page.opened(spec)
        page.link().written()
        if spec.kind in SAY_ALL and page.spec() != spec:
            raise Unclear(f"the page shows {page.spec()}")
    except SpecError as error:
        return str(error)
    return None


class Page(NamedTuple):
    """A page with an address, as its script goes through it.

    Attributes:
        name: What it is called.
        fields: How its address is read.
        defaults: What its controls say as it opens.
        take: Follows the address.
        link: How page and address agree.
        spec: What is on screen as a spec; None where there is none.
        opened: Shows what a file says; None where it opens none.
    """

    name: str
    fields: dict[str, links.Read]
    defaults: dict[str, Any]
    take: Callable[[], Any]
    link: Callable[[], links.Link]
    spec: Callable[[], Spec | None]
    opened: Callable[[Spec], None] | None


def _taken(link: links.Link, keep: Callable[[], None]) -> Callable[[], None]:
    def take() -> None:
        link.take()
        keep()

    return take


def _keep_lessons() -> None:
    for name, value in lessons.DEFAULTS.items():
        st.session_state.setdefault(name, value)


def _map() -> Spec:
    return maps.spec_of_maps(controls.chosen().name)[0]


def _training() -> Spec:
    return networks.training(networks.data_spec())


def _named(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in values.items()}


PAGES = {
    "race": Page(
        "Race", controls.FIELDS, controls.DEFAULTS, _taken(controls.LINK, controls.keep),
        lambda: controls.LINK, controls.experiment, controls.open_spec,
    ),
    "lgi-map": Page(
        "Instability", maps.FIELDS, maps.LINKED, maps.prepare, maps.link, _map, maps.open_spec
    ),
    "training": Page(
        "Networks", _named(networks.PREFIX, network_values.FIELDS),
        _named(networks.PREFIX, network_values.DEFAULTS), networks.take, networks.link, _training,
        networks.open_spec,
    ),
    "compare": Page(
        "Compare", compare.FIELDS, _named(compare.PREFIX, compare.DEFAULTS),
        _taken(compare.LINK, compare.keep), lambda: compare.LINK, compare.wanted, compare.open_spec,
    ),
    "lessons": Page(
        "Lessons", lessons.FIELDS, lessons.DEFAULTS, _taken(lessons.LINK, _keep_lessons),
        lambda: lessons.LINK, lambda: None, None,
    ),
}  # fmt: skip
SAY_ALL = ("race", "compare")  # pages that show whatever a file says


def an_address(draw: random.Random) -> tuple[Page, str]:
    """A page and a query: some of its fields, some of them changed, and the text then spliced."""
    page = draw.choice(list(PAGES.values()))
    query = {"v": "1"}
    for name in draw.sample(list(page.fields), draw.randrange(min(8, len(page.fields)) + 1)):
        value = page.defaults.get(name, 0.5)
        if page.fields[name] is links.packed:
            query[name] = links.pack(draw.choice(SPECS).to_json())
        else:
            query[name] = links.text_of(value)
        if draw.random() < 0.4:
            query[name] = draw.choice((draw.choice(TEXTS), spliced(draw, query[name])))
    if draw.random() < 0.1:
        query[draw.choice(TEXTS)] = draw.choice(TEXTS)
    text = urlencode(query, errors="replace")
    return page, spliced(draw, text) if draw.random() < 0.3 else text


def read_address(asked: tuple[Page, str]) -> str | None:
    """Open a page at an address: what it then shows, or says instead, and its address again."""
    page, text = asked
    parsed = parse_qs(text, keep_blank_values=True, errors="replace")
    reserved = ("embed", "embed_options")  # Streamlit's own, which no page sees
    _new_visit({n: v[-1] for n, v in parsed.items() if n.lower() not in reserved})
    page.take()
    told = links.notes()
    check_sentence(told or "Read.")
    with contextlib.suppress(SpecError):
        page.link().give()
    try:
        page.spec()
    except SpecError as error:
        return str(error)
    return told or None


def _new_visit(query: dict[str, str]) -> None:
    st.session_state.clear()
    st.query_params.from_dict(query)


def read_line(words: list[str]) -> str | None:
    """Run a command in an empty folder, up to where its work begins."""
    out, err = io.StringIO(), io.StringIO()
    before = set(os.listdir())
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}"))),
        contextlib.ExitStack() as patches,
    ):
        for name in STOPPED:
            patches.enter_context(mock.patch(name, side_effect=Asked))
        patches.enter_context(mock.patch("sadam.lab.race.run_race", small_race))
        try:
            code = command(words)
        except Asked:
            code = 0
    if left := set(os.listdir()) - before:  # nothing is written: even what began is taken back
        raise Unclear(f"left {sorted(left)} behind")
    if code == 2:
        said = err.getvalue()
        if out.getvalue() or said.count("\n") != 1:
            raise Unclear(f"said {out.getvalue()!r} and {said!r}")
        return said.removesuffix("\n")
    if code not in (0, 130):  # nothing was computed in time: as if stopped
        raise Unclear(f"exit code {code}")
    return None


STOPPED = (
    "sadam.lab.lgi_map.run_map",
    "sadam.lab.calibration.run_calibration",
    "sadam.lab.training.run.run_training",
    "sadam.lab.training.run_training",
    "sadam.lab.compare.run.iter_compare",
    "sadam.lab.gallery.pictures",
    "sadam.lab.export.write_bundle",
)


def small_race(spec: Experiment) -> Any:
    """Run a race of a few steps; a longer one is only asked for."""
    if spec.steps * len(spec.starts) * len(spec.rules) > 50:
        raise Asked
    return run_race(spec)


def read_table(asked: tuple[bytes, str | None, Any]) -> str | None:
    """Read a CSV file; its numbers are finite and no example is lost."""
    content, target, task = asked
    try:
        found = read_csv(content, DataSpec("csv", path="own.csv", target=target), task)
    except DataError as error:
        return str(error)
    parts = (found.train, found.validation, found.test)
    if not all(np.isfinite(part.inputs).all() for part in parts):
        raise Unclear("inputs that are not finite")
    return None


KINDS = {
    "specs": Kind(inputs.a_spec, read_spec, 0.5),
    "files of specs": Kind(inputs.a_file, read_file, 0.5),
    "addresses": Kind(an_address, read_address, 0.5),
    "command lines": Kind(inputs.a_line, read_line, 1.0),
    "CSV files": Kind(inputs.a_csv, read_table, 0.25),
}


# ---- holding them to it


def check_sentence(text: str) -> None:
    """Raise Unclear unless a text is one line, not too long, and not Python's own words."""
    if not text.strip() or len(text.splitlines()) != 1 or len(text) > MOST_WORDS:
        raise Unclear(f"not one line of at most {MOST_WORDS} characters: {text[:900]!r}")
    if found := PYTHONS_OWN.search(text):
        raise Unclear(f"{found.group()!r} in {text!r}")


def hold(kind: Kind, count: int, seed: int, slower: float = 1.0) -> Tally:
    """Read so many inputs of a kind and count; the same ones for the same seed."""
    tally, draw = Tally(), random.Random(f"{kind.make.__name__} {seed}")
    for _ in range(count):
        asked = kind.make(draw)
        shown = f"{asked[0].name} {asked[1]}" if kind.read is read_address else repr(asked)
        took = float("inf")
        try:
            for _ in range(3):
                began = time.thread_time()
                said = kind.read(asked)
                took = min(took, time.thread_time() - began)
                if took <= kind.limit * slower:
                    break
            if said is not None:
                check_sentence(said)
        except Exception as error:
            tally.wrong.append((shown, f"{type(error).__name__}: {error}"))
            continue
        if took > kind.limit * slower:
            tally.wrong.append((shown, f"took {1000 * took:.0f} ms"))
        tally.read += said is None
        tally.refused += said is not None
        tally.slowest = max(tally.slowest, (took, shown))
    return tally


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """An empty folder to work in, with a spec and a table; Streamlit without its warnings."""
    here, threads = os.getcwd(), torch.get_num_threads()
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    quiet = [(log, log.level) for log in loggers if log.name.startswith("streamlit")]
    for log, _ in quiet:
        log.setLevel(logging.ERROR)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with open("spec.json", "w", encoding="utf-8") as file:
                file.write(SPECS[1].to_json())
            with open("data.csv", "w", encoding="utf-8") as file:
                file.write(inputs.TABLE)
            yield
        finally:
            os.chdir(here)
            torch.set_num_threads(threads)
            for log, level in quiet:
                log.setLevel(level)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS)
    args = parser.parse_args()
    failed = 0
    with prepared():
        for title, kind in KINDS.items():
            if args.only not in (None, title):
                continue
            began = time.perf_counter()
            tally = hold(kind, args.count, args.seed)
            slowest, text = tally.slowest
            print(
                f"{args.count:,} {title}: {tally.read:,} read, {tally.refused:,} refused in one "
                f"sentence, {len(tally.wrong)} otherwise or later than {1000 * kind.limit:g} ms; "
                f"slowest {1000 * slowest:.0f} ms, all {time.perf_counter() - began:.0f} s\n"
                f"  slowest: {text[:160]}",
                flush=True,
            )
            for text, what in tally.wrong[:12]:
                print(f"  {what[:700]}\n    {text[:700]}", flush=True)
            failed += len(tally.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
