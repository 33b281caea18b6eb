"""The drop-in optimizers against torch.optim, the engine, the probes and hand computations."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sadam import engine, probes, rules
from sadam.optim import ProxSGD, SAdam
from tests.sadam.optim_cases import F64, closure_of, crease, data, small_net, trained, vector


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sadam_without_damping_is_torchs_adamw(weight_decay, maximize):
    same = {"lr": 3e-3, "betas": (0.8, 0.97), "weight_decay": weight_decay, "maximize": maximize}
    ours = trained(lambda p: SAdam(p, damping=0.0, probes="two-sided", **same), 100)
    theirs = trained(lambda p: torch.optim.AdamW(p, **same), 100)
    assert (ours - theirs).abs().max() < 1e-12 * max(1, float(theirs.abs().max()))
    assert (ours - vector(small_net())).abs().max() > 0.1


@pytest.mark.parametrize("maximize", [False, True])
def test_prox_sgd_without_l1_is_torchs_sgd(maximize):
    ours = trained(lambda p: ProxSGD(p, 1e-2, 0.8, l1=0.0, maximize=maximize), 100)
    theirs = trained(lambda p: torch.optim.SGD(p, 1e-2, 0.8, maximize=maximize), 100)
    assert (ours - theirs).abs().max() < 1e-12 * max(1, float(theirs.abs().max()))
    assert (ours - vector(small_net())).abs().max() > 0.1


def test_prox_sgd_shrinks_what_sgd_would_reach():
    x = nn.Parameter(torch.tensor([1.0, -0.5, 0.02], dtype=F64))
    x.grad = torch.tensor([0.3, 0.1, 0.1], dtype=F64)
    ProxSGD([x], lr=0.1, momentum=0.0, l1=0.4).step()
    assert torch.allclose(x.detach(), torch.tensor([0.93, -0.47, 0.0], dtype=F64), atol=1e-15)
    assert float(x.detach()[2]) == 0.0


@pytest.mark.parametrize("kind", ["one-sided", "two-sided"])
@pytest.mark.parametrize("k", [2, 5])
def test_shell_is_the_engine_on_the_same_directions(kind, k):
    steps = 150
    start = torch.tensor([1.3, 0.4], dtype=F64)
    rule = rules.SAdam(0.03, num_probes=k, probes=kind, damping=3.0, radius=0.02, weight_decay=0.1)
    track = engine.run(crease, {"it": rule}, start[None], steps=steps, seed=5)["it"]
    table = probes.directions(5, steps + 1, k, 2)

    x = nn.Parameter(start.clone())
    optimizer = SAdam(
        [x],
        0.03,
        num_probes=k,
        probes=kind,
        damping=3.0,
        radius=0.02,
        weight_decay=0.1,
        directions=lambda t, k, dim: table[t - 1],
    )
    path, lgi, brake = [x.detach().clone()], [], []
    for _ in range(steps):

        def closure(backward=True):
            value = crease(x)
            if backward:
                x.grad = None
                value.backward()
            return value

        optimizer.step(closure)
        path.append(x.detach().clone())
        lgi.append(optimizer.last_lgi)
        brake.append(optimizer.last_brake)
    assert (torch.stack(path) - track.points[:, 0]).abs().max() < 1e-12
    seen = track.lgi_one_sided if kind == "one-sided" else track.lgi_two_sided
    assert (torch.tensor(lgi, dtype=F64) - seen[:-1, 0]).abs().max() < 1e-12
    assert (torch.tensor(brake, dtype=F64) - track.brake[:, 0]).abs().max() < 1e-12
    assert min(brake) < 0.5 < max(brake) or kind == "one-sided"


def test_lgi_is_that_of_the_probes_module_on_the_whole_vector_of_a_net():
    net, k, radius = small_net(), 3, 0.05
    x, y = data()
    dim = vector(net).numel()
    u = probes.directions(1, 1, k, dim)[0]
    optimizer = SAdam(net.parameters(), num_probes=k, radius=radius, directions=lambda *_: u)

    def loss_at(flat):
        names, sizes = zip(*((n, p.shape) for n, p in net.named_parameters()), strict=True)
        parts = flat.split([s.numel() for s in sizes])
        state = {n: part.view(s) for n, part, s in zip(names, parts, sizes, strict=True)}
        return (torch.func.functional_call(net, state, (x,)) - y).abs().mean()

    def f(points):
        return torch.stack([loss_at(p) for p in points.view(-1, dim)]).view(points.shape[:-1])

    here = vector(net)
    with torch.no_grad():
        expected = probes.one_sided_lgi(f, here, u, radius)
    optimizer.step(closure_of(net, optimizer))
    assert optimizer.last_lgi == pytest.approx(float(expected), abs=1e-7)


@pytest.mark.parametrize("shape", ["smooth", "kink"])
def test_two_sided_lgi_of_own_directions_is_0_on_a_slope_and_1_at_a_kink(shape):
    x = nn.Parameter(torch.zeros(50, dtype=F64))
    f = (lambda: (x + 1).sum()) if shape == "smooth" else (lambda: x.abs().sum())
    optimizer = SAdam([x], 1e-9, probes="two-sided", num_probes=4)

    def closure(backward=True):
        value = f()
        if backward:
            value.backward()
        return value

    optimizer.step(closure)
    assert optimizer.last_lgi == pytest.approx(0.0 if shape == "smooth" else 1.0, abs=1e-4)
    assert optimizer.last_brake == pytest.approx(math.exp(-4 * optimizer.last_lgi), rel=1e-12)


@settings(max_examples=30)
@given(
    k=st.integers(1, 5),
    sphere=st.sampled_from(["global", "tensor"]),
    dtype=st.sampled_from([torch.float32, F64]),
    radius=st.floats(1e-3, 1.0),
    shapes=st.lists(st.sampled_from([(), (1,), (7,), (3, 4), (2, 3, 5)]), min_size=1, max_size=4),
)
def test_offsets_have_the_length_of_the_radius(k, sphere, dtype, radius, shapes):
    params = [nn.Parameter(torch.zeros(s, dtype=dtype)) for s in shapes]
    seen = []
    optimizer = SAdam(params, num_probes=k, sphere=sphere, radius=radius)

    def closure(backward=True):
        for p in params:
            if backward:
                p.grad = torch.ones_like(p)
            else:
                seen.append(p.detach().to(F64).norm())
        return 0.0

    optimizer.step(closure)
    lengths = torch.stack(seen).view(k, len(shapes))
    if sphere == "global":
        lengths = lengths.square().sum(1).sqrt()
    assert torch.allclose(lengths, torch.full_like(lengths, radius), rtol=1e-5)


def test_directions_are_uniform_on_the_sphere():
    x = nn.Parameter(torch.zeros(3))
    seen = []
    optimizer = SAdam([x], num_probes=2000, radius=1.0)

    def closure(backward=True):
        if backward:
            x.grad = torch.ones(3)
        else:
            seen.append(x.detach().clone())
        return 0.0

    optimizer.step(closure)
    u = torch.stack(seen)
    assert u.mean(0).abs().max() < 0.05
    assert (u.T @ u / len(u) - torch.eye(3) / 3).abs().max() < 0.03
    # On the sphere in three dimensions every coordinate is uniform on [-1, 1] (Archimedes).
    quartiles = torch.quantile(u[:, 0], torch.tensor([0.25, 0.5, 0.75]))
    assert (quartiles - torch.tensor([-0.5, 0.0, 0.5])).abs().max() < 0.06
