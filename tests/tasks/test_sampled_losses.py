"""Losses on labels drawn from the model: which tasks have them, what they are, and what is wrong with a user's."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.errors import TaskError
from thalweg.tasks import find_task, task_data, with_options
from thalweg.tasks.check import check_task
from thalweg.tasks.losses import sampled_cross_entropy


def test_labels_are_drawn_by_the_model_and_carry_no_gradient() -> None:
    logits = jnp.log(jnp.array([[0.7, 0.2, 0.1]] * 20_000))
    value, count = sampled_cross_entropy(logits, jax.random.key(0))
    entropy = -sum(p * np.log(p) for p in (0.7, 0.2, 0.1))
    assert count == 20_000
    assert float(value) == pytest.approx(entropy, abs=0.02)  # the mean of 20,000 numbers of standard deviation 0.65
    slope = jax.grad(lambda z: sampled_cross_entropy(z, jax.random.key(0))[0])(logits).sum(0)
    np.testing.assert_allclose(slope, 0.0, atol=0.02)  # a score has mean zero only if the labels are the model's


@pytest.mark.parametrize("name", ["digits", "digits-cnn", "text-gru"])
def test_built_in_classification_has_one_that_counts_its_labels(name: str) -> None:
    task = find_task(name)
    if name == "text-gru":
        task = with_options(task, window=8, characters=10_000)
    batch = {key: value[:4] for key, value in task_data(task).train.items()}
    params = jax.eval_shape(task.init, jax.random.key(0))
    shape, count = jax.eval_shape(lambda p: task.sampled_loss(p, batch, jax.random.key(0)), params)
    assert shape.shape == ()
    drawn = jax.eval_shape(lambda p: jnp.zeros(task.sampled_loss(p, batch, jax.random.key(0))[1]), params)
    assert drawn.shape == (np.size(batch["y"]),)
    assert count.shape == ()


def test_normalization_works_on_the_minibatch() -> None:
    task = with_options(find_task("digits"), normalization="batch")
    batch = {key: value[:16] for key, value in task_data(task).train.items()}
    params = jax.jit(task.init)(jax.random.key(0))
    moved = {**params, "state": jax.tree.map(lambda a: a + 3.0, params["state"])}
    loss = jax.jit(lambda p: task.sampled_loss(p, batch, jax.random.key(0))[0])
    one, other = loss(params), loss(moved)
    assert float(one) == float(other), "running averages play no part while training"


def test_regression_has_none() -> None:
    assert find_task("house-prices").sampled_loss is None


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda p, b, k: jnp.zeros(()), "its sampled loss returned a ShapeDtypeStruct; return (loss, number)"),
        (lambda p, b, k: (jnp.zeros(2), 4), "its sampled loss returned an array of shape (2,); return one number"),
        (lambda p, b, k: (jnp.zeros(()), jnp.zeros(3)), "its sampled loss gives no number of labels"),
        (lambda p, b, k: 1 / 0, "its sampled loss raised ZeroDivisionError"),
    ],
)
def test_a_wrong_one_is_told(function, sentence: str) -> None:
    with pytest.raises(TaskError) as caught:
        check_task(dataclasses.replace(find_task("breast-cancer"), sampled_loss=function))
    assert sentence in str(caught.value)
