"""Check the data of a task: three splits of arrays that fit together and hold finite numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.errors import TaskError
from thalweg.tasks.base import Data

__all__ = ["check_data"]

INT32 = np.iinfo(np.int32)


def check_data(name: str, data: Data) -> dict[str, int]:
    """Return the number of examples of each split.

    Args:
        name: Name of the task, for messages.
        data: Its splits.

    Raises:
        TaskError: A split is no mapping of arrays, is empty, its arrays differ in length, an array is not
            of numbers or holds NaN or infinity, or the splits do not have the same arrays.
    """
    splits = {part: getattr(data, part) for part in ("train", "validation", "test")}
    examples = {part: _check_split(f"task {name!r}: ", part, arrays) for part, arrays in splits.items()}
    for part in ("validation", "test"):
        _check_alike(f"task {name!r}: ", part, splits[part], splits["train"])
    return examples


def _check_split(say: str, part: str, arrays: Any) -> int:
    if not isinstance(arrays, Mapping):
        raise TaskError(
            f"{say}its {part} split is {type(arrays).__name__}; give arrays by name, e.g. {{'x': inputs, 'y': labels}}."
        )
    if not arrays:
        raise TaskError(f"{say}its {part} split holds no arrays; give at least one, e.g. {{'x': features}}.")
    for key, array in arrays.items():
        _check_array(say, part, key, array)
    lengths = {key: array.shape[0] for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise TaskError(f"{say}the arrays of its {part} split differ in length ({told}); give one row per example.")
    count = next(iter(lengths.values()))
    if count == 0:
        raise TaskError(f"{say}its {part} split is empty; give at least one example.")
    return count


def _check_array(say: str, part: str, key: Any, array: Any) -> None:
    what = f"{say}array {key!r} of its {part} split "
    if not isinstance(key, str):
        raise TaskError(f"{say}its {part} split has an array named {key!r}; give names as text, e.g. 'x'.")
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        raise TaskError(f"{what}is a {type(array).__name__}; give a NumPy array, e.g. by np.asarray(…, np.float32).")
    if array.shape == ():
        raise TaskError(f"{what}is a single number; give an array with one row per example.")
    values = np.asarray(array)
    if values.dtype.kind == "V" and np.can_cast(values.dtype, np.float32):  # bfloat16 and its like
        values = values.astype(np.float32)
    if values.dtype.kind not in "biuf":
        raise TaskError(
            f"{what}has dtype {values.dtype}; give numbers: encode words as integers and dates as numbers of days."
        )
    if values.dtype.kind == "f":
        _check_finite(what, values)
    elif values.dtype.itemsize > 4 and values.size and (values.max() > INT32.max or values.min() < INT32.min):
        raise TaskError(f"{what}holds {values.max()}, which 32 bits cannot; scale it or give it as float32.")


def _check_finite(what: str, values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype(np.float32))
    if not bad.any():
        return
    rows = bad.reshape(len(values), -1).any(axis=1)
    raise TaskError(
        f"{what}holds {values[bad][0]} (first in row {int(rows.argmax())}; {int(rows.sum())} of {len(values)} rows "
        "have such values), which float32 cannot compute with; remove or fill these rows."
    )


def _check_alike(say: str, part: str, arrays: Mapping[str, Any], train: Mapping[str, Any]) -> None:
    if set(arrays) != set(train):
        raise TaskError(
            f"{say}its {part} split has the arrays {', '.join(sorted(arrays))} but training has "
            f"{', '.join(sorted(train))}; give all splits the same names."
        )
    for key, array in arrays.items():
        if array.shape[1:] != train[key].shape[1:] or array.dtype != train[key].dtype:
            raise TaskError(
                f"{say}array {key!r} has rows of shape {array.shape[1:]} and dtype {array.dtype} in its {part} split "
                f"but {train[key].shape[1:]} and {train[key].dtype} in training; give all splits the same."
            )
