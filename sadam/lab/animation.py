"""A race as a moving picture: GIF and MP4, drawn without a browser.

Matplotlib draws what stands still once; each frame lays paths, heads and gap curves over it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sadam.lab.figures.curves import FLOOR
from sadam.lab.figures.ground import COLORSCALES, ground, kink_lines
from sadam.lab.marks import MARKERS, STAR, Points, dash_lengths
from sadam.lab.race import Race
from sadam.lab.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.lines import Line2D

ANIMATIONS = ("gif", "mp4")
FRAMES, PER_SECOND, HOLD = 100, 20, 20  # steps that are shown; a second; frames at the end
SIZE, DPI = (8.0, 4.5), 100  # inches and dots per inch: 800 x 450
COLORS = 127  # of a GIF; one of its 128 is left for what did not change
MOST_PATHS = 64  # of all rules together; more would hide each other


@dataclass(frozen=True)
class _Moving:
    """One path: its numbers and what shows them."""

    points: NDArray[np.float64]  # (T+1, 2)
    gaps: NDArray[np.float64]  # (T+1,), above 0
    path: Line2D
    head: Line2D
    curve: Line2D


def animate(race: Race, form: str) -> bytes:
    """Return a race as a GIF or an MP4, with its spec inside.

    Args:
        race: What to show: the landscape's window with all paths, and the gaps, from the first
            step to the last. A gap of a start that diverged ends there; without any the axis is
            empty.
        form: ``"gif"`` or ``"mp4"``.

    Raises:
        ValueError: If there is no such form.
    """
    if form not in ANIMATIONS:
        raise ValueError(f"unknown animation {form!r}: it must be one of {', '.join(ANIMATIONS)}")
    frames = list(_frames(race))
    spec = race.experiment.to_json()
    return _gif(frames, spec) if form == "gif" else _mp4(frames, spec)


def _frames(race: Race) -> Iterator[NDArray[np.uint8]]:
    """The pictures, ``(height, width, 3)`` each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # late: half a second
    from matplotlib.figure import Figure

    figure = Figure(SIZE, DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    board, chart = figure.subplots(1, 2, width_ratios=(3, 2))
    _still(race, board, chart)
    moving = list(_moving(race, board, chart))
    chart.legend(handles=[m.path for m in moving if not str(m.path.get_label()).startswith("_")],
                 loc="upper right", fontsize=7, framealpha=0.85, handlelength=4)  # fmt: skip
    steps = race.experiment.steps
    counter = board.text(
        0.02, 0.98, f"step {steps}", transform=board.transAxes, va="top", animated=True, fontsize=9
    )
    canvas.draw()
    behind = canvas.copy_from_bbox(figure.bbox)
    for step in np.unique(np.linspace(0, steps, FRAMES).round().astype(int)):
        canvas.restore_region(behind)
        counter.set_text(f"step {step}")
        for one in moving:
            done = slice(None, step + 1)
            one.path.set_data(one.points[done, 0], one.points[done, 1])
            one.head.set_data(one.points[step : step + 1, 0], one.points[step : step + 1, 1])
            one.curve.set_data(np.arange(step + 1), one.gaps[done])
            for artist in (one.path, one.curve, one.head):
                (board if artist is not one.curve else chart).draw_artist(artist)
        board.draw_artist(counter)
        yield _pixels(canvas)


def _pixels(canvas: FigureCanvasAgg) -> NDArray[np.uint8]:
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _still(race: Race, board: Axes, chart: Axes) -> None:
    """What does not move: ground, kinks, start, minimisers, axes, words."""
    from matplotlib.colors import LinearSegmentedColormap

    landscape = race.landscape
    base = ground(landscape, landscape.window)
    shades = LinearSegmentedColormap.from_list("ground", [tuple(s) for s in COLORSCALES["light"]])
    board.contourf(base.x, base.y, base.level, 14, cmap=shades)
    for line in kink_lines(landscape, landscape.window):
        board.plot(*line.T, color="#141A24", alpha=0.5, linewidth=0.8)
    for x, y in landscape.minimisers:
        board.plot(x, y, marker=_marker(STAR), color="#1C2430", markersize=9)
    for x, y in race.experiment.starts:
        board.plot(x, y, "o", color="none", markeredgecolor="#1C2430", markersize=7)
    (x0, x1), (y0, y1) = landscape.window
    board.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")
    board.set_title(landscape.title, loc="left", fontsize=11)
    gaps = [_gaps(race, label) for label in race.trajectories]
    standing = [g for g in gaps if np.isfinite(g[-1]).any()] or gaps  # who runs away is cut off
    seen = np.concatenate([g[np.isfinite(g)] for g in standing])
    low, high = (seen.min(), seen.max()) if len(seen) else (1.0, 1.0)
    chart.set(xlim=(0, race.experiment.steps), ylim=(low / 2, high * 2), yscale="log")
    chart.set(xlabel="step", ylabel="f - f*")
    chart.set_title("Gap", loc="left", fontsize=11)
    chart.grid(alpha=0.25)


def _gaps(race: Race, label: str) -> NDArray[np.float64]:
    """The gaps of a rule, ``(T+1, starts)``: at least 1e-16, NaN from where a start diverged."""
    return np.maximum(race.gaps(label).numpy(), FLOOR)


def _moving(race: Race, board: Axes, chart: Axes) -> Iterator[_Moving]:
    """The paths in drawing order."""
    starts = max(1, MOST_PATHS // len(race.rules))
    for label, style, track in race.drawn():
        gaps = _gaps(race, label)
        for i in range(min(gaps.shape[1], starts)):
            title = style.title if i == 0 else "_"
            path = _line(board, style, title)
            (head,) = board.plot(
                [], [], color=style.color, marker=_marker(MARKERS[style.symbol]), markersize=9,
                markeredgecolor="white", markeredgewidth=0.8, animated=True,
            )  # fmt: skip
            points = track.points[:, i].numpy()
            yield _Moving(points, gaps[:, i], path, head, _line(chart, style, "_", thin=True))


def _line(axes: Axes, style: Style, title: str, thin: bool = False) -> Line2D:
    width = min(style.width, 1.2) if thin else style.width
    dashes = tuple(length / width for length in dash_lengths(style.dash, width))  # is in widths
    (line,) = axes.plot(
        [], [], color=style.color, linewidth=width, linestyle=(0, dashes) if dashes else "solid",
        label=title, animated=True,
    )  # fmt: skip
    return line


def _marker(points: Points) -> NDArray[np.float64]:
    """A marker's corners as Matplotlib takes them, y upwards."""
    return np.array((*points, points[0])) * (1, -1)


def _gif(frames: list[NDArray[np.uint8]], spec: str) -> bytes:
    """All frames in the colours of the last, which has them all, its paper white.

    What a frame leaves as it was is stored as transparent, in long runs: a tenth of the bytes.
    """
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    palette = pictures[-1].quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colors = np.array(palette.getpalette(), dtype=np.uint8).reshape(-1, 3)
    colors[colors.sum(1).argmax()] = 255  # averages with edges of letters had greyed it
    palette.putpalette(colors.tobytes())
    first, *rest = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    pace = 1000 // PER_SECOND
    file = io.BytesIO()
    first.save(
        file, "GIF", save_all=True, append_images=rest, loop=0, comment=spec.encode(),
        duration=[pace] * len(rest) + [pace * HOLD], optimize=True,
    )  # fmt: skip
    return file.getvalue()


def _mp4(frames: list[NDArray[np.uint8]], spec: str) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as video:
        video.metadata["comment"] = spec
        height, width, _ = frames[0].shape
        stream = video.add_stream("libx264", rate=PER_SECOND, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames + [frames[-1]] * HOLD:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        video.mux(stream.encode())
    return file.getvalue()
