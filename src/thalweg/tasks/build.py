"""Make a task of a model and data: the two usual kinds, classification and regression."""

from collections.abc import Callable
from typing import Any

from thalweg.tasks.base import Batch, Data, Metric, Params, Task

__all__ = ["classification", "regression"]


def classification(
    name: str,
    init: Callable[[Any], Params],
    apply: Callable[[Params, Any], Any],
    data: Data | Callable[[], Data],
    **fields: Any,
) -> Task:
    """Return a task with cross-entropy (nats) as loss and accuracy as metric.

    Args:
        name: Name of the task.
        init: ``key -> params``.
        apply: ``(params, x) -> logits`` of shape (n, classes).
        data: Splits with ``x`` of shape (n, …) and integer labels ``y`` of shape (n,).
        fields: Further fields of :class:`~thalweg.tasks.Task`: batch_size, epochs, target, title …

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> part = {"x": np.eye(2, dtype=np.float32), "y": np.arange(2)}
        >>> task = classification("signs", lambda key: {"w": jnp.zeros((2, 2))}, lambda p, x: x @ p["w"],
        ...                       Data(part, part, part), batch_size=2)
        >>> round(float(task.loss(task.init(None), part)), 3)
        0.693
    """
    from thalweg.tasks import losses  # here, so that listing tasks does not load JAX

    def loss(params: Params, batch: Batch) -> Any:
        return losses.cross_entropy(apply(params, batch["x"]), batch["y"])

    def accuracy(params: Params, batch: Batch) -> Any:
        return losses.accuracy(apply(params, batch["x"]), batch["y"])

    metric = Metric("accuracy", accuracy, larger_is_better=True)
    return Task(name, init, loss, data, metric, **{"loss_name": "cross-entropy (nats)", **fields})


def regression(
    name: str,
    init: Callable[[Any], Params],
    apply: Callable[[Params, Any], Any],
    data: Data | Callable[[], Data],
    *,
    unit: str = "",
    scale: float = 1.0,
    **fields: Any,
) -> Task:
    """Return a task with the mean squared error as loss and the RMSE, in the target's own unit, as metric.

    Args:
        name: Name of the task.
        init: ``key -> params``.
        apply: ``(params, x) -> predictions`` of shape (n,) or (n, 1).
        data: Splits with ``x`` of shape (n, …) and targets ``y`` of shape (n,).
        unit: Unit of the original target, e.g. ``CAD``.
        scale: Original units per unit of ``y``, if ``y`` was scaled.
        fields: Further fields of :class:`~thalweg.tasks.Task`: batch_size, epochs, target, title …

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> part = {"x": np.ones((4, 1), np.float32), "y": np.full(4, 2, np.float32)}
        >>> task = regression("two", lambda key: {"w": jnp.zeros(1)}, lambda p, x: x @ p["w"],
        ...                   Data(part, part, part), unit="kg", scale=10)
        >>> params = task.init(None)
        >>> float(task.loss(params, part)), float(task.metric.function(params, part))
        (4.0, 20.0)
    """
    from thalweg.tasks import losses  # here, so that listing tasks does not load JAX

    def loss(params: Params, batch: Batch) -> Any:
        return losses.squared_loss(apply(params, batch["x"]), batch["y"])

    def error(params: Params, batch: Batch) -> Any:
        return losses.rmse(apply(params, batch["x"]), batch["y"], scale)

    metric = Metric("RMSE", error, larger_is_better=False, unit=unit)
    return Task(name, init, loss, data, metric, **{"loss_name": "mean squared error", **fields})
