"""The Race page as a visitor meets it."""

import io
import re
import time
import zipfile
from urllib.parse import urlencode

import pytest

READY = ".sadam-stage[data-ready=true]"
PLACE = """([x, y]) => {
  const plot = document.querySelector('.sadam-stage .plot');
  const r = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const [a, b] = plot.layout.xaxis.range, [c, d] = plot.layout.yaxis.range;
  return [r.left + r.width * (x - a) / (b - a), r.top + r.height * (d - y) / (d - c)];
}"""

STILL = """() => {
  const r = document.querySelector('.sadam-stage .nsewdrag')?.getBoundingClientRect();
  const place = JSON.stringify(r);
  window.stillFor = r && place === window.stillAt ? (window.stillFor ?? 0) + 1 : 0;
  window.stillAt = place;
  return window.stillFor >= 20;
}"""  # for twenty frames nothing has moved the map: what is clicked on is still there


@pytest.fixture
def race(look_at, app_url, wait_idle):
    def visit(look="light", path="/race", **options):
        page = look_at(app_url + path, look, **options)
        page.wait_for_selector(READY)
        wait_idle(page)
        return page

    return visit


@pytest.fixture(scope="module")
def opened(open_once, app_url):
    return open_once(app_url + "/race", READY)


@pytest.fixture
def shared(opened, wait_idle):
    """That page on its first tab, with the whole window on its map."""
    opened.get_by_role("tab").first.click()
    opened.locator(".sadam-chart").first.wait_for(state="detached")  # those of another tab
    opened.wait_for_selector(READY)
    wait_idle(opened)
    whole = opened.get_by_role("button", name="Show the whole window")
    if whole.is_visible():
        whole.click()
        whole.wait_for(state="hidden")
    opened.locator(".sadam-stage .map").evaluate("e => e.scrollIntoView({ block: 'center' })")
    opened.wait_for_function(STILL)
    return opened


def stamp(page):
    return page.locator(".sadam-stage").get_attribute("data-stamp")


def changed(page, old):
    page.wait_for_function(
        "old => { const s = document.querySelector('.sadam-stage');"
        " return s?.dataset.ready === 'true' && s.dataset.stamp !== old; }",
        arg=old,
    )


def starts_at(page, x, y):
    """Wait for the sidebar, which is drawn after the picture."""
    page.wait_for_function(
        "start => ['x', 'y'].every((axis, i) => Math.abs(document.querySelector("
        "`.st-key-start_${axis} input`).value - start[i]) < 0.01)",
        arg=[x, y],
    )


def start_of(page):
    return tuple(float(page.locator(f".st-key-start_{axis} input").input_value()) for axis in "xy")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_the_first_picture_appears_by_itself(race, look):
    page = race(look)
    legend = page.locator(".sadam-stage").inner_text()
    for name in ("Adam", "AdamW", "Prox-SGD", "S-Adam (published)", "S-Adam two-sided"):
        assert name in legend
    assert "is the smallest" in legend
    assert page.locator("[data-testid=stException]").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_a_click_on_the_map_is_the_new_start(shared):
    page = shared
    old = stamp(page)
    x, y = page.evaluate(PLACE, [1.25, 0.5])
    page.mouse.click(x, y)
    changed(page, old)
    starts_at(page, 1.25, 0.5)
    assert start_of(page) == pytest.approx((1.25, 0.5), abs=0.01)


def test_a_slider_redraws_and_keeps_the_zoom(shared):
    page = shared
    x, y = page.evaluate(PLACE, [0.0, 0.0])
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    zoomed = "() => document.querySelector('.sadam-stage .plot').layout.xaxis.range"
    page.wait_for_function(f"() => {{ const [a, b] = ({zoomed})(); return b - a < 3.9; }}")
    before, old = page.evaluate(zoomed), stamp(page)
    page.locator(".st-key-lr input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    changed(page, old)
    assert page.evaluate(zoomed) == pytest.approx(before)


def test_choosing_a_landscape(race):
    page = race()
    old = stamp(page)
    page.locator(".st-key-landscape input").click()
    page.keyboard.type("Wolfe")
    page.keyboard.press("Enter")
    changed(page, old)
    starts_at(page, 3, 2)
    assert start_of(page) == (3, 2)
    page.get_by_role("heading", name="Wolfe").wait_for()


def test_surface_and_frames(race):
    page = race()
    for name in ("Tail", "Paths"):
        old = stamp(page)
        page.get_by_role("radio", name=name, exact=True).or_(
            page.get_by_role("button", name=name, exact=True)
        ).first.click()
        changed(page, old)
    old = stamp(page)
    page.get_by_role("radio", name="Evaluations").click(force=True)
    changed(page, old)
    page.get_by_text("Surface", exact=True).click()
    page.wait_for_selector(".sadam-stage .gl-container canvas")


def test_the_chattering_tab_draws(shared, wait_idle):
    page = shared
    page.get_by_role("tab", name="Chattering").click()
    page.get_by_text("Power spectrum of the gradient").wait_for()
    page.get_by_text("Components of the gradient").wait_for()
    wait_idle(page)


def test_the_matched_control_joins_the_race(shared):
    page = shared
    old = stamp(page)
    page.get_by_text("Matched control", exact=True).click()
    changed(page, old)
    assert "Matched to two-sided" in page.locator(".sadam-stage").inner_text()


def test_everything_can_be_downloaded_and_opened(shared, wait_idle):
    page = shared
    page.get_by_role("tab", name="Data and figures").click()
    page.get_by_role("tab", name="Data and figures", selected=True).wait_for()
    wait_idle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (zip)").click()
    with open(download.value.path(), "rb") as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
    assert {"spec.json", "figures.html", "trajectories.csv", "trajectories.parquet"} <= set(
        archive.namelist()
    )
    assert archive.testzip() is None


def test_the_page_can_be_driven_from_the_keyboard(shared):
    page = shared
    page.locator(".sadam-stage").get_by_role("button", name="Play").first.focus()
    page.keyboard.press("Home")
    page.wait_for_selector(".sadam-stage[data-head='0']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".sadam-stage[data-head='1']")


def test_a_long_race_says_over_the_old_picture_that_it_is_under_way(race):
    steps, page = "19,997", race("light", "/race?v=1&landscape=spiral&steps=100")
    page.wait_for_function(STILL)  # a formula may come late
    top = page.locator(".sadam-stage").bounding_box()["y"]
    box = page.locator(".st-key-steps input")
    box.click()
    page.keyboard.type(steps)
    page.get_by_role("option", name=steps).wait_for()
    page.keyboard.press("Enter")
    note = page.get_by_text(f"Racing: {steps} steps")
    note.wait_for()
    assert page.locator(".sadam-stage").bounding_box()["y"] == top
    note.wait_for(state="detached", timeout=180_000)
    shown = page.locator(".sadam-stage").get_by_text(f"/ {steps.replace(',', '')}")
    shown.wait_for()


@pytest.fixture
def long_race(look_at, app_url):
    """A page whose first race would take half a minute and more."""
    text = " + ".join(f"abs(sin({i}*x)+cos({i}*y))" for i in range(1, 38))
    rules = "adam,adamw,amsgrad,prox-sgd,s-adam,s-adam-two-sided"
    wanted = {"landscape": "own", "own_text": text, "steps": 20000, "rules": rules, "matched": 1}
    page = look_at(f"{app_url}/race?v=1&{urlencode(wanted)}")
    page.get_by_text("Any change on the page stops it.").wait_for()
    page.get_by_role("spinbutton", name="Start x").wait_for()
    return page


def test_a_long_race_says_so_and_ends_when_something_else_is_wanted(long_race):
    """Its controls are there before its picture."""
    page = long_race
    # A busy page skips some seconds, and a new race is some old when it is first heard of.
    page.get_by_text(re.compile(r"Racing: 20,000 steps … (1[2-9]|[2-9]\d) s")).wait_for()
    start = page.get_by_role("spinbutton", name="Start x")
    start.fill("0.5")  # in a fragment of its own: Streamlit would let it wait
    start.press("Enter")
    page.get_by_text(re.compile(r"Racing: 20,000 steps … (\d|1[01]) s")).wait_for()
    box = page.locator(".st-key-steps input")
    box.click()
    page.keyboard.type("101")
    page.get_by_role("option", name="101").wait_for()
    began = time.monotonic()
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.locator(".sadam-stage").get_by_text("/ 101").wait_for()
    assert time.monotonic() - began < 20
    assert start.input_value() == "0.5"
    page.get_by_text("Racing: 20,000 steps").wait_for(state="detached")


def test_streamlits_own_stop_leaves_a_word_and_the_controls(long_race, wait_idle):
    page = long_race
    page.get_by_role("button", name="Stop").click()
    wait_idle(page)
    note = page.locator(".st-key-computing .stMarkdown")
    said = note.evaluate("e => getComputedStyle(e, '::after').content")
    assert said == '"Stopped. Any change on the page starts it again."'
    assert note.get_by_text("Racing").is_hidden()
    box = page.locator(".st-key-steps input")
    box.click()
    page.keyboard.type("101")
    page.get_by_role("option", name="101").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.locator(".sadam-stage").get_by_text("/ 101").wait_for()
    note.wait_for(state="detached")
