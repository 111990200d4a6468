"""Normalized initialization: a compromise between equal variances forwards and backwards."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer

__all__ = ["Glorot"]


@dataclass(frozen=True)
class Glorot(Initializer):
    """Normalized (Glorot, Xavier) initialization.

    A linear layer keeps the variance of activations if Var W = 1/m and that of gradients if Var W = 1/n; the variance
    here is between the two. It suits activations of slope one at zero, such as tanh.

    References:
        Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, eq. 12
        (variance) and eq. 16 (uniform law).
    """

    name: ClassVar[str] = "glorot"
    title: ClassVar[str] = "Normalized (Glorot, Xavier)"
    formula: ClassVar[tuple[str, ...]] = (
        "σ² = g²·2 / (m + n)",
        "W ~ U(−g·√(6 / (m + n)), g·√(6 / (m + n))), or N(0, σ²)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, "
        "eqs. 12 and 16",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The normal variant is a plain normal law in torch (xavier_normal_), a truncated one of the same deviation in "
        "jax.nn.initializers.glorot_normal and Keras' GlorotNormal (law = truncated).",
        "The gain is 1 in the paper, JAX and Keras; torch recommends 5/3 for tanh.",
    )

    law: str = laws.law("uniform")
    gain: float = laws.gain(1.0, "gain g, multiplies the deviation")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        return laws.draw(rng, self.law, self.gain * math.sqrt(2 / (fan_in + fan_out)), shape)
