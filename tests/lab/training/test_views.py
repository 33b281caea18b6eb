"""Small pictures of networks against torch.nn and direct evaluation."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from landscapes.data.datasets import DataSpec
from landscapes.nets.regions import linear_regions
from sadam.lab.figures.units import unit_pictures
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Architecture, Training, run_training
from sadam.lab.training.views import data_window, first_layer, region_edges, units_of, view_of


def trained(name="two-moons", n=64, **network):
    spec = Training(
        data=DataSpec(name, n=n),
        network=Architecture(**{"hidden": (5, 4), **network}),
        rules=make_rules(["adam", "s-adam-two-sided"], lr=0.03),
        batch_size=8,
        seeds=2,
        steps=40,
        matched_controls=False,
    )
    return run_training(spec)


@pytest.fixture(scope="module")
def moons():
    return trained()


def module_of(result, model, seed):
    """The same network as torch modules."""
    net, layers = result.network, []
    for fan_in, fan_out in zip(net.widths, net.widths[1:], strict=False):
        layers += [torch.nn.Linear(fan_in, fan_out, dtype=torch.float64), torch.nn.ReLU()]
    module = torch.nn.Sequential(*layers[:-1])
    module.load_state_dict(net.unflatten(result.run.final[seed, model]))
    return module


def places(window, grid):
    (x0, x1), (y0, y1) = window
    share = (np.arange(grid) + 0.5) / grid
    x, y = np.meshgrid(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
    return torch.from_numpy(np.stack([x.ravel(), y.ravel()], 1))


@pytest.mark.parametrize(("model", "seed"), [(0, 0), (1, 1)])
def test_a_decision_map_is_the_networks_probability(moons, model, seed):
    view = view_of(moons, model, seed, grid=11)
    with torch.no_grad():
        z = module_of(moons, model, seed)(places(data_window(moons), 11))
    assert view.kind == "share"
    np.testing.assert_allclose(view.values, torch.sigmoid(z).view(11, 11).numpy(), atol=1e-12)


def test_the_boundary_lies_where_both_classes_are_as_likely(moons):
    view = view_of(moons, 0, 0, grid=161)
    line = view.lines[np.isfinite(view.lines[:, 0])]
    assert len(line) > 20
    with torch.no_grad():
        z = module_of(moons, 0, 0)(torch.from_numpy(line)).abs()
    assert float(z.max()) < 0.05


def test_each_unit_is_what_torch_computes(moons):
    units = units_of(moons, 1, 1, grid=9)
    module = module_of(moons, 1, 1)
    seen, at = [], places(units.window, 9)
    with torch.no_grad():
        for i, layer in enumerate(module):
            at = layer(at)
            if i % 2 or i == len(module) - 1:
                seen.append(at.T.reshape(-1, 9, 9).numpy())
    assert [layer.shape[0] for layer in units.layers] == [5, 4, 1]
    for mine, theirs in zip(units.layers, seen, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    for mine, layer in zip(units.weights, list(module)[::2], strict=True):
        np.testing.assert_array_equal(mine, layer.weight.detach().numpy())


def test_region_edges_close_every_region(moons):
    edges, words = region_edges(moons, 0, 0)
    cells = linear_regions(moons.network, moons.run.final[0, 0], data_window(moons))
    assert words == f"{len(cells)} linear regions"
    assert np.isnan(edges[:, 0]).sum() == len(cells) - 1  # they part the regions


def test_where_there_are_no_regions_the_words_say_why():
    edges, words = region_edges(trained(activation="tanh"), 0)
    assert len(edges) == 0
    assert "smooth" in words
    conv = trained("digits", 120, kind="conv", hidden=(2,))
    assert "dense" in region_edges(conv, 0)[1]
    with pytest.raises(ValueError, match="two inputs"):
        units_of(conv, 0)


def test_a_regression_of_one_input_is_a_curve():
    result = trained("sawtooth")
    view = view_of(result, 0, 1)
    with torch.no_grad():
        y = module_of(result, 0, 1)(torch.from_numpy(view.lines[:, :1]))
    np.testing.assert_allclose(view.lines[:, 1], y[:, 0].numpy(), atol=1e-12)
    assert view.kind == "curve"
    assert view.values is None


def test_the_first_layer_of_images_is_a_mosaic_in_the_levels_that_are_used():
    result = trained("digits", 120, hidden=(5,), weight_bits=2)
    image = first_layer(result, result.run.final[0, 0])
    assert image.shape == (2 * 9 - 1, 3 * 9 - 1)  # five tiles of 8 x 8 in rows of three
    weight = result.network.unflatten(result.run.final[0, 0])["0.weight"]
    assert len(np.unique(image[np.isfinite(image)])) == 3
    tile = image[::-1][:8, 9:17]  # the second unit's
    assert np.abs(tile).max() == pytest.approx(float(weight.abs().max()))
    assert (np.sign(tile.ravel()) * weight[1].numpy() >= 0).all()
    assert view_of(result, 0).kind == "weights"


@pytest.mark.slow
def test_other_data_have_a_row_for_each_unit():
    result = trained("mnist1d", 120, hidden=(5,))
    weight = result.network.unflatten(result.run.final[1, 0])["0.weight"].numpy()
    np.testing.assert_array_equal(first_layer(result, result.run.final[1, 0]), weight[::-1])


@pytest.mark.parametrize("bits", [None, 2])
def test_units_as_a_figure(bits):
    result = trained(activation_bits=bits, weight_bits=bits)
    figure = unit_pictures(result, "adam", seed=1)
    assert isinstance(figure, go.Figure)
    pictures = [t for t in figure.data if t.meta["role"] == "units"]
    assert len(pictures) == 4  # inputs, two layers, the output
    for trace in pictures:
        assert np.nanmax(np.abs(trace.z)) <= 1 + 1e-6
    assert "units of Adam see" in figure.layout.title.text
