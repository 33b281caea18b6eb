"""The computations behind the lessons, against closed forms and the rules themselves."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscapes import CATALOGUE
from sadam.lab.codec import SpecError
from sadam.lab.experiment import Experiment
from sadam.lab.figures.lessons import (
    kink_figure,
    online_figure,
    running_mean_figure,
    schedule_figure,
)
from sadam.lab.lessons import (
    DRAWS,
    autograd_at_zero,
    gradients_near,
    kink_slopes,
    mean_brakes,
    running_means,
    steepest_descent,
    under_schedules,
)
from sadam.lab.online import Online, run_online, slopes, told
from sadam.lab.race import run_race
from sadam.lab.rulebook import make_rules
from sadam.rules import Adam, AMSGrad


@given(st.floats(-1.2, 1.2), st.floats(0.01, 0.5), st.floats(0, 2))
def test_the_rounded_kink_has_its_closed_form(at, width, slope):
    found = kink_slopes(at, width, 0.1, slope)
    expected = found.x / np.hypot(found.x, width) + slope
    np.testing.assert_allclose(found.slope, expected, rtol=0, atol=1e-12)
    assert found.slope_at == pytest.approx(at / math.hypot(at, width) + slope, abs=1e-12)


def test_a_kink_has_a_curvature_without_bound():
    for reach in (0.1, 0.01, 1e-6):
        assert kink_slopes(0.0, 0.0, reach).curvature == pytest.approx(1 / reach)
    assert kink_slopes(0.5, 0.0, 0.1).curvature == 0


def test_autograd_at_zero():
    found = autograd_at_zero()
    for name, function in (("abs(x)", torch.abs), ("relu(x)", torch.nn.functional.relu)):
        x = torch.zeros(1, requires_grad=True)
        function(x).sum().backward()
        assert found[name] == x.grad.item()
    assert found["relu(x) - relu(-x)"] != 1  # though the function is x itself


def test_the_trap_is_stationary_and_not_a_minimum():
    near = gradients_near("chebyshev-n2", (0.0, -1.0), 0.01)
    assert near.stationary
    assert CATALOGUE["chebyshev-n2"].gap_at((0.1, -0.8)) < CATALOGUE["chebyshev-n2"].gap_at(
        (0.0, -1.0)
    )


@pytest.mark.parametrize("start", [(16 / 9, 1.0), (5.0, 4.0), (4.0, 3.0)])
def test_exact_steepest_descent_on_wolfe_ends_at_the_origin(start):
    """Wolfe 1975: it zigzags into the axis, and (0, 0) is no minimum."""
    points = steepest_descent("wolfe", start)
    assert np.linalg.norm(points[-1]) < 1e-6
    assert CATALOGUE["wolfe"].gap_at((0.0, 0.0)) == pytest.approx(8)
    assert not gradients_near("wolfe", (0.0, 0.0), 1e-3).stationary


def test_steepest_descent_stalls_on_the_fan():
    points = steepest_descent("hul-fan", (5.0, 3.0))
    assert np.linalg.norm(points[-1]) < 1e-6
    assert CATALOGUE["hul-fan"].gap_at(tuple(points[-1])) == pytest.approx(100)


def test_exact_steps_on_a_quadratic_are_the_closed_form():
    """On x^T A x / 2 the exact step is g.g / g.Ag."""
    a = np.array([1.0, 10.0])
    x = np.array([2.0, 1.5])
    points = steepest_descent("bowl", (2.0, 1.5), 8)
    for point in points[1:]:
        g = a * x
        x = x - (g @ g) / (g @ (a * g)) * g
        np.testing.assert_allclose(point, x, atol=1e-7)


@given(st.sampled_from(sorted(CATALOGUE)), st.integers(0, 10))
@pytest.mark.slow
def test_steepest_descent_never_goes_up(name, i):
    landscape = CATALOGUE[name]
    (x0, x1), (y0, y1) = landscape.window
    start = (x0 + (x1 - x0) * (0.1 + 0.07 * i), y0 + (y1 - y0) * (0.87 - 0.06 * i))
    points = torch.from_numpy(steepest_descent(name, start, 5))
    assert (landscape.value(points).diff() < 0).all()


@pytest.mark.parametrize("case", ["slope", "kink"])
def test_running_means_end_at_the_mean(case):
    means = running_means(case, 4, 10, 3)
    for kind, mean in means.items():
        assert mean.shape == (DRAWS,)
        assert (mean >= 0).all()
        if case == "slope":
            assert mean[-1] == pytest.approx(1.0 if kind == "one-sided" else 0.0, abs=0.03)


def test_mean_brakes_are_those_of_single_draws():
    """For k = 2 on a slope in the plane, against plain NumPy; the brake of the mean is another."""
    rng = np.random.default_rng(0)
    slopes = np.cos(rng.uniform(0, 2 * np.pi, (200_000, 2)))
    lgi = slopes.var(1, ddof=1) / (slopes**2).mean(1)
    brakes = mean_brakes("slope", 2, 2, 0)
    assert brakes["one-sided"] == pytest.approx(np.exp(-2 * lgi).mean(), abs=0.01)
    assert brakes["one-sided"] > 2 * np.exp(-2 * lgi.mean())
    assert brakes["two-sided"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("rule", "make"), [("adam", Adam), ("amsgrad", AMSGrad)])
@pytest.mark.parametrize("beta2", [0.9, 0.99])
def test_the_online_run_is_the_rules_step_by_step(rule, make, beta2):
    spec = Online(rounds=700, beta2=beta2, start=0.3)
    run = run_online(spec)
    update = make(lr=spec.lr, betas=(spec.beta1, beta2))
    x = torch.tensor([spec.start], dtype=torch.float64)
    state = update.init(x)
    expected = [spec.start]
    zero = torch.zeros((), dtype=torch.float64)
    for t, g in enumerate(slopes(spec), 1):
        grad = torch.tensor([g], dtype=torch.float64)
        x = update.update(x, grad, zero, state, t, t**-0.5).clamp(-1, 1)
        expected.append(float(x))
    np.testing.assert_allclose(run.points[rule], expected, rtol=0, atol=1e-10)
    regret = np.cumsum(slopes(spec) * (np.array(expected[:-1]) + 1)) / np.arange(1, 701)
    np.testing.assert_allclose(run.regret[rule], regret, atol=1e-6)


def test_adam_ends_at_the_worst_point_and_amsgrad_at_the_best():
    run = run_online(Online(rounds=100_000))
    assert run.points["adam"][-1] > 0.9
    assert run.points["amsgrad"][-1] < -0.9
    assert f"{run.points['adam'][-1]:+.3f}" in told(run)


@pytest.mark.parametrize(
    "wrong",
    [{"rounds": 0}, {"beta2": 1.0}, {"beta1": -0.1}, {"start": 2.0}, {"lr": 0.0},
     {"beta1": None}, {"beta2": "0.9"}, {"start": []}],
)  # fmt: skip
def test_an_online_run_out_of_range_is_one_sentence(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        Online(**wrong)


def test_schedules_are_the_same_race():
    spec = Experiment("l1", rules=make_rules(("adam",)), steps=30)
    races = under_schedules(spec)
    assert set(races) == {"constant", "inverse-sqrt", "cosine"}
    same = run_race(spec).trajectories["adam"].points
    assert torch.equal(races["constant"].trajectories["adam"].points, same)
    assert not torch.equal(races["cosine"].trajectories["adam"].points, same)


def test_the_figures_hold_what_they_are_given():
    kink = kink_figure(kink_slopes(0.2, 0.0, 0.1))
    assert np.isnan(kink.data[2].y).sum() >= 1  # the jump is not drawn as a slope
    means = running_means("slope", 2, 2, 0)
    assert running_mean_figure(means, "t", 1.0).data[0].y[-1] == means["one-sided"][-1]
    spec = Experiment("l1", rules=make_rules(("adam", "adamw")), steps=30)
    assert len(schedule_figure(under_schedules(spec), ("adam",)).data) == 3
    run = run_online(Online(rounds=500))
    figure = online_figure(run)
    assert {trace.name for trace in figure.data} == {"Adam", "AMSGrad"}
    assert figure.data[0].y[-1] == run.points["adam"][-1]
