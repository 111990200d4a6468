"""Who beats whom, which ranks are possible, and who cannot be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thalweg.records import Comparison, Interval
from thalweg.study.statistics import Resamples, mean_replicates, percentiles

__all__ = ["Ranking", "rank_contenders"]

Verdict = Literal["first", "second", "not separable"]


@dataclass(frozen=True)
class Ranking:
    """The outcome of a comparison.

    Attributes:
        order: Labels, the best mean first.
        ranks: Lowest and highest rank within the confidence, by label; 1 is best.
        groups: Number of the group, by label.
        comparisons: Every pair, the better mean as the first.
    """

    order: tuple[str, ...]
    ranks: dict[str, tuple[int, int]]
    groups: dict[str, int]
    comparisons: tuple[Comparison, ...]


def rank_contenders(
    labels: Sequence[str],
    values: np.ndarray,
    shifts: np.ndarray,
    resamples: Resamples,
    larger_is_better: bool,
    win_probability: float = 0.75,
) -> Ranking:
    """Hold every contender against every other.

    A resample draws fresh seeds and searches anew, both alike for all contenders, and gives one
    mean per contender: the weighted mean over the seeds drawn plus the shift of the search
    (:func:`~thalweg.study.statistics.search_shifts`). From these come the intervals of differences
    and of ranks. P(A better than B) is the chance that one run of A beats one run of B on the
    same seed, over seeds and resampled searches, ties half. A wins where that chance is at
    least ``win_probability`` *and* the interval of the difference excludes a tie.

    Groups: walk down the order; each joins the first group whose best it does not lose to, or
    opens the next one. So nobody in a group is separable from its best, and a higher number
    always means a defeat by the best of every group before. Groups need not be neighbours in
    the order: a contender whose result is very uncertain may stand below one that is surely worse than the first.

    Args:
        labels: Names of the m contenders.
        values: Test metric per contender and fresh seed, shape (m, n), finite.
        shifts: What each resampled search adds, shape (m, B).
        resamples: The study's resamples.
        larger_is_better: Direction of the metric.
        win_probability: P(A better than B) from which a win may be claimed, in [0.5, 1].

    References:
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks
        (probability of outperforming).
    """
    sign = 1.0 if larger_is_better else -1.0
    means = values.mean(axis=1)
    order = sorted(range(len(labels)), key=lambda i: (-sign * means[i], labels[i]))
    replicates = mean_replicates(values, resamples) + shifts
    tie = 1e-9 * max(float(np.abs(values).max(initial=0.0)), 1e-300)  # float32 values: rounding, not difference
    pairs = [(i, j) for place, i in enumerate(order) for j in order[place + 1 :]]
    first, second = [i for i, _ in pairs], [j for _, j in pairs]
    low, high = percentiles(replicates[first] - replicates[second], resamples.confidence)
    comparisons, beaten = [], set()
    for (i, j), lower, upper in zip(pairs, low.tolist(), high.tolist(), strict=True):
        chance = _chance(sign * (values[i] - values[j]), sign * (shifts[i] - shifts[j]), tie)
        mean = float(means[i] - means[j])
        difference = Interval(mean, min(lower, mean), max(upper, mean))
        if values.shape[1] < 2:
            difference = Interval(mean, None, None)
        verdict = _verdict(difference, chance, sign, win_probability, tie)
        comparisons.append(Comparison(labels[i], labels[j], difference, chance, verdict))
        if verdict == "first":
            beaten.add((i, j))
    ranks = _rank_intervals(sign * replicates, resamples.confidence, tie)
    return Ranking(
        tuple(labels[i] for i in order),
        {labels[i]: ranks[i] for i in order},
        {labels[i]: group for i, group in _groups(order, beaten).items()},
        tuple(comparisons),
    )


def _verdict(difference: Interval, chance: float, sign: float, win_probability: float, tie: float) -> Verdict:
    """Return who wins, if anyone may be said to."""
    if difference.low is None or difference.high is None:
        return "not separable"
    low, high = sorted((sign * difference.low, sign * difference.high))
    if low > tie and chance >= win_probability:
        return "first"
    if high < -tie and 1 - chance >= win_probability:
        return "second"
    return "not separable"


def _chance(differences: np.ndarray, shifts: np.ndarray, tie: float) -> float:
    """Return the share of all pairs (difference of a seed, shift of a search) with a positive sum, ties half."""
    distinct, counts = np.unique(shifts, return_counts=True)
    sums = differences[:, None] + distinct
    wins = (sums > tie) + 0.5 * (np.abs(sums) <= tie)
    return float(wins.mean(axis=0) @ counts / len(shifts))


def _rank_intervals(replicates: np.ndarray, confidence: float, tie: float) -> list[tuple[int, int]]:
    """Return each contender's lowest and highest rank; ``replicates``, larger is better, has shape (m, B).

    Those who tie in a resample share all the ranks they occupy.
    """
    tail = (1 - confidence) / 2
    intervals = []
    for own in replicates:
        lowest = np.bincount(1 + (replicates > own + tie).sum(axis=0), minlength=len(replicates) + 1)
        highest = np.bincount((replicates >= own - tie).sum(axis=0), minlength=len(replicates) + 1)
        intervals.append((_first_share(lowest, tail), _first_share(highest, 1 - tail)))
    return intervals


def _first_share(counts: np.ndarray, share: float) -> int:
    """Return the first index up to which at least ``share`` of the counts lie."""
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum() - 1e-9))


def _groups(order: Sequence[int], beaten: set[tuple[int, int]]) -> dict[int, int]:
    """Return the number of each contender's group."""
    leaders: list[int] = []
    groups: dict[int, int] = {}
    for i in order:
        lost = [(leader, i) in beaten for leader in leaders]
        groups[i] = 1 + (lost.index(False) if False in lost else len(leaders))
        if groups[i] > len(leaders):
            leaders.append(i)
    return groups
