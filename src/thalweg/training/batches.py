"""Which rows a minibatch holds: a pure function of seed and step, so comparisons are paired."""

import numpy as np

from thalweg.techniques import sample_rows

__all__ = ["batch_rows", "steps_per_epoch"]


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the updates per pass over the data; an incomplete last batch is left out."""
    return max(1, examples // batch_size)


def batch_rows(
    seed: int, examples: int, batch_size: int, first: int, count: int, sampling: str = "shuffled"
) -> np.ndarray:
    """Return the rows of ``count`` consecutive minibatches, shape (count, batch_size), int32.

    Args:
        seed: Seed of the run, 0 or more.
        examples: Size of the training set.
        batch_size: Rows per minibatch, at most ``examples``.
        first: Number of updates already taken, 0 at the start.
        count: Number of minibatches.
        sampling: How they are drawn; see :class:`thalweg.techniques.Sampling`.

    By default every epoch is a fresh permutation, within which no row comes twice. Any part of the sequence can
    be asked for by itself and is always the same.
    """
    return sample_rows(sampling, seed, examples, batch_size, first, count)
