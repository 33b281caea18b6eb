"""Time of a step of the drop-in S-Adam against the forward passes it cannot do without.

    python -m benchmarks.optim [--net mlp cnn] [--probes 2] [--batch 64] [--repeats 15]

Printed for each net and estimator, in milliseconds and as ratios measured in the same run, repeats
interleaved, medians: a whole step; its passes alone (the closure with gradients once, the forward
pass k or 2k times, without the optimizer); ``torch.optim.AdamW`` after one closure; and the whole
step over ``1 + k`` (one-sided) or ``1 + 2k`` (two-sided) forward passes.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from sadam.optim import SAdam


def mlp() -> tuple[nn.Module, tuple[int, ...]]:
    """784-128-128-10."""
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*layers), (784,)


def cnn() -> tuple[nn.Module, tuple[int, ...]]:
    """Two convolutions with batch normalisation, then one linear layer, on 28 x 28 images."""
    return nn.Sequential(
        *[nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(32 * 49, 10)],
    ), (1, 28, 28)


NETS = {"mlp": mlp, "cnn": cnn}


def main() -> None:
    """Print a line for each net and estimator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--probes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.net:
        for kind, passes in (("one-sided", args.probes), ("two-sided", 2 * args.probes)):
            report(name, kind, passes, args)


def report(name: str, kind: str, passes: int, args: argparse.Namespace) -> None:
    """Measure and print one line."""
    net, shape = NETS[name]()
    inputs, targets = torch.randn(args.batch, *shape), torch.randint(10, (args.batch,))
    sadam = SAdam(net.parameters(), 1e-4, probes=kind, num_probes=args.probes)
    adamw = torch.optim.AdamW(net.parameters(), 1e-4)

    def closure(backward: bool = True) -> torch.Tensor:
        loss = nn.functional.cross_entropy(net(inputs), targets)
        if backward:
            sadam.zero_grad()
            loss.backward()
        return loss

    @torch.no_grad()
    def forward() -> None:
        closure(backward=False)

    def bare() -> None:
        closure()
        for _ in range(passes):
            forward()

    work = {
        "step": lambda: sadam.step(closure),
        "bare": bare,
        "forward": forward,
        "adamw": lambda: adamw.step(closure),
    }
    times: dict[str, list[float]] = {key: [] for key in work}
    for repeat in range(args.repeats + 1):
        for key, run in work.items():
            began = time.perf_counter()
            for _ in range(5):
                run()
            if repeat:  # the first warms up
                times[key].append((time.perf_counter() - began) / 5 * 1e3)
    step, bare_, one, plain = (statistics.median(times[key]) for key in work)
    print(
        f"{name} {kind}, k = {args.probes}, {sum(p.numel() for p in net.parameters())} parameters: "
        f"step {step:.2f} ms; its passes alone {bare_:.2f} ms, ratio {step / bare_:.2f}; "
        f"AdamW with closure {plain:.2f} ms, ratio {step / plain:.2f}; "
        f"{1 + passes} forward passes {(1 + passes) * one:.2f} ms, "
        f"ratio {step / ((1 + passes) * one):.2f}"
    )


if __name__ == "__main__":
    main()
