"""Schedules in files of the user's own: ``./my_schedule.py:MySchedule``, checked before they are used."""

import dataclasses
import inspect
import re
import sys
from pathlib import Path

import numpy as np

from thalweg.errors import InvalidValueError, UserFileError
from thalweg.schedules.base import Schedule
from thalweg.user_files import is_file_reference, line_in_file, load_object

__all__ = ["check_schedule", "file_of", "load_schedule", "split_file"]

_WANTED = "a class that derives from thalweg.schedules.Schedule"
_REFERENCE = re.compile(r"(?P<reference>.*?\.py(?::[A-Za-z_]\w*(?![\w=.]))?)(?P<settings>(?::.*)?)")
_TRIAL = 8  # updates


def split_file(text: str) -> tuple[str, str]:
    """Return the reference to a user's file and the settings after it; the reference is empty if there is none.

    Example:
        >>> split_file("./mine.py:Mine:rate=0.1"), split_file("mine.py:rate=0.1"), split_file("cosine:warmup=0.1")
        (('./mine.py:Mine', ':rate=0.1'), ('mine.py', ':rate=0.1'), ('', ''))
    """
    text = text.strip()
    match = _REFERENCE.fullmatch(text)
    if match:
        return match["reference"], match["settings"]
    return (text, "") if is_file_reference(text.partition(":")[0]) else ("", "")


def load_schedule(reference: str) -> tuple[type[Schedule], str]:
    """Return a schedule's class out of a user's file, checked and tried, and the file's fingerprint.

    Args:
        reference: ``path/to/file.py:MySchedule``, or only the path if the file defines one schedule.

    Raises:
        UserFileError: The file cannot be used, or its schedule breaks the contract of
            :class:`thalweg.schedules.Schedule`; the sentence names the line or the setting.
    """
    found = load_object(reference, argument="schedule", accept=_is_schedule_class, what=_WANTED)
    check_schedule(found.value, found.path)
    return found.value, found.source_fingerprint


def check_schedule(kind: type[Schedule], path: Path | None = None) -> None:
    """Refuse a schedule that breaks the contract of :class:`thalweg.schedules.Schedule`.

    Args:
        kind: The schedule's class.
        path: The file that defines it, or None for a class made in a running program.

    Raises:
        UserFileError: It breaks the contract.
    """
    where = f"schedule: {kind.__name__} in {path}" if path else f"schedule: {kind.__qualname__}"
    problem = _declaration_problem(kind)
    if problem:
        line = f", line {inspect.getsourcelines(kind)[1]}," if path else ""
        raise UserFileError(f"{where}{line} {problem}.")
    try:
        problem = _trial_problem(kind())
    except InvalidValueError as error:
        raise UserFileError(f"{where} cannot be made: {error}") from error
    except Exception as error:
        line = line_in_file(error, path) if path else None
        message = " ".join(str(error).split())
        raise UserFileError(
            f"{where}{f', line {line}' if line else ''} raises {type(error).__name__} when tried on a run of {_TRIAL} "
            f"updates: {message}; mend the schedule."
        ) from error
    if problem:
        raise UserFileError(f"{where}: {problem}.")


def file_of(kind: type[Schedule]) -> Path | None:
    """Return the user's file that a class was loaded from, or None."""
    spec = getattr(sys.modules.get(kind.__module__), "__spec__", None)
    origin = spec.origin if spec else None
    return Path(origin) if origin and kind.__module__.startswith("thalweg_user_file_") else None


def _is_schedule_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Schedule) and value is not Schedule


def _declaration_problem(kind: type[Schedule]) -> str | None:
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        return f"lacks {' and '.join(missing)}; define the method"
    if "__dataclass_params__" not in vars(kind):
        return "is no dataclass; put @dataclass(frozen=True) above it"
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[^\s@:,/\\+~]+", name):
        return (
            f"has name = {name!r}; give a word without spaces, '@', ':', ',', '/', '+' or '~', as in "
            "name: ClassVar[str] = 'mine'"
        )
    for field in dataclasses.fields(kind):
        if not field.metadata.keys() & {"hyperparameter", "variant"}:
            return (
                f"declares {field.name} as a plain field; use hyperparameter(…) for a number or variant(…) for a choice"
            )
        if field.default is dataclasses.MISSING:
            return f"gives {field.name} no default; every field needs one"
    unknown = [length for length in kind.lengths if length not in {field.name for field in dataclasses.fields(kind)}]
    if unknown:
        return f"names {unknown[0]} among its lengths and has no such field; name fields"
    return None


def _trial_problem(schedule: Schedule) -> str | None:
    """Return what is wrong with the factors of a short run, if anything is."""
    steps = np.arange(1, _TRIAL + 1)
    given = steps.copy()
    factors = np.asarray(schedule.factor(given, _TRIAL))
    if not np.array_equal(given, steps):
        return "factor changes its argument step in place; compute a new array"
    if factors.shape != steps.shape:
        return (
            f"factor returns an array of shape {factors.shape} for steps of shape {steps.shape}; return one factor per "
            "step (np.full(np.shape(step), …) for a constant)"
        )
    if factors.dtype.kind not in "fiu":
        return f"factor returns numbers of dtype {factors.dtype}; return floats"
    single = np.asarray([schedule.factor(int(step), _TRIAL) for step in steps], dtype=np.float64)
    if not np.array_equal(single, factors, equal_nan=True):
        return (
            "factor says something else for all steps at once than for one; use only operations on each step by itself"
        )
    return None
