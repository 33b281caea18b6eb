"""Every marker and dash that a rule may have is drawn by Plotly, Matplotlib and in the gallery."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from sadam.lab import animation, thumbnail
from sadam.lab.marks import DASHES, MARKERS, dash_lengths, marker_data
from sadam.lab.style import STYLES, Style

LISTS = ("8px,2px,2px,2px", "6px,2px")


def style(symbol="circle", dash="solid", width=1.7):
    return Style("Mine", "#000000", "#FFFFFF", dash, symbol, width=width)


def test_there_is_a_free_marker_for_new_rules_and_the_star_is_nobodys():
    assert len(set(MARKERS) - {s.symbol for s in STYLES.values()}) >= 3
    assert "star" not in MARKERS


@pytest.mark.parametrize("wrong", [{"symbol": "star"}, {"symbol": "?"}, {"dash": "dotty"},
                                   {"dash": "3px"}, {"dash": "3px,0px"}])  # fmt: skip
def test_a_style_that_nothing_draws_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Invalid (symbol|dash)"):
        replace(STYLES["adam"], **wrong)


def test_dashes_are_lengths_at_the_width_of_the_line():
    assert dash_lengths("solid", 3) == ()
    assert dash_lengths("dashdot", 3) == (12, 6, 3, 6)
    assert dash_lengths("dashdot", 1) == dash_lengths("dashdot", 2)
    assert dash_lengths("8px,2px,2px,2px", 3) == (8, 2, 2, 2)


def test_plotly_knows_them():
    for symbol in MARKERS:
        go.Scatter(marker={"symbol": symbol})
    for dash in (*DASHES, *LISTS):
        go.Scatter(line={"dash": dash})


def drawn(style):
    """What Matplotlib makes of a style: a line with its head, as pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((3, 1), 100)
    canvas, axes = FigureCanvasAgg(figure), figure.add_axes((0, 0, 1, 1))
    line = animation._line(axes, style, "")
    line.set(data=([0, 1], [0.2, 0.2]), animated=False)
    marker = animation._marker(MARKERS[style.symbol])
    axes.plot([0.5], [0.5], marker=marker, markersize=30, color="k")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0].tobytes()


@pytest.mark.slow
def test_the_animation_draws_each_in_its_own_way():
    assert len({drawn(style(symbol=symbol)) for symbol in MARKERS}) == len(MARKERS)
    dashes = (*DASHES, *LISTS)
    assert len({drawn(style(dash=dash)) for dash in dashes}) == len(dashes)


def test_the_gallery_draws_each_marker():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    for symbol, shape in MARKERS.items():
        track = thumbnail.Track(style(symbol), points)
        svg = thumbnail.animated([track], [], "", prefix="a")
        assert f'd="{marker_data(shape, 4.7)}"' in svg
