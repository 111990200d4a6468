"""A training loop written out by hand, and small data, for tests of models of other libraries."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import thalweg as tw
from thalweg.tasks import split, standardize
from thalweg.training.batches import batch_rows

RATE, BATCH, SEED = 0.2, 16, 3


def some_digits() -> tw.Data:
    """Return 160 handwritten digits, 96 of them for training."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    arrays = {"x": np.asarray(images[:160], np.float32), "y": np.asarray(labels[:160], np.int32)}
    return standardize(split(arrays, fractions=(0.6, 0.2, 0.2), seed=0), scale="all")


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Return the mean cross-entropy by its formula."""
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])


def by_hand(
    loss: Callable[[Any, Any, Any, Any, int], tuple[Any, Any]], params: Any, state: Any, data: tw.Data, steps: int
) -> tuple[Any, Any]:
    """Return parameters and state after some steps of gradient descent.

    Args:
        loss: ``(params, state, x, y, step) -> (loss, new state)``, steps counted from 1.
        params: Where to begin.
        state: Likewise.
        data: The data.
        steps: How many.
    """
    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    for number, rows in enumerate(batch_rows(SEED, len(data.train["x"]), BATCH, 0, steps), start=1):
        (_, state), slope = step(params, state, data.train["x"][rows], data.train["y"][rows], number)
        params = jax.tree.map(lambda p, g: p - RATE * g, params, slope)
    return params, state


def trained(task: tw.Task, epochs: int = 2) -> Any:
    """Return a run of gradient descent on the task."""
    return tw.train(task, "sgd", {"learning_rate": RATE}, epochs=epochs, seed=SEED, store="sqlite://")


def key_of_step(number: int) -> Any:
    """Return the key that the engine gives a training loss at a step of the seed."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(SEED), number), 0)
