"""Probing leaves no trace, and sees what the loss saw that it is compared with."""

import random
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from sadam.optim import SAdam

X = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
Y = X.abs().sum(1, keepdim=True)


class Noisy(nn.Module):
    """Draws from every global stream; counts its calls in a buffer, replaces it and goes by it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("expanded", torch.ones(1).expand(4))  # nobody can write to it
        self.register_buffer("nothing", None)

    def forward(self, x):
        self.calls = self.calls + 1
        noise = torch.randn(()).item() + random.random() + np.random.random()  # noqa: NPY002
        return x * (1 + 0.1 * noise + 0.01 * self.calls)


def net_with_all_of_it(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(3, 16)),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.BatchNorm1d(16, momentum=None, affine=False),
        Noisy(),
        nn.Linear(16, 1),
    )


def seed_all(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def streams():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [torch.get_rng_state().tolist(), random.getstate(), name, keys.tolist(), rest]


def closure_of(net, optimizer):
    x, y = X.to(next(net.parameters()).dtype), Y.to(next(net.parameters()).dtype)

    def closure(backward=True):
        net.zero_grad()  # also in the probes: gradients must survive it
        optimizer.zero_grad(set_to_none=False)
        loss = (net(x) - y).abs().mean()
        if backward:
            loss.backward()
            optimizer.zero_grad()
            loss = (net(x) - y).abs().mean()
            loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("probes", ["one-sided", "two-sided"])
@pytest.mark.parametrize("hand_in", [False, True])
def test_a_probed_run_without_damping_is_adamws_in_all_its_state(probes, hand_in):
    results = []
    for braked in (False, True):
        net = net_with_all_of_it().double()
        seed_all(4)
        # A bias before a normalisation has no gradient but rounding: a small eps would blow it up
        options = {"lr": 1e-2, "eps": 1e-3}
        if braked:
            options |= {"damping": 0.0, "probes": probes, "model": net if hand_in else None}
        optimizer = (SAdam if braked else torch.optim.AdamW)(net.parameters(), **options)
        for _ in range(15):
            loss = optimizer.step(closure_of(net, optimizer))
        grads = [p.grad for p in net.parameters()]
        results.append((net.state_dict(), grads, streams(), float(loss.detach())))
        if braked:
            assert optimizer.last_lgi > 0
    (theirs, grads, rng, loss), (ours, our_grads, our_rng, our_loss) = results
    assert our_rng == rng
    assert our_loss == pytest.approx(loss, rel=1e-9)
    for name, value in theirs.items():
        assert torch.allclose(ours[name].double(), value.double(), atol=1e-9), name
    assert int(ours["1.num_batches_tracked"]) == int(ours["5.calls"]) == 30
    for a, b in zip(our_grads, grads, strict=True):
        assert torch.allclose(a, b, atol=1e-9)


def test_every_bit_is_as_after_the_gradient_pass():
    net = net_with_all_of_it()
    optimizer = SAdam(net.parameters(), lr=0.0, num_probes=3, probes="two-sided")
    inner = closure_of(net, optimizer)
    kept = {}

    def closure(backward=True):
        loss = inner(backward)
        if backward:
            kept["state"] = {k: v.clone() for k, v in net.state_dict().items()}
            kept["buffers"] = dict(net.named_buffers())
            kept["grads"] = [(p.grad, p.grad.clone()) for p in net.parameters()]
            kept["streams"] = streams()
        return loss

    for _ in range(3):
        optimizer.step(closure)
        assert streams() == kept["streams"]
        for name, value in net.state_dict().items():
            assert torch.equal(value, kept["state"][name]), name
        for name, buffer in net.named_buffers():
            assert buffer is kept["buffers"][name]
        for p, (grad, copy) in zip(net.parameters(), kept["grads"], strict=True):
            assert p.grad is grad
            assert torch.equal(grad, copy)


def test_a_probe_at_the_same_point_gives_the_same_loss():
    """A radius too small to move float32 parameters: what differs then is not the parameters."""
    net = net_with_all_of_it()
    optimizer = SAdam(net.parameters(), 1e-3, radius=1e-30, num_probes=4, probes="two-sided")
    losses = []

    def closure(backward=True):
        optimizer.zero_grad()
        loss = (net(X) - Y).abs().mean()
        if backward:
            loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(4):
        losses.clear()
        optimizer.step(closure)
        assert len(losses) == 9
        assert len(set(losses)) == 1


@pytest.mark.parametrize("which", [0, 1, 3])
def test_an_exception_in_a_probe_leaves_everything_and_comes_through(which):
    net = net_with_all_of_it()
    optimizer = SAdam(net.parameters(), 1e-2, probes="two-sided")
    inner = closure_of(net, optimizer)
    optimizer.step(inner)
    calls, kept = [], {}

    def closure(backward=True):
        loss = inner(backward)
        if backward:
            kept["state"] = {k: v.clone() for k, v in net.state_dict().items()}
            kept["streams"] = streams()
        else:
            calls.append(0)
            if len(calls) > which:
                raise KeyboardInterrupt
        return loss

    drawn = optimizer._generator.get_state()
    steps = [optimizer.state[p]["step"] for p in net.parameters()]
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert streams() == kept["streams"]
    assert all(torch.equal(v, kept["state"][k]) for k, v in net.state_dict().items())
    assert all(p.grad is not None for p in net.parameters())
    assert torch.equal(optimizer._generator.get_state(), drawn)
    assert [optimizer.state[p]["step"] for p in net.parameters()] == steps
    optimizer.step(inner)  # and it can go on


def test_an_exception_in_the_gradient_pass_leaves_no_hook():
    x = nn.Parameter(torch.ones(1))

    def closure(backward=True):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        SAdam([x]).step(closure)
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert float(x.detach()) == 1


def test_gradients_and_buffers_of_modules_that_are_not_optimized_are_kept_too():
    """As in adversarial training: one optimizer for each net, both nets in one closure."""
    ours, others = nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = SAdam(ours.parameters(), 1e-3)

    def closure(backward=True):
        ours.zero_grad()
        others.zero_grad(set_to_none=False)
        loss = others(ours(X)).square().mean()
        if backward:
            loss.backward()
        return loss

    optimizer.step(closure)
    assert int(others[0].num_batches_tracked) == 1
    assert all(p.grad.abs().sum() > 0 for p in others[1].parameters())


def test_modules_that_other_threads_call_are_not_ours():
    elsewhere, net = nn.BatchNorm1d(3), nn.Linear(3, 1)
    optimizer = SAdam(net.parameters(), 1e-3)

    def run_elsewhere():
        thread = threading.Thread(target=elsewhere, args=(X,))
        thread.start()
        thread.join()

    def closure(backward=True):
        run_elsewhere()
        loss = net(X).abs().mean()
        if backward:
            loss.backward()
        return loss

    optimizer.step(closure)
    assert int(elsewhere.num_batches_tracked) == 3  # its own calls count, in whichever pass


def test_probes_see_the_moved_weights_inside_an_autocast_region():
    net = nn.Linear(64, 64)
    x = torch.randn(8, 64)

    def lgi(outside):
        torch.manual_seed(0)
        net.reset_parameters()
        optimizer = SAdam(net.parameters(), 1e-3, radius=1.0, probes="two-sided")

        def closure(backward=True):
            with nullcontext() if outside else torch.autocast("cpu", torch.bfloat16):
                loss = net(x).float().abs().mean()
            if backward:
                optimizer.zero_grad()
                loss.backward()
            return loss

        with torch.autocast("cpu", torch.bfloat16, enabled=outside):
            optimizer.step(closure)
            with torch.autocast("cpu", torch.bfloat16):
                after = net(x)
        with torch.autocast("cpu", torch.bfloat16):
            fresh = net(x)
        assert torch.equal(after, fresh)  # no cast of a probe's weights is left over
        return optimizer.last_lgi

    inside = lgi(outside=False)
    assert inside > 0.01
    assert lgi(outside=True) == inside


def test_a_loss_that_follows_its_own_generator_of_batches_sees_one_batch():
    """A minibatch drawn from a global stream inside the closure is the same in every probe."""
    net = nn.Linear(3, 1)
    optimizer = SAdam(net.parameters(), 1e-3, num_probes=3)
    drawn = []

    def closure(backward=True):
        rows = torch.randperm(len(X))[:4]
        drawn.append((rows.tolist(), np.random.permutation(9).tolist(), random.random()))  # noqa: NPY002
        loss = (net(X[rows]) - Y[rows]).abs().mean()
        if backward:
            loss.backward()
        return loss

    optimizer.step(closure)
    optimizer.step(closure)
    assert len(drawn) == 8
    assert all(d == drawn[0] for d in drawn[:4])
    assert all(d == drawn[4] for d in drawn[4:])
    assert drawn[0] != drawn[4]


def test_the_directions_are_not_drawn_from_the_global_streams():
    x = nn.Parameter(torch.ones(3))
    x.grad = torch.ones(3)
    optimizer = SAdam([x], generator=torch.Generator().manual_seed(3))
    seed_all(0)
    before = streams()
    optimizer.step(lambda backward: 1.0)
    assert streams() == before


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's own, about hooks and compiling
@pytest.mark.slow
def test_compiled_modules_are_kept_when_handed_in_and_refused_when_not():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    def step(call, **options):
        optimizer = SAdam(net.parameters(), 1e-3, **options)

        def closure(backward=True):
            loss = (call(X) - Y).abs().mean()
            if backward:
                loss.backward()
            return loss

        optimizer.step(closure)
        return optimizer.last_lgi

    compiled = torch.compile(net, backend="eager", fullgraph=True)
    function = torch.compile(lambda x: net(x), backend="eager", fullgraph=True)
    for call in (compiled, function):
        with pytest.raises(RuntimeError, match=r"calls a compiled module.*model="):
            step(call)
    count = int(net[1].num_batches_tracked)
    assert step(compiled, model=net) > 0
    assert int(net[1].num_batches_tracked) == count + 1
    torch.compiler.reset()
