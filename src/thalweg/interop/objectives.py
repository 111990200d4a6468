"""Losses and metrics by name, on whatever array a model of another library returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from thalweg.errors import InvalidValueError, TaskError, UnknownNameError
from thalweg.tasks import losses
from thalweg.tasks.base import Metric

__all__ = ["LOSSES", "METRICS", "Objective", "objective"]

Loss: TypeAlias = Callable[[Any, Any], Any]  # (outputs, targets) -> 0-d array


@dataclass(frozen=True)
class Objective:
    """What is minimized, and what is judged by.

    Attributes:
        loss: ``(outputs, targets, label smoothing or None) -> 0-d array``.
        metric: Metric whose function takes ``(outputs, targets)``, or None.
        loss_name: Name and unit for axes.
        output: What the outputs are, as in :class:`~thalweg.Task`.
        smooths: Whether the loss heeds label smoothing.
    """

    loss: Callable[[Any, Any, Any], Any]
    metric: Metric | None
    loss_name: str
    output: Literal["classes", "values", ""]
    smooths: bool


def objective(loss: str | Loss, metric: str | Metric | None = "", *, task: str = "") -> Objective:
    """Return loss and metric by what a user calls them.

    Args:
        loss: A name out of :data:`LOSSES`, or a function ``(outputs, targets) -> 0-d array`` in JAX.
        metric: A name out of :data:`METRICS`, a :class:`~thalweg.Metric` whose function takes ``(outputs, targets)``,
            None to judge by the loss; empty for the one that goes with the loss.
        task: Name of the task, for messages.

    Raises:
        UnknownNameError: No such loss or metric.
        InvalidValueError: They are neither names nor functions.
    """
    if not isinstance(loss, str) and not callable(loss):
        raise InvalidValueError(
            f"loss is {type(loss).__name__}; give one of {', '.join(LOSSES)} or a function of outputs and targets."
        )
    if isinstance(loss, str) and loss not in LOSSES:
        raise UnknownNameError("loss", loss, LOSSES)
    named = LOSSES[loss] if isinstance(loss, str) else Named("", "", "loss", "")
    if metric == "":
        metric = named.metric or None
    if isinstance(metric, str) and metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    if metric is not None and not isinstance(metric, str | Metric):
        raise InvalidValueError(
            f"metric is {type(metric).__name__}; give one of {', '.join(METRICS)}, None, or thalweg.Metric(name, "
            "function of outputs and targets, larger_is_better)."
        )
    judged = _metric_by_name(metric, task) if isinstance(metric, str) else metric
    smooths = loss == "cross-entropy"
    if isinstance(loss, str):
        return Objective(_by_name(loss, task), judged, named.axis, named.output, smooths)
    function = loss

    def given(outputs: Any, targets: Any, smoothing: Any = None) -> Any:
        del smoothing
        return function(outputs, targets)

    return Objective(given, judged, named.axis, named.output, smooths)


def _by_name(loss: str, task: str) -> Callable[[Any, Any, Any], Any]:
    fit = {"cross-entropy": _labels, "binary cross-entropy": _alike, "squared": _alike}[loss]

    def checked(outputs: Any, targets: Any, smoothing: Any = None) -> Any:
        outputs, targets = fit(_one_array(outputs, task), targets, task, loss)
        if loss == "cross-entropy":
            return losses.cross_entropy(outputs, targets, smoothing)
        if loss == "squared":
            return losses.squared_loss(outputs, targets)
        return jnp.mean(jax.nn.softplus(outputs) - targets * outputs)

    return checked


def _metric_by_name(metric: str, task: str) -> Metric:
    known = METRICS[metric]
    function, fit = known.function, _labelled if metric == "accuracy" else _alike

    def checked(outputs: Any, targets: Any) -> Any:
        return function(*fit(_one_array(outputs, task), targets, task, metric))

    return Metric(known.name, checked, known.larger_is_better)


def _one_array(outputs: Any, task: str) -> Any:
    if not hasattr(outputs, "shape"):
        raise TaskError(
            f"task {task!r}: its model returns a {type(outputs).__name__}, not one array; let the model return its "
            "outputs alone, or give as loss a function of what it returns and the targets."
        )
    return outputs


def _labels(outputs: Any, targets: Any, task: str, name: str) -> tuple[Any, Any]:
    """Return logits as (n, classes) and labels as (n,), whatever axes stand between."""
    outputs, targets = _labelled(outputs, targets, task, name)
    return jnp.reshape(outputs, (-1, outputs.shape[-1])), jnp.reshape(targets, (-1,))


def _labelled(outputs: Any, targets: Any, task: str, name: str) -> tuple[Any, Any]:
    """Return both as they are, outputs (n, …, classes) and labels (n, …)."""
    whole = name == "accuracy" or jnp.issubdtype(targets.dtype, jnp.integer)
    if not outputs.shape or outputs.shape[:-1] != targets.shape or not whole:
        raise TaskError(
            f"task {task!r}: its model returns shape {outputs.shape} for targets of shape {targets.shape} and dtype "
            f"{targets.dtype}; {name} takes whole numbers as labels and one more axis of outputs, the classes."
        )
    return outputs, targets


def _alike(outputs: Any, targets: Any, task: str, name: str) -> tuple[Any, Any]:
    """Return outputs in the shape of the targets."""
    rows = outputs.shape[:1] == targets.shape[:1]
    if not rows or [n for n in outputs.shape[1:] if n > 1] != [n for n in targets.shape[1:] if n > 1]:
        raise TaskError(
            f"task {task!r}: its model returns shape {outputs.shape} for targets of shape {targets.shape}; {name} "
            "takes both in the same shape, an axis of 1 apart."
        )
    return jnp.reshape(outputs, targets.shape), targets.astype(outputs.dtype)


def _accuracy(outputs: Any, targets: Any) -> Any:
    return jnp.mean(jnp.argmax(outputs, axis=-1) == targets)


def _binary_accuracy(outputs: Any, targets: Any) -> Any:
    return jnp.mean((outputs > 0) == (targets > 0.5))


@dataclass(frozen=True)
class Named:
    """What goes with a loss: its metric, what the outputs are, and the name on axes."""

    metric: str
    output: Literal["classes", "values", ""]
    axis: str
    means: str


LOSSES: Mapping[str, Named] = {
    "cross-entropy": Named("accuracy", "classes", "cross-entropy (nats)", "−log softmax(outputs)[label]"),
    "binary cross-entropy": Named("binary accuracy", "", "cross-entropy (nats)", "−log sigmoid(±output), targets 0, 1"),
    "squared": Named("RMSE", "values", "mean squared error", "(output − target)²"),
}

METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("accuracy", _accuracy, larger_is_better=True),
    "binary accuracy": Metric("accuracy", _binary_accuracy, larger_is_better=True),
    "RMSE": Metric("RMSE", losses.rmse, larger_is_better=False),
}
