"""Parameter groups, and what the drop-in optimizers refuse."""

import math

import pytest
import torch
from torch import nn

from sadam.optim import ProxSGD, SAdam
from tests.sadam.optim_cases import F64, closure_of, data, small_net, trained


def test_each_group_has_its_own_hyperparameters_and_brake():
    a, b = nn.Parameter(torch.ones(4, dtype=F64)), nn.Parameter(torch.ones(4, dtype=F64))
    optimizer = SAdam(
        [{"params": [a], "damping": 1.0}, {"params": [b], "lr": 0.5, "damping": 9.0, "cap": 0.25}],
        lr=0.1,
        weight_decay=0.0,
    )

    def closure(backward=True):
        value = (a.abs() + b.abs()).sum()
        if backward:
            value.backward()
        return value

    optimizer.step(closure)
    lgi = optimizer.last_lgi
    first, second = optimizer.last_brakes
    assert first == optimizer.last_brake == pytest.approx(math.exp(-lgi))
    assert second == pytest.approx(math.exp(-9 * min(lgi, 0.25)))
    assert torch.allclose(a.detach(), torch.full((4,), 1 - 0.1 * first, dtype=F64), atol=1e-8)
    assert torch.allclose(b.detach(), torch.full((4,), 1 - 0.5 * second, dtype=F64), atol=1e-8)


def test_one_group_or_two_is_the_same():
    def two(params):
        params = list(params)
        return SAdam([{"params": params[:1]}, {"params": params[1:]}], 1e-2)

    assert torch.equal(trained(two, 20), trained(lambda p: SAdam(p, 1e-2), 20))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("radius", 0.5),
        ("num_probes", 3),
        ("probes", "two-sided"),
        ("sphere", "tensor"),
        ("zeta", 1e-3),
        ("probe_every", 2),
    ],
)
def test_groups_must_agree_on_how_to_probe(name, value):
    a, b = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match=f"Invalid {name} of parameter group 1"):
        SAdam([{"params": [a]}, {"params": [b], name: value}])
    optimizer = SAdam([{"params": [a]}, {"params": [b]}])
    optimizer.param_groups[1][name] = value
    with pytest.raises(ValueError, match=f"Invalid {name} of parameter group 1"):
        optimizer.step(lambda backward: 0.0)


def test_a_group_may_join_later():
    net, late = small_net(), nn.Parameter(torch.zeros(1, dtype=F64))
    optimizer = SAdam(net.parameters(), 1e-2, probes="two-sided")
    x, y = data()

    def closure(backward=True):
        optimizer.zero_grad()
        loss = (net(x) + late - y).abs().mean()
        if backward:
            loss.backward()
        return loss

    optimizer.step(closure)
    assert float(late.detach()) == 0
    optimizer.add_param_group({"params": [late], "lr": 0.1})
    assert optimizer.param_groups[1]["damping"] == 4.0
    optimizer.step(closure)
    assert float(late.detach()) > 0
    assert optimizer.state[late]["step"] == 1
    assert optimizer.state[next(net.parameters())]["step"] == 2
    with pytest.raises(ValueError, match="Invalid damping: -1"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "damping": -1})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize("make", [SAdam, ProxSGD])
def test_frozen_parameters_and_those_without_gradient_stay_and_are_not_probed(make):
    moved, frozen, unused = (nn.Parameter(torch.full((3,), 0.5, dtype=F64)) for _ in range(3))
    frozen.grad = torch.ones(3, dtype=F64)  # left over from before it was frozen
    frozen.requires_grad_(False)
    optimizer = make([frozen, moved, unused], 0.1)
    places = []

    def closure(backward=True):
        places.append((frozen.clone(), moved.detach().clone(), unused.detach().clone()))
        value = (moved**2).sum() + (frozen**2).sum()
        if backward:
            moved.grad = None
            value.backward()
        return value

    optimizer.step(closure)
    half = torch.full((3,), 0.5, dtype=F64)
    for place in [*places, (frozen, moved, unused)]:
        assert torch.equal(place[0], half)
        assert torch.equal(place[2].detach(), half)
    assert not torch.equal(moved.detach(), half)
    assert all(not torch.equal(place[1], half) for place in places[1:])
    assert frozen not in optimizer.state
    assert unused not in optimizer.state


def test_nothing_happens_without_any_gradient():
    x = nn.Parameter(torch.ones(2))
    optimizer = SAdam([x])
    calls = []
    assert optimizer.step(lambda backward: calls.append(backward) or 3.0) == 3.0
    assert calls == [True]
    assert not optimizer.state
    assert math.isnan(optimizer.last_lgi)
    assert math.isnan(optimizer.last_brake)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lr": -1.0}, "Invalid lr: -1.0, must be finite and at least 0"),
        ({"lr": math.nan}, "Invalid lr: nan"),
        ({"betas": (0.9, 1.0)}, "Invalid beta2: 1.0"),
        ({"betas": (0.9,)}, "Invalid betas"),
        ({"eps": -1e-8}, "Invalid eps"),
        ({"weight_decay": math.inf}, "Invalid weight_decay"),
        ({"damping": -2.0}, "Invalid damping"),
        ({"num_probes": 0}, "Invalid num_probes: 0, must be a whole number of at least 1"),
        ({"radius": 0.0}, "Invalid radius"),
        ({"probes": "three-sided"}, "Invalid probes: 'three-sided'"),
        ({"sphere": "cube"}, "Invalid sphere"),
        ({"zeta": 0.0}, "Invalid zeta"),
        ({"cap": 0.0}, "Invalid cap"),
        ({"probe_every": 0}, "Invalid probe_every: 0, must be a whole number of at least 1"),
        ({"probe_every": True}, "Invalid probe_every"),
    ],
)
def test_sadam_refuses_bad_hyperparameters(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        SAdam([nn.Parameter(torch.ones(1))], **options)


@pytest.mark.parametrize("options", [{"lr": -1.0}, {"momentum": 1.0}, {"l1": -1.0}])
def test_prox_sgd_refuses_bad_hyperparameters(options):
    with pytest.raises(ValueError, match=f"Invalid {next(iter(options))}"):
        ProxSGD([nn.Parameter(torch.ones(1))], **options)


@pytest.mark.parametrize("option", ["foreach", "fused", "capturable", "differentiable"])
@pytest.mark.parametrize("make", [SAdam, ProxSGD])
def test_torchs_execution_options_are_refused(make, option):
    x = nn.Parameter(torch.ones(1))
    with pytest.raises(TypeError, match=option):
        make([x], **{option: True})
    with pytest.raises(ValueError, match=f"{make.__name__} has no option '{option}'"):
        make([{"params": [x], option: True}])


@pytest.mark.parametrize("make", [SAdam, ProxSGD])
def test_sparse_gradients_are_refused_before_anything_moves(make):
    table = nn.Embedding(5, 2, sparse=True)
    dense = nn.Parameter(torch.ones(2))
    optimizer = make([dense, *table.parameters()])
    before = table.weight.detach().clone()

    def closure(backward=True):
        value = (table(torch.tensor([1, 2])) * dense).sum()
        if backward:
            value.backward()
        return value

    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step(closure)
    assert torch.equal(dense.detach(), torch.ones(2))
    assert torch.equal(table.weight.detach(), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("make", [SAdam, ProxSGD])
def test_half_precision_parameters_are_refused(make, dtype):
    with pytest.raises(TypeError, match=r"Keep the parameters in float32.*autocast"):
        make([nn.Parameter(torch.ones(2, dtype=dtype))])
    frozen = nn.Parameter(torch.ones(2, dtype=dtype), requires_grad=False)
    moved = nn.Parameter(torch.ones(2))
    optimizer = make([frozen, moved])
    moved.grad = torch.ones(2)
    optimizer.step(lambda backward=True: 0.0)
    assert not torch.equal(moved.detach(), torch.ones(2))
    net = small_net(torch.float32)
    late = make(net.parameters())
    net.to(dtype)
    with pytest.raises(TypeError, match="float32"):
        late.step(closure_of(net, late))


def test_complex_parameters_step_as_pairs_of_real_ones():
    start = torch.randn(4, dtype=torch.complex128, generator=torch.Generator().manual_seed(2))
    z = nn.Parameter(start.clone())
    r = nn.Parameter(torch.view_as_real(start).clone())

    def closure_for(optimizer, point, value):
        def closure(backward=True):
            optimizer.zero_grad()
            loss = value(point)
            if backward:
                loss.backward()
            return loss

        return closure

    one, two = SAdam([z], 0.05, probes="two-sided"), SAdam([r], 0.05, probes="two-sided")
    adamw = torch.optim.AdamW([(z0 := nn.Parameter(start.clone()))], 0.05)
    unbraked = SAdam([(z1 := nn.Parameter(start.clone()))], 0.05, damping=0.0)
    for _ in range(50):
        one.step(closure_for(one, z, lambda p: p.real.abs().sum() + (p.imag**2).sum()))
        two.step(closure_for(two, r, lambda p: p[:, 0].abs().sum() + (p[:, 1] ** 2).sum()))
        for optimizer, point in ((adamw, z0), (unbraked, z1)):
            optimizer.step(closure_for(optimizer, point, lambda p: (p.abs() ** 2).sum()))
    assert torch.equal(torch.view_as_real(z.detach()), r.detach())
    assert (z1 - z0).detach().abs().max() < 1e-12
    with pytest.raises(TypeError, match=r"complex128.*two real parameters"):
        ProxSGD([z])
