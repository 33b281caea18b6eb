"""However a visitor comes to a page: it goes through app.py."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.asyncio.client import connect

from benchmarks.latency import serve
from pages.shared import browser

ROOT = Path(__file__).parents[2]
PAGES = ["", "race", "instability", "networks", "compare", "lessons"]


@pytest.mark.parametrize("page", [page or "gallery" for page in PAGES])
def test_a_page_that_is_run_by_itself_says_what_to_run(page):
    app = AppTest.from_file(ROOT / f"pages/{page}.py").run()
    assert not app.exception
    assert [e.value for e in app.error] == [
        "A page is not run by itself: start the app with `streamlit run app.py`."
    ]
    assert len(app.main.children) == 1  # that and nothing else


@pytest.mark.slow
def test_all_who_come_to_a_fresh_server_at_once_get_the_pages_of_the_app():
    async def visit(address, page):
        async with connect(address, max_size=None, open_timeout=60) as socket:
            ask = BackMsg()
            ask.rerun_script.page_name = page
            await socket.send(ask.SerializeToString())
            pages, errors = [], []
            async for data in socket:
                message = ForwardMsg.FromString(data)
                if message.HasField("navigation"):
                    pages = [p.page_name for p in message.navigation.app_pages]
                elif message.delta.new_element.HasField("exception"):
                    errors.append(message.delta.new_element.exception.message)
                elif (
                    message.HasField("script_finished")
                    and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
                ):
                    return pages, errors
            return None

    async def visit_all(url):
        address = url.replace("http", "ws") + "/_stcore/stream"
        return await asyncio.gather(*(visit(address, page) for page in 3 * PAGES))

    process, url = serve()
    try:
        with ThreadPoolExecutor() as thread:  # this one may hold Playwright's loop
            found = thread.submit(lambda: asyncio.run(visit_all(url))).result()
    finally:
        process.terminate()
        process.wait()
    titles = ["Gallery", "Race", "Instability", "Networks", "Compare", "Lessons"]
    assert found == [(titles, [])] * len(found)


def test_a_folder_is_served_though_python_does_not_know_at_once_who_asks(monkeypatch):
    """`inspect.getmodule` may find no module while other threads import."""
    tried = []

    def declare(name, path):
        tried.append((name, path))
        if len(tried) < 3:
            raise RuntimeError("module is None. This should never happen.")

    monkeypatch.setattr(browser, "declare_component", declare)
    monkeypatch.setattr(browser.st, "session_state", {})
    browser.serve_folder("some", ROOT)
    browser.serve_folder("some", ROOT)
    assert tried == [("some", str(ROOT))] * 3

    def refuse(name, path):
        raise RuntimeError("for good")

    monkeypatch.setattr(browser, "declare_component", refuse)
    with pytest.raises(RuntimeError, match="for good"):
        browser.serve_folder("other", ROOT)
