"""Every scheduler of torch drives the drop-in optimizers as it drives torch's own."""

import inspect

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from sadam.optim import ProxSGD, SAdam
from tests.sadam.optim_cases import closure_of, small_net, vector

STEPS = 24
MAKERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: t / STEPS),  # begins at 0
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [3, 9]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, 7),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 10),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1, 5), lr_scheduler.ExponentialLR(o, 0.9)], [5]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1, 5), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS // 2),  # touches 0
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, STEPS // 2, 2.0),  # ends at 0
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=2, threshold=0.5),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 1e-4, 1e-2, 5, cycle_momentum=True),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 1e-2, STEPS + 1, cycle_momentum=True),
    "SWALR": lambda o: SWALR(o, swa_lr=1e-3),
}
PAIRS = {
    "SAdam": (
        lambda p, lr: SAdam(p, lr, damping=0.0),
        lambda p, lr: torch.optim.AdamW(p, lr),
    ),
    "ProxSGD": (
        lambda p, lr: ProxSGD(p, lr, 0.9, l1=0.0),
        lambda p, lr: torch.optim.SGD(p, lr, 0.9),
    ),
}


def test_no_scheduler_of_torch_is_left_out():
    public = {
        name
        for name, value in vars(lr_scheduler).items()
        if inspect.isclass(value)
        and issubclass(value, lr_scheduler.LRScheduler)
        and value is not lr_scheduler.LRScheduler
        and not name.startswith("_")
    }
    assert public | {"SWALR"} == set(MAKERS)


def scheduled(make, name, lr):
    net = small_net()
    optimizer = make(net.parameters(), lr)
    scheduler, closure = MAKERS[name](optimizer), closure_of(net, optimizer)
    group, settings = optimizer.param_groups[0], []
    for _ in range(STEPS):
        loss = optimizer.step(closure)
        if name == "ReduceLROnPlateau":
            scheduler.step(loss.detach())
        else:
            scheduler.step()
        settings.append((float(group["lr"]), group.get("betas"), group.get("momentum")))
    return vector(net), settings


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("which", PAIRS)
def test_every_scheduler_drives_it_as_torchs_own(which, name):
    (ours, settings), (theirs, expected) = (scheduled(m, name, 5e-3) for m in PAIRS[which])
    assert settings == expected
    assert len(set(settings)) > 1
    assert (ours - theirs).abs().max() < 1e-12
    if name in ("CyclicLR", "OneCycleLR"):  # momentum goes round as well
        assert len({str(s[1:]) for s in settings}) > 3


@pytest.mark.parametrize("name", ["ExponentialLR", "OneCycleLR", "CosineAnnealingLR"])
@pytest.mark.parametrize("which", PAIRS)
def test_the_learning_rate_may_be_a_tensor(which, name):
    ours, _ = scheduled(PAIRS[which][0], name, torch.tensor(5e-3, dtype=torch.float64))
    theirs, _ = scheduled(PAIRS[which][0], name, 5e-3)
    assert (ours - theirs).abs().max() < 1e-12


def test_the_damping_may_be_scheduled_by_hand():
    net = small_net()
    optimizer = SAdam(net.parameters(), 1e-2)
    closure = closure_of(net, optimizer)
    for damping in (0.0, 1.0, torch.tensor(3.0)):
        optimizer.param_groups[0]["damping"] = damping
        optimizer.step(closure)
        assert optimizer.last_brake == pytest.approx(
            float(torch.exp(torch.tensor(-float(damping) * optimizer.last_lgi))), rel=1e-6
        )
    optimizer.param_groups[0]["damping"] = -1.0
    with pytest.raises(ValueError, match=r"Invalid damping: -1\.0"):
        optimizer.step(closure)
    optimizer.param_groups[0].update(damping=1.0, lr=-0.1)
    with pytest.raises(ValueError, match=r"Invalid lr: -0\.1"):
        optimizer.step(closure)
