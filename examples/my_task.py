"""A task of one's own: tell wines apart by their chemistry.

A task is five things: data in three parts, initial parameters, a loss, a metric, and how long to train. The functions
are plain JAX: pure, without `if` on an array's value, with `jax.numpy` in place of NumPy. Try it with

    thalweg compare examples/my_task.py --effort quick
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_wine

import thalweg
from thalweg.tasks import split, standardize

FEATURES, HIDDEN, CLASSES = 13, 16, 3


def data():
    """Return 178 wines in three fixed parts; called once, when the task is used."""
    chemistry, cultivar = load_wine(return_X_y=True)
    arrays = {"x": np.asarray(chemistry, np.float32), "y": np.asarray(cultivar, np.int32)}
    return standardize(split(arrays, fractions=(0.6, 0.2, 0.2), seed=0, stratify="y"))


def init(key):
    """Return initial parameters: any nesting of dictionaries, lists and tuples of floating-point arrays."""
    first, second = jax.random.split(key)
    return {
        "hidden": {
            "weight": jax.random.normal(first, (FEATURES, HIDDEN)) * (2 / FEATURES) ** 0.5,
            "bias": jnp.zeros(HIDDEN),
        },
        "output": {
            "weight": jax.random.normal(second, (HIDDEN, CLASSES)) * (2 / (HIDDEN + CLASSES)) ** 0.5,
            "bias": jnp.zeros(CLASSES),
        },
    }


def logits(params, x):
    """Return a score for each class, shape (rows, classes)."""
    hidden = jax.nn.relu(x @ params["hidden"]["weight"] + params["hidden"]["bias"])
    return hidden @ params["output"]["weight"] + params["output"]["bias"]


def loss(params, batch):
    """Return the mean cross-entropy of the batch's rows: one number."""
    log_probability = jax.nn.log_softmax(logits(params, batch["x"]))
    return -jnp.mean(jnp.sum(log_probability * jax.nn.one_hot(batch["y"], CLASSES), axis=-1))


def accuracy(params, split):
    """Return the share of wines told right, over a whole split."""
    return jnp.mean(jnp.argmax(logits(params, split["x"]), axis=-1) == split["y"])


wine = thalweg.Task(
    name="wine-mlp",
    init=init,
    loss=loss,
    data=data,
    metric=thalweg.Metric("accuracy", accuracy, larger_is_better=True),
    batch_size=16,
    epochs=40,
    target=thalweg.Target("validation_loss", 0.1),
    title="Wine cultivars, perceptron 13-16-3",
    source="Wine (S. Aeberhard and M. Forina, UCI Machine Learning Repository, 1992, doi:10.24432/C5PC7J)",
    licence="CC BY 4.0",
    loss_name="cross-entropy (nats)",
)
