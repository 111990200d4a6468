"""What a task is: data, a model's initial parameters, a loss to minimize, a metric to judge by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

__all__ = ["Batch", "Data", "Metric", "Params", "Split", "Target", "Task"]

Params: TypeAlias = Any  # any pytree of JAX arrays
Split: TypeAlias = Mapping[str, np.ndarray]  # arrays of equal length along the first axis
Batch: TypeAlias = Mapping[str, Any]  # the same names, rows of one minibatch


@dataclass(frozen=True)
class Data:
    """The fixed splits of a task.

    Attributes:
        train: Arrays by name, e.g. ``{"x": (n, 64) float32, "y": (n,) int32}``.
        validation: Likewise; everything is selected on it.
        test: Likewise; read once, at the end.
    """

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Metric:
    """How a task judges a trained model.

    Attributes:
        name: E.g. ``accuracy``, ``RMSE``.
        function: ``(params, split) -> 0-d array``, a pure JAX function of a whole split.
        larger_is_better: Direction.
        unit: Unit, empty if it has none.
    """

    name: str
    function: Callable[[Params, Batch], Any]
    larger_is_better: bool
    unit: str = ""


@dataclass(frozen=True)
class Target:
    """What counts as solved; ships with the task, never taken from the contenders.

    Attributes:
        quantity: ``validation_loss`` (to reach or fall below) or ``validation_metric`` (in the
            metric's direction).
        value: The value to reach.
    """

    quantity: Literal["validation_loss", "validation_metric"]
    value: float


@dataclass(frozen=True, eq=False)
class Task:
    """Something to train, from pure JAX functions. Two tasks are equal only if they are the same object.

    Attributes:
        name: Name on the command line, ``data-model``.
        init: ``key -> params``: initial parameters from a JAX random key.
        loss: ``(params, batch) -> 0-d array``: mean loss over the batch's rows.
        data: The splits, or a function without arguments that returns them.
        metric: The metric, or None to judge by the loss itself.
        batch_size: Default examples per step; the whole training set if larger than it.
        epochs: Default passes over the training data.
        target: What counts as solved, or None.
        title: One line for people.
        description: A paragraph for people.
        source: Where the data comes from.
        licence: Licence of the data.
        loss_name: Name and unit of the loss for axes, e.g. ``cross-entropy (nats)``.
        version: Raised when data or definition changes, so that stored runs are not mixed.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> def init(key):
        ...     return {"w": jnp.zeros(3)}
        >>> def loss(params, batch):
        ...     return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)
        >>> rng = np.random.default_rng(0)
        >>> def split(n):
        ...     x = rng.normal(size=(n, 3)).astype(np.float32)
        ...     return {"x": x, "y": x @ np.array([1, 2, 3], np.float32)}
        >>> task = Task("plane", init, loss, Data(split(64), split(32), split(32)), batch_size=16)
    """

    name: str
    init: Callable[[Any], Params]
    loss: Callable[[Params, Batch], Any]
    data: Data | Callable[[], Data]
    metric: Metric | None = None
    batch_size: int = 32
    epochs: int = 30
    target: Target | None = None
    title: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    loss_name: str = "loss"
    version: int = 1
