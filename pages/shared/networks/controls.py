"""The Networks page's controls in the session's state: their address, their training, its data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from landscapes.data.csv_data import read_csv
from landscapes.data.datasets import DataError, Dataset, DataSpec
from landscapes.data.loading import load
from landscapes.data.made_data import SOURCES
from pages.shared import links
from pages.shared.kept import kept
from pages.shared.networks.values import (
    DEFAULTS,
    FIELDS,
    OWN,
    SETTINGS,
    allowed,
    data_of,
    settings_of,
    training_of,
    usual,
    values_of,
)
from sadam.lab.codec import SpecError
from sadam.lab.spec import Spec
from sadam.lab.training import Training
from sadam.lab.training.spec import FLAT_IMAGES

PREFIX = "net_"  # of this page's keys; app.py holds their values while other pages are shown
FILE = "_net_csv"  # name and content of the CSV that was uploaded; None: the page waits for one
_OPENED = "_net_opened"
_TOLD = "_net_told"
_READ = "_net_read"  # the visitor's own data, what they were read from and how
_LOST_FILE = (
    "its data are a CSV file, which does not travel in a link, so these are other data until you "
    "choose the file under Data"
)


def value(name: str) -> Any:
    """What a control of this page holds."""
    return st.session_state[PREFIX + name]


def put(**values: Any) -> None:
    """Set what says the training; what is not named goes back to what it was at the beginning."""
    for name, default in SETTINGS.items():
        st.session_state[PREFIX + name] = values.get(name, default)


def keep() -> None:
    """Give every control its value, and hold it while the visitor is on another page."""
    for name, default in DEFAULTS.items():
        st.session_state[PREFIX + name] = st.session_state.get(PREFIX + name, default)


# ---- the address


def link(dataset: str | None = None) -> links.Link:
    """How this page and its address agree.

    Args:
        dataset: The data whose usual size and noise need not be said; by default those chosen.
    """
    defaults = DEFAULTS | usual(value("dataset") if dataset is None else dataset)
    return links.Link(
        "networks",
        {PREFIX + name: read for name, read in FIELDS.items()},
        {PREFIX + name: default for name, default in defaults.items()},
        _idle,
    )


def _idle(name: str) -> bool:
    """Whether a control means nothing as things are."""
    name, dataset = name.removeprefix(PREFIX), value("dataset")
    if value("loaded"):
        return name in SETTINGS and name != "loaded"
    return {
        "n": dataset not in SOURCES,
        "noise": dataset not in SOURCES,
        "target": dataset != OWN,
        "kind": dataset not in FLAT_IMAGES,
    }.get(name, False)


def take() -> bool:
    """Bring the controls in line with the address.

    Returns:
        Whether it, or a spec that was opened, brought something new.
    """
    state = st.session_state
    before = [state.get(PREFIX + name) for name in SETTINGS]
    link(st.query_params.get(f"{PREFIX}dataset", SETTINGS["dataset"])).take()
    keep()
    moved = [value(name) for name in SETTINGS] != before
    _settle()
    return bool(state.pop(_OPENED, False)) or moved


def _settle() -> None:
    """Put in order what no field can know of the others, and say so."""
    state = st.session_state
    source = SOURCES.get(value("dataset"))
    if source is not None and value("n") > source.most:
        links.note(f"{PREFIX}n must be at most {source.most}, not {value('n')}")
        state[f"{PREFIX}n"] = source.n
    if value("kind") == "conv" and value("dataset") not in FLAT_IMAGES:
        links.note(f"{PREFIX}kind must be mlp, as these data are no images")
        state[f"{PREFIX}kind"] = "mlp"
    if value("dataset") == OWN and FILE not in state:
        links.note(_LOST_FILE)
        for name in ("dataset", "n", "noise"):
            state[PREFIX + name] = SETTINGS[name]
    if value("loaded"):
        try:
            spec = loaded()
            if spec.data.name == OWN and FILE not in state:
                links.note(_LOST_FILE)
                state[f"{PREFIX}loaded"] = replace(spec, data=DataSpec()).to_json()
        except SpecError as error:
            links.note(f"its spec is not one that this page shows ({error})")
            state[f"{PREFIX}loaded"] = ""


def show_notes() -> None:
    """Say what of the address was ignored, until the visitor changes a control.

    The page runs again when its training ends, which is no reason to take back what was said.
    """
    state = st.session_state
    if told := links.notes():
        state[_TOLD] = told, _values()
    told, values = state.get(_TOLD, ("", None))
    if values == _values():
        st.warning(told, icon=":material/link_off:")


def query_of(spec: Training, **more: Any) -> dict[str, str]:
    """The query of an address at which this page opens a training, and more of its controls."""
    said = values_of(spec)
    said = {"loaded": said["loaded"]} if said["loaded"] else said
    return link(spec.data.name).query({PREFIX + n: v for n, v in {**said, **more}.items()})


def open_spec(spec: Spec) -> None:
    """Bring the controls in line with a spec; what they cannot say is held beside them.

    Raises:
        SpecError: If it is not the spec of a training, or of one that this page does not run.
    """
    if not isinstance(spec, Training):
        raise SpecError(f"this is a spec of kind {spec.kind!r}; this page opens trainings")
    put(**values_of(allowed(spec)))
    if spec.data.name == OWN:
        wait_for_csv()
    st.session_state[_OPENED] = True


def wait_for_csv() -> None:
    """Let the page wait for a CSV file if there is none."""
    st.session_state.setdefault(FILE, None)


def loaded() -> Training:
    """The training that came as a spec.

    Raises:
        SpecError: If it is none, or one that this page does not run.
    """
    return allowed(Training.from_json(value("loaded")))


def use_controls() -> None:
    """Keep of a spec what the controls can say."""
    put(**settings_of(loaded()))


# ---- the training and its data


@kept("data")
def _made(spec: DataSpec) -> Dataset:
    """Data that are made here, once for all visitors."""
    return load(spec)


def _read(content: bytes, spec: DataSpec) -> Dataset:
    """A visitor's own data, read once and kept with the session only."""
    held = st.session_state.get(_READ)
    if held is None or held[0] is not content or held[1] != spec:
        held = st.session_state[_READ] = (content, spec, read_csv(content, spec))
    return held[2]


def data_spec() -> DataSpec:
    """Build the spec of the data.

    Raises:
        SpecError: If the controls describe none.
    """
    data = loaded().data if value("loaded") else data_of(_values())
    if data.name != OWN:
        return data
    if st.session_state[FILE] is None:
        raise SpecError("choose a CSV file on the left: features and a target, a row an example")
    return replace(data, path=st.session_state[FILE][0])


def load_data(spec: DataSpec) -> Dataset:
    """Return the data of a spec: made here, or the file that was uploaded. No path is opened.

    Raises:
        SpecError: If the file is not as it should be.
    """
    try:
        if spec.name != OWN:
            return _made(spec)
        return _read(st.session_state[FILE][1], spec)
    except DataError as error:
        raise SpecError(str(error)) from None


def training(data: DataSpec) -> Training:
    """Build the training from the session's state, drawn or not, once :func:`keep` was called.

    Raises:
        SpecError: If the state describes none, or one that this page does not run.
    """
    if value("loaded"):
        return replace(loaded(), data=data)
    return allowed(training_of(_values(), data))


def _values() -> dict[str, Any]:
    return {name: value(name) for name in SETTINGS}
