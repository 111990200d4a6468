"""Breast cancer, diabetes, house prices: what is stated of them is so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from thalweg.tasks import find_task, task_data


def design(part):
    return np.column_stack([part["x"].astype(np.float64), np.ones(len(part["x"]))])


def test_breast_cancer_has_the_condition_number_it_states():
    task = find_task("breast-cancer")
    train = task_data(task).train
    with jax.enable_x64(True):
        params = jax.tree.map(lambda a: a.astype(jnp.float64), task.init(jax.random.key(0)))
        flat, unravel = ravel_pytree(params)
        batch = {"x": jnp.asarray(train["x"], jnp.float64), "y": jnp.asarray(train["y"])}
        hessian = np.array(jax.jit(jax.hessian(lambda w: task.loss(unravel(w), batch)))(flat))
    values = np.linalg.eigvalsh(hessian)
    assert values[-1] / values[0] == pytest.approx(5.9e5, rel=0.01)  # "5.9·10⁵" in the description
    by_hand = np.linalg.eigvalsh(design(train).T @ design(train) / len(train["y"]) / 4)  # p(1 − p) = 1/4 at zero
    np.testing.assert_allclose(values, by_hand, rtol=1e-6)


def test_breast_cancer_starts_at_log_two_and_its_features_are_relative_deviations():
    task = find_task("breast-cancer")
    data = task_data(task)
    assert float(task.loss(task.init(jax.random.key(0)), data.validation)) == pytest.approx(np.log(2), rel=1e-6)
    assert np.abs(data.train["x"].mean(axis=0)).max() < 1e-6
    assert 0.05 < data.train["x"].std(axis=0).min() < 0.2 < 1 < data.train["x"].std(axis=0).max() < 1.3


def test_diabetes_is_the_quadratic_that_least_squares_solves():
    task = find_task("diabetes")
    data = task_data(task)
    weights, *_ = np.linalg.lstsq(design(data.train), data.train["y"].astype(np.float64), rcond=None)
    layer = {"weight": jnp.asarray(weights[:-1, None], jnp.float32), "bias": jnp.asarray(weights[-1:], jnp.float32)}
    solution = {"layer1": layer}
    gradient = jax.grad(task.loss)(solution, dict(data.train))
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradient)) < 1e-5  # float32 sums over 266 rows
    residual = np.mean((design(data.train) @ weights - data.train["y"]) ** 2)
    assert float(task.loss(solution, data.train)) == pytest.approx(residual, rel=1e-5)
    assert 0.4 < residual < 0.55  # the fit explains about half of the variance
    score = float(task.metric.function(solution, data.test))
    raw = np.sqrt(np.mean((design(data.test) @ weights - data.test["y"]) ** 2)) * 77
    assert score == pytest.approx(raw, rel=1e-5)
    assert 50 < score < 60  # the literature's linear fits of this data have an RMSE of 53 to 56 points


def test_house_prices_are_in_dollars_and_the_five_largest_houses_are_left_out():
    task = find_task("house-prices")
    data = task_data(task)
    assert sum(len(part["y"]) for part in (data.train, data.validation, data.test)) == 2925
    params = jax.tree.map(jnp.zeros_like, task.init(jax.random.key(0)))
    rmse = float(task.metric.function(params, data.train))  # predicting the mean: the deviation of prices
    assert 70_000 < rmse < 85_000
    assert task.metric.unit == "USD"


def test_house_features_explain_most_of_the_price():
    data = task_data(find_task("house-prices"))
    weights, *_ = np.linalg.lstsq(design(data.train), data.train["y"].astype(np.float64), rcond=None)
    error = np.mean((design(data.validation) @ weights - data.validation["y"]) ** 2)
    assert 0.75 < 1 - error / data.validation["y"].var() < 0.95  # linear fits of these data explain about 0.83


def test_house_table_is_the_one_described():
    import importlib.resources

    lines = (importlib.resources.files("thalweg.tasks") / "data" / "ames.csv").read_text().splitlines()
    assert len(lines) == 2931
    assert len(lines[0].split(",")) == 17
    prices = np.array([int(line.rsplit(",", 1)[1]) for line in lines[1:]])
    assert (prices.min(), prices.max()) == (12_789, 755_000)  # as published by De Cock
    assert prices.mean() == pytest.approx(180_796, abs=1)
