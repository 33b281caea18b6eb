"""Names, order, focus, contrast and words for figures, as audit.js finds them."""

from pathlib import Path

import pytest

AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8").partition("\n")[2]
TOLD = "() => [...document.querySelectorAll('.sadam-chart .box')].every(c => c.ariaLabel)"
# The page follows the system: by then its ground is light or dark.
SEEN = """(look) => {
  const ground = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
  const [r, g, b] = ground.match(/[\\d.]+/g);
  return (+r + +g + +b > 382) === (look === "light");
}"""
PAGES = {
    "/": ".sadam-gallery .picture[data-ready=true]",
    "/race": ".sadam-stage[data-ready=true]",
    "/lessons?lesson=clarke": ".sadam-chart[data-ready=true]",
    "/networks": ".sadam-board[data-ready=true]",
    "/instability": ".sadam-maps[data-ready=true]",
    "/compare": ".st-key-compare_ratios .sadam-cells[data-ready=true]",
}
# Where the focus is, and whether it shows: by an outline, a shadow or a border of its own.
FOCUS = """() => {
  const n = document.activeElement, s = getComputedStyle(n);
  const outlined = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0;
  return [n.tagName, outlined || s.boxShadow !== "none", n.outerHTML.slice(0, 300)];
}"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_and_driven_by_anyone(look_at, app_url, wait_idle, path):
    page = look_at(app_url + path)
    page.wait_for_selector(PAGES[path])
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        page.wait_for_function(SEEN, arg=look)
        page.wait_for_selector(PAGES[path])
        wait_idle(page)
        page.wait_for_function(TOLD)
        found = page.evaluate(AUDIT)
        assert found["controls"] > 15
        assert {what: where for what, where in found["wrong"].items() if where} == {}, look


def test_the_keyboard_reaches_controls_and_shows_where_it_is(look_at, app_url, wait_idle):
    page = look_at(app_url + "/lessons?lesson=clarke")
    page.wait_for_selector(".sadam-chart[data-ready=true]")
    wait_idle(page)
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        page.wait_for_timeout(60)  # a shadow may fade in
        reached.append(page.evaluate(FOCUS))
    assert {"A", "BUTTON", "INPUT"} <= {tag for tag, *_ in reached}
    assert [what for tag, seen, what in reached if not seen and tag != "BODY"] == []
