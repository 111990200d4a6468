"""Tasks from Equinox: modules by the function that makes them, with or without ``eqx.nn.State``."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop.assembly import ForeignModel, Inputs, assemble, data_source, held, join_state
from thalweg.interop.objectives import Loss
from thalweg.tasks.base import STATE, Data, Metric, Params, Task

__all__ = ["task_from_equinox"]


class _Anatomy(NamedTuple):
    """What a module consists of beside its numbers.

    Attributes:
        trained: Shapes of its parameters, None elsewhere.
        kept: Shapes of its other arrays and of its ``eqx.nn.State``, None elsewhere.
        rest: What is no array.
        stateful: Whether there is an ``eqx.nn.State``.
        takes_key: Whether its call takes a key.
        turned: Paths of the weights that stand as (outputs, inputs, …).
    """

    trained: Any
    kept: Any
    rest: Any
    stateful: bool
    takes_key: bool
    turned: frozenset[str]


def task_from_equinox(
    name: str,
    make: Callable[[Any], Any],
    data: Data | Callable[[], Data],
    *,
    loss: str | Loss = "cross-entropy",
    metric: str | Metric | None = "",
    inputs: str | Sequence[str] = "x",
    target: str = "y",
    axis_name: str = "batch",
    batched: bool = False,
    **fields: Any,
) -> Task:
    """Return a task that trains an Equinox model as it is.

    Args:
        name: Name of the task.
        make: ``key -> module``, or ``key -> (module, state)`` as ``eqx.nn.make_with_state(Net)`` gives it.
        data: Splits, or a function that returns them.
        loss: ``cross-entropy``, ``binary cross-entropy``, ``squared``, or a function ``(outputs, targets) -> 0-d``
            of whole batches.
        metric: ``accuracy``, ``binary accuracy``, ``RMSE``, a :class:`~thalweg.Metric` whose function takes
            ``(outputs, targets)``, or None to judge by the loss; by default the one that goes with the loss.
        inputs: Name or names of the arrays that the model is called with.
        target: Name of the array that the loss compares its outputs with.
        axis_name: Name of the axis of examples, as the model's ``BatchNorm`` has it.
        batched: Whether the module takes whole batches; by default it takes one example, as Equinox's layers do.
        fields: Further fields of :class:`~thalweg.Task`: batch_size, epochs, title …; what counts as solved is given
            afterwards: ``dataclasses.replace(task, target=Target(…))``.

    The module is called as ``module(x)``, with ``state`` second if there is one, and with ``key=`` if it takes one: a
    key for each example while training, None in evaluation, where ``eqx.nn.inference_mode`` holds. What it keeps in
    ``eqx.nn.State`` is the task's state, which no optimizer sees. Weights of Equinox's linear and convolutional layers
    are held with inputs and outputs last, which is how initializers and techniques read a matrix.

    Raises:
        InvalidValueError: ``make`` is no function.

    Example:
        >>> import equinox as eqx
        >>> from thalweg.tasks.digits import digits_data
        >>> task = task_from_equinox("digits-equinox", lambda key: eqx.nn.MLP(64, 10, 32, 1, key=key), digits_data)
        >>> sorted(task.init(jax.random.key(0)))[0]
        'layers.0.bias'
    """
    import equinox as eqx

    if isinstance(make, eqx.Module) or not callable(make):
        raise InvalidValueError(
            f"task {name!r}: make is {type(make).__name__}; give a function of a key that makes the module, such as "
            "lambda key: Net(key=key), so that every seed starts from weights of its own."
        )
    source, names = data_source(name, data, inputs, target)
    model = _pure(name, make, axis_name, batched)
    return assemble(name, model, source, loss=loss, metric=metric, inputs=names, target=target, fields=fields)


def _pure(name: str, make: Callable[[Any], Any], axis_name: str, batched: bool) -> ForeignModel:
    import equinox as eqx

    @cache
    def anatomy() -> _Anatomy:
        return _anatomy(name, eqx.filter_eval_shape(make, jax.random.key(0)))

    def init(key: Any) -> Params:
        known, (model, state) = anatomy(), _pair(make(key))
        trained = _flat(known.trained, (eqx.filter(model, eqx.is_inexact_array), None), known.turned)
        return join_state(name, trained, _flat(known.kept, (eqx.filter(model, _is_constant), state)))

    def forward(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        known = anatomy()
        trained = _unflat(known.trained, params, known.turned)
        model, state = eqx.combine(trained, _unflat(known.kept, params.get(STATE, {})), known.rest)
        model = eqx.nn.inference_mode(model, value=True) if key is None else model
        own = _tolerant_state()(state) if known.stateful else None
        outputs, after = _called(model, own, given, key, known, axis_name, batched)
        return outputs, held(_flat(known.kept, (eqx.filter(model, _is_constant), after)))

    def apply(params: Params, given: Inputs) -> Any:
        return forward(params, given, None)[0]

    def train(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        return forward(params, given, key)

    return ForeignModel(init, apply, train)


def _anatomy(name: str, made: Any) -> _Anatomy:
    """Return what a module consists of, from its shapes."""
    import equinox as eqx

    model, state = _pair(made)
    if not isinstance(model, eqx.Module):
        raise TaskError(
            f"task {name!r}: its make returned a {type(model).__name__}; return an eqx.Module, or a pair of it and "
            "its eqx.nn.State."
        )

    def is_array(leaf: Any) -> bool:
        return isinstance(leaf, jax.ShapeDtypeStruct)

    def is_trained(leaf: Any) -> bool:
        return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact)

    trained = eqx.filter(model, is_trained)
    kept = eqx.filter(model, lambda leaf: is_array(leaf) and not is_trained(leaf))
    rest = eqx.filter(model, is_array, inverse=True)
    takes_key = "key" in inspect.signature(type(model).__call__).parameters
    return _Anatomy((trained, None), (kept, state), (rest, None), state is not None, takes_key, _turned(model))


def _turned(model: Any) -> frozenset[str]:
    """Return the paths of the weights of linear and convolutional layers, which are (outputs, inputs, …)."""
    import equinox as eqx

    kinds = (eqx.nn.Linear, eqx.nn.Conv, eqx.nn.ConvTranspose)
    found = jax.tree_util.tree_leaves_with_path((model, None), is_leaf=lambda part: isinstance(part, kinds))
    return frozenset(f"{_path(path)}.weight".lstrip(".") for path, part in found if isinstance(part, kinds))


def _called(
    model: Any, state: Any, given: Inputs, key: Any, known: _Anatomy, axis_name: str, batched: bool
) -> tuple[Any, Any]:
    """Return outputs and the state after them."""
    rows = given[0].shape[0]
    keys = key if key is None or batched else jax.random.split(key, rows)
    own = (state,) if known.stateful else ()

    def one(given: Any, key: Any) -> Any:
        return model(*given, *own, key=key) if known.takes_key else model(*given, *own)

    if batched:
        found = one(given, keys)
        return found if known.stateful else (found, None)
    out_axes = (0, None) if known.stateful else 0
    found = jax.vmap(one, axis_name=axis_name, in_axes=(0, None if keys is None else 0), out_axes=out_axes)(given, keys)
    return found if known.stateful else (found, None)


@cache
def _tolerant_state() -> Any:
    """Return a kind of ``eqx.nn.State`` that takes constants as new values inside ``shard_map``.

    There JAX tells the type of a constant from that of a traced array of equal shape and dtype, and Equinox's own
    refuses the constant, which its ``BatchNorm(mode="ema")`` sets.
    """
    import equinox as eqx

    @jax.tree_util.register_pytree_node_class
    class State(eqx.nn.State):
        def __init__(self, state: eqx.nn.State) -> None:
            self._state = state._state

        def set(self, item: Any, value: Any) -> eqx.nn.State:
            old = self.get(item)
            traced = jax.tree.map(lambda new, own: jnp.where(jnp.zeros_like(own, bool), own, new), value, old)
            return State(super().set(item, traced))

    return State


def _pair(made: Any) -> tuple[Any, Any]:
    return made if isinstance(made, tuple) and len(made) == 2 else (made, None)


def _is_constant(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and not jnp.issubdtype(leaf.dtype, jnp.inexact)


def _flat(like: Any, tree: Any, turned: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a tree's arrays by path; what stands as (outputs, inputs, …) as (…, inputs, outputs)."""
    leaves = jax.tree.leaves(tree)
    paths = [_path(path) for path, _ in jax.tree_util.tree_leaves_with_path(like)]
    return {
        path: jnp.moveaxis(leaf, (1, 0), (-2, -1)) if path in turned else leaf
        for path, leaf in zip(paths, leaves, strict=True)
    }


def _unflat(like: Any, flat: Mapping[str, Any], turned: frozenset[str] = frozenset()) -> Any:
    """Return the tree, with the dtypes that the model has."""
    own, structure = jax.tree_util.tree_flatten_with_path(like)
    values = []
    for path, leaf in own:
        value = flat[_path(path)]
        values.append((jnp.moveaxis(value, (-2, -1), (1, 0)) if _path(path) in turned else value).astype(leaf.dtype))
    return jax.tree.unflatten(structure, values)


def _path(path: Any) -> str:
    # The first part tells the model from its state.
    head, *rest = path
    text = jax.tree_util.keystr(tuple(rest), simple=True, separator=".")
    return text if getattr(head, "idx", 0) == 0 else f"running.{text}"
