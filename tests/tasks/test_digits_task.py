"""Digits: real data, split evenly, and models that learn it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks import find_task, task_data

NAMES = ["digits", "digits-logistic", "digits-cnn"]


def test_splits_cover_every_image_once():
    from sklearn.datasets import load_digits

    data = task_data(find_task("digits"))
    rows = np.concatenate([part["x"] for part in (data.train, data.validation, data.test)])
    assert [len(part["y"]) for part in (data.train, data.validation, data.test)] == [1079, 359, 359]
    assert len(np.unique(rows, axis=0)) == len(np.unique(load_digits().data, axis=0))


def test_classes_are_spread_evenly():
    data = task_data(find_task("digits"))
    whole = np.bincount(np.concatenate([part["y"] for part in (data.train, data.validation, data.test)]))
    for part in (data.train, data.validation, data.test):
        share = len(part["y"]) / whole.sum()
        assert np.abs(np.bincount(part["y"]) - share * whole).max() < 2  # each of two deals is right to within one


def test_training_pixels_have_mean_zero_and_common_deviation_one():
    x = task_data(find_task("digits")).train["x"].astype(np.float64)
    assert np.abs(x.mean(axis=0)).max() < 1e-6  # float32 rounding of 1079 rows
    assert np.sqrt(x.var(axis=0).mean()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_descent_lowers_the_loss_and_raises_the_accuracy(name):
    task = find_task(name)
    data = task_data(task)
    train = {key: jnp.asarray(value[:256]) for key, value in data.train.items()}
    step = jax.jit(lambda p: jax.tree.map(lambda w, g: w - 0.1 * g, p, jax.grad(task.loss)(p, train)))
    params = task.init(jax.random.key(0))
    before = float(task.loss(params, data.validation))
    for _ in range(60):
        params = step(params)
    assert np.log(10) - 0.1 < before < 2 * np.log(10)  # an untrained model is no better than guessing, and not absurd
    assert float(task.loss(params, data.validation)) < 0.5 * before
    assert float(task.metric.function(params, data.validation)) > 0.8
