"""Make a task of a model and data: the two usual kinds, classification and regression."""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from thalweg.tasks.base import Batch, Context, Data, Metric, Params, Task

__all__ = ["Train", "classification", "regression"]

Train: TypeAlias = Callable[[Params, Any, Context], tuple[Any, Any]]


def classification(
    name: str,
    init: Callable[[Any], Params],
    apply: Callable[[Params, Any], Any],
    data: Data | Callable[[], Data],
    *,
    train: Train | None = None,
    techniques: Collection[str] = (),
    **fields: Any,
) -> Task:
    """Return a task with cross-entropy (nats) as loss and accuracy as metric; training can smooth the labels.

    Args:
        name: Name of the task.
        init: ``key -> params``.
        apply: ``(params, x) -> logits`` of shape (n, classes).
        data: Splits with ``x`` of shape (n, …) and integer labels ``y`` of shape (n,).
        train: ``(params, x, context) -> (outputs, state)``, the model while training and the next value of
            ``params["state"]`` ({} if it keeps none); None if it is ``apply`` and keeps nothing.
        techniques: Fields of :class:`~thalweg.tasks.base.Context` that ``train`` heeds.
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

    def training_loss(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        logits, state = (apply(params, batch["x"]), {}) if train is None else train(params, batch["x"], context)
        return losses.cross_entropy(logits, batch["y"], context.label_smoothing), state

    def sampled_loss(params: Params, batch: Batch, key: Any) -> tuple[Any, int]:
        if train is None:
            return losses.sampled_cross_entropy(apply(params, batch["x"]), key)
        logits, _ = train(params, batch["x"], Context(key, None, None, None))
        return losses.sampled_cross_entropy(logits, key)

    metric = Metric("accuracy", accuracy, larger_is_better=True)
    told = {
        "loss_name": "cross-entropy (nats)",
        "training_loss": training_loss,
        "sampled_loss": sampled_loss,
        "techniques": frozenset({*techniques, "label_smoothing"}),
        "output": "classes",
    }
    return Task(name, init, loss, data, metric, **{**told, **fields})


def regression(
    name: str,
    init: Callable[[Any], Params],
    apply: Callable[[Params, Any], Any],
    data: Data | Callable[[], Data],
    *,
    unit: str = "",
    scale: float = 1.0,
    train: Train | None = None,
    techniques: Collection[str] = (),
    **fields: Any,
) -> Task:
    """Return a task with the mean squared error as loss and the RMSE, in the target's own unit, as metric.

    Args:
        name: Name of the task.
        init: ``key -> params``.
        apply: ``(params, x) -> predictions`` of shape (n,) or (n, 1), or that of ``y``.
        data: Splits with ``x`` of shape (n, …) and targets ``y`` of shape (n,) or (n, outputs).
        unit: Unit of the original target, e.g. ``CAD``.
        scale: Original units per unit of ``y``, if ``y`` was scaled.
        train: ``(params, x, context) -> (outputs, state)``, the model while training and the next value of
            ``params["state"]`` ({} if it keeps none); None if it is ``apply`` and keeps nothing.
        techniques: Fields of :class:`~thalweg.tasks.base.Context` that ``train`` heeds.
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

    def training_loss(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        predictions, state = train(params, batch["x"], context)  # pyright: ignore[reportOptionalCall]
        return losses.squared_loss(predictions, batch["y"]), state

    metric = Metric("RMSE", error, larger_is_better=False, unit=unit)
    told = {
        "loss_name": "mean squared error",
        "training_loss": None if train is None else training_loss,
        "techniques": frozenset(techniques),
        "output": "values",
    }
    return Task(name, init, loss, data, metric, **{**told, **fields})
