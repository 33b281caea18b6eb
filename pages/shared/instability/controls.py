"""The Instability page's controls: what a visitor sets becomes the spec of a map."""

from __future__ import annotations

from typing import Any

import streamlit as st

from landscapes import Landscape, get, is_own
from pages.shared import controls as race_controls
from pages.shared import links, own, widgets
from pages.shared.sidebar import landscape_choice
from sadam.lab.checked import check_enough_probes
from sadam.lab.codec import SpecError
from sadam.lab.inspector import SCALES
from sadam.lab.lgi_map import MIN_GRID, QUANTITIES, LgiMap, Probes
from sadam.lab.spec import MAX_SEED, Spec

PREFIX = "lgi_"  # of this page's keys; app.py holds their values while other pages are shown
RADII = [float(f"{m}e{e}") for e in range(-4, 0) for m in (1, 1.5, 2, 3, 5, 7)] + [1.0]
PROBES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
GRIDS = [101, 201, 401]
SHOWN: dict[str, Probes] = {  # what a map can show -> what must be measured for it
    "one-sided": "one-sided",
    "two-sided": "two-sided",
    "brake-one-sided": "one-sided",
    "brake-two-sided": "two-sided",
    "goldstein": "goldstein",
    "stationarity": "stationarity",
}
VIEWS = ["Side by side", "Difference"]
ALL_SCALES = "All scales"
SLICE_SCALES = [ALL_SCALES] + [f"{scale:.0e}" if scale < 1 else "1" for scale in SCALES]

TABS = ("Inspector", "Calibration", "Spread", "Data and code")

DEFAULTS = {
    "radius": widgets.RULE_DEFAULTS["radius"],
    "left": "one-sided",
    "right": "two-sided",
    "view": VIEWS[0],
    "num_probes": 64,
    "grid": 201,
    "draws": widgets.RULE_DEFAULTS["num_probes"],
    "seed": 0,
    "damping_one": widgets.RULE_DEFAULTS["damping_one"],
    "damping_two": widgets.RULE_DEFAULTS["damping_two"],
    "kinks": True,
    "contours": False,
    "paths": False,
    "angle": 0,
    "across": True,
    "parts": False,
    "scale": ALL_SCALES,
    "tab": TABS[0],
}


FIELDS: dict[str, links.Read] = {  # how a link is read
    **{name: race_controls.FIELDS[name] for name in ("landscape", *own.DEFAULTS)},
    **{
        PREFIX + name: read
        for name, read in {
            "radius": widgets.RULE_FIELDS["radius"],
            "left": links.choice(SHOWN),
            "right": links.choice(SHOWN),
            "view": links.choice(VIEWS),
            "num_probes": links.number(1, PROBES[-1], whole=True),
            "grid": links.number(MIN_GRID, GRIDS[-1], whole=True),
            "draws": widgets.RULE_FIELDS["num_probes"],
            "seed": links.number(0, MAX_SEED, whole=True),
            "damping_one": widgets.RULE_FIELDS["damping_one"],
            "damping_two": widgets.RULE_FIELDS["damping_two"],
            "kinks": links.flag,
            "contours": links.flag,
            "paths": links.flag,
            "angle": links.number(0, 179, whole=True),
            "across": links.flag,
            "parts": links.flag,
            "scale": links.choice(SLICE_SCALES),
            "tab": links.choice(TABS),
            "x": links.number(-1e6, 1e6),
            "y": links.number(-1e6, 1e6),
        }.items()
    },
}
LINKED = {
    **{PREFIX + name: default for name, default in DEFAULTS.items()},
    "landscape": race_controls.DEFAULTS["landscape"],
    **own.DEFAULTS,
}


def value(name: str) -> Any:
    """What a control of this page holds."""
    return st.session_state[PREFIX + name]


def point() -> tuple[float, float]:
    """The point under inspection."""
    return value("x"), value("y")


def set_point(x: float, y: float) -> None:
    """Inspect this point from the next run on."""
    st.session_state[f"{PREFIX}x"], st.session_state[f"{PREFIX}y"] = round(x, 6), round(y, 6)


def _reset() -> None:
    st.session_state.update({PREFIX + name: value for name, value in DEFAULTS.items()})
    st.session_state.pop(f"{PREFIX}x", None)


def prepare() -> Landscape:
    """Give every control of the page a value; the point, one that suits the landscape."""
    linked = links.Link("instability", FIELDS, LINKED).take()
    race_controls.keep()
    state = st.session_state
    for name, default in DEFAULTS.items():
        state.setdefault(PREFIX + name, default)
    landscape = race_controls.chosen()
    both = {f"{PREFIX}x", f"{PREFIX}y"}
    if both <= linked:  # the point of a link belongs to the link's landscape
        state[f"{PREFIX}of"] = landscape.name
    if not both <= set(state) or state.get(f"{PREFIX}of") != landscape.name:
        state[f"{PREFIX}of"] = landscape.name
        set_point(*first_point(landscape))
    return landscape


def link() -> links.Link:
    """How this page and its address agree."""
    x, y = first_point(race_controls.chosen())
    return links.Link(
        "instability",
        FIELDS,
        LINKED | {f"{PREFIX}x": round(x, 6), f"{PREFIX}y": round(y, 6)},
        own.idle,
    )


def open_spec(spec: Spec) -> None:
    """Bring the controls in line with the spec of a map.

    Raises:
        SpecError: If it is none, or of another window than the landscape's own.
    """
    if not isinstance(spec, LgiMap):
        raise SpecError(f"this is a spec of kind {spec.kind!r}; this page opens maps")
    if spec.window != get(spec.landscape).window:
        raise SpecError(
            "its window is not the landscape's own, which this page draws; the command line draws "
            "any"
        )
    found = [name for name, probes in SHOWN.items() if probes in spec.probes] * 2
    own_function = is_own(spec.landscape)
    st.session_state.update(
        own.values_of(spec.landscape) if own_function else {},
        landscape=own.OWN if own_function else spec.landscape,
        **{
            PREFIX + name: value
            for name, value in {
                **DEFAULTS,
                "radius": spec.radius,
                "num_probes": spec.num_probes,
                "grid": spec.grid,
                "seed": spec.seed,
                "draws": min(spec.spread_probes, 32),
                "damping_one": spec.damping_one_sided,
                "damping_two": spec.damping_two_sided,
                **dict(zip(("left", "right"), found, strict=False)),
            }.items()
        },
    )


def first_point(landscape: Landscape) -> tuple[float, float]:
    """Where the inspector looks first: at a minimum if one is known, else at the start."""
    inside = [
        (float(x), float(y))
        for x, y in landscape.minimisers
        if all(low <= at <= high for at, (low, high) in zip((x, y), landscape.window, strict=True))
    ]
    return inside[0] if inside else landscape.start


def sidebar() -> None:
    """Draw the controls beside the page."""
    with st.sidebar:
        landscape_choice()
        st.markdown("**Maps**")
        st.select_slider(
            "Probes per point",
            links.with_value(f"{PREFIX}num_probes", PROBES),
            key=f"{PREFIX}num_probes",
            help="Random directions at each point of a map, the same at all points. Many show the "
            "estimator's expectation; the optimizer itself draws few, see Spread.",
        )
        st.segmented_control(
            "Grid",
            links.with_value(f"{PREFIX}grid", GRIDS),
            key=f"{PREFIX}grid",
            required=True,
            help="Points along each side.",
        )
        with st.container(horizontal=True):
            st.toggle("Kinks", key=f"{PREFIX}kinks", help="Where the landscape declares kinks.")
            st.toggle("Contours", key=f"{PREFIX}contours", help="Of log10(f - f* + c).")
            st.toggle("Race's paths", key=f"{PREFIX}paths", help="The race set up on page Race.")
        st.markdown("**The optimizer**")
        st.slider(
            "Probes k",
            1,
            32,
            key=f"{PREFIX}draws",
            help="Directions drawn at each step, for the inspector and the spread. Authors' "
            "default: 2.",
        )
        widgets.dampings(PREFIX)
        st.number_input(
            "Seed",
            min_value=0,
            max_value=MAX_SEED,
            step=1,
            key=f"{PREFIX}seed",
            help="Of the directions. The same seed gives the same numbers everywhere.",
        )
        st.button(
            "Reset this page", on_click=_reset, width="stretch", icon=":material/restart_alt:"
        )


def map_controls() -> None:
    """Draw what belongs directly above the maps: the radius, and which maps are shown."""
    radius, left, right, view = st.columns([4, 3, 3, 3], vertical_alignment="bottom", gap="medium")
    radius.select_slider(
        "Probe radius σ",
        links.with_value(f"{PREFIX}radius", RADII),
        key=f"{PREFIX}radius",
        format_func=lambda r: f"{r:g}",
        help="How far from the point the loss is probed, in units of x. Authors' default: 0.01.",
    )
    for column, name in ((left, "left"), (right, "right")):
        column.selectbox(
            "Left map" if name == "left" else "Right map",
            list(SHOWN),
            format_func=lambda field: QUANTITIES[field].title,
            key=PREFIX + name,
        )
    view.segmented_control("View", VIEWS, key=f"{PREFIX}view", required=True)


def fields() -> tuple[str, ...]:
    """The fields that are shown, left and right."""
    return value("left"), value("right")


def spec_of_maps(landscape: str) -> tuple[LgiMap, str | None]:
    """Build the spec of the maps on screen, and say what is left out of it and why.

    Raises:
        SpecError: If the controls describe none.
    """
    wanted = {SHOWN[name] for name in fields()} | {"one-sided", "two-sided"}
    problem = None
    if value("num_probes") < 2:
        try:
            check_enough_probes(value("num_probes"))
        except ValueError as error:
            problem = str(error)
        wanted.discard("one-sided")
    return _spec(landscape, tuple(dict.fromkeys(p for p in SHOWN.values() if p in wanted))), problem


def spec_of_spread(landscape: str) -> LgiMap:
    """Build the spec of the spread at the k that the optimizer draws.

    Raises:
        SpecError: If the controls describe none, as with k = 1.
    """
    return _spec(landscape, ("spread",))


def _spec(landscape: str, probes: tuple[Probes, ...]) -> LgiMap:
    return LgiMap(
        landscape=landscape,
        grid=value("grid"),
        probes=probes,
        num_probes=value("num_probes"),
        radius=value("radius"),
        seed=value("seed"),
        damping_one_sided=value("damping_one"),
        damping_two_sided=value("damping_two"),
        spread_probes=value("draws"),
    )
