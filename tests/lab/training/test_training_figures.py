"""Figures of a training: they draw, they hold the numbers, and they say what they are."""

import math
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from sadam.lab.codec import SpecError
from sadam.lab.figures import training as curves
from sadam.lab.figures import training_maps as maps
from sadam.lab.figures.training_files import figures_and_left_out
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, DataSpec, Training, iter_training, run_training
from sadam.lab.training.plane import loss_plane, plane_lgi
from sadam.probes import directions, one_sided_lgi, two_sided_lgi

SPEC = Training(
    data=DataSpec(n=120),
    network=Architecture(hidden=(6, 5)),
    batch_size=16,
    rules=make_rules(["adam", "s-adam", "s-adam-two-sided"], lr=0.02),
    lr_grid=(0.005, 0.05),
    seeds=3,
    steps=40,
)


@pytest.fixture(scope="module")
def result():
    return run_training(SPEC)


@pytest.fixture(scope="module")
def view(result):
    return loss_plane(result, grid=21)


def lines(plain, role="curve"):
    return {t["meta"]["rule"]: t for t in plain["data"] if t["meta"]["role"] == role}


def test_every_figure_draws(result):
    found = figures_and_left_out(result).drawn
    assert set(found) == {
        "loss", "accuracy", "loss-by-evaluations", "minibatch-loss", "instability", "chattering",
        "lr-sensitivity", "loss-at-best", "decision-adam", "decision-s-adam",
        "decision-s-adam-two-sided", "units-adam", "units-s-adam", "units-s-adam-two-sided",
        "loss-plane", "loss-plane-lgi",
    }  # fmt: skip
    for name, figure in found.items():
        assert isinstance(figure, go.Figure)
        assert figure.layout.title.text, name
        assert figure.data, name


def test_what_changes_on_dark_screens_is_there_to_be_changed(result):
    roles = set()
    for figure in figures_and_left_out(result).drawn.values():
        for trace in figure.data:
            for path, dark in (trace.meta or {}).get("dark", {}).items():
                before = trace[path]
                assert before is not None, (trace.meta, path)
                trace[path] = dark  # raises where Plotly has no such thing, or not such a value
                assert trace[path] != before
                roles.add(trace.meta["role"])
    assert roles == {"ground", "region", "kink", "start", "units"}


def test_curves_are_medians_over_seeds(result):
    plain = curves.loss_by_step.plain(result)
    loss = result.run.evaluations["validation"]["loss"]
    for label, line in lines(plain).items():
        expected = loss[:, :, result.at(label)].median(1).values
        assert np.allclose(line["y"], expected.float(), rtol=1e-6), label
        assert line["x"].tolist() == result.run.evaluated_at.tolist()
    band = lines(plain, "band")["adam"]
    n = len(result.run.evaluated_at)
    quartiles = np.sort(loss[:, :, result.at("adam")].numpy(), 1)  # of three seeds
    assert (band["y"][:n] >= quartiles[:, 1].astype(np.float32)).all()
    costs = lines(curves.loss_by_evaluations.plain(result))["s-adam"]["x"]
    assert costs.tolist() == (4 * result.run.evaluated_at).tolist()


def test_curves_stand_on_top_where_they_should(result):
    order = [label for label, _, _ in curves.drawn(result, controls=True)]
    assert order[-1] == "s-adam-two-sided"
    assert "matched-s-adam" in order
    assert "matched-s-adam" not in [label for label, _, _ in curves.drawn(result)]


def test_a_diverged_seed_counts_as_worst():
    values = np.array([[1.0, 2.0, math.nan], [1.0, math.nan, math.nan]])
    low, middle, high = curves.over_seeds(values, math.inf)
    assert middle[0] == 2.0
    assert math.isnan(middle[1])
    assert math.isnan(high[1])
    assert np.isfinite(low).all()
    assert curves.over_seeds(values, 0.0)[1].tolist() == [1.0, 0.0]


def test_a_training_that_has_hardly_begun_draws():
    begun = next(iter_training(SPEC)).result()
    for make in (curves.loss_by_step, curves.accuracy_by_step, curves.minibatch_loss,
                 curves.lgi_along_training, curves.brake_along_training,
                 curves.conflicts_along_training, curves.flips_along_training):  # fmt: skip
        assert isinstance(make(begun), go.Figure)
    assert "decision-adam" in figures_and_left_out(begun).drawn


def test_sensitivity_marks_the_best(result):
    plain = curves.lr_sensitivity.plain(result)
    for label, mark in lines(plain, "best").items():
        assert mark["x"].tolist() == [result.models[result.best(label)].lr]
        line = lines(plain)[label]
        assert float(mark["y"][0]) == pytest.approx(float(line["y"].min()), rel=1e-6)


def test_a_decision_map_shows_the_network(result):
    plain = maps.decision_map.plain(result, "adam", 1)
    ground = plain["data"][0]
    i, j = 40, 80
    at = torch.tensor([[[ground["x"][j], ground["y"][i]]]])
    model = result.run.final[1, result.at("adam")][None, None]
    expected = torch.sigmoid(result.network.outputs(model, at))
    assert float(ground["z"][i, j]) == pytest.approx(float(expected), abs=1e-6)
    assert "linear regions" in plain["layout"]["title"]["text"]
    shown = [t for t in plain["data"] if t["meta"]["role"] == "example"]
    assert sum(len(t["x"]) for t in shown) == len(result.data.train)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "network", "wanted"),
    [
        (DataSpec("sawtooth", n=60), Architecture(hidden=(6,)), "fit"),
        (DataSpec("xor", n=60), Architecture(hidden=(6,), activation="tanh"), "decision-adam"),
        (DataSpec("circles", n=60), Architecture(hidden=(6,), weight_bits=2), "loss-plane"),
        (DataSpec("digits", n=100), Architecture("conv", (2,)), "loss-plane-lgi"),
    ],
)
def test_other_data_and_networks_draw(data, network, wanted):
    spec = replace(SPEC, data=data, network=network, seeds=2, steps=6, lr_grid=())
    assert wanted in figures_and_left_out(run_training(spec)).drawn


def test_maps_refuse_what_they_cannot_show(result):
    with pytest.raises(ValueError, match="a fitted curve needs 1 input"):
        maps.fitted_curve(result)
    with pytest.raises(SpecError, match="there is no plane 'tsne'"):
        loss_plane(result, "tsne")
    with pytest.raises(SpecError, match="no rule is called 'sgd'"):
        loss_plane(result, "line", ends=("adam", "sgd"))
    with pytest.raises(SpecError, match="there is no seed at place 3"):
        loss_plane(result, seed=3)


@pytest.mark.parametrize("kind", ["pca", "random", "line"])
def test_a_plane_holds_the_loss(result, kind):
    view = loss_plane(result, kind, seed=2, grid=9)
    part = result.data.train
    point = view.plane.points(torch.tensor([view.a[3], view.b[5]]))
    outputs = result.network.outputs(point[None, None], torch.from_numpy(part.inputs)[None])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        outputs[0, 0, :, 0], torch.from_numpy(part.targets).double()
    )
    assert view.values[5, 3] == pytest.approx(float(expected), abs=1e-10)
    assert view.seed == 2
    for label, path in view.paths.items():
        track = result.run.snapshots[:, 2, result.at(label)].double()
        again = view.plane.points(torch.from_numpy(path))
        away = (track - again).norm(dim=1) / (track - view.plane.origin).norm(dim=1).clamp(1e-12)
        assert np.allclose(view.errors[label], away, atol=1e-8), label
    if kind == "line":
        ends = [path[-1] for path in view.paths.values()]
        assert any(np.allclose(end, [0, 0], atol=1e-9) for end in ends)
        assert any(np.allclose(end, [1, 0], atol=1e-9) for end in ends)


def test_lgi_over_the_plane_is_that_of_the_probes(view):
    points = view.grid_points
    inside = plane_lgi(view, inside=True, radius=0.05, num_probes=3)
    u = directions(view.seed, 1, 3, 2)[0]
    expected = two_sided_lgi(view.loss, points, u, 0.05)
    assert np.allclose(inside["two-sided"].ravel(), expected, atol=1e-5)
    whole = plane_lgi(view, radius=0.05, num_probes=3)
    u = directions(view.seed, 1, 3, len(view.plane.origin))[0]
    params = view.plane.points(points)
    for kind, estimator in (("one-sided", one_sided_lgi), ("two-sided", two_sided_lgi)):
        expected = estimator(view.loss.loss, params, u, 0.05)
        assert np.allclose(whole[kind].ravel(), expected, atol=1e-5), kind


def test_the_plane_states_what_it_leaves_out(result, view):
    plain = maps.loss_plane_map.plain(result, view)
    for label, path in lines(plain, "path").items():
        error = view.errors[label][-1]
        assert path["name"].endswith(f"(error {100 * error:.0f} %)")
    assert "exact" in plain["layout"]["title"]["text"]
    assert "principal axes" in plain["layout"]["title"]["text"]
