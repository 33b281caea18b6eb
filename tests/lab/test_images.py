"""What an export needs a browser for: pictures, and the page as it is opened."""

import os
import shutil
import signal
import struct
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from sadam.lab import images, webpage
from sadam.lab.export import FORMATS, race_bundle, write_bundle
from sadam.lab.figures import RACE_FIGURES
from sadam.lab.kinds import load


def need_browser():
    if images.find_browser() is None:
        message = "there is no Chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture
def open_file(request):
    """Open a file in a browser: what it asks for and what goes wrong are kept."""
    need_browser()
    playwright = request.getfixturevalue("driver")
    browser = playwright.chromium.launch(
        executable_path=images.find_browser(), args=["--no-sandbox"]
    )
    page = browser.new_page()
    page.set_default_timeout(120_000)  # a busy machine is slow, not wrong
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda line: page.wrong.append(line.text) if line.type == "error" else 0)

    def open_it(path, figures):
        page.goto(path.as_uri())
        page.wait_for_function(
            "n => document.querySelectorAll('.plot .main-svg').length >= n",
            arg=figures,
        )
        return page

    yield open_it
    browser.close()
    assert {url.partition(":")[0] for url in page.asked} <= {"file", "data", "blob"}


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_opens_offline_and_draws_every_figure(race, tmp_path, open_file):
    write_bundle(race_bundle(race), tmp_path, ("html",))
    page = open_file(tmp_path / "figures.html", len(RACE_FIGURES))
    drawn = page.evaluate("[...document.querySelectorAll('.plot')].map(d => d._fullData.length)")
    assert page.wrong == []
    assert len(drawn) == len(RACE_FIGURES)
    assert min(drawn) >= 2


@pytest.mark.slow
@pytest.mark.browser
def test_the_small_page_reads_its_library_from_beside_it(race, tmp_path, open_file):
    write_bundle(only(race, "map"), tmp_path, ("html-small",))
    page = open_file(tmp_path / "figures-small.html", 1)
    assert page.wrong == []
    (tmp_path / "plotly.min.js").unlink()  # moved without it, the page says what is missing
    page.reload()
    page.wait_for_function("document.body.innerText.includes('put plotly.min.js')")


def only(race, *names):
    """A bundle of a race with some of its figures."""
    figures = {name: RACE_FIGURES[name](race) for name in names}
    return replace(race_bundle(race), figures=lambda: figures)


# ---- pictures


def _png_chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(body)
        yield body[:4], body[4:]
        at += 12 + length


@pytest.mark.slow
@pytest.mark.browser
def test_a_picture_in_every_format(race, tmp_path):
    need_browser()
    names = ("map", "gap-by-step")
    assert write_bundle(only(race, *names), tmp_path, images.IMAGE_FORMATS) == []
    expected = {f"{name}.{form}" for name in names for form in images.IMAGE_FORMATS}
    assert set(os.listdir(tmp_path)) == expected | {"spec.json", "results.json"}
    for name in names:
        _check_pictures(race, tmp_path, name)


@pytest.mark.slow
@pytest.mark.browser
def test_every_figure_is_drawn(race, tmp_path):
    need_browser()
    assert write_bundle(race_bundle(race), tmp_path, ("svg",)) == []
    for name in RACE_FIGURES:
        root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        assert load(_metadata(root)) == race.experiment


def _metadata(root):
    (metadata,) = (element for element in root if element.tag.endswith("metadata"))
    return metadata.text


def _check_pictures(race, directory, name):
    chunks = list(_png_chunks((directory / f"{name}.png").read_bytes()))
    width, height = struct.unpack(">II", chunks[0][1][:8])
    assert width == images.SCALE * webpage.WIDTH
    assert height > images.SCALE * webpage.HEIGHTS.get(name, webpage.HEIGHT)
    text = dict(chunks)[b"iTXt"]
    assert load(text.removeprefix(b"sadam.spec\0\0\0\0\0")) == race.experiment

    root = ElementTree.parse(directory / f"{name}.svg").getroot()
    assert root.tag.endswith("svg")
    assert load(_metadata(root)) == race.experiment
    words = "".join(root.itertext())
    assert "python -m sadam race --landscape cb2" in words

    pdf = (directory / f"{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf  # fonts are embedded
    assert b"/ToUnicode" in pdf  # and their letters known: the text can be searched
    assert pdf.rstrip().endswith(b"%%EOF")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_browser_that_dies_or_hangs_is_replaced(blow):
    need_browser()
    figures = {f"f{i}": go.Figure(go.Scatter(y=[1, 3, 2])) for i in range(4)}
    struck, told = [], []

    def strike():  # as soon as the browser is there
        while not struck:
            struck.extend(pid for pid in _own_browsers() if not os.kill(pid, blow))
            time.sleep(0.02)

    striker = threading.Thread(target=strike, daemon=True)
    striker.start()
    done, problems = images.draw(
        figures,
        ("svg",),
        timeout=25,  # a busy machine starts one slowly
        progress=lambda *now: told.append(now),
    )
    assert told == [(i, 4) for i in range(5)]
    assert struck
    assert problems == []
    assert set(done) == {(name, "svg") for name in figures}
    assert not [pid for pid in struck if Path(f"/proc/{pid}").exists()]


def _own_browsers():
    """Browsers that a worker of this very process started."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            scratch = (entry / "environ").read_bytes().partition(b"TMPDIR=")[2].partition(b"\0")[0]
            if b"--headless" in command and not any(c.startswith(b"--type") for c in command):
                worker = _parent(_parent(int(entry.name)))
                if b"sadam-" in scratch and os.getpid() in (worker, _parent(worker)):
                    yield int(entry.name)
        except (OSError, ValueError):
            continue


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
def test_without_a_browser_there_is_one_line_and_all_else(race, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chromium")
    notes = write_bundle(race_bundle(race), tmp_path, FORMATS)
    assert notes == [images.NO_BROWSER]
    assert "apt install chromium" in images.NO_BROWSER
    files = os.listdir(tmp_path)
    assert "figures.html" in files
    assert not [name for name in files if name.endswith((".png", ".svg", ".pdf"))]


@pytest.mark.slow
def test_a_browser_that_is_none_is_told_in_one_line(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", shutil.which("false"))
    done, problems = images.draw({"a": go.Figure()}, ("png", "svg"), timeout=30)
    assert done == {}
    assert problems == ["the browser ended while drawing a.png, so 2 images are missing"]
