"""Specs, files, command lines and tables that a visitor could send, most with something wrong."""

import copy
import json
import random
import shlex
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from landscapes.data.datasets import DataSpec
from sadam.lab.calibration import CalibrationSpec
from sadam.lab.compare.problems import problems_of
from sadam.lab.compare.spec import Compare
from sadam.lab.experiment import Experiment
from sadam.lab.lgi_map import LgiMap
from sadam.lab.spec import Spec
from sadam.lab.training.spec import Training
from sadam.rules import RULES

SPECS: tuple[Spec, ...] = (
    Experiment(),
    Experiment(landscape="cb2", starts=((1.0, 2.0), (0.5, -1.0)), steps=77, schedule="cosine"),
    Experiment(landscape="= a*abs(x) + abs(y); a = 3; window = -1, 1, -2, 2", starts=((0.5, 0.5),)),
    Experiment(rules=tuple((key, make(lr=0.01)) for key, make in RULES.items()), seed=5),
    LgiMap(landscape="l1", grid=21),
    CalibrationSpec("l1", (0.05,), 33, 4, 7),
    Training(seeds=2, steps=20),
    Training(data=DataSpec("csv", path="own.csv", target="kind"), lr_grid=(0.01, 0.1)),
    Compare(problems=problems_of(["l1", "= abs(x) + y**2", "net: xor; hidden = 8"]), seeds=2),
)
LINES = (
    "list rules --json",
    "race --landscape crescent --start=-1.5,2 --lr 0.05 --steps 3",
    "race --function 'a*abs(x) + abs(y - x**2)' --param a=0.5 --start 1,2 --steps 2 --json",
    "race --rules adam,slow=adam --set slow.lr=0.01 --schedule cosine --steps 2 --seed 7",
    "race --spec spec.json --steps 4",
    "race --landscape l1 --steps 2 --out out --formats csv,parquet",
    "lgi-map --landscape cb2 --radius 0.05 --grid 21 --probes one-sided,goldstein --out map",
    "calibrate --landscape lasso --radius 0.01,0.05 --grid 21 --num-probes 4",
    "compare --suite reference --estimate",
    "compare --landscapes l1,cb2 --net 'xor; hidden = 8' --lr 0.01:1:4 --seeds 2 --estimate",
    "compare --function 'abs(x) + b*abs(y); b = 10' --grid damping=0:4:3 --starts random:2:0.3",
    "report out --no-pdf",
    "train --dataset two-moons --hidden 16,16 --seeds 2 --steps 3 --bits 2 --lr-grid 0.1,1",
    "train --csv data.csv --target kind --batch-size all --rules adam,s-adam --json",
    "export spec.json --out all.zip --formats csv --figures map --width 480 --scale 3",
    "gallery --out pictures",
)
TABLE = "width;length;kind\n" + "".join(f"{i / 7:.3f};{-i % 5};{'abc'[i % 3]}\n" for i in range(12))
NUMBERS = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        0.5,
        -0.0,
        1e-320,
        1e-9,
        1e300,
        -1e308,
        7,
        64,
        2**31,
        10**400,
    ),
    *(float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *("", " ", "0", "-1", "nan", "inf", "1e999", "1,2", "0.01:1:4", "adam", "s-adam", "l1", "all"),
    *("= abs(x)", "= x/0", "= sqrt(abs(x*y)); a = 2", "net: xor", "net: two-moons; hidden = 0"),
    *(
        "\x00",
        "é²",
        "\ud800",
        "<b>",
        "![](//x)",
        "'",
        '"',
        "a" * 300,
        "\n",
        "=",
        ";",
        ":",
        "{",
        "٣",
    ),
    *("--json", "--steps", "--lr", "--rules", "2", "cosine", "csv", "race", "train", "True", "1_0"),
)


# ---- changing what is good


def spliced(draw: random.Random, text: str, parts: tuple[str, ...] = TEXTS) -> str:
    """Cut, exchange, repeat or insert, one to four times, anywhere in a text."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        a, b = sorted(draw.randrange(len(text) + 1) for _ in "ab")
        match draw.randrange(5):
            case 0:
                text = text[:a] + text[a + draw.randint(1, 4) :]
            case 1:
                text = text[:a] + draw.choice(parts) + text[a:]
            case 2:
                text = text[:a] + chr(draw.choice((draw.randrange(128), 0x2028, 0xFEFF))) + text[b:]
            case 3:
                text = text[:b] + text[a:b] * draw.choice((1, 3)) + text[b:]
            case _:
                text = text[:a]
    return text


def anything(draw: random.Random) -> Any:
    """A value that JSON can say, or nearly."""
    match draw.randrange(8):
        case 0:
            return [anything(draw) for _ in range(draw.randrange(3))]
        case 1:
            return {draw.choice(TEXTS): anything(draw) for _ in range(draw.randrange(3))}
        case 2 | 3:
            return draw.choice(TEXTS)
        case _:
            return draw.choice(NUMBERS)


def changed(draw: random.Random, tree: Any) -> Any:
    """A copy of a tree of dicts and lists with one to three changes anywhere."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return anything(draw)
        holder, at = draw.choice(places)
        if type(holder[at]) in (int, float) and draw.random() < 0.6:
            factor = draw.choice((-1, 0.5, 2, 2, 3, 10, 1000, 1e-12))
            with suppress(OverflowError):  # a whole number that no float can hold stays as it is
                holder[at] *= factor
            continue
        match draw.randrange(5):
            case 0:
                del holder[at]
            case 1:
                other, there = draw.choice(places)
                holder[at] = copy.deepcopy(other[there])
            case 2 if isinstance(holder, list):
                holder *= draw.choice((2, 40, 400))
            case 2:
                holder[draw.choice(TEXTS)] = anything(draw)
            case 3:
                holder[at] = [holder[at]]
            case _:
                holder[at] = anything(draw)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for at, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, at
        if isinstance(item, dict | list):
            yield from _places(item)


# ---- what is sent


def a_spec(draw: random.Random) -> str:
    """The JSON of a spec with changes in what it says, or in its text; or no JSON at all."""
    spec = draw.choice(SPECS)
    if draw.random() < 0.7:
        return json.dumps(changed(draw, spec.to_dict()))
    text = spliced(draw, spec.to_json(indent=draw.choice((None, 2))))
    return "[" * 5000 + text if draw.random() < 0.01 else text


def a_file(draw: random.Random) -> bytes:
    """The bytes of such a text, some of them others."""
    data = bytearray(a_spec(draw).encode(draw.choice(("utf-8",) * 5 + ("utf-8-sig", "utf-16")),
                                         "surrogatepass"))  # fmt: skip
    for _ in range(draw.choice((0, 0, 0, 0, 1, 3))):
        if data:
            data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def a_line(draw: random.Random) -> list[str]:
    """The words of a command with changes; no path but of the folder it runs in."""
    words = shlex.split(draw.choice(LINES))
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(words))
        match draw.randrange(5):
            case 0:
                del words[at]
            case 1:
                words.insert(at, draw.choice(TEXTS))
            case 2:
                words[at] = spliced(draw, words[at])
            case 3:
                words += (
                    draw.choice(shlex.split(draw.choice(LINES))[1:] or [""]),
                    draw.choice(TEXTS),
                )
            case _:
                words[at] = draw.choice(TEXTS)
        words = words or [""]
    return ["here" if "/" in word or ".." in word else word for word in words]


def a_csv(draw: random.Random) -> tuple[bytes, str | None, Any]:
    """A table with changes, what of it is the target, and of what kind."""
    rows = [row.split(";") for row in TABLE.splitlines()]
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        at = draw.randrange(len(rows))
        match draw.randrange(6):
            case 0:
                del rows[at]
            case 1:
                rows[at:at] = rows[at : at + draw.choice((1, 5))] * draw.choice((1, 3))
            case 2:
                rows[at] = rows[at] + rows[at][: draw.randrange(3)]
            case 3:
                for row in rows[at:]:
                    row.append(draw.choice((str(draw.random()), "0")))
            case _:
                cell = draw.choice((*TEXTS, *map(str, NUMBERS), "1e200", '"'))
                rows[at] = [*rows[at][:-1], cell] if draw.random() < 0.5 else [cell, *rows[at][1:]]
        rows = rows or [[""]]
    end = draw.choice(("\n", "\n", "\r\n", "\r"))
    comma = draw.choice((",", ";", "\t", "|"))
    text = end.join(comma.join(row) for row in rows)
    if draw.random() < 0.2:
        text = spliced(draw, text, (*TEXTS, '"', ",", ";", "\t", "x,y,z\n" * 9))
    data = bytearray(text.encode(draw.choice(("utf-8",) * 5 + ("utf-8-sig", "utf-16")),
                                 "surrogatepass"))  # fmt: skip
    if data and draw.random() < 0.1:
        data[draw.randrange(len(data))] = draw.randrange(256)
    target = draw.choice((None,) * 8 + ("kind", "kind", "width", *draw.choices(TEXTS, k=2)))
    return bytes(data), target, draw.choice((None, None, "classes", "values"))
