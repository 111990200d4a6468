"""What a compiled pass over a group is given, kept from step to step.

Only the gradients are other tensors in every step, so for most models a step is to look up their addresses. Whatever
else has changed since (a parameter moved, a state loaded, a gradient missing) is noticed and leads the longer way.
"""

import array
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.interop.torch.kernel import Kernel, find_kernel
from thalweg.interop.torch.points import OWN_KEYS
from thalweg.interop.torch.sharding import is_sharded
from thalweg.optimizers.base import Rule

__all__ = ["Ready", "make_ready"]

ADDRESS, GRADIENT, DTYPE = torch.Tensor.data_ptr, operator.attrgetter("grad"), operator.attrgetter("dtype")
SIZE, CONTIGUOUS = torch.Tensor.numel, torch.Tensor.is_contiguous


@dataclass(frozen=True, eq=False)
class Ready:
    """A compiled pass over all parameters of a group.

    Attributes:
        kernel: The pass.
        structure: The rule's variants, for which it was compiled.
        parameters: The group's.
        order: What the pass is given of each parameter: ``parameter``, ``gradient``, or a key of its state.
        sizes: Elements per parameter.
        kept: What the optimizer keeps of each parameter.
        pointers: The addresses of all this, by place in ``order``; the gradients' change from step to step.
    """

    kernel: Kernel
    structure: Mapping[str, Any]
    parameters: list[torch.Tensor]
    order: tuple[str, ...]
    sizes: Any
    kept: list[dict[str, Any]]
    pointers: Any

    def fits(self, rule: Rule, parameters: list[torch.Tensor], state: Mapping[Any, dict[str, Any]]) -> bool:
        """Return whether nothing but the gradients is new, and take over their addresses; nothing is written yet."""
        if rule.structure() != self.structure or not _same(parameters, self.parameters):
            return False
        if not _same(list(state.values()), self.kept) and not _same(list(map(state.get, parameters)), self.kept):
            return False
        gradients, dtype = list(map(GRADIENT, parameters)), self.kernel.dtype
        if not _fit(parameters, dtype, self.sizes) or not _fit(gradients, dtype, self.sizes):
            return False
        count = len(parameters)
        for place, key in enumerate(self.order):
            part = slice(place * count, (place + 1) * count)
            if key == "gradient":
                self.pointers[part] = _addresses(gradients)
            elif _addresses(parameters if key == "parameter" else _entries(self.kept, key)) != self.pointers[part]:
                return False
        return True

    def run(self, rule: Rule) -> None:
        """Take the step that fits, with the rule's settings as they are now."""
        self.kernel.run(self.sizes, self.pointers, [float(value) for value in rule.values().values()])
        torch.autograd.graph.increment_version(self.parameters)


def make_ready(rule: Rule, parameters: Sequence[Any], state: Mapping[Any, dict[str, Any]]) -> Ready | None:
    """Return the compiled pass over a group as it stands after a step, or None if it has to go the longer way."""
    if not parameters or not rule.elementwise or rule.needs or any(p.grad is None for p in parameters):
        return None
    first, kept = parameters[0], state[parameters[0]]
    ahead = "base_point" in kept
    own = [key for key in kept if key not in OWN_KEYS]
    order = ("step_number", *(["base_point"] if ahead else []), "parameter", "gradient", *own)
    for p in parameters:
        flat = all(isinstance(value, torch.Tensor) and value.is_contiguous() for value in state[p].values())
        if is_sharded(p) or p.device.type != "cpu" or not flat or _kinds(state[p]) != _kinds(kept):
            return None
    sizes = array.array("q", [p.numel() for p in parameters])
    gradients = [p.grad for p in parameters]
    kernel = find_kernel(rule, first.dtype, tuple(kept[key].dtype for key in own), ahead)
    if kernel is None or not _fit(parameters, first.dtype, sizes) or not _fit(gradients, first.dtype, sizes):
        return None
    every = [state[p] for p in parameters]
    given = {"parameter": parameters, "gradient": gradients}
    pointers = array.array("Q")
    for key in order:
        pointers += _addresses(given[key] if key in given else _entries(every, key))
    return Ready(kernel, rule.structure(), list(parameters), order, sizes, every, pointers)


def _fit(tensors: Sequence[Any], dtype: torch.dtype, sizes: Any) -> bool:
    """Return whether all tensors are there, dense, of one dtype, contiguous, and of so many elements."""
    try:
        return (
            set(map(DTYPE, tensors)) == {dtype}
            and all(map(CONTIGUOUS, tensors))
            and array.array("q", list(map(SIZE, tensors))) == sizes
        )
    except (AttributeError, RuntimeError):  # there is none, or it is sparse and has no such order
        return False


def _same(found: Sequence[Any], known: Sequence[Any]) -> bool:
    """Return whether two lists hold the same objects."""
    return len(found) == len(known) and all(map(operator.is_, found, known))


def _kinds(kept: Mapping[str, torch.Tensor]) -> list[tuple[str, torch.dtype]]:
    return [(key, value.dtype) for key, value in kept.items()]


def _entries(kept: Sequence[Mapping[str, Any]], key: str) -> list[torch.Tensor]:
    return list(map(operator.itemgetter(key), kept))


def _addresses(tensors: Sequence[torch.Tensor]) -> Any:
    return array.array("Q", list(map(ADDRESS, tensors)))
