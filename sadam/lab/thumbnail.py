"""A small picture that moves: paths over a landscape as one animated SVG file.

Contours and kinks stand still, every rule's path grows step by step under its marker, all on the
same clock, and the loop rests on the whole picture. Colours are presentation attributes for light
screens; each shape has a class and its dark colour in ``--dark``, so that a page which holds the
SVG inline can dress it for a dark one. Without animation the file shows the whole paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

from sadam.lab.figures.ground import COLORSCALES, ground, kink_lines
from sadam.lab.figures.paths import Frame, window_of
from sadam.lab.marks import MARKERS, STAR, marker_data
from sadam.lab.race import Race
from sadam.lab.style import Style, channels

VERSION = 2  # of the drawing: raise it when a picture of the same race would look different
WIDTH, HEIGHT = 400, 300
LEVELS = 9
GRID = 61
KNOTS = 48  # moments between which a marker moves along its path evenly
SECONDS, MOVING = 9.0, 0.72  # of the loop, and the share of it in which anything moves
FAR = 2.0  # pictures away: a path that leaves is cut off there

Array = NDArray[np.float64]


class Track(NamedTuple):
    """A path in units of the picture, ``(n, 2)``, x to the right and y up from 0 to 1."""

    style: Style
    points: Array


def thumbnail(race: Race, frame: Frame = "window", *, prefix: str) -> str:
    """Draw a race: the first start of every rule, as an animated SVG.

    Where f is finite nowhere in the picture its ground is plain; a path that goes nowhere is a
    marker.

    Args:
        race: What to draw.
        frame: The part of the plane to show, see :func:`sadam.lab.figures.paths.window_of`.
        prefix: Begins the ids within, so that several pictures can stand on one page: a name of
            letters, digits and ``-``.

    Raises:
        ValueError: If there is no such frame.
    """
    (x0, x1), (y0, y1) = window = window_of(race, frame)
    low, size = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
    tracks = [
        Track(style, (track.points[:, 0].numpy() - low) / size) for _, style, track in race.drawn()
    ]
    still = [*_contours(race, window)]
    still += [
        _shape("kink", "none", "#5B6570", "#8A98A6", _polyline((line - low) / size), 0.8)
        for line in kink_lines(race.landscape, window, 201)
    ]
    for point in race.landscape.minimisers:
        x, y = _pixels((np.array([point]) - low) / size)[0] / 10
        still.append(_star(x, y))
    title = f"{race.landscape.title}: the path of each optimizer"
    return animated(tracks, still, title, prefix=prefix)


def animated(tracks: Iterable[Track], still: Iterable[str], title: str, *, prefix: str) -> str:
    """Put tracks that grow on the same clock over what stands still.

    Args:
        tracks: In drawing order, each of at least two points; what is not finite is drawn in the
            middle.
        still: SVG elements below them.
        title: What the picture shows, in words.
        prefix: Begins the ids within.
    """
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        *still,
        *(line for i, track in enumerate(tracks) for line in _moving(track, f"{prefix}-{i}")),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def frame_lines() -> list[str]:
    """The ground of a picture without a landscape: three levels."""
    light, dark = COLORSCALES["light"][0][1], COLORSCALES["dark"][0][1]
    lines = "".join(f"M0 {HEIGHT * at:g}h{WIDTH}" for at in (0.1, 0.5, 0.9))
    return [
        f'<path class="ground" style="--dark:{dark}" fill="{light}" '
        f'd="M0 0h{WIDTH}v{HEIGHT}h-{WIDTH}z"/>',
        _shape("kink", "none", "#B4BABD", "#40586B", lines, 1.0),
    ]


def _pixels(points: Array) -> NDArray[np.int64]:
    """Tenths of pixels, x right and y down; what lies far outside or nowhere is brought near."""
    held = np.clip(np.nan_to_num(points, nan=0.5), -FAR, 1 + FAR)
    return np.rint(np.stack([held[:, 0] * WIDTH, (1 - held[:, 1]) * HEIGHT], axis=1) * 10).astype(
        np.int64
    )


def _number(tenths: int) -> str:
    text = f"{tenths / 10:g}"
    return text.replace("0.", ".", 1) if abs(tenths) < 10 else text


def _data(pixels: NDArray[np.int64]) -> str:
    """Path data through points in tenths of pixels, relative and short."""
    first, moves = pixels[0], np.diff(pixels, axis=0)
    moves = moves[(moves != 0).any(axis=1)]
    if not len(moves):
        return ""
    parts = [f"M{_number(first[0])} {_number(first[1])}l"]
    for dx, dy in moves:
        across, down = _number(int(dx)), _number(int(dy))
        parts.append(("" if across[0] == "-" else " ") + across)
        parts.append(("" if down[0] == "-" else " ") + down)
    return "".join(parts).replace("l ", "l", 1)


def _polyline(points: Array) -> str:
    """Path data of what stands still, to whole pixels."""
    return _data(np.rint(_pixels(points) / 10).astype(np.int64) * 10)


def _shape(name: str, fill: str, stroke: str, dark: str, data: str, width: float = 0.0) -> str:
    line = f' stroke="{stroke}" stroke-width="{width:g}"' if width else ""
    return f'<path class="{name}" style="--dark:{dark}" fill="{fill}"{line} d="{data}"/>'


def _contours(race: Race, window: tuple[tuple[float, float], tuple[float, float]]) -> list[str]:
    """The ground: one sheet over the other, each from its level upwards."""
    base = ground(race.landscape, window, GRID)
    level = np.ma.masked_invalid(base.level.astype(np.float64))
    if not level.count():
        level = np.ma.zeros(level.shape)
    low, high = float(level.min()), float(level.max())
    x = np.linspace(0.0, 1.0, GRID)
    generator = contour_generator(x, x, level, fill_type=FillType.OuterCode)
    sheets = []
    for i in range(LEVELS):
        share = i / (LEVELS - 1)
        light, dark = (_colour(share, COLORSCALES[screen]) for screen in ("light", "dark"))
        if i == 0:
            sheets.append(
                f'<path class="ground" style="--dark:{dark}" fill="{light}" '
                f'd="M0 0h{WIDTH}v{HEIGHT}h-{WIDTH}z"/>'
            )
            continue
        filled = generator.filled(low + (high - low) * i / LEVELS, high + 1.0)
        data = "".join(
            f"{ring}z"
            for points, code in zip(filled[0], filled[1], strict=True)
            if points is not None and code is not None
            for ring in map(_polyline, np.split(points, np.flatnonzero(code == 1)[1:]))
            if ring
        )
        if data:
            sheets.append(
                _shape("ground", light, "#B4BABD", dark, data, 0.35).replace(
                    " d=", ' fill-rule="evenodd" d=', 1
                )
            )
    return sheets


def _colour(share: float, scale: list[list[float | str]]) -> str:
    """A colour of a scale, as #RRGGBB."""
    at = [float(stop) for stop, _ in scale]
    parts = zip(*(channels(str(colour)) for _, colour in scale), strict=True)
    return "#" + "".join(f"{round(float(np.interp(share, at, part))):02X}" for part in parts)


def _star(x: float, y: float) -> str:
    return (
        f'<path class="minimiser" style="--dark:#11161D" fill="#FFFFFF" stroke="#2B333D" '
        f'stroke-width="1" transform="translate({x:.1f} {y:.1f})" d="{marker_data(STAR, 5.0)}"/>'
    )


def _moving(track: Track, name: str) -> list[str]:
    """A path that grows and the marker at its head, both step by step."""
    pixels = _pixels(track.points)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(pixels, axis=0).T))])
    steps = np.unique(np.rint(np.linspace(0, len(way) - 1, KNOTS + 1)).astype(int))
    share = way[steps] / (way[-1] or 1.0)
    times = np.append(steps / steps[-1] * MOVING, 1.0)
    share = np.append(share, 1.0)
    keys = ";".join(f"{t:.4g}" for t in times)
    style, loop = track.style, f'dur="{SECONDS:g}s" repeatCount="indefinite"'
    hidden = ";".join(f"{1 - s:.4g}" for s in share)
    points = ";".join(f"{s:.4g}" for s in share)
    data = _data(pixels)
    common = f'style="--dark:{style.color_dark}"'
    return [
        f'<path class="way" id="{name}" {common} fill="none" stroke="{style.color}" '
        f'stroke-linejoin="round" stroke-width="{0.9 * style.width:g}" '
        f'pathLength="1" stroke-dasharray="1 2" d="{data}">'
        f'<animate attributeName="stroke-dashoffset" values="{hidden}" keyTimes="{keys}" {loop}/>'
        "</path>",
        f'<path class="head" {common} d="{marker_data(MARKERS[style.symbol], 3 + style.width)}" '
        f'fill="{style.color}" stroke="#FFFFFF" stroke-width="1.2">'
        f'<animateMotion calcMode="linear" keyPoints="{points}" keyTimes="{keys}" {loop}>'
        f'<mpath href="#{name}"/></animateMotion></path>',
    ]
