"""What `pip install .` brings: every folder of the library, typed, with its command and no page."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import plotly
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LIBRARY = ("landscapes", "sadam")


def test_every_package_of_the_library_is_found_and_nothing_else():
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert found == [pattern for name in LIBRARY for pattern in (name, f"{name}.*")]
    folders = {file.parent for name in LIBRARY for file in (ROOT / name).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_all_that_the_library_needs_beside_code_is_packaged():
    packaged = PROJECT["tool"]["setuptools"]["package-data"]
    files = {
        name: sorted(
            str(file.relative_to(ROOT / name))
            for file in (ROOT / name).rglob("*")
            if file.is_file() and file.suffix not in (".py", ".pyc")
        )
        for name in LIBRARY
    }
    assert files == packaged == {name: ["py.typed"] for name in LIBRARY}


def test_the_command_is_there():
    module, function = PROJECT["project"]["scripts"]["sadam"].split(":")
    assert callable(getattr(import_module(module), function))


def test_the_library_asks_for_what_the_app_is_run_with_but_for_streamlit():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    run = [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]
    asked = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    assert {one.name for one in run} == {one.name for one in asked} | {"streamlit"}
    for one in asked:
        (with_it,) = [other.specifier for other in run if other.name == one.name]
        pinned = [part.version for part in with_it if part.operator == "=="]
        assert with_it == one.specifier or (pinned and pinned[0] in one.specifier), one.name


ALONE = """
import sys
for name in {others}:
    sys.modules[name] = None  # importing it now fails
import torch
from sadam.optim import ProxSGD, SAdam
for make in SAdam, ProxSGD:
    x = torch.nn.Parameter(torch.ones(2))
    optimizer = make([x], lr=0.1)
    def closure(backward=True):
        optimizer.zero_grad()
        loss = x.abs().sum()
        if backward:
            loss.backward()
        return loss
    optimizer.step(closure)
    assert (x < 1).all()
"""


@pytest.mark.slow
def test_the_optimizers_need_pytorch_and_numpy_alone():
    modules = {"scikit-learn": "sklearn", "pillow": "PIL"}
    asked = [Requirement(text).name for text in PROJECT["project"]["dependencies"]]
    others = [modules.get(name, name) for name in asked if name not in ("torch", "numpy")]
    others += ["streamlit", "landscapes"]
    script = ALONE.format(others=others)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_version_and_licence_are_the_same_everywhere():
    project = PROJECT["project"]
    cited = dict(re.findall(r"^(\w+): (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M))
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    assert (ROOT / "LICENSE").read_text().startswith(f"{project['license']} License")
    newest = (ROOT / "docs/CHANGELOG.md").read_text().split("\n## ")[1].split()[0]
    assert newest == project["version"]


def test_both_sizes_of_plotly_are_of_one_version():
    """The small one is `plotly-cartesian.min.js` of npm's `plotly.js-cartesian-dist-min`."""
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    plane = ROOT / "pages" / "shared" / "stage" / "cartesian" / "plotly-cartesian.min.js"
    whole, plane = (re.search(r"v(\d+\.\d+\.\d+)", f.read_text()[:300])[1] for f in (whole, plane))
    assert whole == plane


def test_the_contract_of_the_core_names_every_module_of_it():
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (core,) = [c for c in contracts if "sadam.lab" in c["forbidden_modules"]]
    modules = {f"sadam.{path.stem}" for path in (ROOT / "sadam").iterdir()
               if path.suffix == ".py" or (path / "__init__.py").is_file()}  # fmt: skip
    apart = {"sadam.__init__", "sadam.__main__", "sadam.lab"}
    assert set(core["source_modules"]) == modules - apart
