"""The errors a user can meet.

::

    ThalwegError
    ├── UsageError (also ValueError)   exit status 2: the request itself cannot be met
    │   ├── UnknownNameError           no such task, optimizer, hyperparameter, study …
    │   ├── InvalidValueError          a number or word outside what is allowed
    │   ├── UserFileError              a file of the user's is missing, raises, or holds nothing usable
    │   ├── TaskError                  a task breaks its contract (loss not scalar, not finite, NaN in data …)
    │   └── StoreUsageError            the store named is not ours, or cannot be written
    └── WorkError                      exit status 1: the request was right, the work failed
        └── StoreError                 the store is locked, full or lost while working

Every message is one sentence: the argument, its value, what is allowed, and a way to mend it.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "InvalidValueError",
    "StoreError",
    "StoreUsageError",
    "TaskError",
    "ThalwegError",
    "UnknownNameError",
    "UsageError",
    "UserFileError",
    "WorkError",
]


class ThalwegError(Exception):
    """Any error that Thalweg raises on purpose."""


class UsageError(ThalwegError, ValueError):
    """The request cannot be met as it stands; the command line exits with status 2."""


class UnknownNameError(UsageError):
    """A name that is not in a known, finite list.

    Args:
        argument: What the name was given for, e.g. ``"optimizer"``.
        name: The name that was given.
        allowed: Every name that would have been accepted.

    Example:
        >>> print(UnknownNameError("optimizer", "adm", ["adam", "sgd"]))
        optimizer 'adm' is not known: did you mean 'adam'? Allowed: adam, sgd.
    """

    def __init__(self, argument: str, name: str, allowed: Iterable[str]) -> None:
        self.argument, self.name, self.allowed = argument, name, sorted(allowed)
        near = difflib.get_close_matches(str(name).lower(), self.allowed, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(self.allowed) if self.allowed else "none"
        super().__init__(f"{argument} {name!r} is not known: {guess}Allowed: {known}.")


class InvalidValueError(UsageError):
    """A value outside the range or the choices that an argument allows."""


class UserFileError(UsageError):
    """A file of the user's is missing, raises when run, or holds nothing usable."""


class TaskError(UsageError):
    """A task that breaks the contract of :class:`thalweg.Task`."""


class StoreUsageError(UsageError):
    """The store named by the user is not ours or cannot be used as asked."""


class WorkError(ThalwegError, RuntimeError):
    """The request was right and the work failed; the command line exits with status 1."""


class StoreError(WorkError):
    """The store failed while working: locked, full, or gone."""
