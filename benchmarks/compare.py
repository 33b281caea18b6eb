"""Time of basin maps, sweeps and networks of a comparison against a plain loop over runs.

    python -m benchmarks.compare [--landscape KEY ...] [--net TEXT] [--probes 2] [--trajectories 4]
                                 [--repeats 3]

The plain loop is what one would write first: ``torch.optim``, one trajectory at a time, and for
S-Adam a closure that is called once for the gradient and once for every probe. It would take about
a quarter of an hour; therefore a few trajectories of it are timed and their time is scaled to all,
and marked "about". On a network it trains one model at a time with ``torch.nn`` and records
nothing, where a comparison records losses on the whole training set. Both are timed in one process,
repeats interleaved; medians are compared.
"""

import argparse
import itertools
import statistics

import torch
from torch import nn

from benchmarks.networks import PROBES, one_model
from benchmarks.race import plain_loop, seconds
from landscapes import CATALOGUE
from sadam.lab.compare.networks import data_of, network_of
from sadam.lab.compare.training_lanes import train_lanes
from sadam.rules import RULES, SAdam
from sadam.sweep import sweep

LR, STEPS, SIDE, AXIS, SEEDS = 0.05, 300, 64, 24, 16
TARGETS = (1e-1, 1e-2, 1e-3)
NET, NET_LRS, NET_SEEDS = "two-moons; hidden = 16,16", 8, 16
KEYS = ("adam", "adamw", "prox-sgd", "s-adam", "s-adam-two-sided")


def basins(landscape, probes: int) -> None:
    """Five rules from every point of a grid."""
    (x0, x1), (y0, y1) = landscape.window
    sides = (torch.linspace(*ends, SIDE, dtype=torch.float64) for ends in ((x0, x1), (y0, y1)))
    starts = torch.cartesian_prod(*sides)
    for key in KEYS:
        more = {"num_probes": probes} if key.startswith("s-adam") else {}
        rule = RULES[key](lr=LR, **more)
        sweep(
            landscape.value,
            rule,
            starts,
            steps=STEPS,
            minimum=landscape.minimum,
            targets=TARGETS,
            smooth=landscape.smooth,
            prox=landscape.prox,
        )


def heatmap(landscape, probes: int) -> None:
    """Learning rate by damping by seed, two-sided S-Adam."""
    lr = torch.logspace(-3, 0, AXIS, dtype=torch.float64)
    damping = torch.linspace(0, 8, AXIS, dtype=torch.float64)
    lr, damping = torch.cartesian_prod(lr, damping).repeat(SEEDS, 1).unbind(1)
    sweep(
        landscape.value,
        SAdam(lr, damping=damping, probes="two-sided", num_probes=probes),
        torch.tensor([landscape.start]).expand(len(lr), 2),
        seeds=torch.arange(SEEDS).repeat_interleave(AXIS**2),
        steps=STEPS,
        minimum=landscape.minimum,
        targets=TARGETS,
    )


def plain_s_adam(landscape, probes: int) -> None:
    """One trajectory of two-sided S-Adam."""
    f = landscape.value
    x = torch.tensor(landscape.start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([x], lr=LR)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = f(x)
        loss.backward()
        with torch.no_grad():
            forward, backward = [], []
            for _ in range(probes):
                u = torch.randn(2, dtype=torch.float64)
                u /= u.norm()
                forward.append((f(x + 0.01 * u) - loss) / 0.01)
                backward.append((f(x - 0.01 * u) - loss) / 0.01)
            ahead, back = torch.stack(forward), torch.stack(backward)
            even, odd = ((ahead + back) / 2) ** 2, ((ahead - back) / 2) ** 2
            lgi = even.mean() / (even.mean() + odd.mean() + 1e-6)
            optimizer.param_groups[0]["lr"] = LR * float(torch.exp(-4 * lgi))
        optimizer.step()


def networks(name: str, probes: int) -> None:
    """Adam and two-sided S-Adam at several learning rates for several seeds."""
    lr = torch.logspace(-3, -1, NET_LRS, dtype=torch.float64).repeat_interleave(NET_SEEDS)
    seeds = list(range(NET_SEEDS)) * NET_LRS
    for key, more in (("adam", {}), ("s-adam-two-sided", {"num_probes": probes})):
        rule = RULES[key](lr=lr, **more)
        train_lanes(name, rule, seeds, steps=STEPS, schedule="constant", shares=TARGETS)


def plain_networks(name: str) -> None:
    """One model with each of the two rules; for S-Adam with two probes."""
    spec = network_of(name)
    data = data_of(spec.data).train
    inputs = torch.from_numpy(data.inputs).double()
    targets = torch.from_numpy(data.targets).double()[:, None]
    for key in ("adam", "s-adam-two-sided"):
        widths = (inputs.shape[1], *spec.network.hidden)
        layers = [
            part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())
        ]
        net = nn.Sequential(*layers, nn.Linear(widths[-1], 1)).double()
        one_model(net, key, inputs, targets, STEPS)


def compare_networks(text: str, trajectories: int, repeats: int) -> None:
    """Print a line for a network of two classes; two probes, as in the plain loop."""
    name, models = f"net: {text}", NET_LRS * NET_SEEDS
    networks(name, PROBES)
    batched, one = [], []
    for _ in range(repeats):
        batched.append(seconds(networks, name, PROBES))
        one.append(sum(seconds(plain_networks, name) for _ in range(trajectories)) / trajectories)
    mine, theirs = statistics.median(batched), models * statistics.median(one)
    print(
        f"{name}: {NET_LRS} learning rates x {NET_SEEDS} seeds x 2 rules x {STEPS} steps, "
        f"k = {PROBES}: {mine:5.2f} s against about {theirs:5.0f} s ({trajectories} of {models} "
        f"timed, scaled), ratio {theirs / mine:6.1f}"
    )


def main() -> None:
    """Print two lines for each landscape, and one for the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landscape", nargs="*", default=["chebyshev-n2", "wolfe", "l1"])
    parser.add_argument("--net", default=NET, help="a network of two classes with an MLP")
    parser.add_argument("--probes", type=int, default=2)
    parser.add_argument("--trajectories", type=int, default=4, help="of the plain loop, each time")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    n = args.trajectories
    compare_networks(args.net, n, args.repeats)
    works = {
        f"basins {SIDE} x {SIDE} starts x 5 rules x {STEPS} steps": (
            basins,
            lambda f, k: plain_loop(f, STEPS, k),
            SIDE**2,
        ),
        f"sweep {AXIS} x {AXIS} (lr, damping) x {SEEDS} seeds x {STEPS} steps": (
            heatmap,
            plain_s_adam,
            AXIS**2 * SEEDS,
        ),
    }
    for key in args.landscape:
        landscape = CATALOGUE[key]
        for what, (ours, plain, times) in works.items():
            ours(landscape, args.probes)
            batched, one = [], []
            for _ in range(args.repeats):
                batched.append(seconds(ours, landscape, args.probes))
                one.append(sum(seconds(plain, landscape, args.probes) for _ in range(n)) / n)
            mine, theirs = statistics.median(batched), times * statistics.median(one)
            print(
                f"{key:14s} {what}, k = {args.probes}: {mine:5.2f} s against about {theirs:5.0f} s "
                f"({n} of {times} timed, scaled), ratio {theirs / mine:6.0f}"
            )


if __name__ == "__main__":
    main()
