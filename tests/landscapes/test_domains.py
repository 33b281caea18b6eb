"""What a landscape, a network or a plane refuses, and what comes where numbers are not finite."""

import math
from dataclasses import replace

import pytest
import torch

from landscapes import (
    MLP,
    ConvNet,
    DataSpec,
    Formula,
    FormulaError,
    Loss,
    NetworkLoss,
    Plane,
    PlaneLoss,
    TrainingProblem,
    get,
    landscape_from_formula,
    line_plane,
    load,
    own_name,
    pca_plane,
    preset,
    random_plane,
    real_kinks,
)
from landscapes.checks import check_whole
from landscapes.nets.plane_kinks import plane_kinks
from landscapes.nets.planes import window_of
from landscapes.nets.quantization import fake_quantize
from landscapes.nets.regions import linear_regions
from landscapes.own import least_value
from landscapes.proximal import SoftThreshold
from sadam.engine import run
from sadam.rules import RULES
from tests.refused import check_refused

F64, NAN, INF = torch.float64, math.nan, math.inf
CONE = Formula.parse("abs(x) + abs(y)")
L1 = get("l1")
NET, CONV = MLP(2, (3,)), ConvNet((1, 4, 4), (2,), 3)
START = NET.init(0)
MOONS, SAW = load(DataSpec("two-moons", n=32)), load(DataSpec("sawtooth", n=32))
WINDOW = ((-1.0, 1.0), (-1.0, 1.0))
WINDOWS = [
    ((1, -1), (0, 1)), ((0, 1), (2, 2)), ((NAN, 1), (0, 1)), ((0, INF), (0, 1)), ((0, 1),), (1, 2),
    ((-1e308, 1e308), (0, 1)), (("a", "b"), (0, 1)), None,
]  # fmt: skip
INPUTS, LABELS = torch.ones(4, 2, dtype=F64), torch.tensor([0, 1, 0, 1])


def at(*values):
    return torch.tensor(values, dtype=F64)


def loss(**options):
    given = {"network": NET, "inputs": INPUTS, "targets": LABELS, "loss": Loss(), **options}
    return NetworkLoss(**given)


def problem(**options):
    return TrainingProblem(**{"network": NET, "data": MOONS, "seeds": (0,), **options})


def saw(**options):
    return problem(network=MLP(1, (3,)), data=SAW, **options)


PLANE = Plane(START, torch.eye(13, dtype=F64)[0], torch.eye(13, dtype=F64)[1])
REFUSED = [
    *[(lambda w=w: landscape_from_formula("x", window=w), "window") for w in WINDOWS],
    *[(lambda w=w: replace(L1, window=w), "window") for w in WINDOWS],
    *[(lambda w=w: real_kinks(CONE, CONE.kinks, w), "window") for w in WINDOWS],
    *[(lambda w=w: least_value(CONE, w), "window") for w in WINDOWS],
    *[(lambda w=w: linear_regions(NET, START, w), "window") for w in WINDOWS],
    *[(lambda w=w: plane_kinks(loss(), PLANE, w), "window") for w in WINDOWS],
    *[(lambda p=p: replace(L1, start=p), "start") for p in ((NAN, 0), (1,), ("a", 1), None)],
    (lambda: replace(L1, minimisers=((0, INF),)), "minimisers"),
    (lambda: replace(L1, traps=((0,),)), "traps"),
    (lambda: replace(L1, minimum=NAN), "minimum"),
    (lambda: replace(L1, group="odd"), "group"),
    (lambda: L1.gap_at((1.0,)), "points"),
    *[
        (lambda f=f, x=x: f(x), "points")
        for f in (CONE, CONE.value_and_grad, CONE.kink_values, CONE.kinks[0], CONE.kinks[1])
        for x in (torch.zeros(3), torch.zeros(4, 1), torch.zeros(2, 0), at(1)[0])
    ],
    (lambda: real_kinks(CONE, CONE.kinks, WINDOW, operations=-1), "operations"),
    (lambda: own_name("x", window=((0, 1),)), "window or start"),
    (lambda: own_name("x", start=(1,)), "window or start"),
    (lambda: SoftThreshold((1.0, -1.0)), "weights"),
    *[(lambda n=n, s=s: n.init(s), "seed") for n in (NET, CONV) for s in (-1, 0.5, "a")],
    *[(lambda p=p: NET.unflatten(p), "params") for p in (START[1:], START[None], START[0])],
    (lambda: NET.flatten({}), "tensors"),
    (lambda: NET.flatten({k: v[None] for k, v in NET.unflatten(START).items()}), "tensors"),
    (lambda: MLP(2, (3,), activation=[1]), "activation"),
    *[(lambda s=s: ConvNet(s), "input_shape") for s in ((3.0, 3, 3), ("a", 3, 3), (NAN, 3, 3))],
    *[(lambda v=v: loss(l1=v), "l1") for v in (-1.0, NAN, INF)],
    (lambda: loss(inputs=torch.ones(4, 5)), "inputs"),
    (lambda: loss(targets=torch.tensor([0, 1, 2, 1])), "targets"),
    (lambda: loss(targets=torch.tensor([0, 1, -1, 1])), "targets"),
    (lambda: loss(targets=at(0, 1, 0.5, 1)), "targets"),
    (lambda: loss(network=MLP(2, (3,), 2), targets=at(0, 1, 0, 1)), "targets"),
    *[(lambda s=s: problem(seeds=s), "seed") for s in ((-1,), (0.5,))],
    (lambda: problem(batch_size=2.5), "batch_size"),
    (lambda: problem(dtype=torch.int64), "dtype"),
    *[(lambda v=v: problem(label_noise=v), "label_noise") for v in (-0.1, 1.1, NAN)],
    *[(lambda v=v: saw(label_noise=v), "label_noise") for v in (-0.1, INF, NAN)],
    *[(lambda n=n: problem().objective(examples=n), "examples") for n in (0, -1, 1.5)],
    (lambda: Plane(START, at(1, 0), at(0, 1)), "origin, first and second"),
    (lambda: PLANE.points(at(1, 2, 3)), "coordinates"),
    (lambda: PLANE.project(at(1, 2, 3)), "points"),
    (lambda: PlaneLoss(loss(), PLANE)(at(1, 2, 3)), "coordinates"),
    (lambda: PlaneLoss(loss(), Plane(at(0, 0), at(1, 0), at(0, 1))), "plane or dtype"),
    (lambda: PlaneLoss(loss(), PLANE, torch.int64), "plane or dtype"),
    (lambda: pca_plane(START), "points"),
    (lambda: random_plane(NET, START * NAN), "origin"),
    (lambda: random_plane(NET, START[1:]), "params"),
    (lambda: random_plane(NET, START, -1), "seed"),
    (lambda: line_plane(at(0, NAN), at(1, 0)), "start"),
    (lambda: line_plane(at(0, 0), at(1)), "end"),
    (lambda: line_plane(at(0, 0), at(1, 0), at(INF, 1)), "third"),
    (lambda: line_plane(at(0, 0), at(1, 0), seed=-1), "seed"),
    *[(lambda c=c: window_of(c), "coordinates") for c in (at().view(0, 2), at(NAN, 1), at(1))],
    *[(lambda m=m: window_of(at(0, 1), m), "margin") for m in (-0.1, NAN, INF)],
    (lambda: linear_regions(NET, START[1:], WINDOW), "params"),
    (lambda: plane_kinks(loss(), PLANE, WINDOW, grid=1), "grid"),
    (lambda: plane_kinks(loss(), PLANE, WINDOW, examples=0), "examples"),
    (lambda: check_whole("n", -(10**5000)), "n"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "name"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(call, name):
    check_refused(call, name)


@pytest.mark.parametrize("value", [NAN, INF, "b", None, 1 + 1j, 10**400])
def test_parameters_that_are_no_numbers(value):
    with pytest.raises(FormulaError, match="parameter 'a' must be finite, not "):
        Formula.parse("a*x", {"a": value})


def test_planes_and_presets_that_cannot_be():
    for a, b in ((1e-200, 1e-200), (1e100, 1e100), (NAN, 1.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="parallel, or one of them is 0, not finite or not of"):
            Plane(at(0, 0), at(a, 0), at(0, b))
    for points in (at(1, NAN, 2, 3, 5, 4), at(1, 1e200, 2, 3, 5, 4)):
        with pytest.raises(ValueError, match="must be finite"):
            pca_plane(points.view(3, 2))
    with pytest.raises(ValueError, match="there is no preset"):
        preset(["paper-qat"])


@pytest.mark.parametrize("text", ["abs(x) + abs(y)", "max(x, -x) + y**2", "where(x > 0, 2*x, x)"])
@pytest.mark.parametrize("width", [1e-300, 1e-160, 1e-3, 1.0, 1e100, 1e160, 1e300])
def test_kinks_are_found_in_windows_of_any_width(text, width):
    """Along the edges of the grid: nothing is squared that could vanish or overflow."""
    f = Formula.parse(text)
    window = ((-0.5 * width, 0.4 * width), (-0.3 * width, 0.6 * width))
    assert len(real_kinks(f, f.kinks, window)) == len(f.kinks)
    assert not real_kinks(Formula.parse("x + y"), [lambda x: x[..., 0]], window)


def test_a_window_of_almost_no_width():
    """Its start is a point of it, though six decimals are 0."""
    own = get("= abs(x) + abs(y); window = -1e-300, 2e-300, -2e-300, 1e-300")
    assert own.minimum < 1e-300
    assert len(own.kinks) == 2
    assert own.start == pytest.approx((-0.25e-300, 0.4e-300), rel=1e-9, abs=0)
    assert get("= x + y; window = 1e-7, 2e-7, 0, 1").start == pytest.approx((1.25e-7, 0.8))
    track = run(own.value, {"adam": RULES["adam"](lr=1e-301)}, at(own.start), steps=20)["adam"]
    assert (track.diverged_at == -1).all()
    assert track.values[-1] < track.values[0]


@pytest.mark.parametrize(
    "text", ["abs(x)*a + y**2", "log(x) + a*y", "1/x + a*abs(y)", "sqrt(x)*a*y", "max(a*x, exp(y))"]
)
@pytest.mark.parametrize("a", [5e-324, 1.0, 1e300])
def test_a_point_outside_changes_no_bit_of_the_others(text, a):
    f = Formula.parse(text, {"a": a})
    good = at(0.5, 1.0, 2.0, -0.25, 5e-324, 3.0).view(3, 2)
    odd = torch.cat([at(NAN, 1, INF, 1, -1, -INF, 1e308, 1e308, 0, NAN).view(5, 2), good])
    value, grad = f.value_and_grad(odd)
    known = f.value_and_grad(good)
    assert torch.equal(value[5:].nan_to_num(7), known[0].nan_to_num(7))
    assert torch.equal(grad[5:].nan_to_num(7), known[1].nan_to_num(7))
    assert torch.equal(f(odd).nan_to_num(7), value.nan_to_num(7))


def test_where_a_landscape_is_not_finite():
    bowl = get("quantized-bowl").value
    for f in (bowl, CONE):
        value, _ = f.value_and_grad(at(NAN, 1, INF, 1, 0.3, 0.2).view(3, 2))
        assert value.isfinite().tolist() == [False, False, True]
    assert math.isnan(L1.gap_at((NAN, 1.0)))
    assert L1.gap_at((INF, 1.0)) == INF


@pytest.mark.parametrize("step", [0.0, 5e-324, INF, at(0.0, INF)])
def test_proximal_maps_at_the_edges(step):
    x = at(NAN, 1, 2, -3).view(2, 2)
    for found in (SoftThreshold((1.0, 1.0))(x, step), loss(l1=1.0).prox(x, step)):
        still = at(NAN, 1, 2, -3).view(2, 2)
        if isinstance(step, torch.Tensor):
            still[1] = 0
        elif step == INF:
            still = at(NAN, 0, 0, 0).view(2, 2)
        assert torch.equal(found.nan_to_num(7), still.nan_to_num(7))


@pytest.mark.parametrize("net", [NET, CONV, MLP(2, (3,), weight_bits=2, activation_bits=4)])
@pytest.mark.parametrize("odd", [NAN, INF, 1e200])
def test_a_model_that_is_not_finite_changes_no_other(net, odd):
    x = torch.linspace(-1, 1, 5 * math.prod(net.input_shape), dtype=F64)
    x, p = x.view(1, 5, *net.input_shape), net.init(0)
    pair = torch.stack([p * odd, p])[None]
    clean = net.outputs(torch.stack([p, p])[None], x)
    found = net.outputs(pair, x)
    assert torch.equal(found[0, 1], clean[0, 1])
    if math.isnan(odd):
        assert found[0, 0].isnan().all()
        assert not net.unit_signs(pair, x)[0, 0].any()
    kept = x.clone()
    kept[0, 3] = odd  # an example that is not finite spoils its own outputs only
    assert torch.equal(net.outputs(pair, kept)[0, 1, [0, 1, 2, 4]], clean[0, 1, [0, 1, 2, 4]])


@pytest.mark.parametrize("kind", ["cross-entropy", "squared"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_loss_of_outputs_that_are_not_finite(kind, outputs):
    own = Loss(kind)
    targets = own.encode(torch.tensor([[0, 1, 1]]), outputs, F64)
    z = torch.linspace(-1, 1, 3 * outputs, dtype=F64).view(1, 1, 3, outputs)
    value, grad = own.value_and_grad(torch.cat([z * NAN, z], 1), targets)
    clean = own.value_and_grad(z, targets)
    assert value[0].isnan().tolist() == [True, False]
    assert torch.allclose(value[0, 1], clean[0][0, 0])
    assert torch.allclose(grad[0, 1], clean[1][0, 0])


def test_quantization_keeps_what_is_not_finite_to_its_scale():
    found = fake_quantize(at(NAN, 2, INF, 2, 1, 2).view(3, 2), 2, -1)
    assert found.isnan().all(1).tolist() == [True, True, False]
    assert fake_quantize(at(5e-324, 0.0), 2, -1).tolist() == [0, 0]
    assert fake_quantize(at(1e308, 1.0), 8, -1).tolist() == [1e308, 0]


def test_the_objective_of_a_network_where_it_is_not_finite():
    f, good = loss(l1=0.1), NET.init(1)
    value, grad = f.value_and_grad(torch.stack([START * NAN, START * INF, good]))
    assert value.isfinite().tolist() == [False, False, True]
    assert torch.allclose(grad[2], f.value_and_grad(good)[1])
    assert f(torch.zeros(0, 13, dtype=F64)).shape == (0,)


def test_projecting_what_is_not_finite():
    """The error of a point that is nowhere was said to be 0."""
    coordinates, error = PLANE.project(torch.stack([START * NAN, START * INF, START + 1]))
    for found in (coordinates[:, 0], coordinates[:, 1], error):
        assert found.isnan().tolist() == [True, True, False]
    assert PLANE.project(START)[1] == 0


@pytest.mark.parametrize("net", [NET, MLP(2, (3,), weight_bits=2)])
def test_the_loss_on_a_plane_at_few_and_odd_coordinates(net):
    cut = PlaneLoss(loss(network=net), PLANE)
    assert cut(torch.zeros(0, 2, dtype=F64)).shape == (0,)
    c = at(NAN, 1, INF, 1, 0.5, 0.25).view(3, 2)
    value = cut(c)
    assert value.isfinite().tolist() == [False, False, True]
    narrow = cut(c.float())
    assert narrow.dtype == torch.float32
    assert torch.allclose(narrow[2].double(), value[2])


def test_regression_targets_take_any_finite_noise():
    assert saw(label_noise=1e6).minibatch(0).targets.isfinite().all()
