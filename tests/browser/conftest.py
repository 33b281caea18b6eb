"""A server, a browser and pages that remember what went wrong on them."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOKS = {
    "light": {"viewport": {"width": 1440, "height": 960}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 960}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


_open: list = []  # pages of the tests that run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where a test fails, what its pages show stands beside the reason."""
    report = yield
    if report.failed and call.when == "call":
        for page in _open:
            if page.is_closed():
                continue
            try:
                seen = page.locator("body").aria_snapshot(timeout=5000)
            except Exception as error:  # the reason it failed matters more
                seen = repr(error)
            report.sections.append((f"what {page.url} shows", seen))
    return report


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Iterator[Callable[[Path], str]]:
    """Start an app once per session and give its address."""
    running: dict[Path, tuple[subprocess.Popen, str]] = {}
    folder = tmp_path_factory.mktemp("servers")

    def start(app: Path) -> str:
        app = app.resolve()
        if app in running:
            return running[app][1]
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = folder / f"{len(running)}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamlit", "run", str(app)),
                    *("--server.headless=true", "--server.address=127.0.0.1"),
                    *(f"--server.port={port}", "--server.fileWatcherType=none"),
                ],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        url = f"http://127.0.0.1:{port}"
        running[app] = process, url
        end = time.monotonic() + 90
        while True:
            if process.poll() is not None:
                pytest.fail(f"the server of {app.name} ended:\n{log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                    if answer.status == 200:
                        return url
            except OSError:
                pass
            if time.monotonic() > end:
                pytest.fail(f"{app.name} did not come up:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    yield start
    for process, _ in running.values():
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def app_url(serve) -> str:
    """The address of the real app."""
    return serve(ROOT / "app.py")


@pytest.fixture(scope="session")
def browser(request):
    """A Chromium that is installed: BROWSER_PATH or the PATH. Missing: a skip, in CI a failure."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        from playwright.sync_api import expect
    except ImportError:
        missing("playwright is not installed")
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        missing("no Chromium found; set BROWSER_PATH")
    expect.set_options(timeout=120_000)  # a busy machine is slow, not wrong
    playwright = request.getfixturevalue("driver")
    chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
    yield chromium
    chromium.close()


class Trouble(list):
    """Console errors, page errors and requests to other hosts, as text."""

    def watch(self, page) -> None:
        """Collect what goes wrong on a page; its own address is where it goes first."""
        own: list[str] = []

        def request(r):
            if r.url.startswith(("data:", "blob:")):
                return
            host = r.url.split("://", 1)[-1].split("/", 1)[0]
            if not own:
                own.append(host)
            if host != own[0]:
                self.append(f"request to another host: {r.url}")

        def console(m):
            # A deep link asks once for its own _stcore and gets a harmless 404.
            if m.type == "error" and "/_stcore/" not in m.location.get("url", ""):
                self.append(f"console: {m.text}")

        page.on("request", request)
        page.on("console", console)
        page.on("pageerror", lambda e: self.append(f"page error: {e}"))


def visits(browser) -> Iterator[Callable]:
    """Open addresses in fresh contexts; at the end nothing may have gone wrong on a page."""
    contexts, troubles = [], []

    def visit(url: str, look: str = "light", *, reduced: bool = True):
        motion = "reduce" if reduced else "no-preference"
        context = browser.new_context(**LOOKS[look], reduced_motion=motion, accept_downloads=True)
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        _open.append(page)
        page.trouble = Trouble()
        page.trouble.watch(page)
        troubles.append(page.trouble)
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    _open[:] = [page for page in _open if not page.is_closed()]
    assert [t for trouble in troubles for t in trouble] == []


@pytest.fixture
def look_at(browser) -> Iterator[Callable]:
    """`look_at(url, look="light", reduced=True)` gives a Playwright page with `page.trouble`."""
    yield from visits(browser)


@pytest.fixture(scope="module")
def open_once(browser) -> Iterator[Callable]:
    """`open_once(url, ready)`: a page for all tests of a module, when it is drawn and idle.

    Opening a page takes longer than most tests. Those that share one take it as others leave it:
    each brings it to where it starts.
    """

    def opened(visit: Callable):
        def open_page(url: str, ready: str):
            page = visit(url)
            page.wait_for_selector(ready)
            idle(page)
            return page

        return open_page

    yield from map(opened, visits(browser))


def idle(page) -> None:
    """Wait until the script has run and two frames have passed."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


@pytest.fixture(scope="session")
def wait_idle() -> Callable:
    """The helper `idle(page)`."""
    return idle
