"""Time of an LGI map against a plain loop over points and probes; prints the ratio.

    python benchmarks/lgi_map.py [--landscape KEY ...] [--grid 201] [--probes 64] [--points 40]

The plain loop is what one would write first: for every point and every probe two calls of the
function, in torch, one point at a time, and both LGIs from the slopes. It is timed on a sample of
the points, drawn at random, and scaled to the whole grid; the times of the loop are therefore
estimates, and marked so. Both run in one process, repeats interleaved; medians are compared.
The loop's numbers are checked against the map's.
"""

import argparse
import math
import random
import statistics
import time

import torch

from sadam.lab.lgi_map import LgiMap, run_map
from sadam.probes import directions


def plain_loop(f, points, u, radius: float) -> list[tuple[float, float]]:
    """Both LGIs of each point, one evaluation at a time."""
    found = []
    for x in points:
        fx = f(x)
        forward, backward = [], []
        for direction in u:
            forward.append(float((f(x + radius * direction) - fx) / radius))
            backward.append(float((f(x - radius * direction) - fx) / radius))
        k = len(forward)
        mean = sum(forward) / k
        variance = sum((d - mean) ** 2 for d in forward) / (k - 1)
        one = variance / (sum(d * d for d in forward) / k + 1e-6)
        even = sum(((d + b) / 2) ** 2 for d, b in zip(forward, backward, strict=True)) / k
        odd = sum(((d - b) / 2) ** 2 for d, b in zip(forward, backward, strict=True)) / k
        found.append((one, even / (even + odd + 1e-6)))
    return found


def seconds(work, *args):
    """Wall time of one call, and what it returned."""
    began = time.perf_counter()
    result = work(*args)
    return time.perf_counter() - began, result


def main() -> None:
    """Print a line for each landscape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landscape", nargs="+", default=["l1", "nonsmooth-rosenbrock", "cb2"])
    parser.add_argument("--grid", type=int, default=201)
    parser.add_argument("--probes", type=int, default=64)
    parser.add_argument("--points", type=int, default=40, help="points of the plain loop")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    truth = ("goldstein", "stationarity")
    for key in args.landscape:
        shape = {"landscape": key, "grid": args.grid, "num_probes": args.probes}
        spec = LgiMap(**shape, probes=("one-sided", "two-sided"))
        result = run_map(spec)
        u = directions(spec.seed, 1, args.probes, 2)[0]
        places = random.Random(0).sample(range(args.grid**2), args.points)
        rows, columns = zip(*(divmod(place, args.grid) for place in places), strict=True)
        points = torch.tensor(
            [(result.x[j], result.y[i]) for i, j in zip(rows, columns, strict=True)],
            dtype=torch.float64,
        )
        ours, theirs = [], []
        for _ in range(args.repeats):
            ours.append(seconds(run_map, spec)[0])
            time_of_loop, found = seconds(
                plain_loop, result.landscape.value, points, u, spec.radius
            )
            theirs.append(time_of_loop * args.grid**2 / args.points)
        for i, j, (one, two) in zip(rows, columns, found, strict=True):
            assert math.isclose(one, result.fields["one-sided"][i, j], rel_tol=1e-4, abs_tol=1e-6)
            assert math.isclose(two, result.fields["two-sided"][i, j], rel_tol=1e-4, abs_tol=1e-6)
        ground = [run_map(LgiMap(**shape, probes=(name,))).seconds["gradients"] for name in truth]
        spread = run_map(LgiMap(**shape, probes=("spread",))).seconds["spread"]
        ours_ms, theirs_ms = (1e3 * statistics.median(times) for times in (ours, theirs))
        print(
            f"{key:22s} {args.grid} x {args.grid}, k = {args.probes}, both LGIs: {ours_ms:6.1f} ms "
            f"(best {1e3 * min(ours):.1f}) against about {theirs_ms / 1e3:.0f} s "
            f"({args.points} points, scaled), ratio {theirs_ms / ours_ms:5.0f}; "
            f"diameter {ground[0]:.2f} s, stationarity {ground[1]:.2f} s, spread {spread:.2f} s"
        )


if __name__ == "__main__":
    main()
