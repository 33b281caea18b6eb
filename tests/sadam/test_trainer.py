"""The training loop against the engine, torch.optim, and itself one model at a time."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from landscapes import CATALOGUE
from landscapes.data.datasets import DataSpec
from landscapes.data.loading import load
from landscapes.nets.networks import MLP
from landscapes.nets.training_problem import TrainingProblem
from sadam import metrics
from sadam.engine import run
from sadam.probes import Probing, directions, one_sided_lgi, two_sided_lgi
from sadam.rules import RULES, SGD, Adam, AdamW, AMSGrad, ProxSGD, SAdam
from sadam.training.probes import Offsets
from sadam.training.trainer import train, training

F64 = torch.float64
DATA = load(DataSpec("two-moons", n=160))
NET = MLP(2, (6, 5))


class Plane:
    """A function of the plane as a training problem: every minibatch is the function."""

    sizes, l1 = (2,), 0.0

    def __init__(self, f, starts):
        self.f, self.starts = f, torch.tensor(starts, dtype=F64)

    def init(self):
        return self.starts

    def minibatch(self, step):
        return step

    def value(self, params, batch):
        return self.f(params)

    def value_and_grad(self, params, batch):
        return self.f.value_and_grad(params)

    def evaluate(self, params, split):
        return {"loss": self.f(params)}

    def unit_signs(self, params, batch):
        return (params > 0).unsqueeze(2)


def problem(seeds=(3, 4), **options):
    return TrainingProblem(NET, DATA, seeds, **{"batch_size": 16, **options})


ALL = {key: make(lr=0.02) for key, make in RULES.items()} | {
    "many": SAdam(0.01, num_probes=3, sphere="tensor", probes="two-sided"),
    "wide": SAdam(0.01, radius=0.1, probes="two-sided"),
}


@pytest.mark.parametrize("key", ["cb2", "nonsmooth-rosenbrock", "dem"])
def test_in_the_plane_it_is_the_engine(key):
    f, seed = CATALOGUE[key].value, 5
    start = CATALOGUE[key].start
    rules = {name: rule for name, rule in ALL.items() if name != "many"}
    theirs = run(f, rules, torch.tensor(start, dtype=F64), steps=200, seed=seed, schedule="cosine")
    ours = train(Plane(f, [start]), rules, steps=200, seeds=[seed], schedule="cosine",
                 num_snapshots=200, observe_every=1)  # fmt: skip
    for m, name in enumerate(rules):
        track = theirs[name]
        assert torch.allclose(ours.final[0, m], track.points[-1], rtol=0, atol=1e-12), name
        assert torch.allclose(ours.losses[:, 0, m], track.values[:-1], rtol=0, atol=1e-12), name
        assert torch.allclose(ours.brake[:, 0, m], track.brake, rtol=0, atol=1e-12), name
        steps = metrics.Track(track.points, track.values, track.grads[:-1])
        for measure, value in ours.rates.items():
            expected = metrics.MEASURES[measure](steps)
            assert float(value[0, m]) == pytest.approx(float(expected), abs=1e-9), (name, measure)


def torch_net(params):
    net = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    net.to(F64)
    net.load_state_dict(NET.unflatten(params))
    return net


TORCH = {
    "sgd": (SGD(0.05), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "prox-sgd": (ProxSGD(0.05, l1=1e-3), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "adam": (Adam(0.02), lambda p: torch.optim.Adam(p, lr=0.02)),
    "amsgrad": (AMSGrad(0.02), lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True)),
    "adamw": (AdamW(0.02, weight_decay=0.1),
              lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1)),
    "no-brake": (SAdam(0.02, damping=0.0),
                 lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.01)),
}  # fmt: skip


@pytest.mark.parametrize("schedule", ["constant", "inverse-sqrt"])
def test_a_net_is_trained_as_by_torch_optim(schedule):
    rules = {name: rule for name, (rule, _) in TORCH.items()}
    task = problem()
    ours = train(task, rules, steps=60, seeds=(3, 4), schedule=schedule)
    for s, start in enumerate(task.init()):
        for m, (name, (_, make)) in enumerate(TORCH.items()):
            net = torch_net(start)
            optimizer = make(net.parameters())
            lr = optimizer.param_groups[0]["lr"]
            for step in range(60):
                inputs, targets = (part[s] for part in task.minibatch(step))
                optimizer.zero_grad()
                loss = nn.functional.softplus(-net(inputs)[:, 0] * targets).mean()
                loss.backward()
                assert float(ours.losses[step, s, m]) == pytest.approx(loss.item(), abs=1e-10)
                factor = 1 if schedule == "constant" else (step + 1) ** -0.5
                optimizer.param_groups[0]["lr"] = lr * factor
                optimizer.step()
                if name == "prox-sgd":
                    with torch.no_grad():
                        for p in net.parameters():
                            p.copy_(p.sign() * (p.abs() - lr * factor * 1e-3).clamp(min=0))
            final = NET.flatten(net.state_dict())
            assert torch.allclose(ours.final[s, m], final, rtol=0, atol=1e-10), name


def test_probes_see_the_minibatch_of_their_step():
    task, seeds = problem(), (3, 4)
    rule = SAdam(0.02, probes="two-sided", num_probes=3, radius=0.05)
    ours = train(task, {"adam": Adam(0.02), "s": rule}, steps=8, seeds=seeds, num_snapshots=8,
                 observe_every=3)  # fmt: skip
    assert ours.observed_at.tolist() == [0, 3, 6]
    for i in range(8):
        for s, seed in enumerate(seeds):
            batch = type(task.minibatch(i))(*(part[s : s + 1] for part in task.minibatch(i)))

            def f(x, batch=batch):
                return task.value(x.reshape(1, -1, x.shape[-1]), batch).view(x.shape[:-1])

            x = ours.snapshots[i, s].to(F64)  # rounded to float32
            u = directions(seed, 8, 3, NET.num_parameters)[i]
            seen = [estimator(f, x, u, 0.05) for estimator in (one_sided_lgi, two_sided_lgi)]
            assert float(ours.lgi[i, s, 1]) == pytest.approx(float(seen[1][1]), rel=1e-3)
            if i % 3 == 0:
                assert torch.allclose(ours.lgi_one_sided[i // 3, s], seen[0], rtol=1e-3)
                assert torch.allclose(ours.lgi_two_sided[i // 3, s], seen[1], rtol=1e-3)
    assert torch.isnan(ours.lgi[..., 0]).all()
    assert torch.allclose(ours.brake[..., 1], torch.exp(-4 * ours.lgi[..., 1]), rtol=1e-12)
    assert (ours.brake[..., 0] == 1).all()
    assert ours.cost.tolist() == [2, 2 + 6]


@pytest.mark.parametrize("l1", [0.0, 1e-3])
def test_no_model_depends_on_the_others(l1):
    steps = 40
    together = train(problem((3, 4), l1=l1), ALL, steps=steps, seeds=(3, 4),
                     observe=Probing(num_probes=2))  # fmt: skip
    for s, seed in enumerate((3, 4)):
        for m, (name, rule) in enumerate(ALL.items()):
            alone = train(problem((seed,), l1=l1), {name: rule}, steps=steps, seeds=(seed,),
                          observe=Probing(num_probes=2))  # fmt: skip
            close = {"rtol": 0, "atol": 0, "equal_nan": True}
            assert torch.allclose(alone.final[0, 0], together.final[s, m], **close), name
            for field in ("losses", "lgi", "brake", "lgi_one_sided", "lgi_two_sided", "conflicts"):
                a, b = getattr(alone, field)[:, 0, 0], getattr(together, field)[:, s, m]
                assert torch.allclose(a, b, **close), (name, field)


def test_the_problems_l1_term_is_the_prox_of_proximal_rules():
    task, l1 = problem((3,), l1=5e-3), 5e-3
    rules = {"prox-sgd": ProxSGD(0.05, momentum=0.0, l1=7.0), "sgd": SGD(0.05, momentum=0.0)}
    ours = train(task, rules, steps=1, seeds=(3,))
    x = task.init()[:, None]
    batch = task.minibatch(0)
    smooth = task.smooth_value_and_grad(x, batch)[1]
    step = x - 0.05 * smooth
    expected = step.sign() * (step.abs() - 0.05 * l1).clamp(min=0)
    assert torch.allclose(ours.final[:, :1], expected, rtol=0, atol=1e-15)
    assert torch.allclose(ours.final[:, 1:], step - 0.05 * l1 * x.sign(), rtol=0, atol=1e-15)
    assert (train(task, rules, steps=300, seeds=(3,)).final[0, 0] == 0).any()


def test_the_recorded_gradient_of_a_proximal_rule_has_the_l1_term():
    """Of f = |x| with nothing beside it a proximal rule's own gradient is 0 everywhere."""

    class Bare(Plane):
        sizes, l1 = (1,), 1.0

        def value_and_grad(self, params, batch):
            return params.abs().sum(-1), params.sign()

    rules = {"sgd": SGD(0.1), "prox-sgd": ProxSGD(0.1, momentum=0.0)}
    ours = train(Bare(lambda x: x.abs().sum(-1), [[0.45]]), rules, steps=10, num_snapshots=10)
    at = ours.snapshots[:-1, 0, :, 0]
    assert torch.equal(ours.gradient_sample[:, 0, :, 0], at.sign())
    assert at[:, 1].tolist() == pytest.approx([0.45, 0.35, 0.25, 0.15, 0.05, 0, 0, 0, 0, 0])
    assert (ours.measures["gradient_variation"] > 0).all()


def test_switched_units_are_counted_by_pair():
    task = problem((3,))
    whole = task.minibatch(0)
    ours = train(task, {"adam": Adam(0.05)}, steps=100, seeds=(3,), monitor=whole,
                 num_snapshots=100)  # fmt: skip
    at = [*ours.snapshots[:, 0, 0].to(F64)]
    on = [torch_net(x)[:2](whole.inputs[0]) > 0 for x in at]
    deeper = [torch_net(x)[:4](whole.inputs[0]) > 0 for x in at]
    expected = [int((a != b).sum()) for a, b in pairwise(on)]
    expected = [
        n + int((a != b).sum()) for n, (a, b) in zip(expected, pairwise(deeper), strict=True)
    ]
    assert ours.flips[:, 0, 0].tolist() == expected
    assert sum(expected) > 0


def test_stopping_keeps_what_was_computed():
    rules = {"adam": Adam(0.02), "s": SAdam(0.02, probes="two-sided")}
    options = {"steps": 300, "seeds": (3, 4), "evaluate_every": 20}
    whole = train(problem(), rules, **options)
    under_way = training(problem(), rules, **options)
    progress = next(p for p in under_way if p.step >= 100)
    under_way.close()
    part = progress.so_far()
    n = part.steps
    assert n == progress.step < 300
    for field in ("losses", "brake", "conflicts"):
        here, there = getattr(part, field), getattr(whole, field)[:n]
        assert torch.equal(torch.nan_to_num(here, nan=9.0), torch.nan_to_num(there, nan=9.0)), field
    assert torch.equal(part.snapshots[:-1], whole.snapshots[: len(part.snapshots) - 1])
    assert part.snapshot_at[-1] == part.evaluated_at[-1] == n
    assert len(set(part.evaluated_at.tolist())) == len(part.evaluated_at)
    loss = part.evaluations["validation"]["loss"]
    assert torch.equal(loss[:-1], whole.evaluations["validation"]["loss"][: len(loss) - 1])


def test_before_the_first_step_there_is_a_start():
    begun = next(training(problem(), {"adam": Adam()}, steps=10, seeds=(3, 4)))
    run = begun.so_far()
    assert begun.step == run.steps == len(run.losses) == 0
    assert torch.equal(run.final[:, 0], problem().init())
    assert run.evaluated_at.tolist() == run.snapshot_at.tolist() == [0]


def test_a_model_that_diverges_is_held_and_marked_and_spoils_no_other():
    rules = {"adam": Adam(0.02), "sgd": SGD(1e130), "s": SAdam(0.02)}
    calm = train(problem(), {k: r for k, r in rules.items() if k != "sgd"}, steps=90, seeds=(3, 4))
    ours = train(problem(), rules, steps=90, seeds=(3, 4), evaluate_every=5)
    lost = ours.diverged_at
    assert (lost[:, [0, 2]] == -1).all()
    assert (lost[:, 1] > 0).all()
    assert torch.allclose(ours.final[:, [0, 2]], calm.final, rtol=0, atol=1e-11)
    assert torch.isfinite(ours.final).all()
    for s, step in enumerate(lost[:, 1].tolist()):
        assert torch.isfinite(ours.losses[:step, s, 1]).all()
        assert torch.isnan(ours.losses[step:, s, 1]).all()
        seen = ours.evaluations["train"]["loss"][:, s, 1]
        assert torch.isnan(seen[ours.evaluated_at >= step]).all()
        assert torch.equal(ours.snapshots[-1, s, 1], ours.final[s, 1].float())
    assert all(not torch.isnan(value).any() for value in ours.measures.values())
    assert torch.isinf(ours.measures["tail_amplitude"][:, 1]).all()


def test_single_precision_is_near_double_precision():
    rules = {"adam": Adam(0.01), "s": SAdam(0.01, probes="two-sided")}
    double = train(problem(), rules, steps=20, seeds=(3, 4))
    single = train(problem(dtype=torch.float32), rules, steps=20, seeds=(3, 4),
                   dtype=torch.float32)  # fmt: skip
    assert single.final.dtype == torch.float32
    assert torch.allclose(single.final.double(), double.final, atol=2e-3)


def test_streams_of_directions_do_not_end():
    """Past the first block of directions every step still probes somewhere else."""
    f = CATALOGUE["l1"].value
    still = {"s": SAdam(1e-12, probes="two-sided", weight_decay=0.0)}
    ours = train(Plane(f, [(1.3, 0.004)]), still, steps=600, observe_every=0)
    assert len(ours.lgi[:, 0, 0].unique()) > 500
    assert ours.lgi_one_sided.shape == (0, 1, 1)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**32, 2**62 + 3])
def test_no_probe_of_any_block_of_directions_repeats_another(seed):
    offsets = Offsets((seed,), Probing("two-sided", 4), (60,), F64)
    begun = [offsets.at(block * offsets.length)[0, :, 0] for block in range(5)]
    assert len(torch.cat(begun).unique(dim=0)) == 5 * 4
    assert torch.equal(begun[0], directions(seed, 1, 4, 60)[0] * 0.01)


def test_directions_far_down_a_long_seed_stay_where_they_were():
    """The lab's seeds are of two words: what their runs found before still holds."""
    offsets = Offsets((2**62 + 3,), Probing("two-sided", 2), (60,), F64)
    u = directions(2**62 + 3 + (2 << 32), 1, 2, 60)[0]
    assert torch.equal(offsets.at(2 * offsets.length)[0, :, 0], u * 0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "Invalid steps: 0, must be at least 1"),
        ({"seeds": (1,)}, "1 seeds for 2 starts, must be as many"),
        ({"schedule": "linear"}, "Invalid schedule: 'linear', must be one of constant"),
        ({"rules": {}}, "no rules: give at least one"),
        ({"rules": {"a": Adam(torch.tensor([0.1, 0.2]))}}, "Invalid lr: .* must be a number"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    given = {"rules": {"adam": Adam()}, "steps": 5, "seeds": (3, 4), **options}
    with pytest.raises(ValueError, match=message):
        train(problem(), given.pop("rules"), **given)


def test_the_tail_is_that_of_the_minibatch_losses():
    ours = train(problem((3,)), {"adam": Adam(0.02)}, steps=100, seeds=(3,))
    last = ours.losses[-10:, 0, 0]
    expected = last.quantile(0.75) - last.quantile(0.25)
    assert float(ours.measures["tail_amplitude"][0, 0]) == pytest.approx(float(expected), abs=1e-6)
    assert 0 < float(ours.measures["high_frequency_share"][0, 0]) < 1
    assert math.isfinite(float(ours.measures["conflict_rate"][0, 0]))
