"""Weights that turn and mirror, and stretch nothing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer

__all__ = ["Orthogonal"]


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A random orthogonal matrix, uniform among all of its shape.

    The array is taken as a matrix with one row per input and one column per unit; a convolution has a row for every
    place of the patch and channel. The shorter side is orthonormal: columns where there are more inputs than units,
    rows where there are fewer. Every singular value is g, so that depth neither shrinks nor stretches a signal in a
    linear network.

    References:
        Saxe, McClelland and Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks, section 3; Mezzadri (2007), How to generate random matrices from the classical compact
        groups, section 5: the signs of R's diagonal make the QR factor uniform.
    """

    name: ClassVar[str] = "orthogonal"
    title: ClassVar[str] = "Orthogonal"
    formula: ClassVar[tuple[str, ...]] = (
        "A ~ N(0, 1), A = Q·R by columns, or by rows where m < n",
        "W = g·Q·sign(diag R), so that WᵀW = g²·I, or W·Wᵀ = g²·I where m < n",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Saxe, McClelland and Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear "
        "neural networks, section 3",
        "Mezzadri (2007), How to generate random matrices from the classical compact groups, section 5",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "One law here, in torch, JAX and Keras; the numbers differ for one seed, as do the generators.",
        "A recurrent layer that keeps its gates side by side in one matrix is drawn as that one matrix, as in Keras; "
        "then only its rows are orthonormal, not each gate.",
    )

    gain: float = laws.gain(1.0, "gain g, every singular value")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del fan_in, fan_out
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        normal = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        matrix = q if rows >= columns else q.T
        return laws.as_float32(matrix.reshape(shape), self.gain)
