"""``lgi-map`` and ``calibrate`` on the command line: tables, files, sentences."""

import io
import json

import numpy as np
import pyarrow.parquet
import pytest

from sadam.lab.calibration import CalibrationSpec
from sadam.lab.cli import command as cli
from sadam.lab.cli import lgi as cli_lgi
from sadam.lab.experiment import Experiment
from sadam.lab.figures.lgi import MAP_FIGURES
from sadam.lab.kinds import load
from sadam.lab.lgi_map import LgiMap, run_map

ALL = ("one-sided", "two-sided", "goldstein", "stationarity", "spread")


@pytest.fixture
def run(capsys):
    def call(*words):
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return call


SMALL = ("--grid", 11, "--num-probes", 4)


def test_the_command_prints_a_table(run):
    code, out, err = run("lgi-map", "--landscape", "l1", "--radius", 0.5, *SMALL)
    assert (code, err) == (0, "")
    for phrase in ("LGI, two-sided", "Goldstein diameter", "ROC area", "On average two-sided"):
        assert phrase in out


@pytest.mark.slow
def test_the_command_writes_everything(run, tmp_path):
    out = tmp_path / "map"
    code, printed, err = run(
        "lgi-map", "--landscape", "cb2", *SMALL, "--num-samples", 4, "--window", "-1,1,0,2",
        "--probes", ",".join(ALL), "--repetitions", 2, "--out", out,
        "--formats", "html,parquet,csv,npz", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    document = json.loads(printed)
    names = ["figures.html", "map.csv", "map.npz", "map.parquet", "results.json", "spec.json"]
    assert document["files"] == names == sorted(path.name for path in out.iterdir())
    spec = load((out / "spec.json").read_text())
    assert isinstance(spec, LgiMap)
    assert spec.window == ((-1, 1), (0, 2))
    result = run_map(spec)
    with np.load(out / "map.npz") as arrays:
        assert load(str(arrays["spec"])) == spec
        for name, field in result.fields.items():
            assert np.array_equal(arrays[name], field)
    table = pyarrow.parquet.read_table(out / "map.parquet")
    assert load(table.schema.metadata[b"sadam.spec"]) == spec
    assert np.array_equal(table["two_sided"].to_numpy().reshape(11, 11), result.fields["two-sided"])
    text = (out / "map.csv").read_text()
    assert load(text.splitlines()[0].removeprefix("# ")) == spec
    rows = np.genfromtxt(io.StringIO(text), delimiter=",", names=True, skip_header=1)
    assert np.allclose(rows["goldstein"].reshape(11, 11), result.fields["goldstein"], rtol=1e-5)
    results = {row["quantity"]: row for row in document["results"]}
    assert results["two-sided"]["mean"] == pytest.approx(result.fields["two-sided"].mean())
    page = (out / "figures.html").read_text()
    for name in MAP_FIGURES:
        assert f'id="figure-{name}"' in page
    again = json.loads(run("lgi-map", "--spec", out / "spec.json", "--json")[1])
    assert again["results"] == document["results"]
    changed = run("lgi-map", "--spec", out / "spec.json", "--landscape", "l1", "--json")[1]
    assert json.loads(changed)["spec"]["window"] == [[-3, 3], [-3, 3]]


@pytest.mark.slow
def test_calibrate_writes_tables_and_says_why(run, tmp_path):
    code, out, err = run(
        "calibrate", "--landscape", "spiral", "--radius", "0.05", "--grid", 61, "--num-probes", 16,
        "--out", tmp_path, "--formats", "parquet,html",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "Two-sided ROC area" in out
    assert "Theorem:" in out
    names = {"bias-dimension", "bias-probes", "bias-radius", "calibration"}
    assert {path.stem for path in tmp_path.glob("*.parquet")} == names
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["theorem"]["holds"]
    assert document["results"][0]["roc_two_sided"] < 0.95
    assert 'id="figure-roc-0.05"' in (tmp_path / "figures.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--landscape", "cb4"), "the nearest is 'cb3'"),
        (("--num-probes", "1"), "one number has none"),
        (("--probes", "two-sides"), "did you mean 'two-sided'"),
        (("--window", "1,2,3"), "window must be 4 numbers"),
        (("--window", "2,1,0,1"), "from less to more"),
        (("--radius", "small"), "radius must be a number"),
        (("--radus", "1"), "did you mean '--radius'"),
        (("--spec", "nowhere.json"), "cannot read nowhere.json"),
        (("--formats", "html"), "--formats needs --out"),
        (("--out", "{tmp}/x", "--formats", "npy"), "did you mean 'npz'"),
        (("--out", "{tmp}/file/x"), "cannot write to"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(run, tmp_path, words, message):
    (tmp_path / "file").write_text("mine")
    code, out, err = run("lgi-map", *(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert (code, out) == (2, "")
    assert err.startswith("sadam: ")
    assert err.count("\n") == 1
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_spec_of_another_kind_is_told(run, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(Experiment().to_json())
    code, _, err = run("lgi-map", "--spec", path)
    assert code == 2
    assert f"sadam: {path}: the spec has the kind 'race', but 'lgi-map' was expected" in err


def test_a_senseless_radius_is_warned_of(run):
    code, out, _ = run("lgi-map", "--landscape", "l1", "--radius", 3, *SMALL)
    assert code == 0
    assert "to 0.6 is sensible" in " ".join(out.split())


def test_the_defaults_in_the_help_are_the_real_ones(run):
    text = " ".join(run("lgi-map", "--help")[1].split())
    spec = LgiMap()
    assert f"the function (default: {spec.landscape})" in text
    assert f"(default: {','.join(spec.probes)})" in text.replace("one- sided", "one-sided")
    for name in (*cli_lgi.MAP_OPTIONS, *cli_lgi.MORE_MAP_OPTIONS):
        value = getattr(spec, name.replace("-", "_"))
        _, told = {**cli_lgi.MAP_OPTIONS, **cli_lgi.MORE_MAP_OPTIONS}[name]
        assert told.endswith(f"(default: {value:g})")
    text = " ".join(run("calibrate", "--help")[1].split())
    calibration = CalibrationSpec()
    assert f"or all (default: {calibration.landscape})" in text
    assert f"(default: {','.join(map(str, calibration.radii))})" in text
    for name, (_, told) in cli_lgi.CALIBRATE_OPTIONS.items():
        assert told.endswith(f"(default: {getattr(calibration, name.replace('-', '_'))})")


def test_the_examples_are_understood():
    for line in cli_lgi.EXAMPLES.splitlines()[1:]:
        words = cli._joined(line.strip().removeprefix("python -m sadam ").split())
        arguments = cli.build_parser().parse_args(words)
        if words[0] == "calibrate":
            assert isinstance(cli_lgi.calibration_from(arguments), CalibrationSpec)
        elif "--spec" not in words:
            assert isinstance(cli_lgi.map_from(arguments), LgiMap)
