"""Time of a training against a plain loop that trains one model at a time; prints the ratio.

    python -m benchmarks.networks [--seeds 8] [--steps 300] [--dtype float32 float64] [--repeats 5]

Five rules on two moons, a 2-16-16-1 net, batches of 32, two probes. The plain loop records nothing,
so ours is timed twice: training alone, and with all that the figures need (LGI of all rules,
switching units, snapshots, evaluations). All run in the same process, repeats interleaved; the
medians are compared. The plain loop is what one would write first: ``torch.nn``, ``torch.optim``,
and for S-Adam a closure that is called once for the gradient and once for every probe. It trains
``--plain-seeds`` seeds, and its time is scaled to all.
"""

import argparse
import statistics
from functools import partial

import torch
from torch import nn

from benchmarks.race import seconds
from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.networks import MLP
from landscapes.nets.training_problem import Batch, TrainingProblem
from sadam.rules import RULES
from sadam.training.trainer import train

LR, BATCH, PROBES, RADIUS = 0.01, 32, 2, 0.01
KEYS = ("adam", "adamw", "prox-sgd", "s-adam", "s-adam-two-sided")


def batched(
    data, seeds: int, steps: int, dtype: torch.dtype, first_seed: int = 0, *, recorded: bool = True
):
    """All rules and seeds at once."""
    own = tuple(range(first_seed, first_seed + seeds))
    problem = TrainingProblem(MLP(2, (16, 16)), data, own, batch_size=BATCH, dtype=dtype)
    rules = {key: RULES[key](lr=LR) for key in KEYS}
    if not recorded:
        alone = {"observe_every": 0, "evaluate": (), "num_snapshots": 1}
        return train(problem, rules, steps=steps, seeds=own, dtype=dtype, **alone)
    monitor = Batch(*(part[:, :16] for part in problem.minibatch(0)))
    return train(problem, rules, steps=steps, seeds=own, dtype=dtype, monitor=monitor)


def plain_loop(data, seeds: int, steps: int, dtype: torch.dtype) -> None:
    """One model after the other."""
    inputs = torch.from_numpy(data.train.inputs).to(dtype)
    targets = torch.from_numpy(data.train.targets).to(dtype)[:, None]
    for seed in range(seeds):
        for key in KEYS:
            torch.manual_seed(seed)
            net = nn.Sequential(
                nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
            ).to(dtype)
            one_model(net, key, inputs, targets, steps)


def one_model(net, key: str, inputs, targets, steps: int) -> None:
    """Train one model with one rule."""
    loss_of = nn.BCEWithLogitsLoss()
    params = list(net.parameters())
    if key == "prox-sgd":
        optimizer = torch.optim.SGD(params, lr=LR, momentum=0.9)
    else:
        make = torch.optim.Adam if key == "adam" else torch.optim.AdamW
        optimizer = make(params, lr=LR)
    for _ in range(steps):
        index = torch.randint(len(inputs), (BATCH,))
        x, y = inputs[index], targets[index]

        def closure(x=x, y=y):
            return loss_of(net(x), y)

        optimizer.zero_grad()
        loss = closure()
        loss.backward()
        if key.startswith("s-adam"):
            with torch.no_grad():
                brake = probed_brake(closure, params, float(loss), key == "s-adam-two-sided")
            optimizer.param_groups[0]["lr"] = LR * brake
        optimizer.step()
        if key == "prox-sgd":
            with torch.no_grad():
                for p in params:
                    p.copy_(torch.sign(p) * torch.clamp(p.abs() - LR * 1e-4, min=0))


def probed_brake(closure, params, loss: float, two_sided: bool) -> float:
    """The brake of a closure-style S-Adam: move the parameters, evaluate, move them back."""
    forward, backward = [], []
    for _ in range(PROBES):
        u = [torch.randn_like(p) for p in params]
        norm = torch.sqrt(sum((part**2).sum() for part in u))
        for sign, slopes in ((1, forward), (-1, backward)):
            if sign < 0 and not two_sided:
                continue
            for p, part in zip(params, u, strict=True):
                p.add_(part, alpha=float(sign * RADIUS / norm))
            slopes.append((closure() - loss) / RADIUS)
            for p, part in zip(params, u, strict=True):
                p.sub_(part, alpha=float(sign * RADIUS / norm))
    slopes = torch.stack(forward)
    if two_sided:
        back = torch.stack(backward)
        even, odd = ((slopes + back) / 2) ** 2, ((slopes - back) / 2) ** 2
        return float(torch.exp(-4 * even.mean() / (even.mean() + odd.mean() + 1e-6)))
    return float(torch.exp(-2 * slopes.var() / ((slopes**2).mean() + 1e-6)))


def main() -> None:
    """Print a line for each precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--plain-seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load(DataSpec("two-moons"))
    for name in args.dtype:
        dtype = getattr(torch, name)
        work = (data, args.seeds, args.steps, dtype)
        batched(*work)
        alone, ours, plain = [], [], []
        for i in range(1, args.repeats + 1):  # other seeds each time: nothing is drawn already
            alone.append(seconds(partial(batched, recorded=False), *work, 2 * i * args.seeds))
            ours.append(seconds(batched, *work, (2 * i + 1) * args.seeds))
            once = seconds(plain_loop, data, args.plain_seeds, args.steps, dtype)
            plain.append(once * args.seeds / args.plain_seeds)
        there = statistics.median(plain)
        print(
            f"{name}: 5 rules x {args.seeds} seeds x {args.steps} steps, k = {PROBES}; "
            f"a plain loop {1e3 * there:8.1f} ms"
        )
        for what, times in (("training alone", alone), ("and all records", ours)):
            here = statistics.median(times)
            print(f"  {what:15} {1e3 * here:7.1f} ms, ratio {there / here:5.1f}")


if __name__ == "__main__":
    main()
