"""The address of a page in a browser: back, forward, reload, elsewhere; a function typed in."""

import re

import pytest
from playwright.sync_api import expect

READY = ".sadam-stage[data-ready=true]"


def lr(page):
    return page.locator(".st-key-lr input[type=range]").get_attribute("aria-valuetext")


def field(page, name):
    found = re.search(rf"[?&]{name}=([^&]*)", page.url)
    return found.group(1) if found else None


def press(page, key, old):
    slider = page.locator(".st-key-lr input[type=range]")
    slider.focus()
    page.keyboard.press(key)
    page.wait_for_function("old => !location.search.includes(`&lr=${old}&`) && location.search",
                           arg=old or "none")  # fmt: skip


def test_back_forward_reload_and_elsewhere(look_at, app_url, wait_idle):
    page = look_at(app_url + "/race")
    page.wait_for_selector(READY)
    wait_idle(page)
    assert "?" not in page.url
    press(page, "ArrowLeft", None)
    first = field(page, "lr")
    wait_idle(page)
    press(page, "ArrowLeft", first)
    second = field(page, "lr")
    assert float(second) < float(first) < 0.1
    wait_idle(page)
    slider = page.locator(".st-key-lr input[type=range]")

    page.go_back()
    expect(slider).to_have_attribute("aria-valuetext", first)
    page.go_back()
    expect(slider).to_have_attribute("aria-valuetext", "0.1")
    page.go_forward()
    expect(slider).to_have_attribute("aria-valuetext", first)
    assert field(page, "lr") == first

    page.reload()
    page.wait_for_selector(READY)
    expect(slider).to_have_attribute("aria-valuetext", first)
    stamp = page.locator(".sadam-stage").get_attribute("data-stamp")
    caption = page.locator(".sadam-stage .caption").inner_text()

    elsewhere = look_at(page.url)
    elsewhere.wait_for_selector(READY)
    wait_idle(elsewhere)
    assert elsewhere.locator(".sadam-stage").get_attribute("data-stamp") == stamp
    assert elsewhere.locator(".sadam-stage .caption").inner_text() == caption


# Two pages away from their defaults, and what is drawn there. Race is above, Networks has a file.
SHARED = {
    "/instability?v=1&landscape=mifflin1&lgi_radius=0.02&lgi_num_probes=16&lgi_tab=Calibration": (
        ".sadam-maps[data-ready=true]"
    ),
    "/compare?v=1&cmp_landscapes=wolfe&cmp_rules=adam,s-adam-two-sided&cmp_lrs=0.03,0.1"
    "&cmp_number=4&cmp_steps=50&cmp_tab=Cost": ".sadam-cells[data-ready=true]",
}


@pytest.mark.parametrize("address", SHARED, ids=["instability", "compare"])
def test_a_link_from_share_opens_the_same_elsewhere(look_at, app_url, wait_idle, address):
    page, drawn = look_at(app_url + address), SHARED[address]
    tab = page.get_by_role("tab", selected=True)
    expect(tab).to_be_visible()
    page.wait_for_selector(drawn)
    wait_idle(page)
    page.get_by_role("button", name="Share").click()
    link = page.locator("[data-testid=stPopoverBody] code").first.inner_text()
    other = look_at(link)
    expect(other.get_by_role("tab", selected=True)).to_have_text(tab.inner_text())
    other.wait_for_selector(drawn)
    wait_idle(other)
    stamp = page.locator(drawn).first.get_attribute("data-stamp")
    assert other.locator(drawn).first.get_attribute("data-stamp") == stamp
    heading = page.get_by_role("heading").first.inner_text()
    assert other.get_by_role("heading").first.inner_text() == heading
    assert other.url == link


def test_a_function_is_typed_corrected_and_drawn(look_at, app_url, wait_idle):
    page = look_at(app_url + "/race?v=1&landscape=own&own_text=abs(x)%2Babs(y)")
    page.wait_for_selector(READY)
    wait_idle(page)
    box = page.get_by_role("textbox", name="f(x, y) =")
    box.fill("abs(x) + b**y*")
    box.press("Enter")
    expect(page.get_by_text("Until then the last one is shown")).to_be_visible()
    assert page.locator(READY).count() == 1
    box.fill("abs(x) + b*abs(y - x**2)")
    box.press("Enter")
    expect(page.get_by_role("heading", name="Your own function (b = 1)")).to_be_visible()
    expect(page.locator(".st-key-own_value_b")).to_be_visible()
    expect(page.get_by_text("Until then the last one is shown")).to_have_count(0)


def test_a_page_that_is_left_while_a_fragment_of_it_ran_last_keeps_its_controls(
    look_at, app_url, wait_idle
):
    """Streamlit forgets them all then: a training that runs redraws its curves alone."""
    page = look_at(app_url + "/networks?v=1&net_hidden=12,7&net_steps=3000")
    links = page.get_by_test_id("stSidebarNavItems")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile("Step [1-9][0-9]* of 3000")).wait_for()
    links.get_by_role("link", name="Lessons").click()
    page.wait_for_selector("[class*=st-key-les]")
    links.get_by_role("link", name="Networks").click()
    page.wait_for_function("decodeURIComponent(location.search).includes('net_hidden=12,7&')")
    expect(page.get_by_role("textbox", name="Hidden layers")).to_have_value("12,7")
    expect(page.get_by_text("The controls say something else")).to_have_count(0)

    links.get_by_role("link", name="Race").click()
    page.wait_for_selector(READY)
    wait_idle(page)
    press(page, "ArrowLeft", None)
    wait_idle(page)
    said = lr(page)
    links.get_by_role("link", name="Lessons").click()
    page.wait_for_selector("[class*=st-key-les]")
    links.get_by_role("link", name="Race").click()
    page.wait_for_selector(READY)
    expect(page.locator(".st-key-lr input[type=range]")).to_have_attribute("aria-valuetext", said)
    page.close()
