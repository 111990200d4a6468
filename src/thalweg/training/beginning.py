"""Where a run begins: the task's own start of the seed, or what initializers and other runs make of it."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from thalweg.errors import TaskError
from thalweg.initializers import initialize, matching, parse_bias, parse_initializer
from thalweg.tasks.base import Data, Task
from thalweg.tasks.start import Start, measure, start_of

__all__ = ["begin", "parameter_paths"]


def begin(task: Task, data: Data, seed: int, beginning: tuple[str, str, str], loaded: Mapping[str, Any]) -> Start:
    """Return where runs of a seed begin.

    Args:
        task: The task.
        data: Its splits.
        seed: Seed of the runs.
        beginning: Notations of initializer, biases and another run; empty for the task's own.
        loaded: Parameters by path of the other runs, by that notation.

    Raises:
        TaskError: The loss there is not finite.
        UsageError: An initializer does not suit the model.
    """
    own = start_of(task, data, seed)
    initializer, biases, other = beginning
    if not any(beginning):
        return own
    paths = parameter_paths(task)
    arrays = dict(zip(paths, own.leaves, strict=True))
    if initializer or biases:
        arrays = initialize(
            arrays,
            parse_initializer(initializer) if initializer else None,
            [parse_bias(text) for text in biases.split("+") if text],
            roles=task.roles,
            output=task.output,
            targets=data.train.get("y"),
            seed=seed,
        )
    if other:
        taken, _ = matching(arrays, loaded[other])
        arrays = {**arrays, **taken}
    leaves = tuple(np.asarray(arrays[path], leaf.dtype) for path, leaf in zip(paths, own.leaves, strict=True))
    loss, metric = (float(value) for value in _measured(task)(leaves, dict(data.validation)))
    if not math.isfinite(loss):
        given = initializer or biases or other
        raise TaskError(
            f"task {task.name!r}: the loss at the start is {loss} with initializer {given!r}; choose smaller weights."
        )
    return Start(leaves, loss, metric)


def parameter_paths(task: Task) -> tuple[str, ...]:
    """Return the path of each parameter array, such as ``layer1.weight``, in JAX's order."""
    params = jax.eval_shape(task.init, jax.eval_shape(lambda: jax.random.key(0)))
    found = jax.tree_util.tree_leaves_with_path(params)
    return tuple(jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in found)


@lru_cache(maxsize=16)
def _measured(task: Task) -> Callable[[tuple[np.ndarray, ...], Any], tuple[Any, Any]]:
    treedef = jax.tree.structure(jax.eval_shape(task.init, jax.eval_shape(lambda: jax.random.key(0))))

    def program(leaves: tuple[Any, ...], split: Any) -> tuple[Any, Any]:
        return measure(task, jax.tree.unflatten(treedef, list(leaves)), split)

    return jax.jit(program)
