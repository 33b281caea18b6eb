"""The matched control: what it must be equal to, so that only the brake's changes can differ."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam.engine import run
from sadam.lab.matched import LARGEST, SMALLEST_LR, matched_control
from sadam.rules import AdamW, SAdam


@pytest.mark.parametrize("name", ["rosenbrock", "cb2", "l1"])
def test_against_a_brake_that_never_varies_the_control_is_the_same_rule(name):
    """The cap holds the LGI at 1e-4 everywhere: the brake is exp(-2) at every step."""
    landscape = CATALOGUE[name]
    rule = SAdam(lr=0.1, weight_decay=0.1, damping=2e4, cap=1e-4, num_probes=4)
    start = torch.tensor(landscape.start, dtype=torch.float64)
    control = matched_control(rule, math.exp(-2))
    tracks = run(landscape.value, {"braked": rule, "control": control}, start, steps=300)
    assert torch.allclose(tracks["braked"].brake, torch.tensor(math.exp(-2), dtype=torch.float64))
    torch.testing.assert_close(
        tracks["braked"].points, tracks["control"].points, rtol=1e-6, atol=1e-9
    )


def test_without_a_brake_it_is_adamw_to_the_last_bit():
    rule = SAdam(lr=0.07, weight_decay=0.013)
    assert matched_control(rule, 1.0) == AdamW(0.07, rule.betas, rule.eps, 0.013)


@given(
    st.floats(0, 1),
    st.sampled_from([1e-300, 1e-8, 0.05, 3.0, 1e200]),
    st.sampled_from([0.0, 1e-2, 1e9]),
)
def test_it_decays_by_as_much_in_every_step_and_is_always_a_rule(brake, lr, decay):
    rule = SAdam(lr=lr, weight_decay=decay)
    control = matched_control(rule, brake)
    lanes = matched_control(
        SAdam(lr=torch.tensor([lr], dtype=torch.float64), weight_decay=decay),
        torch.tensor([brake], dtype=torch.float64),
    )
    assert lanes.lr.item() == control.lr >= SMALLEST_LR
    assert float(torch.as_tensor(lanes.weight_decay)) == control.weight_decay <= LARGEST
    if math.isfinite(lr * decay) and lr * brake > 1e-290 and brake > 1e-290:
        assert control.lr * control.weight_decay == pytest.approx(lr * decay, rel=1e-12)
