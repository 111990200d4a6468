"""How good a search can be expected to be with a smaller budget."""

import numpy as np
from scipy.special import gammaln

from thalweg.records import ExpectedBest
from thalweg.study.selection import DEFAULT_TRIAL, TrialTable
from thalweg.study.statistics import Resamples, counted, percentiles

__all__ = ["budget_weights", "expected_best"]

BUDGET_POINTS = 24  # a curve over k needs no more, and all of them cost time for 100 trials


def expected_best(table: TrialTable, resamples: Resamples, worst: float) -> ExpectedBest:
    """Return the expected best validation loss after k of the trials, for growing k.

    The unbiased estimate: the mean, over all subsets of k of the N configurations, of the best
    one's loss (its mean over the tuning seeds). The defaults are not among the N; their loss is
    given beside it. The band resamples the configurations; near k = N, where hardly any other
    subset exists, it rests on few configurations and is itself least certain. It is never
    continued beyond N.

    Args:
        table: The contender's tuning runs; incomplete configurations are missing in it.
        resamples: The study's resamples.
        worst: What a diverged run counts as.

    Returns:
        The curve; without points if no configuration is complete.

    References:
        Dodge et al. (2019), Show your work; Dodge et al. (2021), Expected validation performance
        and estimation of a random variable's maximum (the estimator without replacement).
    """
    losses = counted(table.loss, worst).mean(axis=1)
    trials = np.array(table.trials, dtype=int)
    default = losses[trials == DEFAULT_TRIAL]
    default_loss = float(default[0]) if default.size and np.isfinite(default[0]) else None
    sampled = trials >= 0
    if not sampled.any() or not np.isfinite(losses).all():
        return ExpectedBest(table.contender, (), (), (), (), default_loss)
    order = np.argsort(losses[sampled], kind="stable")
    ascending = losses[sampled][order]
    count = len(ascending)
    budget = np.unique(np.round(np.geomspace(1, count, BUDGET_POINTS)).astype(int))
    weights = budget_weights(count, budget)
    places = np.full(resamples.trials.shape[1], -1)
    places[trials[sampled][order]] = np.arange(count)
    drawn = _sorted_draws(places, resamples.trials)
    low, high = percentiles(weights @ ascending[drawn].T, resamples.confidence)
    mean = weights @ ascending
    return ExpectedBest(
        table.contender,
        tuple(int(k) for k in budget),
        tuple(mean.tolist()),
        tuple(np.minimum(low, mean).tolist()),
        tuple(np.maximum(high, mean).tolist()),
        default_loss,
    )


def budget_weights(count: int, budget: np.ndarray) -> np.ndarray:
    """Return P(the j-th best of ``count`` is the best of k drawn without replacement).

    It is C(count − j, k − 1) / C(count, k).

    Args:
        count: Number of configurations, 1 or more.
        budget: The k, each from 1 to ``count``, shape (K,).

    Returns:
        Weights, shape (K, count); rows sum to 1.

    Example:
        >>> budget_weights(3, np.array([1, 2, 3])).round(3).tolist()
        [[0.333, 0.333, 0.333], [0.667, 0.333, 0.0], [1.0, 0.0, 0.0]]
    """
    k = np.asarray(budget, dtype=float)[:, None]
    below = count - np.arange(1.0, count + 1)[None, :]
    possible = below >= k - 1
    left = np.where(possible, below - k + 1, 0.0)
    log_weights = _log_binomial(below, k - 1, left) - _log_binomial(float(count), k, count - k)
    return np.where(possible, np.exp(log_weights), 0.0)


def _log_binomial(n: np.ndarray | float, k: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return log C(n, k) where ``left`` is n − k."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(left + 1)


def _sorted_draws(places: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the places of the configurations drawn, ascending in each row.

    Args:
        places: Place of each planned trial among the complete ones, −1 if it is not complete.
        draws: Trials drawn, shape (B, N).

    Returns:
        Shape (B, number of complete trials). While trials are missing, draws among the complete
        ones take their place.
    """
    complete = int((places >= 0).sum())
    if complete < len(places):
        drawn = np.random.default_rng(complete).integers(0, complete, size=(len(draws), complete))
    else:
        drawn = places[draws]
    return np.sort(drawn.astype(np.float32), axis=1).astype(np.intp)  # exact; float32 sorts ten times as fast
