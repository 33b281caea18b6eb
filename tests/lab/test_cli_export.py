"""Exports of any spec: one zip, pictures for print, moving pictures; the spec is in all of them."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sadam.lab import animation, images
from sadam.lab.cli import main
from sadam.lab.experiment import Experiment
from sadam.lab.kinds import load
from sadam.lab.lgi_map import LgiMap
from sadam.lab.race import run_race
from sadam.lab.report import race_report, terminal_text

pytestmark = pytest.mark.slow  # films, archives and pages of 5 MB

SPEC = Experiment(landscape="cb2", steps=40)
needs_browser = pytest.mark.skipif(images.find_browser() is None, reason="no Chromium is installed")


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(SPEC.to_json())
    return str(path)


@pytest.fixture(scope="module")
def race():
    return run_race(SPEC)


def test_everything_in_one_zip(spec, tmp_path, capsys):
    out = tmp_path / "all.zip"
    assert main(["export", spec, "--out", str(out), "--formats", "html,csv,parquet,gif"]) == 0
    assert capsys.readouterr().out == f"8 files are in {out}\n"
    with zipfile.ZipFile(out) as archive:
        assert set(archive.namelist()) == {
            "README.txt", "again.py", "figures.html", "race.gif", "results.json", "spec.json",
            "trajectories.csv", "trajectories.parquet",
        }  # fmt: skip
        assert load(archive.read("spec.json")) == SPEC
        readme = archive.read("README.txt").decode()
    assert SPEC.to_command() in readme
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.zip", "spec.json"]


def test_the_script_in_a_zip_prints_the_same_numbers(spec, tmp_path, race):
    out = tmp_path / "all.zip"
    assert main(["export", spec, "--out", str(out), "--formats", "csv"]) == 0
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "elsewhere")
    ended = subprocess.run(
        [sys.executable, "again.py"],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == terminal_text(race_report(race)) + "\n"
    assert ended.stderr == ""


def test_a_small_page_of_one_figure(spec, tmp_path):
    words = ["--formats", "html-small", "--figures", "map"]
    assert main(["export", spec, "--out", str(tmp_path / "out"), *words]) == 0
    page = (tmp_path / "out" / "figures-small.html").read_text()
    assert 'id="figure-map"' in page
    assert 'id="figure-surface"' not in page
    assert len(page) < 500_000
    assert main(["race", "--spec", spec, "--out", str(tmp_path / "race"), *words[:2]]) == 0
    assert (tmp_path / "race" / "plotly.min.js").exists()


@pytest.mark.browser
@needs_browser
def test_a_picture_for_a_column(spec, tmp_path):
    words = ["--formats", "png,svg,pdf", "--figures", "map", "--width", "480", "--scale", "3"]
    more = ["--transparent", "--no-caption"]
    assert main(["export", spec, "--out", str(tmp_path / "out"), *words, *more]) == 0
    picture = Image.open(tmp_path / "out" / "map.png")
    assert picture.width == 3 * 480
    assert picture.convert("RGBA").getpixel((0, 0))[3] == 0
    assert load(picture.text["sadam.spec"]) == SPEC
    pdf = (tmp_path / "out" / "map.pdf").read_bytes()
    assert b"FontFile" in pdf  # embedded
    assert not (tmp_path / "out" / "surface.png").exists()


def test_a_map_is_exported_too(tmp_path):
    path = tmp_path / "map.json"
    path.write_text(LgiMap(landscape="l1", grid=21).to_json())
    assert main(["export", str(path), "--out", str(tmp_path / "out"), "--formats", "npz"]) == 0
    assert (tmp_path / "out" / "map.npz").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x", "--formats", "bmp"], "unknown format 'bmp'"),
        (["--out", "x", "--figures", "mep", "--formats", "html"], "no figure 'mep'"),
        (["--out", "x", "--width", "10"], "between 240 and 4000"),
        (["--out", "x", "--scale", "nan"], "scale"),
        ([], "--out DIR"),
    ],
)
def test_one_sentence_and_no_file_for_each_mistake(
    words, said, spec, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["export", spec, *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["spec.json"]


def test_a_file_that_is_none(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_the_gif_moves_and_carries_its_spec(race):
    picture = Image.open(io.BytesIO(animation.animate(race, "gif")))
    assert picture.n_frames == SPEC.steps + 1
    assert load(picture.info["comment"]) == SPEC
    first = np.asarray(picture.convert("RGB"), dtype=int)
    for at, drawn in enumerate(animation._frames(race)):  # in few colours, but the same pictures
        picture.seek(at)
        shown = np.asarray(picture.convert("RGB"), dtype=int)
        assert np.abs(shown - drawn).mean() < 1.5
    picture.seek(picture.n_frames - 1)
    last = np.asarray(picture.convert("RGB"), dtype=int)
    assert (np.abs(first - last).sum(-1) > 30).mean() > 0.002


def test_a_gif_is_small_enough_for_a_page():
    race = run_race(Experiment(landscape="crescent", steps=300))
    assert 30_000 < len(animation.animate(race, "gif")) < 300_000


def test_the_film_moves_and_carries_its_spec(race):
    data = animation.animate(race, "mp4")
    assert struct.unpack(">4s", data[4:8]) == (b"ftyp",)
    with av.open(io.BytesIO(data)) as film:
        assert json.loads(film.metadata["comment"]) == SPEC.to_dict()
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == SPEC.steps + 1 + animation.HOLD
    assert (np.abs(frames[0].astype(int) - frames[-1]) > 30).mean() > 0.002


def test_an_unknown_form(race):
    with pytest.raises(ValueError, match="gif, mp4"):
        animation.animate(race, "avi")
