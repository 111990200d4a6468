"""The denominators of Adam's family, and the places where ε stands in them."""

from typing import Any

from thalweg.arrays import Array, namespace
from thalweg.optimizers.base import Number, full_like, variant

__all__ = ["corrected_root", "epsilon_place"]


def epsilon_place(default: str = "corrected") -> Any:
    """Declare where ε stands: see :func:`corrected_root`."""
    return variant(
        default,
        choices=("corrected", "uncorrected", "inside", "floor"),
        meaning="add ε to √v̂ (Adam's paper), to √v before the correction (Keras), to v̂ under the root, or use it "
        "as a floor of √v̂",
    )


def corrected_root(v: Array, correction: Array, epsilon: Number, place: str) -> Array:
    """Return the denominator √(v / c) with ε in its place.

    Args:
        v: Average of squared gradients.
        correction: Its bias correction c = 1 − β₂ᵗ, 0-d array.
        epsilon: ε, 0-d array.
        place: ``corrected`` gives √(v/c) + ε, ``uncorrected`` (√v + ε)/√c, ``inside``
            √(v/c + ε) and ``floor`` max(√(v/c), ε).

    References:
        Kingma and Ba (2015), Adam, algorithm 1 for ``corrected`` and the end of section 2 for
        ``uncorrected``, which they write with ε̂.
    """
    xp = namespace(v)
    v_hat = v * (1 / correction)
    if place == "inside":
        return xp.sqrt(v_hat + epsilon)
    root = xp.sqrt(v_hat)
    if place == "floor":
        return xp.maximum(root, full_like(root, epsilon))
    return root + (epsilon / xp.sqrt(correction) if place == "uncorrected" else epsilon)
