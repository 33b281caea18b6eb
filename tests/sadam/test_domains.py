"""What lies outside of a domain is refused in one sentence; at its edge all goes as is said."""

import math

import pytest
import torch
from torch import nn

from sadam import checks, goldstein, hulls, metrics, probes
from sadam.engine import run
from sadam.family import brake_of
from sadam.objectives import value_and_grad_of
from sadam.optim import ProxSGD, SAdam
from sadam.rules import RULES, SGD, Adam, AdamW, key_of
from sadam.rules import ProxSGD as ProxSGDRule
from sadam.rules import SAdam as SAdamRule
from sadam.schedules import SCHEDULES
from sadam.sweep import sweep
from tests.refused import check_refused

F64, NAN, INF = torch.float64, math.nan, math.inf
TINY, HUGE = 5e-324, 1e308
X = torch.tensor([[1.0, 1.0], [-2.0, 0.5], [0.0, 3.0]], dtype=F64)
U = probes.directions(0, 1, 4, 2)[0]
GRADS = torch.tensor([[[3.0, 1], [1, 1]], [[-1, 2], [2, 5]], [[1, -4], [1, 2]]], dtype=F64)


def l1(x):
    return x.abs().sum(-1)


def inside(x):
    """The same, but NaN to the right of 1.5."""
    return torch.where(x[..., 0] < 1.5, l1(x), NAN)


def at(*values):
    return torch.tensor(values, dtype=F64)


def race(rule=None, starts=X, f=l1, steps=4, **options):
    return run(f, {"it": rule or Adam(0.1)}, starts, steps=steps, **options)["it"]


def swept(rule=None, **options):
    return sweep(l1, rule or Adam(0.1), **{"starts": X, "steps": 4, **options})


def parameter(*values, dtype=torch.float32):
    return nn.Parameter(torch.tensor(values or (1.0, 2.0), dtype=dtype))


def stepped(optimizer, parameter, loss, steps=2):
    def closure(backward=True):
        value = loss(parameter)
        if backward:
            optimizer.zero_grad()
            value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
    return parameter.detach()


def set_to(name, value):
    x = parameter()
    optimizer = SAdam([x])
    optimizer.param_groups[0][name] = value
    return stepped(optimizer, x, l1)


TRACK = race(steps=12)
PROBED = {"x": X, "directions": U, "radius": 0.1}
OF_GRADIENTS = (
    goldstein.diameter,
    goldstein.distance_to_hull,
    goldstein.nearest_in_hull,
    hulls.planar_distance_to_hull,
    hulls.planar_nearest_in_hull,
)
HYPER = [
    (make, name, bad)
    for make, name, others in (
        (Adam, "lr", (0, None, 10**400)),
        (SGD, "momentum", (1, -0.1)),
        (ProxSGDRule, "l1", (-1,)),
        (AdamW, "weight_decay", (-1, 1 + 1j)),
        (Adam, "eps", (-1, [0.1, "b"])),
        (SAdamRule, "damping", (-1,)),
        (SAdamRule, "cap", (0,)),
        (SAdamRule, "zeta", (0, at(1, 2))),
        (SAdamRule, "radius", (0, TINY, 1e300, at(0.1, 1e39))),
        (SAdamRule, "num_probes", (0, 2.5, True)),
    )
    for bad in (NAN, INF, "a", *others)
]
REFUSED = [(lambda m=m, n=n, b=b: m(**{n: b}), n) for m, n, b in HYPER] + [
    (lambda: Adam(betas=0.9), "betas"),
    (lambda: Adam(betas=(0.9, 1.0)), "beta2"),
    (lambda: Adam(betas=(NAN, 0.9)), "beta1"),
    (lambda: key_of(3), "rule"),
    (lambda: probes.Probing(kind=[1]), "probes"),
    (lambda: probes.Probing(radius=None), "radius"),
    (lambda: probes.Probing(radius=at(1e300)), "radius"),
    (lambda: probes.directions(-1, 3, 2, 2), "seed"),
    (lambda: probes.directions(0.5, 3, 2, 2), "seed"),
    (lambda: probes.directions(0, -3, 2, 2), "steps"),
    (lambda: probes.directions(0, 3, 0, 2), "num_probes"),
    (lambda: probes.directions(0, 3, 2, 0), "dim"),
    (lambda: probes.directions(0, 3, 2, 2, sphere="box"), "sphere"),
    (lambda: probes.directions(0, 3, 2, 4, sphere="tensor", sizes=(1, 2)), "sizes"),
    (lambda: probes.directions(0, 3, 2, 4, sphere="tensor", sizes=(5, -1)), "sizes"),
    *[
        (lambda f=f, options=options: f(l1, **{**PROBED, **options}), name)
        for f in (probes.one_sided_lgi, probes.two_sided_lgi, probes.streamed_lgi)
        for name, options in (
            ("radius", {"radius": 0.0}), ("radius", {"radius": -0.1}), ("radius", {"radius": NAN}),
            ("radius", {"radius": INF}), ("radius", {"radius": at(0.1, 0.1)}),
            ("zeta", {"zeta": 0.0}), ("zeta", {"zeta": NAN}), ("zeta", {"zeta": -1.0}),
            ("directions", {"directions": U[:0]}), ("directions", {"directions": torch.ones(4, 3)}),
            ("directions", {"x": X.long()}),
        )
    ],
    (lambda: probes.one_sided_lgi(l1, X, torch.ones(4, 5, 2)), "directions"),
    (lambda: probes.one_sided_lgi(l1, X.float(), U.float(), 1e-60), "radius"),
    (lambda: probes.streamed_lgi(l1, X, U, 1e151), "radius"),
    (lambda: probes.streamed_lgi(l1, X[0], U, 0.1), "x"),
    (lambda: probes.streamed_lgi(l1, X, U, 0.1, ("both",)), "kinds"),
    (lambda: probes.streamed_lgi(l1, X, U, 0.1, block=0), "block"),
    (lambda: goldstein.goldstein_gradients(value_and_grad_of(l1), X, 0.1, 0), "num_samples"),
    (lambda: goldstein.goldstein_gradients(value_and_grad_of(l1), X, -0.1), "radius"),
    (lambda: goldstein.goldstein_gradients(value_and_grad_of(l1), X, at(1, 2)), "radius"),
    (lambda: goldstein.goldstein_gradients(value_and_grad_of(l1), X, 0.1, seed=-1), "seed"),
    (lambda: goldstein.goldstein_gradients(value_and_grad_of(l1), X.long(), 0.1), "x"),
    *[
        (lambda f=f, g=g: f(g), "gradients")
        for f in OF_GRADIENTS
        for g in (GRADS[:0], GRADS[..., :0], torch.ones(3), at(1)[0], GRADS.long())
    ],
    (lambda: hulls.planar_nearest_in_hull(torch.ones(4, 3)), "gradients"),
    *[(lambda f=f, n=n: f(n), "steps") for f in SCHEDULES.values() for n in (-1, 2.5, NAN)],
    (lambda: race(schedule=at(1, NAN, 1, 1)), "schedule"),
    (lambda: race(schedule=at(1, -1, 1, 1)), "schedule"),
    (lambda: race(schedule=[1.0] * 4), "schedule"),
    (lambda: race(steps=2.5), "steps"),
    (lambda: race(seed=-1), "seed"),
    (lambda: race(starts=X.to(torch.complex64)), "starts"),
    (lambda: race(Adam(at(1, 1))), "lr of it"),
    (lambda: race(Adam(betas=(0.9, at(0.1, 0.2)))), "betas of it"),
    (lambda: race(SAdamRule(radius=at(1, 1))), "radius of it"),
    (lambda: race(observe=probes.Probing(radius=at(1, 1))), "radius of observe"),
    (lambda: swept(steps=2.5), "steps"),
    (lambda: swept(block=0), "block"),
    (lambda: swept(minimum=NAN), "minimum"),
    (lambda: swept(targets=(1.0, NAN)), "targets"),
    (lambda: swept(schedule=None), "schedule"),
    *[(lambda s=s: swept(seeds=s), "seeds") for s in (-1, 0.5, torch.tensor([1, 2]), at(1, 2, 3))],
    (lambda: metrics.measure(TRACK, ["speed"]), "names"),
    *[(lambda w=w: metrics.moving(TRACK, w), "window") for w in (1, 13, 2.5, NAN, None)],
    (lambda: metrics.gradient_spectrum(GRADS[:0]), "grads"),
    (lambda: metrics.Tally(X).add(X[None], X[None]), "points"),
    *[(lambda v=v: SAdam([parameter()], lr=v), "lr") for v in (-1, NAN, INF, "a", at(1, 2))],
    (lambda: ProxSGD([parameter()], l1=NAN), "l1"),
    (lambda: SAdam([parameter()], seed="a"), "seed"),
    (lambda: SAdam([parameter()], seed=2**70), "seed"),
    (lambda: set_to("probe_every", 0), "probe_every"),
    (lambda: set_to("lr", "a"), "lr"),
    (lambda: checks.check_whole("n", -(10**5000)), "n"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "name"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(call, name):
    check_refused(call, name)


def test_the_lgi_is_nan_where_f_is_not_finite_and_the_others_keep_their_bits():
    odd = torch.stack([X[0], at(NAN, 1), X[1], at(INF, 0), at(1.5 - 1e-9, 0), X[2]])
    for estimator in (probes.one_sided_lgi, probes.two_sided_lgi):
        found = estimator(inside, odd, U)
        assert found.isnan().tolist() == [False, True, False, True, True, False]
        assert torch.equal(found[[0, 2, 5]], estimator(l1, X, U))
    found = probes.streamed_lgi(inside, odd, U, 0.01)
    for kind, clean in probes.streamed_lgi(l1, X, U, 0.01).items():
        assert torch.equal(found[kind][[0, 2, 5]], clean)
    assert probes.lgi_from_slopes(at(1, 1e200).view(2, 1), None).isnan().all()


@pytest.mark.parametrize("radius", [TINY, 1e-300, 1e-30, 1e30, 1e150])
@pytest.mark.parametrize("zeta", [TINY, 1e-6, HUGE])
def test_no_radius_and_no_zeta_makes_a_flat_place_anything_but_0(radius, zeta):
    """Where sums of squares and floors vanish there was 0 / 0."""
    for dtype in (torch.float32, F64):
        x, u = X.to(dtype), U.to(dtype)
        if 1e-45 < radius < 1e38 or dtype == F64:
            for estimator in (probes.one_sided_lgi, probes.two_sided_lgi):
                assert (estimator(lambda x: 0 * x[..., 0], x, u, radius, zeta=zeta) == 0).all()
    for lgi in probes.streamed_lgi(lambda x: 0 * x[..., 0], X, U, radius, zeta=zeta).values():
        assert (lgi == 0).all()
    pairs = probes.ProbePairs(4, 3, at(zeta)[0] * radius * radius)
    pairs.differences.zero_()
    assert (pairs.measure() == 0).all()


def test_gradients_that_are_not_finite_stay_with_their_point():
    odd = GRADS.clone()
    odd[1, 1, 0] = NAN
    for f in OF_GRADIENTS:
        assert torch.equal(f(odd)[0], f(GRADS)[0])
        assert f(odd)[1].isnan().all()


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_hulls_of_gradients_of_any_size(size):
    nearest = goldstein.nearest_in_hull(GRADS)
    assert torch.allclose(goldstein.nearest_in_hull(GRADS * size) / size, nearest, atol=1e-12)
    fast, lengths = hulls.planar_nearest_in_hull(GRADS * size), goldstein.diameter(GRADS * size)
    if size > 1e154:
        assert fast.isnan().all()
        assert lengths.isinf().all()
    elif size < 1e-154:
        assert (fast.abs() <= 6 * size).all()
        assert (lengths < 1e-150).all()
    else:
        assert torch.allclose(fast, nearest, atol=1e-12)


@pytest.mark.parametrize("key", RULES)
def test_the_least_and_the_largest_learning_rate(key):
    """The least moves nobody; the largest leaves the finite numbers, alone."""
    starts = X[:1].expand(3, 2)
    still = race(RULES[key](lr=TINY), starts)
    assert torch.equal(still.points, starts.expand_as(still.points))
    assert (still.diverged_at == -1).all()
    mixed = race(RULES[key](lr=at(0.1, HUGE, 0.1)), starts)
    assert mixed.diverged_at.tolist() == [-1, 1, -1]
    assert torch.equal(mixed.points[:, 1], still.points[:, 1])
    assert torch.equal(mixed.points[:, 0], race(RULES[key](lr=at(0.1)), starts[:1]).points[:, 0])
    outcome = swept(RULES[key](lr=at(TINY, HUGE)), starts=starts[:2])
    assert outcome.diverged_at.tolist() == [-1, 1]
    assert torch.equal(outcome.end[0], starts[0])
    assert outcome.end[1].isnan().all()


def test_the_least_and_the_largest_radius():
    """Too small to move a point it finds f flat; both leave every lane finite."""
    free = race(AdamW(0.1)).points
    for kind in ("one-sided", "two-sided"):
        tiny = race(SAdamRule(0.1, radius=1.5e-45, probes=kind))
        assert torch.equal(tiny.points[:, :2], free[:, :2])  # the third has a coordinate of 0
        for track in (tiny, race(SAdamRule(0.1, radius=3.4e38, probes=kind))):
            assert track.points.isfinite().all()
            assert (track.diverged_at == -1).all()


def test_a_zeta_that_vanishes_beside_the_radius_stops_nobody():
    flat = {"f": lambda x: 0 * x[..., 0]}
    for kind in ("one-sided", "two-sided"):
        rule = SAdamRule(0.1, zeta=TINY, probes=kind)
        track, outcome = race(rule, **flat), sweep(flat["f"], rule, X, steps=4)
        assert (track.lgi_one_sided == 0).all()
        assert (track.brake == 1).all()
        assert (torch.stack([track.diverged_at, outcome.diverged_at]) == -1).all()


@pytest.mark.parametrize(
    "start", [(NAN, 1.0), (INF, 1.0), (2.0, 1.0), (1e200, 1.0), (1.5 - 1e-9, 1.0)]
)
def test_a_lane_outside_is_frozen_and_marked_and_spoils_no_bit(start):
    starts = torch.stack([X[0], at(*start), X[1]])
    for rule in (Adam(0.1), SAdamRule(0.1), SAdamRule(0.1, probes="two-sided")):
        track, alone = race(rule, starts, inside), race(rule, X[:2], inside)
        probed = start[0] == 1.5 - 1e-9  # finite, but a probe is not
        left = (-1 if rule.probing is None else 1) if probed else 0
        assert track.diverged_at.tolist() == [-1, left, -1]
        for field in ("points", "values", "lgi_two_sided", "brake"):
            assert torch.equal(getattr(track, field)[:, [0, 2]], getattr(alone, field))
        if left >= 0:
            assert torch.equal(track.points[-1, 1].nan_to_num(), starts[1].nan_to_num())
            assert track.grads[left:, 1].isnan().all()
            assert track.brake[left:, 1].isnan().all()
        outcome = sweep(inside, rule, starts, steps=4)
        assert outcome.diverged_at.tolist() == track.diverged_at.tolist()
        assert outcome.best_gap[1].isinf() == (left == 0)


def test_no_measure_is_nan_but_the_amplitude_of_an_f_that_never_was():
    starts = torch.stack([X[0], at(NAN, 1), at(INF, 1), at(2, 1), at(1e200, 0), at(TINY, 0)])
    for rule in (Adam(0.1), SAdamRule(0.1), SGD(HUGE)):
        track = race(rule, starts, inside, steps=12)
        for found in (metrics.measure(track), metrics.moving(track, 5)):
            for name, value in found.items():
                never = value.isnan().any(0) if value.ndim > 1 else value.isnan()
                assert never.tolist() == [False, *[name == "tail_amplitude"] * 4, False]
        assert metrics.final_gap(track, 0.0)[1:5].isinf().all()
        assert (metrics.mean_brake(track)[1:5] == 1).all()
        crossed = metrics.kink_crossings(track.points, [lambda x: x[..., 0]])
        assert (crossed[:, 1:5] == 0).all()


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e200, INF, NAN])
def test_gradients_without_a_length_do_not_count(size):
    grads = torch.ones(9, 2, 2, dtype=F64) * (-1) ** torch.arange(9)[:, None, None]
    clean = metrics.Track(grads, grads[..., 0], grads)
    odd = grads.clone()
    odd[3:, 0] *= size
    track = metrics.Track(grads, grads[..., 0], odd)
    for name in ("conflict_rate", "gradient_variation"):
        found, known = metrics.MEASURES[name](track), metrics.MEASURES[name](clean)
        assert found[1] == known[1]
        assert found.isfinite().all()
    one = metrics.Track(*(part[:1] for part in clean))
    assert all(measure(one).isfinite().all() for measure in metrics.MEASURES.values())


def test_brakes_at_the_edges():
    assert brake_of(at(0, 1, NAN), HUGE).nan_to_num(nan=-1).tolist() == [1, 0, -1]
    assert brake_of(at(0, 1e300), TINY, HUGE).tolist() == [1, 1]


def test_without_eps_a_coordinate_that_was_never_pushed_is_nan_as_in_torch():
    track = race(Adam(0.1, eps=0.0), f=lambda x: x[..., 0].abs())
    assert track.diverged_at.tolist() == [1, 1, 1]
    ours, theirs = parameter(), parameter()
    for x, make in ((ours, SAdam), (theirs, torch.optim.AdamW)):
        stepped(make([x], eps=0.0), x, lambda x: x[0].abs(), steps=1)
        assert x.isnan().tolist() == [False, True]


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_optimizers_at_the_edges(dtype):
    for make in (SAdam, ProxSGD):
        x = parameter(dtype=dtype)
        assert torch.equal(stepped(make([x], lr=TINY), x, l1), parameter(dtype=dtype))
        x = parameter(dtype=dtype)
        assert not (stepped(make([x], lr=HUGE), x, l1, steps=3).abs() < 1e300).any()  # and no error
    x = parameter(dtype=dtype)
    assert (stepped(ProxSGD([x], l1=HUGE, lr=0.1), x, l1) == 0).all()
    x = parameter(NAN, 1.0, dtype=dtype)  # NaN keeps to its own element
    optimizer = SAdam([x], probes="two-sided", cap=3.0)
    assert stepped(optimizer, x, l1).isnan().tolist() == [True, False]
    assert math.isnan(optimizer.last_lgi)
    assert optimizer.last_brake == math.exp(-4 * 3.0)  # not a number counts as the cap
    x = parameter(dtype=dtype)
    optimizer = SAdam([x], radius=1e-30)
    stepped(optimizer, x, l1)
    assert (optimizer.last_lgi, optimizer.last_brake) == (0, 1)


def test_optimizers_without_parameters_yet_and_states_of_others():
    optimizer = SAdam([{"params": []}])
    optimizer.add_param_group({"params": [parameter()]})
    other = torch.optim.SGD([parameter()], lr=0.1).state_dict()
    for state in ({}, other):
        with pytest.raises(ValueError, match="this is not a state_dict of SAdam"):
            SAdam([parameter()]).load_state_dict(state)
    for name in ("generator", "directions", "model"):
        with pytest.raises(TypeError, match=f"Invalid {name}: 3, must be a"):
            SAdam([parameter()], **{name: 3})


def test_gradients_where_f_is_a_constant_or_not_finite():
    value, grad = value_and_grad_of(lambda x: torch.zeros(x.shape[:-1], dtype=x.dtype))(X)
    assert (value == 0).all()
    assert torch.equal(grad, torch.zeros_like(X))
    value, grad = value_and_grad_of(inside)(torch.stack([X[0], at(2, 1)]))
    assert value.isnan().tolist() == [False, True]
    assert torch.equal(grad[0], at(1, 1))


@pytest.mark.parametrize(
    ("rules", "starts", "named"),
    [
        (["adam"], X, "rules"),
        ({"it": "adam"}, X, "rule it"),
        ({"it": Adam}, X, "rule it"),
        ({"it": Adam(0.1)}, [[1.0, 1.0]], "starts"),
        ({"it": Adam(0.1)}, (1.0, 1.0), "starts"),
    ],
)
def test_what_is_no_rule_and_no_tensor_of_starts_is_named(rules, starts, named):
    with pytest.raises(TypeError, match=f"^Invalid {named}: .* must be "):
        run(l1, rules, starts, steps=2)
