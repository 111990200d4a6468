"""Normalization against torch and Keras, in populations and at the edge of one number per channel."""

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from thalweg.tasks.base import STATE, Context
from thalweg.tasks.models import batch_normalize, init_normalization, layer_normalize, mlp
from thalweg.tasks.models.normalization import MOMENTUM

NO_TECHNIQUE = Context(jax.random.key(0), None, None, None)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(1.5, 2.0, shape)


def fresh(channels, seed=1):
    rng = np.random.default_rng(seed)
    norm = {"scale": rng.uniform(0.5, 2, channels), "offset": rng.normal(size=channels)}
    return norm, {"mean": np.zeros(channels), "variance": np.ones(channels)}


@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 6, 3), (2, 3)])
def test_batch_normalization_equals_torch_step_by_step(shape):
    norm, running = fresh(3)
    theirs = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(norm["scale"]))
        theirs.bias.copy_(torch.tensor(norm["offset"]))
    pull = numbers(shape, 9)

    @jax.jit
    def value_and_slopes(norm, x, running):
        def pulled(norm, x):
            found, moved = batch_normalize(norm, running, x, training=True)
            return jnp.sum(found * pull), (found, moved)

        return jax.value_and_grad(pulled, (0, 1), has_aux=True)(norm, x)

    with jax.enable_x64(True):
        for seed in range(3):
            x = numbers(shape, seed)
            given = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
            expected = theirs(given)
            theirs.zero_grad()
            (expected * torch.tensor(np.moveaxis(pull, -1, 1))).sum().backward()
            (_, (found, running)), slopes = value_and_slopes(norm, x, running)
            close = {"rtol": 1e-9, "atol": 1e-10}
            np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected.detach().numpy(), **close)
            np.testing.assert_allclose(np.moveaxis(slopes[1], -1, 1), given.grad.numpy(), **close)
            np.testing.assert_allclose(slopes[0]["scale"], theirs.weight.grad.numpy(), **close)
            np.testing.assert_allclose(slopes[0]["offset"], theirs.bias.grad.numpy(), **close)
            np.testing.assert_allclose(running["mean"], theirs.running_mean.numpy(), rtol=1e-12)
            np.testing.assert_allclose(running["variance"], theirs.running_var.numpy(), rtol=1e-12)
        theirs.eval()
        found, same = batch_normalize(norm, running, jnp.asarray(x), training=False)
        np.testing.assert_allclose(np.moveaxis(found, -1, 1), theirs(given).detach().numpy(), **close)
        assert same is running


def test_keras_normalizes_alike_and_its_running_averages_differ_as_stated():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    x = numbers((8, 3)).astype(np.float32)
    norm, running = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), fresh(3))
    theirs = keras.layers.BatchNormalization(epsilon=1e-5)  # its default is 1e-3
    theirs.build((None, 3))
    theirs.gamma.assign(np.asarray(norm["scale"]))
    theirs.beta.assign(np.asarray(norm["offset"]))
    expected = theirs(x, training=True)
    found, moved = jax.jit(partial(batch_normalize, training=True))(norm, running, x)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-4, atol=1e-5)
    ours, keras_mean = np.asarray(moved["mean"]), np.asarray(theirs.moving_mean)
    np.testing.assert_allclose(ours, keras_mean * MOMENTUM / (1 - theirs.momentum), rtol=1e-5)
    # 1 + share · (variance − 1), with count − 1 here and the count there
    spread = x.astype(np.float64).var(axis=0)
    np.testing.assert_allclose(moved["variance"], 0.9 + 0.1 * spread * 8 / 7, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(theirs.moving_variance), 0.99 + 0.01 * spread, rtol=1e-5)


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 3, 6)])
def test_layer_normalization_and_its_gradient_equal_torch(shape):
    norm, _ = fresh(6)
    theirs = torch.nn.LayerNorm(6, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(norm["scale"]))
        theirs.bias.copy_(torch.tensor(norm["offset"]))
    x = torch.tensor(numbers(shape), requires_grad=True)
    expected = theirs(x)
    (expected**3).sum().backward()
    with jax.enable_x64(True):
        found = jax.jit(layer_normalize)(norm, x.detach().numpy())
        slope = jax.jit(jax.grad(lambda x: jnp.sum(layer_normalize(norm, x) ** 3)))(x.detach().numpy())
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-8, atol=1e-9)


def test_members_of_a_population_have_their_own_statistics():
    model = mlp((5, 4, 3), normalization="batch")
    init = jax.jit(model.init)
    members = [init(jax.random.key(seed)) for seed in range(3)]
    batches = [jnp.asarray(numbers((6, 5), seed), jnp.float32) for seed in range(3)]

    def loss(params, x):
        outputs, state = model.train(params, x, NO_TECHNIQUE)
        return jnp.sum(outputs**2), state

    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    graded = jax.value_and_grad(loss, has_aux=True)
    (many, states), gradients = jax.jit(jax.vmap(graded))(together, jnp.stack(batches))
    graded = jax.jit(graded)
    for index, (params, x) in enumerate(zip(members, batches, strict=True)):
        (one, state), gradient = graded(params, x)
        assert float(many[index]) == pytest.approx(float(one), rel=1e-5)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index], (states, gradients))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5), mine, (state, gradient))
    means = np.asarray(states["norm1"]["mean"])
    assert np.abs(means[0] - means[1]).max() > 1e-3


def test_running_averages_reach_the_statistics_of_the_data_and_serve_evaluation():
    model = mlp((5, 4, 3), normalization="batch")
    params = jax.jit(model.init)(jax.random.key(0))
    x = jnp.asarray(numbers((200, 5)), jnp.float32)
    train = jax.jit(lambda params, x: model.train(params, x, NO_TECHNIQUE))
    for _ in range(150):
        trained, state = train(params, x)
        params = {**params, STATE: state}
    hidden = np.asarray(x @ params["layer1"]["weight"], np.float64)
    np.testing.assert_allclose(params[STATE]["norm1"]["mean"], hidden.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(params[STATE]["norm1"]["variance"], hidden.var(axis=0, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(jax.jit(model.apply)(params, x), trained, atol=0.02)  # n and n − 1 differ by 0.5 %


def test_a_batch_of_one_gives_the_offset_and_no_nan():
    model = mlp((5, 4, 3), normalization="batch")
    params = jax.jit(model.init)(jax.random.key(0))

    def loss(params, x):
        outputs, state = model.train(params, x, NO_TECHNIQUE)
        return jnp.sum((outputs - 1) ** 2), (outputs, state)

    (_, (outputs, state)), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(params, jnp.ones((1, 5)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert not np.asarray(gradient["layer1"]["weight"]).any()
    assert not np.asarray(outputs).any()  # relu of an offset of 0, and no bias yet
    np.testing.assert_allclose(state["norm1"]["variance"], 0.9, rtol=1e-6)
    with pytest.raises(ValueError, match="more than 1 value"):
        torch.nn.BatchNorm1d(3)(torch.ones(1, 3))


def test_float32_gradient_is_right_far_from_zero():
    norm, running = fresh(3)
    x = 300 + numbers((16, 3))  # the mean of squares less the square of the mean would lose five digits

    def pulled(x):
        return jnp.sum(batch_normalize(norm, running, x, training=True)[0] ** 3)

    with jax.enable_x64(True):
        expected = jax.jit(jax.grad(pulled))(jnp.asarray(x))
    found = jax.jit(jax.grad(pulled))(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(found, expected, atol=2e-3)  # float32 keeps 300 to 3e-5, slopes are of order one


def test_batch_normalization_takes_the_place_of_the_bias():
    layers = {"layer1": {"weight": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    assert set(init_normalization(layers, "batch", {"norm1": 3})["layer1"]) == {"weight"}
    assert set(init_normalization(layers, "layer", {"norm1": 3})) == {"layer1", "norm1"}
    assert init_normalization(layers, "none", {"norm1": 3}) is layers
    assert set(layers["layer1"]) == {"weight", "bias"}
