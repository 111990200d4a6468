"""Let an elementwise rule act on few arrays: small parameter arrays are joined into one.

A model has many small arrays (biases, output layers), and each costs a kernel of its own in every
optimizer's update, in compile time and in overhead per step. A rule whose update of a number depends on that
number's history alone does not notice where one array ends and the next begins.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.arrays import namespace
from thalweg.optimizers.base import Rule

__all__ = ["merge", "unmerge"]

SMALL = 4  # an array is small if it has at most a quarter of the largest array's elements


def merge(rule: Rule, arrays: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arrays a rule acts on: the large ones, then one vector of all small ones.

    Args:
        rule: The optimizer; unless it is elementwise the arrays are returned as they are.
        arrays: One member's arrays, shaped like the parameters.
        leaves: Shapes and dtypes of the parameters.
    """
    small = _small(rule, leaves)
    if not small:
        return tuple(arrays)
    xp = namespace(*arrays)
    large = [array for i, array in enumerate(arrays) if i not in small]
    return (*large, xp.concat([xp.reshape(arrays[i], (-1,)) for i in small]))


def unmerge(rule: Rule, merged: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...]:
    """Return arrays shaped like the parameters from what :func:`merge` made of them."""
    small = _small(rule, leaves)
    if not small:
        return tuple(merged)
    xp = namespace(*merged)
    ends = np.cumsum([_size(leaves[i]) for i in small])
    pieces = {
        i: xp.reshape(merged[-1][int(end) - _size(leaves[i]) : int(end)], leaves[i].shape)
        for i, end in zip(small, ends, strict=True)
    }
    large = iter(merged[:-1])
    return tuple(pieces[i] if i in pieces else next(large) for i in range(len(leaves)))


def _small(rule: Rule, leaves: Sequence[Any]) -> list[int]:
    if not rule.elementwise or len({leaf.dtype for leaf in leaves}) > 1:
        return []
    largest = max(_size(leaf) for leaf in leaves)
    small = [i for i, leaf in enumerate(leaves) if _size(leaf) * SMALL <= largest]
    return small if len(small) > 1 else []


def _size(leaf: Any) -> int:
    return int(np.prod(leaf.shape))
