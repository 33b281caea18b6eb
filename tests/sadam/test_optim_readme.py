"""The README's examples of the drop-in optimizers run as they stand, in an empty folder."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # a process of its own, with tensorboard in it
ROOT = Path(__file__).parents[2]
SECTION = re.search(
    r"^## Drop-in optimizers\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S
)
EXAMPLES = re.findall(r"^```python\n(.*?)^```", SECTION[1], re.M | re.S)
PROGRAM = """
import contextlib, io, json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

said = []
for code in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    said.append(out.getvalue())
logged = {}
for name in ("s-adam", "prox-sgd"):
    log = EventAccumulator(f"runs/{name}").Reload()
    for tag in log.Tags()["scalars"]:
        logged[f"{name} {tag}"] = [event.value for event in log.Scalars(tag)]
json.dump({"said": said, "logged": logged}, sys.stdout)
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(EXAMPLES)],
        cwd=tmp_path_factory.mktemp("readme"),
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_there_are_three():
    assert len(EXAMPLES) == 3


def numbers(said):
    return {key: float(value) for key, value in re.findall(r"(loss|LGI|brake) ([\d.]+)", said)}


def test_the_plain_loop_learns(results):
    found = numbers(results["said"][0])
    assert found["loss"] < 0.5  # the mean of the targets is 1.6
    assert 0 <= found["LGI"] < 1
    assert 0 < found["brake"] <= 1


def test_the_lightning_style_loop_brakes(results):
    found = numbers(results["said"][1])
    assert 0 <= found["LGI"] < 1
    assert 0 < found["brake"] <= 1


def test_tensorboard_finds_what_was_logged(results):
    logged = results["logged"]
    assert set(logged) == {"s-adam loss", "s-adam lgi", "s-adam brake", "prox-sgd loss"}
    assert all(len(values) == 100 for values in logged.values())
    for name in ("s-adam", "prox-sgd"):
        assert logged[f"{name} loss"][-1] < logged[f"{name} loss"][0]
    brakes = logged["s-adam brake"]
    assert 0 < min(brakes) < max(brakes) <= 1
    assert brakes[0::2] == brakes[1::2]  # probe_every=2
