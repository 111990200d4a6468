"""What a caller asks for, checked before any work begins: whole numbers, lists, settings, stores, watchers.

Everything is refused here in one sentence, so that no study is half planned when a request turns out wrong.
"""

import math
import operator
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError, StoreUsageError
from thalweg.optimizers.base import Rule
from thalweg.store import Store, open_store

__all__ = [
    "LARGEST_SEED",
    "check_watcher",
    "listed",
    "opened_store",
    "point",
    "settings_of",
    "shown",
    "single",
    "whole",
]

LARGEST_SEED = 2**31 - 1


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return a whole number as a Python integer; NumPy's integers count, booleans and floats do not.

    Args:
        name: What it was given for.
        value: What was given.
        low: Smallest allowed.
        high: Largest allowed, or None for any.

    Raises:
        InvalidValueError: It is no whole number or out of range.

    Example:
        >>> whole("epochs", np.int64(3), 1)
        3
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        allowed = f"of {low} or more" if high is None else f"from {low} to {high}"
        raise InvalidValueError(f"{name} = {shown(value)} is not allowed; give a whole number {allowed}.")
    return number


def listed(name: str, values: Any, example: str) -> list[Any]:
    """Return a sequence as a list; a text is not taken for a sequence of its letters.

    Raises:
        InvalidValueError: It is no sequence, or empty.
    """
    if isinstance(values, str | bytes | Mapping | type) or not isinstance(values, Iterable):
        raise InvalidValueError(f"{name} = {shown(values)} is not allowed; give a list, e.g. {example}.")
    found = list(values)
    if not found:
        raise InvalidValueError(f"{name} is empty; name at least one, e.g. {example}.")
    return found


def settings_of(name: str, values: Any) -> dict[str, Any]:
    """Return settings by name, NumPy's numbers as Python's.

    Raises:
        InvalidValueError: It is no mapping from names.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise InvalidValueError(
            f"{name} = {shown(values)} is not allowed; give a dictionary, e.g. {{'learning_rate': 0.01}}."
        )
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}


def single(rule: Rule) -> Rule:
    """Return a rule whose numbers keep their meaning in float32, in which networks are trained.

    Raises:
        InvalidValueError: A number is allowed in itself but not once rounded to float32: too large, or so
            small or so close to an excluded end that it becomes that end.
    """
    for name, what in rule.hyperparameters().items():
        value = float(getattr(rule, name))
        with np.errstate(over="ignore"):
            rounded = float(np.float32(value))
        if not what.allows(rounded):
            raise InvalidValueError(
                f"{rule.name}: {name} = {value!r} is not allowed, as it is {rounded:g} in float32, in which networks "
                f"are trained; give a number in {what.range_text()} that float32 can tell from its ends."
            )
    return rule


def point(name: str, value: Any) -> tuple[float, float]:
    """Return two finite numbers.

    Raises:
        InvalidValueError: It is anything else.
    """
    try:
        found = () if isinstance(value, str | bytes | Mapping) else tuple(float(part) for part in value)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != 2 or not all(math.isfinite(part) for part in found):
        raise InvalidValueError(f"{name} = {shown(value)} is not allowed; give two finite numbers, e.g. -1.5,2.")
    return found


def check_watcher(watcher: Any) -> None:
    """Refuse a watcher that cannot be called.

    Raises:
        InvalidValueError: It cannot.
    """
    if watcher is not None and not callable(watcher):
        raise InvalidValueError(f"watcher = {shown(watcher)} is not allowed; give a function of a Progress, or None.")


def opened_store(store: Any, stack: ExitStack, *, create: bool = True) -> Store:
    """Return a store as it is if it is open, or open it until ``stack`` ends.

    Raises:
        StoreUsageError: It is no store, path or URL, or cannot be used.
    """
    if isinstance(store, Store):
        return store
    if store is not None and not isinstance(store, str | Path):
        raise StoreUsageError(f"store {shown(store)} is not allowed; give a path, a URL, an open store, or None.")
    return stack.enter_context(open_store(store, create=create))


def shown(value: Any) -> str:
    """Return what was given on one line of bounded length."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # numbers of thousands of digits, and whatever a stranger's object does
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}…"
