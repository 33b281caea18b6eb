"""Every landscape against a second version of it, written by hand in plain torch.

The value and, by autograd, the gradient of these versions are what the catalogue must give, at
random points and on the kinks, where only the convention decides.
"""

import pytest
import torch

from landscapes import CATALOGUE
from landscapes.stepped import RELU_FIT_DATA


def top(*pieces):
    return torch.amax(torch.stack(pieces), 0)


def zero(x):
    return torch.zeros_like(x)


def wolfe(x, y):
    right = 5 * torch.sqrt(9 * x**2 + 16 * y**2)
    left = 9 * x + 16 * abs(y)
    return torch.where(x >= abs(y), right, torch.where(x > 0, left, left - x**9))


def spiral(x, y):
    r = torch.sqrt(x**2 + y**2)
    return torch.maximum((x - r * r.cos()) ** 2, (y - r * r.sin()) ** 2) + 0.005 * (x**2 + y**2)


def quantized_bowl(x, y):
    # Rounding whose derivative is taken as 1.
    p, q = (t + (torch.round(4 * t) / 4 - t).detach() for t in (x, y))
    return 0.5 * (p**2 + 4 * q**2) + 0.05 * (x**2 + y**2)


def relu_fit(x, y):
    a, b = torch.tensor(RELU_FIT_DATA, dtype=x.dtype).T
    return ((y[..., None] * torch.relu(x[..., None] * a) - b) ** 2).mean(-1)


def circle(x, y):
    return x**2 + y**2 - 1


TORCH = {
    "crescent": lambda x, y: y + abs(x**2 + (y - 1) ** 2 - 1),
    "cb2": lambda x, y: top(x**2 + y**4, (2 - x) ** 2 + (2 - y) ** 2, 2 * torch.exp(y - x)),
    "cb3": lambda x, y: top(x**4 + y**2, (2 - x) ** 2 + (2 - y) ** 2, 2 * torch.exp(y - x)),
    "dem": lambda x, y: top(5 * x + y, -5 * x + y, x**2 + y**2 + 4 * y),
    "ql": lambda x, y: x**2 + y**2 + 10 * top(zero(x), -4 * x - y + 4, -x - 2 * y + 6),
    "lq": lambda x, y: -x - y + torch.maximum(zero(x), circle(x, y)),
    "mifflin1": lambda x, y: -x + 20 * torch.maximum(zero(x), circle(x, y)),
    "mifflin2": lambda x, y: -x + 2 * circle(x, y) + 1.75 * abs(circle(x, y)),
    "wolfe": wolfe,
    "spiral": spiral,
    "mxhilb": lambda x, y: torch.maximum(abs(x + y / 2), abs(x / 2 + y / 3)),
    "l1hilb": lambda x, y: abs(x + y / 2) + abs(x / 2 + y / 3),
    "maxq": lambda x, y: torch.maximum(x**2, y**2),
    "maxl": lambda x, y: torch.maximum(abs(x), abs(y)),
    "goffin": lambda x, y: abs(x - y),
    "active-faces": lambda x, y: top(*(torch.log(1 + abs(t)) for t in (x, y, x + y))),
    "brown2": lambda x, y: abs(x) ** (y**2 + 1) + abs(y) ** (x**2 + 1),
    "l1": lambda x, y: abs(x) + 10 * abs(y),
    "lasso": lambda x, y: 0.5 * ((x - 1) ** 2 + 4 * (y - 0.1) ** 2) + 0.5 * (abs(x) + abs(y)),
    "nonsmooth-rosenbrock": lambda x, y: 10 * abs(y - x**2) + abs(1 - x),
    "rosenbrock-8": lambda x, y: 8 * abs(x**2 - y) + (1 - x) ** 2,
    "chebyshev-n1": lambda x, y: (x - 1) ** 2 / 4 + abs(y - 2 * x**2 + 1),
    "chebyshev-n2": lambda x, y: abs(x - 1) / 4 + abs(y - 2 * abs(x) + 1),
    "l1-rosenbrock": lambda x, y: abs(x - 1) + 100 * abs(abs(x) - y),
    "jbkm6": lambda x, y: (
        y + 0.1 * (x**2 + y**2) + 10 * torch.maximum(zero(y), -y) - abs(x) - abs(y)
    ),
    "jbkm10": lambda x, y: x**2 + y**2 - abs(x - y),
    "partly-smooth": lambda x, y: torch.maximum(3 * x**2 + y**2 - y, x**2 + y**2 + y),
    "hul-fan": lambda x, y: top(
        zero(x) - 100, 2 * x + 3 * y, -2 * x + 3 * y, 5 * x + 2 * y, -5 * x + 2 * y
    ),
    "bowl": lambda x, y: (x**2 + 10 * y**2) / 2,
    "rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "rastrigin": lambda x, y: (
        20 + x**2 + y**2 - 10 * torch.cos(2 * torch.pi * x) - 10 * torch.cos(2 * torch.pi * y)
    ),
    "quantized-bowl": quantized_bowl,
    "relu-fit": relu_fit,
}


def test_the_catalogue_is_complete_and_in_order():
    assert list(CATALOGUE) == list(TORCH)


def points(entry):
    """Random ones, and a lattice of quarters, where pieces tie exactly and often."""
    (x0, x1), (y0, y1) = entry.window
    low, high = torch.tensor([x0, y0]), torch.tensor([x1, y1])
    scattered = torch.rand(400, 2, generator=torch.Generator().manual_seed(0))
    quarters = (torch.arange(int(4 * low[i]), int(4 * high[i]) + 1) / 4 for i in (0, 1))
    lattice = torch.cartesian_prod(*quarters)
    known = torch.tensor([*entry.minimisers, *entry.traps, entry.start])
    return torch.cat((low + scattered * (high - low), lattice, known)).double()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_value_and_gradient_are_those_of_plain_torch(entry, dtype):
    x = points(entry).to(dtype).requires_grad_()
    expected = TORCH[entry.name](*x.unbind(-1))
    (slope,) = torch.autograd.grad(expected.sum(), x)
    expected = expected.detach()
    value, grad = entry.value.value_and_grad(x.detach())
    precise = dtype == torch.float64
    # A component may be the small difference of large terms: judge it by the largest gradient.
    scale = float(expected.abs().max()), float(slope[slope.isfinite()].abs().max())
    close = 1e-14 if precise else 1e-6
    torch.testing.assert_close(value, expected, rtol=close, atol=close * scale[0])
    torch.testing.assert_close(entry.value(x.detach()), value, rtol=0, atol=0)
    known = slope.isfinite()  # autograd is NaN where it divides by sqrt(0)
    assert known.all(-1).sum() >= len(x) - 2
    assert grad.isfinite().all()
    if precise:  # in float32, rounding decides ties differently
        torch.testing.assert_close(grad[known], slope[known], rtol=1e-12, atol=1e-14 * scale[1])
    else:
        near = (grad - slope).abs()[known] < 1e-4 * scale[1]
        assert near.float().mean() > 0.99


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_autograd_through_the_value_gives_the_same_gradient(entry):
    x = points(entry).requires_grad_()
    (slope,) = torch.autograd.grad(entry.value(x).sum(), x)
    grad = entry.value.value_and_grad(x.detach())[1]
    known = slope.isfinite()
    assert known.all(-1).sum() >= len(x) - 2
    scale = float(slope[known].abs().max())
    torch.testing.assert_close(grad[known], slope[known], rtol=1e-12, atol=1e-14 * scale)
