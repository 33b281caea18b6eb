"""The gallery, the lessons and the presenter mode as a visitor meets them."""

import pytest
from playwright.sync_api import expect

from sadam.lab.gallery import PRESETS

READY = ".sadam-stage[data-ready=true]"
expect.set_options(timeout=60_000)  # the server's first page imports torch
DRAWN = ".sadam-gallery .picture[data-ready=true]"


SVGS = "[...document.querySelectorAll('.sadam-gallery .picture svg')]"


def clock(page):
    return page.evaluate(f"() => {SVGS}[0].getCurrentTime()")


@pytest.mark.parametrize("look", ["light", "phone"])
def test_the_first_page_moves(look_at, app_url, look):
    page = look_at(app_url + "/", look, reduced=False)
    expect(page.locator(DRAWN)).to_have_count(len(PRESETS))
    legend = page.locator(".sadam-gallery .legend li")
    assert {"Adam", "AMSGrad", "S-Adam two-sided", "minimum"} <= set(legend.all_inner_texts())
    before = clock(page)
    page.wait_for_function(f"t => {SVGS}[0].getCurrentTime() > t", arg=before)
    assert page.evaluate(f"() => {SVGS}.at(-1).animationsPaused()")  # out of view
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_a_click_opens_the_race_and_so_does_its_address(look_at, app_url, wait_idle):
    page = look_at(app_url + "/")
    expect(page.locator(DRAWN)).to_have_count(len(PRESETS))
    card = page.locator("[data-preset=needle]")
    address = card.get_attribute("href")
    card.click()
    page.wait_for_selector(READY)
    wait_idle(page)
    assert page.url.startswith(f"{app_url}/race?")
    expect(page.get_by_role("heading", name="Weighted 1-norm")).to_be_visible()
    stamp = page.locator(".sadam-stage").get_attribute("data-stamp")

    elsewhere = look_at(address)  # the same, in a new tab
    elsewhere.wait_for_selector(READY)
    wait_idle(elsewhere)
    assert elsewhere.locator(".sadam-stage").get_attribute("data-stamp") == stamp
    page.go_back()
    expect(page.locator(DRAWN)).to_have_count(len(PRESETS))


def test_it_rests_for_who_prefers_reduced_motion(look_at, app_url):
    page = look_at(app_url + "/", "dark")
    expect(page.locator(DRAWN)).to_have_count(len(PRESETS))
    page.wait_for_function(f"() => {SVGS}.every(s => s.animationsPaused())")
    assert clock(page) > 6  # the whole paths are drawn


def test_through_the_lessons_by_keys(look_at, app_url, wait_idle):
    page = look_at(app_url + "/lessons")
    expect(page.get_by_role("heading", name="What a kink does to a gradient")).to_be_visible()
    expect(page.get_by_role("button", name="Next").first).to_be_enabled()  # its key is heard now
    wait_idle(page)
    page.wait_for_load_state("networkidle")
    page.locator("body").press("n")
    expect(page.get_by_role("heading", name="Subgradients, and Clarke's set")).to_be_visible()
    wait_idle(page)
    assert "lesson=clarke" in page.url
    page.get_by_text("Is the gradient small near the minimum").click()
    expect(page.get_by_text("No. At DEM")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="What a kink does to a gradient")).to_be_visible()
    wait_idle(page)
    page.get_by_role("link", name="Race down a kinked valley").click()
    page.wait_for_url("**/race?*")
    page.wait_for_selector(READY)
    wait_idle(page)
    expect(page.get_by_role("heading", name="Weighted 1-norm")).to_be_visible()


def test_on_a_phone_the_way_on_comes_after_the_figure(look_at, app_url, wait_idle):
    page = look_at(app_url + "/lessons?lesson=clarke", "phone")
    page.wait_for_selector(".sadam-chart[data-ready=true]")
    wait_idle(page)
    on = page.get_by_role("button", name="Next")
    chart = page.locator(".sadam-chart").last.bounding_box()
    assert on.bounding_box()["y"] > chart["y"] + chart["height"]
    expect(on.locator("kbd")).to_be_hidden()  # there are no keys to press
    on.tap()
    expect(page.get_by_text("Lesson 3 of 10")).to_be_visible()


def test_presenting_with_keys(look_at, app_url, wait_idle):
    page = look_at(app_url + "/race?present=1", reduced=False)
    page.wait_for_selector(READY)
    wait_idle(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    page.locator("body").press("n")
    expect(page.get_by_text("1 of 12")).to_be_visible()
    page.locator("body").press("n")
    expect(page.get_by_text("2 of 12")).to_be_visible()
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", name="Weighted 1-norm")).to_be_visible()
    wait_idle(page)
    page.locator("body").press("Home")
    expect(page.locator(".sadam-stage .counter b")).to_have_text("0")
    page.locator("body").press("ArrowRight")
    expect(page.locator(".sadam-stage .counter b")).to_have_text("1")
    page.locator("body").press(" ")
    expect(page.locator(".sadam-stage[data-playing=true]")).to_have_count(1)
    page.locator("body").press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    wait_idle(page)
    assert "present" not in page.url
