"""The engine on the whole catalogue: torch.optim, autograd and the batch as oracles."""

from functools import partial

import pytest
import torch

from landscapes import CATALOGUE
from sadam.engine import run
from sadam.rules import RULES, SAdam

STEPS = 500
LR = 0.01
OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=LR / 100, momentum=0.9, foreach=False),
    "adam": partial(torch.optim.Adam, lr=LR, foreach=False),
    "amsgrad": partial(torch.optim.Adam, lr=LR, amsgrad=True, foreach=False),
    "adamw": partial(torch.optim.AdamW, lr=LR, foreach=False),
}
RULES_HERE = {key: RULES[key](lr=LR / 100 if key == "sgd" else LR) for key in OPTIMIZERS}


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
def test_engine_equals_torch_optim(key):
    """Same landscape gradient, other implementation of everything else: 1e-12 over 500 steps."""
    landscape = CATALOGUE[key]
    start = torch.tensor(landscape.start, dtype=torch.float64)
    got = run(landscape.value, RULES_HERE, start[None], steps=STEPS)
    points = [start.clone().requires_grad_() for _ in OPTIMIZERS]
    optimizers = [make([x]) for make, x in zip(OPTIMIZERS.values(), points, strict=True)]
    paths = [torch.stack(points).detach()]
    for _ in range(STEPS):
        grads = landscape.value.value_and_grad(paths[-1])[1]
        for x, grad, optimizer in zip(points, grads, optimizers, strict=True):
            x.grad = grad
            optimizer.step()
        paths.append(torch.stack(points).detach())
    for name, path in zip(OPTIMIZERS, torch.stack(paths, 1), strict=True):
        assert (got[name].points[:, 0] - path).abs().max() < 1e-12, name


@pytest.mark.slow
@pytest.mark.parametrize("key", CATALOGUE)
def test_a_lane_does_not_depend_on_the_batch(key):
    """Batched equals alone, to the last bit, probes and all."""
    landscape = CATALOGUE[key]
    (x0, x1), (y0, y1) = landscape.window
    generator = torch.Generator().manual_seed(0)
    low, high = (torch.tensor(v, dtype=torch.float64) for v in ((x0, y0), (x1, y1)))
    starts = low + (high - low) * torch.rand(13, 2, dtype=torch.float64, generator=generator)
    rules = {"adam": RULES["adam"](lr=0.05)} | {
        kind: SAdam(0.05, probes=kind, num_probes=3) for kind in ("one-sided", "two-sided")
    }
    together = run(landscape.value, rules, starts, steps=60)
    for lane in (0, 7, 12):
        for name, rule in rules.items():
            alone = run(landscape.value, {name: rule}, starts[lane], steps=60)[name]
            for field in ("points", "values", "grads", "brake"):
                mine = getattr(together[name], field)[:, lane].nan_to_num()
                assert torch.equal(mine, getattr(alone, field).nan_to_num()), (name, field)


def test_prox_sgd_finds_the_lasso_minimiser_and_its_exact_zero():
    lasso = CATALOGUE["lasso"]
    start = torch.tensor(lasso.start, dtype=torch.float64)
    rule = RULES["prox-sgd"](lr=0.1, momentum=0.0)
    got = run(lasso.value, {"p": rule}, start, steps=STEPS, smooth=lasso.smooth, prox=lasso.prox)[
        "p"
    ]
    assert got.points[-1].tolist() == pytest.approx([0.5, 0.0], abs=1e-12)
    assert got.points[-1, 1] == 0
    assert got.values[-1] == pytest.approx(0.395, abs=1e-12)


def test_prox_sgd_lands_exactly_on_the_vertex_of_l1():
    l1 = CATALOGUE["l1"]
    start = torch.tensor(l1.start, dtype=torch.float64)
    rule = RULES["prox-sgd"](lr=0.01, momentum=0.0)
    got = run(l1.value, {"p": rule}, start, steps=STEPS, smooth=l1.smooth, prox=l1.prox)["p"]
    assert (got.points[-1] == 0).all()


def test_a_rule_that_diverges_on_cb2_leaves_the_others_alone():
    cb2 = CATALOGUE["cb2"]
    start = torch.tensor([cb2.start], dtype=torch.float64)
    rules = {"sgd": RULES["sgd"](lr=10.0), "adam": RULES["adam"](lr=0.05)}
    got = run(cb2.value, rules, start, steps=STEPS)
    assert got["sgd"].diverged_at[0] > 0
    alone = run(cb2.value, {"adam": rules["adam"]}, start, steps=STEPS)["adam"]
    assert torch.equal(got["adam"].points, alone.points)
