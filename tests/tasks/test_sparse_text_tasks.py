"""Sparse words and their dense twin: the same problem to gradient descent, not to AdaGrad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import hadamard

from thalweg.tasks import find_task, task_data
from thalweg.tasks.check import check_task
from thalweg.tasks.sparse_features import COMMON, WORDS, documents, rotated

BATCH = 32


def parts(name):
    data = task_data(find_task(name))
    return data.train, data.validation


def test_words_are_as_frequent_as_stated():
    found = documents(20_000, seed=3)["x"]
    expected = np.minimum(0.8, 4 / np.arange(1, WORDS + 1))
    assert set(np.unique(found)) == {0, 1}
    error = np.sqrt(expected * (1 - expected) / len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 4.5 * error).all()  # 1024 words
    assert found.sum(axis=1).mean() == pytest.approx(25, abs=0.3)


def test_only_rare_words_tell_the_class():
    found = documents(20_000, seed=3)
    x, y = found["x"].astype(np.float64), found["y"]
    held = x.sum(axis=0)
    rates = x.T @ y / np.maximum(held, 1)
    error = 0.5 / np.sqrt(np.maximum(held, 1))
    off = np.abs(rates - y.mean()) / error
    assert off[:COMMON].mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.2)  # as if by chance
    assert off[COMMON:300].mean() > 3


def test_rotation_is_orthogonal_and_exact():
    turned = rotated(np.eye(WORDS, dtype=np.float32)).astype(np.float64)
    np.testing.assert_array_equal(turned @ turned.T, np.eye(WORDS))
    np.testing.assert_array_equal(np.abs(turned), 1 / 32)
    signs = turned[:, 0] * 32
    np.testing.assert_array_equal(turned * 32, signs[:, None] * hadamard(WORDS))


def test_dense_features_are_the_sparse_ones_turned():
    (sparse, _), (dense, _) = parts("sparse-text"), parts("dense-text")
    np.testing.assert_array_equal(sparse["y"], dense["y"])
    np.testing.assert_array_equal(dense["x"] @ dense["x"][:50].T, sparse["x"] @ sparse["x"][:50].T)
    assert (sparse["x"] != 0).mean() < 0.03
    assert (dense["x"] != 0).mean() > 0.9


@pytest.mark.parametrize("name", ["sparse-text", "dense-text"])
def test_both_pass_the_check(name):
    assert check_task(find_task(name)).initial_loss == pytest.approx(np.log(2), rel=1e-5)


def one_pass(name, rule, rates, seed, batches=None):
    """Return the validation loss after a pass at each rate, by a loop in NumPy, two-class softmax as one logit."""
    (train, validation), rates = parts(name), np.asarray(rates, np.float32)
    weights, bias = np.zeros((WORDS, len(rates)), np.float32), np.zeros(len(rates), np.float32)
    squares, square = np.zeros_like(weights), np.zeros_like(bias)
    order = np.random.default_rng(seed).permutation(len(train["y"]))
    for rows in order[: len(order) // BATCH * BATCH].reshape(-1, BATCH)[:batches]:
        x = train["x"][rows]
        error = (1 / (1 + np.exp(-np.clip(x @ weights + bias, -60, 60))) - train["y"][rows][:, None]) / BATCH
        by_weights, by_bias = x.T @ error, error.sum(axis=0)
        if rule == "adagrad":
            squares, square = squares + by_weights**2, square + by_bias**2
            by_weights, by_bias = by_weights / (np.sqrt(squares) + 1e-10), by_bias / (np.sqrt(square) + 1e-10)
        weights, bias = weights - rates * by_weights, bias - rates * by_bias
    logit = validation["x"] @ weights + bias
    return np.mean(np.logaddexp(0, logit) - validation["y"][:, None] * logit, axis=0)


def test_gradient_descent_cannot_tell_them_apart():
    paths = []
    for name in ("sparse-text", "dense-text"):
        task, train = find_task(name), parts(name)[0]

        def step(params, rows, task=task, train=train):
            batch = {key: jnp.asarray(array)[rows] for key, array in train.items()}
            loss, gradient = jax.value_and_grad(task.loss)(params, batch)
            return jax.tree.map(lambda p, g: p - 0.2 * g, params, gradient), loss

        rows = np.random.default_rng(0).integers(6000, size=(150, BATCH))
        start = task.init(jax.random.key(0))
        paths.append(jax.jit(lambda p, step=step, rows=rows: jax.lax.scan(step, p, rows))(start)[1])
    np.testing.assert_allclose(*paths, rtol=1e-4)  # float32 rounding, carried through 150 steps
    assert float(paths[0][-10:].mean()) < 0.65  # of 0.69 at the start


def test_adagrad_gains_where_features_are_sparse_and_much_less_where_they_are_dense():
    # One pass over the data, each rule at its best of a grid, paired by the order of the minibatches.
    seeds = range(6)
    descent = np.array([one_pass("sparse-text", "sgd", (0.5, 1, 1.5, 2), seed) for seed in seeds])
    gains = {}
    for name in ("sparse-text", "dense-text"):
        adaptive = np.array([one_pass(name, "adagrad", (0.2, 0.3, 0.5, 0.8), seed) for seed in seeds])
        gains[name] = descent[:, descent.mean(axis=0).argmin()] - adaptive[:, adaptive.mean(axis=0).argmin()]
    sparse = stats.t.interval(0.95, len(seeds) - 1, gains["sparse-text"].mean(), stats.sem(gains["sparse-text"]))
    difference = gains["sparse-text"] - gains["dense-text"]
    apart = stats.t.interval(0.95, len(seeds) - 1, difference.mean(), stats.sem(difference))
    assert sparse[0] > 0.1
    assert apart[0] > 0.08
