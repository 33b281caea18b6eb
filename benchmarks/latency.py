"""From a change of a control to the picture, measured in a real browser.

    python -m benchmarks.latency [--changes 25]

Starts the app and opens its first page; then, on the Race page, moves the learning-rate slider and
clicks new starts, and prints the median and the 95th percentile of the time from the input event to
the first frame that shows the new race with all its panels, where that time goes, and how much is
sent. Beside them stands Streamlit's own share, measured in the same browser: a page of nothing but
a slider and a word, from the key to the word. It tells a slow machine from a slow app.
"""

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from pages.shared.sidebar import RATES

APP = Path(__file__).parents[1] / "app.py"
WARM = 20  # changes of a visit that stand apart
GALLERY = ".sadam-gallery svg"
READY = ".sadam-stage[data-ready=true]"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader"]
# The clock starts inside the browser, at the input event, and stops when the frame that shows the
# new stamp has been painted. Nothing polls: a loop of frames would take a fifth of a core from what
# is measured.
WATCH = """() => new Promise(done => {
  const stage = document.querySelector('.sadam-stage'), old = stage.dataset.stamp;
  let began = 0;
  const start = () => { began = began || performance.now(); };
  for (const type of ['keydown', 'pointerup'])
    addEventListener(type, start, {capture: true, once: true});
  const painted = () => {
    window.__drawn = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.__painted = performance.now();
      done(window.__painted - began);
    }));
  };
  const seen = new MutationObserver(() => {
    if (stage.dataset.stamp === old || stage.dataset.ready !== 'true') return;
    seen.disconnect();
    painted();
  });
  seen.observe(stage, {attributes: true, attributeFilter: ['data-stamp', 'data-ready']});
})"""
FLOOR = """import streamlit as st
st.markdown(f"now {st.slider('lr', 0.0, 1.0, 0.5, 0.01, key='lr')}")
"""
WATCH_FLOOR = """() => new Promise(done => {
  const said = () => [...document.querySelectorAll('p')].find(p => /^now /.test(p.textContent));
  const old = said().textContent;
  let began = 0;
  addEventListener('keydown', () => { began = performance.now(); }, {capture: true, once: true});
  const seen = new MutationObserver(() => {
    if ((said()?.textContent ?? old) === old) return;
    seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  });
  seen.observe(document.body, {subtree: true, childList: true, characterData: true});
})"""
# When the browser sends and hears something, and how much it hears.
LISTEN = """
window.__heard = [];
const log = (what, size) => window.__heard.push([performance.now(), what, size]);
for (const type of ['keydown', 'pointerup'])
  addEventListener(type, () => { window.__heard = []; log('input', 0); }, {capture: true});
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) { log('sent', 0); return send.call(this, data); };
const listen = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (type, handler, ...rest) {
  if (type !== 'message') return listen.call(this, type, handler, ...rest);
  return listen.call(this, type, function (event) {
    log('heard', event.data.byteLength ?? event.data.size ?? event.data.length);
    return handler.call(this, event);
  }, ...rest);
};
"""
PARTS = {
    "input, to the request": ("input", "sent"),
    "server, to the picture": ("sent", "picture"),
    "drawing": ("picture", "drawn"),
    "to the frame": ("drawn", "painted"),
}
PLACE = """([u, v]) => {
  const r = document.querySelector('.sadam-stage .plot .nsewdrag').getBoundingClientRect();
  return [r.left + u * r.width, r.top + v * r.height];
}"""


def serve(script: Path = APP) -> tuple[subprocess.Popen, str]:
    """Start an app on a free port, with the settings of this one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    process = subprocess.Popen(
        [*command, f"--server.port={port}"],
        cwd=APP.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"
    for _ in range(600):
        try:
            with urllib.request.urlopen(url + "/_stcore/health", timeout=1):
                return process, url
        except OSError:
            time.sleep(0.1)
    process.terminate()
    sys.exit("the app did not come up")


def measure(page: Page, act, watch: str = WATCH) -> float:
    """Milliseconds from an action to the frame that shows its effect."""
    page.evaluate(f"() => {{ window.__latency = ({watch})(); }}")
    act()
    taken = page.evaluate("() => window.__latency")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(150)  # so that one change does not queue behind the last
    return taken


def moments(page: Page) -> tuple[dict[str, float], int]:
    """When the parts of the last change ended, in milliseconds, and the bytes of its picture."""
    heard, drawn, done = page.evaluate("() => [window.__heard, window.__drawn, window.__painted]")
    picture = max((h for h in heard if h[1] == "heard" and h[0] <= drawn), key=lambda h: h[2])
    first = {what: at for at, what, _ in reversed(heard)}
    times = {"input": first["input"], "sent": first["sent"], "picture": picture[0]}
    return times | {"drawn": drawn, "painted": done}, picture[2]


def measured(page: Page, name: str, acts: Iterable[Callable[[], None]]) -> None:
    """Make changes; print how long they took, where the time went, and what was sent."""
    taken, parts, sizes = [], {part: [] for part in PARTS}, []
    for act in acts:
        taken.append(measure(page, act))
        times, size = moments(page)
        sizes.append(size)
        for part, (since, until) in PARTS.items():
            parts[part].append(times[until] - times[since])
    report(name, taken)
    for part, spent in parts.items():
        print(f"  {part:22s} {statistics.median(spent):4.0f} ms")
    print(f"  {'picture':22s} {statistics.median(sizes) / 1000:4.0f} kB")


def start_up(browser: Browser) -> float:
    """Seconds from `streamlit run` to the first picture of the page it opens on."""
    began = time.perf_counter()
    process, url = serve()
    try:
        page = browser.new_page(viewport={"width": 1440, "height": 960})
        page.goto(url)
        page.wait_for_selector(GALLERY)
        page.close()
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(10)


def report(name: str, times: list[float]) -> None:
    """Print the median and the 95th percentile."""
    worst = sorted(times)[int(0.95 * (len(times) - 1))]
    middle = statistics.median(times)
    print(f"{name:16s} median {middle:4.0f} ms   95 % {worst:4.0f} ms   n {len(times)}")


def floor(browser: Browser, n: int) -> list[float]:
    """What Streamlit takes for a page of a slider and a word."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "floor.py"
        script.write_text(FLOOR, encoding="utf-8")
        process, url = serve(script)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 960})
            page.goto(url)
            page.wait_for_selector("text=/^now /")
            page.locator(".st-key-lr input[type=range]").focus()
            press = page.keyboard.press
            times = [measure(page, lambda: press("ArrowLeft"), WATCH_FLOOR) for _ in range(n + 1)]
            page.close()
        finally:
            process.terminate()
            process.wait(10)
    return times[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=25)
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        starts = [start_up(browser) for _ in range(3)]
        print(
            f"start-up         median {statistics.median(starts):4.1f} s, to the gallery's pictures"
        )
        report("Streamlit's own", floor(browser, args.changes))
        process, url = serve()
        try:
            race(browser, url, args.changes)
        finally:
            process.terminate()
            process.wait(10)
        browser.close()


def race(browser: Browser, url: str, n: int) -> None:
    """The Race page's first picture, its slider and its map."""
    page = browser.new_page(viewport={"width": 1440, "height": 960})
    page.add_init_script(LISTEN)
    began = time.perf_counter()
    page.goto(url + "/race")
    page.wait_for_selector(READY, timeout=120_000)
    print(f"first picture    {time.perf_counter() - began:.1f} s after opening the Race page")

    def click(i: int) -> None:
        spot = page.evaluate(PLACE, [0.2 + 0.6 * (i * w % 1) for w in (0.618, 0.382)])
        page.mouse.click(*spot)

    # The browser compiles what it runs often: the first changes of a visit stand apart.
    report("first changes", [measure(page, partial(click, i)) for i in range(WARM)])
    measured(page, "click on the map", [partial(click, i) for i in range(WARM, WARM + n)])
    press = partial(page.keyboard.press, "ArrowLeft")
    page.locator(".st-key-lr input[type=range]").focus()
    measure(page, partial(page.keyboard.press, "End"))
    # From the largest learning rate down: none is seen twice, so nothing is remembered.
    measured(page, "slider", [press] * min(n, len(RATES) - 1))


if __name__ == "__main__":
    main()
