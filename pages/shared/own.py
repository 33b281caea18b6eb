"""A visitor's own function: the box it is typed in, and its parameters as sliders."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from landscapes import FormulaError, Landscape, free_names, get, parse_own
from pages.shared.redraw import redraw
from pages.shared.words import sentence

OWN = "own"  # what the list of landscapes calls it
EXAMPLES = {
    "Crossed kinks": "abs(x) + a*abs(y)",
    "Bent valley": "a*abs(y - x**2) + abs(1 - x)",
    "Max of three": "max(x**2 + y**2, a*x - y, 3 - y)",
    "ReLU net": "(relu(x + y) - relu(x - a*y) - 1)**2",
    "Quantized": "(round(a*x)/a)**2 + (round(a*y)/a)**2 + 0.1*(x**2 + y**2)",
    "Ripples": "abs(sin(a*x))*abs(y) + 0.1*(x**2 + y**2)",
}
DEFAULTS = {"own_text": EXAMPLES["Crossed kinks"], "own_window": "-3, 3, -3, 3", "own_values": {}}
MAX_PARAMETERS = 8
_GOOD, _ERROR = "own_good", "own_error"


def own_function() -> Landscape:
    """The function in the box; while that is none, the last one that was."""
    state = st.session_state
    state.pop(_ERROR, None)
    try:
        landscape = get(_name())
    except ValueError as error:
        state[_ERROR] = error
        return get(state.get(_GOOD, f"= {DEFAULTS['own_text']}"))
    state[_GOOD] = landscape.name
    return landscape


def _name() -> str:
    state = st.session_state
    names = _parameters()
    if len(names) > MAX_PARAMETERS:
        raise ValueError(
            f"{len(names)} names are too many to have a slider each, at most {MAX_PARAMETERS} are"
        )
    parts = [f"= {state['own_text'].strip()}"]
    parts += [f"{name} = {state['own_values'].get(name, 1.0)!r}" for name in names]
    if state["own_window"] != DEFAULTS["own_window"]:
        parts.append(f"window = {state['own_window']}")
    return "; ".join(parts)


def _parameters() -> tuple[str, ...]:
    return free_names(st.session_state["own_text"])


def idle(name: str) -> bool:
    """Whether a control is one of the box's while a landscape of the catalogue is chosen."""
    return name in DEFAULTS and st.session_state["landscape"] != OWN


def values_of(name: str) -> dict[str, object]:
    """What the box would hold of a function's name."""
    text, parameters, (across, up), _ = parse_own(name)
    window = ", ".join(f"{side!r}".removesuffix(".0") for side in (*across, *up))
    return {"own_text": text, "own_window": window, "own_values": parameters}


def box(set_start: Callable[[float, float], None]) -> None:
    """Draw the box, what is wrong with what is in it, its parameters and its window.

    Args:
        set_start: Called with the start that suits a new function.
    """
    state = st.session_state

    def changed() -> None:
        set_start(*own_function().start)

    def example() -> None:
        if state["own_example"] is not None:
            state["own_text"] = EXAMPLES[state["own_example"]]
            state["own_example"] = None
            changed()

    def moved(name: str) -> None:
        state["own_values"] = {**state["own_values"], name: state[f"own_value_{name}"]}
        redraw()

    st.text_input(
        "f(x, y) =",
        key="own_text",
        on_change=changed,
        max_chars=1000,
        help="Numbers, x, y, pi, e, + - * / **, comparisons, and abs max min sqrt exp log sin cos "
        "tan tanh relu sign round floor where(condition, a, b). Other names become sliders. It is "
        "read, never run.",
    )
    error = state.get(_ERROR)
    if isinstance(error, FormulaError):
        mark = " " * (error.column - 1) + "^"
        st.code(f"{state['own_text']}\n{mark}", language=None)
    if error is not None:
        st.error(f"{sentence(error)} Until then the last one is shown.")
    else:
        st.caption(own_function().note)
        for name in _parameters():
            value = float(state["own_values"].get(name, 1.0))
            state[f"own_value_{name}"] = value
            st.slider(
                name,
                min(-10.0, value),
                max(10.0, value),
                step=0.1,
                key=f"own_value_{name}",
                on_change=moved,
                args=(name,),
            )
    st.pills("Examples", list(EXAMPLES), key="own_example", on_change=example)
    st.text_input(
        "Window: x from, to, y from, to",
        key="own_window",
        on_change=changed,
        max_chars=100,
        help="The part of the plane to draw, and to search for kinks and the least value.",
    )
