"""The Compare page without a browser: what it compares, every control, every error, the races."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from landscapes.data.made_data import SOURCES
from pages.shared.compare import races, session
from pages.shared.compare.controls import DEFAULTS, landscape_names
from pages.shared.compare.matrix import ratio_cells, verdict_cells
from pages.shared.links import pack
from pages.shared.networks.values import MAX_RECORDS
from sadam.lab.compare.basins import basin
from sadam.lab.compare.races import race_behind, race_of_cell, typical_run
from sadam.lab.compare.report import answer
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.suites import SUITES
from sadam.lab.experiment import MAX_STEPS
from sadam.lab.race import run_race
from sadam.lab.rulebook import MAX_RULES
from tests.pages.compare_app import APP, SMALL, ended, opened, rerun, results, spec, texts

pytestmark = pytest.mark.slow  # each opens the page, which compares by itself

TABS = (
    "Learning rates", "Win, tie, loss", "Cost", "Where runs end", "Heatmaps", "Table",
    "Report, data, code",
)  # fmt: skip


@pytest.fixture(scope="module")
def compared():
    """A comparison with everything in it, apart from the page."""
    return run_compare(
        Compare.from_json(
            Compare(
                problems=({"landscape": "wolfe", "start": [5.0, 4.0]},),  # type: ignore[arg-type]
                lrs=(0.01, 0.1),
                axes=({"name": "damping", "values": [0.0, 4.0]},),  # type: ignore[arg-type]
                starts={"kind": "grid", "number": 3, "scale": 0.3},  # type: ignore[arg-type]
                seeds=2,
                steps=30,
            ).to_json()
        )
    )


def test_it_compares_by_itself_and_its_numbers_are_those_of_the_lab():
    app = opened()
    assert "2 rules on 2 landscapes" in texts(app)
    here, again = results(app), run_compare(spec(app))
    assert here.frame.equals(again.frame)
    first, said, controls = answer(again)
    assert [line for line in (first, *said, *controls) if line not in texts(app)] == []
    assert next(c.value for c in app.code if c.language == "bash") == here.spec.to_command()
    assert not app.error
    assert not app.info


CONTROLS = {
    "rules": (["adam", "s-adam", "s-adam-two-sided"], lambda s: [label for label, _ in s.rules]),
    "baseline": ("s-adam", lambda s: s.baseline),
    "controls": (False, lambda s: s.controls),
    "lrs": ("0.01:0.1:3", lambda s: f"{s.lrs[0]:g}:{s.lrs[-1]:g}:{len(s.lrs)}"),
    "schedules": (["constant", "cosine"], lambda s: list(s.schedules)),
    "starts": ("random", lambda s: s.starts.kind),
    "number": (4, lambda s: s.starts.number),
    "scale": (0.7, lambda s: s.starts.scale),
    "seeds": (2, lambda s: s.seeds),
    "seed": (5, lambda s: s.seed),
    "steps": (20, lambda s: s.steps),
    "cost": ("evaluations", lambda s: s.cost),
    "damping_one": (1.0, lambda s: dict(s.rules)["s-adam"].damping),
    "damping_two": (1.5, lambda s: dict(s.rules)["s-adam-two-sided"].damping),
    "num_probes": (3, lambda s: dict(s.rules)["s-adam-two-sided"].num_probes),
    "radius": (0.05, lambda s: dict(s.rules)["s-adam"].radius),
    "weight_decay": (0.5, lambda s: dict(s.rules)["s-adam-two-sided"].weight_decay),
    "grid_damping": ("0,2", lambda s: ",".join(f"{v:g}" for v in s.axes[0].values)),
    "grid_num_probes": ("1,2", lambda s: ",".join(f"{v:g}" for v in s.axes[-1].values)),
}


def test_every_control_reaches_the_spec_and_the_address():
    app = opened(**{name: value for name, (value, _) in CONTROLS.items()})
    found = spec(app)
    assert {name: read(found) for name, (_, read) in CONTROLS.items()} == {
        name: value for name, (value, _) in CONTROLS.items()
    }
    elsewhere = AppTest.from_file(APP, default_timeout=90)
    rerun(elsewhere)
    elsewhere.switch_page("pages/compare.py")
    for name, value in app.query_params.items():
        elsewhere.query_params[name] = value
    rerun(elsewhere)
    assert elsewhere.session_state["_cmp_spec"] == found


WRONG = [
    ({"landscapes": []}, "Choose at least one landscape"),
    ({"rules": []}, "Choose at least one optimizer"),
    ({"schedules": []}, "Choose at least one schedule"),
    ({"lrs": " "}, "Give at least one learning rate"),
    ({"lrs": "0.1:0.01:3"}, "is no grid"),
    ({"lrs": "0.1;0.2"}, "must be a number"),
    ({"landscapes": ["rosenbrok"]}, "o landscape and no tag is called"),
    ({"landscapes": ["= abs(x"]}, "is never closed"),
    ({"grid_radius": "-1,1"}, "radius"),
    ({"landscapes": ["net: two-moons; hidden"]}, "must look like hidden = VALUE"),
    ({"landscapes": ["net: two-moons"]}, "one start for each seed"),
    ({"number": 256, "seeds": 64}, "at most 4000000 are allowed"),
]


def test_what_cannot_be_compared_is_said_in_one_sentence():
    app = opened()
    before = results(app)
    for values, told in WRONG:
        for name, value in {**DEFAULTS, **SMALL, **values}.items():
            app.session_state[f"cmp_{name}"] = value
        rerun(app)
        (said,) = [e.value for e in (*app.error, *app.info)]
        assert told in said.replace("\\", "")
        assert said.endswith(".")
        assert "\n" not in said
        assert next(b for b in app.button if b.key == "start_comparison").disabled
        assert results(app) is before  # nothing is lost


def test_one_learning_rate_is_warned_of():
    app = opened(lrs="0.1")
    assert any("only one learning rate" in w.value for w in app.warning)


def test_what_is_large_waits_for_start():
    app = opened(number=64, steps=2000, lrs="0.001:1:16")
    assert "_cmp_spec" not in app.session_state
    (info,) = app.info
    assert "press Start" in info.value
    assert "function evaluations" in info.value


@pytest.mark.parametrize(
    "values",
    [
        {"grid_damping": "0,4", "schedules": ["constant", "cosine"]},
        {"landscapes": ["l1"], "rules": ["sgd"], "lrs": "0.1", "starts": "own"},
    ],
    ids=["much", "little"],
)
def test_every_tab_can_be_opened(values):
    app = opened(**values)
    for tab in TABS:
        app.session_state["cmp_tab"] = tab
        rerun(app)
        assert not app.error


def test_stopping_keeps_what_was_complete():
    app = AppTest.from_file(APP, default_timeout=90)
    app.run()
    values = {**SMALL, "landscapes": ["all"], "steps": 200}
    for name, value in values.items():
        app.session_state[f"cmp_{name}"] = value
    app.switch_page("pages/compare.py")
    rerun(app)
    job = app.session_state["_cmp_job"]
    while job.running and job.step < 12:
        job.wait(0.02)
    job.stop()
    ended(app)
    assert job.state == "stopped"
    assert 0 < len(results(app).problems) < 34
    assert "Stopped at block" in " ".join(c.value for c in app.caption)


def test_a_suite_is_shown_as_it_came_and_goes_back_to_the_controls():
    app = opened()
    next(b for b in app.button if b.label == "Suite: reference").click()
    rerun(app)
    reference = SUITES["reference"].spec()
    assert Compare.from_json(app.session_state["cmp_loaded"]) == reference
    next(b for b in app.button if b.label == "Use the controls").click()
    rerun(app)
    assert app.session_state["cmp_loaded"] == ""
    assert app.session_state["cmp_schedules"] == list(reference.schedules)
    next(b for b in app.button if b.label == "Reset everything").click()
    rerun(app)
    assert app.session_state["cmp_lrs"] == DEFAULTS["lrs"]


def test_an_address_says_the_comparison_functions_included():
    wanted = ["l1", "= max(abs(x),2*abs(y))", "net: xor; hidden = 8,4; batch = 16", "convex+kinked"]
    assert landscape_names(",".join(wanted)) == wanted
    with pytest.raises(ValueError, match="cannot be read"):
        landscape_names("nowhere")


NET = "net: two-moons; hidden = 4; n = 64"


def test_networks_are_compared_and_a_cell_opens_the_training_behind_it(monkeypatch):
    app = opened(landscapes=[NET, "l1"], starts="own", seeds=2, steps=12)
    assert "2 rules on 2 problems" in texts(app)
    found = results(app)
    assert found.problems == (NET, "l1")
    assert found.frame.equals(run_compare(spec(app)).frame)
    for tab in TABS:
        app.session_state["cmp_tab"] = tab
        rerun(app)
        assert not app.error
    _, rows, lead = ratio_cells(found, "constant")
    assert next(head.note for head, _ in rows[lead:]) == "network"
    training = opened_race(found, monkeypatch, lambda: races.open_ratio(f"{NET}|adam", "constant"))
    assert training == race_behind(
        found, NET, "constant", ["adam"], typical_run(found, NET, "constant", "adam")
    )
    page, query = gone_to(training, monkeypatch)
    assert page == "pages/networks.py"
    monkeypatch.undo()
    there = AppTest.from_file(APP, default_timeout=90)
    there.query_params.update(query)
    there.switch_page(page)
    rerun(there)
    assert there.session_state["_net_job"].wait(60)
    usual = replace(training.data, noise=SOURCES["two-moons"].noise)
    assert there.session_state["_net_spec"] == replace(training, data=usual)


def test_the_largest_training_behind_a_cell_is_not_too_much_for_its_page():
    assert MAX_RULES * MAX_STEPS <= MAX_RECORDS


def gone_to(spec, monkeypatch):
    """Page and query that a cell leads to."""
    found = {}
    monkeypatch.setattr(races.st, "session_state", {"_cmp_race": spec})
    monkeypatch.setattr(races.st, "switch_page", lambda page, query_params: found.update(
        page=page, query=query_params))  # fmt: skip
    races.go_to_race()
    return found["page"], found["query"]


def test_nobody_says_whether_a_formula_is_convex():
    heads = ratio_cells(results(opened(landscapes=["= abs(x) + abs(y)", "l1"])), "constant")[1]
    assert [head.note for head, _ in heads[1:]] == ["your own", "convex"]


def test_networks_alone_have_no_basin_map():
    app = opened(landscapes=[NET], starts="own", seeds=2, steps=12)
    app.session_state["cmp_tab"] = "Where runs end"
    rerun(app)
    assert any("no basin map" in info.value for info in app.info)


def opened_race(compared, monkeypatch, action):
    """The race that a click asks for."""
    state = {}
    monkeypatch.setattr(races.st, "session_state", state)
    monkeypatch.setattr(session, "shown", lambda: session.Shown(compared, True))
    action()
    return state.get("_cmp_race")


def test_a_cell_opens_the_run_in_the_middle(compared, monkeypatch):
    run = typical_run(compared, "wolfe", "constant", "s-adam")
    spec = opened_race(compared, monkeypatch, lambda: races.open_ratio("wolfe|s-adam", "constant"))
    assert spec == race_behind(compared, "wolfe", "constant", ["adam", "s-adam"], run)
    tuned = compared.tuned("wolfe", "constant", "s-adam")
    assert np.sort(tuned.gaps)[(len(tuned.gaps) - 1) // 2] == tuned.gaps[run]
    track = run_race(spec).trajectories["s-adam"]
    column = compared.column("wolfe", "constant", "s-adam", "x")
    assert float(track.points[-1, 0, 0]) == column[tuned.rate, run]
    gone = opened_race(compared, monkeypatch, lambda: races.open_ratio("l1|adam", "constant"))
    assert gone is None


def test_a_basin_opens_the_race_from_its_start(compared, monkeypatch):
    click = {"index": [2, 1]}
    spec = opened_race(compared, monkeypatch, lambda: races.open_basin(click, "wolfe", "constant"))
    found = basin(compared, "wolfe", "constant", "adam")
    assert spec.starts == ((found.x[1], found.y[2]),)
    assert [label for label, _ in spec.rules] == list(compared.labels)
    for index in ([9, 0], [0], "x", None):
        assert not opened_race(
            compared,
            monkeypatch,
            lambda index=index: races.open_basin({"index": index}, "wolfe", "constant"),
        )


def test_a_heatmap_cell_opens_a_race_of_its_hyperparameters(compared, monkeypatch):
    key = ("s-adam", "wolfe", "constant", "lr", "damping")
    spec = opened_race(compared, monkeypatch, lambda: races.open_heatmap({"index": [0, 1]}, *key))
    (label, rule), *_ = spec.rules
    assert (label, rule.lr, rule.damping) == ("s-adam", 0.1, 0.0)
    assert spec == race_of_cell(compared, *key, (0.1, 0.0))
    frame = compared.frame
    cell = frame[(frame["rule"] == "s-adam") & (frame["lr"] == 0.1) & (frame["damping"] == 0.0)]
    at = (cell["x0"] == spec.starts[0][0]) & (cell["y0"] == spec.starts[0][1])
    (row,) = cell[at & (cell["seed"] == spec.seed)].to_dict("records")
    assert float(run_race(spec).trajectories["s-adam"].points[-1, 0, 0]) == row["x"]
    ordered = np.sort(cell["final_gap"].to_numpy())
    assert row["final_gap"] == ordered[(len(ordered) - 1) // 2]


def test_cells_say_who_is_closer(compared):
    heads, rows, lead = ratio_cells(compared, "constant")
    assert len(heads) == len(compared.labels)
    assert lead == 0  # one landscape needs no mean
    assert heads[-1].title.startswith("Matched")
    for cell in rows[0][1]:
        assert {"farther": cell.tone < 0, "closer": cell.tone > 0}.get(
            cell.note.partition("\n")[0], cell.tone == 0
        )
        word, comma, tie = cell.note.partition("\n")[0].partition(", ")
        assert word in ("closer", "farther", "gap")
        assert (tie == "tie") == bool(comma)
    _, rows = verdict_cells(compared, "constant")
    assert [line[i].text for i, (_, line) in enumerate(rows)] == ["–"] * len(rows)


def test_a_link_with_a_spec_that_is_none_is_one_sentence():
    app = AppTest.from_file(APP, default_timeout=90)
    app.query_params.update({"v": "1", "cmp_loaded": pack("{}")})
    app.switch_page("pages/compare.py").run()
    assert not app.exception
    assert app.error
    next(b for b in app.button if b.label == "Use the controls").click().run()
    assert not app.exception
    assert not app.error
