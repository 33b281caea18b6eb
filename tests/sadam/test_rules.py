"""Rules against torch.optim, hand derivations and their own limits."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sadam.family import brake_of
from sadam.rules import RULES, SGD, Adam, AdamW, AMSGrad, ProxSGD, SAdam, key_of

F64 = torch.float64


def steps_of(rule, gradient, x, steps, lgi=None):
    state, path = rule.init(x), [x]
    for t in range(1, steps + 1):
        instability = torch.zeros(x.shape[:-1], dtype=x.dtype) if lgi is None else lgi(t)
        x = rule.update(x, gradient(x), instability, state, t)
        path.append(x)
    return torch.stack(path)


def torch_path(make, gradient, x, steps):
    x = x.clone().requires_grad_()
    optimizer, path = make([x]), [x.detach().clone()]
    for _ in range(steps):
        x.grad = gradient(x.detach())
        optimizer.step()
        path.append(x.detach().clone())
    return torch.stack(path)


def wavy(x):
    return torch.sin(3 * x) + 0.1 * x + torch.sign(x)


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        (SGD(0.01, 0.8), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8)),
        (SGD(0.01, 0.0), lambda p: torch.optim.SGD(p, lr=0.01)),
        (Adam(0.02, (0.8, 0.95)), lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95))),
        (Adam(0.02, eps=1e-3), lambda p: torch.optim.Adam(p, lr=0.02, eps=1e-3)),
        (AMSGrad(0.02), lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True)),
        (AdamW(0.02, weight_decay=0.3), lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.3)),
    ],
)
@pytest.mark.parametrize("shape", [(2,), (5, 2), (4, 3, 7)])
def test_update_is_torch_optims(rule, make, shape):
    x = torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(1))
    ours, theirs = steps_of(rule, wavy, x, 200), torch_path(make, wavy, x, 200)
    assert (ours - theirs).abs().max() < 1e-12


def test_update_keeps_float32():
    x = torch.randn(3, 2)
    for make in RULES.values():
        assert steps_of(make(), wavy, x, 3).dtype == torch.float32


def test_sadam_without_damping_is_adamw_to_the_last_bit():
    x = torch.randn(6, 2, dtype=F64)
    lgi = torch.rand(300, 6, dtype=F64)
    braked = SAdam(0.03, weight_decay=0.1, damping=0.0)
    ours = steps_of(braked, wavy, x, 299, lambda t: lgi[t])
    assert torch.equal(ours, steps_of(AdamW(0.03, weight_decay=0.1), wavy, x, 299))


def test_sadam_brakes_the_step_and_not_the_decay():
    x, g = torch.tensor([[2.0, -1.0]], dtype=F64), torch.tensor([[0.5, 3.0]], dtype=F64)
    rule = SAdam(0.1, weight_decay=0.2, damping=3.0)
    lgi = torch.tensor([0.7], dtype=F64)
    new = rule.update(x, g, lgi, rule.init(x), 1)
    # at t = 1 the bias-corrected moments are g and g^2: the direction is g / (|g| + eps)
    expected = (1 - 0.1 * 0.2) * x - 0.1 * math.exp(-3 * 0.7) * g / (g.abs() + 1e-8)
    assert torch.allclose(new, expected, rtol=0, atol=1e-15)


def test_brake_is_capped():
    lgi = torch.tensor([0.0, 0.5, 3.0, 1e9], dtype=F64)
    assert torch.allclose(
        brake_of(lgi, 2.0, 1.0),
        torch.tensor([1, math.exp(-1), math.exp(-2), math.exp(-2)], dtype=F64),
    )


def test_prox_sgd_by_hand():
    x = torch.tensor([[1.0, -0.002, 0.5]], dtype=F64)
    g = torch.tensor([[2.0, 0.1, -1.0]], dtype=F64)
    rule = ProxSGD(lr=0.1, momentum=0.5, l1=0.3)
    state = rule.init(x)
    first = rule.update(x, g, torch.zeros(1, dtype=F64), state, 1)
    # b = g: x - lr b = (0.8, -0.012, 0.6); shrunk by lr l1 = 0.03
    assert torch.allclose(first, torch.tensor([[0.77, 0.0, 0.57]], dtype=F64), atol=1e-15)
    assert first[0, 1] == 0
    second = rule.update(first, g, torch.zeros(1, dtype=F64), state, 2)
    # b = 1.5 g: (0.47, -0.015, 0.72), shrunk by 0.03
    assert torch.allclose(second, torch.tensor([[0.44, 0.0, 0.69]], dtype=F64), atol=1e-15)


def test_tensor_hyperparameters_are_one_run_each():
    x = torch.randn(3, 2, dtype=F64)
    lr = torch.tensor([0.01, 0.1, 0.5], dtype=F64)
    beta1 = torch.tensor([0.0, 0.9, 0.99], dtype=F64)
    batch = steps_of(Adam(lr, (beta1, 0.99)), wavy, x, 50)
    for i in range(3):
        alone = steps_of(Adam(float(lr[i]), (float(beta1[i]), 0.99)), wavy, x[i], 50)
        assert torch.allclose(batch[:, i], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(lr=0.0), "Invalid lr: 0.0, must be positive and finite"),
        (lambda: Adam(lr=math.nan), "Invalid lr: nan"),
        (lambda: SGD(lr=math.inf), "Invalid lr: inf"),
        (lambda: Adam(betas=(1.0, 0.9)), "Invalid beta1: 1.0, must be in"),
        (lambda: Adam(betas=(0.9, -0.1)), "Invalid beta2: -0.1"),
        (lambda: Adam(betas=0.9), "Invalid betas: 0.9, must be a pair"),
        (lambda: SGD(momentum=1.0), "Invalid momentum"),
        (lambda: AdamW(weight_decay=-1.0), "Invalid weight_decay"),
        (lambda: ProxSGD(l1=-1.0), "Invalid l1"),
        (lambda: SAdam(damping=-1.0), "Invalid damping"),
        (lambda: SAdam(radius=0.0), "Invalid radius: 0.0, must be positive"),
        (lambda: SAdam(num_probes=0), "Invalid num_probes: 0"),
        (lambda: SAdam(num_probes=2.5), "Invalid num_probes: 2.5"),
        (lambda: SAdam(probes="both"), "Invalid probes: 'both'"),
        (lambda: SAdam(sphere="box"), "Invalid sphere: 'box'"),
        (lambda: SAdam(zeta=0.0), "Invalid zeta"),
        (lambda: SAdam(cap=0.0), "Invalid cap"),
        (lambda: Adam(lr=torch.tensor([0.1, -0.1])), "Invalid lr"),
    ],
)
def test_bad_hyperparameters_are_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_defaults_are_the_authors():
    published, ours = RULES["s-adam"](), RULES["s-adam-two-sided"]()
    assert (published.damping, ours.damping) == (2.0, 4.0)
    for rule in (published, ours):
        assert (rule.lr, rule.betas, rule.eps, rule.weight_decay) == (
            1e-3,
            (0.9, 0.999),
            1e-8,
            1e-2,
        )
        assert (rule.num_probes, rule.radius, rule.zeta, rule.cap) == (2, 0.01, 1e-6, 10.0)


def test_every_key_names_its_rule():
    assert {key: key_of(make()) for key, make in RULES.items()} == {key: key for key in RULES}


@given(st.floats(1e-6, 10), st.floats(0, 0.99), st.floats(0, 0.9999))
def test_adam_steps_are_bounded_by_the_learning_rate_on_a_constant_slope(lr, beta1, beta2):
    x = torch.zeros(1, 2, dtype=F64)
    path = steps_of(Adam(lr, (beta1, beta2)), lambda x: torch.full_like(x, 3.0), x, 5)
    assert (path.diff(dim=0).abs() <= lr * (1 + 1e-9)).all()
