"""Every landscape is held to the facts it declares."""

import dataclasses
import pickle

import pytest
import torch

import landscapes
from landscapes import CATALOGUE, Landscape

ENTRIES = list(CATALOGUE.values())
every = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def some(condition):
    chosen = [entry for entry in ENTRIES if condition(entry)]
    return pytest.mark.parametrize("entry", chosen, ids=lambda entry: entry.name)


def window(entry):
    low, high = torch.tensor(entry.window, dtype=torch.float64).T
    return low, high - low


def scattered(entry, n, seed=0):
    low, size = window(entry)
    shape = (n, 2)
    where = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return low + size * where


def directions(n):
    angles = torch.linspace(0, 2 * torch.pi, n + 1, dtype=torch.float64)[:-1] + 0.123
    return torch.stack((angles.cos(), angles.sin()), -1)


@every
def test_says_what_it_is(entry):
    assert CATALOGUE[entry.name] is landscapes.get(entry.name) is entry
    assert entry.title
    assert entry.latex
    assert entry.source
    assert entry.note.endswith(".")
    assert len(entry.note) < 240
    assert entry.latex.count("{") == entry.latex.count("}")
    assert entry.latex.count(r"\left") == entry.latex.count(r"\right")
    low, size = window(entry)
    start = torch.tensor(entry.start, dtype=torch.float64)
    assert ((start >= low) & (start <= low + size)).all()


@every
def test_minimum_is_attained_at_every_minimiser(entry):
    at = torch.tensor(entry.minimisers, dtype=torch.float64)
    assert entry.value(at).tolist() == pytest.approx(
        [entry.minimum] * len(at), rel=1e-14, abs=1e-14
    )
    low, size = window(entry)
    assert ((at >= low) & (at <= low + size)).all()


@every
def test_nothing_is_below_the_minimum(entry):
    low, size = window(entry)
    ticks = torch.linspace(0, 1, 401, dtype=torch.float64)
    grid = low + size * torch.cartesian_prod(ticks, ticks)
    assert entry.value(grid).min() >= entry.minimum - 1e-12
    at = torch.tensor(entry.minimisers, dtype=torch.float64)
    for radius in (1e-1, 1e-3, 1e-6):
        assert entry.value(at[:, None] + radius * directions(64)).min() >= entry.minimum - 1e-13


@some(lambda entry: entry.traps)
def test_a_trap_is_not_a_minimum(entry):
    at = torch.tensor(entry.traps, dtype=torch.float64)
    value = entry.value(at)
    assert (value > entry.minimum + 0.1).all()
    # Nor a local one: somewhere next to it the function is lower.
    around = entry.value(at[:, None] + 1e-3 * directions(256))
    assert (around.amin(-1) < value - 1e-5).all()


def test_the_trap_of_chebyshev_is_clarke_stationary():
    entry = CATALOGUE["chebyshev-n2"]
    nearby = torch.tensor(entry.traps[0]) + 1e-6 * directions(64)
    grads = entry.value.value_and_grad(nearby)[1]
    # 0 lies in the hull of the gradients: no direction has a positive product with all of them.
    assert ((grads @ directions(720).T).amin(0) <= 1e-9).all()


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shapes_and_dtypes(entry, shape, dtype):
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    x = x.movedim(0, -1)
    value, grad = entry.value.value_and_grad(x)
    assert (value.shape, value.dtype) == (shape, dtype)
    assert (grad.shape, grad.dtype) == (x.shape, dtype)
    assert torch.equal(entry.value(x), value)
    for kink in entry.kinks:
        assert (kink(x).shape, kink(x).dtype) == (shape, dtype)


@some(lambda entry: entry.formula)
@pytest.mark.slow
def test_gradient_is_the_slope_away_from_kinks(entry):
    x = scattered(entry, 500)
    for kink in entry.kinks:
        x = x[~(kink(x).abs() < 1e-2)]
    x = x[(x.abs() > 1e-2).all(-1)]  # where Brown's function bends too sharply to measure
    assert len(x) > 100
    grad = entry.value.value_and_grad(x)[1]
    for axis in (0, 1):
        h = torch.zeros(2, dtype=torch.float64)
        h[axis] = 1e-6
        slope = (entry.value(x + h) - entry.value(x - h)) / 2e-6
        torch.testing.assert_close(grad[:, axis], slope, rtol=1e-5, atol=1e-5)


@every
def test_convex_or_not(entry):
    # Chords between random points, and short ones, which find a ridge.
    a, b = scattered(entry, 20000, 1), scattered(entry, 20000, 2)
    near = a + 0.02 * (b - a)
    for p, q in ((a, b), (a, near)):
        sag = (entry.value(p) + entry.value(q)) / 2 - entry.value((p + q) / 2)
        if entry.convex:
            assert sag.min() > -1e-9 * entry.value(p).abs().max()
    if not entry.convex:
        sag = (entry.value(a) + entry.value(b)) / 2 - entry.value((a + b) / 2)
        assert sag.min() < -1e-2
    assert entry.regular or not entry.convex


def on_kink(entry, kink, n=200):
    """Points where a kink function changes sign, found by bisection along random segments."""
    low, high = scattered(entry, 40000, 3), scattered(entry, 40000, 4)
    high = low + 0.05 * (high - low)
    crossed = kink(low) * kink(high) < 0
    low, high = low[crossed][:n], high[crossed][:n]
    side = kink(low) > 0
    for _ in range(50):
        mid = low + 0.49 * (high - low)
        same = ((kink(mid) > 0) == side)[:, None]
        low, high = torch.where(same, mid, low), torch.where(same, high, mid)
    return low[kink(low) * kink(high) <= 0]


def bend(entry, at, h):
    """Return ``f(x + h u) - 2 f(x) + f(x - h u)`` over h, (directions, points)."""
    steps = h * directions(32)[:, None]
    return (entry.value(at + steps) - 2 * entry.value(at) + entry.value(at - steps)) / h


@some(lambda entry: entry.kinks)
def test_kinks_are_kinks(entry):
    for kink in entry.kinks:
        at = on_kink(entry, kink)
        assert len(at) >= 10
        far, near = (bend(entry, at, h).abs().amax(0) for h in (1e-4, 1e-5))
        # A smooth bend shrinks with h; a jump of the slope does not (one of the value grows).
        really = (near > far / 2) & (near > 1e-4)
        assert really.double().mean() > 0.9


@some(lambda entry: entry.kinks and entry.group == "kinked")
def test_kinks_bend_upwards_where_regular(entry):
    lowest = min(float(bend(entry, on_kink(entry, kink), 1e-5).min()) for kink in entry.kinks)
    if entry.regular:
        assert lowest > -1e-2
    else:
        assert lowest < -0.1


@some(lambda entry: entry.kinks and entry.group == "kinked")
def test_wherever_the_gradient_jumps_a_kink_is_declared(entry):
    def jump(p, q):
        there, here = entry.value.value_and_grad(q)[1], entry.value.value_and_grad(p)[1]
        return torch.linalg.vector_norm(there - here, dim=-1)

    # Halve random segments, keeping the half with the larger change of gradient.
    low, high = scattered(entry, 2000, 5), scattered(entry, 2000, 6)
    high = low + 0.1 * (high - low)
    for _ in range(30):
        mid = (low + high) / 2
        first = (jump(low, mid) > jump(mid, high))[:, None]
        low, high = torch.where(first, low, mid), torch.where(first, mid, high)
    jumps = jump(low, high) > 1e-3
    assert jumps.sum() >= 5
    low, high = low[jumps], high[jumps]
    declared = [kink(low) * kink(high) <= 0 for kink in entry.kinks]
    assert torch.stack(declared).any(0).all()


@some(lambda entry: entry.group == "smooth")
def test_smooth_controls_have_no_kinks(entry):
    assert entry.kinks == ()
    assert entry.value.kinks == ()


def test_kinked_landscapes_have_kinks():
    without = [e.name for e in ENTRIES if e.group != "smooth" and not e.kinks]
    assert without == ["brown2"]  # differentiable everywhere but at one point


@some(lambda entry: entry.smooth or entry.prox)
def test_composite_parts_make_the_whole(entry):
    def other(z):
        return entry.value(z) - entry.smooth(z)

    assert other(torch.zeros(2, dtype=torch.float64)) == 0
    x = scattered(entry, 20)
    ticks = torch.linspace(-3, 3, 301, dtype=torch.float64)
    grid = torch.cartesian_prod(ticks, ticks)
    steps = torch.rand(20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = entry.prox(x, steps)
    for point, step, result in zip(x, steps, together, strict=True):
        torch.testing.assert_close(entry.prox(point, float(step)), result)

        def cost(z, point=point, step=step):
            return other(z) + (z - point).square().sum(-1) / (2 * step)

        assert cost(result) <= cost(grid).min() + 1e-9
        assert cost(result) <= cost(result + 1e-4 * directions(64)).min() + 1e-12


@every
def test_survives_pickling(entry):
    x = scattered(entry, 20)
    copy = pickle.loads(pickle.dumps(entry))
    assert isinstance(copy, Landscape)
    assert torch.equal(copy.value(x), entry.value(x))
    for mine, yours in zip(entry.kinks, copy.kinks, strict=True):
        torch.testing.assert_close(mine(x), yours(x), rtol=0, atol=0, equal_nan=True)


def test_unknown_name_names_the_nearest():
    with pytest.raises(ValueError, match="unknown landscape 'nope'; it must be one of crescent,"):
        landscapes.get("nope")
    with pytest.raises(ValueError, match="unknown landscape 'wolf'; the nearest is 'wolfe'"):
        landscapes.get("wolf")
    with pytest.raises(ValueError, match="unknown landscape ''; it must be one of"):
        landscapes.get("")


def test_a_visitors_formula_is_a_landscape_too():
    mine = landscapes.landscape_from_formula("abs(x) + a*abs(y)", {"a": 10.0}, title="mine")
    l1 = CATALOGUE["l1"]
    x = scattered(l1, 50)
    assert torch.equal(mine.value(x), l1.value(x))
    assert (mine.name, mine.group, mine.minimum, mine.minimisers) == ("custom", "kinked", None, ())
    assert len(mine.kinks) == 2
    assert dataclasses.replace(mine, name="other").name == "other"
    assert landscapes.landscape_from_formula("x*y").group == "smooth"
