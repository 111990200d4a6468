"""Between a rule's states, one per array or one for all, and trees shaped like the parameters.

Optax' tools, sharding and masks expect ``{"m": tree like the parameters, "v": …}``; a rule keeps one dictionary
per array, or one for all arrays with tuples of arrays in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from thalweg.errors import InvalidValueError
from thalweg.optimizers import Rule, lift

__all__ = ["apart", "arranged", "as_rule_state", "initial", "present"]

LARGE = 1024  # length of axes at which every rule factors its state that does so at all


def initial(rule: Rule, leaves: Sequence[Any], treedef: Any) -> dict[str, Any]:
    """Return the first state of a rule, arranged; each array that is shaped like its parameter is sharded like it.

    Args:
        rule: The rule.
        leaves: The parameters' arrays; there may be none where a mask has taken them all.
        treedef: Structure of the parameters.
    """
    # Without any array the names of the state are still wanted: Optax asks for them to find its way in a state.
    state = lift.init_state(rule, leaves or [jnp.zeros(())])
    if rule.whole_tree and leaves:
        shapes = [x.shape for x in leaves]
        state = _map_tuples(state, shapes, lambda arrays: tuple(map(_sharded, leaves, arrays)))
    elif leaves:
        state = tuple(map(_sharded, leaves, state))
    return arranged(rule, state, leaves, treedef, () if rule.whole_tree else (*_names(rule), *state[0]))


def arranged(rule: Rule, state: Any, leaves: Sequence[Any], treedef: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return a rule's state as a dictionary of trees shaped like the parameters, with single arrays beside them.

    Where some arrays have an entry that others have not (a factored second moment, say), the others hold Optax'
    ``MaskedNode`` in its place.

    Args:
        rule: The rule.
        state: Its state.
        leaves: The parameters' arrays.
        treedef: Structure of the parameters.
        names: Entries that are in the dictionary even if no array has them.
    """
    if rule.whole_tree:
        shapes = [jnp.shape(x) for x in leaves or [jnp.zeros(())]]
        return _map_tuples(state, shapes, lambda arrays: treedef.unflatten(arrays if leaves else ()))
    every = dict.fromkeys([*names, *(name for kept in state for name in kept)])
    return {
        name: treedef.unflatten([kept.get(name, optax.MaskedNode()) for kept in state] if leaves else ())
        for name in every
    }


def as_rule_state(rule: Rule, kept: dict[str, Any], leaves: Sequence[Any], treedef: Any) -> Any:
    """Return what :func:`arranged` was given.

    Raises:
        InvalidValueError: The parameters have not the structure for which the state was made.
    """
    try:
        if rule.whole_tree:
            shapes = [x.shape for x in leaves]
            plain = jax.eval_shape(lambda xs: lift.init_state(rule, xs), list(leaves))
            found = _follow(plain, kept, shapes, treedef)
            if [jnp.shape(a) for a in jax.tree.leaves(found)] != [a.shape for a in jax.tree.leaves(plain)]:
                raise ValueError("the arrays have other shapes")
            return found
        columns = {name: treedef.flatten_up_to(tree) for name, tree in kept.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidValueError(
            f"{rule.name}: the parameters {treedef} are not those for which the state was made; give both of one "
            "model, masked alike."
        ) from error
    rows = [{name: column[i] for name, column in columns.items()} for i in range(len(leaves))]
    return tuple(
        {name: value for name, value in row.items() if not isinstance(value, optax.MaskedNode)} for row in rows
    )


def present(kept: dict[str, Any], treedef: Any) -> list[bool]:
    """Return for each array of the parameters whether a mask has left it to the rule.

    Args:
        kept: An arranged state, with ``MaskedNode`` wherever an array has no entry.
        treedef: Structure of the parameters without any mask.
    """
    columns = [column for tree in kept.values() for column in _columns(tree, treedef)]
    if not columns:
        return [True] * treedef.num_leaves
    return [any(not isinstance(value, optax.MaskedNode) for value in row) for row in zip(*columns, strict=True)]


def apart(state: Any, others: Any) -> Any:
    """Return a state whose arrays share no memory with each other nor with ``others``, so that it may be donated."""
    met = {id(array) for array in jax.tree.leaves(others)}

    def own(array: Any) -> Any:
        if isinstance(array, Tracer):
            return array
        if id(array) in met:
            return jnp.array(array, copy=True)
        met.add(id(array))
        return array

    return jax.tree.map(own, state)


def _names(rule: Rule) -> list[str]:
    """Return the entries of a rule's state that some array has: Optax compares states of unlike parameters by them."""
    shapes = [(), (LARGE,), (LARGE, LARGE)]
    found = [jax.eval_shape(lambda shape=shape: lift.init_state(rule, [jnp.zeros(shape)])[0]) for shape in shapes]
    return list(dict.fromkeys(name for kept in found for name in kept))


def _columns(tree: Any, treedef: Any) -> Iterator[list[Any]]:
    """Return the parts of a state that are shaped like the parameters, as lists of arrays and ``MaskedNode``."""
    try:
        column = treedef.flatten_up_to(tree)
    except (ValueError, TypeError, KeyError):
        column = []
    if column and all(isinstance(value, optax.MaskedNode) or hasattr(value, "dtype") for value in column):
        yield column
    elif isinstance(tree, dict | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _columns(part, treedef)


def _map_tuples(tree: Any, shapes: list[tuple[int, ...]], change: Any) -> Any:
    """Return a whole-tree state with each tuple of arrays shaped like the parameters changed."""
    if isinstance(tree, dict):
        return {name: _map_tuples(value, shapes, change) for name, value in tree.items()}
    if isinstance(tree, tuple):
        if _like_parameters(tree, shapes):
            return change(tree)
        return tuple(_map_tuples(value, shapes, change) for value in tree)
    return tree


def _follow(plain: Any, kept: Any, shapes: list[tuple[int, ...]], treedef: Any) -> Any:
    """Return an arranged whole-tree state in the plain form, whose structure is given."""
    if isinstance(plain, dict):
        return {name: _follow(plain[name], kept[name], shapes, treedef) for name in plain}
    if isinstance(plain, tuple):
        if _like_parameters(plain, shapes):
            return tuple(treedef.flatten_up_to(kept))
        return tuple(_follow(a, b, shapes, treedef) for a, b in zip(plain, kept, strict=True))
    return kept


def _like_parameters(arrays: tuple[Any, ...], shapes: list[tuple[int, ...]]) -> bool:
    return len(arrays) == len(shapes) and all(
        getattr(a, "shape", None) == shape for a, shape in zip(arrays, shapes, strict=True)
    )


def _sharded(x: Any, kept: Any) -> Any:
    """Return one array's state; while compiling, zeros do not know where their parameter lies unless they are told."""
    if not isinstance(x, Tracer):
        return kept
    from jax.experimental.shard_alike import shard_alike

    return jax.tree.map(lambda array: shard_alike(x, array)[1] if array.shape == x.shape else array, kept)
