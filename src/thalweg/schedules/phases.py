"""Stretches of a run: how much of one lies behind, and the shapes in which a factor rises or falls along it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["SHAPES", "as_steps", "fall", "progress", "rise"]

SHAPES = ("linear", "cosine", "sqrt")


def as_steps(step: ArrayLike) -> np.ndarray:
    """Return numbers of updates as float64."""
    return np.asarray(step, dtype=np.float64)


def progress(step: ArrayLike, begin: ArrayLike, length: ArrayLike) -> np.ndarray:
    """Return the share of a stretch that lies behind when an update is about to be taken.

    Args:
        step: Numbers of updates, 1 for the first.
        begin: Updates before the stretch.
        length: Updates in it; 0 for a stretch that is passed over.

    Returns:
        0 up to the stretch's first update, (length − 1) / length at its last one, 1 after it.
    """
    done = as_steps(step) - 1 - begin
    passed = np.where(np.asarray(length) > 0, done / np.maximum(length, 1), done >= 0)
    return np.clip(passed, 0.0, 1.0)


def rise(step: ArrayLike, length: int) -> np.ndarray:
    """Return ``step / length`` up to 1: not 0 at the first update, which would be wasted, and 1 at the last one."""
    return np.minimum(as_steps(step) / length, 1.0) if length else np.ones_like(as_steps(step))


def fall(shape: str, share: np.ndarray) -> Any:
    """Return how much is left of a fall from 1 to 0.

    Args:
        shape: ``linear``: 1 − u; ``cosine``: (1 + cos πu) / 2; ``sqrt``: 1 − √u.
        share: u in [0, 1].
    """
    match shape:
        case "cosine":
            return (1 + np.cos(np.pi * share)) / 2
        case "sqrt":
            return 1 - np.sqrt(share)
    return 1 - share
