"""Sampling of minibatches and their growth."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.techniques import SAMPLINGS, accumulation, growth_multipliers, sample_rows


@pytest.mark.parametrize(("examples", "batch"), [(10, 3), (12, 4), (7, 7), (5, 1)])
def test_shuffled_is_the_order_that_runs_have_always_had(examples: int, batch: int) -> None:
    per_epoch = examples // batch
    for seed in (0, 3):
        orders = [np.random.default_rng((seed, epoch)).permutation(examples) for epoch in range(12)]
        literal = [order[k * batch : (k + 1) * batch] for order in orders for k in range(per_epoch)]
        for first, count in ((0, 9), (4, 3), (11, 1)):
            got = sample_rows("shuffled", seed, examples, batch, first, count)
            assert got.dtype == np.int32
            np.testing.assert_array_equal(got, literal[first : first + count])


@given(
    kind=st.sampled_from(SAMPLINGS),
    examples=st.integers(1, 20),
    share=st.floats(0.01, 1.0),
    first=st.integers(0, 30),
    count=st.integers(1, 12),
)
def test_any_window_is_the_same_part(kind: str, examples: int, share: float, first: int, count: int) -> None:
    batch = max(1, int(share * examples))
    whole = sample_rows(kind, 5, examples, batch, 0, first + count)
    part = sample_rows(kind, 5, examples, batch, first, count)
    assert part.shape == (count, batch)
    assert part.dtype == np.int32
    np.testing.assert_array_equal(part, whole[first:])
    assert whole.min() >= 0
    assert whole.max() < examples


def test_no_minibatches_are_no_rows() -> None:
    assert sample_rows("shuffled", 0, 10, 3, 6, 0).shape == (0, 3)


def test_sequential_is_torch_without_shuffling() -> None:
    loader = torch.utils.data.DataLoader(torch.arange(10), batch_size=3, drop_last=True)
    epoch = np.stack([batch.numpy() for batch in loader])
    np.testing.assert_array_equal(sample_rows("sequential", 1, 10, 3, 0, 6), np.concatenate([epoch, epoch]))


def test_replacement_is_uniform_and_independent() -> None:
    rows = sample_rows("replacement", 2, 20, 10, 0, 4000)
    counts = np.bincount(rows.ravel(), minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-3
    doubled = np.mean([len(set(row)) < 10 for row in rows])
    chance = 1 - np.prod(1 - np.arange(10) / 20)  # birthdays
    assert abs(doubled - chance) < 4 * np.sqrt(chance * (1 - chance) / 4000)
    assert not np.array_equal(rows[:2], rows[2:4])
    assert not np.array_equal(rows[:2], sample_rows("replacement", 3, 20, 10, 0, 2))


@pytest.mark.parametrize("batch", [0, 11])
def test_a_batch_larger_than_the_data_is_refused(batch: int) -> None:
    with pytest.raises(InvalidValueError) as caught:
        sample_rows("replacement", 0, 10, batch, 0, 1)
    assert str(caught.value) == (
        f"batch size {batch} is not allowed with 10 training examples; give a whole number in [1, 10]."
    )


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="sampling 'replacemant' is not known: did you mean 'replacement'"):
        sample_rows("replacemant", 0, 10, 2, 0, 1)


def test_multipliers_are_reciprocals_rounded_with_halves_up() -> None:
    factors = np.array([1.0, 0.8, 2 / 3, 0.5, 0.4, 0.2, 0.01, 0.0])
    assert growth_multipliers(factors, 30).tolist() == [1, 1, 2, 2, 3, 5, 30, 30]
    assert growth_multipliers(factors, 1).tolist() == [1] * 8


@pytest.mark.parametrize(("wrong", "shown"), [(1.2, "1.2"), (-0.1, "-0.1"), (np.nan, "nan")])
def test_factors_of_no_decay_are_refused(wrong: float, shown: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        growth_multipliers(np.array([1.0, wrong]), 8)
    assert str(caught.value) == (
        f"growth: the schedule's factor at step 2 is {shown}, and a batch can grow only as a rate decays; give a "
        "schedule whose factors lie in [0, 1]."
    )
    with pytest.raises(InvalidValueError, match="most = 0 is not allowed"):
        growth_multipliers(np.array([1.0]), 0)


def literal_groups(multipliers: list[int], ticks: int) -> list[list[int]]:
    groups, group, size = [], [], 0
    for tick in range(ticks):
        if not group:
            size = multipliers[tick]
        group.append(tick)
        if len(group) == size or tick == ticks - 1:
            groups.append(group)
            group = []
    return groups


@given(multipliers=st.lists(st.integers(1, 7), min_size=1, max_size=40), spare=st.integers(0, 3))
def test_every_minibatch_is_in_one_update(multipliers: list[int], spare: int) -> None:
    ticks = max(1, len(multipliers) - spare)
    fires, weight = accumulation(np.array(multipliers), ticks)
    assert fires.dtype == bool
    groups = literal_groups(multipliers, ticks)
    np.testing.assert_array_equal(np.flatnonzero(fires), [group[-1] for group in groups])
    for group in groups:
        np.testing.assert_allclose(weight[group], 1 / len(group), rtol=1e-15)


def test_an_unfinished_group_counts_with_its_own_size() -> None:
    fires, weight = accumulation(np.full(5, 3), 5)
    assert fires.tolist() == [False, False, True, False, True]
    np.testing.assert_allclose(weight, [1 / 3] * 3 + [1 / 2] * 2)


def test_accumulated_gradients_are_those_of_the_large_batch() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(24, 3)), rng.normal(size=24)

    def gradient(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return features[rows].T @ (features[rows] @ x - targets[rows]) / len(rows)

    multipliers = np.array([1, 2, 2, 3, 3, 3])
    small = sample_rows("sequential", 0, 24, 4, 0, 6)
    x, mean = np.zeros(3), np.zeros(3)
    for rows, fires, weight in zip(small, *accumulation(multipliers, 6), strict=True):
        mean += weight * gradient(x, rows)
        if fires:
            x, mean = x - 0.1 * mean, np.zeros(3)
    large = np.zeros(3)
    for rows in (np.arange(4), np.arange(4, 12), np.arange(12, 24)):
        large = large - 0.1 * gradient(large, rows)
    np.testing.assert_allclose(x, large, rtol=1e-12)


def test_wrong_multipliers_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="multipliers: 2 are given for 3 minibatches; give one for each"):
        accumulation(np.ones(2), 3)
    for wrong in (0, 1.5, np.nan):
        with pytest.raises(InvalidValueError, match="is not allowed; give whole numbers of at least 1"):
            accumulation(np.array([1, wrong]), 2)
