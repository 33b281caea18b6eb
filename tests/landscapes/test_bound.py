"""An evaluation in fixed memory gives what a call gives, to the last bit, again and again."""

import pytest
import torch

from landscapes import CATALOGUE
from landscapes.formula import Formula

TEXTS = {
    **{key: landscape.formula for key, landscape in CATALOGUE.items() if landscape.formula},
    "an input": "x",
    "a constant": "3",
    "a constant with a function": "sin(2) + x",
    "two equal slopes": "abs(x + y)",
    "a value that is used again": "max(x, y) + x*max(x, y)",
    "conditions": "where(x > 0 and y < 1, x, abs(y)**2.5)",
    "four arguments": "min(x, y, x*y, 1)",
    "powers": "abs(x)**(y**2 + 1)",
    "not a number": "sqrt(x) + log(y)",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_bound_equals_called(text):
    f = Formula.parse(text)
    numbers = torch.randn(6, 85, dtype=torch.float64, generator=torch.manual_seed(0))
    x, y, value, gx, gy, alone = numbers
    numbers[:2, :40] = torch.randint(-2, 3, (2, 40)).double()  # ties
    program, value_only = f.bind(x, y, value, (gx, gy)), f.bind(x, y, alone)
    for _ in range(3):
        expected, slope = f.value_and_grad(numbers[:2].T)
        for call in program + value_only:
            call()
        for got, want in zip((value, gx, gy, alone), (expected, *slope.T, expected), strict=True):
            assert torch.equal(got.isnan(), want.isnan())
            assert torch.equal(got.nan_to_num(), want.nan_to_num())
        numbers[:2] += 0.25
