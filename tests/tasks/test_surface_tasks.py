"""Landscapes as tasks: random starts on the map, height above the minimum, distance to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.errors import UnknownNameError
from thalweg.landscapes import LANDSCAPES, find_landscape
from thalweg.tasks import find_task, task_data
from thalweg.tasks.surface import landscape_task, surface_task


@pytest.mark.parametrize("name", list(LANDSCAPES))
def test_loss_and_metric_vanish_at_every_global_minimum(name):
    task, landscape = find_task(name), LANDSCAPES[name]
    for minimum in landscape.global_minima:
        params = {"point": jnp.asarray(minimum, jnp.float32)}
        # float32 coordinates and values: 1e-6 of the largest intermediate term, some 100 at these minima
        assert abs(float(task.loss(params, {}))) < 1e-4
        assert float(task.metric.function(params, {})) < 1e-6


def test_local_minima_are_far_by_the_metric():
    task = find_task("goldstein-price")
    params = {"point": jnp.array([-0.6, -0.4])}
    assert float(task.loss(params, {})) == pytest.approx(27, rel=1e-4)
    assert float(task.metric.function(params, {})) == pytest.approx(np.hypot(0.6, 0.6), rel=1e-5)


@pytest.mark.parametrize("name", ["rosenbrock", "six-hump-camel"])
def test_starts_are_spread_over_the_map_and_fixed_by_the_key(name):
    task = find_task(name)
    x_min, x_max, y_min, y_max = LANDSCAPES[name].domain
    points = np.array([task.init(jax.random.key(seed))["point"] for seed in range(60)])
    assert (points >= [x_min, y_min]).all()
    assert (points <= [x_max, y_max]).all()
    assert (np.ptp(points, axis=0) > 0.8 * np.array([x_max - x_min, y_max - y_min])).all()
    assert (np.array(task.init(jax.random.key(7))["point"]) == points[7]).all()


def test_gradient_descent_with_rate_one_solves_the_bowl_in_a_step():
    task = find_task("bowl")
    params = task.init(jax.random.key(0))
    gradient = jax.grad(task.loss)(params, dict(task_data(task).train))
    assert float(jnp.abs(params["point"] - gradient["point"]).max()) == 0


def test_a_start_can_be_given():
    task = landscape_task(find_landscape("himmelblau"), (1.0, 2.0))
    assert task.init(jax.random.key(3))["point"].tolist() == [1, 2]


def test_one_row_one_step_an_epoch_five_hundred_epochs():
    task = surface_task("ackley")
    data = task_data(task)
    assert (task.batch_size, task.epochs, len(data.train["index"])) == (1, 500, 1)


def test_unknown_landscape_is_said():
    with pytest.raises(UnknownNameError):
        surface_task("everest")
