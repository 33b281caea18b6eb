"""The Networks page's address: what it says, what it brings, what of it is ignored."""

import pytest
import torch
from streamlit.testing.v1 import AppTest

from landscapes.data.datasets import DataSpec
from pages.shared import links
from pages.shared.networks import controls, values
from pages.shared.words import sentence
from sadam.lab.codec import SpecError
from sadam.lab.experiment import Experiment
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, Training
from sadam.rules import RULES
from tests.pages.networks_app import APP, ROWS, ended, job, rerun, result

pytestmark = pytest.mark.slow  # each opens the page, which trains by itself

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


@pytest.mark.slow
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
    assert spec(app) == Training(data=DataSpec("two-moons", n=512, noise=0.15), seeds=6), (
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
