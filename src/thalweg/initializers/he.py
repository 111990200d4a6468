"""Weights that keep the variance through rectifiers."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import variant

__all__ = ["He"]


@dataclass(frozen=True)
class He(Initializer):
    """He (Kaiming) initialization: a ReLU halves the mean square of what passes, and g² = 2 makes up for it.

    For a leaky ReLU of slope a the paper's gain is g = √(2 / (1 + a²)).

    References:
        He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification, eq. 10 (fan = in), eq. 14 (fan = out), eq. 15 (leaky).
    """

    name: ClassVar[str] = "he"
    title: ClassVar[str] = "He (Kaiming)"
    formula: ClassVar[tuple[str, ...]] = (
        "σ² = g² / m, or g² / n where fan = out",
        "W ~ N(0, σ²), or U(−√3·σ, √3·σ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
        "Classification, eqs. 10, 14 and 15",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The normal variant is a plain normal law in the paper and torch (kaiming_normal_), a truncated one of the "
        "same deviation in jax.nn.initializers.he_normal and Keras' HeNormal (law = truncated).",
        "torch.nn.Linear starts with kaiming_uniform_ of slope √5, which is no He initialization: g² = 1/3, weights "
        "uniform within 1/√m (he:law=uniform:gain=0.577350269).",
    )

    law: str = laws.law("normal")
    fan: str = variant(
        "in", choices=("in", "out"), meaning="keep the variance of activations (in) or of gradients (out)"
    )
    gain: float = laws.gain(math.sqrt(2), "gain g of the activation, √2 for ReLU")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        fan = fan_in if self.fan == "in" else fan_out
        return laws.draw(rng, self.law, self.gain / math.sqrt(fan), shape)
