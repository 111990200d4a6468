"""Weights that keep the variance through a linear layer."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer

__all__ = ["LeCun"]


@dataclass(frozen=True)
class LeCun(Initializer):
    """LeCun initialization: outputs of a linear unit have the variance of its inputs.

    With g = 1 and the normal law it is also the start that self-normalizing networks (SELU) need.

    References:
        LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, eq. 16, which leaves the law open; Klambauer,
        Unterthiner, Mayr and Hochreiter (2017), Self-Normalizing Neural Networks, section "Initialization".
    """

    name: ClassVar[str] = "lecun"
    title: ClassVar[str] = "LeCun"
    formula: ClassVar[tuple[str, ...]] = ("σ² = g² / m", "W ~ N(0, σ²), or U(−√3·σ, √3·σ)")
    sources: ClassVar[tuple[str, ...]] = (
        "LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, eq. 16",
        "Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-Normalizing Neural Networks, section "
        '"Initialization"',
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The normal variant is a truncated law of the same deviation in jax.nn.initializers.lecun_normal (the default "
        "of Flax) and Keras' LecunNormal (law = truncated); torch has none by this name.",
    )

    law: str = laws.law("normal")
    gain: float = laws.gain(1.0, "gain g, multiplies the deviation")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del fan_out
        return laws.draw(rng, self.law, self.gain / math.sqrt(fan_in), shape)
