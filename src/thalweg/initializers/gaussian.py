"""Gaussian weights of one deviation, whatever the layer's width."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import hyperparameter

__all__ = ["Gaussian"]


@dataclass(frozen=True)
class Gaussian(Initializer):
    """Independent Gaussian weights of a fixed deviation.

    The scale matters: signals vanish layer by layer where σ²·m is well below what the activation needs (2 for ReLU,
    1 for tanh), and explode or saturate where it is well above.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4; the default σ = 0.01 is that of
        Krizhevsky, Sutskever and Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks,
        section 5.
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian of fixed deviation"
    formula: ClassVar[tuple[str, ...]] = ("W ~ N(0, σ²)",)
    sources: ClassVar[tuple[str, ...]] = (
        "Krizhevsky, Sutskever and Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks, "
        "section 5 (σ = 0.01)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The default deviation is 0.01 here and in jax.nn.initializers.normal, 0.05 in Keras' RandomNormal, 1 in "
        "torch.nn.init.normal_.",
    )

    deviation: float = hyperparameter(
        0.01, meaning="standard deviation σ of the weights", low_open=True, search=(1e-3, 1.0)
    )

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del fan_in, fan_out
        return laws.draw(rng, "normal", self.deviation, shape)
