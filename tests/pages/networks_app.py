"""The Networks page in a session without a browser."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parents[2] / "app.py")
TABS = (
    "Results", "Inside a network", "Loss plane", "Instability and chattering", "Data and figures",
    "Code",
)  # fmt: skip
SMALL = {"hidden": "5", "steps": 50, "seeds": 2, "n": 64, "batch": 8, "matched": False}
ROWS = b"a,b,kind\n" + b"".join(
    b"%d,%d,%s\n" % (i % 7, i % 5, b"uvw"[i % 3 :][:1]) for i in range(60)
)


def opened(csv=None, **values):
    app = AppTest.from_file(APP, default_timeout=90)
    app.run()
    for name, value in {**SMALL, **values}.items():
        app.session_state[f"net_{name}"] = value
    if csv is not None:
        app.session_state["net_dataset"] = "csv"
        app.session_state["_net_csv"] = ("mine.csv", csv)
    app.switch_page("pages/networks.py")
    return ended(rerun(app))


def rerun(app):
    app.run()
    assert not app.exception
    return app


def job(app):
    if "_net_job" not in app.session_state:
        return None
    return app.session_state["_net_job"]


def ended(app):
    if job(app) is not None:
        assert job(app).wait(60)
        rerun(app)
    return app


def result(app):
    shown = app.session_state["_net_shown"]
    assert shown.final
    return shown.result


def texts(app):
    return " ".join(m.value for m in app.markdown)


def open_tab(app, name):
    app.session_state["net_tab"] = name
    return rerun(app)
