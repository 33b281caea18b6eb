"""Extreme trainings and comparisons: every table and figure holds what its docstring states.

Without a warning, too. And a report says which figures it leaves out.
"""

import io
import json
import math
import re
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from sadam.lab import export
from sadam.lab.archive import zipped
from sadam.lab.cli import main as command
from sadam.lab.compare import files, races, report, tables
from sadam.lab.compare.basins import basin
from sadam.lab.compare.problems import Starts, problems_of
from sadam.lab.compare.results import Results
from sadam.lab.compare.run import run_compare
from sadam.lab.compare.spec import Compare
from sadam.lab.compare.statistics import geometric_mean, ratio
from sadam.lab.experiment import Experiment
from sadam.lab.figures import compare as compare_figures
from sadam.lab.figures import training as training_figures
from sadam.lab.figures import training_files
from sadam.lab.figures.compare_maps import run_ends
from sadam.lab.figures.training_maps import decision_map
from sadam.lab.race import run_race
from sadam.lab.report import terminal_text
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, DataSpec, Training, run_training
from sadam.lab.training import table as training_table
from sadam.lab.training.plane import loss_plane
from sadam.lab.training.report import training_bundle, training_report, training_tables
from sadam.lab.training.views import units_of, view_of

SMALLEST, LARGEST = 5e-324, 1e308  # learning rates that a spec may have


def cases(table, *fast):
    """The names of a table, the others slow."""
    return [pytest.param(n, marks=[] if n in fast else pytest.mark.slow) for n in table]


def plain_words(text):
    return text and not re.search(r"\b(nan|inf|None)\b", text)


# ---- networks

TRAININGS = {
    "one step that all diverge in": {"lr": LARGEST, "steps": 1},
    "all diverge": {"lr": LARGEST, "lr_grid": (1e307,)},
    "who does not move": {"lr": SMALLEST, "lr_grid": (1e-323, 1e-40)},
    "one seed, one step": {"lr": 0.01, "steps": 1, "seeds": 1},
    "a regression that diverges": {"lr": LARGEST, "data": DataSpec("sawtooth", n=24)},
}


@cache
def trained(name):
    given = dict(TRAININGS[name])
    rules = make_rules(("adam", "s-adam-two-sided"), lr=given.pop("lr"))
    usual = {"data": DataSpec(n=24), "seeds": 6, "steps": 3, "batch_size": 4}
    return run_training(Training(**usual | given, network=Architecture(hidden=(3,)), rules=rules))


@pytest.mark.parametrize("name", cases(TRAININGS, "one step that all diverge in"))
def test_every_table_and_figure_of_an_extreme_training(name):
    result = trained(name)
    seeds, diverges = result.spec.seeds, "diverge" in name
    found = training_files.figures_and_left_out(result)
    for figure in found.drawn.values():
        json.loads(figure.to_json())
    assert ("loss-plane" in found.drawn) != ("loss-plane" in found.left_out)
    table = training_table.results_table(result)
    measures = ["conflict_rate", "mean_brake", "lgi_two_sided", "low", "high"]
    assert not table[measures].isna().any(axis=None)
    assert (table["diverged"] == (seeds if diverges else 0)).all()
    assert (table["diverged_at"] == (1 if diverges else -1)).all()
    assert np.isinf(table["train_loss"]).all() == diverges
    assert np.isfinite(table["train_loss"]).all() != diverges
    if result.metric == "accuracy" and diverges:
        assert (table["test_accuracy"] == 0).all()
    said = training_table.sentence(result)
    assert plain_words(said)
    assert ("left the finite numbers" in said) == diverges
    assert ("cannot be told" in said and "against AdamW" in said) == (not diverges and seeds > 1)
    assert terminal_text(training_report(result))
    json.dumps(training_report(result).document, allow_nan=False)
    assert training_tables(result)["models"].num_rows == seeds * len(result.models)
    for model in range(len(result.models)):
        assert view_of(result, model, grid=5).window
    if diverges:
        with pytest.raises(ValueError, match="every rule diverged with this seed"):
            loss_plane(result)


def test_learning_rates_beyond_float32_are_drawn_where_they_are():
    drawn = training_figures.lr_sensitivity.plain(trained("who does not move"))
    line = next(t for t in drawn["data"] if t["meta"]["role"] == "curve")
    assert line["x"].tolist() == [SMALLEST, 1e-323, 1e-40]


# ---- what a report leaves out


def test_a_report_says_which_figures_are_left_out_and_why(monkeypatch, tmp_path):
    result = trained("one seed, one step")
    monkeypatch.setattr(training_files, "work_of", lambda network: 0.0)
    bundle = training_bundle(result)
    few = {"loss": training_figures.loss_by_step(result)}
    bundle = replace(bundle, figures=lambda: few)
    (note,) = export.left_out_of(bundle)
    assert note.startswith("left out: loss-plane-lgi, because the loss on a whole plane for one ")
    assert export.write_bundle(bundle, tmp_path, ("html-small",)) == [note]
    assert not export.failures([note])
    page = (tmp_path / "figures-small.html").read_text(encoding="utf-8")
    assert f"<p>{note.capitalize()}.</p>" in page
    assert f"Note: {note}.".encode() in _readme(zipped(bundle, {"figures-small.html": b""}))
    assert note.encode() not in _readme(zipped(bundle, {"models.csv": b""}))
    with pytest.raises(ValueError, match="no figure 'loss-plane-lgi', because the loss on a whole"):
        export.write_bundle(bundle, tmp_path, ("html-small",), only=("loss-plane-lgi",))
    both = export.left_out_of(training_bundle(trained("one step that all diverge in")))
    assert both == [
        "left out: loss-plane and loss-plane-lgi, because every rule diverged with this seed: "
        "there is no path to lay a plane by"
    ]
    race = run_race(Experiment("l1", rules=make_rules(("adam",)), steps=1))
    assert export.left_out_of(export.race_bundle(race)) == []


@pytest.mark.slow
def test_what_is_left_out_is_said_and_no_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(training_files, "work_of", lambda network: 0.0)
    words = "train --hidden 2 --examples 24 --batch-size 4 --seeds 1 --steps 3 --rules adam,sgd"
    out = ["--out", str(tmp_path), "--formats", "html-small"]
    assert command([*words.split(), *out]) == 0
    assert capsys.readouterr().err.startswith("sadam: left out: loss-plane-lgi, because the loss ")
    spec = str(tmp_path / "spec.json")
    assert command(["export", spec, *out, "--figures", "loss-plane-lgi"]) == 2
    assert "there is no figure 'loss-plane-lgi', because the loss" in capsys.readouterr().err
    assert (
        command(["export", spec, "--formats", "html-small", "--out", str(tmp_path / "a.zip")]) == 0
    )
    assert "left out: loss-plane-lgi" in capsys.readouterr().err
    assert b"left out: loss-plane-lgi" in _readme((tmp_path / "a.zip").read_bytes())


def _readme(content):
    return zipfile.ZipFile(io.BytesIO(content)).read("README.txt")


# ---- comparisons

COMPARISONS = {
    "all diverge": {"lrs": (1e307, LARGEST)},
    "nobody moves": {"lrs": (SMALLEST, 1e-323), "steps": 1},
    "one rule": {"rules": make_rules(("adam",))},
    "one of all": {"problems": problems_of(("l1",)), "lrs": (0.1,), "seeds": 1, "steps": 1},
    "a grid of starts": {"lrs": (LARGEST,), "starts": Starts("grid", 2)},
}


@cache
def compared(name):
    usual = {
        "problems": problems_of(("l1", "chebyshev-n2")), "lrs": (0.01, 0.1), "seeds": 2, "steps": 3,
        "rules": make_rules(("adam", "s-adam")), "starts": Starts("own"),
    }  # fmt: skip
    return run_compare(Compare(**usual | COMPARISONS[name]))


@pytest.mark.parametrize("name", cases(COMPARISONS, "all diverge", "one rule"))
def test_every_table_and_figure_of_an_extreme_comparison(name):
    found = compared(name)
    best = tables.best(found)
    rows = len(found.problems) * len(found.labels)
    assert len(best) == rows
    assert np.isinf(best["final_gap"]).all() == ("LARGEST" in str(COMPARISONS[name]) or
                                                 found.spec.lrs[-1] == LARGEST)  # fmt: skip
    assert (best["diverged"] == 1).all() == np.isinf(best["final_gap"]).all()
    assert not tables.ratios(found)[["ratio", "low", "high"]].isna().any(axis=None)
    assert np.allclose(tables.ends(found).groupby(["landscape", "rule"])["share"].sum(), 1)
    for figure in files.compare_figures(found).values():
        json.loads(figure.to_json())
    for make in (compare_figures.rank_diagram, compare_figures.verdict_matrix, run_ends):
        json.loads(make(found, "constant").to_json())
    written = report.compare_report(found)
    json.dumps(written.document, allow_nan=False)
    assert terminal_text(written)
    assert ("count as equal" in written.said) == np.isinf(best["final_gap"]).all()
    assert report.short_answer(found).endswith(".")
    assert "1 rules" not in written.title
    assert not re.search(r"\b1 (runs|steps|seeds)\b", written.about)


def test_one_rule_on_two_landscapes_ends_in_two_places():
    gaps = sorted(tables.best(compared("one rule"))["final_gap"])
    said = report.headline(compared("one rule"))
    assert said.endswith(f"ends {gaps[0]:.3g} to {gaps[1]:.3g} above f*.")


def test_of_nothing_complete_there_are_empty_tables_and_one_sentence(tmp_path):
    empty = Results.of(compared("one rule").spec, [])
    for name in ("best", "ratios", "ends"):
        full = getattr(tables, name)(compared("one rule"))
        assert list(getattr(tables, name)(empty)) == list(full)
    assert tables.costs_to_target(empty, "constant").shape == (1, 0)
    assert tables.rank_table(empty, "constant") is None
    assert report.short_answer(empty) == report.headline(empty) == "Nothing is complete yet."
    assert "Nothing is complete yet." in files.report_page(empty)
    for make in (compare_figures.ratio_forest, compare_figures.lr_sensitivity, run_ends):
        with pytest.raises(ValueError, match="nothing is complete yet"):
            make(empty, "constant")
    with pytest.raises(ValueError, match="nothing is complete of 'adam' on 'l1' under 'constant'"):
        races.race_behind(empty, "l1", "constant")


def test_ratios_beyond_float64_are_infinite():
    assert math.isinf(ratio(1e300, 0.0, np.array([800.0])).value)
    assert math.isinf(geometric_mean(np.array([800.0]), np.array([[800.0]])).over_runs.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: trained("all diverge").at("adam", 0.5), "adam was trained at 1e.307, 1e.308, not"),
        (lambda: trained("all diverge").best("lion"), "no rule is called 'lion'"),
        (lambda: view_of(trained("all diverge"), 99), "there is no model at place 99"),
        (lambda: units_of(trained("all diverge"), 0, seed=-1), "there is no seed at place -1"),
        (lambda: decision_map(trained("all diverge"), "adam", at="worst"), "at cannot be 'worst'"),
        (lambda: basin(compared("one rule"), "l1", "constant", "adam"), "a grid of starts"),
    ],
)
def test_what_there_is_not_is_one_clear_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
