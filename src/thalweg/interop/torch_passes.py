"""One pass of a PyTorch module, forward and back, and whether an export of the module passes as the module does."""

import copy
import random
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as trees

from thalweg.interop.torch_identity import settings
from thalweg.interop.torch_module import Maker
from thalweg.tasks.definition import value_digest

__all__ = ["export_departs", "gap", "kind", "passed"]

SEEDS = (1, 2)
LIMIT = 1e-3  # of float32


def passed(module: Any, maker: Maker, given: tuple[torch.Tensor, ...], double: bool) -> dict[str, np.ndarray]:
    """Return outputs, buffers and gradients by name, from the example's parameters and buffers.

    Args:
        module: A module of the make, or an export of one.
        maker: The make.
        given: What the module is called with.
        double: Whether to compute in float64.
    """
    trained, kept = ({n: kind(v.clone(), double) for n, v in p.items()} for p in (maker.parameters, maker.buffers))
    trained = {name: value.requires_grad_() for name, value in trained.items()}
    both = {**trained, **kept}  # where a buffer that the module assigns anew is told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = torch.func.functional_call(module, both, tuple(kind(x, double) for x in given))
    leaves = [leaf for leaf in trees.tree_leaves(outputs) if isinstance(leaf, torch.Tensor)]
    total: Any = sum(
        (leaf * torch.cos(torch.arange(leaf.numel(), dtype=leaf.dtype)).view_as(leaf)).sum() for leaf in leaves
    )
    slopes = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    found = {f"output {i}": leaf for i, leaf in enumerate(leaves)} | {f"buffer {n}": both[n] for n in kept}
    found |= {
        f"the gradient by {name}": torch.zeros_like(value) if slope is None else slope
        for (name, value), slope in zip(trained.items(), slopes, strict=True)
    }
    return {name: value.detach().numpy() for name, value in found.items()}


def export_departs(maker: Maker, given: tuple[torch.Tensor, ...], exported: Any) -> str:
    """Return how a module trains otherwise than its export, in a part of a sentence; empty if it does not.

    Args:
        maker: The make of the module.
        given: What it is called with.
        exported: The ``ExportedProgram`` of it in training mode.

    An export holds fast what Python computed when it was made: a number of ``random`` or NumPy, a counter. Both are
    called with the same seeds of PyTorch and drop what they drop.
    """
    module = copy.deepcopy(maker.example).train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = exported.module()
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - that of the user's module
    drawn = value_digest(states)
    try:
        _seeded(module, maker, given, SEEDS[0])  # which may fill what is computed once
        before = settings(module)
        for seed in SEEDS:
            theirs = _seeded(module, maker, given, seed)
            if value_digest((random.getstate(), np.random.get_state())) != drawn:  # noqa: NPY002
                return "it draws random numbers from Python or NumPy, which torch.export holds fast; draw them by torch"
            changed = [name for name, value in settings(module).items() if before.get(name) != value]
            if changed:
                return f"training changes its {changed[0]}, which torch.export holds fast; keep it in a buffer"
            found, where = gap(_seeded(graph, maker, given, seed), theirs)
            if not found <= LIMIT:
                return f"{where} in training is not what torch.export makes of it, by {found:.0e} of its size"
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return ""


def _seeded(module: Any, maker: Maker, given: tuple[torch.Tensor, ...], seed: int) -> dict[str, np.ndarray]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return passed(module, maker, given, double=False)


def kind(tensor: torch.Tensor, double: bool) -> torch.Tensor:
    """Return a tensor of floating-point numbers in float64 if asked for."""
    return tensor.double() if double and tensor.is_floating_point() else tensor


def gap(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> tuple[float, str]:
    """Return the largest difference, relative to the largest number of its kind, and where it is."""
    sizes: dict[str, float] = {}
    for name, array in theirs.items():
        first = name.split()[0]
        sizes[first] = max(sizes.get(first, 0.0), float(np.abs(array).max(initial=0)))
    worst, where = 0.0, ""
    for name, array in theirs.items():
        if ours[name].shape != array.shape:
            return float("inf"), name
        scale = max(float(np.abs(array).max(initial=0)), 0.01 * sizes[name.split()[0]], 1e-30)
        found = float(np.abs(ours[name].astype(np.float64) - array.astype(np.float64)).max(initial=0)) / scale
        if not found <= worst:
            worst, where = found if np.isfinite(found) else float("inf"), name
    return worst, where
