"""The maps and the point to take away: files, commands and Python that give the same numbers."""

from __future__ import annotations

import streamlit as st

from landscapes import get
from pages.shared.exports import buttons
from pages.shared.instability import inspector, pictures
from sadam.lab.calibration import CalibrationSpec
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


def script(spec: LgiMap) -> str:
    """The Python that computes the same maps."""
    return (
        "from sadam.lab.kinds import load\n"
        "from sadam.lab.lgi_map import run_map\n"
        "from sadam.lab.lgi_report import map_report\n\n"
        f"result = run_map(load('''{spec.to_json()}'''))\n"
        'print(result.fields["two-sided"].mean())\nprint(map_report(result).said)'
    )


def show(spec: LgiMap) -> None:
    """Draw the tab."""
    st.markdown("## Files of the maps")
    st.caption(
        "PNG and SVG of the maps on screen: the arrow below them. Every file carries the spec that "
        "made it. Files are built when you click."
    )
    buttons(FILES, f"lgi-{get(spec.landscape).stem}", lambda: map_bundle(pictures.map_of(spec)))
    st.markdown("## The same numbers without the browser")
    st.caption("The maps:")
    st.code(spec.to_command(), language="bash", wrap_lines=True)
    st.code(script(spec), language="python", wrap_lines=True)
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
