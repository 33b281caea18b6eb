"""Checkpoints, copies, seeds, devices and dtypes of the drop-in optimizers."""

import copy
import math
import pickle
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn

from sadam.optim import ProxSGD, SAdam
from tests.sadam.optim_cases import (
    checkpoint_steps,
    closure_of,
    data,
    small_net,
    trained,
    vector,
)


@pytest.mark.slow
def test_a_run_resumed_in_another_process_continues_bit_by_bit(tmp_path):
    make = partial(SAdam, lr=1e-2, probes="two-sided", probe_every=2, seed=7)
    net = small_net()
    optimizer = make(net.parameters())
    checkpoint_steps(optimizer, net, 11)
    torch.save([net.state_dict(), optimizer.state_dict()], tmp_path / "half.pt")
    checkpoint_steps(optimizer, net, 12)
    program = """
import sys, torch
from sadam.optim import SAdam
from tests.sadam.optim_cases import checkpoint_steps, small_net, vector
net = small_net()
optimizer = SAdam(net.parameters(), lr=0.5, probes="two-sided", probe_every=9, seed=8)
state, saved = torch.load(sys.argv[1] + "/half.pt", weights_only=True)
net.load_state_dict(state)
optimizer.load_state_dict(saved)
checkpoint_steps(optimizer, net, 12)
torch.save([vector(net), optimizer.last_lgi, optimizer.last_brake], sys.argv[1] + "/whole.pt")
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=120)
    there, lgi, brake = torch.load(tmp_path / "whole.pt", weights_only=True)
    assert torch.equal(there, vector(net))
    assert (lgi, brake) == (optimizer.last_lgi, optimizer.last_brake)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
@pytest.mark.parametrize("make", [SAdam, ProxSGD])
def test_a_copy_continues_as_the_original(make, how):
    net = small_net()
    optimizer = make(net.parameters(), 1e-2)
    checkpoint_steps(optimizer, net, 5)
    other_net, other = how((net, optimizer))
    checkpoint_steps(other, other_net, 7)
    assert not torch.equal(vector(other_net), vector(net))  # the original is left alone
    checkpoint_steps(optimizer, net, 7)
    assert torch.equal(vector(other_net), vector(net))


def test_two_optimizers_may_load_one_state():
    net = small_net()
    optimizer = SAdam(net.parameters(), 1e-2)
    checkpoint_steps(optimizer, net, 3)
    saved = copy.deepcopy(optimizer.state_dict())
    ends = []
    for _ in range(2):
        again = copy.deepcopy(net)
        other = SAdam(again.parameters())
        other.load_state_dict(copy.deepcopy(saved))
        checkpoint_steps(other, again, 4)
        ends.append(vector(again))
    assert torch.equal(*ends)


@pytest.mark.parametrize("seed", [0, 8])
@pytest.mark.parametrize("before", [0, 3])
def test_a_checkpoint_rewinds_the_directions_of_any_optimizer(before, seed):
    net = small_net()
    optimizer = SAdam(net.parameters(), 1e-2)
    checkpoint_steps(optimizer, net, before)
    start, saved = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
    checkpoint_steps(optimizer, net, 4)
    expected, lgi = vector(net), optimizer.last_lgi
    for other in (optimizer, SAdam(net.parameters(), 1e-2, seed=seed)):
        checkpoint_steps(other, net, 2)  # it has drawn directions since
        net.load_state_dict(start)
        other.load_state_dict(copy.deepcopy(saved))
        assert before or math.isnan(other.last_lgi)
        checkpoint_steps(other, net, 4)
        assert torch.equal(vector(net), expected)
        assert other.last_lgi == lgi


@pytest.mark.parametrize("how", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
@pytest.mark.parametrize("before", [0, 2])
def test_a_generator_that_others_use_too_is_kept_as_it_is(before, how):
    """Neither a checkpoint nor a copy takes its state of the step before."""
    net, generator = small_net(), torch.Generator().manual_seed(5)
    optimizer = SAdam(net.parameters(), 1e-2, generator=generator)
    checkpoint_steps(optimizer, net, before)
    optimizer.state_dict()
    torch.randn(7, generator=generator)
    copied_net, copied = how((net, optimizer))
    start, saved = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
    checkpoint_steps(optimizer, net, 3)
    checkpoint_steps(copied, copied_net, 3)
    assert torch.equal(vector(copied_net), vector(net))
    again = small_net()
    again.load_state_dict(start)
    other = SAdam(again.parameters())
    other.load_state_dict(saved)
    checkpoint_steps(other, again, 3)
    assert torch.equal(vector(again), vector(net))


def test_the_state_of_another_optimizer_is_refused():
    net = small_net()
    adamw = torch.optim.AdamW(net.parameters())
    checkpoint_steps(adamw, net, 1)
    with pytest.raises(ValueError, match=r"not a state_dict of SAdam.*exp_avg"):
        SAdam(net.parameters()).load_state_dict(adamw.state_dict())


def test_directions_of_another_device_go_on_with_a_warning():
    net = small_net()
    optimizer = SAdam(net.parameters())
    checkpoint_steps(optimizer, net, 1)
    saved = optimizer.state_dict()
    saved["state"]["probes"]["generator"] = torch.zeros(16, dtype=torch.uint8)  # CUDA's length
    with pytest.warns(UserWarning, match="another kind of device than cpu"):
        SAdam(net.parameters()).load_state_dict(saved)


def test_state_holds_no_more_than_the_rule_uses():
    net = small_net()
    for make, names in ((SAdam, {"step", "m", "v"}), (ProxSGD, {"step", "m"})):
        optimizer = make(net.parameters())
        checkpoint_steps(optimizer, net, 1)
        assert all(optimizer.state[p].keys() == names for p in net.parameters())


def test_the_seed_and_the_generator_decide_the_directions():
    def lgi(**options):
        net = small_net()
        optimizer = SAdam(net.parameters(), 1e-2, **options)
        checkpoint_steps(optimizer, net, 3)
        return optimizer.last_lgi

    assert lgi() == lgi(seed=0) == lgi(generator=torch.Generator().manual_seed(0)) != lgi(seed=1)


def test_any_default_device_will_do():
    net = small_net()
    optimizer = SAdam(net.parameters(), 1e-2, probes="two-sided")
    prox = ProxSGD(net.parameters(), 1e-2)
    checkpoint_steps(optimizer, net, 3)
    checkpoint_steps(prox, net, 3)
    expected = vector(net)
    other = small_net()
    batch = data()
    try:  # whatever is made without naming a device has no content then
        torch.set_default_device("meta")
        optimizer = SAdam(other.parameters(), 1e-2, probes="two-sided", eps=1.1e-8)
        optimizer.param_groups[0]["eps"] = 1e-8
        for _ in range(3):
            optimizer.step(closure_of(other, optimizer, batch))
        prox = ProxSGD(other.parameters(), 1e-2)
        for _ in range(3):
            prox.step(closure_of(other, prox, batch))
    finally:
        torch.set_default_device(None)
    assert torch.equal(vector(other), expected)


def test_directions_of_the_wrong_shape_are_refused():
    x = nn.Parameter(torch.ones(3))
    x.grad = torch.ones(3)
    optimizer = SAdam([x], directions=lambda t, k, dim: torch.ones(k, dim + 1))
    with pytest.raises(ValueError, match=r"Invalid directions: shape \(2, 4\), must be \(2, 3\)"):
        optimizer.step(lambda backward: 0.0)


def test_float32_follows_float64():
    ours = trained(lambda p: SAdam(p, 1e-3, probes="two-sided"), 20, torch.float32)
    assert ours.dtype == torch.float32
    assert (ours - trained(lambda p: SAdam(p, 1e-3, probes="two-sided"), 20)).abs().max() < 1e-3
