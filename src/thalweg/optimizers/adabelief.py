"""AdaBelief: Adam that divides by how far gradients stray from their average."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["AdaBelief"]


@dataclass(frozen=True)
class AdaBelief(Rule):
    """AdaBelief: long steps where the gradient is as its average foretold, short ones where it is not.

    The default is the form of the paper's algorithm 2 with the two small constants of the
    authors' code and of optax.

    References:
        Zhuang et al. (2020), AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
        Gradients, algorithm 2.
    """

    name: ClassVar[str] = "adabelief"
    title: ClassVar[str] = "AdaBelief"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "s")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "s ← β₂·s + (1 − β₂)·(g − m)² + δ",
        "m̂ = m / (1 − β₁ᵗ),  ŝ = s / (1 − β₂ᵗ)",
        "θ ← θ − η·m̂ / (√ŝ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan (2020), AdaBelief Optimizer: Adapting "
        "Stepsizes by the Belief in Observed Gradients, algorithm 2, arXiv:2010.07468",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "One constant stands in both places in the paper (1e-8) and in the authors' code (1e-16); optax has two, as "
        "here: δ (spread_epsilon) and ε (epsilon), both 1e-16.",
        "δ is added to the average in every step and stays in it, so that it grows to δ / (1 − β₂); so do the authors' "
        "code, optax and timm.",
        "The authors' code rectifies its first steps as RAdam does and decouples weight decay unless told "
        "otherwise; optax does neither, here there is no rectification, and decay is decoupled (decay_form).",
        "pytorch_optimizer 3.9.0 left out the correction of m, a first step ten times too short.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Takes long steps along steady gradients however small they are, where Adam looks at their size only.",
        "Under an exactly steady gradient the denominator tends to nothing but the constants, and steps grow.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"epsilon": 1e-8, "spread_epsilon": 1e-8},
        "optax": {},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay("decay β₂ of the average s of squared deviations")
    epsilon: Number = fields.epsilon(1e-16, search=(1e-16, 1e-4))
    spread_epsilon: Number = hyperparameter(
        1e-16, meaning="δ, added to the average s in every step", search=(1e-16, 1e-4)
    )
    weight_decay: Number = fields.weight_decay()
    epsilon_place: str = epsilon_place()
    decay_form: str = fields.decay_form("decoupled")

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "s": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        s = self.beta2 * state["s"] + (1 - self.beta2) * (g - m) ** 2 + self.spread_epsilon
        rate = self.learning_rate / bias_correction(self.beta1, t)
        root = corrected_root(s, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        return x - rate * m / root, {"m": m, "s": s}
