"""Fake quantization with straight-through gradients.

A number is rounded to one of a few evenly spaced levels and carried on as a float. With ``b`` bits
and a scale ``s`` (round half to even, as ``torch.round``)::

    signed:    q(w) = s * round(w / s),   s = max|w| / (2^(b-1) - 1)    levels -max|w| .. max|w|
    unsigned:  q(a) = s * round(a / s),   s = max(a) / (2^b - 1)        levels 0 .. max(a)

Signed levels are symmetric ("narrow range"): 2 bits give the three levels -s, 0, s. The scale is
taken afresh from the numbers at hand, so that the largest magnitude lies on the outermost level and
nothing is ever clamped.

The straight-through gradient takes ``dq/dw = 1`` everywhere (Bengio, Leonard and Courville 2013,
arXiv:1308.3432): there is no clamped region in which it would be 0, and the scale counts as a
constant. It is not the gradient of the quantized function, which is 0 almost everywhere.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

Bits = Literal[8, 4, 3, 2]
BITS: tuple[int, ...] = get_args(Bits)


def check_bits(name: str, bits: int | None) -> None:
    """Check a number of bits; None stands for no quantization.

    Raises:
        ValueError: If it is neither None nor one of :data:`BITS`.
    """
    if bits is None:
        return
    if bits == 1 and not isinstance(bits, bool):
        raise ValueError(
            f"Invalid {name}: 1 bit leaves a signed level no zero and no step; the least is 2"
        )
    if isinstance(bits, bool) or bits not in BITS:
        raise ValueError(
            f"Invalid {name}: {bits!r}, must be one of {BITS} or None for full precision"
        )


def fake_quantize(
    values: Tensor,
    bits: int,
    dims: int | tuple[int, ...],
    *,
    signed: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Round to the levels of ``bits`` bits; the gradient passes straight through.

    Called at every step: nothing is checked. Where one of the numbers that share a scale is not
    finite, all of them are NaN.

    Args:
        values: Numbers to quantize, any shape, floating; at least 0 where ``signed`` is False.
        bits: One of :data:`BITS`.
        dims: The axes that share one scale.
        signed: Which of the two formulas above.
        out: Where to write; then no gradient is recorded. May be ``values`` itself.

    Returns:
        Like ``values``. A tensor of zeros stays what it is.
    """
    steps = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    peak = torch.amax(values.detach().abs() if signed else values.detach(), dims, keepdim=True)
    # A peak of 0 has no level to stand on; the least positive number divides 0 to 0.
    scale = peak.div_(steps).clamp_(min=torch.finfo(values.dtype).tiny)
    if out is not None:
        return torch.div(values, scale, out=out).round_().mul_(scale)
    rounded = torch.round(values.detach() / scale).mul_(scale)
    return _StraightThrough.apply(values, rounded) if values.requires_grad else rounded


class _StraightThrough(torch.autograd.Function):
    """``rounded`` forwards, exactly; the identity on ``values`` backwards."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rounded: Tensor) -> Tensor:
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0], None
