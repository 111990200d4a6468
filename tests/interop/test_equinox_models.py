"""Equinox models train as a loop written by hand with Equinox itself does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from literal_models import BATCH, by_hand, cross_entropy, key_of_step, some_digits, trained

import thalweg as tw
from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop import task_from_equinox

STEPS = 12


class Net(eqx.Module):
    """Batch norm with eqx.nn.State and dropout with a key."""

    inner: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    outer: eqx.nn.Linear

    def __init__(self, key, mode="batch"):
        first, second = jax.random.split(key)
        self.inner = eqx.nn.Linear(64, 12, key=first)
        self.norm = eqx.nn.BatchNorm(12, "batch", mode=mode, momentum=0.9)
        self.drop = eqx.nn.Dropout(0.3)
        self.outer = eqx.nn.Linear(12, 10, key=second)

    def __call__(self, x, state, *, key=None):
        x, state = self.norm(self.inner(x), state)
        return self.outer(self.drop(jax.nn.relu(x), key=key)), state


class Reader(eqx.Module):
    """Attention over the rows of an image, then a recurrent cell that scans them."""

    attention: eqx.nn.MultiheadAttention
    cell: eqx.nn.GRUCell
    outer: eqx.nn.Linear

    def __init__(self, key):
        one, two, three = jax.random.split(key, 3)
        self.attention = eqx.nn.MultiheadAttention(2, 8, key=one)
        self.cell = eqx.nn.GRUCell(8, 12, key=two)
        self.outer = eqx.nn.Linear(12, 10, key=three)

    def __call__(self, x):
        rows = x.reshape(8, 8)
        rows = rows + self.attention(rows, rows, rows)
        last, _ = jax.lax.scan(lambda h, row: (self.cell(row, h), None), jnp.zeros(12), rows)
        return self.outer(last)


@pytest.mark.parametrize("mode", ["batch", "ema"])
def test_batch_norm_and_dropout_train_as_by_hand(mode: str) -> None:
    data = some_digits()
    make = eqx.nn.make_with_state(Net)
    run = trained(task_from_equinox("net", lambda key: make(key, mode), data, batch_size=BATCH))
    model, state = make(jax.random.key(3), mode)
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def loss(params, state, x, y, number):
        keys = jax.random.split(key_of_step(number), len(x))
        logits, state = jax.vmap(
            lambda row, key: eqx.combine(params, static)(row, state, key=key), axis_name="batch", out_axes=(0, None)
        )(x, keys)
        return cross_entropy(logits, y), state

    params, state = by_hand(loss, params, state, data, STEPS)
    final = eqx.nn.inference_mode(eqx.combine(params, static))
    logits, _ = jax.vmap(final, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(data.validation["x"], state)
    assert run.result.validation_loss == pytest.approx(float(cross_entropy(logits, data.validation["y"])), rel=1e-4)
    np.testing.assert_allclose(run.parameters["outer.weight"].T, params.outer.weight, rtol=1e-3, atol=1e-5)


def test_attention_and_recurrence_train_as_by_hand() -> None:
    data = some_digits()
    run = trained(task_from_equinox("reader", lambda key: Reader(key), data, batch_size=BATCH))
    params, static = eqx.partition(Reader(jax.random.key(3)), eqx.is_inexact_array)

    def loss(params, state, x, y, number):
        return cross_entropy(jax.vmap(eqx.combine(params, static))(x), y), state

    params, _ = by_hand(loss, params, {}, data, STEPS)
    logits = jax.vmap(eqx.combine(params, static))(data.validation["x"])
    assert run.result.validation_loss == pytest.approx(float(cross_entropy(logits, data.validation["y"])), rel=1e-4)


def test_weights_stand_with_their_outputs_last() -> None:
    net = task_from_equinox("mlp", lambda key: eqx.nn.MLP(64, 10, 32, 1, key=key), some_digits())
    shapes = {path: value.shape for path, value in net.init(jax.random.key(0)).items()}
    assert shapes["layers.0.weight"] == (64, 32)
    run = tw.train(net, "sgd", {"learning_rate": 0.0}, initializer="he", epochs=1, store="sqlite://")
    assert np.std(run.parameters["layers.0.weight"]) == pytest.approx((2 / 64) ** 0.5, rel=0.1)


def test_kernels_stand_with_their_inputs_and_outputs_last() -> None:
    def make(key):
        return eqx.nn.Conv2d(4, 8, (3, 5), key=key), eqx.nn.ConvTranspose2d(8, 2, (3, 5), key=key)

    class Both(eqx.Module):
        parts: tuple[eqx.nn.Conv2d, eqx.nn.ConvTranspose2d]

        def __call__(self, x):
            return self.parts[1](self.parts[0](x.reshape(4, 4, 4), key=None)).reshape(-1)[:10]

    task = task_from_equinox("both", lambda key: Both(make(key)), some_digits())
    params, (there, back) = task.init(jax.random.key(0)), make(jax.random.key(0))
    assert params["parts.0.weight"].shape == (3, 5, 4, 8)
    assert params["parts.1.weight"].shape == (3, 5, 8, 2)
    assert params["parts.0.weight"][1, 2, 3, 7] == there.weight[7, 3, 1, 2]
    assert params["parts.1.weight"][1, 2, 7, 1] == back.weight[1, 7, 1, 2]


def test_a_module_of_whole_batches() -> None:
    class Whole(eqx.Module):
        weight: jax.Array
        order: jax.Array  # whole numbers are kept beside the parameters

        def __init__(self, key):
            self.weight = jax.random.normal(key, (64, 10)) * 0.1
            self.order = jnp.arange(64)[::-1]

        def __call__(self, x):
            return x[:, self.order] @ self.weight

    task = task_from_equinox("whole", Whole, some_digits(), batched=True, batch_size=BATCH)
    run = trained(task)
    assert run.result.validation_loss < run.result.curve.validation_loss[0]
    np.testing.assert_array_equal(run.parameters["state.order"], np.arange(64.0)[::-1])


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (eqx.nn.MLP(64, 10, 8, 1, key=jax.random.key(0)), InvalidValueError, "give a function of a key"),
        (lambda key: {"w": key}, TaskError, "its make returned a dict"),
        (lambda key: eqx.nn.Linear(3, 10, key=key), TaskError, "its loss raised"),
    ],
)
def test_mistakes_are_told_in_a_sentence(make, error, said: str) -> None:
    with pytest.raises(error) as told:
        tw.train(task_from_equinox("t", make, some_digits()), "sgd", store="sqlite://")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
