"""The stage in a real browser, on made-up data (harness/app.py)."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

APP = Path(__file__).parent / "harness" / "app.py"
STAGE = Path(__file__).parents[2] / "pages" / "shared" / "stage"
READY = ".sadam-stage[data-ready=true]"

# Where data coordinates lie on the page, worked out from Plotly's drag layer alone.
PLACE = """([x, y]) => {
  const plot = document.querySelector('.sadam-stage .plot');
  const r = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const [a, b] = plot.layout.xaxis.range, [c, d] = plot.layout.yaxis.range;
  return [r.left + r.width * (x - a) / (b - a), r.top + r.height * (d - y) / (d - c)];
}"""
DATA = """([px, py]) => {
  const plot = document.querySelector('.sadam-stage .plot');
  const r = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const [a, b] = plot.layout.xaxis.range, [c, d] = plot.layout.yaxis.range;
  return [a + (b - a) * (px - r.left) / r.width, d - (d - c) * (py - r.top) / r.height];
}"""
# The pixel of step `i` of a path, as drawn.
STEP = """([rule, i]) => {
  const { layer, plot } = document.querySelector('.sadam-stage').stage;
  const p = layer.paths.find(p => p.rule === rule), r = plot.getBoundingClientRect();
  return [r.left + p.px[i], r.top + p.py[i]];
}"""
# How many pixels of the overlay (or the ground) have any colour.
INKED = """(name) => {
  const c = document.querySelector('.sadam-stage').stage.layer[name];
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let i = 3; i < d.length; i += 4) n += d[i] > 40;
  return n;
}"""


@pytest.fixture
def stage(serve, look_at):
    def visit(look="light", query="", **options):
        page = look_at(serve(APP) + query, look, **options)
        page.wait_for_selector(READY)
        return page

    return visit


@pytest.fixture(scope="module")
def opened(serve, open_once):
    return open_once(serve(APP), READY)


@pytest.fixture
def shared(opened):
    """That stage with every rule, at its last step, the pointer elsewhere."""
    for chip in opened.locator(".sadam-stage .chip[aria-pressed=false]").all():
        chip.click()
    opened.locator(".sadam-stage .map").focus()
    opened.keyboard.press("End")
    opened.mouse.move(5, 5)
    head_is(opened, 500)
    return opened


def root(page):
    return page.locator(".sadam-stage")


def head(page) -> int:
    return int(root(page).get_attribute("data-head"))


def head_is(page, step):
    page.wait_for_selector(f".sadam-stage[data-head='{step}']")


def clicks(page) -> list[tuple[float, float]]:
    text = page.get_by_text(re.compile("^clicks ")).inner_text()
    return eval(text.removeprefix("clicks "))


def click(page, x, y) -> tuple[float, float]:
    """Click the map at a pixel; the point the server got, once it is drawn."""
    before, stamp = len(clicks(page)), root(page).get_attribute("data-stamp")
    page.mouse.click(x, y)
    page.wait_for_function(
        "([n]) => (document.body.innerText.match(/clicks (.*)/)[1].match(/\\(/g) || []).length > n",
        arg=[before],
    )
    page.wait_for_function(
        "(old) => document.querySelector('.sadam-stage').dataset.stamp !== old", arg=stamp
    )
    return clicks(page)[-1]


def rerun(page) -> None:
    """Move the learning rate; return when the new race is drawn."""
    stamp = root(page).get_attribute("data-stamp")
    page.locator("[data-testid=stSlider] input").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(old) => document.querySelector('.sadam-stage').dataset.stamp !== old", arg=stamp
    )
    page.wait_for_selector(READY)


def zoom(page, a, b) -> None:
    """Drag a zoom box between two points given in data coordinates."""
    (x0, y0), (x1, y1) = page.evaluate(PLACE, a), page.evaluate(PLACE, b)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=6)
    page.mouse.up()
    page.wait_for_selector(".sadam-stage.zoomed")


def test_a_click_gives_exact_coordinates_also_zoomed(stage):
    page = stage()
    x, y = page.evaluate(PLACE, [0.5, 2.0])
    assert click(page, x, y) == pytest.approx((0.5, 2.0), abs=1e-6)
    zoom(page, [-1.8, 2.8], [-0.6, 1.6])
    assert len(clicks(page)) == 1, "a drag is not a click"
    x, y = (round(v) + 0.25 for v in page.evaluate(PLACE, [-1.2, 2.1]))
    expected = page.evaluate(DATA, [x, y])
    assert click(page, x, y) == pytest.approx(expected, abs=1e-6)


def test_a_rerun_keeps_zoom_node_and_ground(stage):
    page = stage()
    zoom(page, [-1.8, 2.8], [-0.6, 1.6])
    page.evaluate("() => { document.querySelector('.sadam-stage .plot').mark = 1; }")
    ranges = "() => document.querySelector('.sadam-stage .plot').layout.xaxis.range"
    before, draws = page.evaluate(ranges), root(page).get_attribute("data-ground-draws")
    rerun(page)
    assert page.evaluate(ranges) == before
    assert page.evaluate("() => document.querySelector('.sadam-stage .plot').mark") == 1
    assert root(page).get_attribute("data-ground-draws") == draws


def test_another_ground_is_drawn_and_asked_for_when_lost(stage):
    page = stage()
    page.get_by_text("Other ground").click()
    page.wait_for_selector(".sadam-stage[data-ground-draws='2']")
    page.evaluate("() => window.sadamShelf.grounds.clear()")
    page.get_by_text("Other ground").click()  # the server believes the browser has this one
    page.wait_for_selector(".sadam-stage[data-ground-draws='3']")
    assert page.evaluate(INKED, "floor") > 50_000


def test_play_moves_the_head_and_pause_stops_it(shared):
    page = shared
    assert head(page) == 500
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "() => { const at = +document.querySelector('.sadam-stage').dataset.head;"
        " return at > 20 && at < 500; }"
    )
    page.get_by_role("button", name="Pause", exact=True).click()
    at = head(page)
    assert 20 < at < 500
    page.wait_for_timeout(150)
    assert head(page) == at


def test_playback_goes_on_over_a_rerun(shared):
    page = shared
    page.get_by_role("button", name="Play", exact=True).click()
    rerun(page)
    at = head(page)
    assert root(page).get_attribute("data-playing") == "true"
    page.wait_for_function(
        "(at) => +document.querySelector('.sadam-stage').dataset.head > at", arg=at
    )


def test_keys_and_slider_move_the_head(shared):
    page = shared
    page.locator(".sadam-stage .map").focus()
    page.keyboard.press("Home")
    head_is(page, 0)
    page.keyboard.press("ArrowRight")
    head_is(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    head_is(page, 11)
    page.keyboard.press("ArrowLeft")
    head_is(page, 10)
    page.keyboard.press("End")
    head_is(page, 500)
    page.get_by_label("Step of the race").fill("137")
    head_is(page, 137)
    assert "step 137 / 500" in page.locator(".sadam-stage .counter").inner_text()
    page.locator(".sadam-stage .map").focus()
    page.keyboard.press("Space")
    page.wait_for_selector(".sadam-stage[data-playing=true]")
    page.keyboard.press("Space")
    page.wait_for_selector(".sadam-stage[data-playing=false]")


def test_a_panel_previews_and_scrubs(shared):
    page = shared
    box = page.locator(".sadam-stage .panel .nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    head_is(page, 125)
    assert "Step 125" in page.locator(".sadam-stage .tip").inner_text()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] - 60)
    head_is(page, 500)
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=3)
    page.mouse.up()
    page.mouse.move(5, 5)
    head_is(page, 250)


def test_a_hidden_rule_leaves_map_and_panels_and_stays_hidden(shared):
    page = shared
    before = page.evaluate(INKED, "canvas")
    chip = page.locator(".sadam-stage .chip", has_text="SGD")
    chip.click()
    page.mouse.move(5, 5)
    page.wait_for_selector(READY)
    assert chip.get_attribute("aria-pressed") == "false"
    assert page.evaluate(INKED, "canvas") < before - 300
    rerun(page)
    assert chip.get_attribute("aria-pressed") == "false"
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"


def test_the_tooltip_tells_the_step(shared):
    page = shared
    page.locator(".sadam-stage .chip", has_text="SGD").click()
    page.mouse.move(*page.evaluate(STEP, ["adamw", 490]))
    text = page.locator(".sadam-stage .tip").inner_text()
    assert text.startswith("AdamW")
    assert "490" in text
    for name in ("|g|", "LGI one-sided", "LGI two-sided", "Brake"):
        assert name in text
    page.mouse.move(*page.evaluate(PLACE, [1.8, 2.8]))
    assert page.locator(".sadam-stage .tip").is_hidden()


def test_dark_follows_the_theme_and_its_changes(stage):
    page = stage("dark")
    assert page.evaluate("() => document.querySelector('.sadam-stage').stage.theme.dark")
    corner = page.evaluate(
        """() => { const s = document.querySelector('.sadam-stage').stage.layer;
        const r = devicePixelRatio, [x, y] = s.box;
        return [...s.floor.getContext('2d').getImageData((x + 9) * r, (y + 9) * r, 1, 1).data]; }"""
    )
    assert max(corner[:3]) < 140
    page.emulate_media(color_scheme="light")
    page.wait_for_function("() => !document.querySelector('.sadam-stage').stage.theme.dark")
    page.wait_for_selector(READY)


def test_a_phone_has_no_sideways_scroll_and_a_tap_is_a_click(stage):
    page = stage("phone")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    over = """() => { const r = document.querySelector('.sadam-stage').getBoundingClientRect();
      return [...document.querySelectorAll('.sadam-stage .main *')]
        .filter(e => e instanceof HTMLElement
        && e.getBoundingClientRect().right > r.right + 1).map(e => e.className + '') }"""
    assert page.evaluate(over) == []
    small = """() => [...document.querySelectorAll('.sadam-stage :is(button, select)')]
      .filter(e => e.offsetParent).map(e => e.getBoundingClientRect())
      .filter(r => r.height < 36 || r.width < 36).length"""
    assert page.evaluate(small) == 0
    page.locator(".sadam-stage .map").scroll_into_view_if_needed()
    page.touchscreen.tap(*page.evaluate(PLACE, [0.5, 0.25]))
    page.wait_for_function("() => !/clicks \\[\\]/.test(document.body.textContent)")


def test_pictures_hold_the_paths_and_numbers_are_those_of_the_race(stage, tmp_path):
    page = stage("dark")

    def saved(what):
        page.get_by_label("Save pictures and numbers").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=what).click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        return file

    assert saved("Map as PNG").read_bytes()[1:4] == b"PNG"
    assert saved("Curves as PNG").read_bytes()[1:4] == b"PNG"
    for what, name in (("Map as SVG", "race.svg"), ("Curves as SVG", "race-curves.svg")):
        file = saved(what)
        assert file.name == name
        text = file.read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        assert text.count('class="js-line"') >= 5
        assert "rgb(213, 94, 0)" in text  # of a light screen
        assert "S-Adam two-sided" in text
    lines = saved("Paths as numbers").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# {page.url}"
    assert lines[1] == "rule,x,y,Step,f,|g|,LGI one-sided,LGI two-sided,Brake"
    paths = page.evaluate(
        "() => document.querySelector('.sadam-stage').stage.layer.paths"
        ".map(p => [p.name, p.values[1]])"
    )
    first = {
        row[0]: float(row[4]) for row in (line.split(",") for line in lines[2:]) if row[3] == "0"
    }
    assert first == {name: pytest.approx(f) for name, f in paths}


def test_panels_are_drawn_without_plotly(shared):
    page = shared
    assert page.evaluate(
        "() => document.querySelector('.sadam-stage').stage.panels.every(p => p.own)"
    )
    inked = """() => document.querySelector('.sadam-stage').stage.panels.map(({ picture: c }) =>
      c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 200))"""
    assert page.evaluate(inked) == [True] * 3
    reacts = "() => document.querySelector('.sadam-stage').stage.panels.map(p => p.reacts)"
    before = page.evaluate(reacts)
    rerun(page)
    assert page.evaluate(reacts)[1:] == before[1:], "fixed axes need no Plotly"


def test_the_caption_is_text(shared):
    page = shared
    caption = page.locator(".sadam-stage .caption")
    assert "<b>ended</b>" in caption.inner_text()
    assert caption.locator("strong").all_inner_texts() == ["Adam", "S-Adam two-sided"]


def test_autoplay_once_and_not_for_reduced_motion(stage):
    page = stage(query="/?autoplay=1", reduced=False)
    page.wait_for_selector(".sadam-stage[data-playing=true]")
    page.keyboard.press("Escape")
    still = stage(query="/?autoplay=1", reduced=True)
    assert root(still).get_attribute("data-playing") != "true"
    assert head(still) == 500


def test_the_surface_is_drawn_and_played(stage):
    page = stage()
    page.get_by_text("Surface", exact=True).click()
    page.wait_for_selector(".sadam-stage.solid")
    page.wait_for_selector(".sadam-stage .plot .gl-container canvas")
    page.get_by_label("Step of the race").fill("100")
    page.wait_for_function(
        """() => { const s = document.querySelector('.sadam-stage').stage, d = s.plot.data.at(-1);
        return d.x.length === 5 && Math.abs(d.x[0] - s.layer.paths[0].x[100]) < 1e-6; }"""
    )
    page.get_by_text("Map", exact=True).click()
    page.wait_for_selector(".sadam-stage:not(.solid)")
    page.wait_for_selector(READY)
    assert page.evaluate(INKED, "canvas") > 1000


def test_an_axis_stays_while_the_data_fit_it_and_fill_it(stage):
    page = stage()
    range_of = """([y, title]) => {
      const panel = document.querySelector('.sadam-stage').stage.panels[0];
      panel.setData({ stamp: `${y} ${title}`, figure: {
        data: [{ type: 'scatter', mode: 'lines', x: [0, 1], y }],
        layout: { title: { text: title }, xaxis: {}, yaxis: {} },
      } });
      return panel.patches.yaxis.range;
    }"""
    first, within, beyond, back, small, other = (
        page.evaluate(range_of, [y, title])
        for y, title in (
            ([1, 10], "a"), ([2, 9], "a"), ([-30, 90], "a"), ([-20, 75], "a"), ([4, 5], "a"),
            ([-20, 75], "b"),
        )
    )  # fmt: skip
    assert first == within
    assert beyond[0] <= -30 < 90 <= beyond[1]
    assert back == beyond
    assert 3 < small[0] <= 4 < 5 <= small[1] < 6, "what would fill little of it gets its own"
    assert other != beyond, "what another figure had does not count"
