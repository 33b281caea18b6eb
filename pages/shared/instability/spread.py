"""The spread of each estimator at the number of probes that the optimizer really draws."""

from __future__ import annotations

import streamlit as st

from landscapes import Landscape
from pages.shared.instability import controls, pictures
from pages.shared.maps import Line, maps
from sadam.lab.codec import SpecError

SHOWN = {"Standard deviation": "spread", "Mean": "mean"}


def show(landscape: Landscape, lines: list[Line]) -> None:
    """Draw the tab.

    Raises:
        SpecError: If the controls describe no map, as with k = 1.
    """
    spec = controls.spec_of_spread(landscape.name)
    result = pictures.map_of(spec)
    rows = {row["quantity"]: row for row in pictures.report_of(spec).document["results"]}
    one, two = (rows[f"spread-{kind}"]["mean"] for kind in ("one-sided", "two-sided"))
    if one is None or two is None:
        raise SpecError("there is no point at which an LGI can be measured, so it has no spread")
    st.markdown(
        f"An optimizer that draws k = {spec.spread_probes} directions sees a random LGI. From draw "
        f"to draw it varies, over this window on average, by **{one:.2g}** one-sided and "
        f"**{two:.2g}** two-sided (standard deviation)."
    )
    what = st.segmented_control(
        "Shown", list(SHOWN), default="Standard deviation", key="spread_shown", required=True
    )
    names = [f"{SHOWN[what]}-{kind}" for kind in ("one-sided", "two-sided")]
    maps(
        [pictures.pane(result, name, pictures.note(rows, name)) for name in names],
        key="spread_maps",
        window=landscape.window,
        lines=lines,
        point=controls.point(),
        label=f"{what} of both estimators on {landscape.title}",
        filename=f"spread-{landscape.stem}",
        on_click=controls.set_point,
    )
    st.caption(
        f"{what} over {spec.repetitions} independent draws of k = {spec.spread_probes} directions "
        f"at each point, radius {spec.radius:g}. Both maps above show what many probes agree on; "
        "this is what one step of the optimizer gets."
    )
    st.code(spec.to_command(), language="bash", wrap_lines=True)
