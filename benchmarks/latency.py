"""From a change of a control to the picture, measured in a real browser.

    python -m benchmarks.latency [--changes 25]

Starts the app, moves the learning-rate slider and clicks new starts, and prints the median and the
95th percentile of the time from the input event to the first frame that shows the new race with
all its panels. Beside them stands Streamlit's own share, measured in the same browser: a page of
nothing but a slider and a word, from the key to the word. It tells a slow machine from a slow app.
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
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

APP = Path(__file__).parents[1] / "app.py"
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
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(
    () => done(performance.now() - began)));
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
    process, url = serve()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            report("Streamlit's own", floor(browser, args.changes))
            page = browser.new_page(viewport={"width": 1440, "height": 960})
            began = time.perf_counter()
            page.goto(url + "/race")
            page.wait_for_selector(READY, timeout=120_000)
            print(f"first picture    {time.perf_counter() - began:.1f} s after opening the address")
            slider = page.locator(".st-key-lr input[type=range]")
            slider.focus()
            n = args.changes
            for _ in range(5):  # the first few find both sides cold
                measure(page, lambda: page.keyboard.press("ArrowRight"))
            keys = (["ArrowLeft", "ArrowLeft", "ArrowRight"] * n)[:n]
            report("slider", [measure(page, lambda k=k: page.keyboard.press(k)) for k in keys])
            times = []
            for i in range(n):
                spot = page.evaluate(PLACE, [0.2 + 0.6 * (i * w % 1) for w in (0.618, 0.382)])
                times.append(measure(page, lambda s=spot: page.mouse.click(*s)))
            report("click on the map", times)
            browser.close()
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
