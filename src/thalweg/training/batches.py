"""Which rows a minibatch holds: a pure function of seed and step, so comparisons are paired."""

from functools import lru_cache

import numpy as np

__all__ = ["batch_rows", "steps_per_epoch"]


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the updates per pass over the data; an incomplete last batch is left out."""
    return max(1, examples // batch_size)


def batch_rows(seed: int, examples: int, batch_size: int, first: int, count: int) -> np.ndarray:
    """Return the rows of ``count`` consecutive minibatches, shape (count, batch_size), int32.

    Args:
        seed: Seed of the run, 0 or more.
        examples: Size of the training set.
        batch_size: Rows per minibatch, at most ``examples``.
        first: Number of updates already taken, 0 at the start.
        count: Number of minibatches.

    Every epoch is a fresh permutation; within it no row comes twice. Any part of the sequence can
    be asked for by itself and is always the same.
    """
    per_epoch = steps_per_epoch(examples, batch_size)
    last = first + count
    epochs = range(first // per_epoch, -(-last // per_epoch))
    rows = np.concatenate([_epoch(seed, examples, batch_size, epoch) for epoch in epochs])
    start = first - epochs.start * per_epoch
    return rows[start : start + count]


@lru_cache(maxsize=4096)
def _epoch(seed: int, examples: int, batch_size: int, epoch: int) -> np.ndarray:
    order = np.random.default_rng((seed, epoch)).permutation(examples).astype(np.int32)
    count = steps_per_epoch(examples, batch_size)
    return order[: count * batch_size].reshape(count, batch_size)
