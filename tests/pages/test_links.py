"""What is on screen as a link, a file or a typed function: read back field by field."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.shared import controls, links, words
from pages.shared.instability import controls as maps
from sadam.lab.experiment import Experiment
from sadam.lab.kinds import load
from sadam.rules import RULES, Adam, SAdam

APP = str(Path(__file__).parents[2] / "app.py")


def opened(**query):
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update(query)
    app.session_state["below"] = "Code"  # where the Race page shows its spec
    app.switch_page("pages/race.py").run()
    assert not app.exception
    return app


def spec(app):
    python = next(c.value for c in app.code if c.language == "python")
    return load(python.split("'''")[1])


def told(app):
    return " ".join(w.value for w in app.warning)


def address(app):
    query = app.query_params
    return {
        name: query[name][0] if isinstance(query[name], list) else query[name] for name in query
    }


def test_a_page_as_it_opens_has_a_bare_address():
    assert not address(opened())


@pytest.mark.slow
def test_an_address_opens_the_same_race():
    app = opened()
    app.session_state["landscape"] = "cb2"
    app.session_state["start_x"], app.session_state["start_y"] = 0.5, 1.5
    app.session_state["lr"] = 0.05
    app.session_state["rules"] = ["adam", "s-adam"]
    app.run()
    link = address(app)
    assert link["v"] == "1"
    again = opened(**link)
    assert not again.warning
    assert spec(again) == spec(app)
    assert address(again) == link
    again.run()
    assert address(again) == link


def test_what_cannot_be_read_is_named_and_the_rest_is_kept():
    app = opened(
        v="7", landscape="cb2", lr="lots", steps="1e9", rules="adam,nadam", shape="round", seed="5"
    )
    for part in ("version 7", "lr must be a number", "steps must be a whole number", "nadam",
                 "nothing here is called shape"):  # fmt: skip
        assert part in told(app).replace("\\", "")
    assert spec(app).landscape == "cb2"
    assert spec(app).seed == 5
    assert spec(app).steps == controls.DEFAULTS["steps"]
    app.run()
    assert not app.warning  # once is enough


def test_what_a_link_lost_is_one_line_however_odd_and_however_much():
    app = opened(**{"a\u2028b\n": "1", "landscape": "cb22", **{f"x{i}": "1" for i in range(40)}})
    (said,) = told(app).splitlines()
    assert "nothing here is called a b" in said
    assert "did you mean 'cb2'?" in said
    assert "and 30 things more" in said
    assert len(said) < 700
    long = {"rules": "a" * 5000, "schedule": "b" * 5000, "view": "c" * 5000, "frame": "d" * 5000}
    (said,) = told(opened(**long, **{f"{'y' * 300}{i}": "1" for i in range(4)})).splitlines()
    assert "more. The rest is as the link says." in said
    assert len(said) < 1000


def test_a_link_cannot_bring_a_picture_of_another_host():
    text = "![](https://example.org/x.png)"
    app = opened(lr=text, **{text: "1"})
    assert "![" not in told(app).replace("\\!", "")
    assert "\\!\\[" in told(app)


@pytest.mark.slow
def test_a_busy_browser_that_sends_an_old_address_with_a_change_takes_nothing_back():
    """It is told of a new address after a run; until then it sends the one that it has."""
    app = opened()
    app.session_state["seed"] = 3
    app.run()
    first = address(app)
    app.session_state["seed"] = 4
    app.run()
    app.query_params.clear()  # what it had before both
    app.session_state["start_x"] = 0.5
    app.run()
    assert (spec(app).seed, spec(app).starts[0][0]) == (4, 0.5)
    both = address(app)
    assert (both["seed"], both["start_x"]) == ("4", "0.5")
    app.query_params.clear()
    app.query_params.update(first)  # and this is going back
    app.run()
    assert (spec(app).seed, spec(app).starts) == (3, Experiment().starts)
    assert address(app) == first


@pytest.mark.slow
def test_an_address_that_says_it_in_fewer_words_stays():
    app = opened(v="1", lr="0.05", landscape="l1", start_x="1")
    assert address(app) == {"v": "1", "lr": "0.05", "landscape": "l1", "start_x": "1"}
    app.select_slider(key="lr").set_value(0.1).run()
    assert address(app)["steps"] == "500"  # once it says something else, all fields are written


def test_other_pages_have_links_too():
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update(
        {"v": "1", "landscape": "l1", "lgi_radius": "0.05", "lgi_x": "0.25", "lgi_y": "1"}
    )
    app.switch_page("pages/instability.py").run()
    assert not app.exception
    assert app.session_state["lgi_radius"] == 0.05
    assert app.session_state["lgi_x"] == 0.25
    assert app.session_state["landscape"] == "l1"


@pytest.mark.parametrize(("fields", "defaults"), [(controls.FIELDS, controls.DEFAULTS),
                                                 (maps.FIELDS, maps.LINKED)])  # fmt: skip
def test_every_default_is_read_back(fields, defaults):
    for name, default in defaults.items():
        read = fields[name]
        text = links.pack(default) if read is links.packed else links.text_of(default)
        assert read(text) == default or (not text and not default), name


@given(st.text(max_size=2000))
def test_packed_texts_come_back(text):
    assert links.packed(links.pack(text)) == text


@given(st.sampled_from(sorted(controls.FIELDS)), st.text(max_size=50))
def test_any_text_is_a_value_or_one_sentence(name, text):
    try:
        controls.FIELDS[name](text)
    except ValueError as error:
        said = words.sentence(error)
    else:
        said = "Read."
    assert said.endswith(".")
    assert "\n" not in said


def test_a_bomb_is_not_unpacked():
    with pytest.raises(ValueError, match="damaged"):
        links.packed(links.pack("0" * 10_000_000))


SPECS = [
    Experiment(),
    Experiment(landscape="cb2", starts=((1.0, 2.0),), rules=(("adam", Adam(lr=0.02)),), steps=77),
    Experiment(landscape="= abs(x) + b*y; b = 3; window = -1, 1, -2, 2", starts=((0.5, 0.5),)),
    Experiment(rules=tuple((key, make(lr=0.01)) for key, make in RULES.items())),
    Experiment(rules=(("adam", Adam(lr=0.1)), ("slow", Adam(lr=0.01)))),
    Experiment(rules=(("s-adam", SAdam(lr=0.1, zeta=1e-3)),), starts=((1.0, 1.0), (2.0, 1.0))),
]


@pytest.mark.slow
@pytest.mark.parametrize("given_spec", SPECS)
def test_any_spec_of_a_race_can_be_opened_and_linked(given_spec):
    link = {"v": "1", "loaded": links.pack(given_spec.to_json())}
    app = opened(**link)
    assert spec(app) == given_spec
    assert address(opened(**address(app))) == address(app)


@pytest.mark.slow
def test_a_function_is_typed_and_its_parameter_has_a_slider():
    app = opened(landscape="own", own_text="a*abs(x) + abs(y)", own_values="a:0.5")
    assert spec(app).landscape == "= a*abs(x) + abs(y); a = 0.5"
    app.slider(key="own_value_a").set_value(2.0).run()
    assert not app.exception
    assert spec(app).landscape == "= a*abs(x) + abs(y); a = 2"
    assert address(app)["own_values"] == "a:2"


@pytest.mark.slow
def test_a_mistake_is_pointed_at_and_nothing_is_lost():
    app = opened(landscape="own", own_text="abs(x) + abs(y)")
    before = spec(app)
    app.text_input(key="own_text").set_value("abs(x) + * y").run()
    assert not app.exception
    assert "olumn 10" in app.error[0].value
    assert any(c.value == "abs(x) + * y\n         ^" for c in app.code)
    assert spec(app).landscape == before.landscape
    app.text_input(key="own_text").set_value("abs(x) + 2*abs(y)").run()
    assert not app.error
    assert spec(app).landscape == "= abs(x) + 2*abs(y)"
