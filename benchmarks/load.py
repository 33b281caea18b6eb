"""A classroom on one server: many light visitors while one trains a net and one compares.

    python -m benchmarks.load [--sessions 20] [--minutes 10] [--think 8]

Starts the app and opens websocket sessions that speak Streamlit's own protocol, as browsers do. The
light ones sit on the Race, Instability, Lessons and Gallery pages and now and then move the first
slider there; two more keep a training and a comparison running, each started anew as it ends.
Printed: median and 95th percentile of a light redraw (from the request to the last message of the
script run), errors, and the server's memory over time.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Slider_pb2 import Slider
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.latency import report, serve

LIGHT = ("race", "instability", "lessons", "")
TRAINING = "v=1&net_steps=2000&net_seeds=16&net_seed={}"
COMPARISON = "v=1&cmp_steps=500&cmp_seed={}"


@dataclass
class Visitor:
    """One websocket session.

    Attributes:
        sliders: Each slider on the page, by its id.
        repeats: Id of the fragments that run by themselves, with their intervals.
        errors: What the page showed as exceptions.
    """

    socket: ClientConnection
    page: str
    sliders: dict[str, Slider] = field(default_factory=dict)
    repeats: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    async def run(self, query: str = "", *, move: random.Random | None = None) -> float:
        """Ask for a script run and wait for its end.

        Args:
            query: Of the address.
            move: Draws the place to which the page's first slider is moved; None moves nothing.

        Returns:
            Seconds.
        """
        ask = BackMsg()
        state = ask.rerun_script
        state.page_name = self.page
        state.query_string = query
        if move and self.sliders:
            slider = next(iter(self.sliders.values()))
            widget = state.widget_states.widgets.add()
            widget.id = slider.id
            place = move.randint(0, round((slider.max - slider.min) / slider.step))
            if slider.options:
                widget.string_array_value.data.append(slider.options[place])
            else:
                widget.double_array_value.data.append(slider.min + slider.step * place)
        began = time.perf_counter()
        await self.socket.send(ask.SerializeToString())
        await self.read()
        return time.perf_counter() - began

    async def repeat(self, fragment: str) -> None:
        """Run a fragment as a browser does on its own, every so often."""
        ask = BackMsg()
        ask.rerun_script.page_name = self.page
        ask.rerun_script.fragment_id = fragment
        ask.rerun_script.is_auto_rerun = True
        await self.socket.send(ask.SerializeToString())
        await self.read()

    async def read(self) -> None:
        """Read until a script run has ended for good."""
        sliders: dict[str, Slider] = {}
        repeats: dict[str, float] = {}
        async for data in self.socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "delta":
                element = message.delta.new_element
                what = element.WhichOneof("type")
                if what == "slider":
                    sliders[element.slider.id] = element.slider
                elif what == "exception":
                    self.errors.append(element.exception.message)
            elif kind == "auto_rerun":
                repeats[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
                    return
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    self.sliders, self.repeats = sliders, repeats
                    return
                sliders, repeats = {}, {}


async def light(url: str, page: str, until: float, think: float, seed: int, out: "Out") -> None:
    """Sit on a page and move its first slider now and then."""
    rng = random.Random(seed)
    await asyncio.sleep(rng.uniform(0, think))
    async with connect(url, max_size=None, open_timeout=60) as socket:
        visitor = Visitor(socket, page)
        out.visitors.append(visitor)
        out.opened.append(await visitor.run())
        while time.monotonic() < until:
            await asyncio.sleep(rng.expovariate(1 / think))
            taken = 1000 * await visitor.run(move=rng)
            out.redraws.setdefault(page, []).append(taken)


async def heavy(url: str, page: str, query: str, until: float, out: "Out") -> None:
    """Keep a long computation going; when one has ended, the next is asked for."""
    for number in itertools.count():
        if time.monotonic() > until:
            return
        with suppress(ConnectionClosed):
            async with connect(url, max_size=None, open_timeout=60) as socket:
                visitor = Visitor(socket, page)
                out.visitors.append(visitor)
                began = time.monotonic()
                await visitor.run(query.format(number))
                while visitor.repeats and time.monotonic() < until:
                    fragment, interval = next(iter(visitor.repeats.items()))
                    await asyncio.sleep(interval)
                    await visitor.repeat(fragment)
                if not visitor.repeats:
                    out.ended.setdefault(page, []).append(time.monotonic() - began)


@dataclass
class Out:
    """What is measured."""

    visitors: list[Visitor] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    redraws: dict[str, list[float]] = field(default_factory=dict)
    ended: dict[str, list[float]] = field(default_factory=dict)
    memory: list[tuple[float, float]] = field(default_factory=list)

    async def weigh(self, pid: int, until: float) -> None:
        """Sample the server's memory, its children's included, in MB."""
        server, began = psutil.Process(pid), time.monotonic()
        while time.monotonic() < until:
            await asyncio.sleep(5)
            family = [server, *server.children(recursive=True)]
            used = sum(p.memory_info().rss for p in family if p.is_running()) / 1e6
            self.memory.append((time.monotonic() - began, used))


async def classroom(url: str, pid: int, sessions: int, minutes: float, think: float) -> Out:
    """Let everybody work."""
    out, until = Out(), time.monotonic() + 60 * minutes
    stream = url.replace("http", "ws") + "/_stcore/stream"
    pages: Iterator[str] = itertools.cycle(LIGHT)
    light_ones = [
        light(stream, next(pages), until, think, seed, out) for seed in range(max(1, sessions - 2))
    ]
    await asyncio.gather(
        *light_ones,
        heavy(stream, "networks", TRAINING, until, out),
        heavy(stream, "compare", COMPARISON, until, out),
        out.weigh(pid, until),
    )
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--think", type=float, default=8, help="mean seconds between two changes")
    args = parser.parse_args()
    process, url = serve()
    try:
        out = asyncio.run(classroom(url, process.pid, args.sessions, args.minutes, args.think))
    finally:
        process.terminate()
        process.wait(10)
    report("light redraws", list(itertools.chain(*out.redraws.values())))
    for page, times in sorted(out.redraws.items()):
        report(f"  {page or 'gallery'}", times)
    print(f"opening a page  median {statistics.median(out.opened):.1f} s, n {len(out.opened)}")
    for page, seconds in out.ended.items():
        print(f"{page:15s} {len(seconds)} ended, median {statistics.median(seconds):.1f} s")
    quarter = max(1, len(out.memory) // 4)
    parts = [out.memory[i : i + quarter] for i in range(0, 4 * quarter, quarter)]
    said = ", ".join(f"{max((mb for _, mb in part), default=0):.0f}" for part in parts)
    print(f"memory          most in each quarter of the time: {said} MB")
    errors = [error for visitor in out.visitors for error in visitor.errors]
    print(f"errors          {len(errors)}", *sorted(set(errors))[:5], sep="\n  ")


if __name__ == "__main__":
    main()
