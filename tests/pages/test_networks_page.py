"""The Networks page without a browser: what it trains, every control, every error, every tab."""

import pytest
import torch
from streamlit.testing.v1 import AppTest

from landscapes.data.datasets import DataSpec
from pages.shared import kept
from pages.shared.networks.pictures import Shown, tiles_of
from sadam.lab.kinds import load
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, Training, run_training
from tests.pages.networks_app import (
    APP,
    ROWS,
    SMALL,
    TABS,
    ended,
    job,
    open_tab,
    opened,
    rerun,
    result,
    texts,
)


def test_it_trains_by_itself_and_says_what_came_of_it():
    app = opened(matched=True)
    assert "Two moons: 2-5-1 ReLU net" in texts(app)
    assert "On the test set" in texts(app)
    assert "matched control" in texts(app)
    assert not app.error
    assert not app.info


def test_own_data_are_kept_with_the_session_only():
    kept.clear()
    app = opened(csv=ROWS, target="")
    assert "mine.csv" in texts(app)
    assert all(key[0] not in ("own data", "data") for key in kept._entries)
    read = app.session_state["_net_read"]
    rerun(app)
    assert app.session_state["_net_read"] is read


def test_the_numbers_are_those_of_python_and_of_the_command_line():
    app = open_tab(opened(matched=True), "Code")
    command, python = (block.value for block in app.code)
    spec = load(python.split("'''")[1])
    assert command == spec.to_command()
    again, here = run_training(spec), result(app)
    assert torch.equal(again.run.final, here.run.final)
    assert torch.equal(again.run.losses, here.run.losses)
    assert [m.name for m in again.models] == [m.name for m in here.models]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("n", 80, lambda s: s.data.n),
        ("noise", 0.3, lambda s: s.data.noise),
        ("data_seed", 3, lambda s: s.data.seed),
        ("label_noise", 0.2, lambda s: s.label_noise),
        ("input_noise", 0.1, lambda s: s.input_noise),
        ("hidden", "4, 3", lambda s: ", ".join(map(str, s.network.hidden))),
        ("activation", "tanh", lambda s: s.network.activation),
        ("weight_bits", "2", lambda s: str(s.network.weight_bits)),
        ("activation_bits", "4", lambda s: str(s.network.activation_bits)),
        ("loss", "squared", lambda s: s.loss),
        ("batch", 16, lambda s: s.batch_size),
        ("l1", 0.001, lambda s: s.l1),
        ("rules", ["sgd", "amsgrad"], lambda s: [label for label, _ in s.rules]),
        ("lr", 0.03, lambda s: dict(s.rules)["s-adam"].lr),
        ("grid", True, lambda s: bool(s.lr_grid)),
        ("matched", True, lambda s: s.matched_controls),
        ("seeds", 3, lambda s: s.seeds),
        ("seed", 11, lambda s: s.seed),
        ("steps", 100, lambda s: s.steps),
        ("schedule", "cosine", lambda s: s.schedule),
        ("radius", 0.05, lambda s: dict(s.rules)["s-adam"].radius),
        ("num_probes", 3, lambda s: dict(s.rules)["s-adam-two-sided"].num_probes),
        ("damping_one", 1.0, lambda s: dict(s.rules)["s-adam"].damping),
        ("damping_two", 1.5, lambda s: dict(s.rules)["s-adam-two-sided"].damping),
        ("beta1", 0.5, lambda s: dict(s.rules)["adam"].betas[0]),
        ("beta2", 0.9, lambda s: dict(s.rules)["adam"].betas[1]),
        ("weight_decay", 0.1, lambda s: dict(s.rules)["adamw"].weight_decay),
        ("momentum", 0.5, lambda s: dict(s.rules)["prox-sgd"].momentum),
        ("dtype", "float32", lambda s: s.dtype),
    ],
)
def test_every_control_reaches_the_spec_when_start_is_pressed(page, name, value, read):
    before = page.session_state["_net_spec"]
    assert read(before) != value
    old = page.session_state[f"net_{name}"]
    page.session_state[f"net_{name}"] = value
    rerun(page)
    assert page.session_state["_net_spec"] == before, "nothing is trained before Start"
    assert "press Start" in page.info[0].value
    next(b for b in page.button if b.label == "Start").click()
    rerun(page)
    assert read(page.session_state["_net_spec"]) == value
    page.session_state[f"net_{name}"] = old
    if job(page) is not None:
        job(page).stop()
    page.session_state["_net_spec"] = before


@pytest.fixture(scope="module")
def page():
    """One page whose controls are changed and set back."""
    return opened()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hidden": "0"}, "Invalid width: 0, must lie between 1 and 128."),
        ({"hidden": "4, x"}, "must be a whole number"),
        ({"hidden": "4, 4, 4, 4, 4"}, "1 to 4"),
        ({"batch": 512}, "must lie between 1 and the 32 training examples"),
        ({"dataset": "sawtooth", "loss": "cross-entropy"}, "its loss must be squared"),
        ({"steps": 5000, "seeds": 16, "grid": True}, "the page keeps at most 500000"),
    ],
)
def test_bad_input_is_one_sentence_and_loses_nothing(page, values, told):
    kept = result(ended(page))
    old = {name: page.session_state[f"net_{name}"] for name in values}
    for name, value in values.items():
        page.session_state[f"net_{name}"] = value
    rerun(page)
    (error,) = page.error
    assert told in error.value
    assert error.value.endswith(".")
    assert next(b for b in page.button if b.label == "Start").disabled
    assert result(page) is kept
    for name, value in old.items():
        page.session_state[f"net_{name}"] = value
    assert not rerun(page).error


@pytest.mark.parametrize(
    ("bits", "told"),
    [("1", "1 bit leaves a signed level no zero"), ("5", "must be one of (8, 4, 3, 2)")],
)
def test_bits_that_cannot_be(bits, told):
    app = opened(weight_bits=bits)
    (error,) = app.error
    assert told in error.value.replace("\\", "")  # without the marks that keep Markdown away
    assert job(app) is None


def test_no_rules(page):
    old = page.session_state["net_rules"]
    page.session_state["net_rules"] = []
    (told,) = rerun(page).info
    assert "at least one optimizer" in told.value
    page.session_state["net_rules"] = old
    rerun(page)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The CSV is empty"),
        (b"a,b\n" + b"1,x\n" * 20, "at least two classes are needed"),
        (b"a,b\n1,x\nnan,y\n" + b"1,x\n" * 20, "Line 3 of the CSV, column 'a'"),
        (b"PK\3\4\0\0", "not text but binary"),
    ],
)
def test_a_bad_csv_is_one_sentence(content, told):
    app = opened(csv=content)
    (error,) = app.error
    assert told in error.value
    assert job(app) is None


def test_ones_own_csv_is_trained_on_and_no_path_is_opened(monkeypatch):
    def refuse(spec: DataSpec):
        raise AssertionError(f"{spec.path} was to be opened")

    monkeypatch.setattr("landscapes.data.csv_data.read_csv_file", refuse)
    app = open_tab(opened(csv=ROWS), "Code")
    assert result(app).data.classes == ("u", "v", "w")
    assert "--csv mine.csv" in app.code[0].value
    assert "mine.csv: 2-5-3 ReLU net" in texts(app)


def test_a_rule_that_diverges_is_reported_and_the_others_go_on():
    app = opened(dataset="sawtooth", noise=0.05, lr=10.0, rules=["sgd", "adam"], hidden="16, 16")
    assert "SGD left the finite numbers in 2 of 2 seeds" in texts(app)
    assert "Adam ends with" in texts(app)
    assert not app.error


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"grid": True},
        {"dataset": "sawtooth", "noise": 0.05},
        {"dataset": "digits", "n": 200, "noise": 0.0, "weight_bits": "2"},
        {"dataset": "digits", "n": 200, "noise": 0.0, "kind": "conv", "hidden": "3"},
        {"activation": "tanh", "rules": ["adam"]},
    ],
    ids=["grid", "values", "digits", "conv", "smooth"],
)
def test_every_tab_draws(values):
    app = opened(**values)
    for tab in TABS:
        open_tab(app, tab)
        assert not app.error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "line"])
def test_the_other_planes(kind):
    page = opened()
    open_tab(page, "Loss plane")
    page.session_state["net_plane_kind"] = kind
    page.session_state["net_plane_probes"] = "Plane"
    rerun(page)
    assert "projection error" in texts(page)
    assert {"random": "filter-normalised", "line": "through the ends"}[kind] in texts(page).lower()


@pytest.mark.slow
def test_stop_keeps_what_was_computed():
    app = AppTest.from_file(APP, default_timeout=90)
    app.run()
    for name, value in {**SMALL, "steps": 5000, "seeds": 16}.items():
        app.session_state[f"net_{name}"] = value
    app.switch_page("pages/networks.py")
    rerun(app)
    while job(app).step < 64:
        assert job(app).running
    rerun(app)
    next(b for b in app.button if b.label == "Stop").click()
    ended(rerun(app))
    assert job(app).state == "stopped"
    assert 64 <= result(app).run.steps < 5000
    assert "Stopped after" in texts(app)
    assert not [b for b in app.button if b.label == "Stop"]


def test_after_a_grid_the_tiles_show_what_the_words_compare():
    spec = Training(
        data=DataSpec(n=120), network=Architecture(hidden=(4,)), rules=make_rules(["adam", "sgd"]),
        lr_grid=(0.001, 0.3), seeds=2, steps=20,
    )  # fmt: skip
    found = run_training(spec)
    seen = Shown(found, final=True)
    table = seen.table.set_index(["rule", "at"])
    for tile in tiles_of(seen, 0):
        row = table.loc[(tile.rule, "best of grid")]
        assert tile.note == f"**{100 * row['test_accuracy']:.1f} %** on test at lr {row['lr']:g}"
    underway = Shown(found, final=False)
    assert all(" at lr " not in tile.note for tile in tiles_of(underway, 0))
