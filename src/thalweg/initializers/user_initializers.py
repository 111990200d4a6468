"""An initializer in a file of the user's own, ``./mine.py:MyInitializer``, checked before it is used."""

from pathlib import Path

import numpy as np

from thalweg.initializers.base import Initializer
from thalweg.user_classes import UserClass

__all__ = ["check_initializer", "load_initializer"]

_TRIAL = (64, 48)


def load_initializer(reference: str) -> tuple[type[Initializer], str]:
    """Return an initializer out of a user's file, checked and tried once, and the file's fingerprint.

    Args:
        reference: ``path/to/file.py:MyInitializer``, or only the path if the file defines one initializer.

    Raises:
        UserFileError: The file cannot be used, or its initializer breaks the contract of
            :class:`thalweg.initializers.Initializer`; the sentence names the line or the method.
    """
    found = _INITIALIZER.load(reference)
    check_initializer(found.value, found.path)
    return found.value, found.source_fingerprint


def check_initializer(kind: type[Initializer], path: Path | None = None) -> None:
    """Refuse an initializer that breaks the contract of :class:`thalweg.initializers.Initializer`.

    Args:
        kind: The initializer.
        path: The file that defines it, or None for a class made in a running program.

    Raises:
        UserFileError: It breaks the contract; the sentence names the line or the method.
    """
    _INITIALIZER.check_declaration(kind, path)
    _INITIALIZER.check_trial(kind, path, kind, _trial_problem)


def _trial_problem(made: Initializer) -> str | None:
    """Return what is wrong with an array drawn on trial, or None; the same generator must give the same array."""
    first, second = (made.draw(np.random.default_rng(0), _TRIAL, *_TRIAL) for _ in range(2))
    if not isinstance(first, np.ndarray) or first.shape != _TRIAL:
        got = f"an array of shape {first.shape}" if isinstance(first, np.ndarray) else type(first).__name__
        return f"draw returns {got} where the shape {_TRIAL} is asked for; return an array of the shape given"
    if first.dtype.kind != "f":
        return f"draw returns numbers of dtype {first.dtype}; return float32"
    if not np.all(np.isfinite(first)):
        return "draw returns numbers that are not finite; return finite numbers"
    if not np.array_equal(first, second):
        return "draw differs from call to call with the same generator; take all randomness from rng"
    return None


_INITIALIZER = UserClass(
    "initializer", Initializer, forbidden="@:,+=/\\", formula="W = 0", tried_on=f"a {_TRIAL[0]} × {_TRIAL[1]} array"
)
