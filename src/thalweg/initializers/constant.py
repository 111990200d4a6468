"""Weights that are all alike: what random initialization is there to avoid."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import hyperparameter

__all__ = ["Constant", "Zero"]


@dataclass(frozen=True)
class Zero(Initializer):
    """All weights zero: right for a convex model, and no start for a deep one.

    With two or more layers and zero biases every gradient but that of the last bias is zero, unless the activation
    is not zero at zero.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4, on breaking symmetry.
    """

    name: ClassVar[str] = "zero"
    title: ClassVar[str] = "Zero"
    formula: ClassVar[tuple[str, ...]] = ("W = 0",)
    sources: ClassVar[tuple[str, ...]] = ("Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4",)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del rng, fan_in, fan_out
        return np.zeros(shape, np.float32)


@dataclass(frozen=True)
class Constant(Initializer):
    """All weights the same number, so that the units of a layer stay copies of one another for ever.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4, on breaking symmetry.
    """

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "Constant"
    formula: ClassVar[tuple[str, ...]] = ("W = c",)
    sources: ClassVar[tuple[str, ...]] = ("Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4",)

    value: float = hyperparameter(0.1, meaning="the number c", low=float("-inf"))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del rng, fan_in, fan_out
        return laws.as_float32(np.full(shape, self.value, np.float64))
