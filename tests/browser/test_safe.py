"""What the server refuses of other sites: their sockets and their uploads, as Streamlit does."""

import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]


def test_the_settings_take_no_protection_away():
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert settings["server"]["address"] == "localhost"
    for name in ("enableCORS", "enableXsrfProtection"):
        assert settings["server"].get(name, True) is True
    assert not {"corsAllowedOrigins", "enableStaticServing"} & set(settings["server"])


def test_another_sites_script_opens_no_session(app_url):
    address = app_url.replace("http", "ws") + "/_stcore/stream"
    with connect(address, origin=app_url, open_timeout=60) as own:
        assert own.protocol.state.name == "OPEN"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin="https://evil.invalid", open_timeout=60)


def test_an_upload_without_the_sessions_token_is_refused(app_url):
    request = urllib.request.Request(
        f"{app_url}/_stcore/upload_file/somebody/file", data=b"x", method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)


def test_another_site_reads_no_answer(app_url):
    request = urllib.request.Request(
        f"{app_url}/_stcore/host-config", headers={"Origin": "https://evil.invalid"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] in (None, app_url)


@pytest.mark.parametrize("path", ["../app.py", "..%2f..%2fapp.py", "%2e%2e/README.md"])
def test_no_path_leads_out_of_what_is_served(app_url, path):
    for place in ("", "static/", "app/static/", "component/", "media/", "_stcore/", "assets/"):
        try:
            with urllib.request.urlopen(f"{app_url}/{place}{path}", timeout=60) as answer:
                said = answer.read()
        except urllib.error.HTTPError:
            continue
        assert b"S-Adam Lab in the browser" not in said
        assert b"# S-Adam Lab" not in said
