"""Uniform weights of one half-width, whatever the layer's width."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import hyperparameter

__all__ = ["Uniform"]


@dataclass(frozen=True)
class Uniform(Initializer):
    """Independent weights, uniform between −a and a; their deviation is a / √3.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4; the default a = 0.05 is that of Keras'
        RandomUniform.
    """

    name: ClassVar[str] = "uniform"
    title: ClassVar[str] = "Uniform of fixed half-width"
    formula: ClassVar[tuple[str, ...]] = ("W ~ U(−a, a)",)
    sources: ClassVar[tuple[str, ...]] = ("Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4",)
    differences: ClassVar[tuple[str, ...]] = (
        "The interval is symmetric here and in Keras (±0.05); torch.nn.init.uniform_ draws from [0, 1) unless told "
        "otherwise, jax.nn.initializers.uniform from [0, 0.01), whose mean is not zero.",
    )

    half_width: float = hyperparameter(0.05, meaning="half-width a of the interval", low_open=True, search=(1e-3, 1.0))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del fan_in, fan_out
        return laws.as_float32(rng.uniform(-1.0, 1.0, shape), self.half_width)
