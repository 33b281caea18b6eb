"""How a rule looks and is called: the same on every page and in every export.

Okabe-Ito colours, which colour-blind readers can tell apart, plus a dash and an end marker of its
own for each rule, so that no picture depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sadam.lab.marks import MARKERS, dash_lengths
from sadam.rules import MomentRule, key_of


@dataclass(frozen=True)
class Style:
    """Name, colours (light and dark screens), dash, marker, sentence and line width of a rule.

    Raises:
        ValueError: If nothing draws the dash or the marker; see :mod:`sadam.lab.marks`.
    """

    title: str
    color: str
    color_dark: str
    dash: str
    symbol: str
    note: str = ""
    width: float = 1.7

    @property
    def line(self) -> dict[str, Any]:
        """The line of a Plotly trace, on a light screen."""
        return {"color": self.color, "width": self.width, "dash": self.dash}

    def __post_init__(self) -> None:
        dash_lengths(self.dash, self.width)
        if self.symbol not in MARKERS:
            raise ValueError(
                f"Invalid symbol: {self.symbol!r}, must be one of {', '.join(MARKERS)}"
            )


STYLES = {
    "sgd": Style("SGD", "#7A7F87", "#9BA1AA", "dot", "circle", "Gradient descent with momentum."),
    "prox-sgd": Style(
        "Prox-SGD", "#E69F00", "#F0B429", "dash", "square",
        "Momentum SGD on the smooth part, then a proximal step (soft thresholding).",
    ),
    "adam": Style(
        "Adam", "#009E73", "#1FBF91", "dashdot", "diamond",
        "Steps divided by the root of a moving mean of squared gradients.",
    ),
    "amsgrad": Style(
        "AMSGrad", "#56B4E9", "#7CC7F2", "longdash", "hexagon",
        "Adam with the largest second moment so far: its step sizes never grow again.",
    ),
    "adamw": Style(
        "AdamW", "#0072B2", "#4A9FDB", "longdashdot", "triangle-up",
        "Adam with weight decay taken off the point itself.",
    ),
    "s-adam": Style(
        "S-Adam (published)", "#8E4B9E", "#C08AD0", "solid", "cross",
        "AdamW times a brake exp(-damping * LGI), with one-sided probes as published.",
    ),
    "matched-s-adam": Style("Matched to published", "#B08BBC", "#D3B4DC", "dot", "x"),
    "matched-s-adam-two-sided": Style(
        "Matched to two-sided", "#E79A6B", "#FFB27D", "dot", "triangle-down"
    ),
    "s-adam-two-sided": Style(
        "S-Adam two-sided", "#D55E00", "#FF7F2A", "solid", "hourglass",
        "The same with two-sided probes: silent on slopes, loud at kinks.",
        width=2.6,
    ),
}  # fmt: skip
"""Every rule by its key in :data:`sadam.rules.RULES`, and the matched controls."""


def style_of(label: str, rule: MomentRule) -> Style:
    """Return the style of a rule: the label's own, else its key's with the label as its title.

    Args:
        label: Any text.
        rule: One of the classes of :data:`sadam.rules.RULES`.
    """
    return STYLES.get(label) or replace(STYLES[key_of(rule)], title=label)


def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour ``#RRGGBB``, 0 to 255 each."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def translucent(color: str, opacity: float) -> str:
    """Return a colour ``#RRGGBB`` as CSS with an opacity from 0 to 1."""
    red, green, blue = channels(color)
    return f"rgba({red},{green},{blue},{opacity:g})"


def drawing_order(rules: Mapping[str, MomentRule]) -> dict[str, Style]:
    """Return the styles of rules by label, in drawing order: S-Adam two-sided last, on top."""
    styles = {label: style_of(label, rule) for label, rule in rules.items()}
    return dict(sorted(styles.items(), key=lambda item: item[1].width))


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, at least one: ``"A, B and C"``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def duration(seconds: float) -> str:
    """A time in words, such as ``"4.2 s"``, ``"35 min"`` or ``"2.5 h"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def titles_of(keys: Iterable[str]) -> str:
    """The titles of rules in a sentence, by their keys in :data:`STYLES`, at least one."""
    return listed(STYLES[key].title for key in keys)
