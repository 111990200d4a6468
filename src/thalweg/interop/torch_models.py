"""Tasks from PyTorch: a plain ``torch.nn.Module`` and a ``Dataset``, compiled if it converts, called if it does not."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import jax
import numpy as np

from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop.assembly import ForeignModel, Inputs, assemble, data_source, held, join_state, state_in
from thalweg.interop.objectives import Loss
from thalweg.tasks.base import STATE, Data, Metric, Params, Task
from thalweg.tasks.definition import Counted

__all__ = ["Conversion", "conversion_of", "has_second_derivatives", "task_from_torch"]

ENGINES = ("auto", "compiled", "torch")
_CONVERSIONS: WeakKeyDictionary[Callable[..., Any], Callable[[], "Conversion"]] = WeakKeyDictionary()  # by init


class Conversion(NamedTuple):
    """Whether a PyTorch model runs in the compiled engine.

    Attributes:
        converted: Whether it does.
        reason: Why not, in a sentence; else what was compared.
    """

    converted: bool
    reason: str


def task_from_torch(
    name: str,
    module: Any,
    data: Any,
    *,
    loss: str | Loss = "cross-entropy",
    metric: str | Metric | None = "",
    inputs: str | Sequence[str] = "x",
    target: str = "y",
    engine: Literal["auto", "compiled", "torch"] = "auto",
    **fields: Any,
) -> Task:
    """Return a task that trains a PyTorch module as it is.

    Args:
        name: Name of the task.
        module: A ``torch.nn.Module``, whose weights are drawn again for each seed by its parts' ``reset_parameters``
            where they require a gradient, or a function without arguments that makes one.
        data: A torch ``Dataset`` of pairs ``(input, target)``, split 60 : 20 : 20; three of them (train, validation,
            test); :class:`~thalweg.Data`; or a function that returns one of these.
        loss: ``cross-entropy``, ``binary cross-entropy``, ``squared``, or a function ``(outputs, targets) -> 0-d``
            of JAX arrays.
        metric: ``accuracy``, ``binary accuracy``, ``RMSE``, a :class:`~thalweg.Metric` whose function takes
            ``(outputs, targets)``, or None to judge by the loss; by default the one that goes with the loss.
        inputs: Name or names of the arrays that the module is called with.
        target: Name of the array that the loss compares its outputs with.
        engine: ``auto`` compiles what converts and calls PyTorch for the rest, ``compiled`` refuses the rest,
            ``torch`` always calls PyTorch.
        fields: Further fields of :class:`~thalweg.Task`: batch_size, epochs, title …; what counts as solved is given
            afterwards: ``dataclasses.replace(task, target=Target(…))``.

    What the module keeps in buffers (a batch norm's running averages) is the task's state, which no optimizer sees.
    Weights of layers are held with inputs and outputs last; :func:`~thalweg.interop.torch_state_dict` turns them back.
    :func:`~thalweg.interop.conversion_of` says which way a task runs, and why.

    Raises:
        InvalidValueError: An argument is not what it should be.
    """
    from thalweg.interop.torch_data import data_from_torch
    from thalweg.interop.torch_module import Maker

    if engine not in ENGINES:
        raise InvalidValueError(f"task {name!r}: engine = {engine!r} is not allowed; give one of {', '.join(ENGINES)}.")
    source, names = data_source(name, data_from_torch(name, data), inputs, target)
    maker = Maker(name, module)

    @cache
    def forward() -> tuple[Any, Conversion]:
        return _forward(name, maker, source, names, engine)

    model = _pure(name, maker, lambda: forward()[0])
    task = assemble(name, model, source, loss=loss, metric=metric, inputs=names, target=target, fields=fields)
    _CONVERSIONS[task.init] = lambda: forward()[1]
    return task


def conversion_of(task: Task) -> Conversion:
    """Return whether a task of :func:`task_from_torch` runs in the compiled engine, and why not if it does not.

    Raises:
        InvalidValueError: The task is not of that kind.
    """
    found = _CONVERSIONS.get(task.init)
    if found is None:
        raise InvalidValueError(f"task {task.name!r} is not made by task_from_torch; give one that is.")
    return found()


def has_second_derivatives(task: Task) -> bool:
    """Return whether a task's loss can be differentiated twice: not where PyTorch is called for it."""
    found = _CONVERSIONS.get(task.init)
    return found is None or found().converted


def _forward(name: str, maker: Any, source: Callable[[], Data], names: Sequence[str], engine: str) -> tuple[Any, Any]:
    """Return the function that computes outputs and buffers, and what was found out on the way."""
    from thalweg.interop.torch_calls import called
    from thalweg.interop.torch_conversion import converted

    train = source().train
    batch = tuple(np.asarray(train[one][:4]) for one in names)
    if engine == "torch":
        return called(maker, batch), Conversion(False, "the task asks for PyTorch.")
    found, reason = converted(maker, batch)
    if found is not None:
        return found, Conversion(True, reason)
    if engine == "compiled":
        raise TaskError(f"task {name!r}: its module cannot be compiled, as {reason}; engine='torch' trains it anyway.")
    return called(maker, batch), Conversion(False, reason)


def _pure(name: str, maker: Any, forward: Callable[[], Any]) -> ForeignModel:
    from thalweg.interop.torch_calls import drawn
    from thalweg.interop.torch_module import in_task_layout, in_torch_layout

    def init(key: Any) -> Params:
        trained, kept = drawn(maker, key)
        return join_state(name, in_task_layout(maker, trained), kept)

    def call(params: Params, given: Inputs, key: Any, training: bool) -> tuple[Any, Any]:
        like = {n: jax.ShapeDtypeStruct(b.shape, _dtype(b)) for n, b in maker.buffers.items()}
        kept = state_in(params[STATE], like) if like else {}
        trained = in_torch_layout(maker, {n: params[n] for n in maker.parameters})
        outputs, after = forward()(trained, kept, given, key, training)
        return outputs, held(after)

    def apply(params: Params, given: Inputs) -> Any:
        return call(params, given, None, False)[0]

    def train(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        return call(params, given, key, True)

    return ForeignModel(init, apply, train, identity=(Counted(lambda: maker.identity),))


def _dtype(tensor: Any) -> Any:
    from thalweg.interop.torch_graphs.elements import dtype_of

    return dtype_of(tensor.dtype)
