"""The state of a rule as it is after it was stored with fewer bits and read again."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.compression import BLOCK, FORMATS, is_random, rounded
from thalweg.optimizers.base import Rule
from thalweg.optimizers.compressible import compressible

__all__ = ["as_stored"]

ROUNDING = 4  # keeps its random numbers apart from those of inputs and other techniques


def as_stored(
    rule: Rule,
    state: Any,
    features: frozenset[str],
    given: Any,
    key: Any,
    merge: Callable[[Any], Sequence[Any]],
    unmerge: Callable[[Any], Sequence[Any]],
) -> Any:
    """Return a member's state with its averages rounded.

    Args:
        rule: The optimizer.
        state: Its state: one dictionary per array that it acts on, or whatever a rule without such averages keeps.
        features: What is compiled in; only formats that some member asks for are computed.
        given: The member's format, as the place in :data:`FORMATS` from 1 on, 0 for none; and the numbers from which
            on an array is rounded; shape (2,).
        key: Key of seed and step.
        merge: From arrays shaped like the parameters to those that the rule acts on.
        unmerge: And back.
    """
    names = [name for name in compressible(rule) if any(name in one for one in state)]
    if not names:
        return state
    columns = {name: [one.get(name) for one in state] for name in names}
    leaves = {name: unmerge(arrays) if rule.elementwise else arrays for name, arrays in columns.items()}
    found = iter(_rounded([x for arrays in leaves.values() for x in arrays if x is not None], features, given, key))
    new = [dict(one) for one in state]
    for name, arrays in leaves.items():
        read = [None if x is None else next(found) for x in arrays]
        for one, x in zip(new, merge(read) if rule.elementwise else read, strict=True):
            one.update({} if x is None else {name: x})
    return tuple(new)


def _rounded(arrays: Sequence[Any], features: frozenset[str], given: Any, key: Any) -> list[Any]:
    """Return the arrays rounded, as one vector in which each begins with a block of its own: it compiles to less."""
    chosen, smallest = given
    padded = [jnp.pad(x.ravel(), (0, -x.size % BLOCK)) for x in arrays]
    vector, sizes = jnp.concatenate(padded), np.repeat([x.size for x in arrays], [x.size for x in padded])
    asked = [form for form in FORMATS if form in features]
    noise = None
    if any(map(is_random, asked)):
        noise = jax.random.uniform(jax.random.fold_in(key, ROUNDING), vector.shape, jnp.float32)
    result = vector
    for form in asked:
        mine = (chosen == 1 + FORMATS.index(form)) & (sizes >= smallest)
        result = jnp.where(mine, rounded(vector, form, noise), result)
    pieces = jnp.split(result, np.cumsum([x.size for x in padded])[:-1])
    return [piece[: x.size].reshape(x.shape) for piece, x in zip(pieces, arrays, strict=True)]
