"""The page of promises names tests and caps that exist, with the values they have."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/promises.md").read_text()
ROWS = re.findall(r"^\| `([\w.]+)` \| `(MAX_\w+)` \| ([^|]+) \| [^|]+ \|$", TEXT, re.M)


def caps():
    for folder in ("landscapes", "sadam", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text()).body:
                targets = node.targets if isinstance(node, ast.Assign) else []
                for name in (n for target in targets for n in ast.walk(target)):
                    if isinstance(name, ast.Name) and name.id.startswith("MAX_"):
                        yield module, name.id


def test_every_cap_is_listed():
    assert sorted((module, name) for module, name, _ in ROWS) == sorted(caps())


@pytest.mark.parametrize(("module", "name", "value"), ROWS)
def test_a_cap_has_the_value_it_is_said_to_have(module, name, value):
    assert float(value.replace(" ", "")) == getattr(import_module(module), name)


def test_the_tests_that_hold_a_promise_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 10
    for path, test in named:
        assert not test or re.search(rf"^def {test}\(", (ROOT / path).read_text(), re.M), test
        assert (ROOT / path).is_file()
