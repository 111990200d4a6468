"""Lengths of arrays, and the step that is scaled by them."""

from collections.abc import Sequence
from typing import Any

from thalweg.arrays import Array, namespace, total
from thalweg.optimizers.base import Number, variant

__all__ = ["inner", "norm", "root_mean_square", "trust_ratio", "vectors"]


def inner(a: Sequence[Array], b: Sequence[Array]) -> Array:
    """Return the inner product of two tuples of arrays of the same shapes, 0-d."""
    return total([x * y for x, y in zip(a, b, strict=True)])


def norm(*arrays: Array) -> Array:
    """Return the Euclidean length of all elements of the arrays together, 0-d."""
    return namespace(*arrays).sqrt(inner(arrays, arrays))


def root_mean_square(x: Array) -> Array:
    """Return the root of the mean of the squares of an array, 0-d."""
    xp = namespace(x)
    return xp.sqrt(xp.mean(x * x))


def trust_ratio(x: Array, length: Array, coefficient: Number, epsilon: Number) -> Array:
    """Return c·‖θ‖ / (s + ε), or 1 where either length is zero, 0-d.

    Args:
        x: Parameters θ.
        length: Length s of the step to be scaled, 0-d.
        coefficient: c, 0-d array.
        epsilon: ε, 0-d array.

    References:
        You, Gitman and Ginsburg (2017), Large Batch Training of Convolutional Networks, eq. 6; it gives no ratio for
        parameters that are all zero, which it would never move.
    """
    xp = namespace(x)
    own = norm(x)
    usable = xp.logical_and(own > 0, length > 0)
    one = xp.ones_like(own)
    return xp.where(usable, coefficient * own / xp.where(usable, length + epsilon, one), one)


def vectors() -> Any:
    """Declare what is done with arrays of fewer than two dimensions, such as biases."""
    return variant(
        "scaled",
        choices=("scaled", "plain"),
        meaning="scale arrays of fewer than two dimensions too, or leave them unscaled and without decay",
    )
