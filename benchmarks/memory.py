"""A thousand different experiments in a row: the process stays within its budget.

    python -m benchmarks.memory [--count 1000] [--budget 500]

Goes through what the Race and Instability pages compute, keep for all visitors and draw, each time
with another experiment: most of them small, one in fifty as large as a file may ask for. Prints the
process's memory at the start and after each quarter, and exits with 1 if it has grown by more
megabytes than the budget says.
"""

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable

import psutil

from pages.shared import kept
from pages.shared.instability import pictures
from pages.shared.instability.calibration import calibration_of
from pages.shared.instability.inspector import inspection_of
from pages.shared.memory import give_back
from sadam.lab.experiment import Experiment
from sadam.lab.figures import gap_by_step, lgi_curves, trajectory_map
from sadam.lab.lgi_map import LgiMap
from sadam.lab.race import Race, results, run_race
from sadam.lab.rulebook import RULES, make_rules

BUDGET = 500  # megabytes beyond the start: what is kept, the largest on its way, what malloc holds
LARGE = 0.02
POINTS = 400_000  # of a large race: what takes a few seconds
LANDSCAPES = ("crescent", "l1", "cb2", "dem", "lasso")

race_of: Callable[[Experiment], Race] = kept.kept("race")(run_race)


def megabytes() -> float:
    """Memory of this process."""
    return psutil.Process().memory_info().rss / 1e6


def a_race(draw: random.Random, most: int) -> Experiment:
    """An experiment: of a few hundred steps, or one in fifty times of up to so many points."""
    rules = make_rules(draw.sample(list(RULES), draw.randint(2, 5)))
    large = draw.random() < LARGE
    steps = 2000 if large else draw.choice((100, 300, 500))
    starts = max(1, draw.randint(1, most // (steps * len(rules)))) if large else 1
    points = tuple((draw.uniform(-2, 2), draw.uniform(-2, 2)) for _ in range(starts))
    return Experiment(draw_landscape(draw), points, rules, steps, draw.randrange(2**32))


def draw_landscape(draw: random.Random) -> str:
    """A landscape of the catalogue, or one that nobody has typed before."""
    if draw.random() < 0.9:
        return draw.choice(LANDSCAPES)
    return f"= abs(x) + {draw.uniform(0.1, 9):.6f}*abs(y - x**2)"  # its minimum is searched for


def visit(draw: random.Random, grids: tuple[int, ...], most: int) -> None:
    """Compute and draw an experiment, as the pages do."""
    race = race_of(a_race(draw, most))
    results(race)
    for draw_it in (trajectory_map, gap_by_step, lgi_curves):
        draw_it.plain(race)
    landscape, seed = race.experiment.landscape, draw.randrange(2**32)
    radius = draw.uniform(0.01, 1)
    grid = draw.choice(grids)
    pictures.report_of(LgiMap(landscape, grid=grid, num_probes=32, radius=radius, seed=seed))
    pictures.contours(landscape)
    pictures.kinks(landscape)
    inspection_of(landscape, (draw.random(), draw.random()), 8, radius, seed, (0.5, 0.5), None)
    if draw.random() < 0.1:
        calibration_of(landscape, radius, 51, 8, seed)


def grow(count: int, grids: tuple[int, ...], most: int, told: Callable[[int], None]) -> None:
    """Visit so many experiments; ``told`` is called after each with their number."""
    draw = random.Random(0)
    for i in range(count):
        visit(draw, grids, most)
        told(i + 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--budget", type=float, default=BUDGET)
    args = parser.parse_args()
    give_back()  # as app.py does
    grow(2, (51,), 1000, lambda done: None)  # what is imported and made at first use
    start, began = megabytes(), time.perf_counter()
    print(f"start: {start:.0f} MB", flush=True)
    most = 0.0

    def told(done: int) -> None:
        nonlocal most
        most = max(most, megabytes())
        if done % max(1, args.count // 4) == 0:
            gc.collect()
            print(
                f"after {done}: {megabytes():.0f} MB, {kept.size() / 1e6:.0f} MB of them kept; "
                f"most {most:.0f} MB; {time.perf_counter() - began:.0f} s",
                flush=True,
            )

    grow(args.count, (51, 51, 101, 201), POINTS, told)
    print(f"grown by at most {most - start:.0f} MB, budget {args.budget:.0f} MB")
    return 1 if most - start > args.budget else 0


if __name__ == "__main__":
    sys.exit(main())
