"""Measures against paths whose numbers are known by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import welch

from sadam import metrics
from sadam.engine import Trajectories

F64 = torch.float64


def track(points, grads=None, values=None):
    points = torch.tensor(points, dtype=F64)
    grads = points if grads is None else torch.tensor(grads, dtype=F64)
    values = points.norm(dim=-1) if values is None else torch.tensor(values, dtype=F64)
    return metrics.Track(points, values, grads)


def trajectories(points, grads, values):
    lead = values.shape[1:]
    return Trajectories(
        points, values, grads, values * 0, values * 0, values[1:] * 0 + 1,
        torch.full(lead, -1), 2,
    )  # fmt: skip


ZIGZAG = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0], [4.0, 0.0]]


def test_path_efficiency():
    assert metrics.path_efficiency(track(ZIGZAG)) == pytest.approx(4 / (4 * math.sqrt(2)))
    assert metrics.path_efficiency(track([[0, 0], [1, 2], [2, 4.0]])) == pytest.approx(1)
    assert metrics.path_efficiency(track([[1, 1], [1, 1], [1, 1.0]])) == 1


def test_reversal_rate():
    # (1, 1) and (1, -1) are at right angles: no reversal; back and forth on a line: always
    assert metrics.reversal_rate(track(ZIGZAG)) == 0
    assert metrics.reversal_rate(track([[0, 0], [1, 0], [0, 0], [1, 0.0]])) == 1
    # a step of length 0 has no direction: only (1,0) -> (1,0) is judged
    assert metrics.reversal_rate(track([[0, 0], [1, 0], [2, 0], [2, 0], [1, 0.0]])) == 0


def test_conflict_and_sign_flips():
    grads = [[1, 2], [-1, 2], [1, -2], [0, 0], [1, 1.0]]
    t = track(ZIGZAG, grads)
    # cosines: 3 > 0, -5 < 0, then a zero gradient makes two pairs that are not judged
    assert metrics.conflict_rate(t) == pytest.approx(1 / 2)
    # judged pairs: x+-, yy, x-+, y+-: three flips of four
    assert metrics.sign_flip_rate(t) == pytest.approx(3 / 4)


def test_gradient_variation():
    assert metrics.gradient_variation(track(ZIGZAG, [[1.0, 0.0]] * 5)) == 0
    flipping = [[(-1.0) ** i, 0.0] for i in range(5)]
    assert metrics.gradient_variation(track(ZIGZAG, flipping)) == pytest.approx(8 / 5)
    assert metrics.gradient_variation(track(ZIGZAG, [[0.0, 0.0]] * 5)) == 0


@pytest.mark.parametrize(("frequency", "share"), [(0.05, 0.0), (0.2, 0.0), (0.3, 1.0), (0.45, 1.0)])
def test_high_frequency_share_of_a_pure_tone(frequency, share):
    t = torch.arange(600, dtype=F64)
    grads = torch.stack([torch.sin(2 * math.pi * frequency * t), 0 * t], -1)
    run = metrics.Track(grads, t, grads)
    assert metrics.high_frequency_share(run) == pytest.approx(share, abs=1e-3)
    f, power = metrics.gradient_spectrum(grads)
    assert f[power.argmax()] == pytest.approx(frequency, abs=1 / 256)


def test_white_noise_has_half_its_power_above_half_the_nyquist_frequency():
    grads = torch.randn(20_000, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    share = metrics.high_frequency_share(metrics.Track(grads, grads[:, 0], grads))
    assert share == pytest.approx(0.5, abs=0.02)


def test_tail_is_the_last_tenth_of_the_steps():
    assert metrics.tail(torch.arange(501)).tolist() == list(range(451, 501))
    assert len(metrics.tail(torch.arange(2))) == 1
    values = torch.cat([torch.full((451,), 1e9), torch.linspace(0, 49, 50)]).to(F64)
    zeros = torch.zeros(501, 2, dtype=F64)
    assert metrics.tail_amplitude(metrics.Track(zeros, values, zeros)) == pytest.approx(24.5)


def test_gaps():
    values = torch.tensor([[5.0, 4.0], [1.0, 9.0], [3.0, 8.0]], dtype=F64)
    zeros = torch.zeros(3, 2, 2, dtype=F64)
    run = trajectories(zeros, zeros, values)
    assert metrics.final_gap(run, 0.5).tolist() == [2.5, 7.5]
    assert metrics.best_gap(run, 0.5).tolist() == [0.5, 3.5]
    lost = Trajectories(**{**vars(run), "diverged_at": torch.tensor([-1, 2])})
    assert metrics.final_gap(lost, 0.5).tolist() == [2.5, math.inf]


def test_kink_crossings():
    def across(x):
        return x[..., 0]

    points = torch.tensor([[-1, 0], [1, 0], [0, 0], [2, 0], [0, 0], [-1, 0.0]], dtype=F64)
    # over at step 1; on to the kink and back to the same side: none; through it: one
    assert metrics.kink_crossings(points, [across]).tolist() == [1, 0, 0, 0, 1]
    both = metrics.kink_crossings(points, [across, lambda x: -x[..., 0]])
    assert both.tolist() == [2, 0, 0, 0, 2]
    hidden = metrics.kink_crossings(points, [lambda x: x[..., 0] * math.nan])
    assert hidden.sum() == 0
    assert metrics.kink_crossings(points, []).sum() == 0


def noisy(steps=60, lanes=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    points = torch.randn(steps + 1, lanes, 2, dtype=F64, generator=g).cumsum(0)
    grads = torch.randn(steps + 1, lanes, 2, dtype=F64, generator=g)
    return trajectories(points, grads, points.norm(dim=-1))


def test_moving_values_are_the_whole_run_measures_of_each_window():
    run, window = noisy(), 12
    values = metrics.moving(run, window)
    for end in (12, 30, 60):
        part = slice(end - window, end + 1)
        piece = metrics.Track(run.points[part], run.values[part], run.grads[part])
        for name, measure in metrics.MEASURES.items():
            assert torch.allclose(values[name][end - window], measure(piece)), name
    assert all(v.shape == (49, 3) for v in values.values())


def test_one_window_is_the_whole_run():
    run = noisy()
    whole, window = metrics.measure(run), metrics.moving(run, 60)
    for name in metrics.MEASURES:
        assert torch.allclose(window[name][0], whole[name])


@given(st.integers(2, 40), st.integers(0, 2**31), st.sampled_from([0.0, 1e-300, 1e100]))
def test_measures_are_defined_and_in_range(steps, seed, scale):
    run = noisy(steps, 2, seed)
    spoilt = run.grads.clone()
    spoilt[steps // 2 :, 0] = math.nan
    run = Trajectories(**{**vars(run), "points": run.points * scale, "grads": spoilt * scale})
    numbers = metrics.measure(run)
    for name, value in numbers.items():
        assert torch.isfinite(value).all(), name
        top = {"gradient_variation": 2.0, "tail_amplitude": math.inf}.get(name, 1.0)
        assert ((value >= 0) & (value <= top + 1e-9)).all(), name


@pytest.mark.parametrize("window", [0, 1, 61])
def test_windows_must_fit(window):
    with pytest.raises(ValueError, match=f"Invalid window: {window}, must be from 2 to the 60"):
        metrics.moving(noisy(), window)


def test_mean_brake_ignores_what_was_not_measured():
    run = noisy(4, 2)
    brake = torch.tensor([[0.5, 1], [1.0, 1], [math.nan, 1], [math.nan, 1]], dtype=F64)
    assert metrics.mean_brake(Trajectories(**{**vars(run), "brake": brake})).tolist() == [0.75, 1]


@given(st.integers(2, 40), st.integers(1, 15), st.integers(0, 2**31))
def test_a_tally_of_stretches_is_the_measure_of_the_whole(steps, stretch, seed):
    run = noisy(steps, 2, seed)
    points = run.points.clone()
    points[steps // 2] = points[steps // 2 - 1]  # a step of length 0
    grads = run.grads.clone()
    grads[steps // 3] = 0
    tally, conflicts = metrics.Tally(points[0]), []
    for first in range(0, steps + 1, stretch):
        end = min(first + stretch, steps + 1)
        before = torch.full_like(grads[:1], math.nan) if first == 0 else grads[first - 1 : first]
        came_from = points[:1] if first < 2 else points[first - 2 : first - 1]
        here = points[max(first - 1, 0) : end]
        if first == 0:
            here = torch.cat([points[:1], here])
        conflicts.append(
            tally.add(torch.cat([came_from, here]), torch.cat([before, grads[first:end]]))
        )
    whole = metrics.Track(points, run.values, grads)
    for name, value in tally.measures(points[-1]).items():
        assert torch.allclose(value, metrics.MEASURES[name](whole), rtol=1e-12), name
    turns, judged = metrics.turned(grads)
    seen = torch.cat(conflicts)[1:]
    assert torch.equal(torch.nan_to_num(seen) == 1, turns)
    assert torch.equal(~torch.isnan(seen), judged)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 255, 256, 257, 1000])
def test_the_spectrum_is_scipys(n):
    grads = torch.randn(n, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    segment = min(metrics.WELCH_SEGMENT, n)
    frequency, power = welch(grads.numpy(), nperseg=segment, axis=0, detrend="constant")
    f, p = metrics.gradient_spectrum(grads)
    np.testing.assert_allclose(f, frequency, rtol=1e-12)
    np.testing.assert_allclose(p, power.sum(-1), rtol=1e-9, atol=1e-12)
