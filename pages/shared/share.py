"""What is on screen, to take elsewhere: a link, a file, a command, a Python script."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.shared.links import Link
from pages.shared.words import sentence
from sadam.lab.codec import MAX_BYTES, SpecError
from sadam.lab.kinds import load
from sadam.lab.spec import Spec


def share(
    link: Link, spec: Spec, python: str, opened: Callable[[Spec], None], note: str = ""
) -> None:
    """Draw a button that opens all of them, each with a button to copy it.

    Args:
        link: How the page and its address agree.
        spec: What is on screen.
        python: The script that computes the same.
        opened: Called with the spec of a file that the visitor opens; SpecError if the page cannot
            show it.
        note: What the link does not bring, as a sentence; empty if it brings everything.
    """
    key = f"share_{link.page}"

    def given() -> None:
        file = st.session_state[f"{key}_file"]
        st.session_state.pop(f"{key}_problem", None)
        if file is None:
            return
        try:
            if file.size > MAX_BYTES:
                raise SpecError(f"the file is larger than {MAX_BYTES // 1_000_000} MB, the most")
            opened(load(file.getvalue()))
        except SpecError as error:
            st.session_state[f"{key}_problem"] = sentence(f"{file.name[:60]}: {error}")
        else:
            st.rerun()  # the whole page: its controls say something else now

    popover = st.popover("Share", icon=":material/share:", key=key, on_change="rerun")
    if not popover.open:
        return
    with popover:
        st.caption("The same picture with the same numbers, elsewhere. As a link:")
        st.code(link.address(), language=None, wrap_lines=True)
        if note:
            st.caption(note)
        st.caption("On the command line:")
        st.code(spec.to_command(), language="bash", wrap_lines=True)
        st.caption("In Python:")
        st.code(python, language="python", wrap_lines=True, height=180)
        st.caption("As a file, which this page, the command line (--spec) and Python read:")
        st.download_button(
            "Save the spec",
            spec.to_json(indent=2),
            f"{spec.kind}-spec.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        st.file_uploader(
            "Open a spec",
            ["json"],
            key=f"{key}_file",
            on_change=given,
            max_upload_size=MAX_BYTES // 1_000_000,
        )
        if problem := st.session_state.get(f"{key}_problem"):
            st.error(problem)
