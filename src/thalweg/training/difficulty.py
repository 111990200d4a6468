"""How difficult each training example is: its loss under a reference model trained on all of them."""

import contextlib
from functools import partial
from typing import Any

import jax
import numpy as np

from thalweg.optimizers import Adam
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks.base import Data, Task
from thalweg.training.batches import steps_per_epoch
from thalweg.training.devices import cache_folder
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member

__all__ = ["reference_losses"]

SEED = 1_000_003  # of the reference model, apart from the seeds of runs
EPOCHS = 5
CHUNK = 256  # examples judged at once


def reference_losses(task: Task, data: Data, version: str = "") -> np.ndarray:
    """Return the loss of each training example under a reference model, shape (n,) float64.

    Args:
        task: The task.
        data: Its splits.
        version: Fingerprint of the task, under which the losses are kept; empty keeps nothing.

    The reference is the task's own model after five epochs of Adam with its defaults, from a seed of its own.
    """
    path = cache_folder() / "difficulty" / f"{version[:32]}.npy"
    if version:
        with contextlib.suppress(OSError, ValueError):
            return np.load(path)
    losses = _judged(task, data, _reference(task, data))
    if version:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, losses)
    return losses


def _reference(task: Task, data: Data) -> Any:
    """Return the parameters of the reference model."""
    examples = len(next(iter(data.train.values())))
    size = min(task.batch_size, examples)
    steps = min(EPOCHS, task.epochs) * steps_per_epoch(examples, size)
    rule = Adam()
    spec = RunSpec("", "", OptimizerSpec(rule.name, {}), size, steps, steps, SEED)
    engine = Engine(task, data, [rule], size, steps, Plan(1, 1, 1), keep_parameters=True)
    for _ in engine.train([Member(spec, rule)]):
        pass
    treedef = jax.tree.structure(jax.eval_shape(task.init, jax.eval_shape(lambda: jax.random.key(0))))
    return jax.tree.unflatten(treedef, list(engine.parameters[spec.fingerprint]))


def _judged(task: Task, data: Data, params: Any) -> np.ndarray:
    @jax.jit
    def losses(rows: Any) -> Any:
        return jax.vmap(lambda row: task.loss(params, jax.tree.map(partial(jax.numpy.expand_dims, axis=0), row)))(rows)

    train = dict(data.train)
    count = len(next(iter(train.values())))
    parts = []
    for first in range(0, count, CHUNK):
        index = np.arange(first, first + CHUNK) % count  # one shape, so one compilation
        part = np.asarray(losses({name: array[index] for name, array in train.items()}), np.float64)
        parts.append(part[: count - first])
    return np.concatenate(parts)
