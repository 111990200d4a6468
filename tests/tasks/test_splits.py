"""Splits: fixed, even, and scaled by the training rows alone."""

import numpy as np
import pytest

from thalweg.errors import TaskError
from thalweg.tasks import Data, split, standardize
from thalweg.tasks.split import permutation


def rows(count=100):
    return {"x": np.arange(count, dtype=np.float64)[:, None] * [1.0, -2.0], "y": np.arange(count) % 3}


def parts(data):
    return (data.train, data.validation, data.test)


def test_every_row_goes_somewhere_once_and_rows_stay_together():
    data = split(rows(101), (0.5, 0.3, 0.2), seed=3, stratify="y")
    order = np.concatenate([part["x"][:, 0] for part in parts(data)])
    assert sorted(order) == list(range(101))
    for part in parts(data):
        assert (part["x"][:, 0] % 3 == part["y"]).all()
        assert (part["x"][:, 1] == -2 * part["x"][:, 0]).all()
    assert [len(part["y"]) for part in parts(data)] == [51, 30, 20]


def test_rows_are_shuffled_and_the_seed_decides_how():
    first, again, other = (split(rows(), seed=seed).train["x"][:, 0] for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert (np.diff(first) < 0).mean() == pytest.approx(0.5, abs=0.2)  # a shuffled row falls as often as it rises


def test_classes_are_spread_and_not_sorted():
    data = split(rows(300), stratify="y")
    for part, expected in zip(parts(data), (60, 20, 20), strict=True):
        assert np.bincount(part["y"]).tolist() == [expected] * 3
    assert (np.diff(data.train["y"]) < 0).sum() > 30


def test_numbers_can_be_spread_too():
    price = np.random.default_rng(0).lognormal(size=500)
    means = [part["y"].mean() for part in parts(split({"y": price}, stratify="y"))]
    assert np.ptp(means) < 0.1  # without spreading, the means of 100 rows differ by 0.2 and more


def test_permutation_is_fixed_for_good():
    assert permutation(8, 0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_fractions_must_be_three_positive_numbers_of_sum_one(fractions):
    with pytest.raises(TaskError, match="three positive numbers of sum 1"):
        split(rows(), fractions)


def test_other_misuse_is_said():
    with pytest.raises(TaskError, match="one length"):
        split({"x": np.zeros(3), "y": np.zeros(4)})
    with pytest.raises(TaskError, match="none of the arrays; give one of x, y"):
        split(rows(), stratify="z")
    with pytest.raises(TaskError, match="give more rows"):
        split(rows(2))
    with pytest.raises(TaskError, match="at least one array"):
        split({})


def test_scaling_uses_the_training_rows_only():
    train, other = {"x": np.array([[0.0, 7.0], [4.0, 7.0]])}, {"x": np.array([[8.0, 8.0]])}
    scaled = standardize(Data(train, other, other))
    assert scaled.train["x"].tolist() == [[-1, 0], [1, 0]]
    assert scaled.test["x"].tolist() == [[3, 1]]  # a constant feature is shifted, not divided by 0
    assert scaled.test["x"].dtype == np.float32


def test_common_scaling_keeps_the_features_relative_sizes():
    train = {"x": np.array([[0.0, 0.0], [2.0, 6.0]])}
    x = standardize(Data(train, train, train), scale="all").train["x"]
    assert x[1, 1] / x[1, 0] == pytest.approx(3)
    assert np.mean(x**2) == pytest.approx(1)
