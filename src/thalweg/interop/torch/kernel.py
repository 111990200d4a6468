"""One compiled pass over all parameters of a group, for elementwise rules on the CPU."""

import array
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.interop.torch.axes import UntraceableError
from thalweg.interop.torch.library import compiled, compiler
from thalweg.interop.torch.source import slots_of, source_of
from thalweg.interop.torch.tracing import trace_update
from thalweg.optimizers.base import Rule

__all__ = ["Kernel", "find_kernel"]

GRAIN = 32768  # elements below which another thread costs more than it saves


@dataclass(frozen=True, eq=False)
class Kernel:
    """A compiled update.

    Attributes:
        function: From C.
        dtype: Dtype of parameter, gradient and inputs.
        width: Addresses per parameter, in the order of :func:`thalweg.interop.torch.source.slots_of`.
        kept: Numbers that it keeps per parameter.
        inputs: Names of the further inputs, in the order of their pointers.
    """

    function: Any
    dtype: torch.dtype
    width: int
    kept: int
    inputs: tuple[str, ...]

    def run(self, sizes: Any, pointers: Any, settings: Sequence[float]) -> None:
        """Update parameters in place.

        Args:
            sizes: Elements of each parameter, an array of signed 64-bit numbers.
            pointers: ``width`` times an address per parameter, an array of unsigned ones.
            settings: The hyperparameters, in the order of declaration, then the loss if the rule needs it.
        """
        count, total = len(sizes), sum(sizes)
        numbers = array.array("d", settings)
        scratch = array.array("d", bytes(8 * count * self.kept))
        threads = max(1, min(torch.get_num_threads(), total // GRAIN))
        self.function(
            count,
            sizes.buffer_info()[0],
            pointers.buffer_info()[0],
            numbers.buffer_info()[0],
            scratch.buffer_info()[0],
            threads,
        )


def find_kernel(
    rule: Rule, dtype: torch.dtype, state_dtypes: tuple[torch.dtype, ...], looks_ahead: bool
) -> Kernel | None:
    """Return the compiled update of a rule, or None where there is none.

    Args:
        rule: The rule; of its settings only the variants matter.
        dtype: Dtype of parameter, gradient and inputs.
        state_dtypes: Dtype of every leaf of the state.
        looks_ahead: Whether the rule takes its gradient elsewhere than at its parameters.
    """
    path = compiler()
    if path is None or not rule.elementwise:
        return None
    structure = tuple(sorted(rule.structure().items()))
    return _found(type(rule), structure, dtype, state_dtypes, looks_ahead, path)


@functools.lru_cache(maxsize=512)
def _found(
    rule_class: type[Rule],
    structure: tuple[tuple[str, Any], ...],
    dtype: torch.dtype,
    state_dtypes: tuple[torch.dtype, ...],
    looks_ahead: bool,
    path: str,
) -> Kernel | None:
    del path  # another compiler, another kernel
    rule = rule_class.configured().with_values(dict(structure))
    computed = torch.float64 if dtype == torch.float64 else torch.float32
    try:
        with torch.no_grad():
            trace = trace_update(rule, computed, looks_ahead)
        slots = slots_of(trace, dtype, state_dtypes)
        source, kept = source_of(trace, slots)
    except (UntraceableError, TypeError, KeyError, IndexError):
        return None
    function = compiled(source)
    return None if function is None else Kernel(function, dtype, len(slots), kept, tuple(trace.inputs))
