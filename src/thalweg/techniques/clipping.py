"""Clipping: gradients that are too large are shortened, by value, by their norm, or by the norm of their weights.

A threshold is a 0-d array, so that runs with different thresholds share one compiled program; one that is infinite
leaves every gradient as it is, to the bit. A gradient that holds NaN, or infinity where a norm is asked for, is passed
on as it is: that a run diverges must be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from thalweg.arrays import Array, Namespace, as_scalar, namespace, total
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["ClipAdaptive", "ClipNorm", "ClipValue", "clip_adaptively", "clip_by_norm", "clip_by_value", "global_norm"]


@dataclass(frozen=True)
class ClipValue(Technique):
    """Every number of the gradient is brought into an interval around zero; the direction may change.

    References:
        Mikolov (2012), Statistical language models based on neural networks.
    """

    name: ClassVar[str] = "clip-value"
    title: ClassVar[str] = "Clipping by value"
    acts_on: ClassVar[ActsOn] = "gradient"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("g ← min(max(g, −c), c), number by number",)
    sources: ClassVar[tuple[str, ...]] = (
        "Mikolov (2012), Statistical language models based on neural networks",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, section 10.11.1",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch (clip_grad_value_), optax (clip) and Keras (clipvalue) agree to the bit; an infinite number becomes ±c "
        "in all of them, NaN stays NaN.",
    )

    threshold: Number = hyperparameter(1.0, meaning="largest absolute value c", low_open=True, search=(1e-3, 1e1))


@dataclass(frozen=True)
class ClipNorm(Technique):
    """The gradient of all parameters together is shortened to a length; its direction stays.

    References:
        Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.
    """

    name: ClassVar[str] = "clip-norm"
    title: ClassVar[str] = "Clipping by global norm"
    acts_on: ClassVar[ActsOn] = "gradient"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("g ← g·c / ‖g‖ if ‖g‖ > c, ‖g‖ over all parameters",)
    sources: ClassVar[tuple[str, ...]] = (
        "Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1, "
        "arXiv:1211.5063",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, equations 10.48–10.49",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch (clip_grad_norm_) multiplies by min(1, c / (‖g‖ + 1e-6)): a clipped gradient is a little shorter than "
        "c, and one whose norm is within 1e-6 below c is shortened too.",
        "optax (clip_by_global_norm) is exact, as here; Keras (global_clipnorm) multiplies by c·min(1/‖g‖, 1/c), which "
        "may change the last digit of gradients below c.",
        "Keras' clipnorm is another thing: every array is clipped by its own norm.",
        "In float32 the square of a number above 1.8e19 overflows; torch, optax and Keras then return zeros or NaN, "
        "here the gradient is scaled first and comes out with length c.",
        "With NaN in one array, torch, optax and Keras turn all arrays into NaN; here each stays as it is.",
    )

    threshold: Number = hyperparameter(1.0, meaning="largest norm c", low_open=True, search=(1e-2, 1e2))


@dataclass(frozen=True)
class ClipAdaptive(Technique):
    """The gradient of each unit is shortened to a share of the norm of the unit's weights.

    References:
        Brock, De, Smith and Simonyan (2021), High-performance large-scale image recognition without normalization,
        equation 3.
    """

    name: ClassVar[str] = "clip-adaptive"
    title: ClassVar[str] = "Adaptive gradient clipping"
    acts_on: ClassVar[ActsOn] = "gradient"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "m = c·max(‖x‖, ε) of each unit",
        "g ← g·m / ‖g‖ if ‖g‖ > m, unit by unit",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Brock, De, Smith and Simonyan (2021), High-performance large-scale image recognition without normalization, "
        "equation 3, arXiv:2102.06171",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "A unit is one output: here the last axis holds the outputs, as in JAX; in torch it is the first. A bias, and "
        "any array with at most one axis longer than one, counts as one unit, as in the authors' code and in optax.",
        "optax reduces only the first axis of three-dimensional arrays; here all but the last.",
        "The paper leaves the last linear layer unclipped; optax and we clip every array.",
    )

    factor: Number = hyperparameter(
        0.01, meaning="largest share c of the weights' norm", low_open=True, search=(1e-3, 1.0)
    )
    epsilon: Number = hyperparameter(1e-3, meaning="smallest norm ε that weights count with", low_open=True)


def clip_by_value(gradients: Sequence[Array], threshold: Array) -> list[Array]:
    """Return the gradients with every number brought into [−threshold, threshold].

    Args:
        gradients: Arrays of one run, of any shapes.
        threshold: Above 0, 0-d; infinite to leave the gradients as they are.
    """
    return [_bounded(g, as_scalar(threshold, g, g.dtype)) for g in gradients]


def clip_by_norm(gradients: Sequence[Array], threshold: Array) -> list[Array]:
    """Return the gradients, shortened so that their common norm is at most ``threshold``.

    Args:
        gradients: Arrays of one run, of any shapes.
        threshold: Above 0, 0-d; infinite to leave the gradients as they are.
    """
    wide, xp = _wide(gradients)
    scale, relative = _common_norm(wide, xp)
    limit = as_scalar(threshold, wide[0], wide[0].dtype)
    long = (relative > limit / scale) & xp.isfinite(relative)
    length, divisor = xp.where(long, limit, 1.0), xp.where(long, relative, 1.0)
    return [
        xp.where(long, xp.astype(w / scale / divisor * length, g.dtype), g)
        for g, w in zip(gradients, wide, strict=True)
    ]


def clip_adaptively(
    gradients: Sequence[Array], parameters: Sequence[Array], factor: Array, epsilon: Array = 1e-3
) -> list[Array]:
    """Return the gradients, those of each unit shortened to a share of the norm of its weights.

    Args:
        gradients: Arrays of one run, outputs along the last axis.
        parameters: Arrays like the gradients.
        factor: Largest ratio of the norms, above 0, 0-d; infinite to leave the gradients as they are.
        epsilon: Smallest norm that weights count with, above 0, 0-d: weights of zero could never move else.
    """
    return [_clipped_units(g, x, factor, epsilon) for g, x in zip(gradients, parameters, strict=True)]


def global_norm(gradients: Sequence[Array]) -> Array:
    """Return the Euclidean norm of all numbers of several arrays, 0-d, float32 or wider."""
    wide, xp = _wide(gradients)
    scale, relative = _common_norm(wide, xp)
    return scale * relative


def _bounded(g: Array, limit: Array) -> Array:
    xp = namespace(g)
    return xp.where(g > limit, limit, xp.where(g < -limit, -limit, g))


def _wide(arrays: Sequence[Array]) -> tuple[list[Array], Namespace]:
    """Return the arrays in one dtype in which norms can be computed, and their namespace."""
    xp = namespace(*arrays)
    double = any(a.dtype == xp.float64 for a in arrays)
    dtype = xp.float64 if double else xp.float32
    return [xp.astype(a, dtype) for a in arrays], xp


def _common_norm(arrays: Sequence[Array], xp: Namespace) -> tuple[Array, Array]:
    """Return a scale and a number whose product is the norm of all arrays, both safe from overflow."""
    scales = [_scale(xp.max(xp.abs(a)), xp) for a in arrays]
    scale = scales[0]
    for other in scales[1:]:
        scale = xp.where(other > scale, other, scale)
    return scale, xp.sqrt(total([(a / scale) ** 2 for a in arrays]))


def _scale(largest: Array, xp: Namespace) -> Array:
    """Return what numbers are divided by before they are squared: 1 unless some are large and all are finite."""
    return xp.where((largest > 1) & xp.isfinite(largest), largest, xp.ones_like(largest))


def _clipped_units(g: Array, x: Array, factor: Array, epsilon: Array) -> Array:
    (wide, weights), xp = _wide((g, x))
    dtype = wide.dtype
    scale, relative = _unit_norms(wide, xp)
    weight_scale, weight_relative = _unit_norms(weights, xp)
    least = as_scalar(epsilon, wide, dtype)
    norm = weight_scale * weight_relative
    limit = as_scalar(factor, wide, dtype) * xp.where(norm < least, least, norm)
    long = (relative > limit / scale) & xp.isfinite(relative)
    length, divisor = xp.where(long, limit, 1.0), xp.where(long, relative, 1.0)
    return xp.where(long, xp.astype(wide / scale / divisor * length, g.dtype), g)


def _unit_norms(x: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return scales and numbers whose products are the norms of the units, axes kept."""
    one_unit = sum(size > 1 for size in x.shape) <= 1
    axes = tuple(range(x.ndim if one_unit else x.ndim - 1))
    scale = _scale(xp.max(xp.abs(x), axis=axes, keepdims=True), xp)
    return scale, xp.sqrt(xp.sum((x / scale) ** 2, axis=axes, keepdims=True))
