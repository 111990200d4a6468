"""Minibatches are a pure function of seed and step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thalweg.training.batches import batch_rows, steps_per_epoch


@given(
    examples=st.integers(1, 60),
    batch=st.integers(1, 60),
    seed=st.integers(0, 2**31 - 1),
    first=st.integers(0, 200),
    count=st.integers(1, 50),
)
def test_any_part_of_the_sequence_is_the_same_as_in_the_whole(examples, batch, seed, first, count):
    batch = min(batch, examples)
    whole = batch_rows(seed, examples, batch, 0, first + count)
    part = batch_rows(seed, examples, batch, first, count)
    assert part.shape == (count, batch)
    np.testing.assert_array_equal(part, whole[first:])


def test_no_row_comes_twice_within_an_epoch_and_epochs_differ():
    per_epoch = steps_per_epoch(100, 32)
    epochs = batch_rows(7, 100, 32, 0, 5 * per_epoch).reshape(5, -1)
    assert per_epoch == 3
    assert all(len(set(epoch)) == 96 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5
    assert set(np.concatenate(epochs)) == set(range(100))


def test_seeds_give_different_orders():
    assert not np.array_equal(batch_rows(0, 50, 10, 0, 5), batch_rows(1, 50, 10, 0, 5))


def test_every_row_is_as_likely_in_every_place():
    first = np.array([batch_rows(seed, 10, 1, 0, 1)[0, 0] for seed in range(4000)])
    counts = np.bincount(first, minlength=10)
    # Chi-squared with 9 degrees of freedom exceeds 33.7 with probability 1e-4; the seeds are fixed.
    assert ((counts - 400) ** 2 / 400).sum() < 33.7
