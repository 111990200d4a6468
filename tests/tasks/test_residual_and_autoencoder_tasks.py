"""Residual networks against a literal one in torch; the autoencoder; both learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from thalweg.tasks import find_task, task_data, with_options
from thalweg.tasks.autoencoder import GREY_LEVELS
from thalweg.tasks.base import STATE, Context
from thalweg.tasks.models import residual_network

NO_TECHNIQUE = Context(jax.random.key(0), None, None, None)


def literal(params, images, plan, skip):
    """Return the outputs in training mode; ``plan`` has (channels, stride) of each block."""

    def convolution(number, x, stride=1):
        weight = torch.tensor(np.array(params[f"layer{number}"]["weight"]))
        kernel = weight.reshape(3, 3, -1, weight.shape[1]).permute(3, 2, 1, 0)  # the last axis is outermost in a patch
        y = functional.conv2d(x, kernel, stride=stride, padding=1)
        scale, offset = (torch.tensor(np.array(params[f"norm{number}"][part])) for part in ("scale", "offset"))
        return functional.batch_norm(y, None, None, scale, offset, training=True)

    x = functional.relu(convolution(1, torch.tensor(images)[:, None]))
    for block, (channels, stride) in enumerate(plan):
        y = convolution(2 * block + 3, functional.relu(convolution(2 * block + 2, x, stride)))
        past = torch.zeros_like(y)
        past[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
        assert y.shape[1] == channels
        x = functional.relu(y + past if skip else y)
    last = params[f"layer{2 * len(plan) + 2}"]
    return x.mean((2, 3)) @ torch.tensor(np.array(last["weight"])) + torch.tensor(np.array(last["bias"]))


@pytest.mark.parametrize("skip", [True, False])
def test_network_equals_the_literal_one(skip):
    model = residual_network((8, 8, 1), 10, 3, 10, skip=skip)
    images = np.random.default_rng(0).normal(size=(4, 8, 8))
    with jax.enable_x64(True):
        params = jax.tree.map(lambda a: a.astype(jnp.float64), jax.jit(model.init)(jax.random.key(0)))
        moved = np.random.default_rng(1)
        for name in params:
            if name.startswith("norm"):
                params[name] = {part: jnp.asarray(moved.uniform(0.5, 1.5, a.shape)) for part, a in params[name].items()}
        found, state = jax.jit(lambda p, x: model.train(p, x, NO_TECHNIQUE))(params, images.reshape(4, 64))
    # four blocks in three stages: the first stage has two
    expected = literal(params, images, [(3, 1), (3, 1), (6, 2), (12, 2)], skip)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-9, atol=1e-9)
    assert set(state) == {f"norm{number}" for number in range(1, 10)}


@pytest.mark.parametrize(
    ("depth", "layers"), [(4, [2]), (6, [2, 4]), (8, [2, 4, 8]), (20, [2, 4, 8]), (202, [2, 4, 8])]
)
def test_depth_counts_the_layers_with_weights_and_skips_have_no_parameters(depth, layers):
    with_skip, without = (residual_network((8, 8, 1), depth, 2, 10, skip=skip) for skip in (True, False))
    params = jax.eval_shape(with_skip.init, jax.random.key(0))
    assert sum(name.startswith("layer") for name in params) == depth
    widths = [params[f"layer{number}"]["weight"].shape[1] for number in range(1, depth)]
    assert sorted(set(widths)) == layers
    assert widths == sorted(widths)
    assert jax.tree.structure(params) == jax.tree.structure(jax.eval_shape(without.init, jax.random.key(0)))


def test_a_skip_connection_carries_the_gradient_to_the_first_layer_of_a_deep_network():
    images = jnp.asarray(np.random.default_rng(0).normal(size=(4, 64)), jnp.float32)

    def first_gradient(skip):
        # Weights of a tenth: what goes through the blocks alone fades by that factor at every layer.
        model = residual_network((8, 8, 1), 10, 2, 3, skip=skip, normalization="none", activation="tanh")

        def loss(params):
            return jnp.sum(model.apply(params, images) ** 2)

        params = jax.tree.map(lambda a: 0.1 * a + 0.01, jax.jit(model.init)(jax.random.key(0)))
        return float(jnp.abs(jax.jit(jax.grad(loss))(params)["layer1"]["weight"]).max())

    assert first_gradient(True) > 1e2 * first_gradient(False)


def trained(task, steps, rate=0.1):
    data = task_data(task)
    train = {name: jnp.asarray(array[:128]) for name, array in data.train.items()}

    @jax.jit
    def step(params):
        kept = params.pop(STATE, {})

        def loss(params):
            return task.training_loss({**params, STATE: kept} if kept else params, train, NO_TECHNIQUE)

        (value, kept), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        params = jax.tree.map(lambda w, g: w - rate * g, params, gradient)
        return ({**params, STATE: kept} if kept else params), value

    params = jax.jit(task.init)(jax.random.key(0))
    for _ in range(steps):
        params, value = step(params)
    return params, float(value), data


def test_residual_network_learns_digits():
    task = with_options(find_task("digits-resnet"), depth=4, width=8)
    params, value, data = trained(task, 150, rate=1.0)
    assert value < 0.5 < np.log(10)
    # evaluation follows the running averages, which have seen these rows
    accuracy = jax.jit(task.metric.function)(params, {name: array[:128] for name, array in data.train.items()})
    assert float(accuracy) > 0.85


def test_autoencoder_learns_and_is_judged_in_grey_levels():
    task = find_task("digits-autoencoder")
    start = jax.jit(task.init)(jax.random.key(0))
    params, value, data = trained(task, 300, rate=1.0)
    assert float(task.loss(start, data.validation)) > 0.9
    assert value < 0.6
    rmse = float(task.metric.function(params, data.validation))
    assert rmse == pytest.approx(GREY_LEVELS * float(task.loss(params, data.validation)) ** 0.5, rel=1e-5)
    assert task.metric.unit == "grey levels"


def test_grey_levels_are_those_of_the_raw_images():
    from sklearn.datasets import load_digits

    data, raw = task_data(find_task("digits-autoencoder")), load_digits().data
    x = np.concatenate([part["x"] for part in (data.train, data.validation, data.test)])
    assert np.ptp(raw[:, 20]) / np.ptp(x[:, 20]) == pytest.approx(GREY_LEVELS, rel=1e-4)
    np.testing.assert_array_equal(data.train["y"], data.train["x"])


def test_first_layer_of_the_autoencoder_is_that_of_digits():
    ours, theirs = (jax.eval_shape(find_task(n).init, jax.random.key(0)) for n in ("digits-autoencoder", "digits"))
    assert jax.tree.map(lambda a: a.shape, ours["layer1"]) == jax.tree.map(lambda a: a.shape, theirs["layer1"])
    np.testing.assert_array_equal(
        task_data(find_task("digits-autoencoder")).train["x"], task_data(find_task("digits")).train["x"]
    )
