"""Stepped landscapes: small pictures of quantized and ReLU networks."""

from __future__ import annotations

import torch
from torch import Tensor

from landscapes.base import Landscape
from landscapes.formula import Formula
from landscapes.from_formula import landscape_from_formula


class QuantizedBowl:
    """``.5 (q(x)^2 + 4 q(y)^2) + .05 (x^2 + y^2)`` with ``q(t) = round(4 t)/4``.

    The gradient is the straight-through one: the derivative of q is taken as 1, because the true
    one is 0 almost everywhere. Autograd through the value gives the same. Points are ``(..., 2)``,
    floating; where one is not finite, value and gradient are not either.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return the value, shape ``(...)``, at ``x`` of shape ``(..., 2)``."""
        q = torch.round(4 * x) / 4
        if x.requires_grad:
            q = q + (x - x.detach())  # adds nothing but a derivative of 1
        return _bowl(x, q)

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return values, shape ``(...)``, and straight-through gradients, shape ``(..., 2)``."""
        x = x.detach()
        q = torch.round(4 * x) / 4
        return _bowl(x, q), q * x.new_tensor((1.0, 4.0)) + 0.1 * x


def _bowl(x: Tensor, q: Tensor) -> Tensor:
    (a, b), (qa, qb) = x.unbind(-1), q.unbind(-1)
    return 0.5 * (qa * qa + 4 * (qb * qb)) + 0.05 * (a * a + b * b)


# What the one-unit network is to learn: inputs a and targets b. On the positive inputs the best
# product of its weights is exactly 1; the negative ones pull it towards a second, worse valley.
RELU_FIT_DATA = (
    (-2.0, 0.6),
    (-1.5, 0.3),
    (-1.0, 0.2),
    (-0.5, 0.1),
    (0.5, 0.4),
    (1.0, 1.2),
    (1.5, 1.4),
    (2.0, 2.0),
)


def _relu_fit_formula() -> str:
    # relu(x a) = |a| relu(x sign(a)); written so, its two forms are computed once each.
    units = ((f"{abs(a)}*(y*relu({'x' if a > 0 else '-x'}))", b) for a, b in RELU_FIT_DATA)
    return f"({' + '.join(f'({unit} - {b})**2' for unit, b in units)})/{len(RELU_FIT_DATA)}"


STEPPED = (
    Landscape(
        name="quantized-bowl",
        title="Quantized bowl",
        formula=None,
        latex=r"\tfrac{1}{2}\left(q(x)^{2} + 4 q(y)^{2}\right) + \tfrac{1}{20}\left(x^{2} + "
        r"y^{2}\right),\quad q(t) = \tfrac{1}{4}\operatorname{round}\left(4 t\right)",
        source="this project; straight-through gradients: Bengio, Leonard & Courville 2013",
        note="A staircase over a faint bowl: its true slope tells almost nothing, so training "
        "pretends that rounding has slope 1, and never sees the steps it jumps.",
        value=QuantizedBowl(),
        window=((-2.0, 2.0), (-2.0, 2.0)),
        start=(-1.7, 1.3),
        minimisers=((0.0, 0.0),),
        minimum=0.0,
        group="stepped",
        convex=False,
        regular=False,
        kinks=(Formula.parse("cos(4*pi*x)"), Formula.parse("cos(4*pi*y)")),
    ),
    landscape_from_formula(
        _relu_fit_formula(),
        name="relu-fit",
        title="One ReLU unit",
        latex=r"\frac{1}{8} \sum_{j=1}^{8} \left(y \max\left(0,\ x a_{j}\right) - "
        r"b_{j}\right)^{2}",
        source="this project",
        note="A network of one unit with weights x and y: on the line x = 0 the unit is dead, and "
        "autograd reports gradient 0 there although, for y > 0, the loss falls to both sides.",
        window=((-3.0, 3.0), (-3.0, 3.0)),
        start=(-1.5, 1.2),
        minimisers=((1.0, 1.0), (0.5, 2.0), (2.0, 0.5)),
        minimum=0.07,
        group="stepped",
        convex=False,
        regular=False,
    ),
)
