"""A compiled update of every parameter of a group, for rules that act array by array on the CPU.

The update is recorded for every shape; shapes that the rule treats alike share what is compiled.
"""

import functools
import math
from array import array as packed
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.interop.torch.axes import UntraceableError
from thalweg.interop.torch.kernel import GRAIN
from thalweg.interop.torch.library import compiled, compiler
from thalweg.interop.torch.nested import leaves
from thalweg.interop.torch.points import rule_state
from thalweg.interop.torch.sharding import is_sharded
from thalweg.interop.torch.source import slots_of
from thalweg.interop.torch.stages import staged_source
from thalweg.interop.torch.tracing import trace_update
from thalweg.optimizers.base import Rule

__all__ = ["ArrayKernel", "find_array_kernel", "update_compiled"]


@dataclass(frozen=True, eq=False)
class ArrayKernel:
    """A compiled update of parameters of one number of dimensions.

    Attributes:
        function: From C.
        groups: The parameter's axes whose product is each of the lengths that it is given.
        inputs: Names of the further inputs, in the order of their pointers.
    """

    function: Any
    groups: tuple[tuple[int, ...], ...]
    inputs: tuple[str, ...]

    def run(self, shapes: Sequence[torch.Size], rows: Sequence[Sequence[int]], settings: Sequence[float]) -> None:
        """Update parameters in place.

        Args:
            shapes: Of every parameter.
            rows: For every parameter the addresses of its arrays, in the order of
                :func:`thalweg.interop.torch.source.slots_of`.
            settings: The hyperparameters, in the order of declaration, then the loss if the rule needs it.

        Raises:
            MemoryError: There is no room for the sums.
        """
        lengths = packed("q", [math.prod(shape[axis] for axis in group) for shape in shapes for group in self.groups])
        pointers = packed("Q", [address for place in zip(*rows, strict=True) for address in place])
        numbers, failed = packed("d", settings), packed("d", [0.0])
        threads = max(1, min(torch.get_num_threads(), sum(map(math.prod, shapes)) // GRAIN))
        given = [a.buffer_info()[0] for a in (lengths, pointers, numbers, failed)]
        self.function(len(shapes), *given, threads)
        if failed[0]:
            raise MemoryError("no room for the sums over parameters")


def update_compiled(
    rule: Rule, parameters: Sequence[Any], state: Mapping[Any, dict[str, Any]], inputs: Mapping[str, Any]
) -> list[Any]:
    """Update parameters in place and count the step, where that is compiled; return the parameters that it is not for.

    Args:
        rule: The rule with its settings as Python numbers.
        parameters: Each with a gradient.
        state: Of the optimizer, by parameter.
        inputs: What the rule needs: ``loss`` as a number, all else by parameter.
    """
    if compiler() is None:
        return list(parameters)
    structure, left, changed = tuple(sorted(rule.structure().items())), [], []
    found: dict[ArrayKernel, tuple[list[Any], list[Any], list[Any]]] = {}
    for parameter in parameters:
        arrays, own = _arrays(parameter, state[parameter])
        kernel = None
        if arrays:
            dtypes, ahead = tuple(leaf.dtype for leaf in own), "base_point" in state[parameter]
            kernel = find_array_kernel(type(rule), structure, parameter.dtype, parameter.shape, dtypes, ahead)
        if kernel is None:
            left.append(parameter)
            continue
        arrays += [inputs[name][parameter].to(parameter.dtype).contiguous() for name in kernel.inputs]
        shapes, rows, alive = found.setdefault(kernel, ([], [], []))
        shapes.append(parameter.shape)
        rows.append([array.data_ptr() for array in arrays])
        alive.append(arrays)
        changed.append(parameter)
    settings = [float(value) for value in rule.values().values()]
    settings += [float(inputs["loss"])] if "loss" in rule.needs else []
    for kernel, (shapes, rows, _) in found.items():
        kernel.run(shapes, rows, settings)
    torch.autograd.graph.increment_version(changed)
    return left


@functools.lru_cache(maxsize=4096)
def find_array_kernel(
    rule_class: type[Rule],
    structure: tuple[tuple[str, Any], ...],
    dtype: torch.dtype,
    shape: tuple[int, ...],
    state_dtypes: tuple[torch.dtype, ...],
    looks_ahead: bool,
) -> ArrayKernel | None:
    """Return the compiled update of an array, or None where there is none.

    Args:
        rule_class: The rule.
        structure: Its variants, as pairs.
        dtype: Dtype of parameter, gradient and inputs.
        shape: Of the parameter, one dimension or more.
        state_dtypes: Dtype of every leaf of the state.
        looks_ahead: Whether the rule takes its gradient elsewhere than at its parameters.
    """
    rule = rule_class.configured().with_values(dict(structure))
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    try:
        with torch.no_grad():
            trace = trace_update(rule, computed, looks_ahead, tuple(shape))
        slots = slots_of(trace, dtype, state_dtypes)
        source, groups = staged_source(trace, slots, len(shape))
    except (UntraceableError, TypeError, ValueError, KeyError, IndexError, RuntimeError):
        return None
    return _built(source, groups, tuple(trace.inputs))


@functools.cache
def _built(source: str, groups: tuple[tuple[int, ...], ...], inputs: tuple[str, ...]) -> ArrayKernel | None:
    function = compiled(source)
    return None if function is None else ArrayKernel(function, groups, inputs)


def _arrays(parameter: Any, kept: dict[str, Any]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return a parameter's arrays but for the inputs, and its state among them; nothing if C cannot be given them."""
    gradient = parameter.grad
    if parameter.ndim == 0 or parameter.device.type != "cpu" or is_sharded(parameter) or gradient.is_sparse:
        return [], []
    own, point = leaves(rule_state(kept)), kept.get("base_point")
    written = [parameter.detach(), *([] if point is None else [point]), *own]
    if not all(isinstance(array, torch.Tensor) and array.is_contiguous() for array in written):
        return [], []
    first = [kept["step_number"], *([] if point is None else [point]), written[0]]
    return [*first, gradient.to(parameter.dtype).contiguous(), *own], own
