"""Convert a PyTorch module to JAX by ``torch.export``, and compare both before the conversion is trusted."""

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils import _pytree as trees

from thalweg.interop.torch_graphs import Graph, missing_operations
from thalweg.interop.torch_module import Maker
from thalweg.interop.torch_passes import export_departs, gap, kind, passed

__all__ = ["Forward", "converted"]

# (parameters, buffers, inputs, key or None, whether in training) -> (outputs, buffers)
Forward: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any], tuple[Any, ...], Any, bool], tuple[Any, Any]]

DOUBLE, SINGLE = 1e-9, 1e-3  # largest differences, relative to the largest number of an array
COMPILE_FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
PROBABILITY = {"aten.dropout": 1, "aten.feature_dropout": 1, "aten.scaled_dot_product_attention": 4}


def converted(maker: Maker, batch: tuple[np.ndarray, ...]) -> tuple[Forward | None, str]:
    """Return the module as a JAX function, or None and why it does not convert.

    Args:
        maker: The module.
        batch: Some rows of its inputs, at least two.

    Outputs, gradients and buffers must agree with PyTorch on the rows, in training (with nothing dropped) and in
    evaluation, in float64 where the module can be computed in it; and the module must train as its export does.
    """
    given = tuple(as_tensor(array) for array in batch)
    graphs = {}
    for training in (True, False):
        try:
            exported = _exported(maker, given, training)
        except Exception as error:
            return None, f"torch.export refuses it: {_first_line(error)}"
        missing = missing_operations(exported)
        if missing:
            return None, f"the operation {', '.join(missing)} has no counterpart here"
        graphs[training] = Graph(exported, maker.aliases)

    def forward(trained: Any, kept: Any, inputs: Any, key: Any, training: bool) -> tuple[Any, Any]:
        graph = graphs[training]
        found, after = graph({**trained, **kept}, inputs, key if training else None)
        outputs = trees.tree_unflatten(found, graph.exported.call_spec.out_spec)
        return outputs, {**kept, **{name: after[name].astype(kept[name].dtype) for name in after}}

    told = export_departs(maker, given, graphs[True].exported)
    if told:
        return None, told
    for training in (True, False):
        told = _compared(maker, given, graphs[training].exported, forward, training)
        if told:
            return None, told
    return forward, f"outputs and gradients agree with PyTorch's on {len(batch[0])} rows."


def as_tensor(array: Any) -> torch.Tensor:
    """Return an array as PyTorch takes it: whole numbers as int64, which indices must be."""
    tensor = torch.from_numpy(np.array(array))
    return tensor.long() if tensor.dtype == torch.int32 else tensor


def _exported(maker: Maker, given: tuple[torch.Tensor, ...], training: bool) -> Any:
    rows = torch.export.Dim("rows", min=2)
    module = copy.deepcopy(maker.example).train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module, given, dynamic_shapes=tuple({0: rows} for _ in given))


def _compared(maker: Maker, given: Any, exported: Any, forward: Forward, training: bool) -> str:
    """Return how JAX and PyTorch differ, empty if they agree."""
    problem = ""
    module = _undropped(exported) if training else copy.deepcopy(maker.example).eval()
    for double in (True, False):
        limit = DOUBLE if double else SINGLE
        try:
            theirs = passed(module, maker, given, double)
            ours = _by_jax(maker, given, forward, training, double)
        except NotImplementedError as error:
            return f"{error} has no counterpart here"
        except Exception as error:  # some modules cannot be computed in float64
            problem = f"computing it in JAX raises {type(error).__name__}: {_first_line(error)}"
            continue
        found, where = gap(ours, theirs)
        if found <= limit:
            return ""
        mode = "training" if training else "evaluation"
        return f"{where} differs from PyTorch's in {mode} by {found:.0e} of its size"
    return problem


def _by_jax(maker: Maker, given: Any, forward: Forward, training: bool, double: bool) -> dict[str, np.ndarray]:
    with jax.ensure_compile_time_eval(), jax.enable_x64(double):
        trained, kept = (
            {name: jnp.asarray(kind(value, double).numpy()) for name, value in part.items()}
            for part in (maker.parameters, maker.buffers)
        )
        inputs = tuple(jnp.asarray(kind(x, double).numpy()) for x in given)

        def total(trained: Any, kept: Any, inputs: Any) -> Any:
            outputs, after = forward(trained, kept, inputs, None, training)
            leaves = jax.tree.leaves(outputs)
            weighted = sum(jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape)) for leaf in leaves)
            return weighted, (leaves, after)

        program = jax.jit(jax.value_and_grad(total, has_aux=True), compiler_options=COMPILE_FAST)
        (_, (leaves, after)), slopes = program(trained, kept, inputs)
        found = {f"output {i}": leaf for i, leaf in enumerate(leaves)} | {f"buffer {n}": v for n, v in after.items()}
        found |= {f"the gradient by {name}": slope for name, slope in slopes.items()}
        return {name: np.asarray(value) for name, value in found.items()}


def _undropped(exported: Any) -> Any:
    """Return the exported module with every probability of dropout 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = copy.deepcopy(exported).module()
    for node in list(module.graph.nodes):
        called = str(getattr(node.target, "overloadpacket", ""))
        place = PROBABILITY.get(called)
        if called == "aten._assert_tensor_metadata":  # holds in float32 only
            module.graph.erase_node(node)
        if place is not None and len(node.args) > place:
            node.args = (*node.args[:place], 0.0, *node.args[place + 1 :])
    module.recompile()
    return module


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".:")
