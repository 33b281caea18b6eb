"""A race to take away: files to download, and the code that repeats it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import streamlit as st

from sadam.lab.archive import zipped
from sadam.lab.export import Bundle, race_bundle, write_bundle
from sadam.lab.race import Race

File = tuple[str, str, str, str]  # format, label on the button, MIME type, help text

FILES: dict[str, File] = {
    "figures.html": ("html", "Interactive page", "text/html", "All figures; opens offline."),
    "trajectories.csv": ("csv", "CSV", "text/csv", "Every step of every rule."),
    "trajectories.parquet": (
        "parquet",
        "Parquet",
        "application/octet-stream",
        "The same, smaller and typed; the spec is in its metadata.",
    ),
    "race.gif": ("gif", "GIF", "image/gif", "The race as a moving picture."),
    "race.mp4": ("mp4", "MP4", "video/mp4", "The race as a film."),
    "spec.json": ("", "Spec", "application/json", "For python -m sadam race --spec."),
}


def _built(bundle: Bundle, formats: Iterable[str]) -> dict[str, bytes]:
    """The files of an export, by name."""
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(bundle, Path(folder), [form for form in formats if form])
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _everything(bundle: Bundle, formats: Iterable[str]) -> bytes:
    return zipped(bundle, _built(bundle, formats))


def buttons(files: Mapping[str, File], stem: str, bundle: Callable[[], Bundle]) -> None:
    """A row of buttons, each of which builds its file only when clicked, and one for all of them.

    Args:
        files: What each file of the export is, by its name.
        stem: What the downloaded files' names begin with.
        bundle: Makes what is exported.
    """
    with st.container(horizontal=True):
        for name, (form, label, mime, told) in files.items():
            st.download_button(
                label,
                data=lambda name=name, form=form: _built(bundle(), [form])[name],
                file_name=f"{stem}-{name}",
                mime=mime,
                help=told,
                on_click="ignore",
                icon=":material/download:",
            )
        st.download_button(
            "Everything (zip)",
            data=lambda: _everything(bundle(), [form for form, *_ in files.values()]),
            file_name=f"{stem}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
        )


def downloads(race: Race) -> None:
    """The files of a race."""
    st.caption(
        "PNG and SVG of the map and the curves: the arrow on the map; of a chart: its camera. "
        "PDF of every figure: the command under Code with `--out DIR`. Every file carries the spec "
        "that made it."
    )
    buttons(FILES, f"race-{race.landscape.stem}", lambda: race_bundle(race))


def script(race: Race) -> str:
    """The Python that computes the same race and draws the same map."""
    return (
        "from sadam.lab.kinds import load\n"
        "from sadam.lab.figures import trajectory_map\n"
        "from sadam.lab.race import results_table, run_race, sentence\n\n"
        f"race = run_race(load('''{race.experiment.to_json()}'''))\n"
        'table = results_table(race).set_index("title")\n'
        'print(table[["final_gap", "best_gap", "mean_brake", "evaluations"]].to_string())\n'
        "print(sentence(race))\n"
        'trajectory_map(race).write_html("race.html")'
    )


def code(race: Race) -> None:
    """The same race on the command line and in Python."""
    st.caption("The same numbers, without the browser:")
    st.code(race.experiment.to_command(), language="bash", wrap_lines=True)
    st.code(script(race), language="python", wrap_lines=True)
