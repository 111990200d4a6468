"""Bias strategies: output biases reproduce the marginal statistics of the targets."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import InvalidValueError
from thalweg.initializers import BIASES, ConstantBias, MarginalBias, OpenGates, ZeroBias

SKEWED = np.repeat([0, 1, 2, 3], [700, 200, 90, 10]).astype(np.int32)


def test_initial_cross_entropy_is_the_entropy_of_the_labels() -> None:
    bias = MarginalBias().fill(4, "classes", SKEWED)
    logits = torch.tensor(np.tile(bias.astype(np.float64), (len(SKEWED), 1)))
    loss = float(torch.nn.functional.cross_entropy(logits, torch.tensor(SKEWED.astype(np.int64))))
    # The loss is at its minimum there, so that float32's rounding of the biases enters squared.
    assert loss == pytest.approx(scipy.stats.entropy([700, 200, 90, 10]), abs=1e-6)
    zero = float(torch.nn.functional.cross_entropy(0 * logits, torch.tensor(SKEWED.astype(np.int64))))
    assert zero == pytest.approx(np.log(4))
    assert loss < zero - 0.5


@given(st.lists(st.integers(1, 500), min_size=2, max_size=12))
def test_softmax_of_the_biases_is_the_frequencies(counts: list[int]) -> None:
    bias = MarginalBias().fill(len(counts), "classes", np.repeat(np.arange(len(counts)), counts))
    np.testing.assert_allclose(scipy.special.softmax(bias), np.array(counts) / sum(counts), rtol=3e-6)


def test_empty_classes_count_as_a_part_of_an_example_and_others_stay_in_proportion() -> None:
    labels = np.array([0, 0, 0, 2])
    shares = scipy.special.softmax(MarginalBias().fill(4, "classes", labels).astype(np.float64))
    np.testing.assert_allclose(shares, np.array([3, 0.5, 1, 0.5]) / 5, rtol=1e-6)
    shares = scipy.special.softmax(MarginalBias(empty=0.01).fill(4, "classes", labels).astype(np.float64))
    np.testing.assert_allclose(shares, np.array([3, 0.01, 1, 0.01]) / 4.02, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.bool_])
def test_one_output_of_two_classes_gets_the_logit(dtype: type) -> None:
    labels = np.repeat([0, 1], [30, 70]).astype(dtype)
    (bias,) = MarginalBias().fill(1, "classes", labels)
    assert scipy.special.expit(bias) == pytest.approx(0.7, rel=1e-6)
    (bias,) = MarginalBias().fill(1, "classes", np.ones(99, dtype))
    assert scipy.special.expit(bias) == pytest.approx(99 / 99.5, rel=1e-6)


def test_labels_of_sequences_are_counted_over_all_steps() -> None:
    labels = SKEWED.reshape(100, 10)
    np.testing.assert_array_equal(MarginalBias().fill(4, "classes", labels), MarginalBias().fill(4, "classes", SKEWED))


def test_values_get_the_mean_and_the_loss_is_the_variance() -> None:
    targets = np.random.default_rng(0).normal(3, 2, 500)
    (bias,) = MarginalBias().fill(1, "values", targets)
    assert np.mean((targets - bias) ** 2) == pytest.approx(targets.var(), rel=1e-6)
    assert bias == pytest.approx(targets.mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [(40, 6), (40, 2, 3), (40, 5, 6)])
def test_several_values_get_a_mean_each(shape: tuple[int, ...]) -> None:
    targets = np.random.default_rng(0).normal(size=shape)
    expected = targets.reshape(-1, 6).mean(axis=0)
    np.testing.assert_allclose(MarginalBias().fill(6, "values", targets), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "output", "targets", "text"),
    [
        (3, "classes", None, "there are no training targets to take statistics of; leave 'marginal' out."),
        (3, "classes", np.zeros(0), "there are no training targets to take statistics of; leave 'marginal' out."),
        (3, "", SKEWED, "the task's output is '', and must be 'classes' or 'values' for 'marginal'; leave it out."),
        (3, "values", np.array([np.nan]), "the training targets are not all finite numbers; mend the data."),
        (3, "values", np.array(["a"]), "the training targets are not all finite numbers; mend the data."),
        (3, "classes", SKEWED, "the training targets are not all whole numbers in 0 … 2, one for each of 3 classes; "),
        (3, "classes", np.array([-1, 0]), "the training targets are not all whole numbers in 0 … 2"),
        (3, "classes", np.array([0.5, 0]), "the training targets are not all whole numbers in 0 … 2"),
        (3, "classes", np.array([1e300, 0]), "the training targets are not all whole numbers in 0 … 2"),
        (1, "classes", np.array([0, 2]), "the training targets are not all whole numbers in 0 … 1"),
        (3, "values", np.zeros((4, 2)), "training targets of shape 4 × 2 give no mean for each of 3 outputs; leave"),
    ],
)
def test_targets_that_do_not_fit_are_refused(size: int, output: str, targets: np.ndarray | None, text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        MarginalBias().fill(size, output, targets)
    assert str(caught.value).startswith(text)


def test_an_empty_class_cannot_count_as_nothing() -> None:
    with pytest.raises(InvalidValueError, match=r"marginal: empty = 0 is not allowed; give a number in \(0, inf\)"):
        MarginalBias(empty=0)


def test_constants_fill_the_array() -> None:
    assert ZeroBias().fill(3, "", None).tolist() == [0, 0, 0]
    assert ConstantBias().fill(2, "", None).tolist() == [np.float32(0.1)] * 2
    assert OpenGates(-2).fill(2, "", None).tolist() == [-2, -2]
    assert OpenGates().fill(1, "", None).tolist() == [1]


@pytest.mark.parametrize("kind", BIASES.values(), ids=lambda kind: kind.name)
def test_contract(kind: type) -> None:
    filled = kind().fill(3, "classes", np.array([0, 1, 2]))
    assert filled.shape == (3,)
    assert filled.dtype == np.float32
    assert kind.title
    assert kind.formula
    assert kind.sources
    assert set(kind.roles) <= {"hidden-bias", "output-bias", "gate-bias"}
