"""The engine against one rule, one lane, one step at a time."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscapes.formula import Formula
from sadam.engine import run, value_and_grad_of
from sadam.probes import Probing, directions, one_sided_lgi, two_sided_lgi
from sadam.rules import RULES, Adam, AdamW, ProxSGD, SAdam

F64 = torch.float64
STARTS = torch.tensor([[-1.5, 2.0], [0.3, -0.7], [1.9, 2.9]], dtype=F64)


def rosenbrock(x):
    """10|y - x^2| + |1 - x|."""
    a, b = x.unbind(-1)
    return 10 * (b - a * a).abs() + (1 - a).abs()


def steep(x):
    """exp and powers: overflows far from home."""
    a, b = x.unbind(-1)
    return torch.exp(b - a) + (a * a) * (a * a) + b * b


def all_rules(lr=0.02):
    return {key: make(lr=lr if key != "sgd" else lr / 20) for key, make in RULES.items()}


def by_hand(f, rule, start, steps, seed=0):
    """One rule from one start, one step at a time, through its public ``update``."""
    vg, x, state = value_and_grad_of(f), start, rule.init(start)
    path, brakes, lgis = [x], [], []
    probing = rule.probing
    u = directions(seed, steps, probing.num_probes, 2) if probing else None
    for t in range(1, steps + 1):
        lgi = torch.zeros((), dtype=F64)
        if probing:
            estimator = one_sided_lgi if probing.kind == "one-sided" else two_sided_lgi
            lgi = estimator(f, x, u[t - 1], probing.radius)
            brakes.append(torch.exp(-rule.damping * lgi))
            lgis.append(lgi)
        x = rule.update(x, vg(x)[1], lgi, state, t)
        path.append(x)
    return torch.stack(path), brakes, lgis


@pytest.fixture(scope="module")
def raced():
    return run(rosenbrock, all_rules(), STARTS, steps=200, seed=5)


@pytest.mark.parametrize("key", RULES)
def test_engine_is_the_rule_step_by_step(key, raced):
    rules, got = all_rules(), raced[key]
    for lane, start in enumerate(STARTS):
        path, brakes, lgis = by_hand(rosenbrock, rules[key], start, 200, seed=5)
        assert (got.points[:, lane] - path).abs().max() < 1e-12
        assert torch.allclose(got.values[:, lane], rosenbrock(path))
        if brakes:
            assert torch.allclose(got.brake[:, lane], torch.stack(brakes), rtol=1e-6)
            seen = got.lgi_one_sided if key == "s-adam" else got.lgi_two_sided
            assert torch.allclose(seen[:-1, lane], torch.stack(lgis), rtol=1e-6, atol=1e-7)
        else:
            assert (got.brake == 1).all()


def same(a, b):
    return all(
        torch.equal(getattr(a, name).nan_to_num(), getattr(b, name).nan_to_num())
        for name in ("points", "values", "grads", "lgi_one_sided", "lgi_two_sided", "brake")
    )


@pytest.mark.parametrize("f", [rosenbrock, steep])
@pytest.mark.slow
def test_a_lane_does_not_depend_on_the_batch(f):
    """Batched equals looped equals shuffled, to the last bit."""
    rules = all_rules()
    together = run(f, rules, STARTS, steps=80, seed=2)
    backwards = run(f, dict(reversed(rules.items())), STARTS.flip(0), steps=80, seed=2)
    many = run(f, rules, STARTS.repeat(40, 1), steps=80, seed=2)
    for key, rule in rules.items():
        probing = rule.probing or next(r.probing for r in rules.values() if r.probing)
        for lane in range(len(STARTS)):
            alone = run(
                f, {key: rule}, STARTS[lane : lane + 1], steps=80, seed=2, observe=Probing()
            )[key]
            assert probing.num_probes == 2
            for other, index in (
                (together, lane),
                (backwards, len(STARTS) - 1 - lane),
                (many, lane + 60),
            ):
                track = other[key]
                one = type(track)(
                    *(getattr(track, n)[:, index : index + 1] for n in list(vars(track))[:6]),
                    diverged_at=track.diverged_at[index : index + 1],
                    evaluations=track.evaluations,
                )
                assert same(one, alone), key


def test_any_leading_shape():
    grid = torch.randn(2, 3, 2, dtype=F64)
    got = run(rosenbrock, all_rules(), grid, steps=20)
    flat = run(rosenbrock, all_rules(), grid.reshape(6, 2), steps=20)
    for key, track in got.items():
        assert track.points.shape == (21, 2, 3, 2)
        assert track.brake.shape == (20, 2, 3)
        assert track.diverged_at.shape == (2, 3)
        assert torch.equal(track.points.reshape(21, 6, 2), flat[key].points)
    single = run(rosenbrock, all_rules(), grid[0, 0], steps=20)["adam"]
    assert single.points.shape == (21, 2)
    assert torch.equal(single.points, got["adam"].points[:, 0, 0])


def test_hyperparameters_for_each_lane():
    lr = torch.tensor([0.01, 0.1, 0.3], dtype=F64)
    radius = torch.tensor([0.001, 0.01, 0.1], dtype=F64)
    damping = torch.tensor([0.0, 2.0, 8.0], dtype=F64)
    got = run(rosenbrock, {"s": SAdam(lr, damping=damping, radius=radius)}, STARTS, steps=60)["s"]
    for i in range(3):
        rule = SAdam(float(lr[i]), damping=float(damping[i]), radius=float(radius[i]))
        alone = run(rosenbrock, {"s": rule}, STARTS[i], steps=60)["s"]
        assert torch.allclose(got.points[:, i], alone.points, rtol=0, atol=1e-9)


def test_more_steps_begin_alike():
    short, long = (run(rosenbrock, all_rules(), STARTS, steps=n, seed=1) for n in (40, 90))
    for key in short:
        assert torch.equal(short[key].points, long[key].points[:41])


def test_schedules_multiply_the_learning_rate():
    factors = torch.linspace(1, 0.1, 30, dtype=F64)
    got = run(rosenbrock, {"adam": Adam(0.1)}, STARTS[0], steps=30, schedule=factors)["adam"]
    x = STARTS[0].clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1)
    for t in range(30):
        optimizer.param_groups[0]["lr"] = 0.1 * float(factors[t])
        optimizer.zero_grad()
        rosenbrock(x).backward()
        optimizer.step()
    assert (got.points[-1] - x.detach()).abs().max() < 1e-12
    frozen = run(rosenbrock, {"adam": Adam(0.1)}, STARTS[0], steps=5, schedule="cosine")["adam"]
    assert torch.equal(frozen.points[-1], frozen.points[-2])  # cosine ends at 0


def test_a_lane_that_diverges_is_frozen_marked_and_spoils_nobody():
    rules = {"sgd": RULES["sgd"](lr=10.0), "adam": Adam(0.05), "s-adam": SAdam(0.05)}
    got = run(steep, rules, STARTS, steps=80)
    calm = run(steep, {key: rules[key] for key in ("adam", "s-adam")}, STARTS, steps=80)
    for key in calm:
        assert same(got[key], calm[key])
        assert (got[key].diverged_at == -1).all()
    wild = got["sgd"]
    assert (wild.diverged_at > 0).all()
    assert torch.isfinite(wild.points).all()
    assert torch.isfinite(wild.values).all()
    for lane, at in enumerate(wild.diverged_at.tolist()):
        assert (wild.points[at:, lane] == wild.points[at - 1, lane]).all()
        assert wild.grads[at:, lane].isnan().all()
        assert torch.isfinite(wild.grads[:at, lane]).all()


@pytest.mark.parametrize("formula", ["log(x)", "1/x", "exp(exp(x))", "sqrt(x)", "1e308*x*1e308"])
def test_a_lane_outside_of_what_is_finite_spoils_no_bit_of_the_others(formula):
    """Log, 1/x and their like: some starts have no value, some walk off the edge, some go on."""
    f = Formula.parse(formula, {})
    starts = torch.tensor([[2.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [9.0, 0.0], [5e-324, 1.0]],
                          dtype=F64)  # fmt: skip
    rules = {"adam": Adam(0.05), "s-adam": SAdam(0.05)}
    got = run(f, rules, starts, steps=60)
    for key, together in got.items():
        for lane in range(len(starts)):
            alone = run(f, rules, starts[lane : lane + 1], steps=60)[key]
            one = replace(
                together,
                points=together.points[:, lane : lane + 1],
                values=together.values[:, lane : lane + 1],
                grads=together.grads[:, lane : lane + 1],
                lgi_one_sided=together.lgi_one_sided[:, lane : lane + 1],
                lgi_two_sided=together.lgi_two_sided[:, lane : lane + 1],
                brake=together.brake[:, lane : lane + 1],
                diverged_at=together.diverged_at[lane : lane + 1],
            )
            assert same(one, alone)
            at = int(alone.diverged_at)
            if at >= 0:
                last = max(at - 1, 0)
                assert torch.isfinite(alone.points).all()
                assert (alone.points[at:, 0] == alone.points[last, 0]).all()


def test_composite_objectives_step_proximally():
    """lasso: .5((x-1)^2 + 4(y-.1)^2) + .5(|x| + |y|) has its minimum at exactly (.5, 0)."""

    def smooth(x):
        return 0.5 * ((x[..., 0] - 1) ** 2 + 4 * (x[..., 1] - 0.1) ** 2)

    def prox(x, step):
        bound = 0.5 * step[..., None]
        return torch.sign(x) * (x.abs() - bound).clamp(min=0)

    def f(x):
        return smooth(x) + 0.5 * x.abs().sum(-1)

    start = torch.tensor([[-1.5, 1.5]], dtype=F64)
    rules = {"prox-sgd": ProxSGD(0.1, 0.0), "with momentum": ProxSGD(0.1, 0.9), "adam": Adam(0.1)}
    got = run(f, rules, start, steps=600, smooth=smooth, prox=prox)
    end = got["prox-sgd"].points[-1, 0]
    assert end[1] == 0
    assert end[0] == pytest.approx(0.5, abs=1e-12)
    assert got["adam"].points[-1, 0, 1] != 0
    # with momentum mu it settles where smooth + (1 - mu) h is least: x = 1 - .05, y = .1 - .05 / 4
    assert got["with momentum"].points[-1, 0].tolist() == pytest.approx([0.95, 0.0875], abs=1e-9)
    # the recorded gradient is that of f, kink and all, whatever was stepped with
    assert torch.allclose(got["prox-sgd"].grads[0, 0], torch.tensor([-3.0, 6.1], dtype=F64))


@dataclass(frozen=True)
class SignDescent:
    """A rule outside the family: x - lr sign(g)."""

    lr: float = 0.01
    probing = None

    def init(self, x):
        return ()

    def update(self, x, grad, lgi, state, t, lr_factor=1.0):
        return x - self.lr * lr_factor * torch.sign(grad)


def test_a_rule_outside_the_family_runs_beside_it():
    rules = {"sign": SignDescent(), **all_rules()}
    got = run(rosenbrock, rules, STARTS, steps=50)
    path, _, _ = by_hand(rosenbrock, SignDescent(), STARTS[1], 50)
    assert torch.allclose(got["sign"].points[:, 1], path)
    assert same(got["adam"], run(rosenbrock, all_rules(), STARTS, steps=50)["adam"])
    assert list(got) == list(rules)


@dataclass(frozen=True)
class ProbingDescent(SignDescent):
    """The same, shortened by what it measures."""

    probing = Probing(num_probes=2)

    def update(self, x, grad, lgi, state, t, lr_factor=1.0):
        return x - self.lr * lr_factor * torch.sign(grad) / (1 + lgi.unsqueeze(-1))


def test_a_rule_outside_the_family_may_probe_beside_those_that_probe_otherwise():
    rules = {
        "two": SAdam(0.02, num_probes=2),
        "four": SAdam(0.02, num_probes=4),
        "mine": ProbingDescent(),
    }
    for order in (rules, dict(reversed(rules.items()))):
        together = run(rosenbrock, order, STARTS, steps=50, seed=2)
        for name, rule in rules.items():
            alone = run(rosenbrock, {name: rule}, STARTS, steps=50, seed=2)
            assert same(together[name], alone[name]), name
    assert (together["mine"].lgi_two_sided > 0).any()


def test_own_gradient_and_autograd_agree():
    class WithGradient:
        def __call__(self, x):
            return rosenbrock(x)

        def value_and_grad(self, x):
            a, b = x.unbind(-1)
            s = 10 * torch.sign(b - a * a)
            return rosenbrock(x), torch.stack([-2 * a * s - torch.sign(1 - a), s], -1)

    own, auto = (run(f, all_rules(), STARTS, steps=100) for f in (WithGradient(), rosenbrock))
    for key in own:
        assert (own[key].points - auto[key].points).abs().max() < 1e-9


def test_observation_measures_at_every_point():
    got = run(
        rosenbrock, {"adam": Adam(0.05)}, STARTS, steps=30, observe=Probing("two-sided", 5, 0.02)
    )
    u = directions(0, 31, 5, 2)
    for t in (0, 17, 30):
        x = got["adam"].points[t]
        assert torch.allclose(
            got["adam"].lgi_two_sided[t], two_sided_lgi(rosenbrock, x, u[t], 0.02), rtol=1e-6
        )
        assert torch.allclose(
            got["adam"].lgi_one_sided[t], one_sided_lgi(rosenbrock, x, u[t], 0.02), rtol=1e-6
        )


def test_cost_is_counted_in_evaluations():
    got = run(rosenbrock, all_rules(), STARTS, steps=2)
    assert {key: track.evaluations for key, track in got.items()} == {
        "sgd": 2, "adam": 2, "amsgrad": 2, "adamw": 2, "prox-sgd": 2,
        "s-adam": 4, "s-adam-two-sided": 6,
    }  # fmt: skip


def test_sadam_without_damping_is_adamw_to_the_last_bit():
    rules = {"s": SAdam(0.03, damping=0.0, probes="two-sided"), "adamw": AdamW(0.03)}
    got = run(rosenbrock, rules, STARTS, steps=400)
    assert torch.equal(got["s"].points, got["adamw"].points)


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(0, 1000))
def test_seeds_reproduce(steps, seed):
    a, b = (run(rosenbrock, {"s": SAdam(0.05)}, STARTS, steps=steps, seed=seed) for _ in range(2))
    assert same(a["s"], b["s"])


def test_results_can_be_used_with_autograd():
    points = run(rosenbrock, all_rules(), STARTS, steps=3)["s-adam"].points
    weight = torch.ones(2, dtype=F64, requires_grad=True)
    (points * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rules": {}}, "no rules"),
        ({"steps": 0}, "Invalid steps: 0"),
        ({"starts": torch.empty(0, 2)}, "Invalid starts"),
        ({"schedule": "linear"}, "Invalid schedule: 'linear', must be one of constant"),
        ({"schedule": torch.ones(3)}, r"Invalid schedule: shape \(3,\), must be \(10,\)"),
    ],
)
def test_bad_requests_are_refused(change, message):
    request = {"rules": {"adam": Adam()}, "starts": STARTS, "steps": 10} | change
    with pytest.raises(ValueError, match=message):
        run(rosenbrock, request.pop("rules"), request.pop("starts"), **request)


def test_a_constant_objective_moves_nobody():
    got = run(
        lambda x: torch.full(x.shape[:-1], 3.0, dtype=F64), {"adam": Adam(0.1)}, STARTS, steps=5
    )
    assert torch.equal(got["adam"].points[-1], STARTS)
    assert not math.isnan(float(got["adam"].lgi_two_sided.sum()))
