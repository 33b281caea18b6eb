"""Docstrings of the core and the landscapes: what raises says so, what takes a tensor its shape."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for pattern in ("sadam/*.py", "sadam/optim/*.py", "sadam/training/*.py", "landscapes/**/*.py")
    for path in ROOT.glob(pattern)
    if "language" not in path.parts and path.name != "__main__.py"
)
SHAPE = re.compile(r"``[^`]*\([^()`]*(,|\.\.\.)[^()`]*\)[^`]*``|[Aa]ny shape|0-d|a tensor of one")
MADE = ("__init__", "__post_init__")  # the class says what they want


def public(path):
    """Public functions and methods, each with its docstrings: own, of its classes, the module's."""

    def walk(body, inside, docs):
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(
                    node.body, f"{inside}{node.name}.", (ast.get_docstring(node), *docs)
                )
            elif isinstance(node, ast.FunctionDef) and (
                not node.name.startswith("_") or (inside and node.name in (*MADE, "__call__"))
            ):
                own = docs[0] if node.name in MADE else ast.get_docstring(node)
                yield f"{inside}{node.name}", node, (own, *docs)

    tree = ast.parse(path.read_text())
    yield from walk(tree.body, "", (ast.get_docstring(tree),))


def said(*docs):
    return "\n".join(doc or "" for doc in docs)


def body(node):
    """All nodes of a function but those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from body(child)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_say_errors_and_shapes(path):
    for name, node, docs in public(path):
        for part in body(node):
            if isinstance(part, ast.Raise) and part.exc is not None:
                error = ast.unparse(getattr(part.exc, "func", part.exc))
                section = said(docs[0]).partition("Raises:")[2]
                assert error == "AssertionError" or error in section, f"{name}: {error}"
            elif isinstance(part, ast.Call) and re.match(
                r"(\w+\.)?_?check_", ast.unparse(part.func)
            ):
                assert re.search(r"Raises:|rrors as|ValueError", said(*docs)), name
        takes = [
            ast.unparse(a.annotation) for a in ast.walk(node.args) if getattr(a, "annotation", 0)
        ]
        if any("Tensor" in annotation for annotation in takes):
            assert SHAPE.search(said(*docs)), f"{name} says no shape"
