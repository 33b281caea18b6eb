"""The spec of a training: to JSON, to a command line, and back; what it refuses."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes.nets.presets import PRESETS
from sadam.lab.cli import build_parser
from sadam.lab.cli.train import training_from
from sadam.lab.codec import SpecError
from sadam.lab.kinds import load
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, DataSpec, Training
from sadam.lab.training.spec import (
    DEFAULT_LR,
    MAX_GRID,
    MAX_SEEDS,
    from_preset,
    multiplications,
)

numbers = st.floats(1e-4, 1.0, allow_nan=False)
bits = st.sampled_from([None, 8, 4, 3, 2])


@st.composite
def trainings(draw):
    name = draw(st.sampled_from(["two-moons", "spirals", "digits", "sawtooth", "csv", "cifar100"]))
    from_file = name in ("csv", "cifar100")
    data = DataSpec(
        name,
        n=draw(st.none() | st.integers(40, 400)),
        noise=draw(st.none() | st.floats(0, 1)),
        seed=draw(st.integers(0, 9)),
        validation=draw(st.sampled_from([0.25, 0.1, 0.0])),
        test=draw(st.sampled_from([0.25, 0.5])),
        path=draw(st.sampled_from(["a b.csv", "/x/y'z"])) if from_file else None,
        target=draw(st.none() | st.just("Is it?")) if name == "csv" else None,
    )
    conv = name in ("digits", "cifar100") and draw(st.booleans())
    network = Architecture(
        "conv" if conv else "mlp",
        tuple(draw(st.lists(st.integers(1, 16), min_size=1, max_size=4))),
        draw(st.sampled_from(["relu", "leaky-relu", "hard-tanh", "tanh", "softplus"])),
        draw(bits),
        draw(bits),
    )
    names = draw(st.lists(
        st.sampled_from(["adam", "sgd", "prox-sgd", "s-adam", "s-adam-two-sided", "slow=adamw"]),
        min_size=1, max_size=4, unique=True,
    ))  # fmt: skip
    return Training(
        data=data,
        network=network,
        loss=draw(st.sampled_from(["auto", "squared"])),
        l1=draw(st.sampled_from([0.0, 1e-3])),
        batch_size=draw(st.none() | st.integers(1, 32)),
        label_noise=draw(st.sampled_from([0.0, 0.2])),
        input_noise=draw(st.sampled_from([0.0, 0.1])),
        rules=make_rules(names, lr=draw(numbers)),
        lr_grid=tuple(draw(st.lists(numbers, max_size=4))),
        matched_controls=draw(st.booleans()),
        seeds=draw(st.integers(1, 8)),
        seed=draw(st.integers(0, 99)),
        steps=draw(st.integers(1, 500)),
        schedule=draw(st.sampled_from(["constant", "cosine", "inverse-sqrt"])),
        dtype=draw(st.sampled_from(["float64", "float32"])),
    )


def parsed(words):
    return training_from(build_parser().parse_args(words))


@pytest.mark.slow
@settings(max_examples=60)
@given(trainings())
def test_a_spec_survives_json_and_the_command_line(spec):
    assert Training.from_json(spec.to_json()) == spec
    assert load(spec.to_json(indent=2)) == spec
    assert parsed(shlex.split(spec.to_command("x"))[1:]) == spec


def test_the_command_line_without_options_is_the_default():
    assert parsed(["train"]) == Training()


def test_a_preset_is_where_options_start_from():
    preset = PRESETS["paper-qat"]
    words = ["train", "--preset", "paper-qat", "--dataset", "cifar100", "--data", "somewhere"]
    spec = parsed(words)
    assert spec == from_preset(preset, DataSpec("cifar100", path="somewhere"))
    assert (spec.network.weight_bits, spec.batch_size) == (preset.weight_bits, preset.batch_size)
    assert {rule.lr for _, rule in spec.rules} == {preset.lr}
    assert parsed([*words, "--steps", "7", "--bits", "4"]) == replace(
        spec, steps=7, network=replace(spec.network, weight_bits=4)
    )


@pytest.mark.parametrize(("name", "side", "classes"), [("cifar100", 32, 100)])
def test_the_paper_s_preset_is_within_the_caps(name, side, classes):
    spec = from_preset(PRESETS["paper-qat"], DataSpec(name, path="somewhere"))
    spec.check_cost(spec.network.network((3, side, side), classes), 40_000)


def test_another_data_set_keeps_nothing_of_the_old_one(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text(Training(data=DataSpec(n=99, noise=0.5)).to_json())
    spec = parsed(["train", "--spec", str(file), "--dataset", "spirals"])
    assert spec.data == DataSpec("spirals")
    assert parsed(["train", "--spec", str(file), "--examples", "77"]).data == DataSpec(
        n=77, noise=0.5
    )


def test_models_are_the_rules_as_they_are_and_the_grid_each_once():
    spec = Training(rules=make_rules(["adam", "sgd"], lr=0.01), lr_grid=(0.1, 0.01, 0.1))
    assert spec.lr_grid == (0.01, 0.1)
    assert spec.models == (("adam", 0.01), ("sgd", 0.01), ("adam", 0.1), ("sgd", 0.1))


def test_multiplications_are_those_of_the_layers():
    assert multiplications(Architecture(hidden=(5, 4)).network((3,), 2)) == 3 * 5 + 5 * 4 + 4 * 2
    conv = Architecture("conv", (5, 6)).network((3, 8, 8), 2)
    assert multiplications(conv) == 3 * 5 * 9 * 64 + 5 * 6 * 9 * 16 + 6 * 4 * 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network": Architecture(hidden=(0,))}, "invalid width: 0, must lie between 1 and 128"),
        ({"network": Architecture(hidden=(8,) * 5)}, "must be a tuple of 1 to 4 widths"),
        ({"network": Architecture(weight_bits=1)}, "1 bit leaves"),
        ({"network": Architecture(activation="gelu")}, "invalid activation: 'gelu'"),
        ({"network": Architecture("conv", (4,))}, "a convolution needs images"),
        ({"network": "mlp"}, "network must be a Architecture"),
        ({"loss": "hinge"}, "loss cannot be 'hinge'"),
        ({"data": DataSpec("sawtooth"), "loss": "cross-entropy"}, "sawtooth has no classes"),
        ({"batch_size": 0}, "batch_size is 0, but must lie between 1 and"),
        ({"l1": -1.0}, "l1 is -1, but must be at least 0"),
        ({"seeds": MAX_SEEDS + 1}, f"must lie between 1 and {MAX_SEEDS}"),
        ({"steps": 0}, "steps is 0"),
        ({"lr_grid": (0.1, 0.0)}, "lr_grid holds 0, but learning rates must be positive"),
        ({"lr_grid": tuple(range(1, MAX_GRID + 2))}, f"at most {MAX_GRID} are allowed"),
        ({"schedule": "linear"}, "unknown schedule 'linear'"),
        ({"dtype": "float16"}, "dtype cannot be 'float16'"),
        ({"rules": ()}, "rules must hold at least one rule"),
        ({"seeds": 64, "lr_grid": (0.1, 0.2, 0.3)}, "1280 models, but at most 1024"),
        ({"seeds": 64, "steps": 20_000}, "records, but at most"),
        (
            {"network": Architecture(hidden=(128,) * 4), "data": DataSpec("digits"), "seeds": 64,
             "lr_grid": (0.1, 0.2)},
            "parameters together, but at most",
        ),
        (
            {"network": Architecture(hidden=(128,) * 4), "seeds": 25, "steps": 20_000,
             "batch_size": 256},
            "multiplications, but at most",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(fields, message):
    with pytest.raises(SpecError, match=message) as error:
        Training(**fields)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"name": "moons"}}, "has no field 'n'"),
        ({"seeds": "many"}, "seeds must be a whole number"),
        ({"seedz": 1}, "unknown field 'seedz'"),
        ({"kind": "race"}, "has the kind 'race', but 'training' was expected"),
    ],
)
def test_wrong_json_is_one_sentence(change, message):
    with pytest.raises(SpecError, match=message):
        Training.from_dict({**Training().to_dict(), **change})


def test_data_that_cannot_be_is_a_spec_error():
    data = {**Training().to_dict()["data"], "name": "moons"}
    with pytest.raises(SpecError, match="there is no data set 'moons'"):
        Training.from_dict({**Training().to_dict(), "data": data})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--csv", "a.csv", "--dataset", "digits"], "--csv is no digits"),
        (["--csv", "a.csv", "--data", "b"], "give one of them"),
        (["--dataset", "xor", "--data", "b"], "xor is made here"),
        (["--hidden", "4", "--channels", "4"], "give one"),
        (["--preset", "paper-qat", "--spec", "a"], "--preset and --spec"),
        (["--preset", "paper"], "there is no preset 'paper'"),
        (["--hidden", "4,x"], "hidden must be a whole number, but is 'x'"),
        (["--batch-size", "some"], "batch-size must be a whole number"),
    ],
)
def test_wrong_options_are_one_sentence(words, message):
    with pytest.raises(ValueError, match=message):
        parsed(["train", *words])


def test_help_states_the_real_defaults(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split()).replace("two- moons", "two-moons")
    usual = Training()
    for told in (
        f"learning rate (default: {DEFAULT_LR:g})",
        f"number of steps (default: {usual.steps})",
        f"how many seeds (default: {usual.seeds})",
        f"or all (default: {usual.batch_size})",
        f"(default: {','.join(map(str, usual.network.hidden))})",
        f"(default: {usual.network.activation})",
        f"kept for validation (default: {usual.data.validation:g})",
        f"(default: {usual.dtype})",
        f"(default: {usual.data.name})",
    ):
        assert told in text
