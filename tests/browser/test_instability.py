"""The Instability page as a visitor meets it."""

import io
import re
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READY = ".sadam-maps[data-ready=true]"
PLACE = """([pane, x, y]) => {
  const plot = document.querySelectorAll('.sadam-maps .plot')[pane];
  const r = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const [a, b] = plot._fullLayout.xaxis.range, [c, d] = plot._fullLayout.yaxis.range;
  return [r.left + r.width * (x - a) / (b - a), r.top + r.height * (d - y) / (d - c)];
}"""
TOP = "e => e.scrollIntoView({ block: 'center' })"
RANGES = """() => [...document.querySelectorAll('.sadam-maps .plot')]
  .map(p => [...p._fullLayout.xaxis.range, ...p._fullLayout.yaxis.range])"""

SIDEBARS = """
  window.sidebarWidths = new Set(), window.sidebarLinks = new Set();
  new MutationObserver(() => {
    const sidebar = document.querySelector('[data-testid=stSidebar]');
    if (sidebar?.getBoundingClientRect().width) {
      sidebarWidths.add(Math.round(sidebar.getBoundingClientRect().width));
      sidebar.querySelectorAll('nav a, [data-testid=stSidebarNav] a')
        .forEach(a => sidebarLinks.add(a.innerText.trim()));
    }
  }).observe(document, { subtree: true, childList: true, attributes: true });
"""  # all that the sidebar ever was


@pytest.fixture
def visit(look_at, app_url, wait_idle):
    def open_page(look="light", path="/instability"):
        page = look_at(app_url + path, look)
        page.wait_for_selector(READY)
        wait_idle(page)
        return page

    return open_page


@pytest.fixture(scope="module")
def opened(open_once, app_url):
    return open_once(app_url + "/instability", READY)


@pytest.fixture
def shared(opened, wait_idle):
    """That page on its first tab."""
    open_tab(opened, "Inspector", wait_idle)
    opened.locator(READY).first.evaluate(TOP)
    return opened


def stamp(page):
    return page.locator(".sadam-maps").first.get_attribute("data-stamp")


def changed(page, old):
    page.wait_for_function(
        "old => { const s = document.querySelector('.sadam-maps');"
        " return s?.dataset.ready === 'true' && s.dataset.stamp !== old; }",
        arg=old,
    )


def point_of(page):
    return tuple(float(page.locator(f".st-key-lgi_{axis} input").input_value()) for axis in "xy")


def open_tab(page, name, wait_idle):
    page.get_by_role("tab", name=name).click()
    page.get_by_role("tab", name=name, selected=True).wait_for()
    wait_idle(page)


def drag(page, pane, start, end):
    page.mouse.move(*page.evaluate(PLACE, [pane, *start]))
    page.mouse.down()
    page.mouse.move(*page.evaluate(PLACE, [pane, *end]), steps=6)
    page.mouse.up()


def test_a_deep_link_opens_the_page_on_a_fresh_server(serve, look_at, tmp_path):
    again = tmp_path / "app.py"  # another path: a server that nobody has visited
    again.symlink_to(ROOT / "app.py")
    (tmp_path / "pages").symlink_to(ROOT / "pages")
    page = look_at("about:blank")
    page.add_init_script(SIDEBARS)
    page.goto(serve(again) + "/instability")
    page.wait_for_selector(READY)
    page.get_by_role("link", name="Race").wait_for()
    widths, links = page.evaluate("[[...sidebarWidths], [...sidebarLinks]]")
    assert widths == [320]
    assert {"app", "instability"}.isdisjoint(links)  # files, not pages
    assert any("Instability" in link for link in links)


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_maps_inspector_and_sentence_appear(visit, look):
    page = visit(look)
    for words in (
        "On average two-sided probes see",
        "LGI, one-sided (published)",
        "S-Adam two-sided sees an LGI of",
        "Goldstein diameter",
    ):
        page.wait_for_function(
            "words => document.querySelector('[data-testid=stMain]').innerText.includes(words)",
            arg=words,
        )
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    boxes = [box.bounding_box() for box in page.locator(".sadam-maps .frame").all()]
    below = boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"] - 1
    assert below == (look == "phone")
    page.wait_for_selector(".st-key-inspector_rose .sadam-chart[data-ready=true]")


def test_the_maps_have_their_place_while_plotly_is_loaded(browser, app_url):
    page, held = browser.new_page(), []
    page.route("**/plotly-cartesian.min.js", lambda route: held.append(route))
    page.goto(app_url + "/instability")
    page.wait_for_function("() => document.querySelectorAll('.sadam-maps .frame').length === 2")
    assert page.locator(READY).count() == 0
    heights = [frame.bounding_box()["height"] for frame in page.locator(".sadam-maps .frame").all()]
    held[0].continue_()
    page.wait_for_selector(READY)
    after = [frame.bounding_box()["height"] for frame in page.locator(".sadam-maps .frame").all()]
    assert heights == after
    assert min(heights) > 300
    page.close()


def test_the_maps_are_coloured_as_the_numbers_say(shared):
    """One-sided ink nearly everywhere, two-sided paper nearly everywhere."""
    light = shared.evaluate(
        """() => [...document.querySelectorAll('.sadam-maps .layer')].map(c => {
          const d = c.getContext('2d').getImageData(c.width / 4, c.height / 4, 40, 40).data;
          return d.reduce((s, v, i) => s + (i % 4 < 3 ? v : 0), 0) / (d.length * 0.75);
        })"""
    )
    assert light[0] < 140
    assert light[1] > 220


def test_a_click_on_a_map_opens_that_point(shared, wait_idle):
    page = shared
    for pane, point in enumerate([(0.75, 1.25), (-0.5, 0.5)]):
        old = stamp(page)
        page.mouse.click(*page.evaluate(PLACE, [pane, *point]))
        changed(page, old)
        wait_idle(page)
        assert point_of(page) == pytest.approx(point, abs=0.01)


def test_zoom_is_linked_exact_for_clicks_and_outlives_a_slider(visit, wait_idle):
    page = visit()
    drag(page, 0, (-1.0, 0.0), (0.5, 1.5))
    page.wait_for_function(f"() => {{ const [a, b] = ({RANGES})(); return b[1] - b[0] < 2; }}")
    left, right = page.evaluate(RANGES)
    assert left == pytest.approx(right, abs=1e-9)
    assert left == pytest.approx([-1.0, 0.5, 0.0, 1.5], abs=0.05)
    drag(page, 1, (-0.5, 0.5), (0.0, 1.0))
    page.wait_for_function(f"() => {{ const [a, b] = ({RANGES})(); return a[1] - a[0] < 0.8; }}")
    left, right = page.evaluate(RANGES)
    assert left == pytest.approx(right, abs=1e-9)
    old = stamp(page)
    page.mouse.click(*page.evaluate(PLACE, [1, -0.3, 0.8]))
    changed(page, old)
    assert page.evaluate(RANGES)[0] == pytest.approx(left)
    wait_idle(page)
    assert point_of(page) == pytest.approx((-0.3, 0.8), abs=0.002)
    old = stamp(page)
    page.locator(".st-key-lgi_radius [role=slider], .st-key-lgi_radius input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    changed(page, old)
    assert page.evaluate(RANGES)[1] == pytest.approx(left)
    page.get_by_role("button", name="Show the whole window").click()
    page.wait_for_function(f"() => ({RANGES})().every(r => r[1] - r[0] > 3.9)")


def test_the_pointer_reads_both_maps(shared):
    page = shared
    page.mouse.move(*page.evaluate(PLACE, [0, 0.5, -0.5]))
    tips = page.locator(".sadam-maps .tip")
    tips.first.wait_for()
    values = [float(tip.split(" at ")[0].replace("−", "-")) for tip in tips.all_inner_texts()
              if "·" not in tip.split(" at ")[0]]  # fmt: skip
    assert values
    assert values[0] > 0.8  # one-sided on a slope


def test_the_point_can_be_typed(shared, wait_idle):
    page = shared
    old = stamp(page)
    page.locator(".st-key-lgi_x input").fill("1.5")
    page.keyboard.press("Enter")
    changed(page, old)
    wait_idle(page)
    page.get_by_text(re.compile("f is smooth within 0.01")).wait_for()


def test_the_other_tabs_draw(shared, wait_idle):
    page = shared
    open_tab(page, "Calibration", wait_idle)
    page.wait_for_selector(".st-key-calibration_roc .sadam-chart[data-ready=true]")
    page.wait_for_selector(".st-key-calibration_bias .sadam-chart[data-ready=true]")
    open_tab(page, "Spread", wait_idle)
    page.locator(".sadam-maps").nth(1).locator(".frame").nth(1).wait_for()
    assert page.locator("[data-testid=stException]").count() == 0


def test_everything_can_be_downloaded_and_opened(shared, wait_idle):
    page = shared
    open_tab(page, "Data and code", wait_idle)
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (zip)").click()
    with open(download.value.path(), "rb") as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
    wanted = {"spec.json", "results.json", "figures.html", "map.csv", "map.parquet", "map.npz"}
    assert wanted <= set(archive.namelist())
    assert archive.testzip() is None
    page.get_by_role("button", name="Save pictures and numbers").click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Maps as PNG").click()
    with open(picture.value.path(), "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_where_the_function_is_not_finite_the_map_is_grey_and_says_so(visit, look):
    page = visit(look, "/instability?v=1&landscape=own&own_text=log(x)&lgi_grid=101")
    left, right = page.evaluate(
        """() => { const pane = document.querySelectorAll('.sadam-maps .layer')[1];
          const { xaxis, yaxis } = document.querySelectorAll('.sadam-maps .plot')[1]._fullLayout;
          const scale = pane.width / pane.clientWidth, ctx = pane.getContext('2d');
          return [0.25, 0.75].map(s => [...ctx.getImageData(
            scale * (xaxis._offset + s * xaxis._length),
            scale * (yaxis._offset + 0.4 * yaxis._length), 1, 1).data]); }"""
    )
    assert left == [0x9A, 0x9A, 0xA6, 255]
    assert max(abs(a - b) for a, b in zip(left, right, strict=True)) > 40
    assert "not finite" in page.locator(".sadam-maps .bar").nth(1).inner_text()
    page.mouse.move(*page.evaluate(PLACE, [1, -1.5, 0.5]))
    page.locator(".sadam-maps .tip").nth(1).filter(has_text="not finite").wait_for()
    page.mouse.move(*page.evaluate(PLACE, [1, 1.5, 0.5]))
    page.locator(".sadam-maps .tip").nth(1).filter(has_not_text="not finite").wait_for()
