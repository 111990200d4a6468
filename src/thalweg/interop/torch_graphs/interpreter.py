"""Compute a graph of ``torch.export`` in JAX.

The graph is a list of calls of ATen operations on named values. Each operation has a function of the same meaning in
:data:`OPERATIONS`; those that change an argument in place (a batch norm its running averages) say which, and the
value of that name is replaced. What is computed this way is compared with PyTorch before it is trusted.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax

from thalweg.interop.torch_graphs.elements import ELEMENTS
from thalweg.interop.torch_graphs.layers import LAYERS, Changed, Drawn
from thalweg.interop.torch_graphs.shapes import SHAPES

__all__ = ["OPERATIONS", "Graph", "UnknownOperationError", "missing_operations"]

OPERATIONS: Mapping[str, Callable[..., Any]] = {**ELEMENTS, **SHAPES, **LAYERS}
ON_NUMBERS = {
    getattr(operator, name) for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "getitem", "pow")
} | {getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
NOTHING = ("aten._assert_tensor_metadata", "aten._assert_scalar", "aten.sym_constrain_range_for_size")


class UnknownOperationError(Exception):
    """An operation of the graph that is not known here; its text names it."""


@dataclass(frozen=True, eq=False)
class Graph:
    """An exported module.

    Attributes:
        exported: The ``ExportedProgram``.
        aliases: Names under which shared arrays stand again, with those by which they are given.
    """

    exported: Any
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, arrays: Mapping[str, Any], inputs: tuple[Any, ...], key: Any) -> tuple[Any, dict[str, Any]]:
        """Return the outputs, and the buffers that the call changed.

        Args:
            arrays: Parameters and buffers by their names in the module, shared ones by the first.
            inputs: What the module is called with.
            key: JAX random key for dropout; None drops nothing.
        """
        signature = self.exported.graph_signature
        names = {
            place: self.aliases.get(name, name)
            for part in (signature.inputs_to_parameters, signature.inputs_to_buffers)
            for place, name in part.items()
        }
        constants = signature.inputs_to_lifted_tensor_constants
        given = iter(inputs)
        values: dict[Any, Any] = {}
        owners: dict[Any, str] = {}
        outputs: Any = None
        count = 0
        for node in self.exported.graph.nodes:
            if node.op == "placeholder":
                if node.name in names:
                    values[node], owners[node] = arrays[names[node.name]], names[node.name]
                elif node.name in constants:
                    values[node] = jax.numpy.asarray(self.exported.constants[constants[node.name]].detach().numpy())
                else:
                    values[node] = next(given)
            elif node.op == "output":
                outputs = _filled(node.args[0], values)
            else:
                count += 1
                _call(node, values, None if key is None else jax.random.fold_in(key, count))
        after = {
            name: values[node]
            for node, name in owners.items()
            if node.name in signature.inputs_to_buffers and values[node] is not arrays[name]
        }
        # Buffers that the graph hands out beside its outputs are those it changes.
        results = list(outputs)
        for spec, value in zip(signature.output_specs, results, strict=True):
            if spec.kind.name == "BUFFER_MUTATION":
                after[self.aliases.get(spec.target, spec.target)] = value
        told = [v for s, v in zip(signature.output_specs, results, strict=True) if s.kind.name == "USER_OUTPUT"]
        return told, after


def missing_operations(exported: Any) -> list[str]:
    """Return the operations of an exported module that are not known here, in the order in which they come."""
    found = [node for node in exported.graph.nodes if node.op not in ("placeholder", "output")]
    return list(dict.fromkeys(_name(node) for node in found if _function(node) is None))


def _name(node: Any) -> str:
    packet = getattr(node.target, "overloadpacket", None)
    return str(packet if packet is not None else node.target)


def _function(node: Any) -> Callable[..., Any] | None:
    if node.op != "call_function":
        return None
    if node.target in ON_NUMBERS:
        return node.target
    name = _name(node)
    if name in NOTHING:
        return lambda *_, **__: None
    short = name.removeprefix("aten.")
    return OPERATIONS.get(short) or OPERATIONS.get(short.removesuffix("_") if not short.startswith("_") else short)


def _call(node: Any, values: dict[Any, Any], key: Any) -> None:
    function = _function(node)
    if function is None:
        raise UnknownOperationError(_name(node))
    if _name(node) == "aten.copy_" and node.args[0].op != "placeholder":
        raise NotImplementedError("an assignment to a part of an array")
    args, kwargs = _filled(node.args, values), _filled(dict(node.kwargs), values)
    found = function(*args, **kwargs)
    if isinstance(found, Drawn):
        found = found(key)
    if isinstance(found, Changed):
        for position, value in found.arguments.items():
            values[node.args[position]] = value
        found = found.value
    elif node.target not in ON_NUMBERS and _name(node).endswith("_") and not _name(node).endswith("__"):
        found = found.astype(args[0].dtype)
        values[node.args[0]] = found
    values[node] = found


def _filled(value: Any, values: dict[Any, Any]) -> Any:
    if isinstance(value, tuple | list):
        return [_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, values) for name, item in value.items()}
    if hasattr(value, "op") and hasattr(value, "graph"):
        return values[value]
    return value
