"""Schedules in files of the user's own: ``./my_schedule.py:MySchedule``, checked before they are used."""

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np

from thalweg.schedules.base import Schedule
from thalweg.user_classes import UserClass
from thalweg.user_files import is_file_reference

__all__ = ["check_schedule", "file_of", "load_schedule", "split_file"]

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
    found = _SCHEDULE.load(reference)
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
    _SCHEDULE.check_declaration(kind, path)
    _SCHEDULE.check_trial(kind, path, kind, _trial_problem)


def file_of(kind: type[Schedule]) -> Path | None:
    """Return the user's file that a class was loaded from, or None."""
    spec = getattr(sys.modules.get(kind.__module__), "__spec__", None)
    origin = spec.origin if spec else None
    return Path(origin) if origin and kind.__module__.startswith("thalweg_user_file_") else None


def _declaration_problem(kind: type[Schedule]) -> str | None:
    unknown = [length for length in kind.lengths if length not in {field.name for field in dataclasses.fields(kind)}]
    return f"names {unknown[0]} among its lengths and has no such field; name fields" if unknown else None


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


_SCHEDULE = UserClass(
    "schedule",
    Schedule,
    forbidden="@:,/\\+~",
    formula="",
    tried_on=f"a run of {_TRIAL} updates",
    declaration_problem=_declaration_problem,
)
