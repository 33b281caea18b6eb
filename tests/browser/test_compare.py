"""The Compare page in a browser: results fill in, are stopped, and every cell opens its race."""

import json
import re
from xml.etree import ElementTree

from playwright.sync_api import expect

CELLS = ".st-key-compare_ratios .sadam-cells[data-ready=true]"
LARGE = (
    "/compare?v=1&cmp_landscapes=all&cmp_rules=adam,s-adam-two-sided&cmp_lrs=0.003:1:8"
    "&cmp_starts=grid&cmp_number=8&cmp_steps=300"
)
SMALL = (
    "/compare?v=1&cmp_landscapes=wolfe,l1&cmp_rules=adam,s-adam-two-sided&cmp_lrs=0.03,0.1"
    "&cmp_starts=grid&cmp_number=4&cmp_steps=50&cmp_grid_damping=0,4"
)


def test_results_fill_in_until_stopped_and_are_kept(look_at, app_url, wait_idle):
    page = look_at(app_url + LARGE)
    page.wait_for_selector(CELLS)
    stamp = page.locator(CELLS).get_attribute("data-stamp")
    page.wait_for_function(
        "([cells, old]) => document.querySelector(cells)?.dataset.stamp !== old",
        arg=[CELLS, stamp],
    )
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("Stopped at block"))).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    wait_idle(page)
    rows = page.locator(f"{CELLS} tbody tr").count()
    assert 2 <= rows < 34
    expect(page.get_by_role("tab", name="Learning rates")).to_be_visible()


def test_cells_open_their_races_and_back_leads_to_what_was_there(look_at, app_url, wait_idle):
    page = look_at(app_url + SMALL)
    page.wait_for_selector("[data-testid=stTabs]")
    wait_idle(page)
    stamp = page.locator(CELLS).get_attribute("data-stamp")
    page.locator(f"{CELLS} [data-pick='wolfe|s-adam-two-sided']").click()
    page.wait_for_selector(".sadam-stage .map")
    wait_idle(page)
    assert "/compare" not in page.url
    expect(page.get_by_role("heading", name="Wolfe's trap")).to_be_visible()
    page.go_back()
    page.wait_for_selector(CELLS)
    wait_idle(page)
    assert page.locator(CELLS).get_attribute("data-stamp") == stamp

    page.get_by_role("tab", name="Where runs end").click()
    page.wait_for_selector(".st-key-compare_basins .sadam-chart[data-ready=true]")
    wait_idle(page)
    maps = page.locator(".st-key-compare_basins .sadam-chart")
    drawn = maps.get_attribute("data-stamp")
    page.locator(".st-key-cmp_steps input").fill("60")
    page.locator(".st-key-cmp_steps input").press("Enter")
    expect(page.get_by_text("press Start")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(maps).not_to_have_attribute("data-stamp", drawn)  # the tab stays what it was
    wait_idle(page)

    page.get_by_role("button", name="Share").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the spec").click()
    spec = json.loads(saved.value.path().read_text(encoding="utf-8"))
    spec["steps"] = 50
    page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(
        {"name": "s.json", "mimeType": "application/json", "buffer": json.dumps(spec).encode()}
    )
    expect(maps).to_have_attribute("data-stamp", drawn)  # compared without another click
    expect(page.get_by_text("press Start")).to_have_count(0)
    wait_idle(page)
    maps.get_by_role("button", name="Save picture and numbers").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").click()
    assert ElementTree.parse(saved.value.path()).getroot().tag.endswith("svg")
    assert saved.value.suggested_filename.endswith(".svg")
    map_of_adam = page.locator(".st-key-compare_basins .nsewdrag").first
    map_of_adam.scroll_into_view_if_needed()
    map_of_adam.click(position={"x": 30, "y": 30})
    page.wait_for_selector(".sadam-stage .map")
    wait_idle(page)
    expect(page.get_by_role("heading", name="Wolfe's trap")).to_be_visible()
    assert "loaded=" in page.url


def test_on_a_phone_the_answer_fits(look_at, app_url, wait_idle):
    page = look_at(app_url + SMALL, look="phone")
    page.wait_for_selector("[data-testid=stTabs]")
    wait_idle(page)
    cell = page.locator(f"{CELLS} .lead td").nth(1).bounding_box()
    assert cell["x"] + cell["width"] <= 390
    assert cell["y"] < 844
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
