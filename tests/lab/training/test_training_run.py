"""Running a training: the same numbers however it is run, its table, its words, its files."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from sadam.lab.codec import SpecError
from sadam.lab.compare.statistics import Estimate, medians
from sadam.lab.export import write_bundle
from sadam.lab.rulebook import make_rules
from sadam.lab.training import (
    Architecture,
    DataSpec,
    Training,
    iter_training,
    load_data,
    run_training,
    table,
)
from sadam.lab.training.report import training_arrays, training_bundle, training_tables
from sadam.lab.training.table import difference, results_table, sentence
from sadam.rules import AdamW, SAdam

SPEC = Training(
    data=DataSpec(n=120),
    network=Architecture(hidden=(6, 5)),
    batch_size=16,
    rules=make_rules(["adam", "prox-sgd", "s-adam", "s-adam-two-sided"], lr=0.02),
    lr_grid=(0.005, 0.05),
    seeds=3,
    steps=40,
)


@pytest.fixture(scope="module")
def result():
    return run_training(SPEC)


def test_the_same_spec_gives_the_same_numbers(result):
    again = run_training(Training.from_json(SPEC.to_json()))
    assert torch.equal(again.run.final, result.run.final)
    assert torch.equal(again.run.losses, result.run.losses)


def test_more_seeds_or_rules_change_nothing_of_a_model(result):
    few = replace(SPEC, rules=SPEC.rules[2:], lr_grid=(), seeds=2, matched_controls=False)
    alone = run_training(few)
    for label in ("s-adam", "s-adam-two-sided"):
        ours, theirs = alone.at(label), result.at(label)
        mine, all_of_it = alone.run.final[:, ours], result.run.final[:2, theirs]
        assert torch.allclose(mine, all_of_it, rtol=0, atol=1e-10)


def test_a_model_is_what_a_torch_net_would_be(result):
    part = result.data.test
    net = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    net.double()
    i = result.at("adam", 0.05)
    net.load_state_dict(result.network.unflatten(result.run.final[1, i]))
    logits = net(torch.from_numpy(part.inputs))[:, 0]
    right = (logits > 0) == torch.from_numpy(part.targets > 0)
    assert result.finals["test"]["accuracy"][1, i] == pytest.approx(float(right.double().mean()))
    loss = nn.functional.binary_cross_entropy_with_logits(
        logits, torch.from_numpy(part.targets).double()
    )
    assert result.finals["test"]["loss"][1, i] == pytest.approx(loss.item(), abs=1e-12)


def test_matched_controls_take_the_mean_step(result):
    for label in ("s-adam", "s-adam-two-sided"):
        control = result.rules[f"matched-{label}"]
        assert isinstance(control, AdamW)
        brake = result.run.brake[:, :, result.at(label)].mean(0)
        assert control.lr == pytest.approx(0.02 * float(np.median(brake.numpy())))
        assert control.lr * control.weight_decay == pytest.approx(0.02 * SAdam().weight_decay)
    spec = replace(SPEC, rules=(("adamw", result.rules["matched-s-adam"]),), lr_grid=())
    alone = run_training(spec)  # a control is trained as any rule
    i = result.at("matched-s-adam")
    assert torch.allclose(alone.run.final[:, 0], result.run.final[:, i], rtol=0, atol=1e-10)


def test_a_control_of_a_brake_that_lets_nothing_through_is_still_one():
    spec = Training(seeds=1, steps=2, rules=(("s-adam", SAdam(0.02, damping=1e308)),))
    assert run_training(spec).rules["matched-s-adam"].lr > 0


def test_a_brake_that_underflows_has_a_control_that_hardly_moves():
    rules = (("stuck", SAdam(0.02, damping=1e5)),)
    found = run_training(replace(SPEC, rules=rules, lr_grid=(), steps=3))
    assert found.run.brake[..., 0].max() == 0
    assert 0 < found.rules["matched-stuck"].lr < 1e-200


def test_a_control_that_is_among_the_rules_is_not_trained_again(result):
    rules = (*SPEC.rules[2:3], ("matched-s-adam", AdamW(0.001)))
    found = run_training(replace(SPEC, rules=rules, lr_grid=(), steps=5))
    assert list(found.rules) == ["s-adam", "matched-s-adam"]
    assert len(found.models) == found.run.final.shape[1] == 2


def test_the_best_learning_rate_has_the_least_validation_loss(result):
    final = result.finals["validation"]["loss"]
    for label, _ in SPEC.rules:
        places = result.tried(label)
        assert [result.models[i].lr for i in places] == [0.005, 0.02, 0.05]
        chosen = np.median(final, 0)[places]
        assert result.best(label) == places[int(chosen.argmin())]


def test_the_table_holds_medians_and_what_was_chosen(result):
    table = results_table(result)
    assert list(table["at"]) == ["own"] * 4 + ["best of grid"] * 4 + ["control"] * 2
    row = table[(table["rule"] == "s-adam") & (table["at"] == "own")].iloc[0]
    i = result.at("s-adam")
    test = result.finals["test"]["accuracy"][:, i]
    assert row["test_accuracy"] == np.median(test)
    assert row["low"] <= row["test_accuracy"] <= row["high"]
    assert test.min() <= row["low"]
    assert row["high"] <= test.max()
    assert row["evaluations"] == 40 * 4
    assert row["mean_brake"] == pytest.approx(float(result.run.brake[..., i].mean(0).median()))
    assert row["flips"] == pytest.approx(float(result.run.flips[..., i].mean(0).median()))
    best = table[table["at"] == "best of grid"]
    assert list(best["edge"]) == [lr in (0.005, 0.05) for lr in best["lr"]]
    assert (table["diverged"] == 0).all()


def test_a_difference_is_paired(result):
    i = result.at("adam")
    same = difference(result, i, i)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    other = result.at("prox-sgd")
    stated = result.finals["test"]["accuracy"]
    expected = medians(stated[:, i]) - medians(stated[:, other])
    assert difference(result, i, other).value == pytest.approx(float(expected))


def test_the_sentence_says_the_numbers(result):
    text = sentence(result)
    assert text.startswith("On the test set, each rule at its best learning rate, ")
    best = max(
        (float(np.median(result.finals["test"]["accuracy"][:, result.best(label)])), label)
        for label, _ in SPEC.rules
    )[0]
    assert f"the highest accuracy, {100 * best:.1f} % (median of 3 seeds)" in text
    assert text.count("matched control") == 2
    assert "**" not in text
    alone = run_training(replace(SPEC, seeds=1, lr_grid=(), steps=5, matched_controls=False))
    assert "one seed tells nothing of chance" in sentence(alone)


@pytest.mark.parametrize(
    ("bounds", "metric", "said"),
    [
        ((-0.02, -0.01), "accuracy", "the smaller step does better here"),
        ((0.01, 0.02), "accuracy", "braking by LGI does better here"),
        ((0.01, 0.02), "loss", "the smaller step does better here"),
        ((-0.02, -0.01), "loss", "braking by LGI does better here"),
        ((-0.01, 0.02), "accuracy", "braking by LGI cannot be told from a smaller step here"),
        ((-0.01, 0.0), "loss", "braking by LGI cannot be told from a smaller step here"),
    ],
)
def test_who_is_ahead_of_the_matched_control_is_said(result, monkeypatch, bounds, metric, said):
    found = Estimate(sum(bounds) / 2, *bounds)
    monkeypatch.setattr(table, "ENOUGH", SPEC.seeds)
    monkeypatch.setattr(table, "difference", lambda *_: found)
    monkeypatch.setattr(type(result), "metric", metric)
    assert sentence(result).count(f", so {said}.") == 2


def test_a_difference_of_nothing_has_no_sign(result, monkeypatch):
    monkeypatch.setattr(table, "ENOUGH", SPEC.seeds)
    monkeypatch.setattr(table, "difference", lambda *_: Estimate(0.0, 0.0, 0.01))
    assert "a difference of 0 points [0, +1], so braking by LGI cannot be told" in sentence(result)


def test_what_is_under_way_is_a_part_of_the_whole(result):
    seen, curves = [], []
    for progress in iter_training(SPEC):
        seen.append(progress.step)
        curves.append(progress.result())
        if progress.step >= 40:
            break
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert progress.steps == 80  # the controls are a training more
    part = curves[len(curves) // 2]
    n = part.run.steps
    assert torch.equal(part.run.losses, result.run.losses[:n, :, : len(part.models)])
    assert "Nothing has been trained" in sentence(curves[0])
    assert results_table(curves[0]).shape[0] == 8
    if n < 40:
        assert f"Stopped after {n} of 40 steps" in sentence(part)


def test_saying_no_stops_it():
    kept = run_training(replace(SPEC, steps=4000), lambda progress: progress.step < 100)
    assert 100 <= kept.run.steps < 1000
    assert not kept.complete
    assert len(kept.run.losses) == kept.run.steps


def test_a_rule_that_diverges_is_said_and_not_ranked():
    rules = make_rules(["adam", "sgd"], lr=0.02)
    rules = (rules[0], ("sgd", replace(rules[1][1], lr=1e200)))
    lost = run_training(replace(SPEC, rules=rules, lr_grid=(), steps=10))
    table = results_table(lost).set_index("rule")
    assert table.loc["sgd", "diverged"] == 3
    assert table.loc["sgd", "diverged_at"] == 1
    assert table.loc["sgd", "test_loss"] == math.inf
    text = sentence(lost)
    assert "SGD left the finite numbers in 3 of 3 seeds" in text
    assert "next is SGD" not in text
    assert training_bundle(lost).report.document["results"][1]["test_loss"] is None


def test_equal_medians_are_stated_as_equal():
    twice = (
        ("one", make_rules(["adam"], lr=0.02)[0][1]),
        ("two", make_rules(["adam"], lr=0.02)[0][1]),
    )
    rules = (*twice, ("still", make_rules(["sgd"], lr=1e-9)[0][1]))
    text = sentence(run_training(replace(SPEC, rules=rules, lr_grid=())))
    assert "one and two end with the highest accuracy" in text
    assert "next is still with" in text
    alone = sentence(run_training(replace(SPEC, rules=twice, lr_grid=(), seeds=6)))
    assert "one and two end with the highest accuracy" in alone
    assert "next is" not in alone
    assert "none of the 2 rules can be told from one" in alone
    once = sentence(run_training(replace(SPEC, rules=twice, lr_grid=(), seeds=1)))
    assert once.startswith("On the test set")
    assert "one seed tells nothing of chance" in once


def test_few_seeds_give_no_verdict():
    """Of three seeds one interval in four between equal rules leaves 0 out."""
    spec = replace(SPEC, seeds=3, steps=4, lr_grid=(), rules=make_rules(["adam", "s-adam"]))
    few = sentence(run_training(spec))
    assert (
        "3 seeds are too few to tell rules apart: of intervals between equal rules one in 4" in few
    )
    assert "matched control" in few
    for verdict in ("can be told", "cannot be told", "does better", "is better"):
        assert verdict not in few
    enough = sentence(run_training(replace(spec, seeds=6)))
    assert "too few" not in enough
    assert ", so " in enough


def test_a_regression_is_stated_in_its_loss():
    found = run_training(
        replace(SPEC, data=DataSpec("sawtooth", n=64), rules=SPEC.rules[:2], lr_grid=())
    )
    assert found.metric == "loss"
    assert "the lowest loss" in sentence(found)
    assert "accuracy" not in found.finals["test"]


def test_without_a_validation_set_training_is_followed():
    spec = replace(SPEC, data=DataSpec(n=80, validation=0.0), lr_grid=(), steps=5)
    found = run_training(spec)
    assert found.followed == "train"
    assert found.held_out == "test"


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, data=DataSpec("digits", n=200), steps=4, seeds=2,
                network=Architecture("conv", (3,), weight_bits=2, activation_bits=4)),
        replace(SPEC, label_noise=0.2, input_noise=0.1, l1=1e-3, steps=6, batch_size=None),
        replace(SPEC, dtype="float32", steps=6, schedule="cosine"),
    ],
)  # fmt: skip
def test_every_setting_trains(spec):
    found = run_training(spec)
    assert found.complete
    assert torch.isfinite(found.run.losses).all()
    assert np.isfinite(found.finals["test"]["loss"]).all()


def test_data_that_do_not_fit_are_one_sentence(tmp_path):
    with pytest.raises(SpecError, match="invalid batch_size: 500, must lie between 1 and the 60"):
        run_training(replace(SPEC, batch_size=500))
    with pytest.raises(SpecError, match=r"cannot be read|there is no"):
        load_data(Training(data=DataSpec("csv", path=str(tmp_path / "none.csv"))))
    file = tmp_path / "one.csv"
    file.write_text("x,y\n" + "1,a\n" * 20)
    with pytest.raises(SpecError, match="class"):
        load_data(Training(data=DataSpec("csv", path=str(file))))


def test_files_hold_what_was_recorded(result, tmp_path):
    write_bundle(training_bundle(result), tmp_path, ("parquet", "npz", "csv"))
    expected = {"models.parquet", "steps.parquet", "evaluations.csv", "parameters.npz"}
    assert expected <= {path.name for path in tmp_path.iterdir()}
    models = pd.read_parquet(tmp_path / "models.parquet")
    assert len(models) == 3 * len(result.models)
    i = result.at("s-adam", 0.05)
    mine = models[(models["rule"] == "s-adam") & (models["lr"] == 0.05)]
    assert mine["test_loss"].tolist() == result.finals["test"]["loss"][:, i].tolist()
    steps = pd.read_parquet(tmp_path / "steps.parquet")
    mine = steps[(steps["rule"] == "s-adam") & (steps["lr"] == 0.05) & (steps["seed"] == 2)]
    assert mine["minibatch_loss"].tolist() == result.run.losses[:, 2, i].tolist()
    assert mine["brake"].tolist() == result.run.brake[:, 2, i].tolist()
    assert steps[steps["rule"] == "adam"]["lgi"].isna().all()
    spec = json.loads(pq.read_schema(tmp_path / "steps.parquet").metadata[b"sadam.spec"])
    assert Training.from_dict(spec) == SPEC
    with np.load(tmp_path / "parameters.npz") as arrays:
        assert np.array_equal(arrays["final"], result.run.final.numpy())
        assert arrays["snapshots"].shape[1:] == (3, len(result.models), 6 * 3 + 5 * 7 + 6)
    assert json.loads((tmp_path / "results.json").read_text())["sentence"] == sentence(result)
    assert set(training_arrays(result)) >= {"rules", "lr", "seeds", "sizes"}
    assert training_tables(result)["instability"].num_rows == 3 * 40 * len(result.models)
