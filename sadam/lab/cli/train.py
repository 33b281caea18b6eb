"""The command ``train``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sadam.lab.cli.options import add_input_and_output, add_options, base_fields, fields_of
from sadam.lab.cli.rules import add_rule_options, rules_from
from sadam.lab.cli.terminal import PROGRAM, deliver, show_line

if TYPE_CHECKING:
    from sadam.lab.training import Architecture, DataSpec, Training, TrainingProgress

ABOUT = """\
Train a small network with several optimizers at once: every rule, at its own learning rate and at
all of --lr-grid, for several seeds, on the same minibatches and with the same probe directions.

  test accuracy  median over the seeds, at the end (test loss, for a regression)
  95 %           bootstrap interval of that median over the seeds
  train loss     at the end, on the whole training set with its true labels
  conflict rate  share of steps at which the minibatch gradient turned by more than 90 degrees
  flips          units that a step switches on or off, summed over 16 training examples
  mean brake     mean factor that S-Adam put on its steps; 1 is no brake
  evaluations    function evaluations of one run: a gradient counts 2, a probe 1

"matched-..." is AdamW at the learning rate times the mean brake of that S-Adam: it tells braking by
LGI from a smaller step. Ctrl-C stops the training and keeps what was computed. Exit codes are those
of race.
"""

EXAMPLES = """\
examples:
  python -m sadam train
  python -m sadam train --dataset spirals --hidden 32,32 --steps 2000 --lr-grid 0.001,0.01,0.1
  python -m sadam train --dataset digits --hidden 64 --bits 2 --batch-size 16 --out digits-2bit
  python -m sadam train --dataset digits --channels 8,16 --label-noise 0.2 --rules adamw,s-adam
  python -m sadam train --csv flowers.csv --target species --seeds 16 --json
  python -m sadam train --preset paper-qat --dataset cifar100 --data ~/cifar-100-binary.tar.gz
"""

DATA = {
    "examples": ("N", "number of examples in all (default: the usual, or all of a file)"),
    "noise": ("SD", "noise on made inputs, or on a regression's targets (default: the usual)"),
    "data-seed": ("N", "seed of the making and the split; not that of the training (default: 0)"),
    "validation": ("SHARE", "kept for validation (default: 0.25)"),
    "test": ("SHARE", "kept for the test (default: 0.25; the archives have a test set)"),
    "target": ("COLUMN", "what to predict in a CSV (default: its last column)"),
}
NETWORK = {
    "hidden": ("N,N,...", "widths of 1 to 4 hidden layers (default: 16,16)"),
    "channels": ("N,N,...", "a convolutional net instead: channels of 1 to 4 blocks"),
    "activation": ("KEY", "relu, leaky-relu, hard-tanh, tanh or softplus (default: relu)"),
    "bits": ("N", "quantize the weights to 8, 4, 3 or 2 bits, straight-through gradients"),
    "activation-bits": ("N", "the same for the activations"),
}
PROTOCOL = {
    "loss": ("KEY", "cross-entropy or squared (default: by the data)"),
    "l1": ("WEIGHT", "add WEIGHT |x|_1 to the loss; Prox-SGD takes it as its prox (default: 0)"),
    "batch-size": ("N", "examples of a step, or all (default: 32)"),
    "label-noise": ("SHARE", "of training labels that are wrong (default: 0)"),
    "input-noise": ("SD", "noise on the inputs of each minibatch (default: 0)"),
    "steps": ("N", "number of steps (default: 300)"),
    "seeds": ("N", "how many seeds (default: 8)"),
    "seed": ("N", "the first of them (default: 0)"),
    "schedule": ("KEY", "constant, inverse-sqrt or cosine (default: constant)"),
    "lr-grid": ("LR,LR,...", "learning rates to try for every rule besides its own"),
    "dtype": ("KEY", "float64 or float32, about half as long (default: float64)"),
}


def add_train(commands: Any) -> None:
    """Add the command to the parser's."""
    add = commands.add_parser(
        "train",
        help="train small networks with several optimizers side by side",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    data = add.add_argument_group("data")
    data.add_argument(
        "--dataset",
        metavar="KEY",
        help="two-moons, circles, spirals, xor, sawtooth, digits, mnist1d, cifar100 or "
        "tiny-imagenet (default: two-moons)",
    )
    data.add_argument("--csv", metavar="FILE", help="own data: a row an example, UTF-8")
    data.add_argument(
        "--data", metavar="PATH", help="folder or archive of cifar100 or tiny-imagenet"
    )
    for title, options in (("", DATA), ("network", NETWORK), ("protocol", PROTOCOL)):
        group = add.add_argument_group(title) if title else data
        add_options(group, options)
    group.add_argument(
        "--no-controls", action="store_true", help="train no matched control of each S-Adam"
    )
    group.add_argument(
        "--preset", metavar="KEY", help="start from a network and protocol: paper-qat"
    )
    add_rule_options(add, lr=0.01)
    add_input_and_output(add, "html,parquet,csv,png,svg,pdf,npz")
    add.set_defaults(run=_train)


def training_from(arguments: argparse.Namespace) -> Training:
    """Return the training that the options describe.

    Raises:
        ValueError: If they describe none, or the file of ``--spec`` cannot be read.
    """
    from sadam.lab.codec import from_text, schema
    from sadam.lab.training.spec import DEFAULT_LR, Training

    if arguments.preset is not None and arguments.spec is not None:
        raise ValueError("--preset and --spec both say where to start from: give one of them")
    given = base_fields(arguments, Training)
    if arguments.preset is not None:
        given = _preset_fields(arguments)
    base = Training(**given)
    given["data"] = _data_from(arguments, base.data)
    given["network"] = _network_from(arguments, base.network)
    types = schema(Training)
    for option in PROTOCOL:
        name = option.replace("-", "_")
        if (text := getattr(arguments, name)) is None:
            continue
        whole_set = name == "batch_size" and text == "all"
        given[name] = None if whole_set else from_text(types[name], text, option)
    given["rules"] = rules_from(arguments, base.rules, DEFAULT_LR)
    if arguments.no_controls:
        given["matched_controls"] = False
    return Training(**given)


def _preset_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    from landscapes.nets.presets import preset
    from sadam.lab.training.spec import Training, from_preset

    found = preset(arguments.preset)
    return fields_of(from_preset(found, _data_from(arguments, Training().data, found.datasets[0])))


def _data_from(arguments: argparse.Namespace, base: DataSpec, usual: str | None = None) -> DataSpec:
    """The data that the options describe; another data set keeps nothing of the base's."""
    from sadam.lab.codec import from_text, schema
    from sadam.lab.training import DataSpec

    name = arguments.dataset or ("csv" if arguments.csv is not None else None) or usual
    if arguments.csv is not None and name != "csv":
        raise ValueError(f"--csv is no {name}: leave --dataset out")
    if arguments.csv is not None and arguments.data is not None:
        raise ValueError("--csv and --data both say where the data are: give one of them")
    given: dict[str, Any] = {}
    if name is not None and name != base.name:
        base = DataSpec(name)
    path = arguments.csv if arguments.csv is not None else arguments.data
    if path is not None:
        if base.name not in ("csv", "cifar100", "tiny-imagenet"):
            raise ValueError(f"{base.name} is made here, it is not read from {path}")
        given["path"] = path
    types = schema(DataSpec)
    for option in DATA:
        name = {"examples": "n", "data-seed": "seed"}.get(option, option)
        if (text := getattr(arguments, option.replace("-", "_"))) is not None:
            given[name] = from_text(types[name], text, option)
    return replace(base, **given) if given else base


def _network_from(arguments: argparse.Namespace, base: Architecture) -> Architecture:
    from sadam.lab.codec import from_text

    if arguments.hidden is not None and arguments.channels is not None:
        raise ValueError("--hidden is of an mlp, --channels of a convolutional net: give one")
    given: dict[str, Any] = {}
    for kind, option in (("mlp", "hidden"), ("conv", "channels")):
        if (text := getattr(arguments, option)) is not None:
            given |= {"kind": kind, "hidden": from_text(tuple[int, ...], text, option)}
    if arguments.activation is not None:
        given["activation"] = arguments.activation
    for option, name in (("bits", "weight_bits"), ("activation_bits", "activation_bits")):
        if (text := getattr(arguments, option)) is not None:
            given[name] = from_text(int, text, option.replace("_", "-"))
    return replace(base, **given)


def _train(arguments: argparse.Namespace) -> int:
    from sadam.lab.training.report import TRAINING_FORMATS, training_bundle
    from sadam.lab.training.run import run_training

    spec = training_from(arguments)
    with _interrupts() as interrupted:

        def compute() -> Any:
            show = _ProgressLine()

            def on_progress(progress: TrainingProgress) -> bool:
                show(progress.step, progress.steps)
                return not interrupted

            result = run_training(spec, on_progress)
            show_line()
            if interrupted:
                print(
                    f"{PROGRAM}: interrupted after {result.run.steps} of {spec.steps} steps"
                    f"{'' if not result.complete else ', without the matched controls'}; "
                    "what was computed is kept",
                    file=sys.stderr,
                )
            return training_bundle(result)

        code = deliver(arguments, compute, TRAINING_FORMATS)
    return 130 if interrupted else code


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that is empty until Ctrl-C is pressed once; a second time it ends the program."""
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # not the main thread: Ctrl-C is not ours to catch
        yield pressed
        return
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


class _ProgressLine:
    """A line on a terminal that says how far it is and how long it will take."""

    def __init__(self) -> None:
        self.began = self.shown = time.monotonic()

    def __call__(self, step: int, steps: int) -> None:
        now = time.monotonic()
        if now - self.shown < 0.2:
            return
        from sadam.lab.style import duration

        self.shown = now
        left = (now - self.began) / max(step, 1) * (steps - step)
        show_line(f"step {step} of {steps}, about {duration(left)} left")
