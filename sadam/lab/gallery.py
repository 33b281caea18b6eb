"""The gallery: races worth a look, as specs; the pictures are made from them by a command.

``python -m sadam gallery --out DIR`` renders every preset into an animated SVG and writes a
manifest with the stamp of the spec each was made from, so that a test can tell when a picture no
longer shows what its preset says.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadam.lab.experiment import PAPER_RULES, Experiment
from sadam.lab.figures.paths import Frame
from sadam.lab.online import HIGH, LOW, Online, run_online
from sadam.lab.race import results_table, run_race
from sadam.lab.rulebook import PLAIN, make_rules, set_hyperparameter
from sadam.lab.style import STYLES
from sadam.lab.thumbnail import VERSION as DRAWN_BY
from sadam.lab.thumbnail import Track, animated, frame_lines, thumbnail

MANIFEST = "gallery.json"
FOUR = ("adam", "adamw", "s-adam", "s-adam-two-sided")


@dataclass(frozen=True)
class Preset:
    """A race worth a look.

    Attributes:
        name: Names its picture and its link.
        title: A few words.
        told: One sentence on what is to be seen: facts of the landscape and the setting, not of
            who wins, which the race itself says.
        spec: The race; an online run has no race and opens its lesson.
        frame: What its picture shows, as on the Race page.
        lesson: Key of the lesson that goes with it, or "".
    """

    name: str
    title: str
    told: str
    spec: Experiment | Online
    frame: Frame = "window"
    lesson: str = ""


def _race(
    landscape: str,
    lr: float = 0.1,
    steps: int = 300,
    start: tuple[float, float] | None = None,
    *,
    lr_sgd: float = 0.002,
    rules: tuple[str, ...] = PAPER_RULES,
    schedule: str = "constant",
) -> Experiment:
    """A race as the Race page sets it up: one lr for Adam's kin, one for SGD's."""
    labelled = make_rules(rules, lr=lr)
    for key in filter(rules.__contains__, PLAIN):
        labelled = set_hyperparameter(labelled, key, "lr", lr_sgd)
    starts = (start,) if start else ()
    return Experiment(landscape, starts, labelled, steps, 0, schedule)


PRESETS = (
    Preset(
        "crescent",
        "Chattering on a crescent",
        "A curved valley whose floor is a kink. Every crossing turns the gradient round.",
        _race("crescent", steps=300),
        lesson="chattering",
    ),
    Preset(
        "needle",
        "A needle valley",
        "|x| + 10 |y|: where the floor is reached, the gradient still has length 10 across it.",
        _race("l1", lr=0.2, steps=200, lr_sgd=0.01),
        lesson="kink",
    ),
    Preset(
        "smooth-slope",
        "Braking where nothing is wrong",
        "Rosenbrock's valley is smooth everywhere. The published LGI is about 1 on such slopes and "
        "brakes all the way; near the valley floor, curvature within the radius wakes the "
        "two-sided one too.",
        _race("rosenbrock", steps=300, rules=FOUR),
        lesson="two-sided",
    ),
    Preset(
        "nonsmooth-rosenbrock",
        "The paper's first experiment",
        "10 |y − x²| + |1 − x|: the way to the minimum leads along a kink, where braking costs "
        "progress.",
        _race("nonsmooth-rosenbrock", steps=400),
        lesson="control",
    ),
    Preset(
        "decay",
        "Decay cures much",
        "CB2, the same race with a cosine schedule: the step shrinks by itself, for everyone.",
        _race("cb2", lr=0.1, steps=300, start=(2.0, 2.0), schedule="cosine"),
        lesson="schedules",
    ),
    Preset(
        "spiral",
        "Down the spiral",
        "The valley of a maximum of two squares winds in to its minimum; its floor is a kink.",
        _race("spiral", lr=0.2, steps=400),
    ),
    Preset(
        "wolfe",
        "Where steepest descent stalls",
        "Wolfe's convex function: steepest descent with exact line search zigzags from here into "
        "(0, 0), which is no minimum. Do these?",
        _race("wolfe", lr=0.2, steps=300, start=(4.0, 3.0)),
        lesson="traps",
    ),
    Preset(
        "fan",
        "The fan that fools line search",
        "Five planes: steepest descent with exact line search stalls from here at the origin, 100 "
        "above the floor.",
        _race("hul-fan", lr=1.0, steps=300, start=(5.0, 3.0), lr_sgd=0.2),
        lesson="traps",
    ),
    Preset(
        "trap",
        "Stationary, but not a minimum",
        "At (0, −1) the Clarke subdifferential holds 0, yet the function falls along (1, 2).",
        _race("chebyshev-n2", lr=0.1, steps=600),
        lesson="traps",
    ),
    Preset(
        "reddi",
        "Adam walks the wrong way",
        "An online problem in one dimension, round by round from left to right: the best point is "
        "at the bottom.",
        Online(rounds=100_000),
        lesson="reddi",
    ),
    Preset(
        "quantized",
        "Down the staircase",
        "Weights rounded to quarters, gradients straight through: steps that training never sees.",
        _race("quantized-bowl", lr=0.1, steps=200, lr_sgd=0.01),
        lesson="networks",
    ),
    Preset(
        "own",
        "Your own function",
        "|sin 2x| |y| + 0.1 (x² + y²), as a visitor might type it. Change it and see.",
        _race("= abs(sin(a*x))*abs(y) + 0.1*(x**2 + y**2); a = 2", steps=300, start=(1.2, 2.4)),
    ),
)
"""The presets, in the order of the page."""


def stamp(preset: Preset) -> str:
    """What a preset's picture depends on, as a short text."""
    facts = f"{DRAWN_BY} {preset.frame} {preset.spec.to_json()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def render(preset: Preset) -> tuple[str, list[tuple[str, float]]]:
    """Run a preset, of :data:`PRESETS` or another, and draw it.

    Returns:
        Its SVG, and its rules from the smallest final gap to the largest (for an online run from
        the smallest average regret); a gap is infinite where the rule diverged.
    """
    if isinstance(preset.spec, Online):
        run = run_online(preset.spec)
        regrets = {rule: float(regret[-1]) for rule, regret in run.regret.items()}
        tracks = [Track(STYLES[rule], _against_time(x)) for rule, x in run.points.items()]
        return (
            animated(
                tracks, frame_lines(), f"{preset.title}: Adam and AMSGrad", prefix=preset.name
            ),
            sorted(regrets.items(), key=lambda pair: pair[1]),
        )
    race = run_race(preset.spec)
    table = results_table(race)
    ranking = [(str(row["rule"]), float(row["final_gap"])) for _, row in table.iterrows()]
    return thumbnail(race, preset.frame, prefix=preset.name), ranking


def _against_time(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """One-dimensional points against the round, 240 of them evenly over time."""
    at = np.unique(np.rint(np.linspace(0, len(points) - 1, 240)).astype(int))
    across = 0.06 + 0.88 * at / at[-1]
    up = 0.1 + 0.8 * (points[at] - LOW) / (HIGH - LOW)
    return np.stack([across, up], axis=1)


def pictures() -> dict[str, str]:
    """Render all presets: the texts of the files by their names, the manifest among them."""
    files: dict[str, str] = {}
    manifest: dict[str, Any] = {}
    for preset in PRESETS:
        svg, ranking = render(preset)
        files[f"{preset.name}.svg"] = svg
        manifest[preset.name] = {
            "stamp": stamp(preset),
            "ranking": [[rule, float(f"{gap:.4g}")] for rule, gap in ranking],
        }
    files[MANIFEST] = json.dumps(manifest, indent=1) + "\n"
    return files
