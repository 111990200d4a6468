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

ADDRESS, LAYOUT, DTYPE = torch.Tensor.data_ptr, operator.attrgetter("layout"), operator.attrgetter("dtype")


@dataclass(frozen=True, eq=False)
class Ready:
    """A compiled pass over all parameters of a group.

    Attributes:
        kernel: The pass.
        structure: The rule's variants, for which it was compiled.
        parameters: The group's.
        order: What the pass is given of each parameter: ``parameter``, ``gradient``, or a key of its state.
        sizes: Elements per parameter.
        addresses: Of all but the gradients, by place in ``order``.
    """

    kernel: Kernel
    structure: Mapping[str, Any]
    parameters: list[torch.Tensor]
    order: tuple[str, ...]
    sizes: Any
    addresses: Mapping[str, list[int]]

    def run(self, rule: Rule, parameters: list[torch.Tensor], state: Mapping[Any, dict[str, Any]]) -> bool:
        """Take a step, or return False with nothing done if it must go the longer way."""
        if rule.structure() != self.structure or len(parameters) != len(self.parameters):
            return False
        if not all(map(operator.is_, parameters, self.parameters)):
            return False
        gradients: list[Any] = [p.grad for p in parameters]
        if not _fit(gradients, parameters[0].dtype):
            return False
        kept = [state[p] for p in parameters]
        table: list[int] = []
        for key in self.order:
            if key == "gradient":
                table += map(ADDRESS, gradients)
                continue
            found = list(map(ADDRESS, parameters if key == "parameter" else [one[key] for one in kept]))
            if found != self.addresses[key]:
                return False
            table += found
        numbers = [float(value) for value in rule.values().values()]
        self.kernel.run(self.sizes, array.array("Q", table), numbers)
        torch.autograd.graph.increment_version(self.parameters)
        return True


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
        if is_sharded(p) or p.dtype != first.dtype or p.device.type != "cpu" or not p.is_contiguous() or not flat:
            return None
        if list(state[p]) != list(kept):
            return None
    kernel = find_kernel(rule, first.dtype, tuple(kept[key].dtype for key in own), ahead)
    if kernel is None or not _fit([p.grad for p in parameters], first.dtype):
        return None
    columns = {key: [p if key == "parameter" else state[p][key] for p in parameters] for key in {*order} - {"gradient"}}
    addresses = {key: list(map(ADDRESS, tensors)) for key, tensors in columns.items()}
    sizes = array.array("q", [p.numel() for p in parameters])
    return Ready(kernel, rule.structure(), list(parameters), order, sizes, addresses)


def _fit(gradients: Sequence[Any], dtype: torch.dtype) -> bool:
    """Return whether all gradients are there, dense, of one dtype, and contiguous."""
    if any(gradient is None for gradient in gradients) or set(map(LAYOUT, gradients)) != {torch.strided}:
        return False
    return set(map(DTYPE, gradients)) == {dtype} and all(map(torch.Tensor.is_contiguous, gradients))
