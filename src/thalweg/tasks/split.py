"""Fixed splits of a data set, and scaling that looks at the training part only."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from thalweg.errors import TaskError
from thalweg.tasks.base import Data

__all__ = ["permutation", "split", "standardize"]


def permutation(count: int, seed: int) -> np.ndarray:
    """Return a random permutation of ``0 … count − 1`` that never changes.

    Args:
        count: Number of elements.
        seed: Non-negative integer.

    NumPy fixes the raw bits of a bit generator for good, but not what ``Generator.permutation``
    makes of them; sorting the raw bits keeps a split the same under every version.
    """
    return np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable")


def split(
    arrays: Mapping[str, np.ndarray],
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    stratify: str | None = None,
) -> Data:
    """Deal the rows of a data set out to train, validation and test.

    Args:
        arrays: Arrays of equal length along the first axis.
        fractions: Shares of train, validation and test; positive, sum 1.
        seed: Fixes who goes where.
        stratify: Name of the array whose values are spread evenly over the splits (classes, or
            a number such as a price), or None to ignore them.

    Raises:
        TaskError: The fractions are not three positive numbers of sum 1, the arrays differ in
            length, ``stratify`` names none of them, or a split would be empty.

    Example:
        >>> data = split({"x": np.arange(10.0), "y": np.arange(10) % 2}, stratify="y")
        >>> [len(part["y"]) for part in (data.train, data.validation, data.test)]
        [6, 2, 2]
        >>> int(data.test["y"].sum())
        1
    """
    shares = [float(share) for share in fractions]
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise TaskError(f"fractions = {fractions!r} is not allowed; give three positive numbers of sum 1.")
    if not arrays:
        raise TaskError("arrays to split are none; give at least one array, e.g. {'x': features}.")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise TaskError(f"arrays to split must have one length; these have {lengths}.")
    if stratify is not None and stratify not in arrays:
        raise TaskError(f"stratify = {stratify!r} is none of the arrays; give one of {', '.join(arrays)} or None.")
    order = permutation(next(iter(lengths.values())), seed)
    rank = np.argsort(order)
    if stratify is not None:
        order = order[np.argsort(np.asarray(arrays[stratify])[order], kind="stable")]
    parts = _deal(order, shares)
    if min(len(part) for part in parts) == 0:
        raise TaskError(f"{len(order)} rows cannot fill three splits by {fractions!r}; give more rows.")
    rows = [part[np.argsort(rank[part])] for part in parts]
    return Data(*({name: np.asarray(array)[part] for name, array in arrays.items()} for part in rows))


def standardize(data: Data, name: str = "x", *, scale: Literal["each", "all"] = "each") -> Data:
    """Return the splits with one array shifted and scaled by the training rows' statistics.

    Args:
        data: The splits.
        name: The array, shape (n, …); the result is float32.
        scale: ``each``: every feature gets mean 0 and standard deviation 1 (a constant feature
            becomes 0). ``all``: every feature gets mean 0, and all are divided by one common
            standard deviation, which suits pixels: a pixel that is almost never lit would
            otherwise be blown up to tens of standard deviations.

    Example:
        >>> part = {"x": np.array([[0.0, 5.0], [2.0, 5.0]])}
        >>> standardize(Data(part, part, part)).train["x"].tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    train = np.asarray(data.train[name], dtype=np.float64)
    mean = train.mean(axis=0)
    deviation = train.std(axis=0) if scale == "each" else np.sqrt(train.var(axis=0).mean())
    deviation = np.where(deviation > 0, deviation, 1.0)

    def scaled(part: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**part, name: ((part[name] - mean) / deviation).astype(np.float32)}

    return Data(scaled(data.train), scaled(data.validation), scaled(data.test))


def _deal(order: np.ndarray, shares: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Evenly spaced picks from the sorted rows: class counts are proportional to within one.
    test = _spaced(len(order), round(len(order) * shares[2]))
    rest = np.delete(order, test)
    validation = _spaced(len(rest), round(len(order) * shares[1]))
    return np.delete(rest, validation), rest[validation], order[test]


def _spaced(count: int, picks: int) -> np.ndarray:
    return ((np.arange(picks) + 0.5) * count / max(picks, 1)).astype(np.int64)
