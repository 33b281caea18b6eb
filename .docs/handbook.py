"""What the handbook shows is written elsewhere: README, lessons, catalogue and docstrings.

An MkDocs hook makes pages of them while it builds, so that no text stands twice.
"""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HERE = Path(__file__).parent
ROOT = HERE.parent
LIBRARY = ("sadam", "landscapes")
FONTS = ROOT / "pages/shared/stage/fonts"
_ROLE = re.compile(r":(?:mod|class|func|meth|data|attr):<code>~?")
_MATH = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.S)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages: the guides, the lessons, the landscapes, and one for every module."""
    reference: dict[str, list[Any]] = {}
    for module in _modules():
        reference.setdefault(module.rpartition(".")[0] or module, []).append(
            {module: f"reference/{module}.md"}
        )
    config.nav = [
        {"Start": ["index.md"]},
        {"Lessons": ["lessons.md"]},
        {"Landscapes": ["landscapes.md"]},
        {"Reference": [{name: pages} for name, pages in reference.items()]},
        {"Mathematics": ["MATH.md"]},
        {"Promises": ["promises.md"]},
        {"Hosting": ["hosting.md"]},
        {"Contributing": ["CONTRIBUTING.md"]},
        {"Changes": ["CHANGELOG.md"]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and the app's own fonts."""
    sys.path.insert(0, str(ROOT))  # here: MkDocs restores the path once it has read a hook
    made = {"index.md": _readme(), "lessons.md": _lessons(), "landscapes.md": _landscapes()}
    made |= {f"reference/{module}.md": f"::: {module}\n" for module in _modules()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    for path in (HERE / "handbook.css", *FONTS.iterdir()):
        files.append(File.generated(config, path.name, abs_src_path=str(path)))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Turn TeX into MathML, which browsers show without a script; roles of Sphinx into code."""

    def mathml(found: re.Match[str]) -> str:
        return convert(html.unescape(found[2]), "inline" if found[1] == "span" else "block")

    return _MATH.sub(mathml, _ROLE.sub("<code>", content))


def on_post_build(config: MkDocsConfig) -> None:
    """Take from the theme's script the host that it would ask when opened from the disk."""
    bundles = list(Path(config.site_dir).glob("assets/javascripts/bundle*.js"))
    if not bundles:
        raise RuntimeError("the theme's script is not where it was: see what hosts it names")
    for bundle in bundles:
        bundle.write_text(re.sub(r"https://unpkg\.com/?", "", bundle.read_text()))


def _modules() -> Iterator[str]:
    for package in LIBRARY:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _readme() -> str:
    """The README, its links as seen from ``docs``."""
    return (ROOT / "README.md").read_text().replace("](docs/", "](")


def _lessons() -> str:
    """Texts, questions and answers; the answers' numbers come from the lessons' defaults, now."""
    os.environ.setdefault("STREAMLIT_LOGGER_LEVEL", "error")  # it misses a visitor
    import streamlit as st

    from pages.shared.lessons.book import LESSONS
    from pages.shared.lessons.links import DEFAULTS

    for name, value in DEFAULTS.items():
        st.session_state[name] = value
    parts = ["# Lessons\n\nIn the app each of them has a figure to drive."]
    for number, lesson in enumerate(LESSONS, 1):
        parts.append(f"## {number}. {lesson.title}\n\n{lesson.text}")
        parts.append(f"**{lesson.question}**\n\n{lesson.answer()}")
    return "\n\n".join(parts)


def _landscapes() -> str:
    """What is known about every landscape, as in the app."""
    from landscapes import CATALOGUE
    from sadam.lab.cli.listing import GROUPS

    parts = ["# Landscapes"]
    for group, title in GROUPS.items():
        parts.append(f"## {title}")
        for key, landscape in CATALOGUE.items():
            if landscape.group == group:
                least = f"{landscape.minimum:.10g}" if landscape.minimum is not None else "unknown"
                at = ", ".join(f"({x:.6g}, {y:.6g})" for x, y in landscape.minimisers)
                parts.append(
                    f"### {landscape.title}\n\n$${landscape.latex}$$\n\n{landscape.note}\n\n"
                    f"`{key}` · minimum {least}{' at ' + at if at else ''} · "
                    f"{'convex' if landscape.convex else 'not convex'} · {landscape.source}"
                )
    return "\n\n".join(parts)
