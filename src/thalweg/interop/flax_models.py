"""Tasks from Flax: Linen modules, and NNX modules by the function that makes them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax

from thalweg.errors import InvalidValueError
from thalweg.interop.assembly import (
    DataSource,
    ForeignModel,
    Inputs,
    assemble,
    data_source,
    example,
    held,
    join_state,
    state_in,
)
from thalweg.interop.objectives import Loss
from thalweg.tasks.base import STATE, Data, Metric, Params, Task

__all__ = ["modes", "task_from_flax"]

# What modules call the switch between training and evaluation: its values in these modes.
SWITCHES: Mapping[str, tuple[bool, bool]] = {
    "train": (True, False),
    "training": (True, False),
    "is_training": (True, False),
    "deterministic": (False, True),
    "use_running_average": (False, True),
}
NOT_KEPT = ("intermediates", "perturbations")


def task_from_flax(
    name: str,
    module: Any,
    data: Data | Callable[[], Data],
    *,
    loss: str | Loss = "cross-entropy",
    metric: str | Metric | None = "",
    inputs: str | Sequence[str] = "x",
    target: str = "y",
    training: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    rngs: Sequence[str] = ("dropout",),
    **fields: Any,
) -> Task:
    """Return a task that trains a Flax model as it is.

    Args:
        name: Name of the task.
        module: A Linen module, or a function that makes an NNX module from ``nnx.Rngs``, such as its class or
            ``lambda rngs: Net(32, rngs=rngs)``.
        data: Splits, or a function that returns them.
        loss: ``cross-entropy``, ``binary cross-entropy``, ``squared``, or a function ``(outputs, targets) -> 0-d``.
        metric: ``accuracy``, ``binary accuracy``, ``RMSE``, a :class:`~thalweg.Metric` whose function takes
            ``(outputs, targets)``, or None to judge by the loss; by default the one that goes with the loss.
        inputs: Name or names of the arrays that the model is called with.
        target: Name of the array that the loss compares its outputs with.
        training: Arguments of the call in training. By default a switch named ``train``, ``training``,
            ``is_training``, ``deterministic`` or ``use_running_average`` is set; NNX modules are set by their own
            ``train()`` and ``eval()``.
        evaluation: Likewise in evaluation.
        rngs: Names of the random streams that a Linen module draws from while training.
        fields: Further fields of :class:`~thalweg.Task`: batch_size, epochs, title …; what counts as solved is given
            afterwards: ``dataclasses.replace(task, target=Target(…))``.

    What the model keeps beside its parameters (``batch_stats``, ``BatchStat``) is the task's state, which no optimizer
    sees. Random numbers come from the run's seed and step, so a run repeats exactly.

    Raises:
        InvalidValueError: ``module`` is neither.

    Example:
        >>> from flax import linen
        >>> from thalweg.tasks.digits import digits_data
        >>> net = linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(10)])
        >>> task = task_from_flax("digits-linen", net, digits_data, batch_size=32, epochs=5)
        >>> task.loss_name
        'cross-entropy (nats)'
    """
    from flax import linen, nnx

    source, names = data_source(name, data, inputs, target)
    if isinstance(module, linen.Module):
        model = _linen(name, module, source, names, modes(type(module), training, evaluation), tuple(rngs))
    elif isinstance(module, nnx.Module) or not callable(module):
        raise InvalidValueError(
            f"task {name!r}: module is {type(module).__name__}; give a Linen module, or a function of nnx.Rngs that "
            "makes an NNX module, so that every seed starts from weights of its own."
        )
    else:
        from thalweg.interop.nnx_models import nnx_model

        model = nnx_model(name, module, training, evaluation)
    return assemble(name, model, source, loss=loss, metric=metric, inputs=names, target=target, fields=fields)


def modes(
    owner: Any, training: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of a call in training and in evaluation.

    Args:
        owner: Class whose ``__call__`` is called.
        training: What the user says, or None to go by the names of the arguments.
        evaluation: Likewise.
    """
    takes = inspect.signature(owner.__call__).parameters
    switches = {word: values for word, values in SWITCHES.items() if word in takes}
    return (
        {word: on for word, (on, _) in switches.items()} if training is None else dict(training),
        {word: off for word, (_, off) in switches.items()} if evaluation is None else dict(evaluation),
    )


def _linen(
    name: str,
    module: Any,
    data: DataSource,
    inputs: Sequence[str],
    arguments: tuple[dict[str, Any], dict[str, Any]],
    rngs: tuple[str, ...],
) -> ForeignModel:
    from flax.core import meta

    on, off = arguments

    def variables(key: Any) -> dict[str, Any]:
        keys = dict(zip(("params", *rngs), jax.random.split(key, 1 + len(rngs)), strict=True))
        found = meta.unbox(module.init(keys, *example(data, inputs), **off))
        return {kind: tree for kind, tree in found.items() if kind not in NOT_KEPT}

    @cache
    def shapes() -> dict[str, Any]:
        return jax.eval_shape(variables, jax.eval_shape(lambda: jax.random.key(0)))

    def init(key: Any) -> Params:
        found = variables(key)
        return join_state(name, dict(found.pop("params", {})), found)

    def with_state(params: Params) -> dict[str, Any]:
        trained = {part: tree for part, tree in params.items() if part != STATE}
        like = {kind: tree for kind, tree in shapes().items() if kind != "params"} if STATE in params else {}
        return {"params": trained, **state_in(params.get(STATE, {}), like)}

    def apply(params: Params, given: Inputs) -> Any:
        return module.apply(with_state(params), *given, **off)

    def train(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        keys = dict(zip(rngs, jax.random.split(key, len(rngs)), strict=True)) if rngs else {}
        kept = list(params.get(STATE, {}))
        outputs, state = module.apply(with_state(params), *given, **on, rngs=keys, mutable=kept)
        return outputs, held({kind: state[kind] for kind in kept})

    return ForeignModel(init, apply, train)
