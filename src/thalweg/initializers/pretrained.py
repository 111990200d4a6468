"""Begin from another run's parameters: which arrays are taken, and which keep a start of their own."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from thalweg.errors import InvalidValueError

__all__ = ["Matching", "matching"]


class Matching(NamedTuple):
    """What a model takes from a pretrained one.

    Attributes:
        taken: Pretrained arrays by path, in the dtypes of the model.
        left: Why an array keeps its own start, by path, e.g. ``64 × 32 there, 64 × 10 here``.
    """

    taken: dict[str, np.ndarray]
    left: dict[str, str]


def matching(arrays: Mapping[str, np.ndarray], loaded: Mapping[str, np.ndarray]) -> Matching:
    """Return the arrays that a model takes from a pretrained one: those of the same path and shape.

    It serves a model trained on a related task (supervised) and the encoder of an autoencoder (unsupervised) alike:
    the new head or a decoder that is not needed differ in path or shape and stay out.

    Args:
        arrays: The model's arrays by path.
        loaded: The pretrained model's arrays by path.

    Raises:
        InvalidValueError: No weights match (an array of two or more axes, if the model has one), or a pretrained
            array that would be taken is not finite.

    Example:
        >>> taken, left = matching(
        ...     {"encoder.weight": np.zeros((2, 3)), "head.weight": np.zeros((3, 1))},
        ...     {"encoder.weight": np.ones((2, 3)), "decoder.weight": np.ones((3, 2))},
        ... )
        >>> list(taken), left
        (['encoder.weight'], {'head.weight': 'absent there'})
    """
    taken: dict[str, np.ndarray] = {}
    left: dict[str, str] = {}
    for path, array in arrays.items():
        if path not in loaded:
            left[path] = "absent there"
        elif loaded[path].shape != array.shape:
            left[path] = f"{_shape(loaded[path])} there, {_shape(array)} here"
        else:
            taken[path] = np.asarray(loaded[path]).astype(array.dtype)
    fewest = min(2, max((array.ndim for array in arrays.values()), default=0))
    if not any(array.ndim >= fewest for array in taken.values()):
        raise InvalidValueError(_nothing_matches(arrays, loaded, left))
    for path, array in taken.items():
        if not np.all(np.isfinite(array)):
            raise InvalidValueError(
                f"pretrained array {path} is not finite, so its run diverged; take a run that did not diverge."
            )
    return Matching(taken, left)


def _nothing_matches(
    arrays: Mapping[str, np.ndarray], loaded: Mapping[str, np.ndarray], left: Mapping[str, str]
) -> str:
    shared = [path for path in arrays if path in loaded and path in left]
    if shared:
        why = f"{shared[0]} is {left[shared[0]]}"
    else:
        why = f"it has {_first(loaded)}, and this model has {_first(arrays)}"
    return (
        f"the pretrained run has no weights of the same path and shape as this model's: {why}; take a run of a like "
        "model."
    )


def _first(arrays: Mapping[str, np.ndarray]) -> str:
    return f"{next(iter(arrays))} first" if arrays else "no arrays"


def _shape(array: np.ndarray) -> str:
    return " × ".join(map(str, array.shape)) or "one number"
