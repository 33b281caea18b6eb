"""Every figure of a training, by the name that its file gets, and why some are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

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
from sadam.lab.training.plane import LossPlane, loss_plane, work_of
from sadam.lab.training.run import TrainingResult
from sadam.lab.training.spec import multiplications


class Figures(NamedTuple):
    """What there is to draw of a training.

    Attributes:
        drawn: The figures by the names of their files.
        left_out: Why there is not another that trainings may have, by its name, as words behind
            "because".
    """

    drawn: Mapping[str, go.Figure]
    left_out: Mapping[str, str]


def figures_and_left_out(result: TrainingResult) -> Figures:
    """Every figure that a training has, and why the loss plane, or the LGI on it, is not there.

    Without a step taken there are only the curves of the losses.
    """
    planes = _planes(result)
    return Figures({**_curves(result), **_maps(result), **planes.drawn}, planes.left_out)


def _curves(result: TrainingResult) -> dict[str, go.Figure]:
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
    return found


def _maps(result: TrainingResult) -> dict[str, go.Figure]:
    found: dict[str, go.Figure] = {}
    if is_planar(result):
        for label, _, _ in drawn(result):
            found[f"decision-{_file_name(label)}"] = decision_map(result, label)
        if isinstance(result.network, MLP):
            for label, _, _ in drawn(result):
                found[f"units-{_file_name(label)}"] = unit_pictures(result, label)
    elif result.data.input_shape == (1,):
        found["fit"] = fitted_curve(result)
    return found


def _planes(result: TrainingResult) -> Figures:
    plane, lgi = "loss-plane", "loss-plane-lgi"
    if not result.run.steps:
        return Figures({}, {})
    try:
        view = loss_plane(result)
    except SpecError as error:
        return Figures({}, dict.fromkeys((plane, lgi), str(error)))
    found = {plane: loss_plane_map(result, view)}
    work, most = _work_of_probe(result, view), 2 * work_of(result.network)
    if work <= most:
        return Figures({**found, lgi: loss_plane_lgi(result, view)}, {})
    why = (
        f"the loss on a whole plane for one probe takes {work:.1e} multiplications with this "
        f"network, and more than {most:.0e} take too long"
    )
    return Figures(found, {lgi: why})


def _work_of_probe(result: TrainingResult, view: LossPlane) -> int:
    return view.examples * view.values.size * multiplications(result.network)


def _file_name(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in label)
