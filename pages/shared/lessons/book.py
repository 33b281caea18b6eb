"""The lessons in their order: text, figure, question, answer, and the page to go on to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pages.shared.lessons import kinks, optimizers, probes
from pages.shared.lessons.links import KEYS
from pages.shared.lessons.parts import Opens


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        key: Its name in links.
        title: What it is about.
        text: A few sentences, Markdown.
        figure: Draws its controls and its live figure.
        question: One question.
        answer: Its answer, with numbers computed now.
        opens: Where to go on, in the state on screen.
    """

    key: str
    title: str
    text: str
    figure: Callable[[], None]
    question: str
    answer: Callable[[], str]
    opens: Callable[[], Opens]


LESSONS = (
    Lesson(
        "kink",
        "What a kink does to a gradient",
        "ReLU, absolute values, maxima and rounding put **kinks** into a loss: places where it is "
        "continuous, but its slope jumps.\n\n"
        "Move the point $x$ across 0. On either side the gradient is steady; in between it turns "
        "round at once. However near to 0 the two sides are compared, the slope changes by 2: the "
        "curvature, change of slope over distance, has no bound.\n\n"
        "Now raise the rounding $w$. The function becomes smooth, the gradient small near the "
        "minimum: it *announces* it. At a kink it does not: there $|g|$ is as large a hair from "
        "the minimum as a mile away.",
        kinks.kink,
        "What does automatic differentiation return exactly at the kink?",
        kinks.kink_answer,
        kinks.kink_opens,
    ),
    Lesson(
        "clarke",
        "Subgradients, and Clarke's set",
        "Where there is no gradient there is a *set*. Collect the gradients at the points near "
        "$x$, let the neighbourhood shrink, and take the convex hull of what they tend to: the "
        "**Clarke subdifferential** $\\partial f(x)$. On a convex $f$ it holds exactly the "
        "subgradients, the slopes of planes that touch it from below.\n\n"
        "Click the map. The grey arrows are gradients sampled in a ball round the point "
        "(Goldstein's version of the set), the blue shape is their hull, the orange line leads "
        "from 0 to its nearest point. On smooth ground the hull is nearly a point; on a kink a "
        "segment; where kinks meet, an area.\n\n"
        "If 0 lies outside, moving against the nearest point goes down. If 0 lies inside, "
        "$x$ is **stationary**.",
        kinks.clarke,
        "Is the gradient small near the minimum of a non-smooth function?",
        kinks.clarke_answer,
        kinks.clarke_opens,
    ),
    Lesson(
        "chattering",
        "Why Adam chatters",
        "Adam's step is $\\;\\mathrm{lr}\\cdot \\hat m / (\\sqrt{\\hat v} + \\varepsilon)$. Across "
        "a valley with a kinked floor the gradient flips its sign at each crossing and keeps its "
        "length. The mean $\\hat m$ partly cancels, the mean square $\\hat v$ does not shrink, and "
        "the next step again overshoots by a share of lr.\n\n"
        "So the path settles into a rattle whose size is set by the **learning rate**, not by the "
        "distance to the minimum. Play it, then halve lr: the gap at the end falls with it, and "
        "so does the speed of the way there.",
        optimizers.chattering,
        "Would a shorter memory (a smaller β₂) let Adam settle?",
        optimizers.chattering_answer,
        optimizers.chattering_opens,
    ),
    Lesson(
        "probe",
        "What a directional probe measures",
        "S-Adam asks about kinks without looking for them: at each step it evaluates $f$ at $k$ "
        "points a distance $\\sigma$ away and forms the slopes "
        "$D_i = (f(x + \\sigma u_i) - f(x))/\\sigma$ along random unit vectors $u_i$.\n\n"
        "The figure shows that slope in **every** direction, as distance from the dotted circle, "
        "and (dashed) the slope with which one arrives from behind. On smooth ground the two "
        "curves are one. Move the point to within $\\sigma$ of the kink and they part.\n\n"
        "The **local geometric instability** condenses a few such slopes into one number $\\rho$; "
        "the step is multiplied by $\\alpha = e^{-\\lambda\\rho}$.",
        probes.probe,
        "What exactly tells a kink from a steep slope?",
        probes.probe_answer,
        probes.probe_opens,
    ),
    Lesson(
        "two-sided",
        "One-sided or two-sided?",
        "As published, the LGI is the variance of the slopes over their mean square, "
        "$\\rho_{\\text{one}} = \\operatorname{Var}(D_i)/(\\overline{D^2} + \\zeta)$, from probes "
        "on one side of each direction. On a smooth slope the $D_i = g\\cdot u_i$ scatter round 0 "
        "as much as they are large, so its expectation there is **exactly 1**, whatever $g$, $k$ "
        "or the dimension.\n\n"
        "The two-sided estimator also looks the other way along each line and compares the even "
        "with the odd part of the slopes: 0 on smooth slopes, 1 at a pure kink.\n\n"
        "Do not take it on trust: choose a place and average draws. The dotted line is the "
        "theorem's 1.",
        probes.two_sided,
        "Why exactly 1? (Theorem and proof)",
        probes.two_sided_answer,
        probes.two_sided_opens,
    ),
    Lesson(
        "control",
        "Braking, or just a smaller step?",
        "A brake also makes steps smaller *on average*, and smaller steps alone end nearer to a "
        "kink. To tell the two apart this app runs a **matched control**: AdamW whose learning "
        "rate is multiplied by the mean brake of that very S-Adam run. Same average step "
        "and decay of the weights, but blind.\n\n"
        "If the control does as well, looking was not what helped. Try both estimators: where the "
        "published one sees about 1 everywhere, its brake is nearly a constant factor. And try "
        "Rosenbrock's smooth valley, where there is no kink to brake for.",
        optimizers.control,
        "If the control ends farther away, is the adaptive brake the better method?",
        optimizers.control_answer,
        optimizers.control_opens,
    ),
    Lesson(
        "schedules",
        "Decay cures much",
        "If the floor of the gap is set by lr, then shrink lr. The theory of subgradient methods "
        "asks for exactly that: steps that tend to 0 but whose sum does not stay finite, such as "
        "$1/\\sqrt t$. In practice a cosine does it.\n\n"
        "Compare the solid lines (constant lr) with the dotted ones (cosine). Then look where the "
        "orange lines, S-Adam two-sided, lie beside the green ones, Adam, **of the same dash**.",
        optimizers.schedules,
        "Then is decay not all that is needed?",
        optimizers.schedules_answer,
        optimizers.schedules_opens,
    ),
    Lesson(
        "traps",
        "Traps: stopping where there is no minimum",
        "Going straight downhill as far as it goes down sounds safe. On a kinked function it is "
        "not. On **Wolfe**'s convex function steepest descent with exact line search zigzags into "
        "a kink and converges to (0, 0), where $f$ is far from its minimum; on the **fan** of "
        "five planes it can do the same.\n\n"
        "Click a start and compare: the thin line is exact steepest descent, the coloured ones are "
        "optimizers whose fixed steps jump over the kink. On the **Chebyshev-Rosenbrock** function "
        "even the test of stationarity can mislead.",
        kinks.traps,
        "If 0 lies in the Clarke subdifferential, is the point a minimum?",
        kinks.traps_answer,
        kinks.traps_opens,
    ),
    Lesson(
        "reddi",
        "When Adam does not converge",
        "No kink is needed to lead Adam astray. In this online problem the loss of round $t$ is "
        "$1010\\,x$ once in 101 rounds and $-10\\,x$ otherwise, on $[-1, 1]$. A period adds up to "
        "$+10\\,x$, so the best point is $-1$.\n\n"
        "But Adam divides by a root mean square that forgets: the rare large slope is divided by "
        "its own size, the many small ones, after it is forgotten, by theirs. A hundred small "
        "pushes to the right outweigh one to the left. **AMSGrad** divides by the largest mean "
        "square so far and turns back.",
        optimizers.reddi,
        "Does a longer memory (β₂ nearer to 1) repair Adam?",
        optimizers.reddi_answer,
        optimizers.reddi_opens,
    ),
    Lesson(
        "networks",
        "Quantization and ReLU nets",
        "Real kinks come in crowds. Rounding weights makes a staircase: its true slope is 0 almost "
        "everywhere, so training pretends that rounding has slope 1 (the *straight-through* "
        "gradient). What a probe sees depends on whether it is shorter than a step: move $\\sigma$ "
        "past the step's width of 0.25.\n\n"
        "A single ReLU unit has a kink wherever an input switches it on or off, and a region where "
        "it is dead. A net of many units has a kink for every unit and every example; on the "
        "Networks page you can train some and see whether any of this matters there.",
        optimizers.networks,
        "Can a brake rescue a dead unit?",
        optimizers.networks_answer,
        optimizers.networks_opens,
    ),
)
"""All of them, in the order of their keys."""

BY_KEY = {lesson.key: lesson for lesson in LESSONS}
assert tuple(BY_KEY) == KEYS
