"""Plotly figures as PNG, SVG and PDF, drawn by a Chromium in a process of its own.

Browsers crash and hang. The one here is a grandchild: a worker process runs kaleido, and when an
image does not come in time both are ended, with all their children, and what is left is tried once
more with fresh ones. Nothing of it can hang or litter the process that asked.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

IMAGE_FORMATS = ("png", "svg", "pdf")
TIMEOUT = 60.0  # seconds for one image, the browser's start included
SCALE = 2  # pixels of a PNG for each pixel of the layout
NO_BROWSER = (
    "no Chromium was found, so there are no PNG, SVG and PDF: "
    "`apt install chromium` gives one, or set BROWSER_PATH to yours"
)


class ImageError(RuntimeError):
    """The browser ended or hung; the message is a sentence without its end."""


class Job(NamedTuple):
    """One image to draw: the figure's JSON, its format and size in pixels."""

    name: str
    figure: str
    format: str
    width: int
    height: int
    scale: float = SCALE


def find_browser() -> str | None:
    """Return the path of a Chromium or one of its kin, or None.

    The environment variable ``BROWSER_PATH`` decides where it is set.
    """
    named = os.environ.get("BROWSER_PATH")
    if named is not None:
        return named if os.path.isfile(named) and os.access(named, os.X_OK) else None
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False)


def draw(
    figures: Mapping[str, Any],
    formats: Sequence[str] = IMAGE_FORMATS,
    *,
    scale: float = SCALE,
    timeout: float = TIMEOUT,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[dict[tuple[str, str], bytes], list[str]]:
    """Draw every figure in every format.

    Args:
        figures: Plotly figures by name; ``layout.width`` and ``layout.height`` are their sizes, in
            pixels.
        formats: Any of ``"png"``, ``"svg"``, ``"pdf"``.
        scale: Pixels of a PNG for each pixel of the layout, above 0.
        timeout: Seconds to wait for one image, above 0.
        progress: Told how many images are there, of how many, after each and at first.

    Returns:
        The bytes of each image by ``(name, format)``; and a sentence for each thing that went
        wrong, which raises nothing: no browser, one that ended or hung twice, a figure or a format
        that it could not draw.
    """
    browser = find_browser()
    if browser is None:
        return {}, [NO_BROWSER]
    left = []
    for name, figure in figures.items():
        size = (int(figure.layout.width or 1000), int(figure.layout.height or 600))
        text = figure.to_json()
        left += [Job(name, text, form, *size, scale) for form in formats]
    total = len(left)
    tell = progress or (lambda *_: None)
    tell(0, total)
    done: dict[tuple[str, str], bytes] = {}
    undrawn: dict[str, list[str]] = {}
    problems: list[str] = []
    for last_try in (False, True):
        try:
            for answer in _work(browser, list(left), timeout):
                job = left.pop(0)
                if "image" in answer:
                    done[job.name, job.format] = base64.b64decode(answer["image"])
                else:
                    undrawn.setdefault(answer["error"], []).append(f"{job.name}.{job.format}")
                tell(total - len(left), total)
        except ImageError as error:
            if last_try:
                problems.append(f"{error}, so {len(left)} images are missing")
    problems += [f"not drawn: {', '.join(names)} ({why})" for why, names in undrawn.items()]
    return done, problems


def _work(browser: str, jobs: Sequence[Job], timeout: float) -> Iterator[dict[str, str]]:
    """Yield answers to the jobs in order, from a worker that ends with this generator."""
    if not jobs:
        return
    with tempfile.TemporaryDirectory(prefix="sadam-", ignore_cleanup_errors=True) as scratch:
        worker = subprocess.Popen(
            [sys.executable, "-m", "sadam.lab.images", browser],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": scratch},
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,
        )
        patience = 0.0
        answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_feed, args=(worker.stdin, jobs), daemon=True).start()
        threading.Thread(target=_collect, args=(worker.stdout, answers), daemon=True).start()
        try:
            for job in jobs:
                yield _next(answers, f"{job.name}.{job.format}", timeout)
            patience = 10.0
        finally:
            _end(worker, patience)


def _next(answers: queue.Queue[bytes], what: str, timeout: float) -> dict[str, Any]:
    try:
        line = answers.get(timeout=timeout)
    except queue.Empty:
        raise ImageError(f"the browser did not draw {what} within {timeout:g} seconds") from None
    if not line:
        raise ImageError(f"the browser ended while drawing {what}")
    return json.loads(line)


def _feed(pipe: BinaryIO, jobs: Sequence[Job]) -> None:
    try:
        with pipe:
            for job in jobs:
                pipe.write(json.dumps(job).encode() + b"\n")
    except OSError:  # the worker is gone: whoever reads its answers will notice
        pass


def _collect(pipe: BinaryIO, answers: queue.Queue[bytes]) -> None:
    with pipe:
        for line in pipe:
            answers.put(line)
    answers.put(b"")


def _end(worker: subprocess.Popen[bytes], patience: float) -> None:
    """Let the worker close its browser; if it does not, tell it to end it, and then end it too."""
    try:
        with suppress(subprocess.TimeoutExpired):
            worker.wait(patience)
        if worker.returncode is None:
            worker.terminate()
            with suppress(subprocess.TimeoutExpired):
                worker.wait(3.0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


async def _serve(browser: str) -> None:
    """The worker: read jobs from stdin, print an answer for each."""
    import kaleido

    server = kaleido.Kaleido(path=browser, mathjax=False, timeout=None)

    def end(*_: object) -> None:
        if process := getattr(server, "subprocess", None):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    async with server:
        for line in sys.stdin:
            job = Job(*json.loads(line))
            scale = job.scale if job.format == "png" else 1
            options = {"format": job.format, "width": job.width, "height": job.height}
            try:
                image = await server.calc_fig(
                    json.loads(job.figure),
                    opts={**options, "scale": scale},  # type: ignore[arg-type]
                )
                answer = {"image": base64.b64encode(image).decode()}
            except Exception as error:  # whatever it is, the other side makes a sentence of it
                answer = {"error": str(error).partition("\n")[0] or type(error).__name__}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import asyncio

    asyncio.run(_serve(sys.argv[1]))
