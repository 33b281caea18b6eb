"""The Networks page without a browser: what it trains, every control, every error, every tab."""

from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from landscapes.datasets import DataSpec
from pages.shared import links
from pages.shared.networks import controls, values
from pages.shared.words import sentence
from sadam.lab.codec import SpecError
from sadam.lab.experiment import Experiment, load
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, Training, run_training
from sadam.rules import RULES

APP = str(Path(__file__).parents[2] / "app.py")
TABS = (
    "Results", "Inside a network", "Loss plane", "Instability and chattering", "Data and figures",
    "Code",
)  # fmt: skip
SMALL = {"hidden": "5", "steps": 50, "seeds": 2, "n": 64, "batch": 8, "matched": False}
ROWS = b"a,b,kind\n" + b"".join(
    b"%d,%d,%s\n" % (i % 7, i % 5, b"uvw"[i % 3 :][:1]) for i in range(60)
)


def opened(csv=None, **values):
    app = AppTest.from_file(APP, default_timeout=90)
    app.run()
    for name, value in {**SMALL, **values}.items():
        app.session_state[f"net_{name}"] = value
    if csv is not None:
        app.session_state["net_dataset"] = "csv"
        app.session_state["_net_csv"] = ("mine.csv", csv)
    app.switch_page("pages/networks.py")
    return ended(rerun(app))


def rerun(app):
    app.run()
    assert not app.exception
    return app


def job(app):
    if "_net_job" not in app.session_state:
        return None
    return app.session_state["_net_job"]


def ended(app):
    if job(app) is not None:
        assert job(app).wait(60)
        rerun(app)
    return app


def result(app):
    shown = app.session_state["_net_shown"]
    assert shown.final
    return shown.result


def texts(app):
    return " ".join(m.value for m in app.markdown)


def open_tab(app, name):
    app.session_state["net_tab"] = name
    return rerun(app)


def test_it_trains_by_itself_and_says_what_came_of_it():
    app = opened(matched=True)
    assert "Two moons: 2-5-1 ReLU net" in texts(app)
    assert "On the test set" in texts(app)
    assert "matched control" in texts(app)
    assert not app.error
    assert not app.info


def test_the_numbers_are_those_of_python_and_of_the_command_line():
    app = open_tab(opened(matched=True), "Code")
    command, python = (block.value for block in app.code)
    spec = load(python.split("'''")[1])
    assert command == spec.to_command()
    again, here = run_training(spec), result(app)
    assert torch.equal(again.run.final, here.run.final)
    assert torch.equal(again.run.losses, here.run.losses)
    assert [m.name for m in again.models] == [m.name for m in here.models]


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

    monkeypatch.setattr("landscapes.csv_data.read_csv_file", refuse)
    app = open_tab(opened(csv=ROWS), "Code")
    assert result(app).data.classes == ("u", "v", "w")
    assert "--csv mine.csv" in app.code[0].value
    assert "mine.csv: 2-5-3 ReLU net" in texts(app)


def test_a_rule_that_diverges_is_reported_and_the_others_go_on():
    app = opened(dataset="sawtooth", noise=0.05, lr=10.0, rules=["sgd", "adam"], hidden="16, 16")
    assert "SGD left the finite numbers in 2 of 2 seeds" in texts(app)
    assert "Adam ends with" in texts(app)
    assert not app.error


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


@pytest.mark.parametrize("kind", ["random", "line"])
def test_the_other_planes(kind):
    page = opened()
    open_tab(page, "Loss plane")
    page.session_state["net_plane_kind"] = kind
    page.session_state["net_plane_probes"] = "Plane"
    rerun(page)
    assert "projection error" in texts(page)
    assert {"random": "filter-normalised", "line": "through the ends"}[kind] in texts(page).lower()


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


# ---- the address


QUICK = {"v": "1", "net_steps": "50", "net_seeds": "2", "net_hidden": "5", "net_matched": "0"}


def at(csv=None, **query):
    """A fresh session at an address."""
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update(query)
    if csv is not None:
        app.session_state["_net_csv"] = ("mine.csv", csv)
    app.switch_page("pages/networks.py")
    return ended(rerun(app))


def address(app):
    found = app.query_params
    return {n: found[n][0] if isinstance(found[n], list) else found[n] for n in found}


def told(app):
    return " ".join(w.value for w in app.warning).replace("\\", "")


def spec(app):
    return app.session_state["_net_spec"]


def test_a_page_as_it_opens_has_a_bare_address():
    app = AppTest.from_file(APP, default_timeout=90)
    app.switch_page("pages/networks.py")
    assert not address(rerun(app))
    job(app).stop()


def test_an_address_opens_the_same_training_with_the_same_numbers():
    app = at(**QUICK, net_dataset="digits", net_n="100", net_kind="conv", net_weight_bits="2")
    app.session_state["net_rules"] = ["sgd", "s-adam"]
    app.session_state["net_lr"] = 0.02
    app.session_state["net_batch"] = "all"
    app.session_state["net_tab"] = "Code"
    rerun(app)
    next(b for b in app.button if b.label == "Start").click()
    ended(rerun(app))
    again = at(**address(app))
    assert not again.warning
    assert not again.info
    assert spec(again) == spec(app)
    assert torch.equal(result(again).run.final, result(app).run.final)
    assert [c.value for c in again.code] == [c.value for c in app.code]
    assert len(again.code) == 2, "the tab is open"
    assert address(again) == address(app)
    assert address(rerun(again)) == address(app)


def test_an_address_that_says_it_in_fewer_words_stays_and_data_bring_their_usual_size():
    app = at(**QUICK, net_dataset="spirals")
    assert address(app) == {**QUICK, "net_dataset": "spirals"}
    assert (spec(app).data.n, spec(app).data.noise) == (512, 0.02)


def test_another_address_is_trained_by_itself():
    app = at(**QUICK)
    app.query_params["net_seed"] = "7"
    ended(rerun(app))
    assert spec(app).seed == 7
    assert result(app).spec.seed == 7
    assert not app.info
    for name in list(address(app)):
        del app.query_params[name]
    rerun(app)
    assert spec(app) == Training(data=DataSpec("two-moons", n=512, noise=0.15), seeds=5), (
        "the bare address: the page as it opens"
    )
    job(app).stop()


def test_what_cannot_be_read_is_named_and_the_rest_is_kept():
    app = at(
        **QUICK, net_lr="lots", net_weight_bits="1", net_rules="adam,nadam", net_tab="Secrets",
        net_batch="0", net_n="1e9", net_kind="conv", net_shape="round", net_seed="5",
        net_activation="tanh", net_loaded="eJx",
    )  # fmt: skip
    for part in (
        "net_lr must be a number", "net_weight_bits must be one of full, 8, 4, 3, 2, not '1'",
        "nadam", "net_tab must be one of", "net_batch must be a whole number", "net_n must be",
        "net_kind must be mlp", "nothing here is called net_shape", "net_loaded is damaged",
    ):  # fmt: skip
        assert part in told(app)
    assert not app.error
    assert spec(app).seed == 5
    assert spec(app).network == Architecture(hidden=(5,), activation="tanh")
    rerun(app)
    assert "net_lr" in told(app), "it stays while the controls do"
    app.session_state["net_seed"] = 6
    assert not rerun(app).warning


def test_a_width_of_0_is_named_and_more_than_there_is_too():
    app = at(**{**QUICK, "net_hidden": "0", "net_dataset": "digits", "net_n": "5000"})
    assert "net_hidden must be 1 to 4 widths, each from 1 to 128" in told(app)
    assert "net_n must be at most 1797, not 5000" in told(app)
    assert (spec(app).network.hidden, spec(app).data.n) == ((16, 16), 1797)


@pytest.mark.parametrize("with_spec", [False, True])
def test_a_csv_does_not_travel_in_a_link(with_spec):
    app = at(csv=ROWS, **QUICK, net_dataset="csv", net_batch="8", net_target="kind")
    assert (spec(app).data.path, spec(app).data.target) == ("mine.csv", "kind")
    link = address(app)
    if with_spec:
        odd = Training.from_json(spec(app).to_json().replace('"test": 0.25', '"test": 0.3'))
        link = {"v": "1", "net_loaded": links.pack(odd.to_json())}
    assert not app.warning
    away = at(**link)
    assert "does not travel in a link" in told(away)
    assert spec(away).data.name == "two-moons"
    assert spec(away).steps == 50
    assert not away.error


def test_the_script_prints_the_numbers_of_the_page(capsys):
    app = at(**QUICK, net_tab="Code")
    exec(compile(app.code[1].value, "script", "exec"), {})
    printed = capsys.readouterr().out
    table = app.session_state["_net_shown"].table
    assert table[["title", "at", "lr", "test_accuracy", "low", "high"]].to_string(
        index=False
    ) in printed  # fmt: skip
    assert app.session_state["_net_shown"].said.replace("**", "") in printed


SPECS = [
    Training(),
    Training(data=DataSpec("digits", n=200), network=Architecture("conv", (3,)), batch_size=None),
    Training(data=DataSpec("sawtooth", seed=4), rules=make_rules(list(RULES)), seeds=3, l1=1e-3),
    Training(data=DataSpec("xor", validation=0.1), seeds=2),
    Training(rules=make_rules(["adam", "slow=adam"]), seeds=20, steps=30),
    Training(lr_grid=(0.01, 0.02), seeds=2, network=Architecture(weight_bits=3)),
    Training(data=DataSpec("csv", path="a.csv", target="b"), steps=7),
]


@pytest.mark.parametrize("given_spec", SPECS)
def test_any_training_is_said_by_controls_or_held_beside_them(given_spec):
    held = values.values_of(given_spec)
    assert held.keys() == values.SETTINGS.keys()
    for name, value in held.items():
        if name != "loaded":
            assert values.FIELDS[name](links.text_of(value)) == value, name
    if held["loaded"]:
        assert Training.from_json(held["loaded"]) == given_spec
        return
    again = values.training_of(held, values.data_of(held, given_spec.data.path))
    usual = values.usual(given_spec.data.name)
    for name in ("rules", "network", "seeds", "steps", "batch_size", "lr_grid", "l1"):
        assert getattr(again, name) == getattr(given_spec, name)
    for name in ("n", "noise"):
        said = getattr(given_spec.data, name)
        assert getattr(again.data, name) == (usual.get(name) if said is None else said)


def test_most_specs_need_no_more_than_the_controls():
    assert [bool(values.values_of(s)["loaded"]) for s in SPECS] == [
        False, False, False, True, True, True, False,
    ]  # fmt: skip


def test_a_spec_that_no_control_says_is_shown_as_it_came():
    odd = Training(
        data=DataSpec("xor", n=64, validation=0.1),
        network=Architecture(hidden=(4,)),
        rules=make_rules(["adam", "slow=adam"]),
        seeds=2,
        steps=30,
    )
    app = at(v="1", net_loaded=links.pack(odd.to_json()))
    assert spec(app) == odd
    assert "differs in ways that the controls cannot say" in " ".join(i.value for i in app.info)
    assert at(**address(app)).session_state["_net_spec"] == odd
    next(b for b in app.button if b.label == "Use the controls").click()
    rerun(app)
    assert app.session_state["net_hidden"] == "4"
    assert not app.session_state["net_loaded"]


@pytest.mark.parametrize(
    ("given_spec", "message"),
    [
        (Experiment(), "this page opens trainings"),
        (Training(data=DataSpec("cifar100", path="/etc/passwd")), "files of the machine"),
        (Training(seeds=64, steps=3000), "records, but the page keeps at most 500000"),
    ],
)
def test_a_spec_that_is_not_for_this_page_is_one_sentence(given_spec, message):
    with pytest.raises(SpecError, match=message) as error:
        controls.open_spec(given_spec)
    assert "\n" not in sentence(error.value)
    if isinstance(given_spec, Training):
        app = at(**QUICK, net_loaded=links.pack(given_spec.to_json()))
        assert "its spec is not one that this page shows" in told(app)
        assert message in told(app)
        assert not app.error
