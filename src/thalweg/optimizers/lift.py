"""Apply a rule, written for one array, to all the parameter arrays of a model.

Here the dtypes are settled once for every rule: hyperparameters and the step number become
0-d arrays in the dtype of the computation; parameters narrower than float32 are updated
in float32 and rounded back, so shape and dtype of parameters and state never change.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

from thalweg.arrays import Array, as_scalar, compute_dtype, namespace
from thalweg.optimizers.base import Rule

__all__ = [
    "OFF",
    "answer",
    "directions",
    "init_state",
    "lookahead",
    "second_points",
    "state_bytes_per_parameter",
    "update",
]

TreeState: TypeAlias = Any  # a tuple with one state per array, or one state if the rule takes the whole tree


class _Off:
    """A zero known before anything is computed: what is multiplied by it takes no time, and adding it takes none."""

    __array_ufunc__ = None  # NumPy's arrays leave the operation to this class

    def __mul__(self, other: Any) -> "_Off":
        return self

    def __add__(self, other: Any) -> Any:
        return other

    def __rsub__(self, other: Any) -> Any:
        return other

    __rmul__ = __mul__
    __radd__ = __add__


OFF: Any = _Off()  # may be a rule's weight_decay, for one: its term is then left out of the update


def init_state(rule: Rule, leaves: Sequence[Array]) -> TreeState:
    """Return the state of ``rule`` for a model's parameters.

    Args:
        rule: The optimizer.
        leaves: Parameter arrays of one library, any shapes.
    """
    if rule.whole_tree:
        return _bound(rule, leaves[0], _widest(leaves)).init(tuple(leaves))
    return tuple(_bound(rule, x, _widest([x])).init(x) for x in leaves)


def update(
    rule: Rule, leaves: Sequence[Array], gradients: Sequence[Array], state: TreeState, t: Any, **inputs: Any
) -> tuple[tuple[Array, ...], TreeState]:
    """Return all parameters and the state after one step.

    Args:
        rule: The optimizer; its hyperparameters may be Python numbers or 0-d arrays.
        leaves: Parameter arrays.
        gradients: Gradients at :func:`lookahead`, with the shapes of ``leaves``.
        state: From :func:`init_state` or the previous call.
        t: Number of this update, 1 at the first: a Python integer or a 0-d array.
        inputs: What ``rule.needs`` names: ``loss`` as a 0-d array, all others as arrays with the shapes of ``leaves``.
    """
    if rule.whole_tree:
        needed = {name: inputs[name] if name == "loss" else tuple(inputs[name]) for name in rule.needs}
        return _in_compute_dtype(rule, tuple(leaves), tuple(gradients), state, t, needed)
    steps = [
        _in_compute_dtype(
            rule, x, g, s, t, {name: inputs[name] if name == "loss" else inputs[name][i] for name in rule.needs}
        )
        for i, (x, g, s) in enumerate(zip(leaves, gradients, state, strict=True))
    ]
    return tuple(x for x, _ in steps), tuple(s for _, s in steps)


def lookahead(rule: Rule, leaves: Sequence[Array], state: TreeState) -> tuple[Array, ...]:
    """Return the points at which the gradient of the next step is to be taken."""
    return _points(rule, type(rule).lookahead, Rule.lookahead, leaves, state)


def second_points(
    rule: Rule, leaves: Sequence[Array], gradients: Sequence[Array], state: TreeState
) -> tuple[Array, ...]:
    """Return the points at which ``second_gradient`` of the next step is to be taken."""
    return _after_gradient(rule, type(rule).second_point, leaves, gradients, state)


def directions(rule: Rule, leaves: Sequence[Array], gradients: Sequence[Array], state: TreeState) -> tuple[Array, ...]:
    """Return the directions of which ``hessian_product`` of the next step is to be taken."""
    return _after_gradient(rule, type(rule).direction, leaves, gradients, state)


def answer(rule: Rule, leaves: Sequence[Array], state: TreeState) -> tuple[Array, ...]:
    """Return the points that count as the result of the training so far."""
    return _points(rule, type(rule).answer, Rule.answer, leaves, state)


def state_bytes_per_parameter(rule: Rule, itemsize: int = 4) -> float:
    """Return the bytes of state per parameter, measured on a 64 × 32 float32 matrix.

    Args:
        rule: The optimizer.
        itemsize: Bytes per number, 4 for float32.
    """
    x = np.zeros((64, 32), dtype=np.float32)
    return sum(a.size for a in _arrays(init_state(rule, [x]))) * itemsize / x.size


def _bound(rule: Rule, like: Array, dtype: Any) -> Rule:
    values = {name: value for name, value in rule.values().items() if value is not OFF}
    return rule.with_values({name: as_scalar(value, like, dtype) for name, value in values.items()})


def _widest(leaves: Sequence[Array]) -> Any:
    """Return the dtype in which arrays that are updated together are computed."""
    xp = namespace(leaves[0])
    dtypes = [compute_dtype(x.dtype, xp) for x in leaves]
    return xp.float64 if xp.float64 in dtypes else dtypes[0]


def _in_compute_dtype(rule: Rule, x: Any, g: Any, state: Any, t: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
    leaves = x if rule.whole_tree else (x,)
    dtype = _widest(leaves)
    step = as_scalar(t, leaves[0], dtype)
    bound = _bound(rule, leaves[0], dtype)
    if all(leaf.dtype == dtype for leaf in leaves):
        return bound.update(x, g, state, step, **inputs)
    wide_x, wide_g, wide_state, wide_inputs = (_widened(part, dtype) for part in (x, g, state, inputs))
    new_x, new_state = bound.update(wide_x, wide_g, wide_state, step, **wide_inputs)
    return _cast_like(new_x, x), _cast_like(new_state, state)


def _points(
    rule: Rule, hook: Callable[..., Any], identity: Callable[..., Any], leaves: Sequence[Array], state: TreeState
) -> tuple[Array, ...]:
    if hook is identity:
        return tuple(leaves)
    if rule.whole_tree:
        return _point(rule, hook, tuple(leaves), state)
    return tuple(_point(rule, hook, x, s) for x, s in zip(leaves, state, strict=True))


def _point(rule: Rule, hook: Callable[..., Any], x: Any, state: Any) -> Any:
    leaves = x if rule.whole_tree else (x,)
    dtype = _widest(leaves)
    return _cast_like(hook(_bound(rule, leaves[0], dtype), _widened(x, dtype), _widened(state, dtype)), x)


def _after_gradient(
    rule: Rule, hook: Callable[..., Any], leaves: Sequence[Array], gradients: Sequence[Array], state: TreeState
) -> tuple[Array, ...]:
    def found(x: Any, g: Any, s: Any, first: Array, dtype: Any) -> Any:
        return _cast_like(hook(_bound(rule, first, dtype), *(_widened(part, dtype) for part in (x, g, s))), x)

    if rule.whole_tree:
        return found(tuple(leaves), tuple(gradients), state, leaves[0], _widest(leaves))
    return tuple(found(x, g, s, x, _widest([x])) for x, g, s in zip(leaves, gradients, state, strict=True))


def _widened(tree: Any, dtype: Any) -> Any:
    return _map(lambda a: a if a.dtype == dtype else namespace(a).astype(a, dtype), tree)


def _map(f: Callable[[Array], Array], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _map(f, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(_map(f, value) for value in tree)
    return f(tree)


def _cast_like(tree: Any, like: Any) -> Any:
    if isinstance(like, dict):
        return {key: _cast_like(tree[key], like[key]) for key in like}
    if isinstance(like, tuple | list):
        return tuple(_cast_like(a, b) for a, b in zip(tree, like, strict=True))
    return tree if tree.dtype == like.dtype else namespace(tree).astype(tree, like.dtype)


def _arrays(tree: Any) -> list[Array]:
    if isinstance(tree, dict):
        return [a for value in tree.values() for a in _arrays(value)]
    if isinstance(tree, tuple | list):
        return [a for value in tree for a in _arrays(value)]
    return [tree] if array_api_compat.is_array_api_obj(tree) else []
