"""Every lesson draws and answers, and its link opens the state that it promises."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import controls as race_controls
from pages.shared.gallery.book import book, target
from pages.shared.gallery.cards import CARDS as FILE
from pages.shared.gallery.cards import LESSONS, RACE
from pages.shared.gallery.cards import PRESETS as CARDS
from pages.shared.lessons import links
from pages.shared.lessons.links import CONTROLS, KEYS, PREFIX, query_of_lesson
from sadam.lab.experiment import Experiment
from sadam.lab.gallery import PRESETS
from sadam.lab.lessons import kink_slopes, mean_brakes, running_means
from sadam.lab.rulebook import make_rules

APP = str(Path(__file__).parents[2] / "app.py")
SPECS = {
    "traps": Experiment(
        "wolfe", ((4.0, 3.0),), make_rules(("adam", "s-adam-two-sided"), lr=0.2), 400
    ),
    "control": Experiment("l1", (), make_rules(("adamw", "s-adam-two-sided"), lr=0.1), 300),
    "schedules": Experiment(
        "l1", (), make_rules(("adam", "s-adam-two-sided"), lr=0.1), 300, 0, "cosine"
    ),
}
ON_RACE = ("kink", "chattering", "control", "schedules", "traps", "reddi")
DRAWN = {"sadam_chart", "sadam_stage", "sadam_maps"}
ON_MAPS = ("clarke", "probe", "two-sided")


def lesson(key, **values):
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update(query_of_lesson(key, **values))
    app.session_state[f"answer_{key}"] = True
    app.switch_page("pages/lessons.py").run()
    assert not app.exception
    assert not app.warning
    return app


def said(app):
    return "\n".join(markdown.value for markdown in app.markdown)


def link(app):
    """The page and query of the lesson's link."""
    (found,) = app.get("page_link")
    return found.proto


def rerun_of(query):
    """What the Race page's controls say after a query, as an experiment."""

    def script(query):
        import streamlit as st

        from pages.shared.controls import DEFAULTS, FIELDS, experiment

        st.session_state.update(DEFAULTS)
        for name, text in query.items():
            if name != "v":
                st.session_state[name] = FIELDS[name](text)
        st.text(experiment().to_json())

    app = AppTest.from_function(script, kwargs={"query": query}, default_timeout=60).run()
    assert not app.exception
    return Experiment.from_json(app.text[0].value)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_every_lesson_draws_answers_and_leads_on(key):
    app = lesson(key)
    assert f"Lesson {KEYS.index(key) + 1} of {len(KEYS)}" in [c.value for c in app.caption]
    drawn = {element.proto.component_name for element in app.get("bidi_component")}
    assert {name.rpartition(".")[2] for name in drawn} & {
        "sadam_chart",
        "sadam_stage",
        "sadam_maps",
    }
    (asked,) = app.expander
    answer = "\n".join(markdown.value for markdown in asked.markdown)
    assert len(answer) > 150
    assert "nan" not in said(app)
    proto = link(app)
    if key in ON_RACE:
        assert proto.page == "race"
        query = dict(parse_qsl(proto.query_string))
        opened = rerun_of(query)
        assert opened == SPECS.get(key, opened)
        assert set(query) <= {"v", *race_controls.FIELDS}
    elif key in ON_MAPS:
        assert proto.page == "instability"
    else:
        assert proto.page == "networks"


def test_numbers_in_the_text_are_the_labs():
    found = kink_slopes(0.5, 0.2, 0.1)
    text = said(lesson("kink", at=0.5, width=0.2))
    assert f"**{found.before:.2f}**" in text
    assert f"**{found.after:.2f}**" in text
    means = running_means("kink", 4, 100, 0)
    text = said(lesson("two-sided", place="kink", draw_k=4, dim=100))
    assert f"one-sided **{means['one-sided'][-1]:.3f}**" in text
    brakes = mean_brakes("kink", 4, 100, 0)
    assert f"keep **{brakes['one-sided']:.2f}** and **{brakes['two-sided']:.2f}** of" in text


@pytest.mark.slow
def test_a_link_to_the_maps_opens_the_point():
    def script():
        import streamlit as st

        from pages.shared.lessons.kinks import inspected

        opens = inspected("cb2", 0.5, -0.25, 0.03)
        st.json([opens.page, opens.query])

    app = AppTest.from_function(script).run()
    seen = json.loads(app.json[0].value)
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update(seen[1])
    app.session_state["lgi_grid"] = 101
    app.switch_page(seen[0]).run()
    assert not app.exception
    assert not app.warning
    assert app.session_state["landscape"] == "cb2"
    assert app.session_state["lgi_x"] == 0.5
    assert app.session_state["lgi_y"] == -0.25
    assert app.session_state["lgi_radius"] == 0.03


def test_next_previous_and_the_list():
    app = lesson("kink")
    assert not [b for b in app.button if b.label == "Previous"]
    next(b for b in app.button if b.label == "Next").click().run()
    assert app.session_state["lesson"] == KEYS[1]
    assert app.query_params["lesson"] == KEYS[1]
    app.sidebar.radio(key="lesson").set_value(KEYS[-1]).run()
    assert not app.exception
    assert not [b for b in app.button if b.label == "Next"]


def test_a_wrong_lesson_is_named_and_the_first_one_shown():
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update({"lesson": "nonsense", "les_lr": "7"})
    app.switch_page("pages/lessons.py").run()
    assert not app.exception
    assert "nonsense" in app.warning[0].value
    assert app.session_state["lesson"] == KEYS[0]


def test_every_control_of_a_lesson_is_read_back():
    for controls in CONTROLS.values():
        for name, (default, read) in controls.items():
            assert read(links.links.text_of(default)) == default, name
    assert all(name.startswith(PREFIX) or name == "lesson" for name in links.FIELDS)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_a_picture_opens_the_race_that_it_shows(preset):
    page, query = target(preset)
    if isinstance(preset.spec, Experiment):
        assert page == RACE
        assert rerun_of(query) == preset.spec
    else:
        assert (page, query) == (LESSONS, query_of_lesson("reddi"))
    assert not preset.lesson or preset.lesson in KEYS


def test_the_gallery_is_the_first_page():
    app = AppTest.from_file(APP, default_timeout=90).run()
    assert not app.exception
    assert app.get("bidi_component")


def test_presenter_mode_from_the_address_and_back():
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params["present"] = "1"
    app.run()
    assert app.session_state["present"] is True
    assert app.query_params["present"] == "1"
    app.toggle(key="present").set_value(False).run()
    assert app.session_state["present"] is False
    assert "present" not in app.query_params


def test_the_cards_say_what_the_presets_say():
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept == book(), "run: python -m pages.shared.gallery.book"
    assert list(CARDS.values()) == kept["cards"]


@pytest.mark.slow
def test_the_gallery_does_not_wait_for_torch():
    """The landing page is drawn before the import of torch, which takes seconds."""
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file('app.py', default_timeout=60).run(); "
        "assert not app.exception and 'kink' in app.markdown[0].value; "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0


def test_the_corners_that_an_answer_names_are_different_ones():
    (corners,) = re.findall(r"corners of their hull are (.*?)\. Only", said(lesson("clarke")))
    assert corners == "(-5, 1), (0, -2), (5, 1)"


def test_where_steepest_descent_stalls_is_said_without_rounding_errors():
    told = said(lesson("traps"))
    assert "Steepest descent ends at (0, 0), 8 above the minimum" in told
    assert "e-1" not in told
