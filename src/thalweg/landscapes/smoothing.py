"""The Gaussian average of a landscape, without sampling: the objective that continuation starts from."""

import numpy as np

from thalweg.arrays import Array
from thalweg.landscapes.base import Landscape

__all__ = ["gaussian_average", "has_gaussian_average"]


def has_gaussian_average(landscape: Landscape) -> bool:
    """Return whether :func:`gaussian_average` knows the landscape's."""
    return landscape.smoothed is not None or landscape.degree is not None


def gaussian_average(landscape: Landscape, x: Array, y: Array, sigma: Array) -> Array:
    """Return E[f(x + σ·ε₁, y + σ·ε₂)] with independent standard normal ε₁, ε₂, elementwise.

    Args:
        landscape: One for which :func:`has_gaussian_average` holds.
        x: First coordinate, any shape.
        y: Second coordinate, like ``x``.
        sigma: Width σ, 0 or more, 0-d.

    A polynomial's is the sum over the nodes of a Gauss–Hermite rule, which is exact up to degree 2n − 1 in each
    coordinate, n nodes each.

    Example:
        >>> from thalweg.landscapes import find_landscape
        >>> bowl = find_landscape("bowl")  # (x² + y²)/2, whose average is higher by σ²
        >>> round(float(gaussian_average(bowl, np.asarray(1.0), np.asarray(2.0), 3.0)), 9)
        11.5
    """
    if landscape.smoothed is not None:
        return landscape.smoothed(x, y, sigma)
    assert landscape.degree is not None
    nodes, weights = np.polynomial.hermite_e.hermegauss(landscape.degree // 2 + 1)
    weights = weights / np.sum(weights)
    total = 0 * x
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        for other, also in zip(nodes.tolist(), weights.tolist(), strict=True):
            total = total + weight * also * landscape.value(x + node * sigma, y + other * sigma)
    return total
