"""Data that is made: reproducible, cut in fair shares, standardised on the training examples."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscapes.data.datasets import DataError, DataSpec
from landscapes.data.loading import load
from landscapes.data.made_data import SOURCES, evenly, make

SMALL = {"digits": 300, "mnist1d": 100}


def spec(name, **more):
    return DataSpec(name, n=SMALL.get(name, 200), **more)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SOURCES))
def test_equal_specs_give_equal_arrays_and_other_seeds_others(name):
    one, two, other = load(spec(name)), load(spec(name)), load(spec(name, seed=1))
    for split in ("train", "validation", "test"):
        for part in ("inputs", "targets"):
            assert np.array_equal(getattr(one.split(split), part), getattr(two.split(split), part))
    assert not np.array_equal(one.train.inputs, other.train.inputs)


@pytest.mark.parametrize("name", list(SOURCES))
def test_the_parts_have_their_shares_of_every_class_and_training_is_standardised(name):
    data = load(spec(name, validation=0.2, test=0.3))
    n = SMALL.get(name, 200)
    sizes = [len(data.train), len(data.validation), len(data.test)]
    assert sum(sizes) == n
    assert sizes == pytest.approx([0.5 * n, 0.2 * n, 0.3 * n], abs=max(1, len(data.classes)))
    for i in range(len(data.classes)):
        each = [int((part.targets == i).sum()) for part in (data.train, data.validation, data.test)]
        assert each == pytest.approx(np.array([0.5, 0.2, 0.3]) * sum(each), abs=1)
    x = data.train.inputs
    changing = x.std(0) > 0
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(0)[changing], 1, rtol=1e-12)
    assert np.isfinite(x).all()
    assert data.num_outputs == (1 if len(data.classes) < 3 else 10)
    assert len(data.features) == data.input_shape[0]
    if not data.classes:
        assert data.train.targets.mean() == pytest.approx(0, abs=1e-12)
        assert data.train.targets.std() == pytest.approx(1)


def test_the_parts_are_disjoint_and_all_there_is():
    data = load(DataSpec("two-moons", n=100))
    parts = [{tuple(x) for x in part.inputs} for part in (data.train, data.validation, data.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 100


@pytest.mark.parametrize("name", ["two-moons", "circles"])
def test_shapes_are_those_of_scikit_learn(name):
    from sklearn import datasets

    theirs, labels = (
        datasets.make_moons(50, shuffle=False)
        if name == "two-moons"
        else datasets.make_circles(50, shuffle=False, factor=0.5)
    )
    ours, own = make(name, 50, 0)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert np.array_equal(own, labels)


def test_digits_are_the_bundled_ones_as_evenly_as_may_be():
    from sklearn.datasets import load_digits

    inputs, targets = make("digits", 1797, 0)
    assert np.array_equal(inputs, load_digits().data)
    assert np.array_equal(targets, load_digits().target)
    assert np.bincount(make("digits", 95, 3)[1]).tolist().count(10) == 5


def test_mnist1d_is_the_package_s_and_leaves_the_global_streams_alone():
    from mnist1d import data

    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    expected = np.random.random(), random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    make.cache_clear()
    inputs, targets = make("mnist1d", 50, 7)
    assert (np.random.random(), random.random()) == expected  # noqa: NPY002
    assert np.bincount(targets).tolist() == [5] * 10
    args = data.get_dataset_args()
    args.num_samples, args.train_split = 50, 1.0
    args.seed = int(np.random.default_rng([7, 101]).integers(2**32 - 1))
    theirs = data.make_dataset(args)
    assert np.array_equal(inputs, theirs["x"].reshape(50, -1))
    assert np.array_equal(targets, theirs["y"])


def test_the_sawtooth_has_its_kinks_and_slopes():
    x, y = make("sawtooth", 4000, 0)
    order = x[:, 0]
    slopes = np.diff(y) / np.diff(order)
    inside = np.abs(np.round(4 * order[:-1]) - np.round(4 * order[1:])) == 0
    same = np.floor(4 * order[:-1]) == np.floor(4 * order[1:])
    np.testing.assert_allclose(np.abs(slopes[same]), 4, rtol=1e-6)
    assert y.min() >= -0.5
    assert y.max() <= 0.5
    assert inside.any()


def test_spirals_and_xor_are_what_their_names_say():
    x, label = make("xor", 500, 0)
    assert np.array_equal(label == 1, np.prod(np.sign(x), 1) < 0)
    x, label = make("spirals", 500, 0)
    radius = np.hypot(*x.T)
    np.testing.assert_allclose(
        x, radius[:, None] * np.stack([np.cos(a := 3.5 * np.pi * radius + np.pi * label),
                                       np.sin(a)], 1), atol=1e-12
    )  # fmt: skip


def test_noise_has_the_stated_spread_on_inputs_or_a_regression_s_targets():
    clean, noisy = (
        load(DataSpec("xor", n=4000, noise=0.0)),
        load(DataSpec("xor", n=4000, noise=0.3)),
    )
    undo = [d.train.inputs * d.scale + d.mean for d in (clean, noisy)]
    assert (undo[1] - undo[0]).std() == pytest.approx(0.3, rel=0.03)
    clean, noisy = (load(DataSpec("sawtooth", n=4000, noise=s)) for s in (0.0, 0.3))
    assert np.array_equal(clean.train.inputs, noisy.train.inputs)
    undo = [d.train.targets * d.target_scale + d.target_mean for d in (clean, noisy)]
    assert (undo[1] - undo[0]).std() == pytest.approx(0.3, rel=0.05)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 60))
def test_evenly_takes_as_evenly_as_the_classes_allow(labels, n):
    labels = np.array(labels)
    kept = evenly(labels, n, np.random.default_rng(0))
    assert len(kept) == len(set(kept)) == min(n, len(labels))
    have, took = np.bincount(labels, minlength=5), np.bincount(labels[kept], minlength=5)
    for i in range(5):
        for j in range(5):  # none is more than one ahead of one that has some left
            assert took[i] <= took[j] + 1 or took[j] == have[j]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "moons"}, "no data set 'moons'"),
        ({"n": 7}, "Invalid n: 7, two-moons takes a number between 8 and 20000"),
        ({"name": "digits", "n": 1798}, "between 8 and 1797"),
        ({"noise": -1.0}, "Invalid noise: -1.0"),
        ({"noise": 1e308}, "Invalid noise: 1e+308, must lie between 0 and 1e+06"),
        ({"noise": float("nan")}, "Invalid noise: nan"),
        ({"validation": 1.0}, "Invalid validation: 1.0"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"seed": -1}, "Invalid seed: -1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(fields, said):
    with pytest.raises(DataError) as caught:
        DataSpec(**fields)
    assert said in str(caught.value)


def test_too_few_examples_for_a_share_are_refused():
    with pytest.raises(DataError, match=r"too few for a test share of 0\.01"):
        load(DataSpec(n=8, test=0.01))


@pytest.mark.parametrize("name", ["csv", "cifar100", "tiny-imagenet"])
def test_data_from_files_needs_a_path(name):
    with pytest.raises(DataError, match="give its path"):
        load(DataSpec(name))


def test_there_are_three_parts():
    with pytest.raises(ValueError, match="Invalid split: 'dev'"):
        load(DataSpec(n=20)).split("dev")
