"""Adam and its correction of the bias towards zero."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["Adam"]


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: a momentum average of the gradient over the root of an average of its square.

    References:
        Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1.
    """

    name: ClassVar[str] = "adam"
    title: ClassVar[str] = "Adam"
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)",
        "θ ← θ − η·m̂ / (√v̂ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1, arXiv:1412.6980",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {},
        "optax": {},
        "keras": {"epsilon": 1e-7, "epsilon_place": "uncorrected"},
    }

    learning_rate: Number = hyperparameter(1e-3, meaning="step size η", search=(1e-5, 1e0))
    beta1: Number = hyperparameter(
        0.9,
        meaning="decay β₁ of the gradient's average",
        high=1.0,
        high_open=True,
        search=(0.5, 0.99),
        scale="complement",
    )
    beta2: Number = hyperparameter(
        0.999,
        meaning="decay β₂ of the square's average",
        high=1.0,
        high_open=True,
        search=(0.9, 0.9999),
        scale="complement",
    )
    epsilon: Number = hyperparameter(1e-8, meaning="ε, keeps the quotient finite", search=(1e-10, 1e-2))
    epsilon_place: str = variant(
        "corrected",
        choices=("corrected", "uncorrected"),
        meaning="add ε to the root of the corrected v̂, or of the raw v as Keras does",
    )

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        m_correction, v_correction = bias_correction(self.beta1, t), bias_correction(self.beta2, t)
        if self.epsilon_place == "uncorrected":
            step = xp.sqrt(v_correction) / m_correction * m / (xp.sqrt(v) + self.epsilon)
        else:
            step = (m / m_correction) / (xp.sqrt(v / v_correction) + self.epsilon)
        return x - self.learning_rate * step, {"m": m, "v": v}
