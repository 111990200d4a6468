"""How sure a number is: resampled seeds, resampled searches, and intervals from both.

Two kinds of luck stand between a study and the truth. The luck of the seed: with the same
settings another initialization and batch order give another result. And the luck of the
search: with other trials another configuration would have won. A statement about *these
settings* needs only the first; a statement about *optimizers* needs both, because the same
optimizer searched twice ends at two settings that truly differ (see ``docs/protocol.md`` for
how often each rule errs).

Both are bootstrapped, with the same resamples for all contenders: the runs of a fresh seed share
initial weights and batches, and the trials of an index share their Sobol point, so what is
common to two contenders cancels in their difference.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from thalweg.records import Interval, Protocol
from thalweg.study.selection import TrialTable

__all__ = [
    "Resamples",
    "counted",
    "draw",
    "inflation",
    "interval",
    "mean_replicates",
    "percentiles",
    "search_shifts",
    "worst_of",
]


@dataclass(frozen=True)
class Resamples:
    """The resamples of a study, common to all contenders.

    Attributes:
        seeds: Weight of each fresh seed, rows sum to 1, shape (B, n).
        trials: Sampled configurations drawn with replacement, indices from 0 to N − 1, shape (B, N).
        confidence: Confidence level of intervals, in (0, 1).
    """

    seeds: np.ndarray
    trials: np.ndarray
    confidence: float


def draw(protocol: Protocol, seed: int) -> Resamples:
    """Return the resamples of a study.

    Args:
        protocol: Gives the numbers of resamples, trials and fresh seeds and the confidence.
        seed: Seed of the study; the same seed gives the same resamples.
    """
    streams = np.random.SeedSequence(abs(seed)).spawn(2)
    n, resamples = protocol.confirmation_seeds, protocol.resamples
    drawn = np.random.default_rng(streams[0]).integers(0, n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    seeds = np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n) / n
    trials = np.random.default_rng(streams[1]).integers(0, protocol.trials, size=(resamples, protocol.trials))
    return Resamples(seeds, trials, protocol.confidence)


def inflation(n: int, confidence: float) -> float:
    """Return the factor by which deviations of a bootstrapped mean of ``n`` values are too small.

    The bootstrap takes the variance with divisor n and the normal quantile where n − 1 and
    Student's quantile are due: √(n/(n−1)) · t(n−1)/z, which is 1.22 for 10 values at 95 %. Without it the
    nominal 95 % of normal values are 90 % (with it 94.5 %).

    Args:
        n: Number of values, 2 or more.
        confidence: Confidence level, in (0, 1).

    References:
        Hesterberg (2015), What teachers should know about the bootstrap (the same
        correction, there by widening the percentiles; widening the deviations lets them be
        added to those of the search).

    Example:
        >>> round(inflation(10, 0.95), 3)
        1.217
    """
    upper = (1 + confidence) / 2
    return math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, upper)) / float(ndtri(upper))


def mean_replicates(values: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Return bootstrap replicates of the mean over fresh seeds.

    Args:
        values: One value per fresh seed, shape (n,) or (m, n), finite.
        resamples: The study's resamples.

    Returns:
        Replicates, shape (B,) or (m, B), their deviations from the mean widened by
        :func:`inflation`. With a single seed they all are the value itself.
    """
    values = np.asarray(values, dtype=float)
    n = values.shape[-1]
    mean = values.mean(axis=-1, keepdims=True)
    if n < 2:
        return np.repeat(mean, resamples.seeds.shape[0], axis=-1)
    return mean + inflation(n, resamples.confidence) * ((values - mean) @ resamples.seeds.T)


def interval(values: np.ndarray, resamples: Resamples) -> Interval:
    """Return the mean of one value per fresh seed with its interval: the luck of the seed alone.

    Args:
        values: Shape (n,). With a single seed the interval's ends are None; a value that is not
            finite makes all three None.
        resamples: The study's resamples.

    With 9 seeds or more the interval does not leave the range of the values, so an accuracy is
    not said to exceed 1; that the true mean lies outside has a chance of 2¹⁻ⁿ for symmetric
    values.

    Example:
        >>> from thalweg.study.plan import protocol_for
        >>> resamples = draw(protocol_for("quick", 32, 100, 10), seed=0)
        >>> found = interval(np.arange(10.0), resamples)
        >>> found.mean, round(found.low, 1), round(found.high, 1)
        (4.5, 2.4, 6.7)
    """
    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all() or not values.size:
        return Interval(None, None, None)
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, None, None)
    low, high = percentiles(mean_replicates(values, resamples), resamples.confidence)
    if 2.0 ** (1 - n) < (1 - resamples.confidence) / 10:
        low, high = max(low, values.min()), min(high, values.max())
    return Interval(mean, min(float(low), mean), max(float(high), mean))


def percentiles(replicates: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper percentile of replicates along the last axis.

    The linear interpolation of ``numpy.quantile``, three times as fast.
    """
    ascending = np.sort(replicates, axis=-1)
    place = (1 - confidence) / 2 * (ascending.shape[-1] - 1)
    below, share = math.floor(place), place - math.floor(place)
    above = min(below + 1, ascending.shape[-1] - 1)
    low = (1 - share) * ascending[..., below] + share * ascending[..., above]
    high = (1 - share) * ascending[..., -1 - below] + share * ascending[..., -1 - above]
    return low, high


def search_shifts(
    table: TrialTable, resamples: Resamples, winner: int, worst_loss: float, worst_metric: float
) -> np.ndarray:
    """Return by how much the metric would change had the search been drawn again.

    In every resample the sampled configurations are drawn anew with replacement, the best of
    them and the defaults (which are no matter of luck and always there) is selected as in the
    study, and its validation metric over the tuning seeds is held against the winner's: same
    seeds, same units as the test metric. That difference, 0 where the winner was drawn again,
    is what a resample adds to the mean on fresh seeds.

    Args:
        table: The contender's tuning runs.
        resamples: The study's resamples.
        winner: Trial index of the winner, −1 for the defaults.
        worst_loss: What the validation loss of a diverged run counts as, finite.
        worst_metric: What its validation metric counts as, finite.

    Returns:
        Shifts in units of the metric, shape (B,).
    """
    resample_count, trial_count = resamples.trials.shape
    if winner not in table.trials or table.diverged.all():
        return np.zeros(resample_count)
    losses = counted(table.loss, worst_loss).mean(axis=1)
    metrics = counted(table.metric, worst_metric).mean(axis=1)
    trials = np.array(table.trials)
    order = np.lexsort((trials, table.diverged.sum(axis=1), losses))
    places = np.full(trial_count, len(order))  # a trial that is not complete is never the best
    sampled = trials[order] >= 0
    places[trials[order][sampled]] = np.flatnonzero(sampled)
    always = np.flatnonzero(~sampled)
    first = np.minimum(places[resamples.trials].min(axis=1), always.min(initial=len(order)))
    shifts = np.append(metrics[order] - metrics[trials == winner][0], 0.0)
    return shifts[first]


def worst_of(values: np.ndarray, larger_is_better: bool) -> float:
    """Return the worst finite value, or NaN if there is none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return math.nan
    return float(finite.min() if larger_is_better else finite.max())


def counted(values: np.ndarray, worst: float) -> np.ndarray:
    """Return the values with every one that is not finite counted as ``worst``."""
    values = np.asarray(values, dtype=float)
    return np.where(np.isfinite(values), values, worst)
