"""The Race page without a browser: every control reaches the experiment, errors are sentences."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from landscapes import CATALOGUE
from sadam.lab.experiment import PAPER_RULES
from sadam.lab.kinds import load

APP = str(Path(__file__).parents[2] / "app.py")


def opened():
    test = AppTest.from_file(APP, default_timeout=60).switch_page("pages/race.py")
    test.session_state["below"] = "Code"  # where the page shows its spec
    test.run()
    assert not test.exception
    return test


@pytest.fixture
def app():
    return opened()


@pytest.fixture(scope="module")
def visited():
    """A page that several tests use: each puts back what it sets."""
    return opened()


def spec(app):
    """The experiment on screen, from the code the page shows for it."""
    python = next(c.value for c in app.code if c.language == "python")
    return load(python.split("'''")[1])


def rerun(app):
    app.run()
    assert not app.exception
    return app


def test_it_opens_on_a_drawn_race(app):
    assert [label for label, _ in spec(app).rules] == sorted(
        PAPER_RULES, key=["adam", "adamw", "prox-sgd", "s-adam", "s-adam-two-sided"].index
    )
    assert not CATALOGUE[spec(app).landscape].convex
    (table,) = app.dataframe
    assert len(table.value) == 5
    assert table.value["final_gap"].is_monotonic_increasing


@pytest.mark.slow
def test_controls_outlive_a_visit_to_every_other_page(app):
    app.number_input(key="seed").set_value(7)
    app.selectbox(key="landscape").select("cb2")
    before = spec(rerun(app))
    assert (before.seed, before.landscape) == (7, "cb2")
    for page in ("gallery", "instability", "networks", "compare", "lessons"):
        rerun(app.switch_page(f"pages/{page}.py"))
        rerun(app)
        app.switch_page("pages/race.py")
        app.session_state["below"] = "Code"
        assert spec(rerun(app)) == before, page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("lr", 0.05, lambda s: dict(s.rules)["adam"].lr),
        ("lr_sgd", 0.01, lambda s: dict(s.rules)["prox-sgd"].lr),
        ("radius", 0.05, lambda s: dict(s.rules)["s-adam"].radius),
        ("num_probes", 5, lambda s: dict(s.rules)["s-adam-two-sided"].num_probes),
        ("damping_one", 1.0, lambda s: dict(s.rules)["s-adam"].damping),
        ("damping_two", 0.5, lambda s: dict(s.rules)["s-adam-two-sided"].damping),
        ("steps", 100, lambda s: s.steps),
        ("seed", 7, lambda s: s.seed),
        ("schedule", "cosine", lambda s: s.schedule),
        ("beta1", 0.5, lambda s: dict(s.rules)["adamw"].betas[0]),
        ("beta2", 0.9, lambda s: dict(s.rules)["adamw"].betas[1]),
        ("weight_decay", 0.1, lambda s: dict(s.rules)["s-adam"].weight_decay),
        ("momentum", 0.5, lambda s: dict(s.rules)["prox-sgd"].momentum),
        ("l1", 0.1, lambda s: dict(s.rules)["prox-sgd"].l1),
        ("start_x", 0.25, lambda s: s.starts[0][0]),
        ("start_y", -0.5, lambda s: s.starts[0][1]),
    ],
)
def test_every_control_reaches_the_experiment(visited, name, value, read):
    before = visited.session_state[name]
    assert read(spec(visited)) != value
    try:
        visited.session_state[name] = value
        assert read(spec(rerun(visited))) == value
    finally:
        visited.session_state[name] = before


def type_steps(app, text):
    box = app.selectbox(key="steps")
    box.options.append(text)  # AppTest knows no box that takes what is typed
    box.set_value(text)


@pytest.mark.parametrize(("typed", "steps"), [("777", 777), ("2,000", 2_000), (" 1 ", 1)])
def test_any_number_of_steps_can_be_typed(app, typed, steps):
    type_steps(app, typed)
    assert spec(rerun(app)).steps == steps
    assert not app.error
    app.number_input(key="seed").set_value(3)
    assert spec(rerun(app)).steps == steps


@pytest.mark.parametrize(
    "typed", ["0", "20001", "many", "2.5", "-3", "1e3", "nan", "[x](http://y)"]
)
def test_what_is_no_number_of_steps_is_one_sentence(app, typed):
    type_steps(app, typed)
    assert spec(rerun(app)).steps == 500
    (told,) = app.error
    assert told.value.startswith("Steps must be a whole number from 1 to 20000: ")
    assert "](" not in told.value
    rerun(app)
    assert not app.error


def test_choosing_a_landscape_moves_the_start(app):
    app.selectbox(key="landscape").select("cb2")
    now = spec(rerun(app))
    assert now.landscape == "cb2"
    assert now.starts == (CATALOGUE["cb2"].start,)


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
def test_every_landscape_can_be_shown(visited, key):
    visited.session_state["landscape"] = key
    assert spec(rerun(visited)).landscape == key


def test_the_list_holds_the_catalogue_group_by_group(app):
    own, *options = app.selectbox(key="landscape").options
    assert own == "Your own function"
    assert len(options) == len(CATALOGUE)
    for option, landscape in zip(options, CATALOGUE.values(), strict=True):
        said = {"smooth": "smooth", "stepped": "stepped"}.get(landscape.group, "convex")
        assert option.startswith(landscape.title)
        assert said in option
        assert ("trap" in option) == bool(landscape.traps)


def test_views(app):
    app.session_state["view"] = "Surface"
    app.session_state["frame"] = "Paths"
    app.session_state["cost"] = "Evaluations"
    rerun(app)


def test_no_optimizer_is_met_with_a_sentence(app):
    app.session_state["rules"] = []
    rerun(app)
    (info,) = app.info
    assert info.value == "Choose at least one optimizer on the left."
    assert not app.error


def test_a_race_too_large_names_the_cap(app):
    large = spec(app).to_dict() | {"steps": 20_000, "starts": [[0.0, i / 9] for i in range(200)]}
    app.session_state["loaded"] = json.dumps(large)
    rerun(app)
    (told,) = app.error
    assert "2000000" in told.value.replace(",", "")


def test_reset_restores_the_first_picture(app):
    first = spec(app)
    for name, value in {"lr": 0.05, "steps": 100, "landscape": "cb2"}.items():
        app.session_state[name] = value
    assert spec(rerun(app)) != first
    next(b for b in app.button if "Reset" in b.label).click()
    assert spec(rerun(app)) == first


def test_a_diverging_rule_is_named(app):
    app.session_state["landscape"] = "cb2"
    app.session_state["lr_sgd"] = 10.0
    rerun(app)
    (table,) = app.dataframe
    row = table.value.set_index("title").loc["Prox-SGD"]
    assert row["diverged"].startswith("at step")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["log(x)", "log(-1 - x**2)", "1/x", "exp(exp(x))"])
@pytest.mark.parametrize("start", [(0.0, 0.0), (1.0, 1.0)])
def test_a_function_that_is_not_finite_everywhere_is_raced(text, start):
    app = AppTest.from_file(APP, default_timeout=60).switch_page("pages/race.py")
    state = {"landscape": "own", "own_text": text, "start_x": start[0], "start_y": start[1]}
    for name, value in {**state, "steps": 30, "matched": True, "view": "Surface"}.items():
        app.session_state[name] = value
    for below in ("Chattering", "Results"):
        app.session_state["below"] = below
        rerun(app)
        assert not app.error
    if start == (0.0, 0.0) and text != "exp(exp(x))":
        assert all(told == "at step 0" for told in app.dataframe[0].value["diverged"])
