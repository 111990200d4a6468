"""Curriculum learning: examples become available in the order of their difficulty."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["Curriculum", "available_share", "curriculum_rows", "difficulty_order"]

PASS, ORDER = 2, 3  # keep the random numbers of passes and of the random order apart from each other's and sampling's


@dataclass(frozen=True)
class Curriculum(Technique):
    """At first only the easiest examples are drawn, then more and more of them, at last all.

    References:
        Hacohen and Weinshall (2019), On the power of curriculum learning in training deep networks, algorithm 1.
        Wu, Dyer and Neyshabur (2021), When do curricula work?
    """

    name: ClassVar[str] = "curriculum"
    title: ClassVar[str] = "Curriculum"
    acts_on: ClassVar[ActsOn] = "order"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "minibatch t is drawn from the first g(v)·n of n examples in order, v = min(1, (t − 1)/(b·T))",
        "linear: g = a + (1 − a)·v;  root: g = a + (1 − a)·√v;  step: g = a, 1 at v = 1",
        "exponential: g = min(1, a·rʲ) after j of the equally long stages up to v = 1",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Bengio, Louradour, Collobert and Weston (2009), Curriculum learning",
        "Hacohen and Weinshall (2019), On the power of curriculum learning in training deep networks, algorithm 1 "
        "(exponential, step; anti-curriculum and random order as controls), arXiv:1904.03626",
        "Wu, Dyer and Neyshabur (2021), When do curricula work? (linear, root, step), arXiv:2012.03107",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Wu et al. call the share of the run after which all examples are available a and the first share b; here they "
        "are full = b and start = a.",
        "Hacohen and Weinshall set the length of a stage; here the number of stages follows from start and ratio, and "
        "their common length from full.",
        "Both draw each minibatch afresh from what is available; here a pass goes through all that is available when "
        "it begins without drawing any example twice, so new examples wait for the next pass, at most g·n/batch "
        "updates. Once all are available these passes are the epochs of shuffled sampling.",
        "Hacohen and Weinshall balance the classes within the order; here nothing but the scores decides, and ties "
        "keep the order in which examples are stored.",
    )

    start: Number = hyperparameter(
        0.2, meaning="share a of the examples available at first", low_open=True, high=1.0, search=(0.05, 1.0)
    )
    full: Number = hyperparameter(
        0.5, meaning="share b of the run after which all are available", high=1.0, search=(0.05, 1.0)
    )
    ratio: Number = hyperparameter(
        1.9, meaning="growth r from stage to stage, exponential pacing", low=1.0, low_open=True
    )
    order: str = variant(
        "increasing",
        choices=("increasing", "decreasing", "random"),
        meaning="easy first, hard first, or the same pacing in random order, the control",
    )
    pacing: str = variant(
        "linear", choices=("linear", "root", "step", "exponential"), meaning="how examples become available"
    )


def available_share(technique: Curriculum, total: int) -> np.ndarray:
    """Return the share of the examples that is available at each minibatch, shape (total,), float64 in (0, 1].

    Args:
        technique: Its settings.
        total: Minibatches of the whole run, 1 or more.

    Example:
        >>> available_share(Curriculum(start=0.2, full=0.5), 8).round(2).tolist()
        [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0]
    """
    start, length = float(technique.start), float(technique.full) * total
    done = np.minimum(np.arange(total), length) / length if length > 0 else np.ones(total)
    if technique.pacing == "step":
        return np.where(done < 1, start, 1.0)
    if technique.pacing == "exponential":
        ratio = float(technique.ratio)
        stages = math.ceil(math.log(1 / start) / math.log(ratio) - 1e-9)
        return np.where(done < 1, np.minimum(1.0, start * ratio ** np.floor(done * stages + 1e-9)), 1.0)
    grown = np.sqrt(done) if technique.pacing == "root" else done
    return np.where(done < 1, start + (1 - start) * grown, 1.0)


def difficulty_order(technique: Curriculum, scores: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows in the order in which they become available, shape (n,), int32.

    Args:
        technique: Its settings.
        scores: Difficulty of each example, e.g. its loss under a reference model; (n,), finite, larger is harder.
        seed: Seed of the run; used by the random order alone.

    Raises:
        InvalidValueError: The scores are no vector of finite numbers.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or not len(scores):
        raise InvalidValueError(
            f"curriculum: scores of shape {scores.shape} are not allowed; give one number per training example."
        )
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise InvalidValueError(
            f"curriculum: the score of example {wrong[0]} is {scores[wrong[0]]:g}; give finite numbers, larger for "
            "harder examples."
        )
    if technique.order == "random":
        return np.random.default_rng((seed, 0, ORDER)).permutation(len(scores)).astype(np.int32)
    return np.argsort(scores if technique.order == "increasing" else -scores, kind="stable").astype(np.int32)


def curriculum_rows(
    technique: Curriculum, scores: np.ndarray, seed: int, batch_size: int, first: int, count: int, total: int
) -> np.ndarray:
    """Return the rows of ``count`` consecutive minibatches, shape (count, batch_size), int32.

    Args:
        technique: Order and pacing.
        scores: Difficulty of each of the n training examples, larger is harder, finite.
        seed: Seed of the run, 0 or more.
        batch_size: Rows per minibatch, in [1, n]; at least so many examples are available from the start.
        first: Minibatches already drawn, 0 at the start.
        count: Number of minibatches; after ``total`` all examples are available.
        total: Minibatches of the whole run.

    Minibatches come in passes: a pass goes in random order through what is available when it begins. No example comes
    twice in a pass, and any part of the sequence can be asked for by itself.

    Raises:
        InvalidValueError: Scores that are not finite, or a batch that is empty or larger than the training set.
    """
    order = difficulty_order(technique, scores, seed)
    examples = len(order)
    if not 1 <= batch_size <= examples:
        raise InvalidValueError(
            f"batch size {batch_size} is not allowed with {examples} training examples; give a whole number in "
            f"[1, {examples}]."
        )
    numbers = np.floor(available_share(technique, total) * examples + 1e-9).astype(np.int64).clip(batch_size)
    rows = np.empty((count, batch_size), np.int32)
    for begin, available in _passes(numbers, examples, batch_size, first + count):
        end = begin + available // batch_size
        if end <= first:
            continue
        drawn = np.random.default_rng((seed, begin, PASS)).permutation(order[:available])
        batches = drawn[: (end - begin) * batch_size].reshape(-1, batch_size)
        low, high = max(begin, first), min(end, first + count)
        rows[low - first : high - first] = batches[low - begin : high - begin]
    return rows


def _passes(numbers: np.ndarray, examples: int, batch_size: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield for each pass up to minibatch ``last`` its first minibatch and how many examples it goes through."""
    step = 0
    while step < last:
        available = int(numbers[step]) if step < len(numbers) else examples
        yield step, available
        step += available // batch_size
