"""An Optax state as a dictionary of floating-point arrays, and back.

A rule's state is a dictionary of arrays, which the engine keeps in float32. Counters and random keys are whole
numbers that float32 cannot always hold, so each is kept as its halves of 16 bits, which it can.
"""

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["packed", "unpacked"]

State = dict[str, tuple[Any, ...]]


def packed(state: Any, template: Any) -> State:
    """Return the arrays of a state under the names of its fields, all floating-point.

    Args:
        state: An Optax state.
        template: Its shapes and dtypes as ``init`` makes them, which are kept.
    """
    leaves = zip(jax.tree.leaves(state), jax.tree.leaves(template), strict=True)
    kept: dict[str, list[Any]] = {}
    for name, (leaf, like) in zip(_names(template), leaves, strict=True):
        kept.setdefault(name, []).append(_as_floats(leaf, like))
    return {name: tuple(arrays) for name, arrays in kept.items()}


def unpacked(kept: State, template: Any) -> Any:
    """Return the state of which :func:`packed` made ``kept``."""
    columns = {name: iter(arrays) for name, arrays in kept.items()}
    leaves, treedef = jax.tree.flatten(template)
    names = _names(template)
    return treedef.unflatten(
        [_from_floats(next(columns[name]), like) for name, like in zip(names, leaves, strict=True)]
    )


def _names(template: Any) -> list[str]:
    """Return for each leaf the name of the last field on the way to it; a name met on two ways is numbered."""
    names: dict[Any, str] = {}
    found = []
    for path, _ in jax.tree_util.tree_leaves_with_path(template):
        words = [getattr(key, "name", getattr(key, "key", None)) for key in path]
        end = max((i for i, word in enumerate(words) if isinstance(word, str)), default=-1)
        way = path[: end + 1]
        if way not in names:
            word = str(words[end]) if way else "state"
            same = sum(name.rpartition("_")[0] == word or name == word for name in names.values())
            names[way] = f"{word}_{same + 1}" if same else word
        found.append(names[way])
    return found


def _as_floats(leaf: Any, like: Any) -> Any:
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
        return jax.lax.bitcast_convert_type(leaf, jnp.uint16).astype(jnp.float32)
    leaf = jnp.asarray(leaf).astype(like.dtype)
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    if leaf.dtype.itemsize > 2:
        leaf = jax.lax.bitcast_convert_type(leaf, jnp.uint16)
    return leaf.astype(jnp.float32)


def _from_floats(array: Any, like: Any) -> Any:
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        data = jax.lax.bitcast_convert_type(array.astype(jnp.uint16), jnp.uint32)
        return jax.random.wrap_key_data(data)  # of JAX' default kind, the only one that Optax makes
    if jnp.issubdtype(like.dtype, jnp.floating):
        return jnp.asarray(array).astype(like.dtype)
    if jnp.dtype(like.dtype).itemsize > 2:
        return jax.lax.bitcast_convert_type(jnp.asarray(array).astype(jnp.uint16), like.dtype)
    return jnp.asarray(array).astype(like.dtype)
