"""One step of an elementwise rule on dense parameters, written in place.

Where there is a C compiler, all parameters are updated in one compiled pass. Elsewhere the rule itself is run on pieces
small enough that all it computes in between stays in the processor's cache; small parameters are joined for that.
"""

from array import array as packed
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from thalweg.arrays import as_scalar
from thalweg.interop.torch.kernel import Kernel, find_kernel
from thalweg.interop.torch.nested import leaves, mapped, refilled
from thalweg.optimizers.base import Rule

__all__ = ["Column", "update_columns", "write"]

PIECE = 1 << 16  # elements per thread: shorter and the calls cost more than the work, longer and caches overflow
ACCELERATOR_PIECE = 1 << 24  # keeps an accelerator busy, and temporaries small beside the parameters


@dataclass
class Column:
    """A parameter with all that its update reads and writes; every array has the parameter's shape, or none.

    Attributes:
        step: How many updates it has had, a 0-d float64 tensor on the CPU.
        point: Where the rule is: the parameter itself, or what is kept beside it by a rule that looks ahead.
        parameter: The parameter, if it holds another point than ``point``.
        gradient: Its gradient.
        state: The rule's state.
        inputs: What else the rule needs, by name, except the loss.
    """

    step: torch.Tensor
    point: torch.Tensor
    parameter: torch.Tensor | None
    gradient: torch.Tensor
    state: dict[str, Any]
    inputs: Mapping[str, torch.Tensor] = field(default_factory=dict)


def update_columns(rule: Rule, columns: Sequence[Column], loss: Any, fused: bool) -> None:
    """Update parameters and states of an elementwise rule in place, and count the step.

    Args:
        rule: The rule with its settings as Python numbers.
        columns: The parameters, dense.
        loss: The loss, if the rule needs it.
        fused: Whether to use the compiler where there is one.
    """
    alike: dict[Any, list[Column]] = {}
    for column in columns:
        states = tuple(leaf.dtype for leaf in leaves(column.state))
        kind = (column.point.device, column.point.dtype, states, column.parameter is not None)
        alike.setdefault(kind, []).append(column)
    for (device, dtype, states, looks), group in alike.items():
        kernel = find_kernel(rule, dtype, states, looks) if fused and device.type == "cpu" else None
        if kernel is not None:
            _run_kernel(kernel, rule, group, loss)
        else:
            _run_pieces(rule, group, loss)


def write(targets: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Copy values into tensors, where a value may share memory with another target."""
    places = {target.data_ptr() for target in targets}
    safe = []
    for target, value in zip(targets, values, strict=True):
        shared = value is not target and value.data_ptr() in places and value.data_ptr() != target.data_ptr()
        safe.append(value.clone() if shared else value)
    for target, value in zip(targets, safe, strict=True):
        if value.data_ptr() != target.data_ptr() or value.dtype != target.dtype:
            target.copy_(value)


def _run_kernel(kernel: Kernel, rule: Rule, columns: Iterable[Column], loss: Any) -> None:
    sizes: list[int] = []
    rows: list[list[int]] = []
    changed: list[torch.Tensor] = []
    late: list[tuple[torch.Tensor, torch.Tensor]] = []
    kept: list[torch.Tensor] = []  # temporaries, alive until the pass is over
    for column in columns:
        arrays = [column.point, column.gradient, *leaves(column.state)]
        arrays[1:1] = [] if column.parameter is None else [column.parameter]
        arrays += [column.inputs[name] for name in kernel.inputs]
        if not all(array.is_contiguous() for array in arrays):
            read_only = {id(column.gradient), *map(id, column.inputs.values())}
            arrays = _laid_out(arrays, column.point, read_only, late)
        kept += arrays
        sizes.append(column.point.numel())
        rows.append([column.step.data_ptr(), *(array.data_ptr() for array in arrays)])
        changed.append(column.point if column.parameter is None else column.parameter)
    settings = [float(value) for value in rule.values().values()]
    if "loss" in rule.needs:
        settings.append(float(loss))
    kernel.run(
        packed("q", sizes), packed("Q", [address for place in zip(*rows, strict=True) for address in place]), settings
    )
    for target, value in late:
        target.copy_(value)
    torch.autograd.graph.increment_version(changed)


def _laid_out(
    arrays: list[torch.Tensor], point: torch.Tensor, read_only: set[int], late: list[tuple[torch.Tensor, torch.Tensor]]
) -> list[torch.Tensor]:
    """Return the arrays with the elements in one order in memory; what is to be copied back is noted in ``late``."""
    shape, strides = point.shape, point.stride() if _is_dense(point) else None
    found = []
    for array in arrays:
        if array.shape != shape or array.stride() == strides:
            found.append(array)
            continue
        copy = (
            torch.empty(shape, dtype=array.dtype)
            if strides is None
            else torch.empty_strided(shape, strides, dtype=array.dtype)
        )
        found.append(copy.copy_(array))
        if id(array) not in read_only:
            late.append((array, copy))
    return found


def _is_dense(tensor: torch.Tensor) -> bool:
    """Return whether a tensor's elements fill a piece of memory without gaps or overlaps, in any order."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def _run_pieces(rule: Rule, columns: Sequence[Column], loss: Any) -> None:
    like = columns[0].point
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    bound = rule.with_values({name: as_scalar(value, like, dtype) for name, value in rule.values().items()})
    largest = PIECE * torch.get_num_threads() if like.device.type == "cpu" else ACCELERATOR_PIECE
    extra = {"loss": as_scalar(loss, like, dtype)} if "loss" in rule.needs else {}
    for column in columns:
        column.step += 1
    for batch in _batches(columns, largest):
        t = as_scalar(batch[0].step, like, dtype)
        if len(batch) == 1:
            _update_long(bound, batch[0], t, extra, dtype, largest)
        else:
            _update_joined(bound, batch, t, extra, dtype)


def _batches(columns: Sequence[Column], largest: int) -> Iterator[list[Column]]:
    """Yield parameters to be updated together: of one step and no numbers in their state, up to a piece in all."""
    batch: list[Column] = []
    total = 0
    for column in columns:
        size = column.point.numel()
        alone = any(leaf.shape != column.point.shape for leaf in leaves(column.state))
        if batch and (alone or total + size > largest or column.step != batch[0].step):
            yield batch
            batch, total = [], 0
        if alone:
            yield [column]
            continue
        batch.append(column)
        total += size
    if batch:
        yield batch


def _update_joined(bound: Rule, batch: Sequence[Column], t: Any, extra: dict[str, Any], dtype: torch.dtype) -> None:
    def joined(arrays: Iterable[torch.Tensor]) -> torch.Tensor:
        return torch.cat([array.reshape(-1) for array in arrays]).to(dtype)

    sizes = [column.point.numel() for column in batch]
    states = [leaves(column.state) for column in batch]
    state = refilled(batch[0].state, iter([joined(part) for part in zip(*states, strict=True)]))
    inputs = {name: joined(column.inputs[name] for column in batch) for name in batch[0].inputs}
    point, gradient = joined(c.point for c in batch), joined(c.gradient for c in batch)
    new_point, new_state = bound.update(point, gradient, state, t, **inputs, **extra)
    results: list[tuple[Any, Sequence[Any]]] = [(new_point, [c.point for c in batch])]
    results += list(zip(leaves(mapped(lambda _, new: new, state, new_state)), zip(*states, strict=True), strict=True))
    if batch[0].parameter is not None:
        results.append((bound.lookahead(new_point, new_state), [c.parameter for c in batch]))
    for whole, targets in results:
        for target, part in zip(targets, whole.split(sizes), strict=True):
            target.copy_(part.view(target.shape))


def _update_long(bound: Rule, column: Column, t: Any, extra: dict[str, Any], dtype: torch.dtype, largest: int) -> None:
    """Update one parameter piece by piece."""
    shape, size = column.point.shape, column.point.numel()
    targets = [column.point, *leaves(column.state), *([] if column.parameter is None else [column.parameter])]
    arrays = {
        id(array): array.reshape(-1) if array.shape == shape else array
        for array in [*targets, column.gradient, *column.inputs.values()]
    }
    numbers = {id(leaf): leaf.clone() for leaf in leaves(column.state) if leaf.shape != shape}
    for start in range(0, max(1, size), largest):
        piece = slice(start, start + largest)

        def part(array: torch.Tensor, piece: slice = piece) -> torch.Tensor:
            return arrays[id(array)][piece]

        state = mapped(lambda a: numbers[id(a)] if id(a) in numbers else part(a), column.state)
        point = part(column.point)
        wide = mapped(lambda a: a.to(dtype), {"x": point, "g": part(column.gradient), "s": state})
        inputs = {name: part(value).to(dtype) for name, value in column.inputs.items()}
        new_point, new_state = bound.update(wide["x"], wide["g"], wide["s"], t, **inputs, **extra)
        results = [new_point, *leaves(mapped(lambda _, new: new, state, new_state))]
        places = [point, *(a if id(a) in numbers else part(a) for a in leaves(column.state))]
        if column.parameter is not None:
            results.append(bound.lookahead(new_point, new_state))
            places.append(part(column.parameter))
        write(places, results)
    for target in targets:
        if target.shape == shape and not target.is_contiguous():
            target.copy_(arrays[id(target)].view(shape))
