"""Dropout: what is kept, what it is scaled to, and what never changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from thalweg.tasks.base import Context
from thalweg.tasks.models import dropout, mlp

X = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_kept_numbers_are_those_of_torch_and_their_share_is_right(rate):
    found = np.asarray(dropout(jax.random.key(1), jnp.asarray(X), jnp.float32(rate)))
    theirs = torch.nn.functional.dropout(torch.tensor(X), rate, training=True).numpy()
    both = (found != 0) & (theirs != 0)
    assert both.any()
    np.testing.assert_allclose(found[both], theirs[both], rtol=2e-4)  # the rate acts in steps of 2⁻¹⁶
    kept = (found != 0).mean()
    assert abs(kept - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / X.size) + 2**-16
    rows = (found != 0).mean(axis=1)  # independent from row to row: binomial spread
    assert rows.std() == pytest.approx(np.sqrt(rate * (1 - rate) / X.shape[1]), rel=0.15)


def test_mean_over_masks_is_the_input():
    keys = jax.random.split(jax.random.key(0), 4000)
    mean = jax.jit(jax.vmap(lambda key: dropout(key, jnp.asarray(X[0, :20]), jnp.float32(0.3))))(keys).mean(axis=0)
    deviation = np.abs(X[0, :20]) * np.sqrt(0.3 / 0.7 / 4000)
    assert (np.abs(np.asarray(mean) - X[0, :20]) < 4.5 * deviation).all()


def test_rate_zero_is_the_identity_to_the_last_bit_and_gradients_flow_through_what_is_kept():
    key, x = jax.random.key(0), jnp.asarray(X)
    np.testing.assert_array_equal(dropout(key, x, jnp.float32(0)), X)
    slope = jax.grad(lambda x: jnp.sum(dropout(key, x, jnp.float32(0.5))))(x)
    np.testing.assert_array_equal(slope, np.where(np.asarray(dropout(key, x, jnp.float32(0.5))) != 0, 2.0, 0.0))


def test_masks_follow_the_key_and_no_rate_recompiles():
    traced = []

    @jax.jit
    def drop(key, rate):
        traced.append(1)
        return dropout(key, jnp.ones(1000), rate)

    first = drop(jax.random.key(0), jnp.float32(0.4))
    np.testing.assert_array_equal(first, drop(jax.random.key(0), jnp.float32(0.4)))
    assert (np.asarray(first) != np.asarray(drop(jax.random.key(1), jnp.float32(0.4)))).mean() > 0.3
    assert (np.asarray(first) != np.asarray(drop(jax.random.key(0), jnp.float32(0.8)))).any()
    assert len(traced) == 1


def test_evaluation_drops_nothing_and_layers_drop_apart():
    model = mlp((6, 50, 50, 2), activation="identity")
    params = model.init(jax.random.key(0))
    x = jnp.asarray(X[:3, :6])
    zero, half = (Context(jax.random.key(0), jnp.float32(rate), None, None) for rate in (0, 0.5))
    np.testing.assert_array_equal(model.train(params, x, zero)[0], model.apply(params, x))
    assert np.abs(model.train(params, x, half)[0] - model.apply(params, x)).max() > 0.01
    masks = [np.asarray(dropout(jax.random.fold_in(half.key, n), jnp.ones((3, 50)), 0.5)) for n in (1, 2)]
    assert (masks[0] != masks[1]).mean() > 0.3
    hidden = (np.asarray(x) @ params["layer1"]["weight"]) * masks[0]
    expected = (hidden @ params["layer2"]["weight"] * masks[1]) @ params["layer3"]["weight"]
    np.testing.assert_allclose(model.train(params, x, half)[0], expected, rtol=1e-4, atol=1e-4)
