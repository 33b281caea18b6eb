"""Networks in a comparison: the line that says one, and runs held to trainings of the same spec."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sadam.lab.cli as cli
from sadam.lab.codec import SpecError
from sadam.lab.compare import networks, tables
from sadam.lab.compare.blocks import compute, joined, plan
from sadam.lab.compare.files import compare_figures
from sadam.lab.compare.grids import Axis
from sadam.lab.compare.networks import READY, canonical, network_of, title_of_network
from sadam.lab.compare.problems import Problem, Starts, problems_of
from sadam.lab.compare.races import race_behind, race_of_cell, typical_run
from sadam.lab.compare.report import about, headline, readable_table
from sadam.lab.compare.run import iter_compare, load_results, run_compare
from sadam.lab.compare.scheduler import on_processes
from sadam.lab.compare.spec import Compare, estimate
from sadam.lab.compare.training_lanes import train_lanes
from sadam.lab.kinds import load
from sadam.lab.rulebook import make_rules
from sadam.lab.training import Training, run_training
from sadam.lab.training.run import PROBE_STREAM, problem_of
from sadam.rules import SGD, Adam, AdamW
from sadam.schedules import SCHEDULES
from sadam.training.trainer import train

MOONS = "net: two-moons; hidden = 5,3; batch = 16; n = 64"
SAW = "net: sawtooth; hidden = 8; batch = all; n = 32"
OURS = "s-adam-two-sided"


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("sadam.lab.compare.results.RESAMPLES", 100)


@pytest.fixture(scope="module")
def nets():
    return Compare(
        problems=problems_of(("l1", MOONS, SAW)),
        rules=make_rules(("adam", OURS)),
        lrs=(0.01, 0.1),
        schedules=("constant", "cosine"),
        axes=(Axis("damping", (0.0, 8.0)),),
        starts=Starts("own"),
        seeds=3,
        steps=24,
    )


@pytest.fixture(scope="module")
def found(nets):
    return run_compare(nets)


def rows_of(frame, **wanted):
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    return frame


# ---- the line


@pytest.mark.parametrize("name", [*READY, MOONS, SAW])
def test_a_network_has_one_way_of_being_written(name):
    assert canonical(name) == name
    spoken = "net:" + name.removeprefix("net:").replace(" ", "") + "; dtype = float64"
    assert canonical(spoken) == name
    assert network_of(spoken) == network_of(name)
    (problem,) = problems_of((spoken,))
    assert problem == Problem(name, None)
    assert title_of_network(name)


@given(
    hidden=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    batch=st.integers(1, 32) | st.just("all"),
    bits=st.sampled_from([2, 3, 4, 8]),
    noise=st.floats(0, 1),
    activation=st.sampled_from(["relu", "tanh", "hard-tanh"]),
)
@settings(max_examples=20)
def test_every_option_reaches_the_training(hidden, batch, bits, noise, activation):
    widths = ",".join(map(str, hidden))
    name = (
        f"net: circles; n = 64; data_seed = 2; batch = {batch}; label_noise = {noise!r}; "
        f"activation = {activation}; hidden = {widths}; activation_bits = {bits}; loss = squared"
    )
    spec = network_of(name)
    assert (spec.data.name, spec.data.n, spec.data.seed) == ("circles", 64, 2)
    assert spec.network.hidden == tuple(hidden)
    assert (spec.network.activation, spec.network.activation_bits) == (activation, bits)
    assert spec.batch_size == (None if batch == "all" else batch)
    assert (spec.label_noise, spec.loss) == (noise, "squared")
    assert network_of(canonical(name)) == spec


WRONG = [
    ("", "a network begins with its data"),
    ("moons", "did you mean 'two-moons'?"),
    ("csv", "csv is read from a file, which a comparison does not carry"),
    ("two-moons; hiden = 3", "no option 'hiden': did you mean 'hidden'?"),
    ("two-moons; hidden", "must look like hidden = VALUE"),
    ("two-moons; hidden =", "must look like hidden = VALUE"),
    ("two-moons; hidden = a", "hidden must be a whole number"),
    ("two-moons; hidden = 3; hidden = 4", "hidden stands twice"),
    ("digits; hidden = 3; channels = 4", "give one of them"),
    ("two-moons; channels = 4", "a convolution needs images"),
    ("two-moons; hidden = 500", "must lie between 1 and 128"),
    ("two-moons; batch = 9999", "the 256 training examples"),
    ("two-moons; weight_bits = 5", "must be one of (8, 4, 3, 2)"),
    ("two-moons; n = 3", "takes a number between 8 and 20000"),
    ("two-moons; activation = gelu", "invalid activation: 'gelu'"),
    ("two-moons; dtype = int8", "dtype cannot be 'int8'"),
    ("two-moons; label_noise = nan", "label_noise must be a finite number"),
    ("sawtooth; loss = cross-entropy", "has no classes"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_no_network_is_said_in_one_sentence(text, told, capsys):
    assert cli.main(["compare", "--net", text]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_networks_have_one_start_for_each_seed(nets):
    for starts in (Starts("grid", 3), Starts("random", 2)):
        with pytest.raises(SpecError, match="networks have one start for each seed"):
            replace(nets, starts=starts)
    replace(nets, starts=Starts("random", 1))
    with pytest.raises(SpecError, match="whose weights its seeds draw"):
        problems_of((MOONS,), {MOONS: (0.0, 1.0)})
    with pytest.raises(SpecError, match="must be null"):
        replace(nets, problems=(Problem(MOONS, (0.0, 1.0)),))
    with pytest.raises(SpecError, match="l1 has no start"):
        replace(nets, problems=(Problem("l1", None),))
    with pytest.raises(SpecError, match="is named twice"):
        replace(nets, problems=(Problem(MOONS, None), Problem(MOONS.replace(" ", ""), None)))
    with pytest.raises(SpecError, match="multiplications, but at most 1e"):
        replace(nets, problems=problems_of(("net: digits; hidden = 128,128,128",)), steps=20000,
                seeds=1024)  # fmt: skip


def test_a_spec_with_networks_goes_to_json_and_to_a_command_and_back(nets, capsys):
    assert load(nets.to_json()) == nets
    words = shlex.split(nets.to_command())[3:]
    assert cli.main([*words, "--estimate", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Compare.from_dict(said["spec"]) == nets
    cost = estimate(nets)
    assert said["multiplications"] == cost.multiplications > 0
    alone = replace(nets, problems=problems_of(("l1",)))
    assert estimate(alone).multiplications == 0


# ---- runs


@pytest.mark.parametrize("label", ["adam", OURS])
@pytest.mark.parametrize("name", [MOONS, SAW])
def test_a_run_is_the_training_of_the_same_spec(nets, found, name, label):
    training = replace(
        network_of(name),
        rules=tuple((n, replace(r, lr=0.1)) for n, r in nets.rules),
        seeds=nets.seeds,
        steps=nets.steps,
        schedule="cosine",
        matched_controls=False,
    )
    result = run_training(training)
    place = result.at(label)
    rows = rows_of(found.frame, landscape=name, schedule="cosine", rule=label, lr=0.1,
                   configuration=0).sort_values("seed")  # fmt: skip
    brake = result.run.brake[:, :, place].mean(0)
    np.testing.assert_allclose(rows["mean_brake"], brake, rtol=1e-12)
    # The loss after every step, by stopping there.
    losses = []
    for step in (0, nets.steps - 1, nets.steps):
        if step == 0:
            params = result.problem.init()[:, None]
            losses.append(result.problem.evaluate(params, "train")["loss"][:, 0])
        else:
            losses.append(_loss_after(result, label, step))
    np.testing.assert_allclose(losses[2], result.finals["train"]["loss"][:, place], rtol=0)
    np.testing.assert_allclose(rows["final_gap"], np.stack(losses[1:]).mean(0), rtol=1e-15)
    assert (rows["best_gap"] <= rows["final_gap"]).all()
    met = rows["final_gap"].to_numpy() <= 1e-3 * losses[0].numpy()
    assert (rows["outcome"].astype(str) == np.where(met, "target met", "elsewhere")).all()


def _loss_after(result, label, step):
    run = train(
        result.problem,
        {label: result.rules[label]},
        steps=step,
        seeds=[PROBE_STREAM + seed for seed in result.spec.seed_numbers],
        schedule=SCHEDULES[result.spec.schedule](result.spec.steps)[:step],
    )
    return result.problem.evaluate(run.final, "train")["loss"][:, 0]


@pytest.mark.slow
def test_targets_are_met_where_the_recorded_loss_says_so():
    """Held to plain gradient descent, the loss looked at after every step."""
    outcome, start = train_lanes(SAW, SGD(lr=0.3), [4, 7], steps=40, schedule="constant",
                                 shares=(0.9, 0.5, 1e-9))  # fmt: skip
    spec = network_of(SAW)
    problem = problem_of(spec, networks.data_of(spec.data), [4, 7])
    rule = SGD(lr=0.3)
    x, v = problem.init()[:, None], 0.0
    losses = [problem.evaluate(x, "train")["loss"][:, 0]]
    for step in range(40):
        grad = problem.value_and_grad(x, problem.minibatch(step))[1]
        v = rule.momentum * v + grad
        x = x - 0.3 * v
        losses.append(problem.evaluate(x, "train")["loss"][:, 0])
    path = torch.stack(losses)
    torch.testing.assert_close(start, path[0])
    torch.testing.assert_close(outcome.best_gap, path.amin(0))
    torch.testing.assert_close(outcome.final_gap, torch.tensor(np.median(path[-4:], 0)))
    for hits, share in zip(outcome.hits, (0.9, 0.5, 1e-9), strict=True):
        below = path <= share * path[0]
        first = torch.where(below.any(0), below.int().argmax(0), -1)
        assert hits.tolist() == first.tolist()


@pytest.mark.slow
def test_batched_equals_looped():
    lrs = torch.tensor([0.01, 0.05, 0.05, 0.2, 0.01], dtype=torch.float64)
    seeds = [3, 3, 1, 1, 8]
    how = {"steps": 30, "schedule": "inverse-sqrt", "shares": (0.5,)}
    rule = make_rules((OURS,))[0][1]
    whole, start = train_lanes(MOONS, replace(rule, lr=lrs), seeds, **how)
    for i, seed in enumerate(seeds):
        one, own = train_lanes(MOONS, replace(rule, lr=float(lrs[i])), [seed], **how)
        for name in ("final_gap", "best_gap", "mean_brake"):
            torch.testing.assert_close(
                getattr(one, name)[0], getattr(whole, name)[i], rtol=1e-9, atol=0
            )
        assert one.hits[0, 0] == whole.hits[0, i]
        torch.testing.assert_close(own[0], start[i])


def test_a_run_that_diverges_counts_as_infinite():
    lr = torch.tensor([0.05, 1e200], dtype=torch.float64)
    how = {"steps": 12, "schedule": "constant", "shares": (0.5,)}
    outcome, start = train_lanes(SAW, SGD(lr=lr), [0, 0], **how)
    assert outcome.diverged_at[0] == -1
    assert 0 < outcome.diverged_at[1] <= 12
    assert outcome.final_gap[1] == np.inf
    assert outcome.best_gap[1] <= start[1] == start[0]
    last, _ = train_lanes(
        SAW, SGD(lr=1e300), [0], **how | {"steps": 1}
    )  # only its end is not finite
    assert last.diverged_at.tolist() == [1]
    assert last.final_gap.tolist() == [np.inf]


def test_a_control_is_adamw_with_the_mean_step_of_the_same_run(nets, found):
    frame = rows_of(found.frame, landscape=MOONS, schedule="constant")
    ours = rows_of(frame, rule=OURS, configuration=0)
    controls = rows_of(frame, rule="matched-" + OURS)
    assert len(ours) == len(controls) == len(nets.lrs) * nets.seeds
    of = dict(nets.rules)[OURS]
    for one, control in zip(ours.to_dict("records"), controls.to_dict("records"), strict=True):
        assert (one["lr"], one["seed"]) == (control["lr"], control["seed"])
        brake = one["mean_brake"]  # which reduces the steps, not the decay of the weights
        rule = AdamW(one["lr"] * brake, of.betas, of.eps, of.weight_decay / brake)
        again, _ = train_lanes(MOONS, rule, [one["seed"]], steps=nets.steps, schedule="constant",
                               shares=nets.targets)  # fmt: skip
        assert control["final_gap"] == pytest.approx(float(again.final_gap[0]), rel=1e-9)


# ---- blocks


@pytest.mark.slow
def test_blocks_of_networks_do_not_depend_on_the_size_of_blocks(nets, monkeypatch):
    for size in (1, 7, 4096):
        blocks = [block for block in plan(nets, size) if block.problem.is_network]
        assert blocks == [block for block in plan(nets) if block.problem.is_network]
    monkeypatch.setattr(networks, "MOST_LANES", 7)
    small = [block for block in plan(nets) if block.problem.landscape == MOONS]
    assert all(block.first % nets.seeds == block.last % nets.seeds == 0 for block in small)
    assert max(block.last - block.first for block in small) == 6
    monkeypatch.setattr(networks, "MOST_LANES", 2)  # fewer than there are seeds
    cut = [block for block in plan(nets) if block.problem.landscape == MOONS]
    assert max(block.last - block.first for block in cut) == 2
    pieces = joined([compute(nets, block) for block in cut]).to_pandas()
    monkeypatch.undo()
    whole = joined([compute(nets, b) for b in plan(nets) if b.problem.landscape == MOONS])
    order = ["schedule", "rule", "configuration", "lr", "seed"]
    one, other = (
        frame.astype({"schedule": str, "rule": str}).sort_values(order)["final_gap"].to_numpy()
        for frame in (pieces, whole.to_pandas())
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.slow
def test_processes_find_the_same_bits_and_a_directory_goes_on(nets, found, tmp_path):
    spec = replace(nets, problems=problems_of((SAW,)), axes=(), schedules=("constant",))
    numbers = range(len(plan(spec)))
    tables_there = dict(on_processes(spec, numbers, 2))
    steps = iter_compare(spec, tmp_path)
    while next(steps).done < 1:
        pass
    steps.close()
    for progress in iter_compare(spec, tmp_path):
        assert progress.done >= 1
    here = load_results(tmp_path).frame
    assert joined([tables_there[i] for i in numbers]).to_pandas().equals(here)
    alone = rows_of(found.frame, landscape=SAW, schedule="constant", configuration=0)
    assert (alone["final_gap"].to_numpy() == here["final_gap"].to_numpy()).all()


# ---- what is made of it


def test_everything_downstream_speaks_of_networks(nets, found, capsys):
    assert found.problems == ("l1", MOONS, SAW)
    frame = rows_of(found.frame, landscape=MOONS)
    assert frame[["x", "y", "x0", "y0"]].isna().all(axis=None)
    assert not found.frame[found.frame["landscape"] == "l1"]["x0"].isna().any()
    assert headline(found).startswith("On 3 problems, ")
    assert "the seed draws weights" in about(found)
    assert len(readable_table(found)[1]) == 6
    figures = compare_figures(found)
    assert f"map-cosine-{MOONS}-0" in figures
    assert not any(name.startswith("basins") for name in figures)
    titles = [note.text for note in figures["sensitivity-constant"].layout.annotations]
    assert titles[1].startswith("Two moons<br>MLP 5-3, ")
    only = run_compare(replace(nets, problems=nets.problems[1:2], axes=(), rules=nets.rules[:1]))
    assert headline(only).endswith(
        f"ends at a training loss of {only.tuned(MOONS, 'constant', 'adam').gap:.3g}."
    )
    assert "f*" not in about(only)


def test_a_rule_against_itself_ties(nets):
    twins = (("adam", Adam()), ("twin", Adam()))
    results = run_compare(replace(nets, rules=twins, axes=(), problems=problems_of((MOONS, SAW))))
    assert (tables.verdicts(results, "cosine")[..., 1] == 2).all()
    ratios = tables.ratios(results)
    assert set(ratios[ratios["against"] == "same"]["ratio"]) == {1.0}


def test_the_training_behind_a_cell_ends_where_the_cell_says(nets, found):
    run = typical_run(found, MOONS, "constant", OURS)
    labels = ("adam", OURS, "matched-" + OURS)
    training = race_behind(found, MOONS, "constant", labels, run)
    assert isinstance(training, Training)
    result = run_training(training)
    at = result.run.evaluated_at.tolist()
    assert at[-1] == nets.steps
    for label in labels:
        rate = found.tuned(MOONS, "constant", label).rate
        end = result.finals["train"]["loss"][0, result.at(label)]
        before = _loss_after(result, label, nets.steps - 1)[0]
        # Two losses are recorded in the last tenth: the median is between them.
        found_there = found.column(MOONS, "constant", label, "final_gap")[rate, run]
        assert found_there == pytest.approx((end + float(before)) / 2, rel=1e-9)
    cell = race_of_cell(found, OURS, MOONS, "constant", "lr", "damping", (0.1, 8.0))
    ((label, rule),) = cell.rules
    assert (label, rule.lr, rule.damping) == (OURS, 0.1, 8.0)
    assert cell.to_command().startswith("python -m sadam train --dataset two-moons")
