"""Schedules against torch's own schedulers."""

import pytest
import torch

from sadam.schedules import SCHEDULES, constant, cosine, inverse_sqrt


def test_closed_forms():
    assert torch.equal(constant(3), torch.ones(3, dtype=torch.float64))
    assert inverse_sqrt(9)[[0, 3, 8]].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert cosine(4).tolist() == pytest.approx([0.8535533905932737, 0.5, 0.1464466094067262, 0])


def test_cosine_is_torchs_one_step_on():
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    factors = []
    for _ in range(20):
        optimizer.step()
        scheduler.step()
        factors.append(scheduler.get_last_lr()[0])
    assert cosine(20).tolist() == pytest.approx(factors, abs=1e-12)


@pytest.mark.parametrize("key", SCHEDULES)
def test_factors_stay_in_the_unit_interval(key):
    factors = SCHEDULES[key](100)
    assert factors.shape == (100,)
    assert ((factors >= 0) & (factors <= 1)).all()
