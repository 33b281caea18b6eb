"""Time of a loss plane against a plain loop over its points; prints the ratio.

    python -m benchmarks.planes [--side 101] [--examples 256] [--repeats 5]

A 2-16-16-1 net on two moons, float64. The plain loop puts the parameters of each point into a
``torch.nn`` module with ``vector_to_parameters`` and calls it without gradient; it does a tenth of
the points, and its time is scaled to all. Repeats are interleaved; the medians are compared.
"""

import argparse
import statistics

import torch
from torch import nn

from benchmarks.race import seconds
from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.networks import MLP
from landscapes.nets.planes import PlaneLoss, random_plane
from landscapes.nets.training_problem import TrainingProblem

SHARE = 10  # the plain loop does one point in so many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=101)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load(DataSpec("two-moons", n=2 * args.examples))
    net = MLP(2, (16, 16))
    loss = TrainingProblem(net, data, [0]).objective()
    plane = random_plane(net, net.init(0))
    cut = PlaneLoss(loss, plane)
    line = torch.linspace(-1, 1, args.side, dtype=torch.float64)
    places = torch.cartesian_prod(line, line)
    module = nn.Sequential(
        nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
    ).double()
    inputs, targets = loss.inputs, loss.targets.double()[:, None]
    loss_of = nn.BCEWithLogitsLoss()
    few = plane.points(places[::SHARE])
    # torch's order of a weight is (out, in), ours (in, out)
    few = torch.stack([torch.cat([t.reshape(-1) for t in net.unflatten(p).values()]) for p in few])

    def plain() -> torch.Tensor:
        with torch.no_grad():
            values = []
            for point in few:
                nn.utils.vector_to_parameters(point, module.parameters())
                values.append(loss_of(module(inputs), targets))
        return torch.stack(values)

    error = float((plain() - cut(places)[::SHARE]).abs().max())
    ours, theirs = [], []
    for _ in range(args.repeats):
        ours.append(seconds(lambda: cut(places)))
        theirs.append(seconds(plain) * len(places) / len(few))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"{args.side} x {args.side} points x {len(inputs)} examples: {1e3 * mine:.1f} ms against "
        f"{1e3 * other:.1f} ms, ratio {other / mine:.1f}; largest difference {error:.1e}"
    )


if __name__ == "__main__":
    main()
