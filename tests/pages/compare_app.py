"""The Compare page in a test: opened with a small comparison, and read."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from sadam.lab.kinds import load

APP = str(Path(__file__).parents[2] / "app.py")
SMALL = {
    "landscapes": ["l1", "wolfe"],
    "rules": ["adam", "s-adam-two-sided"],
    "lrs": "0.01,0.1",
    "number": 3,
    "steps": 30,
}


def rerun(app):
    app.run()
    assert not app.exception
    return app


def opened(**values):
    app = AppTest.from_file(APP, default_timeout=90)
    app.run()
    for name, value in {**SMALL, **values}.items():
        app.session_state[f"cmp_{name}"] = value
    app.switch_page("pages/compare.py")
    return ended(rerun(app))


def ended(app):
    if "_cmp_job" in app.session_state and (job := app.session_state["_cmp_job"]) is not None:
        assert job.wait(60)
        rerun(app)
    return app


def spec(app):
    """What the page would compare, by its own code tab."""
    app.session_state["cmp_tab"] = "Report, data, code"
    rerun(app)
    return load(next(c.value for c in app.code if c.language == "python").split("'''")[1])


def results(app):
    shown = app.session_state["_cmp_shown"]
    assert shown.final
    return shown.result


def texts(app):
    return " ".join(m.value for m in app.markdown)
