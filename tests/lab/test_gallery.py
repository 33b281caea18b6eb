"""The gallery: pictures of the present specs, small, whole, and made by the command."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from sadam.lab import gallery
from sadam.lab.cli import main
from sadam.lab.experiment import Experiment
from sadam.lab.gallery import MANIFEST, PRESETS, render, stamp
from sadam.lab.race import results_table, run_race

PICTURES = Path(__file__).parents[2] / "pages" / "shared" / "gallery" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"
BY_NAME = {preset.name: preset for preset in PRESETS}
MANIFESTED = json.loads((PICTURES / MANIFEST).read_text(encoding="utf-8"))


def test_there_are_twelve_and_the_failures_are_among_them():
    assert len(PRESETS) == len({preset.name for preset in PRESETS}) == 12
    landscapes = {p.spec.landscape for p in PRESETS if isinstance(p.spec, Experiment)}
    assert {"wolfe", "hul-fan", "chebyshev-n2"} <= landscapes
    assert any(not isinstance(p.spec, Experiment) for p in PRESETS)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_the_committed_picture_is_of_the_present_spec(preset):
    assert MANIFESTED[preset.name]["stamp"] == stamp(preset), (
        "run: python -m sadam gallery --out pages/shared/gallery/pictures"
    )
    file = PICTURES / f"{preset.name}.svg"
    assert file.stat().st_size < 60_000
    root = ET.fromstring(file.read_text(encoding="utf-8"))
    ways = [e for e in root.iter(f"{SVG}path") if e.get("class") == "way"]
    rules = 2 if not isinstance(preset.spec, Experiment) else len(preset.spec.rules)
    assert len(ways) == len(list(root.iter(f"{SVG}animateMotion"))) == rules
    names = [way.get("id") for way in ways]
    assert len(set(names)) == rules
    assert {m.get("href") for m in root.iter(f"{SVG}mpath")} == {f"#{name}" for name in names}
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text
    assert "nan" not in text.replace("banana", "")


def test_nothing_else_lies_beside_the_pictures():
    names = {f"{preset.name}.svg" for preset in PRESETS} | {MANIFEST}
    assert {path.name for path in PICTURES.iterdir()} == names
    assert set(MANIFESTED) == {preset.name for preset in PRESETS}


def test_another_spec_has_another_stamp():
    assert len({stamp(preset) for preset in PRESETS}) == len(PRESETS)


def moments(svg):
    """The path data and the clock of each way: points in tenths of pixels, keyTimes, values."""
    for way in ET.fromstring(svg).iter(f"{SVG}path"):
        if way.get("class") == "way":
            animate = way.find(f"{SVG}animate")
            times = [float(t) for t in animate.get("keyTimes").split(";")]
            hidden = [float(v) for v in animate.get("values").split(";")]
            yield times, hidden


def test_every_path_grows_from_nothing_to_all_on_one_clock():
    preset = BY_NAME["needle"]
    svg, ranking = render(preset)
    clocks = list(moments(svg))
    assert len(clocks) == len(preset.spec.rules)
    for times, hidden in clocks:
        assert times == clocks[0][0]
        assert times[0] == 0
        assert times[-1] == 1
        assert (np.diff(times) > 0).all()
        assert hidden[0] == 1
        assert hidden[-1] == 0
        assert (np.diff(hidden) <= 0).all()
    table = results_table(run_race(preset.spec))
    assert [rule for rule, _ in ranking] == table["rule"].tolist()
    kept = MANIFESTED["needle"]["ranking"]
    assert [rule for rule, _ in kept] == table["rule"].tolist()
    assert [gap for _, gap in kept] == pytest.approx(table["final_gap"].tolist(), rel=1e-3)


def test_the_command_writes_all_or_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "PRESETS", (BY_NAME["needle"], BY_NAME["reddi"]))
    assert main(["gallery", "--out", str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "needle.svg",
        "reddi.svg",
        MANIFEST,
    }
    assert "3 files are in" in capsys.readouterr().out
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert main(["gallery", "--out", str(blocked)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
