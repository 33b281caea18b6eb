"""A comparison to take away: the report, the rows, the tables, and the code that repeats it."""

from __future__ import annotations

import json
from collections.abc import Callable

import streamlit as st

from pages.shared.desk import Shown
from sadam.lab.archive import packed
from sadam.lab.compare import tables
from sadam.lab.compare.files import report_page, runs_file
from sadam.lab.compare.report import document
from sadam.lab.compare.results import Results
from sadam.lab.compare.spec import Compare

Made = Callable[[Results], bytes]

FILES: dict[str, tuple[str, str, str, Made]] = {
    "report.html": (
        "Report",
        "text/html",
        "One page that opens offline: every figure, its words, the spec and the command.",
        lambda results: report_page(results).encode(),
    ),
    "runs.parquet": (
        "Runs (Parquet)",
        "application/octet-stream",
        "A row for every run; the spec is in its metadata.",
        runs_file,
    ),
    "best.csv": (
        "Best (CSV)",
        "text/csv",
        "Each rule on each landscape at its own best learning rate.",
        lambda results: tables.best(results).to_csv(index=False).encode(),
    ),
    "ratios.csv": (
        "Ratios (CSV)",
        "text/csv",
        "Ratios to the baseline with their intervals.",
        lambda results: tables.ratios(results).to_csv(index=False).encode(),
    ),
    "results.json": (
        "Results",
        "application/json",
        "What the command prints with --json.",
        lambda results: json.dumps(
            document(results), indent=2, allow_nan=False, ensure_ascii=False
        ).encode(),
    ),
    "spec.json": (
        "Spec",
        "application/json",
        "For python -m sadam compare --spec.",
        lambda results: results.spec.to_json(indent=2).encode(),
    ),
}


def show(seen: Shown[Results], schedule: str) -> None:
    """Downloads, the command and the script."""
    results = seen.result
    st.caption("Every file is of all schedules and of what is complete, and carries the spec.")
    with st.container(horizontal=True):
        for name, (label, mime, told, make) in FILES.items():
            st.download_button(
                label,
                data=lambda make=make: make(results),
                file_name=f"compare-{name}",
                mime=mime,
                help=told,
                on_click="ignore",
                icon=":material/download:",
            )
        st.download_button(
            "Everything (zip)",
            data=lambda: packed({name: make(results) for name, (*_, make) in FILES.items()}),
            file_name="compare.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
        )
    st.caption(
        "The same numbers, without the browser. With `--out DIR` the command keeps every block as "
        "it comes and goes on from there; `python -m sadam report DIR` draws it, as PDF too; "
        "`--workers` and `--scheduler` spread it over processes and machines."
    )
    st.code(results.spec.to_command(), language="bash", wrap_lines=True)
    st.code(script(results.spec), language="python", wrap_lines=True)


def script(spec: Compare) -> str:
    """The Python that compares the same and draws the ratios."""
    return (
        "from sadam.lab.compare.report import headline, readable_table\n"
        "from sadam.lab.compare.run import run_compare\n"
        "from sadam.lab.kinds import load\n"
        "from sadam.lab.figures.compare import ratio_forest\n\n"
        f"results = run_compare(load('''{spec.to_json()}'''))\n"
        "print(headline(results))\n"
        "for row in readable_table(results)[1]:\n"
        '    print(*row, sep="\\t")\n'
        f'ratio_forest(results, "{spec.schedules[0]}").write_html("ratios.html")'
    )
