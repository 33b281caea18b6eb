"""The maps and the point to take away: files, commands and Python that give the same numbers."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import streamlit as st

from pages.shared.instability import inspector, pictures
from sadam.lab.calibration import CalibrationSpec
from sadam.lab.export import write_bundle
from sadam.lab.lgi_map import LgiMap
from sadam.lab.lgi_report import map_bundle

FILES = {
    "map.csv": ("csv", "CSV", "text/csv", "A row for each point."),
    "map.parquet": ("parquet", "Parquet", "application/octet-stream", "The same, smaller, typed."),
    "map.npz": ("npz", "NPZ", "application/octet-stream", "Axes and fields as NumPy arrays."),
    "results.json": ("", "JSON", "application/json", "The means at kinks and elsewhere."),
    "figures.html": ("html", "Interactive page", "text/html", "All maps; opens offline."),
    "spec.json": ("", "Spec", "application/json", "For python -m sadam lgi-map --spec."),
}


def _files(spec: LgiMap, *formats: str) -> dict[str, bytes]:
    """The files of an export, by name."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = map_bundle(pictures.map_of(spec))
        write_bundle(bundle, Path(folder), [form for form in formats if form])
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _zip(spec: LgiMap) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(spec, "html", "csv", "parquet", "npz").items():
            archive.writestr(name, content)
    return buffer.getvalue()


def show(spec: LgiMap) -> None:
    """Draw the tab."""
    st.markdown("### Files of the maps")
    st.caption(
        "PNG of the maps on screen: the arrow below them. Every file carries the spec that made "
        "it. Files are built when you click."
    )
    stem = f"lgi-{spec.landscape}"
    with st.container(horizontal=True):
        for name, (form, label, mime, told) in FILES.items():
            st.download_button(
                label,
                data=lambda name=name, form=form: _files(spec, form)[name],
                file_name=f"{stem}-{name}",
                mime=mime,
                help=told,
                on_click="ignore",
                icon=":material/download:",
            )
        st.download_button(
            "Everything (zip)",
            data=lambda: _zip(spec),
            file_name=f"{stem}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
        )
    st.markdown("### The same numbers without the browser")
    st.caption("The maps:")
    st.code(spec.to_command(), language="bash", wrap_lines=True)
    st.code(
        "from sadam.lab.experiment import load\n"
        "from sadam.lab.lgi_map import run_map\n"
        "from sadam.lab.lgi_report import map_report\n\n"
        f"result = run_map(load('''{spec.to_json()}'''))\n"
        'print(result.fields["two-sided"].mean())\nprint(map_report(result).said)',
        language="python",
        wrap_lines=True,
    )
    st.caption("The point:")
    point, probes, radius, seed, damping, degrees = inspector.arguments()
    angle = "" if degrees is None else f"    angle=math.radians({degrees}),\n"
    st.code(
        ("import math\n\n" if angle else "") + "from sadam.lab.inspector import inspect\n\n"
        f'found = inspect(\n    "{spec.landscape}",\n    {point},\n    num_probes={probes},\n'
        f"    radius={radius:g},\n    seed={seed},\n    damping_one_sided={damping[0]:g},\n"
        f"    damping_two_sided={damping[1]:g},\n{angle})\n"
        "print(found.sentence)",
        language="python",
        wrap_lines=True,
    )
    if spec.num_probes >= 2:
        st.caption("The calibration:")
        calibration = CalibrationSpec(
            landscape=spec.landscape,
            radii=(spec.radius,),
            grid=min(spec.grid, 201),
            num_probes=spec.num_probes,
            seed=spec.seed,
        )
        st.code(calibration.to_command(), language="bash", wrap_lines=True)
