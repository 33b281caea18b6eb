"""The loss on a plane through parameter space, with the rules' paths and the LGI there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP, Network
from landscapes.nets.plane_kinks import PlaneKinks, PlaneKinksError, plane_kinks
from landscapes.nets.planes import Plane, PlaneLoss, line_plane, pca_plane, random_plane, window_of
from sadam.lab.checked import check_enough_probes, checked_radius
from sadam.lab.codec import SpecError, from_plain, nearest
from sadam.lab.grid import grid_of, points_of
from sadam.lab.lgi_map import MAX_GRID, MAX_PROBES
from sadam.lab.matched import CONTROL
from sadam.lab.spec import Window, whole
from sadam.lab.training.run import TrainingResult, checked_place
from sadam.lab.training.spec import multiplications
from sadam.probes import Kind, directions, lgi_from_slopes, streamed_lgi
from sadam.text import shown

PlaneKind = Literal["pca", "random", "line"]
Array = NDArray[np.float64]

GRIDS = (61, 31, 15)  # points to a side: the first that is affordable
LOSS_EXAMPLES = 512  # of the training set at most, and at least as many as
FEW_EXAMPLES = 32
WORK = {"affine": 5e9, "mlp": 5e8, "conv": 5e7}
"""Multiplications that one plane may take; a second at most, whatever the network."""
KINK_EXAMPLES = 8  # whose kinks are drawn: those of all would cover the picture
PROBES = 8


@dataclass(frozen=True)
class LossPlane:
    """A plane through parameter space and what is on it, for one seed.

    Attributes:
        plane: Where it lies.
        about: How it was laid, in a sentence.
        window: ``((a_min, a_max), (b_min, b_max))`` in its coordinates.
        a: Grid along the first direction, ``(n,)``.
        b: Grid along the second, ``(n,)``.
        values: Loss on the grid, rows are ``b``, ``(n, n)``.
        loss: The loss on the plane, an objective ``(..., 2)``.
        examples: Over how many training examples.
        paths: Each rule's path dropped onto the plane, ``(m, 2)``.
        errors: The relative projection error at each of its points, ``(m,)``: distance from the
            plane over distance from the plane's origin.
        kinks: Where units switch, or None.
        note: Why there are no kinks, or how exact they are.
        seed: The seed itself.
    """

    plane: Plane
    about: str
    window: Window
    a: Array
    b: Array
    values: Array
    loss: PlaneLoss
    examples: int
    paths: dict[str, Array]
    errors: dict[str, Array]
    kinks: PlaneKinks | None
    note: str
    seed: int

    @property
    def grid_points(self) -> Tensor:
        """The grid's points, ``(n * n, 2)``, row by row."""
        return points_of(self.a, self.b)


def loss_plane(
    result: TrainingResult,
    kind: PlaneKind = "pca",
    *,
    seed: int = 0,
    ends: tuple[str, str] | None = None,
    grid: int | None = None,
    kinks: bool = True,
) -> LossPlane:
    """Lay a plane and evaluate the training loss on it.

    Args:
        result: What was trained; rules at their own learning rates.
        kind: ``"pca"``: along the principal axes of all rules' paths. ``"random"``: two
            filter-normalised random directions from the end of the first of ``ends``. ``"line"``:
            through the ends of two rules and the start.
        seed: Which of the seeds, by place.
        ends: Labels of two rules; by default the two whose final training losses are least.
        grid: Points to a side, 2 to 801; by default what is affordable, at most 61.
        kinks: Whether to look for kinks.

    Raises:
        SpecError: If there is no such plane: of rules or seeds that there are not, because every
            rule diverged with this seed or the paths lie on one line, or because two ends are one
            point. A rule that diverged is left out.
    """
    if kind not in get_args(PlaneKind):
        raise SpecError(f"there is no plane {shown(kind)}: {nearest(kind, get_args(PlaneKind))}")
    seed = checked_place("seed", seed, result.spec.seeds)
    if grid is not None:
        grid = whole("grid", grid, 2, MAX_GRID)
    run = result.run
    models = {
        label: result.at(label)
        for label in result.rules
        if not label.startswith(CONTROL) and run.diverged_at[seed, result.at(label)] < 0
    }
    if not models:
        raise SpecError("every rule diverged with this seed: there is no path to lay a plane by")
    tracks = {label: run.snapshots[:, seed, i].double() for label, i in models.items()}
    plane, about = _laid(result, kind, seed, tracks, ends)
    found = {label: plane.project(track) for label, track in tracks.items()}
    window = window_of(torch.cat([coordinates for coordinates, _ in found.values()]))
    grid, examples = _affordable(result, grid)
    loss = PlaneLoss(_training_loss(result, examples), plane)
    a, b, points = grid_of(window, grid)
    with torch.no_grad():
        values = loss(points).view(grid, grid).numpy()
    lines, note = _kinks(loss.loss, plane, window) if kinks else (None, "")
    return LossPlane(
        plane=plane,
        about=about,
        window=window,
        a=a,
        b=b,
        values=values,
        loss=loss,
        examples=len(loss.loss.inputs),
        paths={label: c.numpy() for label, (c, _) in found.items()},
        errors={label: e.numpy() for label, (_, e) in found.items()},
        kinks=lines,
        note=note,
        seed=result.spec.seed_numbers[seed],
    )


def _laid(
    result: TrainingResult,
    kind: PlaneKind,
    seed: int,
    tracks: dict[str, Tensor],
    ends: tuple[str, str] | None,
) -> tuple[Plane, str]:
    final = result.finals["train"]["loss"][seed]
    order = sorted(tracks, key=lambda label: final[result.at(label)])
    first, second = from_plain(
        tuple[str, str], ends or (order[0], order[min(1, len(order) - 1)]), "ends"
    )
    for label in (first, second):
        if label not in result.rules:
            raise SpecError(f"no rule is called {shown(label)}: {nearest(label, tracks)}")
        if label not in tracks:
            raise SpecError(
                f"{label} has no path to lay a plane by: it diverged with this seed, or is a "
                "matched control"
            )
    try:
        if kind == "pca":
            plane, share = pca_plane(torch.cat(list(tracks.values())))
            shares = " and ".join(f"{100 * float(s):.0f} %" for s in share)
            return plane, f"along the principal axes of all paths ({shares} of their variance)"
        if kind == "random":
            plane = random_plane(result.network, tracks[first][-1], result.spec.seed)
            return plane, f"along two random filter-normalised directions from the end of {first}"
        plane = line_plane(tracks[first][-1], tracks[second][-1], tracks[first][0])
        return plane, f"through the ends of {first} (0, 0) and {second} (1, 0) and the start"
    except ValueError as error:
        raise SpecError(str(error)) from None


def work_of(network: Network) -> float:
    """Return how many multiplications a plane through this network's parameters may take."""
    if not isinstance(network, MLP):
        return WORK["conv"]
    return WORK["mlp" if network.quantized else "affine"]


def _affordable(result: TrainingResult, grid: int | None) -> tuple[int, int]:
    """Points to a side, and over how many examples."""
    room = work_of(result.network) / multiplications(result.network)
    grids = GRIDS if grid is None else (grid,)
    grid = next((n for n in grids if n * n * FEW_EXAMPLES <= room), grids[-1])
    return grid, int(min(max(room / (grid * grid), FEW_EXAMPLES), LOSS_EXAMPLES))


def _training_loss(result: TrainingResult, examples: int) -> NetworkLoss:
    """The objective over at most so many training examples, evenly chosen, true labels."""
    part = result.data.train
    count = min(len(part), examples)
    chosen = np.linspace(0, len(part) - 1, count).round().astype(int)
    return NetworkLoss(
        result.network,
        torch.from_numpy(part.inputs[chosen]).double(),
        torch.from_numpy(part.targets[chosen]),
        result.problem.loss,
        result.spec.l1,
    )


def _kinks(loss: NetworkLoss, plane: Plane, window: Window) -> tuple[PlaneKinks | None, str]:
    examples = min(KINK_EXAMPLES, len(loss.inputs))
    spread = np.linspace(0, len(loss.inputs) - 1, examples).round().astype(int)
    some = NetworkLoss(loss.network, loss.inputs[spread], loss.targets[spread], loss.loss, loss.l1)
    try:
        found = plane_kinks(some, plane, window)
    except PlaneKinksError as error:
        return None, f"{error}."
    of = f"of {examples} of the {len(loss.inputs)} examples"
    return found, f"{found.note.removesuffix('.')}; {of}."


def plane_lgi(
    view: LossPlane,
    *,
    inside: bool = False,
    radius: float | None = None,
    num_probes: int = PROBES,
) -> dict[Kind, Array]:
    """Measure both estimators of LGI at every point of the grid, ``(n, n)`` each.

    They are NaN where the loss is not finite, at the point or at a probe.

    Args:
        view: The plane.
        inside: False: probes leave the plane in directions of the whole parameter space, as an
            optimizer's do; True: they stay in it, and see what the picture shows.
        radius: Of the probes, in units of the parameters; by default 0.01, and inside a hundredth
            of the window's width (in units of the coordinates).
        num_probes: Number k of directions, the same at every point, 2 to 1024.

    Raises:
        SpecError: If the radius or the number of probes is out of its range.
    """
    radius = None if radius is None else checked_radius(radius)
    check_enough_probes(whole("num_probes", num_probes, 1, MAX_PROBES))
    points, shape = view.grid_points, view.values.shape
    if inside:
        radius = radius or (view.a[-1] - view.a[0]) / 100
        u = directions(view.seed, 1, num_probes, 2)[0]
        found = streamed_lgi(view.loss, points, u, radius)
        return {kind: lgi.view(shape).numpy() for kind, lgi in found.items()}
    radius = radius or 0.01
    u = directions(view.seed, 1, num_probes, len(view.plane.origin))[0]
    here = torch.from_numpy(view.values).view(-1)

    def slopes(sign: int) -> Tensor:
        moved = (view.plane.shifted(sign * radius * way) for way in u)
        values = [PlaneLoss(view.loss.loss, plane)(points) for plane in moved]
        return (torch.stack(values) - here) / radius

    with torch.no_grad():
        forward, backward = slopes(1), slopes(-1)
        return {
            "one-sided": lgi_from_slopes(forward, None).view(shape).numpy(),
            "two-sided": lgi_from_slopes(forward, backward).view(shape).numpy(),
        }
