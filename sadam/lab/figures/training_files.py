"""Every figure of a training, by the name that its file gets."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from landscapes.nets.networks import MLP
from sadam.lab.codec import SpecError
from sadam.lab.figures.training import (
    accuracy_by_step,
    drawn,
    loss_by_evaluations,
    loss_by_step,
    lr_sensitivity,
    minibatch_loss,
    training_chattering,
    training_instability,
)
from sadam.lab.figures.training_maps import (
    decision_map,
    fitted_curve,
    is_planar,
    loss_plane_lgi,
    loss_plane_map,
)
from sadam.lab.figures.units import unit_pictures
from sadam.lab.training.plane import loss_plane, work_of
from sadam.lab.training.run import TrainingResult
from sadam.lab.training.spec import multiplications


def figures_of(result: TrainingResult) -> Mapping[str, go.Figure]:
    """Every figure that a training has, by the name its file gets."""
    found = {"loss": loss_by_step(result)}
    if result.data.classes:
        found["accuracy"] = accuracy_by_step(result)
    found["loss-by-evaluations"] = loss_by_evaluations(result)
    if result.run.steps:
        found["minibatch-loss"] = minibatch_loss(result)
        found["instability"] = training_instability(result)
        found["chattering"] = training_chattering(result)
    if result.spec.lr_grid:
        found["lr-sensitivity"] = lr_sensitivity(result)
        found["loss-at-best"] = loss_by_step(result, at="best")
    return {**found, **_maps(result)}


def _maps(result: TrainingResult) -> Mapping[str, go.Figure]:
    found: dict[str, go.Figure] = {}
    if is_planar(result):
        for label, _, _ in drawn(result):
            found[f"decision-{_file_name(label)}"] = decision_map(result, label)
        if isinstance(result.network, MLP):
            for label, _, _ in drawn(result):
                found[f"units-{_file_name(label)}"] = unit_pictures(result, label)
    elif result.data.input_shape == (1,):
        found["fit"] = fitted_curve(result)
    if result.run.steps:
        try:
            view = loss_plane(result)
        except SpecError:
            return found
        found["loss-plane"] = loss_plane_map(result, view)
        work = view.examples * view.values.size * multiplications(result.network)
        if work <= 2 * work_of(result.network):  # a plane for every probe
            found["loss-plane-lgi"] = loss_plane_lgi(result, view)
    return found


def _file_name(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in label)
