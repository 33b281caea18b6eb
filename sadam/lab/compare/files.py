"""What is written about a comparison beside its runs: tables, the report page, its PDF."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq

from sadam.lab import webpage
from sadam.lab.compare import tables
from sadam.lab.compare.report import compare_report
from sadam.lab.compare.results import Results
from sadam.lab.directories import staged
from sadam.lab.export import with_metadata
from sadam.lab.images import NO_BROWSER, find_browser

MAX_MAPS = 6  # of each kind on one page; the others are in the data
PRINT_TIMEOUT = 120.0  # seconds


def compare_figures(results: Results) -> dict[str, go.Figure]:
    """Return every figure that a comparison gives rise to, by the name its place gets.

    None while no problem is complete; maps of the first :data:`MAX_MAPS` problems.
    """
    return dict(_figures(results))


def _figures(results: Results) -> Iterator[tuple[str, go.Figure]]:
    from sadam.lab.figures import compare, compare_maps

    if not results.problems:
        return
    spec = results.spec
    several, tuned = len(results.problems) > 1, len(spec.lrs) > 1
    for schedule in spec.schedules:
        if len(results.labels) > 1:
            yield f"ratios-{schedule}", compare.ratio_forest(results, schedule)
        if tuned:
            yield f"sensitivity-{schedule}", compare.lr_sensitivity(results, schedule)
        if several and len(results.labels) > 1:
            yield f"verdicts-{schedule}", compare.verdict_matrix(results, schedule)
            yield f"ranks-{schedule}", compare.rank_diagram(results, schedule)
        yield f"performance-{schedule}", compare.performance_profile(results, schedule)
        yield f"data-{schedule}", compare.data_profile(results, schedule)
        yield f"ends-{schedule}", compare_maps.run_ends(results, schedule)
        for name in results.problems[:MAX_MAPS]:
            if spec.starts.kind == "grid" and spec.starts.number > 1:
                yield f"basins-{schedule}-{name}", compare_maps.basin_map(results, name, schedule)
            for i, (label, x, y) in enumerate(tables.heatmaps_of(results)[:MAX_MAPS]):
                yield (
                    f"map-{schedule}-{name}-{i}",
                    compare_maps.hyperparameter_map(results, label, name, schedule, x, y),
                )


def _left_out(results: Results) -> list[str]:
    """Say which maps :func:`compare_figures` leaves out."""
    spec, more = results.spec, len(results.problems) - MAX_MAPS
    maps = len(tables.heatmaps_of(results)) if results.problems else 0
    said = []
    if more > 0 and (maps or (spec.starts.kind == "grid" and spec.starts.number > 1)):
        said.append(f"left out: the maps of {more} of {len(results.problems)} {spec.nouns}")
    if maps > MAX_MAPS:
        said.append(f"left out: {maps - MAX_MAPS} of {maps} heatmaps of each")
    return said


def write_tables(results: Results, directory: str | os.PathLike[str]) -> None:
    """Write ``results.json``, ``best.csv`` and ``ratios.csv`` into a directory.

    Raises:
        ExportError: If it cannot be written to; then nothing in it has changed.
    """
    report = compare_report(results)
    text = json.dumps(report.document, indent=2, allow_nan=False, ensure_ascii=False)
    with staged(directory) as stage:
        (stage / "results.json").write_text(text + "\n", encoding="utf-8")
        tables.best(results).to_csv(stage / "best.csv", index=False)
        tables.ratios(results).to_csv(stage / "ratios.csv", index=False)


def runs_file(results: Results) -> bytes:
    """Return the rows of every run as a Parquet file that carries the spec."""
    table = pa.Table.from_pandas(results.frame, preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(with_metadata(table, results.spec), sink, compression="zstd")
    return sink.getvalue()


def report_page(results: Results) -> str:
    """Return the report as one HTML page that opens offline; of nothing complete it says so."""
    report = compare_report(results)
    spec, command = results.spec.to_dict(), results.spec.to_command()
    figures = webpage.dressed(
        compare_figures(results), spec, command, title=report.title, caption=False
    )
    return webpage.page(
        figures,
        spec,
        command,
        title=report.title,
        formula=report.formula,
        about=report.about,
        said=report.said,
        header=report.header,
        rows=report.rows,
        notes=_left_out(results),
    )


def write_report(
    results: Results, directory: str | os.PathLike[str], *, pdf: bool = True
) -> tuple[list[Path], list[str]]:
    """Write ``report.html`` and, where there is a browser, ``report.pdf``.

    Returns:
        The files written, and a sentence for each thing that went wrong.

    Raises:
        ExportError: If the directory cannot be written to; then nothing in it has changed.
    """
    notes: list[str] = []
    with staged(directory) as stage:
        page = stage / "report.html"
        page.write_text(report_page(results), encoding="utf-8")
        if pdf and (problem := print_pdf(page, stage / "report.pdf")):
            notes.append(problem)
        names = sorted(path.name for path in stage.iterdir())
    return [Path(directory) / name for name in names], notes


def print_pdf(page: Path, target: Path, timeout: float = PRINT_TIMEOUT) -> str | None:
    """Print an HTML page to PDF with a browser of its own.

    Args:
        page: A file that is there.
        target: The PDF; its directory is there.
        timeout: Seconds to wait, above 0.

    Returns:
        None, or a sentence that says why there is no PDF.
    """
    browser = find_browser()
    if browser is None:
        return NO_BROWSER
    with tempfile.TemporaryDirectory(prefix="sadam-", ignore_cleanup_errors=True) as scratch:
        words = [
            browser,
            "--headless",
            "--no-sandbox",  # the page is ours, and its policy lets it ask for nothing
            "--disable-gpu",
            f"--user-data-dir={scratch}",
            "--virtual-time-budget=60000",  # until all figures are drawn
            "--no-pdf-header-footer",
            f"--print-to-pdf={target.resolve()}",
            page.resolve().as_uri(),
        ]
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"the browser did not print the report within {timeout:g} seconds"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if not target.exists() or not target.read_bytes().startswith(b"%PDF"):
        target.unlink(missing_ok=True)
        return "the browser ended without printing the report"
    return None
