"""The markers and dashes that a rule's style may have, as shapes and lengths.

Plotly knows them by name. Pictures that are drawn without it (``animation.py``, ``thumbnail.py``)
take them from here, and the page's canvas from its own copy in ``pages/shared/stage/theme.js``,
which a test holds to this one. The star is no rule's: it marks minimisers.
"""

from __future__ import annotations

import math

Points = tuple[tuple[float, float], ...]

DASHES: dict[str, tuple[float, ...]] = {
    "solid": (),
    "dot": (1, 1.6),
    "dash": (3.5, 2.5),
    "longdash": (6, 3),
    "dashdot": (4, 2, 1, 2),
    "longdashdot": (6, 2.5, 1, 2.5),
}
"""Plotly's dashes by name: on and off in turn, in line widths."""


def dash_lengths(dash: str, width: float) -> tuple[float, ...]:
    """The lengths of a dash, on and off in turn; none of a solid line.

    Args:
        dash: A name in :data:`DASHES`, or lengths themselves, such as ``"8px,2px,2px,2px"``.
        width: The line's, above 0; of one thinner than 2 the dashes are those of 2.

    Raises:
        ValueError: If it is neither, or a length is not above 0 and finite.
    """
    if dash in DASHES:
        return tuple(length * max(width, 2.0) for length in DASHES[dash])
    try:
        lengths = tuple(float(part.strip().removesuffix("px")) for part in dash.split(","))
    except (ValueError, AttributeError):  # no text at all
        lengths = ()
    good = all(0 < length < math.inf for length in lengths)
    if len(lengths) < 2 or len(lengths) % 2 or not good:
        raise ValueError(
            f"Invalid dash: {dash!r}, must be one of {', '.join(DASHES)}, or an even number of "
            "lengths such as '8px,2px'"
        )
    return lengths


def _ring(corners: int, size: float, turn: float = -90.0, inner: float = 0.0) -> Points:
    """A polygon's corners from ``turn`` degrees on; with ``inner`` a star's."""
    count = corners * (2 if inner else 1)
    around = [math.radians(turn) + 2 * math.pi * i / count for i in range(count)]
    sizes = [size * inner if inner and i % 2 else size for i in range(count)]
    return tuple((r * math.cos(a), r * math.sin(a)) for a, r in zip(around, sizes, strict=True))


def _moved(points: Points, dx: float, dy: float) -> Points:
    return tuple((x + dx, y + dy) for x, y in points)


def _turned(points: Points) -> Points:
    return tuple(((x - y) / math.sqrt(2), (x + y) / math.sqrt(2)) for x, y in points)


def _plus(r: float) -> Points:
    a = 0.38 * r
    return (
        (-a, -r), (a, -r), (a, -a), (r, -a), (r, a), (a, a),
        (a, r), (-a, r), (-a, a), (-r, a), (-r, -a), (-a, -a),
    )  # fmt: skip


STAR = _ring(5, 1.4, inner=0.42)
"""The mark of a minimiser."""

MARKERS: dict[str, Points] = {
    "circle": _ring(36, 1.0),
    "square": ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "diamond": _ring(4, 1.28),
    "hexagon": _ring(6, 1.12),
    "pentagon": _ring(5, 1.15),
    "triangle-up": _moved(_ring(3, 1.3), 0, 0.18),
    "triangle-down": _moved(_ring(3, 1.3, 90), 0, -0.18),
    "triangle-left": _moved(_ring(3, 1.3, 180), 0.18, 0),
    "triangle-right": _moved(_ring(3, 1.3, 0), -0.18, 0),
    "cross": _plus(1.12),
    "x": _turned(_plus(1.2)),
    "hourglass": ((-0.95, -1.1), (0.95, -1.1), (-0.95, 1.1), (0.95, 1.1)),
    "bowtie": ((-1.1, -0.95), (-1.1, 0.95), (1.1, -0.95), (1.1, 0.95)),
}
"""End markers by Plotly's names: corners round the origin for a radius of 1, y downwards."""


def marker_data(points: Points, r: float) -> str:
    """A marker of radius ``r`` as SVG path data."""
    return "M" + "L".join(f"{r * x:.1f} {r * y:.1f}" for x, y in points) + "z"
