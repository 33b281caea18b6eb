"""Figures dressed for paper, and one web page that holds them all and opens offline.

The page brings plotly.js with it (5 MB) or, in its small form, reads it from a file beside it,
which any number of pages share. Neither asks anything of another host.
"""

from __future__ import annotations

import html
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from sadam.lab.codec import from_plain

MIN_WIDTH, MAX_WIDTH, MAX_SCALE = 240, 4000, 8
WIDTH = 1000
HEIGHTS = {"map": 860, "surface": 760, "chattering": 820, "instability": 680}
HEIGHT = 560
BOTTOM = 65  # margin below the axes
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
INK, QUIET, RULE = "#1F2933", "#5B6570", "#E3E7EA"
CAPTION_LINES = 5

LIBRARY = "plotly.min.js"
"""The file that a small page expects beside it; :func:`plotly.offline.get_plotlyjs` is its text."""

POLICY = (
    "default-src 'none'; script-src {own}'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 1080px; background: #fff;
  color: #1f2933; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
.formula, pre { font: 13px/1.5 ui-monospace, monospace; color: #40474f; }
pre { background: #f5f6f7; padding: .75rem 1rem; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.wide { overflow-x: auto; width: max-content; min-width: 100%; max-width: calc(100vw - 4rem);
  position: relative; left: 50%; transform: translateX(-50%); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1.25rem 0;
  font-size: 14px; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #e3e7ea;
  white-space: nowrap; }
th { font-weight: 600; color: #5b6570; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
@media print {
  .wide { position: static; width: auto; max-width: none; transform: none; overflow: visible; }
  table { font-size: 9px; }
  th, td { padding: .15rem .3rem; }
}
figure { margin: 2rem 0; break-inside: avoid; }
figcaption { font-size: 14px; color: #40474f; max-width: 75ch; margin: .25rem 1rem; }
summary { cursor: pointer; }
"""

SCRIPT = """
const CONFIG = {responsive: true, displaylogo: false};
for (const place of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(document.getElementById(place.id + "-data").textContent);
  if (window.innerWidth < 700) figure.layout.legend = {orientation: "h", y: -0.15};
  Promise.resolve()
    .then(() => {
      if (!window.Plotly) throw "put LIBRARY beside this page";
    })
    .then(() => Plotly.newPlot(place, figure.data, figure.layout, CONFIG))
    .catch((error) => { place.textContent = "This figure could not be drawn: " + error; });
}
""".replace("LIBRARY", LIBRARY)


@dataclass(frozen=True)
class Look:
    """How pictures are made for print.

    Attributes:
        width: Pixels of the layout, 240 to 4000; the height keeps its proportion. Fonts keep their
            size, so a narrow picture suits a column of a paper. None: 1000.
        scale: Pixels of a PNG for each pixel of the layout, 0.5 to 8.
        transparent: No background, instead of a white one.
        caption: Whether the command that makes a picture is written below it.

    Raises:
        ValueError: If a number is out of its range.
    """

    width: int | None = None
    scale: float = 2.0
    transparent: bool = False
    caption: bool = True

    def __post_init__(self) -> None:
        width, scale = self.width, from_plain(float, self.scale, "scale")
        if width is not None and not MIN_WIDTH <= from_plain(int, width, "width") <= MAX_WIDTH:
            raise ValueError(
                f"width is {width}, but must lie between {MIN_WIDTH} and {MAX_WIDTH} pixels"
            )
        if not 0.5 <= scale <= MAX_SCALE:
            raise ValueError(f"scale is {scale:g}, but must lie between 0.5 and {MAX_SCALE}")
        for name in ("transparent", "caption"):
            from_plain(bool, getattr(self, name), name)

    def apply(self, figure: go.Figure) -> go.Figure:
        """Give a dressed figure this width and background."""
        if self.width is not None:
            height = round(figure.layout.height * self.width / WIDTH)
            figure.update_layout(width=self.width, height=max(height, MIN_WIDTH))
        if self.transparent:
            clear = "rgba(0,0,0,0)"
            figure.update_layout(paper_bgcolor=clear, plot_bgcolor=clear)
        return figure


def dressed(
    figures: Mapping[str, go.Figure],
    spec: Mapping[str, Any],
    command: str,
    *,
    title: str,
    caption: bool,
) -> dict[str, go.Figure]:
    """Return copies of figures fit for print: white, sized, and carrying their spec.

    Args:
        figures: Figures by name.
        spec: The spec, put into each figure's ``layout.meta``.
        command: The command line that makes it, put there too.
        title: The title of figures that have none.
        caption: Whether to write the command below each figure.
    """
    facts = {"spec": dict(spec), "command": command}
    return {
        name: _dress(go.Figure(figure), name, facts, title, caption)
        for name, figure in figures.items()
    }


def _dress(
    figure: go.Figure, name: str, facts: dict[str, Any], title: str, caption: bool
) -> go.Figure:
    meta = figure.layout.meta
    facts = {**(meta if isinstance(meta, dict) else {}), **facts}
    top = max(60, int(figure.layout.margin.t or 0))
    bottom = max(BOTTOM, int(figure.layout.margin.b or 0))  # what a figure needs below its axes
    height = int(figure.layout.height or HEIGHTS.get(name, HEIGHT)) + bottom - BOTTOM
    figure.update_layout(
        template="plotly_white",
        title={"text": figure.layout.title.text or html.escape(title, quote=False)},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": FONT, "size": 14, "color": INK},
        margin={"l": 75, "r": 30, "t": top, "b": bottom},
        width=WIDTH,
        height=height,
        meta=facts,
    )
    figure.update_xaxes(gridcolor=RULE, linecolor=QUIET, zerolinecolor=RULE)
    figure.update_yaxes(gridcolor=RULE, linecolor=QUIET, zerolinecolor=RULE)
    if caption:
        lines = caption_lines(facts["command"])
        room = 16 * len(lines) + 8
        figure.update_layout(height=height + room, margin={"b": bottom + room})
        figure.add_annotation(
            text="<br>".join(html.escape(line, quote=False) for line in lines),
            font={"family": "DejaVu Sans Mono, Liberation Mono, monospace", "size": 10},
            align="left",
            showarrow=False,
            x=0,
            xref="paper",
            xanchor="left",
            xshift=-60,
            y=0,
            yref="paper",
            yanchor="top",
            yshift=-bottom,
        )
        figure.layout.annotations[-1].font.color = QUIET
    return figure


def caption_lines(command: str, width: int = 145) -> list[str]:
    """Break a command into lines of at most ``width`` characters, above 0.

    A very long one ends in a hint where all of it is.
    """
    lines = textwrap.wrap(command, width, break_long_words=True, break_on_hyphens=False)
    if len(lines) > CAPTION_LINES:
        lines = [*lines[: CAPTION_LINES - 1], "... (in full in spec.json and results.json)"]
    return lines


def page(
    figures: Mapping[str, go.Figure],
    spec: Mapping[str, Any],
    command: str,
    *,
    title: str,
    formula: str,
    about: str,
    said: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
    small: bool = False,
) -> str:
    """Return one HTML page with everything in it: plotly.js once, figures, table, spec, command.

    Args:
        figures: Figures by name, as :func:`dressed` returns them without a caption.
        spec: The spec; also there as JSON in ``<script id="spec">``.
        command: The command line that makes it.
        title: Heading.
        formula: Below it.
        about: How it was run.
        said: What happened, in words; lines as in :class:`sadam.lab.report.Report`.
        header: Names of the table's columns.
        rows: Cells of its rows.
        notes: Sentences below the figures, such as on one that is left out.
        small: Leave plotly.js out: the page reads it from :data:`LIBRARY` beside it.
    """
    policy = POLICY.format(own="'self' file: " if small else "")
    library = (
        f'<script src="{LIBRARY}"></script>' if small else f"<script>{get_plotlyjs()}</script>"
    )
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    plots = "\n".join(_plot(name, figure) for name, figure in figures.items())
    for note in notes:
        plots += f"\n<p>{html.escape(note[:1].upper() + note[1:])}.</p>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
{library}
</head>
<body>
<h1>{html.escape(title)}</h1>
<p class="formula">{html.escape(formula)}</p>
<p>{html.escape(about)}</p>
{_paragraphs(said)}
<div class="wide"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
{plots}
<h2>How to make this again</h2>
<pre>{html.escape(command)}</pre>
<details><summary>The spec</summary><pre>{html.escape(json.dumps(spec, indent=2))}</pre></details>
<script type="application/json" id="spec">{script_json(json.dumps(spec))}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _paragraphs(said: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(said))
    parts: list[str] = []
    for item, lines in groupby(filter(None, bold.split("\n")), lambda t: t.startswith("- ")):
        if item:
            points = "\n".join(f"<li>{line[2:]}</li>" for line in lines)
            parts.append(f"<ul>\n{points}\n</ul>")
        else:
            parts += [f"<p>{line}</p>" for line in lines]
    return "\n".join(parts)


def _plot(name: str, figure: go.Figure) -> str:
    figure = go.Figure(figure).update_layout(width=None, autosize=True)
    identity = f"figure-{html.escape(name)}"
    meta = figure.layout.meta or {}
    words = html.escape(meta.get("summary") or figure.layout.title.text or name)
    height = int(figure.layout.height or HEIGHT)
    caption = f"<figcaption>{html.escape(meta['words'])}</figcaption>" if "words" in meta else ""
    return (
        f'<figure><div class="plot" id="{identity}" role="img" aria-label="{words}" '
        f'style="height:{height}px"></div>{caption}</figure>\n'
        f'<script type="application/json" id="{identity}-data">'
        f"{script_json(figure.to_json())}</script>"
    )


def script_json(text: str) -> str:
    """Escape JSON so that nothing in it can end the script element it stands in."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
