"""One matrix per axis of an array: products of gradients, and what is multiplied onto the axes."""

import math
from collections.abc import Mapping

from thalweg.arrays import Array, namespace

__all__ = ["axes_to_precondition", "gram", "multiplied"]


def axes_to_precondition(shape: tuple[int, ...], largest: int, sides: str) -> tuple[int, ...]:
    """Return the axes of an array that get a matrix of their own; vectors and numbers have none.

    Args:
        shape: Of the array.
        largest: Axes longer than this have none.
        sides: ``all`` of them, or the ``shortest`` alone, the first one of several.
    """
    if len(shape) < 2:
        return ()
    axes = [axis for axis, length in enumerate(shape) if length <= largest]
    if sides == "shortest" and axes:
        return (min(axes, key=lambda axis: shape[axis]),)
    return tuple(axes)


def gram(g: Array, axis: int) -> Array:
    """Return the inner products of the array's slices along an axis, a square matrix of the axis' length."""
    xp, length = namespace(g), g.shape[axis]
    rows = xp.reshape(xp.moveaxis(g, axis, 0), (length, math.prod(g.shape) // max(1, length)))
    return xp.matmul(rows, xp.matrix_transpose(rows))


def multiplied(g: Array, matrices: Mapping[int, Array], transposed: bool = False) -> Array:
    """Return the array with each axis multiplied by its matrix, by M for G·…, or by Mᵀ.

    Args:
        g: Array.
        matrices: Square matrices by axis.
        transposed: Whether to multiply by the transposes.
    """
    xp = namespace(g)
    for axis, matrix in matrices.items():
        moved = xp.moveaxis(g, axis, 0)
        rows = xp.reshape(moved, (moved.shape[0], math.prod(moved.shape[1:])))
        product = xp.matmul(xp.matrix_transpose(matrix) if transposed else matrix, rows)
        g = xp.moveaxis(xp.reshape(product, moved.shape), 0, axis)
    return g
