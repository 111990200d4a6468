"""Where training begins: initial parameters of a seed, and what the data say of them.

Checking a task and starting its runs ask the same questions, so they share one compiled program.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.tasks.base import Batch, Data, Params, Task
from thalweg.tasks.callbacks import callback_errors

__all__ = ["Start", "StartingPoint", "first_batch", "measure", "start_of", "start_program"]


class StartingPoint(NamedTuple):
    """A seed's initial parameters and their measurements.

    Attributes:
        params: Initial parameters.
        batch_loss: Loss on the first rows of the training set.
        validation_loss: Loss on the validation set.
        validation_metric: Metric there; the loss again without a metric.
        finite_params: Per parameter array whether all of it is finite.
        finite_gradient: Likewise of the gradient of ``batch_loss``.
    """

    params: Params
    batch_loss: Any
    validation_loss: Any
    validation_metric: Any
    finite_params: Any
    finite_gradient: Any


class Start(NamedTuple):
    """Where the runs of a seed begin, on the host.

    Attributes:
        leaves: Initial parameters, in the order of JAX's flattening.
        loss: Validation loss.
        metric: Validation metric.
    """

    leaves: tuple[np.ndarray, ...]
    loss: float
    metric: float


def measure(task: Task, params: Params, split: Batch) -> tuple[Any, Any]:
    """Return loss and metric of one model on a whole split, 0-d each."""
    loss = task.loss(params, split)
    return loss, loss if task.metric is None else task.metric.function(params, split)


def first_batch(task: Task, data: Data) -> Batch:
    """Return the first rows of the training set, a minibatch of the task's own size at most."""
    return {name: np.asarray(array[: task.batch_size]) for name, array in data.train.items()}


@callback_errors()
def start_of(task: Task, data: Data, seed: int) -> Start:
    """Return where runs of a seed begin."""
    point = start_program(task)(np.int32(seed), first_batch(task, data), dict(data.validation))
    leaves = tuple(np.asarray(leaf) for leaf in jax.tree.leaves(point.params))
    return Start(leaves, float(point.validation_loss), float(point.validation_metric))


@lru_cache(maxsize=64)
def start_program(task: Task) -> Callable[[np.int32, Batch, Batch], StartingPoint]:
    """Return the compiled function ``(seed, first batch, validation) -> StartingPoint``."""

    def start(seed: Any, batch: Batch, validation: Batch) -> StartingPoint:
        params = task.init(jax.random.key(seed))
        batch_loss, gradient = jax.value_and_grad(task.loss)(params, batch)
        loss, metric = measure(task, params, validation)
        finite = [jax.tree.map(lambda a: jnp.all(jnp.isfinite(a)), tree) for tree in (params, gradient)]
        return StartingPoint(params, batch_loss, loss, metric, *finite)

    return jax.jit(start)
