"""Caution: an update goes only where it agrees with the gradient of the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["Cautious", "cautious"]


@dataclass(frozen=True)
class Cautious(Technique):
    """Numbers whose update goes against the gradient stay; the others move further by as much.

    References:
        Liang, Chen, Liu and Liu (2024), Cautious optimizers: improving training with one line of code, algorithm 1.
    """

    name: ClassVar[str] = "cautious"
    title: ClassVar[str] = "Cautious updates"
    acts_on: ClassVar[ActsOn] = "weights"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "u = x₀ − x, the rule's step; φ = 1 where u·g > 0 and 0 else",
        "x ← x₀ − u·φ / max(mean(φ), κ), the mean over each array",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Liang, Chen, Liu and Liu (2024), Cautious optimizers: improving training with one line of code, algorithm 1, "
        "arXiv:2411.16085",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper divides by (n + 1)/d, n of d numbers agreeing; the authors' code by max(n/d, 0.001), as here, array "
        "by array.",
        "The authors' code masks the step before weight decay. Here decay by the technique weight-decay is left alone, "
        "and a rule's own decay, such as adamw's, is part of its step.",
        "Plain SGD never goes against its gradient, so nothing changes for it but for numbers without gradient, which "
        "count as disagreeing as in the authors' code.",
    )

    floor: Number = hyperparameter(
        1e-3, meaning="κ, least share of agreeing numbers that the step is divided by", low_open=True, high=1.0
    )


def cautious(
    parameters: Sequence[Array], before: Sequence[Array], gradients: Sequence[Array], floor: Array, on: Array = 1.0
) -> list[Array]:
    """Return the parameters after an update, taken only where it agrees with the gradient.

    Args:
        parameters: Arrays of one run after the rule's step.
        before: Likewise before it.
        gradients: Arrays like them.
        floor: Least share κ of agreeing numbers that a step is divided by, in (0, 1], 0-d.
        on: Above 0 to do so, 0-d; 0 gives the parameters to the bit.
    """

    def one(x: Array, old: Array, g: Array) -> Array:
        xp = namespace(x, old, g)
        step = old - x
        stays = step * g <= 0  # false for NaN, so that a run that diverges is seen to
        share = xp.mean(xp.where(stays, xp.zeros_like(x), xp.ones_like(x)))
        least = as_scalar(floor, x, x.dtype)
        scale = xp.where(share > least, share, least)
        masked = xp.where(stays, old, old - step / scale)
        return xp.where(as_scalar(on, x, x.dtype) > 0, masked, x)

    return [one(*arrays) for arrays in zip(parameters, before, gradients, strict=True)]
