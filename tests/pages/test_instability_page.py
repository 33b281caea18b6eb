"""The Instability page without a browser: every control reaches the spec, errors are sentences."""

import math
import threading
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from landscapes import CATALOGUE
from pages.shared.instability import calibration
from pages.shared.instability.controls import TABS
from sadam.lab.calibration import CalibrationSpec, iter_calibration
from sadam.lab.kinds import load

pytestmark = pytest.mark.slow  # each opens the page, which computes maps

APP = str(Path(__file__).parents[2] / "app.py")


def opened():
    test = AppTest.from_file(APP, default_timeout=90)
    test.session_state["landscape"] = "l1"
    test.session_state["lgi_grid"] = 101
    return rerun(test.switch_page("pages/instability.py"))


@pytest.fixture
def app():
    return opened()


@pytest.fixture(scope="module")
def visited():
    """A page that several tests use: each puts back what it sets."""
    return opened()


def rerun(app):
    app.run()
    assert not app.exception
    return app


def open_tab(app, name):
    app.session_state["lgi_tab"] = name
    return rerun(app)


def spec(app):
    """The map on screen, from the code the page shows for it."""
    open_tab(app, "Data and code")
    python = next(c.value for c in app.code if "'''" in c.value)
    return load(python.split("'''")[1])


def text(app):
    return " ".join(m.value for m in app.markdown)


def test_it_opens_with_both_lgis_and_an_inspected_point(app):
    assert "On average two-sided probes see" in text(app)
    assert "ROC area" in text(app)
    assert "S-Adam two-sided sees an LGI of 1.00" in text(app)  # the vertex of |x| + |y|
    assert len(app.table) == 2
    assert not app.warning
    assert not app.error


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("radius", 0.05, lambda s: s.radius),
        ("num_probes", 16, lambda s: s.num_probes),
        ("grid", 201, lambda s: s.grid),
        ("draws", 5, lambda s: s.spread_probes),
        ("seed", 7, lambda s: s.seed),
        ("damping_one", 1.0, lambda s: s.damping_one_sided),
        ("damping_two", 0.5, lambda s: s.damping_two_sided),
    ],
)
def test_every_control_reaches_the_spec(visited, name, value, read):
    before = visited.session_state[f"lgi_{name}"]
    assert read(spec(visited)) != value
    try:
        visited.session_state[f"lgi_{name}"] = value
        assert read(spec(visited)) == value
    finally:
        visited.session_state[f"lgi_{name}"] = before


def test_a_map_that_is_chosen_is_computed(app):
    assert "goldstein" not in spec(app).probes
    app.session_state["lgi_right"] = "goldstein"
    assert "goldstein" in spec(app).probes
    app.session_state["lgi_left"] = "stationarity"
    assert "stationarity" in spec(app).probes


@pytest.mark.parametrize("name", ["kinks", "contours", "paths", "parts"])
def test_overlays_and_switches(app, name):
    app.session_state[f"lgi_{name}"] = not app.session_state[f"lgi_{name}"]
    rerun(app)


def test_difference(app):
    app.session_state["lgi_view"] = "Difference"
    rerun(app)
    assert not app.info
    app.session_state["lgi_right"] = "goldstein"
    rerun(app)
    (told,) = app.info
    assert "cannot be subtracted" in told.value


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_landscape_can_be_shown(visited, key):
    visited.session_state["landscape"] = key
    assert spec(visited).landscape == key
    assert not visited.error
    open_tab(visited, "Inspector")
    assert not visited.error


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_draws(app, tab):
    open_tab(app, tab)
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize("key", ["bowl", "cb2", "crescent"])
def test_calibration_of_smooth_and_kinked_landscapes(app, key):
    app.session_state["landscape"] = key
    open_tab(app, "Calibration")
    smooth = CATALOGUE[key].group == "smooth"
    assert ("nothing to find" in text(app)) == smooth
    assert "four standard errors of 1" in " ".join(c.value for c in app.caption)


def test_bowl_and_l1_are_reversed(app):
    """On slopes one-sided is 1 and two-sided 0; at a vertex it is the reverse."""
    # Along u, |x| + 10 |y| rises by |cos| + 10 |sin|: mean 22 / pi, mean square 50.5 + 20 / pi.
    vertex = 1 - (22 / math.pi) ** 2 / (50.5 + 20 / math.pi)
    numbers = app.table[0].value.iloc[-1]
    assert float(numbers["One-sided (published)"]) == pytest.approx(vertex, abs=1e-3)
    assert float(numbers["Two-sided"]) == pytest.approx(1, abs=1e-3)
    app.session_state["landscape"] = "bowl"
    rerun(app)
    app.session_state["lgi_x"], app.session_state["lgi_y"] = 1.0, 0.5
    rerun(app)
    numbers = app.table[0].value.iloc[-1]
    assert float(numbers["One-sided (published)"]) == pytest.approx(1, abs=0.02)
    assert float(numbers["Two-sided"]) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("radius", [1.0, 0.7])
def test_a_radius_that_spans_the_window_is_warned_of(app, radius):
    app.session_state["landscape"] = "crescent"
    app.session_state["lgi_radius"] = radius
    rerun(app)
    (warning,) = app.warning
    assert "too large" in warning.value
    assert "is sensible" in warning.value


def test_one_probe_says_why_one_sided_cannot_work(app):
    app.session_state["lgi_num_probes"] = 1
    rerun(app)
    (warning,) = app.warning
    assert "at least 2" in warning.value
    assert "variance" in warning.value
    app.session_state["lgi_num_probes"] = 64
    app.session_state["lgi_draws"] = 1
    for tab in ("Inspector", "Spread"):
        open_tab(app, tab)
        (warning,) = app.warning
        assert "at least 2" in warning.value
    assert not app.error


def test_choosing_a_landscape_moves_the_point(app):
    before = app.session_state["lgi_x"], app.session_state["lgi_y"]
    app.selectbox(key="landscape").select("cb2")
    rerun(app)
    (x0, x1), (y0, y1) = CATALOGUE["cb2"].window
    x, y = app.session_state["lgi_x"], app.session_state["lgi_y"]
    assert (x, y) != before
    assert x0 <= x <= x1
    assert y0 <= y <= y1


def test_controls_outlive_a_visit_to_the_other_page(app):
    app.select_slider(key="lgi_radius").set_value(0.05)
    rerun(app)
    app.switch_page("pages/race.py")
    rerun(app)
    app.session_state["lr"] = 0.05
    rerun(app)
    app.switch_page("pages/instability.py")
    rerun(app)
    assert app.select_slider(key="lgi_radius").value == 0.05
    app.switch_page("pages/race.py")
    rerun(app)
    assert app.session_state["lr"] == 0.05
    assert app.session_state["landscape"] == "l1"


def test_reset(app):
    first = spec(app)
    app.session_state["lgi_radius"] = 0.2
    assert spec(app) != first
    next(b for b in app.button if "Reset" in b.label).click()
    rerun(app)
    assert spec(app).radius == first.radius


def test_the_code_for_the_point_runs(app):
    open_tab(app, "Data and code")
    code = next(c.value for c in app.code if "inspect(" in c.value)
    scope = {}
    exec(code.replace("print(found.sentence)", ""), scope)
    assert scope["found"].sentence in text(open_tab(app, "Inspector"))


@pytest.mark.parametrize("text", ["log(-1 - x**2)", "log(x)", "1/x", "1e200*abs(x)"])
def test_a_function_that_is_not_finite_everywhere_is_shown_as_such(text):
    app = AppTest.from_file(APP, default_timeout=90)
    app.session_state["landscape"] = "own"
    app.session_state["own_text"] = text
    app.session_state["lgi_grid"] = 51
    app.session_state["lgi_paths"] = True
    app.switch_page("pages/instability.py")
    for tab in TABS:
        open_tab(app, tab)
        assert not app.error
        assert any("flat grey in the pictures" in told.value for told in app.warning)


def test_the_whole_catalogue_is_a_job_that_can_be_stopped_and_is_kept(app, monkeypatch):
    """Of one landscape here; stopped before its end, what was computed stays."""
    spec = CalibrationSpec(landscape="l1", radii=(0.01, 0.05), grid=11, num_probes=4)
    monkeypatch.setattr(calibration, "CATALOGUE_SPEC", spec)
    reached, step = threading.Event(), threading.Event()
    begun = []

    def steps(spec, done):
        begun.append(len(done))
        for now in iter_calibration(spec, done):
            if now.step == 1:  # computed, and not yet there
                reached.set()
                step.wait(60)
            yield now

    monkeypatch.setattr(calibration, "iter_calibration", steps)
    open_tab(app, "Calibration")
    app.button(key="calibrate_all").click()
    rerun(app)
    assert reached.wait(60)
    app.button(key="stop_calibrating").click()
    rerun(app)
    job = app.session_state["_cal_job"]
    step.set()
    assert job.wait(60)
    assert job.state == "stopped"
    rerun(app)
    assert any("Stopped: 1 of 2 calibrations" in c.value for c in app.caption)
    assert calibration.desk.known(spec) is None

    app.button(key="calibrate_all").click()
    rerun(app)
    assert app.session_state["_cal_job"].wait(60)
    rerun(app)
    assert begun == [0, 1]  # what was done is not done again
    assert any("Over 1 landscape with" in m.value for m in app.markdown)
    assert not any(b.key == "calibrate_all" for b in app.button)
    assert calibration.desk.known(spec).calibrations[0].landscape.name == "l1"
    another = opened()  # finds it kept
    open_tab(another, "Calibration")
    assert any("Over 1 landscape with" in m.value for m in another.markdown)
