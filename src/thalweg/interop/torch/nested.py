"""The arrays within a rule's state, which is a dict that may hold tuples and further dicts."""

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["leaves", "mapped", "refilled"]


def leaves(tree: Any) -> list[Any]:
    """Return what stands at the ends of a nest of dicts, tuples and lists, in a fixed order."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, tuple | list):
        return [leaf for value in tree for leaf in leaves(value)]
    return [tree]


def mapped(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return the nest with ``f`` applied to every leaf, beside the same leaves of other nests of that form."""
    if isinstance(tree, dict):
        return {key: mapped(f, value, *(other[key] for other in others)) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(mapped(f, *parts) for parts in zip(tree, *others, strict=True))
    return f(tree, *others)


def refilled(tree: Any, values: Iterator[Any]) -> Any:
    """Return a nest of the form of ``tree`` whose leaves are the next values."""
    return mapped(lambda _: next(values), tree)
