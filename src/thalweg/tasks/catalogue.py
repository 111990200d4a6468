"""The built-in tasks by name, and how a task's reference becomes a task.

The table says what can be told of a task without loading JAX; the module that defines it is
imported when the task is asked for.
"""

import hashlib
import importlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from thalweg.errors import UnknownNameError
from thalweg.records import fingerprint
from thalweg.tasks.base import Data, Task

__all__ = ["LoadedTask", "find_task", "load_task", "task_data", "task_listing", "task_names", "task_version"]


@dataclass(frozen=True)
class Entry:
    """What is known of a built-in task before it is loaded.

    Attributes:
        name: Name on the command line.
        module: Module under ``thalweg.tasks``, and the constant in it.
        title: One line for people.
        kind: ``classification``, ``regression`` or ``landscape``.
        model: The model in a few words.
        examples: Examples in train, validation and test together.
        parameters: Number of trainable parameters.
        licence: Licence of the data.
    """

    name: str
    module: str
    title: str
    kind: str
    model: str
    examples: int
    parameters: int
    licence: str


@dataclass(frozen=True)
class LoadedTask:
    """A task and where it came from.

    Attributes:
        task: The task.
        source_fingerprint: SHA-256 of the user's file; empty for a built-in task.
    """

    task: Task
    source_fingerprint: str = ""


def _entries() -> dict[str, Entry]:
    rows = [
        Entry(
            "digits",
            "digits:DIGITS",
            "Handwritten digits, perceptron 64-32-10",
            "classification",
            "perceptron 64-32-10",
            1797,
            2410,
            "CC BY 4.0",
        ),
        Entry(
            "digits-logistic",
            "digits:DIGITS_LOGISTIC",
            "Handwritten digits, logistic regression",
            "classification",
            "logistic regression",
            1797,
            650,
            "CC BY 4.0",
        ),
        Entry(
            "digits-cnn",
            "digits:DIGITS_CNN",
            "Handwritten digits, small convolutional network",
            "classification",
            "two convolutions and a dense layer",
            1797,
            3818,
            "CC BY 4.0",
        ),
    ]
    return {row.name: row for row in rows}


def task_names() -> tuple[str, ...]:
    """Return the names of the built-in tasks, in the order of the table."""
    return tuple(_entries())


def task_listing() -> list[dict[str, Any]]:
    """Return what is known of every built-in task without loading JAX, one dictionary each."""
    shown = [f.name for f in fields(Entry) if f.name != "module"]
    return [{name: getattr(entry, name) for name in shown} for entry in _entries().values()]


def find_task(name: str) -> Task:
    """Return a built-in task.

    Raises:
        UnknownNameError: No such task.
    """
    entries = _entries()
    if name not in entries:
        raise UnknownNameError("task", name, entries)
    module, constant = entries[name].module.split(":")
    return getattr(importlib.import_module(f"thalweg.tasks.{module}"), constant)


def load_task(reference: str) -> LoadedTask:
    """Return the task that a name or a file names.

    Args:
        reference: Name of a built-in task, or ``path/to/file.py`` or ``path/to/file.py:name``.

    Raises:
        UnknownNameError: No such task.
        UserFileError: The file is missing, raises, or holds no task or several.
    """
    path, _, _ = reference.partition(".py:")
    if not (reference.endswith(".py") or path != reference):
        return LoadedTask(find_task(reference))
    from thalweg.user_files import load_object

    loaded = load_object(
        reference, argument="task", accept=lambda value: isinstance(value, Task), what="a thalweg.Task"
    )
    return LoadedTask(loaded.value, loaded.source_fingerprint)


def task_data(task: Task) -> Data:
    """Return the splits of a task, calling its data function if it has one."""
    return task.data() if callable(task.data) else task.data


def task_version(task: Task, source: str = "") -> str:
    """Return a fingerprint of everything in a task that a run's outcome depends on.

    Args:
        task: The task.
        source: Fingerprint of the file that defines it; empty for a built-in task, whose
            definition is counted by its ``version``.

    Returns:
        64 hexadecimal digits that change with the data, the name, the version and the source.
    """
    data = task_data(task)
    arrays = {part: _digests(getattr(data, part)) for part in ("train", "validation", "test")}
    return fingerprint({"name": task.name, "version": task.version, "source": source, "arrays": arrays})


def _digests(part: Any) -> dict[str, list[Any]]:
    arrays = {str(name): np.ascontiguousarray(part[name]) for name in part}
    return {
        name: [array.dtype.str, list(array.shape), hashlib.sha256(array.data).hexdigest()]
        for name, array in arrays.items()
    }
