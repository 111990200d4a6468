"""A fingerprint of a task's functions, for tasks that are made in a running program and have no file."""

import dataclasses
import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from thalweg.tasks.base import Task

__all__ = ["Counted", "class_digest", "definition_digest", "value_digest"]

OWN = "thalweg."


def definition_digest(task: Task) -> str:
    """Return a fingerprint of the code of a task's functions, 64 hexadecimal digits.

    Args:
        task: The task.

    Byte code, constants, the values of closures and defaults count, and so do the functions and numbers
    that are reached by global names, and of classes the methods, attributes and bases; the code of Thalweg
    and of other packages does not. A changed formula therefore never meets the stored runs of the old one.
    Another version of Python may train a run again, but never mixes two.
    """
    walk = _Walk()
    for function in (task.init, task.loss, task.metric.function if task.metric else None):
        walk.visit(function)
    if task.training_loss is not None and not _follows_from_loss(task.training_loss):
        walk.visit(task.training_loss)
    if task.sampled_loss is not None and not _by_builder(task.sampled_loss):
        walk.visit(task.sampled_loss)
    return hashlib.sha256("\n".join(walk.parts).encode()).hexdigest()


def class_digest(made: type) -> str:
    """Return a fingerprint of the code of a class's own methods, 64 hexadecimal digits.

    Args:
        made: A class defined in a running program, such as a rule of the user's.

    What counts is as for :func:`definition_digest`; what dataclasses generate is left out, as it follows from
    the fields.
    """
    walk = _Walk()
    for name, value in vars(made).items():
        if callable(value) or isinstance(value, staticmethod | classmethod | property):
            if name.startswith("__") and name != "__post_init__":
                continue
            walk.parts.append(name)
            walk.visit(value.fget if isinstance(value, property) else value)
    return hashlib.sha256("\n".join(walk.parts).encode()).hexdigest()


def value_digest(value: Any) -> str:
    """Return a fingerprint of a value: numbers, text, arrays, code, and lists, tuples, dicts and sets of them.

    What counts is as for :func:`definition_digest`.
    """
    walk = _Walk()
    walk.visit(value)
    return hashlib.sha256("\n".join(walk.parts).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Counted:
    """What counts for a thing that a fingerprint cannot look into.

    Attributes:
        parts: Returns it, when a fingerprint is first asked for.
    """

    parts: Callable[[], tuple[Any, ...]]


def _by_builder(function: Any) -> bool:
    return isinstance(function, types.FunctionType) and function.__module__ == "thalweg.tasks.build"


def _follows_from_loss(training_loss: Any) -> bool:
    # That of a builder, for a model that is no different in training.
    return _by_builder(training_loss) and inspect.getclosurevars(training_loss).nonlocals.get("train") is None


class _Walk:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._seen: dict[int, Any] = {}  # kept alive, so that no number is given twice

    def visit(self, value: Any) -> None:
        """Add what a value consists of, once."""
        if isinstance(value, bool | int | float | complex | str | bytes | None):
            self.parts.append(repr(value))
            return
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        for inner in self._inside(value):
            self.visit(inner)

    def _inside(self, value: Any) -> list[Any]:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            return [value.co_code, list(value.co_names), list(value.co_consts)]
        if isinstance(value, types.MethodType):
            return [value.__func__, value.__self__]
        if isinstance(value, dict):
            return [item for pair in value.items() for item in pair]
        if isinstance(value, tuple | list):
            return list(value)
        if isinstance(value, set | frozenset):
            return sorted(value, key=repr)  # their order differs from process to process
        if isinstance(value, type):
            return [] if _foreign(value) else self._class(value)
        if isinstance(value, property):
            return [value.fget]
        if isinstance(value, Counted):
            return list(value.parts())
        if hasattr(value, "__array__"):
            array = np.ascontiguousarray(_detached(value) if hasattr(value, "detach") else value)
            return [str(array.dtype), list(array.shape), array.tobytes()]
        if dataclasses.is_dataclass(value):
            return [type(value), *(getattr(value, f.name, None) for f in dataclasses.fields(value))]
        shown = [getattr(value, name, None) for name in ("__wrapped__", "func", "args", "keywords")]
        plain = isinstance(value, types.SimpleNamespace) or not _of_library(type(value))
        return [*shown, type(value), vars(value)] if plain and hasattr(value, "__dict__") else shown

    def _class(self, made: type) -> list[Any]:
        code = [item for item in vars(made).values() if callable(item)]
        if _of_library(made):
            return code
        settings = [
            part
            for name, value in vars(made).items()
            if not callable(value) and not (name.startswith("__") and name.endswith("__"))
            for part in (name, value)
        ]
        return [*code, *settings, *(base for base in made.__bases__ if base is not object)]

    def _function(self, function: types.FunctionType) -> list[Any]:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        if _foreign(function):
            return [function.__qualname__, cells]
        reached = [function.__globals__.get(name) for name in function.__code__.co_names]
        known = [item for item in reached if not isinstance(item, types.ModuleType) and not _foreign(item)]
        return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, known]


def _of_library(made: type) -> bool:
    return _foreign(made) or made.__module__.partition(".")[0] in sys.stdlib_module_names


def _detached(tensor: Any) -> Any:
    """Return a tensor of PyTorch as NumPy takes it, which knows no bfloat16."""
    plain = tensor.detach().cpu()
    return plain.double() if plain.is_floating_point() else plain


def _foreign(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    if module.startswith(OWN):
        return True
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in path
