import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sadam.lab.cli import command as cli
from sadam.lab.cli.compare import EXAMPLES, spec_from
from sadam.lab.compare.spec import Compare
from sadam.lab.images import find_browser

ROOT = Path(__file__).parents[2]
QUICK = ("--landscapes", "l1", "--rules", "adam,sgd", "--lr", "0.01:1:3", "--seeds", "2")
QUICK = (*QUICK, "--steps", "20")


@pytest.fixture
def run(capsys):
    def _run(*words):
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    return _run


def test_a_table_and_a_sentence(run):
    code, out, err = run("compare", *QUICK)
    assert (code, err) == (0, "")
    assert "best lr" in out
    said = " ".join(out.split())
    assert "On Weighted 1-norm, at 20 steps and 40 evaluations of each rule, constant" in said


def test_json_is_the_document(run):
    code, out, _ = run("compare", *QUICK, "--json")
    assert code == 0
    assert Compare.from_dict(json.loads(out)["spec"]).seeds == 2


def test_the_examples_and_defaults_of_the_help(run):
    for line in EXAMPLES.splitlines()[1:]:
        words = shlex.split(line.strip().removeprefix("python -m sadam "))
        arguments = cli.build_parser().parse_args(cli._joined(words))
        if words[0] == "compare":
            assert isinstance(spec_from(arguments), Compare)
    text, spec = " ".join(run("compare", "--help")[1].split()), Compare()
    for phrase in (
        f"(default: {spec.lrs[0]:g}:{spec.lrs[-1]:g}:{len(spec.lrs)})",
        f"(default: {spec.starts.kind}:{spec.starts.number}:{spec.starts.scale:g})",
        f"how many (default: {spec.seeds})",
        f"number of steps (default: {spec.steps})",
        f"reaching the minimum (default: {','.join(f'{t:g}' for t in spec.targets)})",
        f"whom ratios are taken to (default: {spec.baseline})",
    ):
        assert phrase in text


def test_an_estimate_runs_nothing(run):
    code, out, _ = run("compare", "--suite", "catalogue", "--estimate")
    assert code == 0
    assert "runs in" in out
    assert run("compare", "--estimate", "--json", *QUICK)[1].count('"evaluations"') == 1


def test_a_spec_may_be_taken_and_changed(run, tmp_path):
    run("compare", *QUICK, "--out", tmp_path)
    arguments = ("compare", "--spec", tmp_path / "spec.json", "--set", "sgd.momentum=0.5")
    spec = json.loads(run(*arguments, "--seeds", "3", "--json")[1])["spec"]
    assert spec["rules"][1]["momentum"] == 0.5
    assert (spec["seeds"], spec["steps"]) == (3, 20)


@pytest.mark.slow
def test_a_directory_and_its_report(run, tmp_path):
    code, out, err = run("compare", *QUICK, "--out", tmp_path / "runs")
    assert (code, err) == (0, "")
    assert "report" in out
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    runs = {"runs.parquet", "runs.parquet.sha256"}
    assert names == {"spec.json", "results.json", "best.csv", "ratios.csv"} | runs
    before = {n: (tmp_path / "runs" / n).read_bytes() for n in names}
    assert run("compare", *QUICK, "--out", tmp_path / "runs")[1] == out
    assert before == {n: (tmp_path / "runs" / n).read_bytes() for n in names}
    code, out, err = run("report", tmp_path / "runs", "--no-pdf")
    assert (code, err) == (0, "")
    page = (tmp_path / "runs" / "report.html").read_text()
    assert "python -m sadam compare --landscapes l1" in page
    assert "https://" not in page.partition("</script>")[2]  # after plotly.js itself


@pytest.mark.skipif(find_browser() is None, reason="no Chromium")
@pytest.mark.slow
def test_the_report_as_pdf(run, tmp_path):
    run("compare", *QUICK, "--out", tmp_path)
    assert run("report", tmp_path)[0] == 0
    assert (tmp_path / "report.pdf").stat().st_size > 20_000


def test_a_report_without_a_browser_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/nowhere")
    run("compare", *QUICK, "--out", tmp_path)
    code, out, err = run("report", tmp_path)
    assert code == 1
    assert out.endswith("report.html\n")
    assert err.startswith("sadam: no Chromium was found")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("compare", "--suite", "referense"), "did you mean 'reference'?"),
        (("compare", "--suite", "reference", "--spec", "x"), "--suite or --spec, not both"),
        (("compare", "--landscapes", "convx"), "did you mean 'convex'?"),
        (("compare", "--lr", ""), "lr must be a number"),
        (("compare", "--lr", "1:0.1:5"), "is no grid"),
        (("compare", "--lr", "0.1:1"), "must look like LOW:HIGH:N"),
        (("compare", "--lr", "0.1:1:0"), "is no grid"),
        (("compare", "--grid", "damping"), "must look like NAME=VALUES"),
        (("compare", "--grid", "damping=9:1:3"), "is no grid"),
        (("compare", "--set", "adam.lr=1"), "set them with --lr"),
        (("compare", "--set", "momentum=1"), "must look like RULE.NAME=VALUE"),
        (("compare", "--starts", "disc:4"), "must be one of own, grid, random"),
        (("compare", "--starts", "own:4"), "own takes at most 0 numbers"),
        (("compare", "--start", "cb2"), "must look like KEY=X,Y"),
        (("compare", "--workers", "0", *QUICK), "workers is 0"),
        (("compare", "--seeds", "99999"), "seeds is 99999"),
        (("report", "/nonexistent"), "holds no comparison"),
        (("compare", "--spec", "/nonexistent"), "cannot read /nonexistent"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, words, sentence):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("sadam: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_says_so(tmp_path):
    """On a terminal, in the middle."""
    words = [sys.executable, "-m", "sadam", "compare", "--steps", "500"]
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [*words, "--out", str(tmp_path / "runs")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        start_new_session=True,
    )
    os.close(terminal)
    parts = tmp_path / "runs" / "parts"
    while process.poll() is None and not list(parts.glob("0*.parquet")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    said = os.read(master, 100_000).decode()
    os.close(master)
    assert process.returncode == 130
    assert "the same command goes on from" in said
    assert "blocks, about" in said  # the progress line
    assert "Nothing is complete yet." in out
    assert list(parts.glob("0*.parquet"))
