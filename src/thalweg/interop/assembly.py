"""From a model of another library, as pure functions, to a task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop.objectives import Loss, objective
from thalweg.tasks import losses
from thalweg.tasks.base import STATE, Batch, Context, Data, Metric, Params, Task

__all__ = [
    "DataSource",
    "ForeignModel",
    "Inputs",
    "assemble",
    "data_source",
    "example",
    "held",
    "join_state",
    "state_in",
]

Inputs: TypeAlias = tuple[Any, ...]  # what a model is called with, each (n, …)
DataSource: TypeAlias = Callable[[], Data]


@dataclass(frozen=True)
class ForeignModel:
    """A model as pure functions.

    Attributes:
        init: ``key -> params``, what is not trained under ``params["state"]``.
        apply: ``(params, inputs) -> outputs`` in evaluation.
        train: ``(params, inputs, key) -> (outputs, state)`` while training; None if that is no different.
        roles: What parameter arrays are for, as in :class:`~thalweg.Task`.
        identity: Whatever tells this model from others beside the code of the functions above.
    """

    init: Callable[[Any], Params]
    apply: Callable[[Params, Inputs], Any]
    train: Callable[[Params, Inputs, Any], tuple[Any, Any]] | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[Any, ...] = ()


def data_source(name: str, data: Any, inputs: Any, target: Any) -> tuple[DataSource, tuple[str, ...]]:
    """Return the data as a function that reads them once, and the names of the model's inputs.

    Args:
        name: Name of the task, for messages.
        data: :class:`~thalweg.Data`, or a function without arguments that returns it.
        inputs: Name or names of the arrays that the model is called with.
        target: Name of the array that the loss compares its outputs with.

    Raises:
        InvalidValueError: A name is no text.
    """
    names = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    for one in (*names, target):
        if not isinstance(one, str):
            raise InvalidValueError(f"task {name!r}: {one!r} is no name of an array; give names as text, e.g. 'x'.")

    @cache
    def read() -> Data:
        found: Any = data() if callable(data) else data
        if isinstance(found, Data):
            for one in (*names, target):
                if one not in found.train:
                    raise TaskError(
                        f"task {name!r}: its data have no array {one!r}; they have {', '.join(found.train)}, and "
                        "inputs= and target= say which of them the model and the loss are given."
                    )
        return found

    return read, names


def example(data: DataSource, names: Sequence[str]) -> Inputs:
    """Return inputs of one row of ones, from whose shapes a model's parameters follow."""
    train = data().train
    return tuple(jnp.ones((1, *train[name].shape[1:]), _native(train[name].dtype)) for name in names)


def assemble(
    name: str,
    model: ForeignModel,
    data: DataSource,
    *,
    loss: str | Loss,
    metric: str | Metric | None,
    inputs: Sequence[str],
    target: str,
    fields: Mapping[str, Any],
) -> Task:
    """Return the task of a model.

    Args:
        name: Name of the task.
        model: The model.
        data: Where its data come from.
        loss: Name of a loss, or a function ``(outputs, targets)``.
        metric: Name of a metric, a :class:`~thalweg.Metric` of ``(outputs, targets)``, None, or empty.
        inputs: Names of the arrays the model is called with.
        target: Name of the array the loss compares with.
        fields: Further fields of :class:`~thalweg.Task`.
    """
    aim = objective(loss, metric, task=name)

    def given(batch: Batch) -> Inputs:
        return tuple(batch[one] for one in inputs)

    def plain_loss(params: Params, batch: Batch) -> Any:
        return aim.loss(model.apply(params, given(batch)), batch[target], None)

    def training_loss(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        if model.train is None:
            outputs, state = model.apply(params, given(batch)), {}
        else:
            outputs, state = model.train(params, given(batch), context.key)
        return aim.loss(outputs, batch[target], context.label_smoothing), state

    def sampled_loss(params: Params, batch: Batch, key: Any) -> tuple[Any, int]:
        outputs = (
            model.apply(params, given(batch)) if model.train is None else model.train(params, given(batch), key)[0]
        )
        return losses.sampled_cross_entropy(jnp.reshape(outputs, (-1, outputs.shape[-1])), key)

    judge = None
    if aim.metric is not None:
        measure = aim.metric.function

        def judged(params: Params, batch: Batch) -> Any:
            return measure(model.apply(params, given(batch)), batch[target])

        judge = Metric(aim.metric.name, judged, aim.metric.larger_is_better, aim.metric.unit)
    drawn = {"key"} if model.train is not None else set()
    told = {
        "loss_name": aim.loss_name,
        "training_loss": training_loss if drawn or aim.smooths else None,
        "sampled_loss": sampled_loss if aim.smooths else None,
        "techniques": frozenset(drawn | ({"label_smoothing"} if aim.smooths else set())),
        "output": aim.output,
        "roles": model.roles,
    }
    return Task(name, model.init, plain_loss, data, judge, **{**told, **fields})


def held(tree: Any) -> Any:
    """Return a tree of a model's own arrays as a task's state must be: whole numbers and flags as float32.

    Whole numbers stay exact up to 2²⁴, which no counter of steps reaches.
    """
    return jax.tree.map(lambda a: a if jnp.issubdtype(a.dtype, jnp.floating) else a.astype(jnp.float32), tree)


def state_in(tree: Any, like: Any) -> Any:
    """Return the state with the dtypes that the model has for it."""
    return jax.tree.map(lambda a, own: a.astype(own.dtype), tree, like)


def join_state(name: str, params: dict[str, Any], state: Any) -> Params:
    """Return parameters with the model's state among them.

    Raises:
        TaskError: The model has a part called ``state`` itself.
    """
    if STATE in params:
        raise TaskError(
            f"task {name!r}: its model has a part named 'state', where its statistics go; rename that part."
        )
    return {**params, STATE: held(state)} if jax.tree.leaves(state) else params


def _native(dtype: np.dtype) -> Any:
    # As JAX holds it: 64 bits become 32.
    return jnp.zeros(0, dtype).dtype
