"""The built-in tasks by name, and how a task's reference becomes a task.

The table says what can be told of a task without loading JAX; the module that defines it is
imported when the task is asked for.
"""

import hashlib
import importlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from thalweg.errors import UnknownNameError, UsageError
from thalweg.records import fingerprint
from thalweg.tasks.base import Data, Task
from thalweg.tasks.choices import with_options
from thalweg.tasks.definition import definition_digest
from thalweg.tasks.table import ENTRIES, Entry
from thalweg.user_files import is_file_reference, load_object

__all__ = ["LoadedTask", "find_task", "load_task", "task_data", "task_listing", "task_names", "task_version"]


@dataclass(frozen=True)
class LoadedTask:
    """A task and where it came from.

    Attributes:
        task: The task.
        source_fingerprint: SHA-256 of the user's file; empty for a built-in task.
    """

    task: Task
    source_fingerprint: str = ""


def task_names() -> tuple[str, ...]:
    """Return the names of the built-in tasks, in the order of the table."""
    return tuple(ENTRIES)


def task_listing() -> list[dict[str, Any]]:
    """Return what is known of every built-in task without loading JAX, one dictionary each."""
    shown = [f.name for f in fields(Entry) if f.name != "home"]
    return [{name: getattr(entry, name) for name in shown} for entry in ENTRIES.values()]


def find_task(name: str) -> Task:
    """Return a built-in task; its module, and JAX, are loaded only now.

    Raises:
        UnknownNameError: No such task.
    """
    if name not in ENTRIES:
        raise UnknownNameError("task", name, ENTRIES)
    module, constant = ENTRIES[name].home.split(":")
    home = importlib.import_module(f"thalweg.tasks.{module}")
    return getattr(home, constant) if constant else home.surface_task(name)


def load_task(reference: str) -> LoadedTask:
    """Return the task that a name or a file names.

    Args:
        reference: Name of a built-in task, or ``path/to/file.py`` or ``path/to/file.py:name``.

    Raises:
        UnknownNameError: No such task.
        UserFileError: The file is missing, raises, or holds no task or several.
    """
    if not is_file_reference(reference):
        return LoadedTask(find_task(reference))
    found = load_object(reference, argument="task", accept=lambda value: isinstance(value, Task), what="a thalweg.Task")
    return LoadedTask(found.value, found.source_fingerprint)


def task_data(task: Task) -> Data:
    """Return the splits of a task, calling its data function if it has one."""
    return task.data() if callable(task.data) else task.data


def task_version(task: Task, source: str = "", data: Data | None = None) -> str:
    """Return a fingerprint of everything in a task that a run's outcome depends on.

    Args:
        task: The task.
        source: Fingerprint of the file that defines it; empty for a built-in task and for one made
            in a running program.
        data: Its splits, where they are at hand: a data function is called once and need not
            return the same numbers twice.

    Returns:
        64 hexadecimal digits that change with the data, the name, the version, the source and the structural
        choices that differ from the defaults. The built-in tasks' definitions are counted by their ``version``; of a
        task made in a running program, the compiled code of its functions is counted, closures included.
    """
    data = task_data(task) if data is None else data
    arrays = {part: _digests(getattr(data, part)) for part in ("train", "validation", "test")}
    code = source if source or _is_built_in(task) else definition_digest(task)
    counted = {"name": task.name, "version": task.version, "source": code, "arrays": arrays}
    return fingerprint({**counted, "chosen": dict(task.chosen)} if task.chosen else counted)


def _is_built_in(task: Task) -> bool:
    if task.name not in ENTRIES:
        return False
    known = find_task(task.name)
    if known is task or not task.chosen:
        return known is task
    try:
        return with_options(known, **task.chosen) is task
    except UsageError:  # a task of the user's with the same name and options of its own
        return False


def _digests(part: Any) -> dict[str, list[Any]]:
    arrays = {str(name): np.ascontiguousarray(part[name]) for name in part}
    return {name: [str(a.dtype), list(a.shape), hashlib.sha256(a.tobytes()).hexdigest()] for name, a in arrays.items()}
