"""A map of the lab as panes of the browser component, with what is drawn over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from contourpy import LineType, contour_generator

from landscapes import get
from pages.shared.kept import kept
from pages.shared.maps import Line, Pane
from sadam.lab.experiment import Experiment
from sadam.lab.figures.ground import ground, kink_lines
from sadam.lab.figures.lgi import colorscale, range_of
from sadam.lab.lgi_map import QUANTITIES, LgiMap, MapResult, run_map
from sadam.lab.lgi_report import map_report
from sadam.lab.polylines import joined
from sadam.lab.race import run_race
from sadam.lab.report import Report

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@kept("map")
def map_of(spec: LgiMap) -> MapResult:
    """Compute a map once for all visitors."""
    return run_map(spec)


@kept("report of a map")
def report_of(spec: LgiMap) -> Report:
    """What a map says at kinks and elsewhere."""
    return map_report(map_of(spec))


def note(rows: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """A few words on one field, for the heading of its map."""

    def mean(of: str) -> str:
        return f"**{number(rows[name][of])}**"

    if rows[name]["mean"] is None:
        return "not finite at any point"
    if rows[name]["near"] is None:
        return f"mean {mean('far')}; no kink within the radius of any point"
    if rows[name]["far"] is None:
        return f"mean {mean('near')}; a kink within the radius of every point"
    return f"near kinks {mean('near')}, elsewhere {mean('far')}"


def number(value: float) -> str:
    """A mean for reading: two decimals, small ones with their power of ten."""
    if value and abs(value) < 0.005:
        digits, power = f"{value:.0e}".split("e")
        return f"{digits}·10{str(int(power)).translate(SUPERSCRIPT)}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.3g}"


def scales_of(kind: str) -> dict[str, Any]:
    """A colour scale for light and for dark screens."""
    return {"light": colorscale(kind), "dark": colorscale(kind, dark=True)}


def pane(result: MapResult, name: str, note: str) -> Pane:
    """One field of a map."""
    quantity = QUANTITIES[name]
    return Pane(
        quantity.title,
        note,
        quantity.unit,
        result.fields[name],
        range_of(result, name),
        scales_of(quantity.scale),
    )


@kept("kinks")
def kinks(key: str) -> Line:
    """The kinks that a landscape declares, within its window."""
    landscape = get(key)
    return Line(joined(kink_lines(landscape, landscape.window)), "kink", "kinks")


@kept("contours")
def contours(key: str) -> Line:
    """Contours of ``log10(f - f* + c)`` within a landscape's window."""
    landscape = get(key)
    base = ground(landscape, landscape.window)
    level = np.ma.masked_invalid(base.level)
    generator = contour_generator(base.x, base.y, level, line_type=LineType.Separate)
    heights = np.linspace(level.min(), level.max(), 18)[1:-1]
    return Line(
        joined([np.asarray(line) for height in heights for line in generator.lines(float(height))]),
        "contour",
        "contours",
    )


@kept("paths")
def paths(spec: Experiment) -> list[Line]:
    """The paths of a race in their rules' styles, S-Adam two-sided on top."""
    race = run_race(spec)
    found = []
    for _, style, track in race.drawn():
        points = track.points.numpy()
        look = {"color_dark": style.color_dark, **style.line}
        starts = [points[:, start] for start in range(points.shape[1])]
        found.append(Line(joined(starts), "path", style.title, look))
    return found
