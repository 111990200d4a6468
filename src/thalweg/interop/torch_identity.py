"""What tells one PyTorch module from another: its parts, their settings, and the arrays that they hold."""

import hashlib
import re
import types
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch

from thalweg.tasks.definition import value_digest

__all__ = ["settings", "traits"]

Known: TypeAlias = Mapping[int, str]  # what was met on the way to a value, by identity, and what it is called

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
INNER = frozenset(vars(torch.nn.Module())) - {"training"}
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
SIMPLE = bool | int | float | complex | str | bytes | np.ndarray | types.FunctionType | partial | None


def traits(module: torch.nn.Module) -> dict[str, str]:
    """Return fingerprints of a module's settings, and of the shapes, flags and numbers of its arrays, by name."""
    return {name: value_digest(value) for name, value in {**_settings(module, {}), **_arrays(module)}.items()}


def settings(module: torch.nn.Module) -> dict[str, str]:
    """Return fingerprints of the class, the plain attributes and the hooks of every part of a module, by name."""
    return {name: value_digest(value) for name, value in _settings(module, {}).items()}


def _arrays(module: torch.nn.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    first: dict[int, str] = {}
    both = (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False))
    for name, value in (pair for pairs in both for pair in pairs):
        kind = [str(value.dtype), list(value.shape), value.requires_grad, first.setdefault(id(value), name)]
        found |= {f"kind of {name}": kind, f"numbers of {name}": _plain(value, {})}
    return found


def _settings(module: torch.nn.Module, known: Known) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts = dict(module.named_modules(remove_duplicate=False))
    known = {**known, **{id(part): path for path, part in parts.items()}}
    for path, part in parts.items():
        found[f"class of {path}"] = _plain(type(part), known)
        for name, value in vars(part).items():
            if name in HOOKS:
                found[f"{name} of {path}"] = [_plain(hook, known) for hook in value.values()]
            elif name not in INNER:
                found[f"attribute {path}.{name}"] = _plain(value, known)
    return found


def _plain(value: Any, known: Known) -> Any:
    """Return a value as fingerprints take it."""
    if isinstance(value, SIMPLE):
        return value
    if isinstance(value, type):
        return [f"{value.__module__}.{value.__qualname__}", value]
    if isinstance(value, types.MethodType):
        return [value.__func__, _plain(value.__self__, known)]
    if id(value) in known:
        return ["known", known[id(value)]]
    if isinstance(value, torch.Tensor):
        octets = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return [str(value.dtype), list(value.shape), hashlib.sha256(octets).hexdigest()]
    known = {**known, id(value): "itself"}
    if isinstance(value, torch.nn.Module):  # in a plain list, say, where its parent does not know it
        return sorted({**_settings(value, known), **_arrays(value)}.items())
    if isinstance(value, dict):
        return [[_plain(item, known) for item in pair] for pair in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(item, known) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(item) for item in value)
    held = getattr(value, "__wrapped__", None), getattr(value, "__dict__", None)
    return [_plain(type(value), known), ADDRESS.sub("", repr(value)), *(_plain(one, known) for one in held)]
