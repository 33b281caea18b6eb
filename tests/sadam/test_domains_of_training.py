"""What a training refuses, and what it does at the edges of its domain."""

import math

import pytest
import torch

from sadam.probes import Probing
from sadam.rules import RULES, Adam, AdamW, SAdam
from sadam.training.trainer import train

F32, F64, NAN = torch.float32, torch.float64, math.nan
PAIR = torch.tensor([0.1, 0.2])


class Valley:
    """Two seeds of ``|x| + 2 |y|``; NaN where x is beyond ``wall``."""

    sizes, l1 = (2,), 0.0

    def __init__(self, wall=math.inf):
        self.wall = wall

    def init(self):
        return torch.tensor([[1.3, 0.4], [1.0, -2.0]], dtype=F64)

    def minibatch(self, step):
        return None

    def value(self, params, batch):
        value = params[..., 0].abs() + 2 * params[..., 1].abs()
        return torch.where(params[..., 0] > self.wall, NAN, value)

    def value_and_grad(self, params, batch):
        return self.value(params, batch), torch.sign(params) * torch.tensor([1.0, 2.0])

    def evaluate(self, params, split):
        return {"loss": self.value(params, split)}

    def unit_signs(self, params, batch):
        return (params > 0).unsqueeze(2)


def trained(rules=None, wall=math.inf, **options):
    given = {"steps": 4, "seeds": (0, 1), "evaluate": ("all",), **options}
    return train(Valley(wall), rules or {"it": Adam(0.1)}, **given)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"steps": 2.5}, "steps"),
        ({"steps": -1}, "steps"),
        ({"seeds": (-1, 0)}, "seed"),
        ({"seeds": (0.5, 0)}, "seed"),
        ({"observe_every": -1}, "observe_every"),
        ({"evaluate_every": 1.5}, "evaluate_every"),
        ({"num_snapshots": 0}, "num_snapshots"),
        ({"dtype": torch.int64}, "dtype"),
        ({"dtype": torch.complex64}, "dtype"),
        ({"schedule": torch.tensor([1.0, 1.0, 1.0, NAN])}, "schedule"),
        ({"rules": {"a": Adam(PAIR)}}, "lr"),
        ({"rules": {"a": SAdam(radius=PAIR)}}, "radius"),
        ({"observe": Probing(radius=PAIR)}, "radius"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(options, name):
    with pytest.raises(ValueError, match=f"^Invalid {name}: .* must be ") as caught:
        trained(**options)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("radius", [1.5e-45, 1e-30, 1e-20])
def test_a_radius_too_small_to_move_a_model_is_no_brake(dtype, radius):
    """In float32 its square vanished beside the flat loss, and 0 / 0 ended the run."""
    rules = {kind: SAdam(0.1, radius=radius, probes=kind) for kind in ("one-sided", "two-sided")}
    ours = trained({"free": AdamW(0.1), **rules}, dtype=dtype, observe_every=1)
    assert (ours.diverged_at == -1).all()
    assert (ours.lgi[..., 1:] == 0).all()
    assert torch.equal(ours.final[:, 1:], ours.final[:, :1].expand(2, 2, 2))
    assert (torch.stack([ours.lgi_one_sided, ours.lgi_two_sided]) == 0).all()


@pytest.mark.parametrize("dtype", [F32, F64])
def test_a_radius_whose_differences_cannot_be_squared_freezes_its_model_alone(dtype):
    rules = {"free": AdamW(0.1), "far": SAdam(0.1, radius=3.4e38)}
    ours, alone = trained(rules, dtype=dtype), trained({"free": AdamW(0.1)}, dtype=dtype)
    assert torch.equal(ours.final[:, 0], alone.final[:, 0])
    assert ours.diverged_at.tolist() == [[-1, 1 if dtype == F32 else -1]] * 2


@pytest.mark.parametrize("dtype", [F32, F64])
def test_the_least_and_the_largest_learning_rate(dtype):
    start = Valley().init().to(dtype)[:, None].expand(2, len(RULES), 2)
    still = trained({name: make(lr=5e-324) for name, make in RULES.items()}, dtype=dtype)
    assert torch.equal(still.final, start)
    assert (still.diverged_at == -1).all()
    wild = trained({name: make(lr=1e308) for name, make in RULES.items()}, dtype=dtype)
    assert torch.equal(wild.final, start)
    assert (wild.diverged_at == 1).all()
    assert wild.losses[1:].isnan().all()


def test_models_outside_are_frozen_and_marked_and_spoil_no_bit():
    rules = {"adam": Adam(0.1), "s-adam": SAdam(0.1, radius=0.05)}
    odd, clean = trained(rules, wall=1.2), trained(rules)
    assert odd.diverged_at.tolist() == [[0, 0], [-1, -1]]
    assert torch.equal(odd.final[0], Valley().init()[:1].expand(2, 2))
    assert odd.losses[:, 0].isnan().all()
    assert torch.equal(odd.final[1], clean.final[1])
    assert torch.equal(odd.losses[:, 1], clean.losses[:, 1])
    probed = trained(rules, wall=1.31)  # the starts are within, a probe is not
    assert probed.diverged_at.tolist() == [[-1, 1], [-1, -1]]
    measures = probed.measures
    assert not any(value.isnan().any() for value in measures.values())
    assert measures["tail_amplitude"].isinf().tolist() == [[False, True], [False, False]]


def test_runs_that_do_not_fit_are_not_joined():
    one, other = trained(), trained(steps=5)
    for run in (other, trained(seeds=(0, 1), steps=3)):
        with pytest.raises(ValueError, match=r"^Invalid other: . steps of 2 seeds, must"):
            one.beside(run)
    with pytest.raises(ValueError, match="monitored where this one is"):
        trained(monitor=0).beside(one)
    assert one.beside(trained(monitor=0)).flips is None
