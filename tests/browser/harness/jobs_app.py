"""An app that works in the background when its address asks for it, and counts who does."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[3]))

from pages.shared import jobs


class Step(NamedTuple):
    step: int
    steps: int
    result: object


def work():
    for i in range(10**6):
        time.sleep(0.005)
        yield Step(i, 10**6, lambda i=i: i)


if "work" in st.query_params and "job" not in st.session_state:
    st.session_state["job"] = jobs.start(work)


@st.fragment(run_every=0.3)
def count():
    st.write(f"{jobs.running()} running")


count()
