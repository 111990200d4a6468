"""Sharpness-aware minimization: the gradient is taken a short way uphill, where the loss is about to be highest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique
from thalweg.techniques.clipping import global_norm

__all__ = ["SAM", "ascended"]


@dataclass(frozen=True)
class SAM(Technique):
    """The gradient is taken uphill of the weights, on the same minibatch, so that flat valleys are preferred.

    References:
        Foret, Kleiner, Mobahi and Neyshabur (2021), Sharpness-aware minimization for efficiently improving
        generalization, algorithm 1; Kwon, Kim, Park and Choi (2021), ASAM, equation 10.
    """

    name: ClassVar[str] = "sam"
    title: ClassVar[str] = "Sharpness-aware minimization"
    acts_on: ClassVar[ActsOn] = "gradient"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "g ← ∇L(x + ρ·∇L(x) / ‖∇L(x)‖), both on the same minibatch, ‖·‖ over all parameters",
        "adaptive: x + ρ·T²·∇L(x) / ‖T·∇L(x)‖ with T = |x| + κ for weights and 1 for biases",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Foret, Kleiner, Mobahi and Neyshabur (2021), Sharpness-aware minimization for efficiently improving "
        "generalization, algorithm 1 and equation 2 with p = 2, arXiv:2010.01412",
        "Kwon, Kim, Park and Choi (2021), ASAM: adaptive sharpness-aware minimization for scale-invariant learning of "
        "deep neural networks, equation 10 (adaptive), arXiv:2102.11600",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "A step costs two gradients. optax (contrib.sam) needs two calls, or a function that gives the gradient, for "
        "each update; here it is one step, as in the paper.",
        "The paper's code adds 1e-12 to the norm; here a vanishing gradient leaves the weights where they are.",
        "Penalties, centralization and clipping act on the second gradient; the way up follows the loss alone. "
        "Running averages of a model are those of the first pass.",
        "ρ is 0.05 in the paper and 0.5 in ASAM's; κ = 0.01 is ASAM's η. With a growing batch every minibatch has a "
        "way up of its own, as in the paper's section 4.1 (m-sharpness).",
    )

    radius: Number = hyperparameter(0.05, meaning="radius ρ, 0 for none", search=(5e-3, 2.0))
    floor: Number = hyperparameter(0.01, meaning="κ, what is added to absolute weights if adaptive")
    adaptive: str = variant("off", choices=("off", "on"), meaning="measure the way in units of the weights (ASAM)")


def ascended(
    parameters: Sequence[Array], gradients: Sequence[Array], radius: Array, adaptive: Array = 0.0, floor: Array = 0.0
) -> list[Array]:
    """Return the points uphill of the parameters.

    Args:
        parameters: Arrays of one run.
        gradients: Arrays like the parameters.
        radius: Length ρ of the way, 0 or more, 0-d; 0 gives the parameters to the bit.
        adaptive: Above 0 to measure the way in units of the weights, 0-d.
        floor: What is added to absolute weights κ if ``adaptive``, 0-d; biases have the unit 1.
    """
    xp = namespace(*gradients)
    units = [_unit(x, adaptive, floor) for x in parameters]
    scaled = [unit * g for unit, g in zip(units, gradients, strict=True)]
    norm = global_norm(scaled)
    length = as_scalar(radius, norm, norm.dtype)
    goes = (length > 0) & (norm > 0)
    share = xp.where(goes, length / xp.where(norm > 0, norm, 1.0), 0.0)
    return [
        xp.where(goes, x + as_scalar(share, x, x.dtype) * unit * g, x)
        for x, unit, g in zip(parameters, units, scaled, strict=True)
    ]


def _unit(x: Array, adaptive: Array, floor: Array) -> Array:
    xp = namespace(x)
    if x.ndim < 2:
        return xp.ones_like(x)
    return xp.where(as_scalar(adaptive, x, x.dtype) > 0, xp.abs(x) + as_scalar(floor, x, x.dtype), 1.0)
