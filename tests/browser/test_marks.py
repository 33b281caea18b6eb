"""The page's canvas draws every marker and dash as Python's pictures do."""

import re

import pytest

from pages.shared.browser import scripts
from sadam.lab.marks import DASHES, MARKERS, STAR, dash_lengths


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    page.add_script_tag(content=scripts("theme"))
    yield page
    page.close()


def test_markers_are_the_same_shapes(page):
    for name, points in {**MARKERS, "star": STAR}.items():
        data = page.evaluate("name => symbolPath(name, 100)", name)
        if name == "circle":
            assert data == page.evaluate("symbolPath('unheard of', 100)")
            continue
        corners = [float(n) for n in re.findall(r"-?\d+\.\d+", data)]
        assert corners == pytest.approx([100 * v for point in points for v in point], abs=0.006)


@pytest.mark.parametrize("width", [1.2, 2.6])
def test_dashes_have_the_same_lengths(page, width):
    for dash in (*DASHES, "8px,2px,2px,2px"):
        lengths = page.evaluate("([dash, width]) => dashOf(dash, width)", [dash, width])
        assert lengths == pytest.approx(dash_lengths(dash, width))
