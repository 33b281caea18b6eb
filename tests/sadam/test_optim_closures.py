"""What the drop-in optimizers make of closures and of the losses they return."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from sadam.optim import SAdam
from tests.sadam.optim_cases import F64, closure_of, crease, data, small_net, vector


def test_a_closure_must_offer_the_loss_alone():
    net = small_net()
    optimizer = SAdam(net.parameters())
    before = vector(net)
    for closure in (lambda: 0.0, lambda **options: 0.0, lambda *args: 0.0, max):
        with pytest.raises(TypeError, match=r"`backward`.*forward="):
            optimizer.step(closure)
    with pytest.raises(TypeError, match="needs a closure"):
        optimizer.step(None)
    assert torch.equal(vector(net), before)


@pytest.mark.parametrize("closure_kind", ["plain", "both", "partial", "object"])
def test_forms_of_closure_are_the_same(closure_kind):
    net, reference = small_net(), small_net()
    optimizer, other = SAdam(net.parameters(), 1e-2), SAdam(reference.parameters(), 1e-2)
    x, y = data()
    forward = lambda: (net(x) - y).abs().mean()  # noqa: E731
    authors = closure_of(net, optimizer)

    class Callable:
        def __call__(self, *, backward):
            return authors(backward)

    for _ in range(10):
        other.step(closure_of(reference, other))
        if closure_kind == "plain":
            optimizer.step(lambda: authors(), forward=forward)
        elif closure_kind == "both":
            optimizer.step(authors, forward=forward)
        elif closure_kind == "partial":
            optimizer.step(partial(lambda scale, backward: authors(backward), 1.0))
        else:
            optimizer.step(Callable())
    assert torch.equal(vector(net), vector(reference))


def test_the_loss_may_be_a_tensor_or_a_float_and_is_handed_back():
    results = []
    for convert in (lambda v: v, float, lambda v: v.reshape(1, 1)):
        net = small_net()
        optimizer = SAdam(net.parameters(), 1e-2)
        inner = closure_of(net, optimizer)

        def closure(backward=True, inner=inner, convert=convert):
            return convert(inner(backward).detach())

        returned = [optimizer.step(closure) for _ in range(5)]
        assert type(returned[0]) is type(convert(torch.tensor(1.0)))
        results.append((float(returned[-1]), vector(net)))
    assert all(r[0] == results[0][0] and torch.equal(r[1], results[0][1]) for r in results)


@pytest.mark.parametrize("bad", [None, "3", torch.ones(2), torch.tensor(1j), [1.0]])
def test_a_loss_that_is_no_number_is_refused(bad):
    x = nn.Parameter(torch.ones(2))
    x.grad = torch.ones(2)
    with pytest.raises(TypeError, match="must return the loss: one real number"):
        SAdam([x]).step(lambda backward: bad)
    assert torch.equal(x.detach(), torch.ones(2))


@pytest.mark.parametrize("bad", [None, torch.ones(2)])
def test_that_loss_is_refused_also_where_nothing_is_probed(bad):
    x = nn.Parameter(torch.ones(2))
    with pytest.raises(TypeError, match="must return the loss: one real number"):
        SAdam([x]).step(lambda backward: bad)  # no gradient
    optimizer = SAdam([x], probe_every=2)
    x.grad = torch.ones(2)
    optimizer.step(lambda backward: 1.0)
    before = x.detach().clone()
    with pytest.raises(TypeError, match="must return the loss: one real number"):
        optimizer.step(lambda backward: bad)  # a step that keeps the LGI
    assert torch.equal(x.detach(), before)


def test_a_loss_written_to_the_same_memory_each_time_is_read_each_time():
    def run(wrap):
        net = small_net()
        optimizer = SAdam(net.parameters(), 1e-2)
        closure = closure_of(net, optimizer)
        for _ in range(3):
            optimizer.step(lambda backward: wrap(closure(backward)))
        return optimizer.last_lgi

    memory = torch.zeros((), dtype=F64)
    assert run(lambda loss: memory.copy_(loss.detach())) == run(lambda loss: loss) > 0


def test_gradients_clipped_in_the_closure_are_the_ones_used():
    ours, theirs = small_net(), small_net()
    mine, adamw = SAdam(ours.parameters(), 1e-2, damping=0.0), torch.optim.AdamW(
        theirs.parameters(), 1e-2
    )  # fmt: skip
    for net, optimizer in ((ours, mine), (theirs, adamw)):
        inner = closure_of(net, optimizer)

        def closure(backward=True, net=net, inner=inner):
            loss = inner(backward)
            if backward:
                nn.utils.clip_grad_norm_(net.parameters(), 0.01)
            return loss

        for _ in range(20):
            optimizer.step(closure)
    assert (vector(ours) - vector(theirs)).abs().max() < 1e-12


@pytest.mark.parametrize("worse", [math.inf, math.nan])
def test_a_probe_that_overflows_brakes_as_the_cap_does(worse):
    x = nn.Parameter(torch.ones(2, dtype=F64))
    optimizer = SAdam([x], 0.1, weight_decay=0.0, damping=0.5, cap=3.0)

    def closure(backward=True):
        if backward:
            x.grad = torch.ones(2, dtype=F64)
            return 1.0
        return worse

    optimizer.step(closure)
    assert math.isnan(optimizer.last_lgi)
    assert optimizer.last_brake == pytest.approx(math.exp(-1.5))
    expected = torch.full((2,), 1 - 0.1 * math.exp(-1.5), dtype=F64)
    assert torch.allclose(x.detach(), expected, atol=1e-8)


def test_maximize_climbs_as_far_as_minimizing_the_negative_descends():
    def run(sign, maximize):
        x = nn.Parameter(torch.tensor([0.4, -0.3], dtype=F64))
        optimizer = SAdam([x], 0.02, maximize=maximize, probes="two-sided")

        def closure(backward=True):
            value = sign * crease(x)
            if backward:
                x.grad = None
                value.backward()
            return value

        for _ in range(60):
            optimizer.step(closure)
        return x.detach()

    assert torch.equal(run(1, False), run(-1, True))


def test_the_brake_is_kept_between_probes():
    net = small_net()
    optimizer = SAdam(net.parameters(), 1e-2, probe_every=3)
    calls, inner, seen = [], closure_of(net, optimizer), []

    def closure(backward=True):
        calls.append(backward)
        return inner(backward)

    for _ in range(7):
        optimizer.step(closure)
        seen.append((optimizer.last_lgi, optimizer.last_brake))
    assert calls == ([True, False, False] + [True] * 2) * 2 + [True, False, False]
    assert seen[0] == seen[1] == seen[2] != seen[3] == seen[4] == seen[5] != seen[6]
