from itertools import combinations
from math import comb

import numpy as np
import pytest
from simulated_studies import protocol

from thalweg.study.budget import budget_weights, expected_best
from thalweg.study.selection import TrialTable
from thalweg.study.statistics import draw


def table(losses: np.ndarray, default: float | None = None) -> TrialTable:
    first = 0 if default is None else -1
    column = losses if default is None else np.concatenate([[default], losses])
    trials = tuple(range(first, len(losses)))
    return TrialTable("a", trials, tuple({} for _ in trials), column[:, None], column[:, None], len(trials))


def test_weights_are_those_of_counting_subsets() -> None:
    for count in (1, 2, 7, 100):
        budget = np.arange(1, count + 1)
        weights = budget_weights(count, budget)
        expected = [[comb(count - j, k - 1) / comb(count, k) for j in range(1, count + 1)] for k in budget]
        np.testing.assert_allclose(weights, expected, rtol=1e-10)  # logarithms of factorials up to 100!
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-10)


def test_the_estimate_is_the_mean_over_all_subsets() -> None:
    losses = np.random.default_rng(0).exponential(size=8)
    found = expected_best(table(losses), draw(protocol(trials=8, resamples=100), 0), 9.0)
    assert found.budget == tuple(range(1, 9))
    exact = [np.mean([min(subset) for subset in combinations(losses, k)]) for k in range(1, 9)]
    np.testing.assert_allclose(found.mean, exact, rtol=1e-10)
    assert found.mean[-1] == pytest.approx(losses.min())


def test_the_estimate_is_unbiased() -> None:
    rng = np.random.default_rng(1)
    samples = np.sort(rng.exponential(size=(20_000, 10)), axis=1)
    estimates = samples @ budget_weights(10, np.array([1, 3, 10])).T
    # the least of k exponentials has mean 1/k; 4 standard errors
    np.testing.assert_allclose(estimates.mean(axis=0), [1, 1 / 3, 1 / 10], atol=4 * estimates.std() / np.sqrt(20_000))


def test_the_band_holds_the_estimate_and_falls() -> None:
    losses = np.random.default_rng(2).exponential(size=16)
    found = expected_best(table(losses, default=0.7), draw(protocol(), 0), 9.0)
    assert found.default == 0.7
    assert all(low <= mean <= high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))
    assert all(np.diff(found.mean) < 0)
    # with one trial the mean is an ordinary one, whose percentile interval SciPy would give too
    draws = np.random.default_rng(0).choice(losses, size=(20_000, 16)).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.low[0], found.high[0]) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_the_band_is_that_of_the_same_estimate_on_resampled_trials() -> None:
    losses, rules = np.random.default_rng(3).exponential(size=6), protocol(trials=6, resamples=500)
    resamples = draw(rules, 0)
    found = expected_best(table(losses), resamples, 9.0)
    k = found.budget.index(3)
    by_hand = [np.mean([min(s) for s in combinations(losses[row], 3)]) for row in resamples.trials]
    low, high = np.quantile(by_hand, [0.025, 0.975])
    assert (found.low[k], found.high[k]) == pytest.approx((low, high), rel=1e-10)


def test_a_hundred_trials_are_shown_at_a_few_budgets_up_to_all() -> None:
    found = expected_best(table(np.linspace(0, 1, 100)), draw(protocol("thorough", resamples=50), 0), 9.0)
    assert len(found.budget) <= 24
    assert (found.budget[0], found.budget[-1]) == (1, 100)


def test_diverged_trials_count_as_the_worst() -> None:
    found = expected_best(table(np.array([0.1, np.nan, 0.3])), draw(protocol(trials=3, resamples=50), 0), 5.0)
    assert found.mean[0] == pytest.approx((0.1 + 5.0 + 0.3) / 3)


def test_an_unfinished_search_has_a_curve_of_what_is_there() -> None:
    whole = table(np.array([0.1, 0.4, 0.3]))
    partial = TrialTable("a", (0, 2), ({}, {}), whole.loss[[0, 2]], whole.metric[[0, 2]], 3)
    found = expected_best(partial, draw(protocol(trials=3, resamples=200), 0), 9.0)
    assert found.budget == (1, 2)
    assert found.mean == pytest.approx((0.2, 0.1))
    assert found.low[1] == pytest.approx(0.1)


def test_without_trials_there_is_only_the_default() -> None:
    alone = expected_best(table(np.array([]), default=0.5), draw(protocol(resamples=50), 0), 9.0)
    assert (alone.budget, alone.default) == ((), 0.5)
    lost = expected_best(table(np.array([np.nan]), default=np.nan), draw(protocol(resamples=50), 0), np.nan)
    assert (lost.budget, lost.default) == ((), None)
