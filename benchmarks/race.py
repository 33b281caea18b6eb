"""Time of a race against a plain loop that steps one optimizer at a time; prints the ratio.

    python -m benchmarks.race [--landscape KEY ...] [--steps 500] [--probes 8] [--repeats 5]

Both run in the same process, one after the other, repeats interleaved; the medians are compared.
The plain loop is what one would write first: ``torch.optim`` where it has the rule, autograd, and
for S-Adam a closure that is called once for the gradient and once for every probe.
"""

import argparse
import statistics
import time

import torch

from landscapes import CATALOGUE
from sadam.engine import run
from sadam.rules import RULES

LR = 0.05


def race(landscape, steps: int, probes: int) -> dict:
    """All five rules at once."""
    rules = {key: RULES[key](lr=LR) for key in ("adam", "adamw", "prox-sgd")}
    rules |= {key: RULES[key](lr=LR, num_probes=probes) for key in ("s-adam", "s-adam-two-sided")}
    start = torch.tensor([landscape.start], dtype=torch.float64)
    return run(landscape.value, rules, start, steps=steps, seed=0)


def plain_loop(landscape, steps: int, probes: int) -> None:
    """One optimizer after the other, one point at a time."""
    f = landscape.value
    start = torch.tensor(landscape.start, dtype=torch.float64)
    for make in (
        lambda p: torch.optim.Adam(p, lr=LR),
        lambda p: torch.optim.AdamW(p, lr=LR),
    ):
        x = start.clone().requires_grad_()
        optimizer = make([x])
        for _ in range(steps):
            optimizer.zero_grad()
            f(x).backward()
            optimizer.step()
    x = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=LR, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        f(x).backward()
        optimizer.step()
        with torch.no_grad():
            x.copy_(torch.sign(x) * torch.clamp(x.abs() - LR * 1e-4, min=0))
    for two_sided in (False, True):
        x = start.clone().requires_grad_()
        optimizer = torch.optim.AdamW([x], lr=LR)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = f(x)
            loss.backward()
            forward, backward = [], []
            with torch.no_grad():
                for _ in range(probes):
                    u = torch.randn(2, dtype=torch.float64)
                    u /= u.norm()
                    forward.append((f(x + 0.01 * u) - loss) / 0.01)
                    if two_sided:
                        backward.append((f(x - 0.01 * u) - loss) / 0.01)
                slopes = torch.stack(forward)
                if two_sided:
                    back = torch.stack(backward)
                    even, odd = ((slopes + back) / 2) ** 2, ((slopes - back) / 2) ** 2
                    lgi = even.mean() / (even.mean() + odd.mean() + 1e-6)
                    brake = torch.exp(-4 * lgi)
                else:
                    brake = torch.exp(-2 * slopes.var() / ((slopes**2).mean() + 1e-6))
            optimizer.param_groups[0]["lr"] = LR * float(brake)
            optimizer.step()


def seconds(work, *args) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work(*args)
    return time.perf_counter() - began


def main() -> None:
    """Print a line for each landscape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--landscape", nargs="+", default=["nonsmooth-rosenbrock", "cb2", "l1", "dem"]
    )
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for key in args.landscape:
        work = (CATALOGUE[key], args.steps, args.probes)
        race(*work)
        batched, plain = [], []
        for _ in range(args.repeats):
            batched.append(seconds(race, *work))
            plain.append(seconds(plain_loop, *work))
        ours, theirs = statistics.median(batched), statistics.median(plain)
        print(
            f"{key:22s} 5 rules x {args.steps} steps, k = {args.probes}: "
            f"{1e3 * ours:7.1f} ms against {1e3 * theirs:7.1f} ms, ratio {theirs / ours:5.1f}"
        )


if __name__ == "__main__":
    main()
