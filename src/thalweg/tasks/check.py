"""Check a task against its contract before anything is trained on it, and say in a sentence what is wrong."""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.errors import TaskError
from thalweg.records import TaskCard
from thalweg.tasks.base import STATE, Context, Data, Metric, Target, Task
from thalweg.tasks.callbacks import callback_errors
from thalweg.tasks.check_data import check_data
from thalweg.tasks.start import first_batch, start_program

__all__ = ["CheckedTask", "check_task", "task_card"]

PACKAGE = str(Path(__file__).parents[1])
TRACING = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)
COMPILE_FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # it runs once


@dataclass(frozen=True)
class CheckedTask:
    """What was found out while checking a task.

    Attributes:
        task: The task.
        data: Its splits.
        parameters: Number of trainable parameters.
        examples: Number of examples by split.
        initial_loss: Validation loss of the untrained model of seed 0.
        initial_metric: Metric there; the loss again without a metric.
        notes: What is allowed but worth knowing, one sentence each.
    """

    task: Task
    data: Data
    parameters: int
    examples: Mapping[str, int]
    initial_loss: float
    initial_metric: float
    notes: tuple[str, ...] = ()


def check_task(task: Task) -> CheckedTask:
    """Return what a task consists of, once it has passed every check.

    Args:
        task: A built-in or a user's task.

    Raises:
        TaskError: It breaks the contract of :class:`~thalweg.tasks.Task`: in its fields, its data,
            its parameters, its loss and gradient at the start, or its metric.
    """
    _check_fields(task)
    data = task.data
    if not isinstance(data, Data):
        data = _call(task, "data function", data)
        if not isinstance(data, Data):
            raise TaskError(
                f"task {task.name!r}: its data function returned {type(data).__name__}; let it return thalweg.Data."
            )
    examples = check_data(task.name, data)
    size = min(task.batch_size, examples["train"])
    batch = {name: jnp.asarray(array[:size]) for name, array in data.train.items()}
    parameters = _check_functions(task, batch, data)
    loss, metric = _check_numbers(task, batch, data)
    notes = ()
    if task.batch_size > examples["train"]:
        notes = (
            f"batch_size {task.batch_size} is larger than the {examples['train']} training examples, so every step "
            "uses all of them.",
        )
    return CheckedTask(task, data, parameters, examples, loss, metric, notes)


def task_card(task: Task, checked: CheckedTask) -> TaskCard:
    """Return the facts about a task that a report shows."""
    return TaskCard(
        name=task.name,
        title=task.title or task.name,
        source=task.source,
        licence=task.licence,
        metric=task.metric.name if task.metric else task.loss_name,
        unit=task.metric.unit if task.metric else "",
        larger_is_better=task.metric.larger_is_better if task.metric else False,
        target_quantity=task.target.quantity if task.target else None,
        target_value=task.target.value if task.target else None,
        examples=dict(checked.examples),
        parameters=checked.parameters,
        loss=task.loss_name,
    )


def _check_fields(task: Task) -> None:
    say = f"task {task.name!r}: "
    if not isinstance(task.name, str) or not task.name.strip():
        raise TaskError(f"a task's name is {task.name!r}; give it a short text, such as 'digits-mlp'.")
    for name in ("init", "loss"):
        if not callable(getattr(task, name)):
            raise TaskError(f"{say}{name} is {type(getattr(task, name)).__name__}; give a function.")
    if not isinstance(task.data, Data) and not callable(task.data):
        raise TaskError(
            f"{say}data is {type(task.data).__name__}; give thalweg.Data(train, validation, test) or a function "
            "without arguments that returns it."
        )
    for name in ("batch_size", "epochs"):
        value = getattr(task, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise TaskError(f"{say}{name} = {value!r} is not allowed; give a whole number of 1 or more.")
    if task.metric is not None and not (isinstance(task.metric, Metric) and callable(task.metric.function)):
        raise TaskError(f"{say}metric is {type(task.metric).__name__}; give thalweg.Metric(name, function, …) or None.")
    if task.target is not None:
        _check_target(say, task.target, task.metric)


def _check_target(say: str, target: Target, metric: Metric | None) -> None:
    quantities = ("validation_loss", "validation_metric")
    if not isinstance(target, Target) or target.quantity not in quantities:
        given = getattr(target, "quantity", type(target).__name__)
        raise TaskError(f"{say}target quantity {given!r} is not known; give one of {', '.join(quantities)}.")
    if target.quantity == "validation_metric" and metric is None:
        raise TaskError(f"{say}its target is on validation_metric but it has no metric; give a metric or use the loss.")
    if isinstance(target.value, bool) or not isinstance(target.value, int | float) or not math.isfinite(target.value):
        raise TaskError(f"{say}target value {target.value!r} is not allowed; give a finite number.")


def _check_functions(task: Task, batch: Mapping[str, Any], data: Data) -> int:
    # Traced by shape alone: nothing is compiled, and an error is told of the function that made it.
    key = jax.eval_shape(lambda: jax.random.key(0))
    params = _call(task, "init", partial(jax.eval_shape, task.init, key))
    parameters = _count_parameters(task, params)
    _check_scalar(task, "loss", _call(task, "loss", partial(jax.eval_shape, task.loss, params, batch)))
    _call(task, "loss", partial(jax.eval_shape, jax.grad(task.loss), params, batch), doing="gradient")
    if task.training_loss is not None:
        _check_training_loss(task, params, batch)
    if task.sampled_loss is not None:
        _check_sampled_loss(task, params, batch)
    if task.metric is not None:
        shapes = {name: jax.ShapeDtypeStruct(array.shape, array.dtype) for name, array in data.validation.items()}
        found = _call(task, "metric", partial(jax.eval_shape, task.metric.function, params, shapes))
        _check_scalar(task, "metric", found)
    return parameters


def _check_training_loss(task: Task, params: Any, batch: Mapping[str, Any]) -> None:
    def traced(params: Any) -> Any:
        return task.training_loss(params, batch, Context(jax.random.key(0), *jnp.zeros(3)))  # type: ignore[misc]

    found = _call(task, "training loss", partial(jax.eval_shape, traced, params))
    if not isinstance(found, tuple) or len(found) != 2:
        raise TaskError(
            f"task {task.name!r}: its training loss returned a {type(found).__name__}; return (loss, state), state "
            "being {} where the model keeps none."
        )
    _check_scalar(task, "training loss", found[0])
    given, told = (params.get(STATE, {}) if isinstance(params, dict) else {}), found[1]
    if _shapes(given) != _shapes(told):
        raise TaskError(
            f"task {task.name!r}: the state that its training loss returned differs from params[{STATE!r}] in names, "
            "shapes or dtypes; return every array of it with its next value."
        )


def _check_sampled_loss(task: Task, params: Any, batch: Mapping[str, Any]) -> None:
    def traced(params: Any) -> Any:
        return task.sampled_loss(params, batch, jax.random.key(0))  # type: ignore[misc]

    found = _call(task, "sampled loss", partial(jax.eval_shape, traced, params))
    if not isinstance(found, tuple) or len(found) != 2:
        raise TaskError(
            f"task {task.name!r}: its sampled loss returned a {type(found).__name__}; return (loss, number), number "
            "being how many labels were drawn."
        )
    _check_scalar(task, "sampled loss", found[0])
    if getattr(found[1], "shape", None) != ():
        raise TaskError(f"task {task.name!r}: its sampled loss gives no number of labels; return (loss, number).")


def _shapes(tree: Any) -> list[tuple[str, tuple[int, ...], Any]]:
    return [(_path(path), leaf.shape, leaf.dtype) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def _count_parameters(task: Task, params: Any) -> int:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not leaves:
        raise TaskError(f"task {task.name!r}: init returned no parameters; return arrays, e.g. a dictionary of them.")
    for path, leaf in leaves:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise TaskError(
                f"task {task.name!r}: parameter {_path(path)} has dtype {leaf.dtype}; parameters must be "
                "floating-point arrays, so keep whole numbers and flags out of what init returns."
            )
        if 0 in leaf.shape:
            raise TaskError(
                f"task {task.name!r}: parameter {_path(path)} has shape {leaf.shape} and so nothing to train; leave "
                "empty arrays out of what init returns."
            )
    return sum(math.prod(leaf.shape) for path, leaf in leaves if getattr(next(iter(path), None), "key", None) != STATE)


def _check_scalar(task: Task, what: str, found: Any) -> None:
    shape = getattr(found, "shape", None)
    if shape != ():
        given = f"an array of shape {shape}" if shape is not None else f"a {type(found).__name__}"
        raise TaskError(f"task {task.name!r}: its {what} returned {given}; return one number, e.g. by jnp.mean.")
    if what.endswith("loss") and not jnp.issubdtype(found.dtype, jnp.floating):
        raise TaskError(f"task {task.name!r}: its {what} returned {found.dtype}; return a floating-point number.")


def _check_numbers(task: Task, batch: Mapping[str, Any], data: Data) -> tuple[float, float]:
    run = partial(start_program(task), np.int32(0), first_batch(task, data), dict(data.validation))
    _, loss, whole, metric, params, gradient = _call(task, "loss", lambda: jax.device_get(run()))
    say = f"task {task.name!r}: "
    _check_finite_tree(f"{say}parameter", "is not finite at the start; check the scale of init.", params)
    for value, where in ((loss, f"the first {len(next(iter(batch.values())))} training rows"), (whole, "validation")):
        if not math.isfinite(value):
            raise TaskError(
                f"{say}the loss at the start is {float(value)} on {where}, before any training; look for a logarithm "
                "or division of 0, labels outside the model's outputs, or initial weights that are too large."
            )
    _check_finite_tree(
        f"{say}the gradient by parameter",
        "is not finite at the start, though the loss is; look for a square root, norm or absolute power at 0.",
        gradient,
    )
    return float(whole), float(metric)


def _check_finite_tree(subject: str, rest: str, finite: Any) -> None:
    for path, good in jax.tree_util.tree_leaves_with_path(finite):
        if not good:
            raise TaskError(f"{subject} {_path(path)} {rest}")


def _call(task: Task, what: str, function: Callable[[], Any], doing: str = "") -> Any:
    try:
        with callback_errors():
            return function()
    except TaskError:
        raise
    except Exception as error:
        of = f"the {doing} of its {what}" if doing else f"its {what}"
        place = _place(error)
        if isinstance(error, TRACING):
            raise TaskError(
                f"task {task.name!r}: {of} needs the value of an array while JAX compiles it{place}; use jax.numpy in "
                "place of NumPy, and jnp.where or jax.lax.cond in place of if."
            ) from error
        reason = next(iter(str(error).strip().splitlines()), "").rstrip(".")
        told = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        raise TaskError(
            f"task {task.name!r}: {of} raised {told}{place}; it must run on the task's own arrays."
        ) from error


def _place(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _foreign(f.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _foreign(filename: str) -> bool:
    return filename.startswith((PACKAGE, "<")) or "site-packages" in filename or "/lib/python" in filename


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".") or "(the whole)"
