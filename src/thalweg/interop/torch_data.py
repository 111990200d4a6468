"""PyTorch data sets as the arrays of a task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError, TaskError
from thalweg.tasks.base import Data
from thalweg.tasks.split import split

__all__ = ["data_from_torch"]

FRACTIONS = (0.6, 0.2, 0.2)
NARROW = {"float64": "float32", "int64": "int32"}


def data_from_torch(name: str, data: Any) -> Data | Callable[[], Data]:
    """Return what a user gives as data as a task's data.

    Args:
        name: Name of the task, for messages.
        data: A torch ``Dataset``, which is split 60 : 20 : 20; three of them (train, validation, test); a
            :class:`~thalweg.Data`; or a function without arguments that returns any of these.

    Items of a data set are pairs ``(input, target)`` or tuples ``(inputs …, target)``. They are read once and held in
    memory; float64 becomes float32 and int64 int32.

    Raises:
        InvalidValueError: It is none of these.
    """
    if isinstance(data, Data):
        return data
    if _is_dataset(data) or isinstance(data, tuple | list) or not callable(data):
        _check(name, data)
        return lambda: _read(name, data)

    def read() -> Data:
        found = data()
        if isinstance(found, Data):
            return found
        _check(name, found)
        return _read(name, found)

    return read


def _is_dataset(data: Any) -> bool:
    return hasattr(data, "__getitem__") and not isinstance(data, tuple | list | Mapping)


def _check(name: str, data: Any) -> None:
    parts = data if isinstance(data, tuple | list) else (data,)
    if len(parts) not in (1, 3) or not all(_is_dataset(part) for part in parts):
        given = f"{len(parts)} of them" if isinstance(data, tuple | list) else type(data).__name__
        raise InvalidValueError(
            f"task {name!r}: data is {given}; give a torch Dataset, three of them (train, validation, test), "
            "thalweg.Data, or a function that returns one of these."
        )
    for part in parts:
        if not hasattr(part, "__len__"):
            raise InvalidValueError(
                f"task {name!r}: its data set {type(part).__name__} has no length; give one with __len__ and "
                "__getitem__, as a stream has no fixed split."
            )


def _read(name: str, data: Any) -> Data:
    if not isinstance(data, tuple | list):
        return split(_arrays(name, data), fractions=FRACTIONS, seed=0)
    return Data(*(_arrays(name, part) for part in data))


def _arrays(name: str, dataset: Any) -> dict[str, np.ndarray]:
    """Return the items of a data set as arrays: x (or x, x2, …) and y."""
    if not len(dataset):
        raise TaskError(f"task {name!r}: its data set {type(dataset).__name__} is empty; give at least one item.")
    items = [dataset[i] for i in range(len(dataset))]
    first = items[0]
    if not isinstance(first, tuple | list) or len(first) < 2:
        raise TaskError(
            f"task {name!r}: an item of its data set is a {type(first).__name__}; let it be (input, target), or "
            "(inputs …, target)."
        )
    columns = list(zip(*items, strict=True))
    names = ["x", *(f"x{i}" for i in range(2, len(columns))), "y"]
    return {key: _stacked(name, key, column) for key, column in zip(names, columns, strict=True)}


def _stacked(name: str, key: str, column: Sequence[Any]) -> np.ndarray:
    arrays = [np.asarray(item) for item in column]
    if len({array.shape for array in arrays}) > 1:
        raise TaskError(
            f"task {name!r}: the items of its data set differ in shape at {key!r}; pad or crop them to one shape."
        )
    stacked = np.stack(arrays)
    return stacked.astype(NARROW.get(str(stacked.dtype), stacked.dtype))
