"""Gaussian weights without tails."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import hyperparameter, variant

__all__ = ["Truncated"]


@dataclass(frozen=True)
class Truncated(Initializer):
    """Gaussian weights of a fixed deviation, drawn again where they lie beyond ``cut`` deviations.

    Cutting makes the weights' own deviation smaller than σ, by 0.8796 at 2 deviations; ``deviation_of`` says which of
    the two σ is.

    References:
        The variance after the cut: Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions,
        volume 1, section 13.10.1.
    """

    name: ClassVar[str] = "truncated"
    title: ClassVar[str] = "Truncated Gaussian of fixed deviation"
    formula: ClassVar[tuple[str, ...]] = (
        "W ~ N(0, τ²) given |W| ≤ c·τ",
        "τ = σ, or τ = σ / √(1 − 2·c·φ(c) / (2·Φ(c) − 1)) where σ is the deviation after the cut",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions, volume 1, section 13.10.1",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "jax.nn.initializers.truncated_normal and Keras' TruncatedNormal take σ as the deviation before the cut, as "
        "here by default; their variance-scaling initializers (glorot_normal, he_normal, lecun_normal) take it after "
        "the cut (deviation_of = weights).",
        "torch.nn.init.trunc_normal_ takes the borders as numbers, −2 and 2, not as deviations: with σ = 0.02 it "
        "cuts nothing.",
    )

    deviation: float = hyperparameter(0.01, meaning="standard deviation σ", low_open=True, search=(1e-3, 1.0))
    cut: float = hyperparameter(2.0, meaning="border c of the law, in deviations τ", low=0.5, high=8.0)
    deviation_of: str = variant(
        "normal",
        choices=("normal", "weights"),
        meaning="σ is the deviation of the normal law, or of what the cut leaves",
    )

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32."""
        del fan_in, fan_out
        scale = laws.truncated_deviation(self.cut) if self.deviation_of == "weights" else 1.0
        return laws.as_float32(laws.truncated_normal(rng, self.cut, shape), self.deviation / scale)
