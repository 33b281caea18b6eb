"""Figures as plain dicts, and as validated ``plotly`` figures."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, Generic, ParamSpec

import plotly.graph_objects as go

P = ParamSpec("P")
Plain = dict[str, Any]
"""``{"data": [trace, ...], "layout": {...}}`` with NumPy arrays for numbers."""


def as_text(words: str) -> str:
    """Return words that somebody else wrote so that Plotly shows them as they are.

    It reads markup in every text, links among it, and ``%{...}`` in templates.
    """
    return html.escape(words, quote=False).replace("%{", "&#37;{")


class FigureMaker(Generic[P]):
    """A function that makes a figure: called, a ``go.Figure``; through ``plain``, the dict.

    Validating every property takes several times as long as computing the figure. The app, which
    redraws on each move of a slider, takes the dict; everybody else a figure that is known to be
    valid. The tests hold the two together.
    """

    def __init__(self, build: Callable[P, Plain]) -> None:
        self.plain = build
        self.__name__ = build.__name__
        self.__doc__ = build.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> go.Figure:
        """Make the figure."""
        return go.Figure(self.plain(*args, **kwargs))
