import io
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscapes import CATALOGUE
from sadam.lab.cli import command as cli
from sadam.lab.experiment import (
    DEFAULT_LANDSCAPE,
    PAPER_RULES,
    Experiment,
    make_rules,
)
from sadam.lab.export import FORMATS
from sadam.lab.kinds import load
from sadam.lab.race import results_table, run_race
from sadam.lab.rulebook import DEFAULT_LR, SHORTCUTS
from sadam.rules import RULES, SAdam
from sadam.schedules import SCHEDULES
from tests.lab.processes import ROOT


@pytest.fixture
def run(capsys):
    """Run the command line in this process: ``(code, stdout, stderr)``."""

    def _run(*words):
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    return _run


@pytest.fixture
def refused(run):
    """Run what must be refused: one sentence on stderr, nothing on stdout, code 2."""

    def _refused(*words):
        code, out, err = run(*words)
        assert code == 2
        assert out == ""
        assert err.startswith("sadam: ")
        assert err.count("\n") == 1
        return err

    return _refused


# ---- help


def test_help_answers_at_once_and_without_torch():
    code = (
        "import sys, sadam.lab.cli as c; c.main(['race', '--help']); "
        "print([m for m in ('torch', 'plotly', 'pandas', 'numpy') if m in sys.modules])"
    )
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert time.monotonic() - begun < 10  # it takes 0.2 on a quiet machine
    assert ended.stdout.endswith("[]\n")
    assert ended.stderr == ""


@pytest.mark.parametrize("words", [("--help",), ("list", "--help"), ("race", "-h"), ()])
def test_help_is_printed_and_fine(run, words):
    code, out, err = run(*words)
    assert code == 0
    assert out.startswith("usage: python -m sadam")
    assert err == ""


def test_the_help_states_the_real_defaults(run):
    text = " ".join(run("race", "--help")[1].split())
    spec, published, ours = Experiment(), SAdam(), SAdam(probes="two-sided")
    for phrase in (
        f"the function (default: {DEFAULT_LANDSCAPE})",
        f"(default: {','.join(PAPER_RULES)})",
        f"number of steps (default: {spec.steps})",
        f"seed of the probe directions (default: {spec.seed})",
        f"inverse-sqrt or cosine (default: {spec.schedule})",
        f"learning rate (default: {DEFAULT_LR})",
        f"decay rates (default: {published.betas[0]},{published.betas[1]})",
        f"decay of AdamW, S-Adam ({published.weight_decay})",
        f"brake ({published.damping:g}; {ours.damping:g} for two-sided)",
        f"each step ({published.num_probes})",
        f"of the probes ({published.radius})",
        f"which of {','.join(FORMATS)} to write",
    ):
        assert phrase in text
    assert [name for name in SCHEDULES if name not in text] == []
    assert [name for name in SHORTCUTS if f"--{name.replace('_', '-')} " not in text] == []


def test_the_examples_of_the_help_are_understood(run):
    lines = [line.strip() for line in cli.EXAMPLES.splitlines()[1:]]
    for line in lines:
        words = shlex.split(line.removeprefix("python -m sadam "))
        arguments = cli.build_parser().parse_args(cli._joined(words))
        if words[0] == "race" and "--spec" not in words:
            assert isinstance(cli.experiment_from(arguments), Experiment)


# ---- list


def test_list_shows_everything(run):
    code, out, err = run("list")
    assert (code, err) == (0, "")
    for key in (*CATALOGUE, *RULES, *SCHEDULES):
        assert f"\n{key} " in out
    for landscape in CATALOGUE.values():
        assert landscape.note.split()[0] in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("what", "keys"),
    [("landscapes", set(CATALOGUE)), ("rules", set(RULES)), ("schedules", set(SCHEDULES))],
)
def test_list_json_has_each_once(run, what, keys):
    code, out, _ = run("list", what, "--json")
    assert code == 0
    found = json.loads(out)
    assert list(found) == [what]
    assert {entry["key"] for entry in found[what]} == keys
    assert len(found[what]) == len(keys)
    assert all(entry["note"].endswith(".") for entry in found[what])


# ---- race


def test_race_prints_the_table_and_the_sentence(run):
    code, out, err = run("race", "--landscape", "crescent", "--steps", 60)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("rule "))
    for words in ("final gap", "best gap", "conflict rate", "path efficiency", "mean brake"):
        assert words in lines[header]
    rows = lines[header + 2 : header + 2 + len(PAPER_RULES)]
    table = results_table(run_race(Experiment("crescent", steps=60)))
    assert [row.split()[0] for row in rows] == table["rule"].to_list()
    assert {len(line) for line in lines[header : header + 7]} == {len(lines[header])}
    assert "**" not in lines[-1]  # no markup in the sentence
    assert "y + abs(x**2 + (y - 1)**2 - 1)" in lines


def test_race_json_holds_the_numbers_and_the_spec(run):
    words = ["race", "--landscape", "crescent", "--rules", "adam,s-adam-two-sided", "--steps", 60]
    code, out, err = run(*words, "--seed", 3, "--lr", 0.1, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    rules = make_rules(["adam", "s-adam-two-sided"], lr=0.1)
    spec = Experiment("crescent", ((-1.5, 2.0),), rules, steps=60, seed=3)
    assert Experiment.from_dict(found["spec"]) == spec
    assert found["command"] == spec.to_command()
    assert found["results"] == results_table(run_race(spec)).to_dict("records")


def _spec(run, *words):
    code, out, err = run("race", "--steps", 5, *words, "--json")
    assert (code, err) == (0, "")
    return Experiment.from_dict(json.loads(out)["spec"])


@pytest.mark.parametrize(
    "start", [("--start=-1.5,2",), ("--start", "-1.5,2"), ("--start", "-1.5, 2")]
)
def test_a_start_may_be_negative_in_either_form(run, start):
    assert _spec(run, *start).starts == ((-1.5, 2.0),)


def test_starts_add_up(run):
    spec = _spec(run, "--start", "-.5,1e-3", "--start", "-2,-2", "--start=0,0")
    assert spec.starts == ((-0.5, 0.001), (-2.0, -2.0), (0.0, 0.0))


def test_hyperparameters_reach_the_rules_that_have_them(run):
    options = ["--lr", "1e-2", "--betas", "0.8,0.9", "--weight-decay", 0, "--damping", 3]
    options += ["--num-probes", 4, "--radius", 0.1, "--set", "s-adam.radius=0.2"]
    spec = _spec(run, "--rules", "sgd,adam,s-adam", *options, "--set", "sgd.momentum=0.5")
    rules = dict(spec.rules)
    assert rules["sgd"] == RULES["sgd"](lr=0.01, momentum=0.5)
    assert rules["adam"] == RULES["adam"](lr=0.01, betas=(0.8, 0.9))
    assert rules["s-adam"] == SAdam(0.01, (0.8, 0.9), 1e-8, 0.0, 3.0, 4, 0.2)


def test_the_options_override_the_spec(run, tmp_path, monkeypatch):
    rules = make_rules(["adam", "s-adam", "braked=s-adam"], lr=0.3)
    spec = Experiment("cb2", ((2.0, 2.0),), rules, steps=9, seed=7, schedule="cosine")
    file = tmp_path / "spec.json"
    file.write_text(spec.to_json())

    def read(*words):
        code, out, _ = run("race", "--spec", file, *words, "--json")
        assert code == 0
        return Experiment.from_dict(json.loads(out)["spec"])

    assert read() == spec
    assert read("--seed", 1).seed == 1
    assert read("--schedule", "constant").schedule == "constant"
    assert read("--landscape", "cb2").starts == spec.starts
    assert read("--landscape", "dem").starts == (CATALOGUE["dem"].start,)
    assert read("--landscape", "dem", "--start", "3,3").starts == ((3.0, 3.0),)
    assert read("--lr", 0.2).rules == make_rules(["adam", "s-adam", "braked=s-adam"], lr=0.2)
    chosen = dict(read("--rules", "s-adam,sgd,braked=s-adam-two-sided").rules)
    assert chosen["s-adam"].lr == 0.3  # kept
    assert chosen["sgd"].lr == chosen["braked"].lr == DEFAULT_LR  # new
    assert chosen["braked"].probes == "two-sided"


def test_the_spec_may_come_from_standard_input(run, monkeypatch):
    spec = Experiment(steps=5, seed=9)
    typed = io.TextIOWrapper(io.BytesIO(spec.to_json().encode()))
    monkeypatch.setattr("sys.stdin", typed)
    code, out, err = run("race", "--spec", "-", "--json")
    assert (code, err) == (0, "")
    assert Experiment.from_dict(json.loads(out)["spec"]) == spec


def test_out_writes_the_files_and_says_so(run, tmp_path):
    out = tmp_path / "deep" / "out"
    words = ["race", "--steps", 20, "--out", out, "--formats", "csv, parquet"]
    code, text, err = run(*words)
    assert (code, err) == (0, "")
    names = {"spec.json", "results.json", "trajectories.csv", "trajectories.parquet"}
    assert set(os.listdir(out)) == names
    assert f"4 files are in {out}" in text
    assert load((out / "spec.json").read_text()) == Experiment(steps=20)
    code, text, _ = run(*words, "--json")
    assert set(json.loads(text)["files"]) == names


@pytest.mark.slow
def test_pictures_asked_for_but_impossible_are_told(run, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chromium")
    words = ["race", "--steps", 5, "--out", tmp_path]
    for more, expected in (((), 0), (("--formats", "png,csv"), 1)):
        code, _, err = run(*words, *more)
        assert code == expected
        assert err.count("\n") == 1
        assert "apt install chromium" in err
        assert (tmp_path / "trajectories.csv").exists()


# ---- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rac"], "did you mean 'race'?"),
        (["list", "rulez"], "did you mean 'rules'?"),
        (["race", "--landscap", "cb2"], "did you mean '--landscape'?"),
        (["race", "cb2"], "unknown argument 'cb2'"),
        (["race", "= abs(x)"], "unknown argument '='"),
        (["race", "--start"], "expected one argument"),
        (["race", "--landscape", "cresent"], "'crescent'"),
        (["race", "--rules", "adm"], "unknown rule 'adm': did you mean 'adam'?"),
        (["race", "--rules", ""], "unknown rule ''"),
        (["race", "--rules", "adam,adam"], "two rules have the label 'adam'"),
        (["race", "--rules", "adam=sgd"], "the label 'adam' is the name of another rule"),
        (["race", "--lr", "-1"], "invalid lr: -1.0, must be positive"),
        (["race", "--lr", "-1e-3"], "invalid lr: -0.001, must be positive"),
        (["race", "--lr", "0"], "must be positive"),
        (["race", "--lr", "fast"], "must be a number, but is 'fast'"),
        (["race", "--radius", "0"], "invalid radius: 0.0, must be positive"),
        (["race", "--radius", "inf"], "must be a finite number"),
        (["race", "--rules", "adam", "--radius", "1"], "none of the rules adam has"),
        (["race", "--start", "nan,0"], "start must be a finite number, but is nan"),
        (["race", "--start", "-inf,0"], "start must be a finite number, but is -inf"),
        (["race", "--start", "1"], "start must be 2 numbers"),
        (["race", "--start", "1,2,3"], "start must be 2 numbers"),
        (["race", "--start", ","], "start must be a number, but is ''"),
        (["race", "--steps", "1000000"], "between 1 and 20000"),
        (["race", "--steps", "many"], "steps must be a whole number"),
        (["race", "--seed", "-1"], "seed is -1"),
        (["race", "--schedule", "cosin"], "did you mean 'cosine'?"),
        (["race", "--set", "radius"], "it must look like RULE.NAME=VALUE"),
        (["race", "--set", "adm.lr=1"], "did you mean 'adam'?"),
        (["race", "--set", "adam.lrr=1"], "no hyperparameter 'lrr'"),
        (["race", "--spec", "/nowhere/spec.json"], "cannot read /nowhere/spec.json: No such file"),
        (["race", "--spec", "/"], "cannot read /: Is a directory"),
        (["race", "--spec", "/dev/zero"], "too large"),
        (["race", "--formats", "png"], "--formats needs --out DIR"),
        (["race", "--steps", "1", "--out", ""], "--out is empty"),
        (["compare", "--out="], "--out is empty"),
        (["race", "--out", "a\0b"], "NUL"),
        (["lgi-map", "--radius", "1e200"], "radius is 1e+200, but must be at most 1e+06"),
        (["calibrate", "--radius", "0.01,1e200"], "radius is 1e+200, but must be at most 1e+06"),
    ],
)
def test_bad_input_is_met_with_one_sentence(refused, words, said):
    assert said in refused(*words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: "),
        ("", "is not JSON: "),
        ('{"kind": "race", "version": 99}', "version 99, but this program reads versions up to 1"),
        ('{"kind": "lgi-mop", "version": 1}', "has the kind 'lgi-mop', but 'race' was expected"),
    ],
)
def test_a_bad_spec_is_told_with_its_name(refused, tmp_path, text, said):
    file = tmp_path / "spec.json"
    file.write_text(text)
    message = refused("race", "--spec", file, "--out", tmp_path / "out")
    assert message.startswith(f"sadam: {file}: ")
    assert said in message
    assert os.listdir(tmp_path) == ["spec.json"]


def test_bad_input_writes_nothing(refused, tmp_path):
    refused("race", "--steps", 0, "--out", tmp_path / "a")
    refused("race", "--formats", "pgn", "--out", tmp_path / "b")
    refused("race", "--landscape", "x", "--out", tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_directory_is_told_before_the_race(refused, tmp_path, monkeypatch):
    def never(_):
        raise AssertionError("the race was run")

    monkeypatch.setattr("sadam.lab.race.run_race", never)
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        assert f"cannot write to {out}" in refused("race", "--out", out)
    monkeypatch.setattr(Path, "mkdir", _denied)
    said = refused("race", "--out", tmp_path / "closed")
    assert said == f"sadam: cannot write to {tmp_path / 'closed'}: Permission denied\n"


def _denied(*_, **__):
    raise PermissionError(13, "Permission denied")
