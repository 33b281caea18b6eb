"""The stage while plotly.js is on its way, where it does not come, and how long a view lives."""

import re
from pathlib import Path

APP = Path(__file__).parent / "harness" / "app.py"
STAGE = Path(__file__).parents[2] / "pages" / "shared" / "stage"
READY = ".sadam-stage[data-ready=true]"


def test_a_page_that_cannot_load_plotly_says_so(serve, browser):
    page = browser.new_page()
    page.route("**/plotly-cartesian.min.js", lambda route: route.abort())
    page.goto(serve(APP))
    trouble = page.locator(".sadam-stage .trouble")
    trouble.wait_for()
    assert "could not be" in trouble.inner_text()
    page.close()


def test_a_rerun_while_plotly_is_loaded_leaves_the_stage_there(serve, browser, wait_idle):
    page, held = browser.new_page(), []
    page.route("**/plotly-cartesian.min.js", lambda route: held.append(route))
    page.goto(serve(APP))
    page.locator(".sadam-stage").wait_for()
    slider = page.locator("[data-testid=stSlider] input").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text(re.compile("^clicks ")).wait_for()
    wait_idle(page)  # by then the stage has been given the new race
    held[0].continue_()
    page.wait_for_selector(READY)
    page.close()


def test_a_view_goes_with_its_element_alone_whatever_the_order_of_its_calls(browser):
    page = browser.new_page()
    mount = (STAGE / "mount.js").read_text(encoding="utf-8")
    seen = page.evaluate(
        """async (mount) => {
          const seen = [];
          class View {
            update(data) { seen.push(data); }
            destroy() { seen.push('gone'); }
          }
          const drawn = new Function(mount + '; return mounted;')()(View);
          const parentElement = document.body.appendChild(document.createElement('div'));
          const call = (data) => drawn({ data, parentElement });
          const newer = await call('newer');  // called first, as while a module still loads
          await (await call('older'))();
          await (await call('overtaken'), await call('last'), newer)();  // not drawn by then
          const last = await call('last again');
          parentElement.remove();
          await last();
          await newer();
          return seen;
        }""",
        mount,
    )
    assert seen == ["newer", "older", "newer", "overtaken", "last", "last again", "gone"]
    page.close()
