import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam import metrics
from sadam.engine import run
from sadam.family import Coefficients
from sadam.rules import SGD, Adam, AdamW, AMSGrad, MomentRule, ProxSGD, SAdam
from sadam.schedules import cosine
from sadam.sweep import Outcome, sweep

TARGETS = (1e-1, 1e-3)


def starts_of(landscape, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return torch.tensor(landscape.start, dtype=torch.float64) + 0.3 * noise


def rules_of(lr):
    return {
        "sgd": SGD(lr),
        "adam": Adam(lr),
        "amsgrad": AMSGrad(lr),
        "adamw": AdamW(lr, weight_decay=0.1),
        "prox-sgd": ProxSGD(lr),
        "one": SAdam(lr, num_probes=8),
        "two": SAdam(lr, probes="two-sided", num_probes=3, damping=10 * lr, radius=lr / 10),
    }


def same(a: Outcome, b: Outcome) -> bool:
    return all(
        torch.equal(x.nan_to_num(-7.0), y.nan_to_num(-7.0))
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


def of_engine(track, minimum):
    """What the engine's trajectories say about each quantity of an outcome."""
    left = track.diverged_at >= 0
    below = torch.stack([track.values <= minimum + target for target in TARGETS])
    first = below.to(torch.int8).argmax(1)
    return Outcome(
        final_gap=metrics.final_gap(track, minimum),
        best_gap=metrics.best_gap(track, minimum),
        hits=torch.where(below.any(1), first, -1),
        end=torch.where(left[:, None], math.nan, track.points[-1]),
        mean_brake=metrics.mean_brake(track),
        diverged_at=track.diverged_at,
    )


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("key", ["wolfe", "lasso", "spiral", "quantized-bowl", "rosenbrock"])
def test_a_lane_is_what_the_engine_makes_of_it_to_the_last_bit(key, schedule):
    landscape = CATALOGUE[key]
    lr = torch.logspace(-3, 0.5, 6, dtype=torch.float64).repeat_interleave(4)
    starts = starts_of(landscape, 4).repeat(6, 1)
    rules = rules_of(lr)
    parts = {"smooth": landscape.smooth, "prox": landscape.prox}
    tracks = run(landscape.value, rules, starts, steps=45, seed=3, schedule=schedule, **parts)
    for name, rule in rules.items():
        mine = sweep(
            landscape.value,
            rule,
            starts,
            steps=45,
            seeds=3,
            schedule=schedule,
            minimum=landscape.minimum,
            targets=TARGETS,
            **parts,
        )
        theirs = of_engine(tracks[name], landscape.minimum)
        # the mean of the brakes is added up in another order
        assert torch.allclose(mine.mean_brake, theirs.mean_brake, rtol=1e-13, atol=0)
        assert same(mine, replace(theirs, mean_brake=mine.mean_brake)), name
    if key == "rosenbrock":  # or the divergence above was never met
        assert (tracks["sgd"].diverged_at >= 0).any()


@dataclass(frozen=True)
class ProximalAdam(MomentRule):
    """A proximal rule whose momentum is an average, with the bias correction that goes with it."""

    lr: float = 0.125

    proximal = True

    def coefficients(self):
        return Coefficients(self.lr, 0.9, 0.999, eps=1e-8)


def test_the_proximal_step_is_lr_whatever_the_bias_correction_of_the_momentum():
    def flat(x):
        return 0 * x.sum(-1)

    def prox(x, step):
        return torch.sign(x) * (x.abs() - step[..., None]).clamp(min=0)

    def f(x):
        return x.abs().sum(-1)

    start = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    parts = {"smooth": flat, "prox": prox}
    track = run(f, {"it": ProximalAdam()}, start, steps=3, **parts)["it"]
    assert track.points[:, 0].tolist() == [[2, -1], [1.875, -0.875], [1.75, -0.75], [1.625, -0.625]]
    outcome = sweep(f, ProximalAdam(), start, steps=3, **parts)
    assert torch.equal(outcome.end, track.points[-1])


@pytest.mark.slow
@settings(max_examples=20)
@given(
    block=st.integers(1, 40),
    key=st.sampled_from(["cb2", "brown2", "rastrigin", "quantized-bowl", "active-faces"]),
    seed=st.integers(0, 5),
)
def test_blocks_change_nothing(block, key, seed):
    landscape = CATALOGUE[key]
    lr = torch.logspace(-2, 1, 29, dtype=torch.float64)
    seeds = torch.arange(29) % 3 + seed
    for rule in (SGD(lr), SAdam(lr, probes="two-sided")):
        asked = {"steps": 12, "seeds": seeds, "minimum": landscape.minimum, "targets": TARGETS}
        starts = starts_of(landscape, 29, seed)
        whole = sweep(landscape.value, rule, starts, **asked)
        assert same(whole, sweep(landscape.value, rule, starts, **asked, block=block))


def test_a_lane_has_the_directions_of_its_seed():
    landscape = CATALOGUE["nonsmooth-rosenbrock"]
    starts, seeds = starts_of(landscape, 6), torch.tensor([4, 0, 4, 9, 0, 4])
    rule = SAdam(0.05, probes="two-sided")
    together = sweep(landscape.value, rule, starts, steps=30, seeds=seeds)
    for i, seed in enumerate(seeds.tolist()):
        alone = sweep(landscape.value, rule, starts[i : i + 1], steps=30, seeds=seed)
        assert torch.equal(alone.end[0], together.end[i])
        assert alone.mean_brake[0] == together.mean_brake[i]


def test_against_torch_optim():
    landscape = CATALOGUE["cb2"]
    starts = starts_of(landscape, 3)
    outcome = sweep(landscape.value, AdamW(0.03), starts, steps=200)
    x = starts.clone().requires_grad_()
    optimizer = torch.optim.AdamW([x], lr=0.03, weight_decay=0.01)
    values = []
    for _ in range(200):
        optimizer.zero_grad()
        f = landscape.value(x)
        values.append(f.detach())
        f.sum().backward()
        optimizer.step()
    values.append(landscape.value(x).detach())
    assert torch.allclose(outcome.end, x.detach(), rtol=0, atol=1e-12)
    last = torch.from_numpy(np.median(torch.stack(values[-20:]).numpy(), axis=0))
    assert torch.allclose(outcome.final_gap, last, rtol=0, atol=1e-12)
    assert torch.allclose(outcome.best_gap, torch.stack(values).amin(0), rtol=0, atol=1e-12)


def test_without_damping_it_is_adamw():
    landscape = CATALOGUE["maxq"]
    starts = starts_of(landscape, 5)
    braked = sweep(landscape.value, SAdam(0.1, damping=0.0), starts, steps=60)
    assert same(braked, sweep(landscape.value, AdamW(0.1), starts, steps=60))


def test_any_function_of_any_dimension_will_do():
    def f(x):
        return x.abs().sum(-1)

    starts = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rule = SAdam(0.05, probes="two-sided")
    track = run(f, {"it": rule}, starts, steps=40, seed=2)["it"]
    outcome = sweep(f, rule, starts, steps=40, seeds=2)
    assert torch.equal(outcome.end, track.points[-1])
    assert torch.equal(outcome.final_gap, metrics.final_gap(track, 0.0))


def test_probes_by_tensor_are_those_of_the_engine():
    class Split:
        """A function of a number and a vector of three, each a parameter tensor."""

        sizes = (1, 3)

        def __call__(self, x):
            return x[..., 0].abs() + 3 * x[..., 1:].abs().sum(-1)

    starts = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rule = SAdam(0.05, probes="two-sided", sphere="tensor")
    track = run(Split(), {"it": rule}, starts, steps=40, seed=2)["it"]
    assert torch.equal(sweep(Split(), rule, starts, steps=40, seeds=2).end, track.points[-1])


def test_a_lane_that_diverges_keeps_what_it_had_and_spoils_nobody():
    landscape = CATALOGUE["rosenbrock"]
    lr = torch.tensor([1e-4, 1.0, 2e-4], dtype=torch.float64)
    starts = torch.tensor([landscape.start]).repeat(3, 1).to(torch.float64)
    outcome = sweep(landscape.value, SGD(lr), starts, steps=100, targets=(1e9, 1e-9))
    assert outcome.diverged_at[[0, 2]].tolist() == [-1, -1]
    assert 0 < outcome.diverged_at[1] < 100
    assert outcome.final_gap[1] == math.inf
    assert outcome.best_gap[1] == landscape.value(starts)[1]  # it only ever went up
    assert outcome.hits.T.tolist() == [[0, -1]] * 3
    assert outcome.end[1].isnan().all()
    quiet = sweep(landscape.value, SGD(lr[[0, 2]]), starts[:2], steps=100)
    assert torch.equal(outcome.end[[0, 2]], quiet.end)


def test_all_lanes_may_diverge():
    landscape = CATALOGUE["rosenbrock"]
    starts = starts_of(landscape, 3)
    outcome = sweep(landscape.value, SGD(5.0), starts, steps=50, targets=(1e-3,))
    assert (outcome.diverged_at > 0).all()
    assert (outcome.final_gap == math.inf).all()


def test_brakes_that_are_not_numbers_do_not_count():
    """Left of 0 there is no f: a lane that probes there has a brake that is NaN, its last."""

    def f(x):
        return (x[..., 0].sqrt() - 0.2).abs() + x[..., 1].abs()

    lr = torch.tensor([1e-3, 0.02, 0.1, 0.1], dtype=torch.float64)
    starts = torch.tensor([[1.0, 1.0], [0.5, 0.1], [1.0, 1.0], [0.004, 1.0]], dtype=torch.float64)
    rule = SAdam(lr, probes="two-sided")
    track = run(f, {"it": rule}, starts, steps=50, seed=3)["it"]
    outcome = sweep(f, rule, starts, steps=50, seeds=3)
    assert outcome.diverged_at.tolist() == track.diverged_at.tolist() == [-1, -1, 10, 1]
    assert outcome.mean_brake[3] == 1
    expected = metrics.mean_brake(track)
    assert (expected[:3] < 1).all()
    assert torch.allclose(outcome.mean_brake, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_lane_that_diverges_at_its_last_step_met_no_target(steps):
    start = torch.ones(1, 2, dtype=torch.float64)
    asked = {"steps": steps, "targets": (1e9, 1e-3)}
    outcome = sweep(CATALOGUE["l1"].value, SGD(1e200), start, **asked)
    assert outcome.diverged_at.tolist() == [1]
    assert outcome.hits.tolist() == [[0], [-1]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts": torch.zeros(0, 2)}, "Invalid starts"),
        ({"starts": torch.zeros(2)}, "must be \\(N, D\\)"),
        ({"steps": 0}, "Invalid steps: 0, must be at least 1"),
        ({"schedule": "never"}, "must be one of constant"),
        ({"rule": Adam(torch.ones(4))}, "Invalid lr: shape \\(4,\\), must be \\(3,\\)"),
    ],
)
def test_what_cannot_be_is_refused(change, words):
    asked = {"rule": Adam(0.1), "starts": torch.zeros(3, 2), "steps": 5} | change
    with pytest.raises(ValueError, match=words):
        sweep(CATALOGUE["l1"].value, **asked)


def test_a_schedule_may_be_its_factors():
    landscape, starts = CATALOGUE["l1"], starts_of(CATALOGUE["l1"], 3)
    by_name = sweep(landscape.value, Adam(0.1), starts, steps=9, schedule="cosine")
    by_factors = sweep(landscape.value, Adam(0.1), starts, steps=9, schedule=cosine(9))
    assert same(by_name, by_factors)
    with pytest.raises(ValueError, match="Invalid schedule: shape \\(8,\\), must be \\(9,\\)"):
        sweep(landscape.value, Adam(0.1), starts, steps=9, schedule=cosine(8))
