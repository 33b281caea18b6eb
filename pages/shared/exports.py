"""A race to take away: files to download, and the code that repeats it."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import streamlit as st

from sadam.lab.export import write_race
from sadam.lab.race import Race

FILES = {
    "figures.html": ("html", "Interactive page", "text/html", "All figures; opens offline."),
    "trajectories.csv": ("csv", "CSV", "text/csv", "Every step of every rule."),
    "trajectories.parquet": (
        "parquet",
        "Parquet",
        "application/octet-stream",
        "The same, smaller and typed; the spec is in its metadata.",
    ),
    "spec.json": ("", "Spec", "application/json", "For python -m sadam race --spec."),
}


def _files(race: Race, *formats: str) -> dict[str, bytes]:
    """The files of an export, by name."""
    with tempfile.TemporaryDirectory() as folder:
        write_race(race, Path(folder), [form for form in formats if form])
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _zip(race: Race) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(race, "html", "csv", "parquet").items():
            archive.writestr(name, content)
    return buffer.getvalue()


def downloads(race: Race) -> None:
    """Buttons that build a file only when clicked."""
    st.caption(
        "PNG and SVG of the map: the camera button on the stage. PDF and pictures of every figure: "
        "the command under Code with `--out DIR`. Every file carries the spec that made it."
    )
    stem = f"race-{race.landscape.name}"
    with st.container(horizontal=True):
        for name, (form, label, mime, told) in FILES.items():
            st.download_button(
                label,
                data=lambda name=name, form=form: _files(race, form)[name],
                file_name=f"{stem}-{name}",
                mime=mime,
                help=told,
                on_click="ignore",
                icon=":material/download:",
            )
        st.download_button(
            "Everything (zip)",
            data=lambda: _zip(race),
            file_name=f"{stem}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
        )


def code(race: Race) -> None:
    """The same race on the command line and in Python."""
    st.caption("The same numbers, without the browser:")
    st.code(race.experiment.to_command(), language="bash", wrap_lines=True)
    spec = race.experiment.to_json()
    st.code(
        "from sadam.lab.experiment import load\n"
        "from sadam.lab.race import results_table, run_race, sentence\n\n"
        f"race = run_race(load('''{spec}'''))\n"
        "print(results_table(race))\nprint(sentence(race))",
        language="python",
        wrap_lines=True,
    )
