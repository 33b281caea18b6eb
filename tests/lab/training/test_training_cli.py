"""``python -m sadam train`` in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pandas as pd
import pytest

from sadam.lab.cli import main
from sadam.lab.training import DataSpec, Training, run_training
from sadam.lab.training.table import results_table

SMALL = ["--examples", "80", "--hidden", "4", "--seeds", "2", "--steps", "12"]


@pytest.mark.slow
def test_numbers_are_those_of_python(tmp_path, capsys):
    words = [*SMALL, "--rules", "adam,s-adam", "--lr-grid", "0.1", "--json",
             "--out", str(tmp_path), "--formats", "html,parquet"]  # fmt: skip
    assert main(["train", *words]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    document = json.loads(printed.out)
    spec = Training.from_dict(document["spec"])
    assert spec.data == DataSpec(n=80)
    table = results_table(run_training(spec))
    assert [row["test_loss"] for row in document["results"]] == table["test_loss"].tolist()
    assert sorted(document["files"]) == [
        "evaluations.parquet", "figures.html", "instability.parquet", "models.parquet",
        "results.json", "spec.json", "steps.parquet",
    ]  # fmt: skip
    page = (tmp_path / "figures.html").read_text()
    for name in ("loss-plane", "decision-s-adam", "chattering", "lr-sensitivity"):
        assert f'id="figure-{name}"' in page
    assert main(["train", "--spec", str(tmp_path / "spec.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"] == document["results"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hidden", "0"], "invalid width: 0, must lie between 1 and 128"),
        (["--batch-size", "999"], "invalid batch_size: 999, must lie between 1 and the 256"),
        (["--bits", "1"], "1 bit leaves"),
        (["--dataset", "cifar100"], "cifar100 is read from your own disk: give its path"),
        (["--dataset", "cifar100", "--data", "/no/where"], "cifar-100-binary.tar.gz"),
        (["--csv", "/no/where.csv"], "/no/where.csv cannot be read"),
        (["--stepz", "3"], "unknown argument '--stepz', did you mean '--steps'?"),
        (["--width", "8"], "unknown argument '--width'\n"),  # an option of export
        (["--wdith", "8"], "unknown argument '--wdith'\n"),
    ],
)
def test_what_is_wrong_is_one_sentence(words, message, capsys):
    assert main(["train", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("sadam: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the CSV is empty"),
        ("x,y\n" + "1,a\n" * 20, "at least two classes are needed"),
        ("x,y\n" + "1,a\n2,b\n" * 9 + "nan,a\n", "line 20"),
    ],
)
def test_a_wrong_csv_is_one_sentence(text, message, tmp_path, capsys):
    file = tmp_path / "own.csv"
    file.write_text(text)
    assert main(["train", "--csv", str(file)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_own_data_are_trained_on(tmp_path, capsys):
    file = tmp_path / "own.csv"
    rows = [f"{i % 7},{(i * i) % 5},{'yes' if i % 2 else 'no'}" for i in range(90)]
    file.write_text("a,b,answer\n" + "\n".join(rows))
    words = ["train", "--csv", str(file), "--steps", "5", "--seeds", "2", "--rules", "adam"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["data"]["classes"] == ["no", "yes"]


def test_divergence_is_a_result_not_an_error(capsys):
    assert main(["train", *SMALL, "--rules", "sgd", "--lr", "1e200"]) == 0
    assert "2 of 2, first at step 1" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_computed(tmp_path):
    words = ["--steps", "20000", "--seeds", "8", "--rules", "adam,s-adam", "--out",
             str(tmp_path / "out"), "--formats", "parquet"]  # fmt: skip
    terminal, side = os.openpty()  # there it tells of its steps
    process = subprocess.Popen(
        [sys.executable, "-m", "sadam", "train", *words],
        stdout=subprocess.PIPE, stderr=side, text=True,
    )  # fmt: skip
    os.close(side)
    err = ""
    while not re.search(r"step [1-9]\d* of", err):
        err += os.read(terminal, 1000).decode()
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # the terminal is gone when the process is
        while more := os.read(terminal, 1000):
            err += more.decode()
    os.close(terminal)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "of 20000 steps; what was computed is kept" in err
    taken = int(err.split("interrupted after ")[1].split()[0])
    assert 0 < taken < 20000
    assert f"Stopped after {taken} of 20000 steps" in " ".join(out.split())
    steps = pd.read_parquet(tmp_path / "out" / "steps.parquet")
    assert steps["step"].max() == taken - 1
