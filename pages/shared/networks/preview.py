"""A small picture of the data, drawn as SVG: no chart, no second library."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from landscapes.data.datasets import Dataset
from sadam.lab.figures.training_maps import CLASSES

WIDTH, HEIGHT = 260, 130
SHOWN = 220  # examples at most
GREY = "#7D858F"  # readable on light and dark screens


def preview(data: Dataset) -> None:
    """Draw some training examples in the sidebar, with their number."""
    counts = f"{len(data.train)} / {len(data.validation)} / {len(data.test)}"
    kind = f"{len(data.classes)} classes" if data.classes else "values to predict"
    shape = "×".join(map(str, data.input_shape))
    drawn = b64encode(picture(data).encode()).decode()  # st.image would give it no alt
    st.html(
        f'<img src="data:image/svg+xml;base64,{drawn}" alt="{_label(data)}" style="width: 100%">'
    )
    st.caption(
        f"{counts} examples to train, validate and test; {shape} inputs, {kind}."
        if data.input_shape != (1,)
        else f"{counts} examples to train, validate and test; one input, {kind}."
    )


def picture(data: Dataset) -> str:
    """Return the picture as SVG; its marks have the classes' colours."""
    if data.name == "digits":
        marks, height = _digits(data), 60
    elif data.name == "mnist1d":
        marks, height = _curves(data), 90
    else:
        marks, height = _points(data), HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{_label(data)}">{"".join(marks)}</svg>'
    )


def _label(data: Dataset) -> str:
    """What the picture shows, for an attribute."""
    return html.escape(f"Some training examples of {data.name}")


def _points(data: Dataset) -> Iterator[str]:
    """The first two inputs, or the one input and the target, as dots."""
    part = data.train
    chosen = np.linspace(0, len(part) - 1, min(len(part), SHOWN)).round().astype(int)
    inputs, targets = part.inputs[chosen].reshape(len(chosen), -1), part.targets[chosen]
    rows = inputs[:, 1] if inputs.shape[1] > 1 else targets
    x, y = _spread(inputs[:, 0], WIDTH), HEIGHT - _spread(rows, HEIGHT)
    for a, b, target in zip(x, y, targets, strict=True):
        color = CLASSES[int(target) % len(CLASSES)] if data.classes else CLASSES[0]
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{color}" fill-opacity="0.85"/>'


def _spread(values: NDArray, size: int) -> NDArray:
    low, high = float(values.min()), float(values.max())
    return 6 + (size - 12) * (values - low) / ((high - low) or 1.0)


def _first_of_each(data: Dataset) -> Iterator[NDArray]:
    for i in range(len(data.classes)):
        own = np.flatnonzero(data.train.targets == i)
        if len(own):
            yield data.train.inputs[own[0]] * data.scale + data.mean


def _digits(data: Dataset) -> Iterator[str]:
    """One of each class, pixel by pixel."""
    cell = 3.0
    for i, example in enumerate(_first_of_each(data)):
        left, top = 3 + 25.5 * i, 18
        for j, ink in enumerate(example.reshape(8, 8).ravel() / 16):
            if ink > 0.1:
                x, y = left + cell * (j % 8), top + cell * (j // 8)
                yield (
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell}" height="{cell}" '
                    f'fill="{GREY}" fill-opacity="{ink:.2f}"/>'
                )


def _curves(data: Dataset) -> Iterator[str]:
    """One of each class as a curve."""
    for i, example in enumerate(_first_of_each(data)):
        x = 6 + 50 * (i % 5) + np.linspace(0, 42, example.size)
        y = 24 + 44 * (i // 5) - 5 * example.ravel()
        path = "L".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        color = CLASSES[i % len(CLASSES)]
        yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.4"/>'
