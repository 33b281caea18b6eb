"""The Networks page as a visitor meets it: live, stopped, uploaded to, left."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
READY = ".sadam-board[data-ready=true]"
STAMP = "() => document.querySelector('.sadam-board')?.dataset.stamp"
PROGRESS = "[data-testid=stProgress]"


@pytest.fixture
def networks(look_at, app_url):
    def visit(look="light", query="", **options):
        page = look_at(f"{app_url}/networks{query}", look, **options)
        page.wait_for_selector(READY)
        return page

    return visit


def done(page, text="networks trained"):
    # What was trained before stands there, with its tabs, until the script has run to its end.
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.locator(PROGRESS).filter(has_text=text).wait_for()
    page.get_by_role("tab", name="Results").wait_for()


def choose(page, name, option):
    page.locator(f".st-key-net_{name} input").first.click()
    page.keyboard.type(option)  # the list shows only what fits it
    page.get_by_role("option", name=option, exact=True).wait_for()
    page.keyboard.press("Enter")


def start(page):
    page.get_by_text("press Start").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()


def long_training(page):
    """A training that takes minutes."""
    choose(page, "steps", "5000")
    page.get_by_text("press Start").wait_for()
    seeds = page.locator(".st-key-net_seeds input")
    seeds.fill("16")
    seeds.press("Enter")
    start(page)
    page.locator(PROGRESS).filter(has_text="of 5000").wait_for()


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_there_is_something_to_see_without_a_click(networks, look):
    page = networks(look)
    assert page.locator(".sadam-board .tile").count() == 5
    done(page)
    names = page.locator(".sadam-board .tile .name").all_inner_texts()
    assert names[-1] == "S-Adam two-sided"
    assert all("% on test" in t for t in page.locator(".tile .said").all_inner_texts())
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_curves_grow_while_it_trains_and_stop_keeps_them(networks):
    page = networks()
    done(page)
    long_training(page)
    page.wait_for_selector(READY)
    seen = page.evaluate(STAMP)
    node = page.evaluate_handle("document.querySelector('.sadam-board .panel-plot')")
    for _ in range(2):  # new numbers come by themselves, into the same nodes
        page.wait_for_function(
            f"old => {{ const now = ({STAMP})(); return now && now !== old; }}", arg=seen
        )
        seen = page.evaluate(STAMP)
    assert node.evaluate("e => e.isConnected")
    stop = page.locator(".st-key-stop_training").get_by_role("button", name="Stop")
    stop.click()
    done(page, "Stopped: ")
    page.get_by_text("Stopped after").wait_for()
    stop.wait_for(state="detached")


def test_a_closed_tab_leaves_no_work_behind(serve, look_at):
    url = serve(HERE / "harness" / "jobs_app.py")
    worker, other = look_at(f"{url}/?work=yes"), look_at(url)
    worker.get_by_text("1 running").wait_for()
    other.get_by_text("1 running").wait_for()
    worker.close()
    other.get_by_text("0 running").wait_for()


def test_a_tile_opens_its_network(networks):
    page = networks()
    done(page)
    page.get_by_role("tab", name="Inside a network").click()
    page.get_by_text("What the units of S-Adam two-sided see").wait_for()
    page.locator(".sadam-board .tile").filter(has_text="Prox-SGD").click()
    page.get_by_text("What the units of Prox-SGD see").wait_for()
    page.wait_for_selector(".tile[aria-pressed=true][data-rule=prox-sgd]")


def test_ones_own_csv(networks):
    page = networks()
    done(page)
    choose(page, "dataset", "Your own CSV")
    page.get_by_text("Choose a CSV file").wait_for()
    upload = page.locator(".st-key-csv_upload input[type=file]")
    upload.set_input_files(
        {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,x\nnan,y\n" + b"1,x\n" * 9}
    )
    page.get_by_text("Line 3 of the CSV, column 'a'").wait_for()
    assert page.locator(".sadam-board .tile").count() == 5, "what was there stays"
    rows = b"".join(b"%d,%d,%s\n" % (i % 7, i % 5, b"uvw"[i % 3 :][:1]) for i in range(90))
    upload.set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": b"a,b,kind\n" + rows}
    )
    start(page)
    page.get_by_role("heading", name="mine.csv: 2-16-16-3 ReLU net").wait_for()
    done(page)
    page.get_by_role("tab", name="Code").click()
    page.get_by_text("--csv mine.csv").wait_for()
    page.get_by_role("button", name="Share").click()
    page.get_by_text("Your CSV does not travel in the link").wait_for()


EVIL = "<img src=x onerror=alert(1)><b>B</b>%{x}"
PICTURE = "![p](http://evil.invalid/p.png)<a href='http://evil.invalid'>A</a>"
FOREIGN = """() => [...document.querySelectorAll('img, a, image, b, script, iframe')].filter(e =>
  /^[^#].*evil|^x$/.test(['src', 'href', 'xlink:href'].map(n => e.getAttribute(n) ?? '').join(''))
  || e.textContent === 'B').map(e => e.outerHTML)"""


def test_names_of_a_csv_are_text_wherever_they_are_shown(networks, wait_idle, look_at, tmp_path):
    """Its file's name, its columns and its classes: headings, axes, legends, hovers, downloads."""
    page = networks()
    done(page)
    choose(page, "dataset", "Your own CSV")
    page.get_by_text("Choose a CSV file").wait_for()
    head = f'"{EVIL}","{PICTURE}",kind\n'
    rows = "".join(f'{i % 7},{i % 5},"{(EVIL, PICTURE)[i % 2]}"\n' for i in range(90))
    file = {"name": PICTURE.replace("/", "&#47;") + ".csv", "mimeType": "text/csv"}
    upload = page.locator(".st-key-csv_upload input[type=file]")
    upload.set_input_files({**file, "buffer": (head + rows).encode()})
    start(page)
    page.get_by_role("heading", name="![p](http:").wait_for()
    done(page)
    for tab in page.get_by_role("tab").all():
        tab.click()
        wait_idle(page)
        assert page.evaluate(FOREIGN) == []
    page.get_by_role("tab", name="Inside a network").click()
    chart = page.locator(".sadam-chart[data-ready=true]").first
    chart.wait_for()
    assert EVIL in chart.text_content().replace("\N{NO-BREAK SPACE}", " ")
    box = chart.bounding_box()
    for share in (0.3, 0.45, 0.6):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        page.wait_for_timeout(150)
        assert page.evaluate(FOREIGN) == []
    page.get_by_role("button", name="Share").click()
    wait_idle(page)
    assert page.evaluate(FOREIGN) == []
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Data and figures").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Interactive page").click()
    download.value.save_as(tmp_path / "page.html")
    saved = look_at((tmp_path / "page.html").as_uri())
    saved.wait_for_selector(".main-svg")
    assert saved.evaluate(FOREIGN) == []


def test_a_link_from_share_opens_identically_elsewhere(networks, look_at, wait_idle):
    page = networks(query="?v=1&net_steps=50&net_seeds=2&net_hidden=6&net_tab=Code")
    done(page)
    slider = page.locator(".st-key-net_lr input[type=range]")
    slider.press("ArrowRight")
    start(page)
    page.wait_for_url("**net_lr=0.02**")
    done(page)
    page.get_by_text("--lr=0.02").first.wait_for()  # under the tab that the link names
    page.get_by_role("tab", name="Results").click()
    page.wait_for_url("**net_tab=Results**")
    page.get_by_role("button", name="Share").click()
    link = page.locator("[data-testid=stPopoverBody] code").first.inner_text()
    assert link.startswith("http")
    other = look_at(link)
    other.wait_for_selector(READY)
    done(other)
    for seen in (page, other):
        wait_idle(seen)
        seen.wait_for_selector("[data-testid=stDataFrame] canvas")
    # What the canvas tells to screen readers: the columns in sight, and a few more or less of them.
    rows = (
        "e => [...e.querySelectorAll('tr')]"
        ".map(row => [...row.children].slice(0, 6).map(cell => cell.innerText))"
    )
    table = "[data-testid=stDataFrame] table"
    told = page.locator(table).evaluate(rows)
    assert len(told) > 5
    assert all(len(row) == 6 for row in told)
    assert other.locator(table).evaluate(rows) == told
    said = ".sadam-board .tile .said"
    assert other.locator(said).all_inner_texts() == page.locator(said).all_inner_texts()
    controls = (
        "() => [...document.querySelectorAll('[class*=st-key-net_] input')]"
        ".map(i => [i.getAttribute('aria-label'), i.value, i.checked])"
    )
    assert len(page.evaluate(controls)) > 15
    assert other.evaluate(controls) == page.evaluate(controls)
    assert other.url == link
    page.keyboard.press("Escape")
    page.go_back()  # to the open tab, and to the learning rate before
    page.get_by_text("--lr=0.02").first.wait_for()
    page.go_back()
    page.get_by_text("--lr=0.01").first.wait_for()
    assert page.get_by_text("press Start").count() == 0
