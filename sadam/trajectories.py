"""What the engine hands back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Trajectories:
    """What one rule did from every start; ``lead`` is the leading shape of the starts.

    A lane that leaves the finite numbers (beyond 1e150) stays at its last finite point; what was
    not measured from then on is NaN. So does, one step later, a lane whose brake is NaN because f
    is not finite at one of its probes. A lane that started outside stays where it started.

    Attributes:
        points: ``(T+1, *lead, D)``.
        values: f at the points, ``(T+1, *lead)``.
        grads: Gradients at the points, ``(T+1, *lead, D)``.
        lgi_one_sided: LGI as published, at the points, ``(T+1, *lead)``.
        lgi_two_sided: Two-sided LGI at the points, ``(T+1, *lead)``.
        brake: Factor on each step, ``(T, *lead)``, in [0, 1]; 1 for a rule that does not brake.
        diverged_at: Step at which a lane left the finite numbers, ``(*lead)``; -1 if it never did.
        evaluations: Function evaluations of one step (a gradient counts 2, a probe 1).
    """

    points: Tensor
    values: Tensor
    grads: Tensor
    lgi_one_sided: Tensor
    lgi_two_sided: Tensor
    brake: Tensor
    diverged_at: Tensor
    evaluations: int

    @property
    def steps(self) -> int:
        """Number T of steps."""
        return self.points.shape[0] - 1
