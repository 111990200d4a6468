"""An initializer in a file of the user's own, ``./mine.py:MyInitializer``, checked before it is used."""

import dataclasses
import inspect
import re
from pathlib import Path

import numpy as np

from thalweg.errors import InvalidValueError, UserFileError
from thalweg.initializers.base import Initializer
from thalweg.user_files import line_in_file, load_object

__all__ = ["check_initializer", "load_initializer"]

_WANTED = "a class that derives from thalweg.initializers.Initializer"
_TRIAL = (64, 48)


def load_initializer(reference: str) -> tuple[type[Initializer], str]:
    """Return an initializer out of a user's file, checked and tried once, and the file's fingerprint.

    Args:
        reference: ``path/to/file.py:MyInitializer``, or only the path if the file defines one initializer.

    Raises:
        UserFileError: The file cannot be used, or its initializer breaks the contract of
            :class:`thalweg.initializers.Initializer`; the sentence names the line or the method.
    """
    found = load_object(reference, argument="initializer", accept=_is_initializer, what=_WANTED)
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
    where = f"{kind.__name__} in {path}" if path else kind.__qualname__
    problem = _declaration_problem(kind)
    if problem:
        line = f", line {inspect.getsourcelines(kind)[1]}," if path else ""
        raise UserFileError(f"initializer: {where}{line} {problem}.")
    try:
        problem = _trial_problem(kind())
    except InvalidValueError as error:
        raise UserFileError(f"initializer: {where} cannot be used as it stands: {str(error).rstrip('.')}.") from error
    except Exception as error:
        line = line_in_file(error, path) if path else None
        message = " ".join(str(error).split())
        raise UserFileError(
            f"initializer: {where}{f', line {line}' if line else ''} raises {type(error).__name__} when tried on a "
            f"{_TRIAL[0]} × {_TRIAL[1]} array: {message}; mend the initializer."
        ) from error
    if problem:
        raise UserFileError(f"initializer: {where}: {problem}.")


def _is_initializer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Initializer) and value is not Initializer


def _declaration_problem(kind: type[Initializer]) -> str | None:
    if getattr(kind, "__abstractmethods__", ()):
        return "lacks draw; define the method"
    if "__dataclass_params__" not in vars(kind):
        return "is no dataclass; put @dataclass(frozen=True) above it"
    name, formula = getattr(kind, "name", None), getattr(kind, "formula", None)
    if not isinstance(name, str) or not re.fullmatch(r"[^\s@:,+=/\\]+", name):
        return f"has name = {name!r}; give a word without spaces, ':', '+' or '/', as in name: ClassVar[str] = 'mine'"
    if not isinstance(formula, tuple) or not formula or not all(isinstance(line, str) for line in formula):
        return (
            f"has formula = {formula!r}; give a tuple of lines, as in formula: ClassVar[tuple[str, ...]] = ('W = 0',)"
        )
    for field in dataclasses.fields(kind):
        if not field.metadata.keys() & {"hyperparameter", "variant"}:
            return (
                f"declares {field.name} as a plain field; use hyperparameter(…) for a number or variant(…) for a choice"
            )
        if field.default is dataclasses.MISSING:
            return f"gives {field.name} no default; every field needs one"
    return None


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
