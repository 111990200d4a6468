"""Record a rule's update once, as the list of operations that PyTorch was asked for.

A rule has no branch on values, so what it does to one array is what it does to every array, or to every array of
that shape. The record tells numbers (0-d tensors: hyperparameters, the step, what follows from them) from arrays and
says along which of the parameter's axes these run, which is what a loop over the elements needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from thalweg.interop.torch.axes import UntraceableError, result_axes
from thalweg.interop.torch.nested import leaves, mapped
from thalweg.optimizers.base import Rule

__all__ = ["Operation", "Trace", "Value", "trace_update"]


@dataclass(frozen=True)
class Value:
    """A number or an array that is given or computed.

    Attributes:
        index: Its place among all values of the record.
        axes: The parameter's axes that it runs along, −1 for one of length one that runs along none.
        truth: Whether it is boolean.
    """

    index: int
    axes: tuple[int, ...]
    truth: bool = False

    @property
    def array(self) -> bool:
        """Whether it runs along any axis: an array, not a number."""
        return any(axis >= 0 for axis in self.axes)


@dataclass(frozen=True)
class Operation:
    """One operation of PyTorch.

    Attributes:
        name: Its name in ATen without the overload, e.g. ``mul``.
        arguments: Values and Python numbers.
        keywords: Likewise, by name.
        result: What it computes.
    """

    name: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    result: Value


@dataclass(frozen=True)
class Trace:
    """What an update does.

    Attributes:
        settings: The hyperparameters, in the order of declaration, then the loss if the rule needs it.
        step: The number of the step.
        point: The parameter.
        gradient: Its gradient.
        state: The state's leaves.
        inputs: What else the rule needs, by name.
        operations: In the order of computation.
        next_point: The parameter after the step.
        next_state: The state's leaves after the step.
        look: Where the next gradient is to be taken; None if that is the parameter.
    """

    settings: tuple[Value, ...]
    step: Value
    point: Value
    gradient: Value
    state: tuple[Value, ...]
    inputs: Mapping[str, Value]
    operations: tuple[Operation, ...]
    next_point: Value
    next_state: tuple[Value, ...]
    look: Value | None


class _Recorder(TorchDispatchMode):
    """Keeps every operation, and every tensor alive, so that a tensor's identity names it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.known: dict[int, Value] = {}
        self.kept: list[torch.Tensor] = []
        self.operations: list[Operation] = []

    def given(self, tensor: torch.Tensor, axes: tuple[int, ...] = ()) -> Value:
        """Return a new value for a tensor."""
        value = Value(len(self.kept), axes, tensor.dtype == torch.bool)
        self.known[id(tensor)] = value
        self.kept.append(tensor)
        return value

    def find(self, tensor: torch.Tensor) -> Any:
        """Return the value of a tensor; one that is not known is a constant."""
        if id(tensor) in self.known:
            return self.known[id(tensor)]
        if tensor.ndim:
            raise UntraceableError("an array that is neither given nor computed")
        return tensor.item()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute as usual, and write down what was asked for."""
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if name == "index_put_":
            return self._put(func, *args)
        result = func(*args, **kwargs)
        if not isinstance(result, torch.Tensor) or func._schema.is_mutable:
            raise UntraceableError(str(func))
        named = {key: self._reference(value) for key, value in kwargs.items()}
        arguments = tuple(self._reference(value) for value in args)
        along = [value.axes for value in (*arguments, *named.values()) if isinstance(value, Value)]
        axes = result_axes(name, args, kwargs, along, result, self.shape)
        self.operations.append(Operation(name, arguments, named, self.given(result, axes)))
        return result

    def _put(self, func: Any, array: torch.Tensor, places: Any, value: torch.Tensor) -> torch.Tensor:
        """Write down that elements are replaced, which array_api_compat does for the sign of NaN."""
        if len(places) != 1 or places[0].dtype != torch.bool:
            raise UntraceableError("index_put_")
        before = self._reference(array)
        arguments = (self._reference(places[0]), self._reference(value), before)
        func(array, places, value)
        self.operations.append(Operation("where", arguments, {}, self.given(array, before.axes)))
        return array

    def _reference(self, argument: Any) -> Any:
        return self.find(argument) if isinstance(argument, torch.Tensor) else argument


def trace_update(rule: Rule, dtype: torch.dtype, looks_ahead: bool, shape: tuple[int, ...] | None = None) -> Trace:
    """Return the record of a rule's update of one array.

    Args:
        rule: The rule, elementwise or one that acts array by array; of its settings only the variants matter.
        dtype: The dtype in which arrays are computed. Numbers are recorded, and later computed, in float64.
        looks_ahead: Whether the rule takes its gradient elsewhere than at its parameters.
        shape: Of the parameter, one dimension or more; None for an elementwise rule, to which it does not matter.

    Raises:
        UntraceableError: The update does something that no loop over elements can do.
    """
    x, g = _examples(dtype, shape)
    numbers = {name: torch.tensor(float(value), dtype=torch.float64) for name, value in rule.values().items()}
    t = torch.tensor(2.0, dtype=torch.float64)
    bound, full = rule.with_values(numbers), tuple(range(x.ndim))
    state, axes = _first_state(bound, x)
    inputs = {
        name: torch.zeros((), dtype=torch.float64) if name == "loss" else g.clone() for name in sorted(rule.needs)
    }
    recorder = _Recorder(tuple(x.shape))
    loss = [inputs["loss"]] if "loss" in inputs else []
    settings = tuple(recorder.given(number) for number in [*numbers.values(), *loss])
    step, point, gradient = recorder.given(t), recorder.given(x, full), recorder.given(g, full)
    before = tuple(map(recorder.given, leaves(state), axes))
    others = {name: recorder.given(value, full) for name, value in inputs.items() if name != "loss"}
    with recorder:
        next_x, next_state = bound.update(x, g, state, t, **inputs)
        ahead = bound.lookahead(next_x, next_state) if looks_ahead else None
    after = tuple(_found(recorder, leaf) for leaf in leaves(mapped(lambda _, new: new, state, next_state)))
    if [leaf.axes for leaf in before] != [leaf.axes for leaf in after]:
        raise UntraceableError("a state whose shapes change")
    look = None if ahead is None else _found(recorder, ahead)
    operations = tuple(recorder.operations)
    return Trace(settings, step, point, gradient, before, others, operations, _found(recorder, next_x), after, look)


def _examples(dtype: torch.dtype, shape: tuple[int, ...] | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a parameter and its gradient; of a given shape they have no elements, however large they are."""
    if shape is None:
        return torch.tensor([0.5, -0.25], dtype=dtype), torch.tensor([0.25, 0.125], dtype=dtype)
    return torch.empty(shape, dtype=dtype, device="meta"), torch.empty(shape, dtype=dtype, device="meta")


def _first_state(bound: Rule, x: torch.Tensor) -> tuple[Any, list[tuple[int, ...]]]:
    """Return a rule's state, every leaf a tensor of its own, and the axes that each leaf runs along."""
    recorder = _Recorder(tuple(x.shape))
    recorder.given(x, tuple(range(x.ndim)))
    for value in bound.values().values():
        recorder.given(value)
    with recorder:
        state = bound.init(x)
    found = [recorder.known.get(id(leaf), None) for leaf in leaves(state)]
    if any(value is None and leaf.ndim for value, leaf in zip(found, leaves(state), strict=True)):
        raise UntraceableError("a state that does not depend on what is given")
    return mapped(lambda leaf: leaf.clone(), state), [() if value is None else value.axes for value in found]


def _found(recorder: _Recorder, tensor: torch.Tensor) -> Value:
    value = recorder.find(tensor)
    if not isinstance(value, Value):
        raise UntraceableError("a result that does not depend on what is given")
    return value
