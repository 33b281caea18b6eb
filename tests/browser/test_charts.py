"""Charts: one plotly.js for the whole app, colours that follow the theme, zoom, files."""

import csv

import pytest

READY = ".st-key-inspector_rose .sadam-chart[data-ready=true]"
FORWARDS = ".st-key-inspector_rose .js-line[style*='stroke: rgb({})']"
LIGHT, DARK = "0, 114, 178", "74, 159, 219"  # of the slopes forwards
SHOWN = """() => {
  const { _fullLayout } = document.querySelector('.st-key-inspector_slice .box');
  return _fullLayout.xaxis.range[1] - _fullLayout.xaxis.range[0];
}"""


@pytest.fixture(scope="module")
def page(browser, app_url):
    found = browser.new_page(viewport={"width": 1440, "height": 960}, color_scheme="dark")
    found.asked = []
    found.on("request", lambda request: found.asked.append(request.url))
    found.goto(app_url + "/instability")
    found.wait_for_selector(READY)
    yield found
    found.close()


def test_no_page_loads_a_second_plotly(page, wait_idle):
    wait_idle(page)
    large = [url for url in page.asked if "plotly" in url.lower()]
    assert len(large) == 1, large
    assert large[0].endswith("plotly-cartesian.min.js")


def saved(page, what):
    chart = page.locator(".st-key-inspector_rose")
    chart.get_by_role("button", name="Save picture and numbers").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=what).click()
    with open(download.value.path(), encoding="utf-8") as file:
        return download.value.suggested_filename, file.read()


def test_a_saved_picture_is_white_on_a_dark_screen(page):
    assert page.locator(FORWARDS.format(DARK)).count() > 0
    name, svg = saved(page, "Save as SVG")
    assert name == "slope-in-every-direction.svg"
    assert 'fill="#fff"' in svg
    assert f"rgb({LIGHT})" in svg
    assert f"rgb({DARK})" not in svg
    assert "Slope in every direction" in svg


def test_the_numbers_of_a_polar_diagram_are_degrees_and_slopes(page):
    name, text = saved(page, "Save the numbers (CSV)")
    assert name == "slope-in-every-direction.csv"
    lines = text.splitlines()
    assert lines[0].startswith("# http")
    _, header, *rows = csv.reader(lines)
    assert header == ["trace", "name", "degrees", "value"]
    forwards = {float(row[2]): float(row[3]) for row in rows if row[1] == "forwards, D(u)"}
    backwards = {float(row[2]): float(row[3]) for row in rows if row[1].startswith("from behind")}
    assert min(forwards) == 0
    assert max(forwards) == 360
    # D(u) one way is minus the slope with which f arrives going the other way.
    opposite = {angle: -backwards[(angle + 180) % 360] for angle in (0, 45, 90, 180)}
    assert {angle: forwards[angle] for angle in opposite} == pytest.approx(opposite, abs=1e-6)


def test_a_mouse_zooms_and_a_double_click_returns(page, wait_idle):
    wait_idle(page)
    chart = page.locator(".st-key-inspector_slice .nsewdrag").first
    chart.scroll_into_view_if_needed()
    whole, box = page.evaluate(SHOWN), chart.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y + box["height"] / 4, steps=4)
    page.mouse.up()
    page.wait_for_function(f"whole => ({SHOWN})() < whole / 2", arg=whole)
    page.mouse.dblclick(x, y)
    page.wait_for_function(f"whole => ({SHOWN})() === whole", arg=whole)


def test_colours_follow_the_system(page):
    page.emulate_media(color_scheme="light")
    page.wait_for_selector(FORWARDS.format(LIGHT), state="attached")
    assert page.locator(FORWARDS.format(DARK)).count() == 0
