"""Strings that are no formulas, and formulas that nearly are, through the parser.

    python -m benchmarks.formulas [--count 100000] [--limit 0.05] [--seed 0]

So many random strings and so many mutated formulas of the catalogue each have to end in a Landscape
or a FormulaError within the limit. Prints how many did and the slowest, and exits with 1 if one did
not. Times are of the processor, which on an idle machine are those of the clock: a busy machine
keeps any text waiting. A text over the limit is tried twice more and its least time counts.
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from landscapes import CATALOGUE, FormulaError, free_names, landscape_from_formula

ALPHABET = "xy01.5e+-*/()<>=!,^|& \tabsmaxwhere_sqrtorandnot²é\x00\ud800"
TOKENS = (
    *("x", "y", "pi", "e", "0", "1", "2.5", "1e3", "1e308", "1e-300", "63", "64", "a", "b_1"),
    *("+", "-", "*", "/", "**", "(", ")", "(", ")", ",", "<", "<=", ">", ">=", "==", "!="),
    *("and ", "or ", "not ", "abs(", "max(", "min(", "sqrt(", "exp(", "log(", "sin(", "cos("),
    *("tan(", "tanh(", "relu(", "sign(", "round(", "floor(", "where("),
)
PIECES = re.compile(r"[a-z]+\(|[a-z]|\*\*|[<>]=?|[-+*/]|[0-9.]+(?:e[-+]?[0-9]+)?")
CLASSES = (
    ("+", "-", "*", "/", "**"),
    ("<", "<=", ">", ">="),
    tuple(f"{name}(" for name in ("abs", "sqrt", "exp", "log", "sin", "tanh", "relu", "floor")),
    ("max(", "min("),
    ("x", "y", "pi", "a", "x**2", "(x - y)", "abs(y)"),
    ("0", "1", "-1", "0.5", "2", "3", "63", "64", "1e-9", "1e300", "1e-320", "7.25"),
)
FORMULAS = tuple(entry.formula for entry in CATALOGUE.values() if entry.formula)
LIMIT = 0.05  # seconds


@dataclass
class Tally:
    """What came of some texts.

    Attributes:
        landscapes: How many became a landscape.
        refused: How many ended in a FormulaError.
        slowest: Seconds and text of the slowest.
        wrong: A text and what happened, for each that ended otherwise or too late.
    """

    landscapes: int = 0
    refused: int = 0
    slowest: tuple[float, str] = (0.0, "")
    wrong: list[tuple[str, str]] = field(default_factory=list)


def random_text(draw: random.Random) -> str:
    """Return characters from anywhere, characters of formulas, or tokens in disorder."""
    kind, length = draw.randrange(3), draw.choice((3, 8, 20, 60, 250, 1100))
    length = draw.randrange(length + 1)
    if kind == 0:
        return "".join(
            chr(draw.randrange(draw.choice((128, 0x3000, 0x110000)))) for _ in range(length)
        )
    parts = ALPHABET if kind == 1 else TOKENS
    return "".join(draw.choice(parts) for _ in range(length))


def mutated_formula(draw: random.Random) -> str:
    """Return a formula of the catalogue with one to six changes.

    Half the time its tokens are exchanged for others of their class, which leaves it a formula most
    of the time; else it is cut, spliced, bracketed or repeated anywhere.
    """
    text = draw.choice(FORMULAS)
    changes = draw.choice((1, 1, 2, 3, 6))
    if draw.random() < 0.5:
        for _ in range(changes):
            spot = draw.choice(list(PIECES.finditer(text)))
            others = next(c for c in CLASSES if spot.group() in c or c is CLASSES[-1])
            text = text[: spot.start()] + draw.choice(others) + text[spot.end() :]
        return text
    for _ in range(changes):
        a, b = sorted(draw.randrange(len(text) + 1) for _ in "ab")
        match draw.randrange(6):
            case 0:
                text = text[:a] + text[a + draw.randint(1, 4) :]
            case 1:
                text = text[:a] + draw.choice(TOKENS) + text[a:]
            case 2:
                text = text[:a] + draw.choice(ALPHABET) + text[a + 1 :]
            case 3:
                text = text[:b] + text[a:b] * draw.choice((1, 2, 8)) + text[b:]
            case 4:
                text = text[:a] + "(" + text[a:b] + ")" + text[b:]
            case _:
                text = text[:a] + draw.choice(FORMULAS) + text[b:]
    return text


def texts(make: Callable[[random.Random], str], count: int, seed: int) -> Iterator[str]:
    """Yield so many texts of a kind; the same for the same seed."""
    draw = random.Random(f"{make.__name__} {seed}")
    return (make(draw) for _ in range(count))


def read(text: str) -> bool:
    """Make a landscape of a text as the app does, each free name 1; False if it is refused."""
    try:
        return bool(landscape_from_formula(text, dict.fromkeys(free_names(text), 1.0)))
    except FormulaError:
        return False


def hold(kinds: Iterator[str], limit: float = LIMIT) -> Tally:
    """Read every text and count."""
    tally = Tally()
    for text in kinds:
        took = float("inf")
        for _ in range(3):
            began = time.thread_time()
            try:
                accepted = read(text)
            except Exception as error:
                tally.wrong.append((text, f"{type(error).__name__}: {error}"))
                break
            took = min(took, time.thread_time() - began)
            if took <= limit:
                break
        else:
            tally.wrong.append((text, f"took {1000 * took:.0f} ms"))
        if took == float("inf"):
            continue
        tally.landscapes += accepted
        tally.refused += not accepted
        tally.slowest = max(tally.slowest, (took, text))
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    failed = 0
    for title, make in (("random strings", random_text), ("mutated formulas", mutated_formula)):
        began = time.perf_counter()
        tally = hold(texts(make, args.count, args.seed), args.limit)
        slowest, text = tally.slowest
        print(
            f"{args.count:,} {title}: {tally.landscapes:,} landscapes, {tally.refused:,} refused, "
            f"{len(tally.wrong)} otherwise or later than {1000 * args.limit:g} ms; slowest "
            f"{1000 * slowest:.1f} ms, all {time.perf_counter() - began:.0f} s\n"
            f"  slowest: {text[:100]!r} ({len(text)} characters)",
            flush=True,
        )
        for text, what in tally.wrong[:10]:
            print(f"  {what}: {text!r}", flush=True)
        failed += len(tally.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
