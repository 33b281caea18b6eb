"""A function typed in, or from a file of one's own, on the command line."""

import json

import pytest

from landscapes.catalogue import _registered
from sadam.lab.cli import main
from sadam.lab.experiment import Experiment
from sadam.lab.kinds import load
from sadam.lab.race import run_race

CONE = """
import torch, landscapes

landscapes.register(landscapes.Landscape(
    name="my-cone", title="Cone", formula=None, latex="|x|", source="here", note="A cone.",
    value=lambda x: torch.linalg.vector_norm(x, dim=-1), window=((-1.0, 1.0), (-1.0, 1.0)),
    start=(0.5, 0.5), minimisers=((0.0, 0.0),), minimum=0.0, group="kinked", convex=True,
    regular=True,
))
"""


@pytest.fixture(autouse=True)
def forget():
    yield
    _registered.clear()


def printed(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["race", "lgi-map"])
def test_a_function_runs_and_its_spec_runs_again(command, capsys, tmp_path):
    size = ["--steps", "20"] if command == "race" else ["--grid", "21"]
    words = [command, "--function", "a*abs(x) + abs(y)", "--param", "a = 0.5", *size]
    found = printed(capsys, *words)
    spec = load(json.dumps(found["spec"]))
    assert spec.landscape == "= a*abs(x) + abs(y); a = 0.5"
    path = tmp_path / "spec.json"
    path.write_text(spec.to_json())
    again = printed(capsys, command, "--spec", str(path))
    assert again["results"] == found["results"]


def test_what_the_minimum_is_worth_is_said(capsys):
    found = printed(capsys, "race", "--function", "abs(x) + abs(y)", "--steps", "20")
    assert found["landscape"]["reference_kind"] == "found by search, not proved"
    found = printed(capsys, "race", "--function", "x + y", "--steps", "20")
    assert found["landscape"]["reference_kind"] == "the least value seen"
    assert printed(capsys, "race", "--steps", "20")["landscape"]["reference_kind"] == "known"


def test_a_function_of_the_catalogue_gives_the_catalogues_numbers():
    own = Experiment(landscape="= y + abs(x**2 + (y - 1)**2 - 1); start = -1.5, 2")
    known = Experiment(landscape="crescent")
    ours, theirs = run_race(own).trajectories, run_race(known).trajectories
    for label, track in theirs.items():
        assert (ours[label].points == track.points).all()


def test_a_file_of_ones_own(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CONE)
    words = ["race", "--python", str(path), "--landscape", "my-cone", "--steps", "20"]
    assert printed(capsys, *words)["landscape"]["title"] == "Cone"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--function", "abs(x"], "--function: column 6"),
        (["--function", "a*x", "--param", "b=1"], "nothing called 'b'"),
        (["--function", "x", "--landscape", "cb2"], "not both"),
        (["--param", "a=1"], "not given"),
        (["--python", "nowhere.py"], "there is no file 'nowhere.py'"),
        (["--landscape", "= abs(x"], "column 6"),
        (["--function", "x", "--radius", "1e200"], "radius"),
    ],
)
def test_one_sentence_for_each_mistake(words, said, capsys):
    assert main(["race", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_file_that_fails_is_named_with_its_line(capsys, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("a = 1\nb = a / 0\n")
    assert main(["race", "--python", str(path)]) == 2
    assert f"{path}, line 2: ZeroDivisionError" in capsys.readouterr().err
