"""Gradient centralization: the mean of what reaches a unit is taken away from its gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from thalweg.arrays import Array, as_scalar, compute_dtype, namespace
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["Centralize", "centralize"]


@dataclass(frozen=True)
class Centralize(Technique):
    """The gradient of each unit's incoming weights gets mean zero; biases are left alone.

    References:
        Yong, Huang, Hua and Zhang (2020), Gradient centralization: a new optimization technique for deep neural
        networks, equation 1.
    """

    name: ClassVar[str] = "centralize"
    title: ClassVar[str] = "Gradient centralization"
    acts_on: ClassVar[ActsOn] = "gradient"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("g ← g − s·mean(g), the mean over the incoming weights of each unit",)
    sources: ClassVar[tuple[str, ...]] = (
        "Yong, Huang, Hua and Zhang (2020), Gradient centralization: a new optimization technique for deep neural "
        "networks, equation 1, arXiv:2004.01461",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper's mean is over what reaches one output: all axes but the last in JAX's layout, as here. "
        "optax (centralize) takes it over all axes but the first, the paper's in torch's layout; on JAX's own layers "
        "that is the mean over outputs.",
        "The paper and optax take the whole mean away; s below 1 takes a share of it.",
    )

    share: Number = hyperparameter(1.0, meaning="share s of the mean that is taken away, 0 for none", high=1.0)


def centralize(gradients: Sequence[Array], share: Array) -> list[Array]:
    """Return the gradients, those of weights without their mean over each unit's inputs.

    Args:
        gradients: Arrays of one run, outputs along the last axis; those of fewer than two axes are left as they are.
        share: Share of the mean that is taken away, 0-d in [0, 1]; 0 leaves the gradients as they are, to the bit.
    """
    return [g if g.ndim < 2 else _centered(g, share) for g in gradients]


def _centered(g: Array, share: Array) -> Array:
    xp = namespace(g)
    wide = xp.astype(g, compute_dtype(g.dtype, xp))
    part = as_scalar(share, wide, wide.dtype)
    mean = xp.mean(wide, axis=tuple(range(g.ndim - 1)), keepdims=True)
    return xp.where(part > 0, xp.astype(wide - part * mean, g.dtype), g)
