import json
import math
import os
import resource
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import pytest

from sadam.lab import export as exporting
from sadam.lab import report, webpage
from sadam.lab.directories import ExportError, staged
from sadam.lab.experiment import Experiment
from sadam.lab.export import race_bundle, trajectories_table, write_bundle
from sadam.lab.figures import RACE_FIGURES
from sadam.lab.kinds import load
from sadam.lab.race import results, results_table, run_race

COLUMNS = ["rule", "start", "step", "x", "y", "f", "gap", "grad_x", "grad_y"]
COLUMNS += ["lgi_one_sided", "lgi_two_sided", "brake", "evaluations"]


@pytest.fixture(scope="module")
def light(race, tmp_path_factory):
    """An export of all that needs no browser."""
    directory = tmp_path_factory.mktemp("light") / "made" / "on the way"
    assert write(race, directory, ("html", "parquet", "csv")) == []
    return directory


def write(race, directory, formats):
    """Write a race as the commands do; returns the notes."""
    with staged(directory) as stage:
        return write_bundle(race_bundle(race), stage, formats)


# ---- numbers


def test_the_files_are_there_and_no_others(light):
    expected = {"figures.html", "results.json", "spec.json"}
    expected |= {"trajectories.csv", "trajectories.parquet"}
    assert set(os.listdir(light)) == expected


def test_the_spec_comes_back_from_every_file(race, light):
    spec = race.experiment
    assert load((light / "spec.json").read_bytes()) == spec
    results = json.loads((light / "results.json").read_text())
    assert Experiment.from_dict(results["spec"]) == spec
    assert results["command"] == spec.to_command()
    metadata = pyarrow.parquet.read_schema(light / "trajectories.parquet").metadata
    assert load(metadata[b"sadam.spec"]) == spec
    assert metadata[b"sadam.command"].decode() == spec.to_command()
    first = (light / "trajectories.csv").read_text().partition("\n")[0]
    assert load(first.removeprefix("# ")) == spec


def _check_against_the_trajectories(table, race):
    assert list(table.columns) == COLUMNS
    steps, starts = race.experiment.steps, len(race.experiment.starts)
    assert len(table) == len(race.trajectories) * starts * (steps + 1)
    for label, track in race.trajectories.items():
        for start in range(starts):
            rows = table[(table["rule"] == label) & (table["start"] == start)]
            assert list(rows["step"]) == list(range(steps + 1))
            expected = {
                "x": track.points[:, start, 0],
                "y": track.points[:, start, 1],
                "f": track.values[:, start],
                "gap": track.values[:, start] - race.landscape.minimum,
                "grad_x": track.grads[:, start, 0],
                "grad_y": track.grads[:, start, 1],
                "lgi_one_sided": track.lgi_one_sided[:, start],
                "lgi_two_sided": track.lgi_two_sided[:, start],
            }
            for name, values in expected.items():
                np.testing.assert_array_equal(rows[name], values.numpy(), err_msg=name)
            np.testing.assert_array_equal(rows["brake"][:-1], track.brake[:, start].numpy())
            assert math.isnan(rows["brake"].iloc[-1])
            assert list(rows["evaluations"]) == [track.evaluations * t for t in range(steps + 1)]


def test_parquet_holds_the_numbers_of_the_race_to_the_last_bit(race, light):
    table = pd.read_parquet(light / "trajectories.parquet")
    _check_against_the_trajectories(table, race)


def test_csv_holds_the_numbers_of_the_race_to_the_last_bit(race, light):
    path = light / "trajectories.csv"
    after_the_spec = pyarrow.csv.ReadOptions(skip_rows=1)
    table = pyarrow.csv.read_csv(path, read_options=after_the_spec).to_pandas()
    _check_against_the_trajectories(table, race)
    by_pandas = pd.read_csv(path, comment="#")
    pd.testing.assert_frame_equal(by_pandas, table, rtol=1e-14, atol=0, check_dtype=False)


def test_a_diverged_rule_is_in_the_table_and_keeps_its_last_finite_point(race):
    table = trajectories_table(race).to_pandas()
    wild = table[(table["rule"] == "wild") & (table["start"] == 0)]
    left = int(race.trajectories["wild"].diverged_at[0])
    assert left > 0
    assert np.isfinite(wild[["x", "y", "f", "gap"]]).all(axis=None)
    assert wild["grad_x"].isna().to_list() == [t >= left for t in range(len(wild))]


def test_results_hold_the_numbers_of_the_table_and_are_strict_json(race, light):
    def refuse(name):
        raise AssertionError(name)

    text = (light / "results.json").read_text()
    results = json.loads(text, parse_constant=refuse)
    table = results_table(race)
    assert [row["rule"] for row in results["results"]] == table["rule"].to_list()
    for row, expected in zip(results["results"], table.to_dict("records"), strict=True):
        for name, value in expected.items():
            missing = isinstance(value, float) and not math.isfinite(value)
            assert row[name] == (None if missing else value)
    assert "**" not in results["sentence"]


def test_the_readable_table_says_when_a_rule_left(race):
    header, rows = report.readable_table(race, results(race))
    assert header[0] == "rule"
    wild = next(row for row in rows if row[0] == "wild")
    assert wild[-1].startswith("2 of 2, first at step ")
    assert all(row[-1] == "-" for row in rows if row[0] not in ("wild", "prox-sgd"))
    one = run_race(replace(race.experiment, starts=race.experiment.starts[:1]))
    wild = next(row for row in report.readable_table(one, results(one))[1] if row[0] == "wild")
    assert wild[-1].startswith("at step ")


# ---- the page


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.addresses, self.scripts, self.text, self.identity = [], {}, [], None
        self.count = {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.count[tag] = self.count.get(tag, 0) + 1
        self.addresses += [v for k, v in attributes if k in ("src", "href", "action", "data")]
        self.identity = found.get("id") if tag == "script" else None
        if self.identity:
            self.scripts[self.identity] = ""

    def handle_data(self, data):
        if self.identity:
            self.scripts[self.identity] += data
        else:
            self.text.append(data)


def test_the_page_is_one_file_with_everything_in_it(race, light):
    path = light / "figures.html"
    text = path.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.addresses == []
    assert page.count["script"] == len(RACE_FIGURES) + 3  # plotly.js, the spec, the starter
    assert text.count("plotly.js v") == 1
    assert load(page.scripts["spec"]) == race.experiment
    assert set(page.scripts) == {"spec", *(f"figure-{name}-data" for name in RACE_FIGURES)}
    for name in RACE_FIGURES:
        figure = json.loads(page.scripts[f"figure-{name}-data"])
        assert Experiment.from_dict(figure["layout"]["meta"]["spec"]) == race.experiment
        assert figure["layout"]["paper_bgcolor"] == "white"
        assert figure["layout"]["title"]["text"]
    shown = "".join(page.text)
    assert race.experiment.to_command() in shown
    assert race.landscape.title in shown


@pytest.mark.slow
def test_whatever_is_put_into_the_page_is_escaped(race):
    evil = "</script><script>alert('x')</script>&<!--"
    nasty = replace(race, landscape=replace(race.landscape, title=evil, formula=f"x + {evil}"))
    figures = {name: make(nasty) for name, make in RACE_FIGURES.items()}
    spec = nasty.experiment.to_dict()
    dressed = webpage.dressed(figures, spec, evil, title=evil, caption=True)
    text = webpage.page(
        dressed,
        {**spec, "evil": evil},
        evil,
        title=evil,
        formula=evil,
        about=evil,
        said=f"**{evil}**\n\n- **first**\n- {evil}\n\nlast",
        header=[evil],
        rows=[[evil]],
    )
    assert evil not in text
    page = _Page(text)
    assert page.count["script"] == len(RACE_FIGURES) + 3
    assert json.loads(page.scripts["spec"])["evil"] == evil
    assert "".join(page.text).count(evil) >= 6
    assert page.count["li"] == 2
    assert "<ul>\n<li><strong>first</strong></li>" in text
    assert "</ul>\n<p>last</p>" in text


@pytest.mark.slow
def test_the_small_page_reads_plotly_from_beside_it(race, light, tmp_path):
    write(race, tmp_path, ("html-small",))
    assert set(os.listdir(tmp_path)) == {
        "figures-small.html", "plotly.min.js", "spec.json", "results.json",
    }  # fmt: skip
    path = tmp_path / "figures-small.html"
    page = _Page(path.read_text(encoding="utf-8"))
    assert page.addresses == ["plotly.min.js"]
    assert load(page.scripts["spec"]) == race.experiment
    whole = light / "figures.html"
    assert "plotly.js v" in (tmp_path / "plotly.min.js").read_text()[:300]
    saved = whole.stat().st_size - path.stat().st_size
    assert abs(saved - (tmp_path / "plotly.min.js").stat().st_size) < 1000
    assert path.stat().st_size < whole.stat().st_size / 5


# ---- all or nothing


def _tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


@pytest.mark.slow
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["page", "write_csv", "write_table", "replace"])
def test_a_failure_in_the_middle_leaves_nothing(race, tmp_path, monkeypatch, failure, place):
    (tmp_path / "trajectories.csv").write_text("mine")
    before = _tree(tmp_path)

    def fail(*_, **__):
        raise failure

    holder, formats = {  # of each, something is written before it fails
        "page": (webpage, ("html", "csv")),
        "write_csv": (exporting.pa.csv, ("parquet", "csv")),
        "write_table": (exporting.pa.parquet, ("parquet", "csv")),
        "replace": (os, ("parquet", "csv")),
    }[place]
    monkeypatch.setattr(holder, place, fail)
    for directory in (tmp_path, tmp_path / "new" / "deep"):
        with pytest.raises((ExportError, KeyboardInterrupt)) as caught:
            write(race, directory, formats)
        if isinstance(caught.value, ExportError):
            assert str(caught.value) == f"cannot write to {directory}: No space left on device"
    assert _tree(tmp_path) == before


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(tmp_path):
    """Really: writes fail for lack of room (a limit on the size of files) part of the way."""
    out = tmp_path / "out"
    limit = (100_000, 100_000)
    ended = subprocess.run(
        [sys.executable, "-m", "sadam", "race", "--out", str(out), "--formats", "parquet,csv"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sadam: cannot write to {out}: ")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_files_of_the_same_name_are_replaced_and_others_left(race, tmp_path):
    (tmp_path / "spec.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write(race, tmp_path, ("csv",))
    assert load((tmp_path / "spec.json").read_text()) == race.experiment
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == [
        "notes.txt",
        "results.json",
        "spec.json",
        "trajectories.csv",
    ]


def test_a_directory_in_the_way_is_told_and_nothing_written(race, tmp_path):
    (tmp_path / "trajectories.csv").mkdir()
    with pytest.raises(ExportError, match=r"trajectories\.csv: a directory has that name"):
        write(race, tmp_path, ("csv",))
    assert os.listdir(tmp_path) == ["trajectories.csv"]


@pytest.mark.parametrize("below", [".", "deep/er"])
def test_a_file_in_the_way_is_told(race, tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="it is not a directory"):
        write(race, tmp_path / "file" / below, ("csv",))
    assert (tmp_path / "file").read_text() == "mine"


def test_an_unknown_format_is_told_the_nearest(race, tmp_path):
    with pytest.raises(ExportError, match="unknown format 'pgn': did you mean 'png'"):
        write(race, tmp_path / "out", ("pgn",))
    assert list(tmp_path.iterdir()) == []


def test_a_long_command_is_broken_and_cut():
    short = webpage.caption_lines("python -m sadam race --seed 0")
    assert short == ["python -m sadam race --seed 0"]
    long = webpage.caption_lines("python -m sadam race " + "--start=1,2 " * 200)
    assert len(long) == webpage.CAPTION_LINES
    assert "spec.json" in long[-1]
    assert max(map(len, long)) <= 145
