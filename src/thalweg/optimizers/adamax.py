"""Adamax: Adam with the largest recent gradient in the denominator."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["Adamax"]


@dataclass(frozen=True)
class Adamax(Rule):
    """Adamax: a moving average of the gradient over a decaying maximum of its absolute value.

    The default is the paper's algorithm 2 and its rate 0.002, with the ε = 1e-8 of torch and optax,
    which the paper leaves out. A parameter that never had a gradient does not move.

    References:
        Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 2.
    """

    name: ClassVar[str] = "adamax"
    title: ClassVar[str] = "Adamax"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "u")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "u ← max(β₂·u, |g| + ε)",
        "θ ← θ − η / (1 − β₁ᵗ) · m / u",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, section 7.1 and algorithm 2, "
        "arXiv:1412.6980",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "ε is absent from the paper; torch and optax add 1e-8 to |g| inside the maximum (epsilon_place = maximum), "
        "Keras adds 1e-7 to u in the denominator and keeps u without it (denominator).",
        "The rate is 0.002 in the paper and torch, 0.001 in Keras; optax has none.",
        "Weight decay: torch adds λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Needs no correction of the denominator's bias, and no square: no overflow in low precision.",
        "No parameter ever moves by more than η / (1 − β₁ᵗ) in one step.",
        "One large gradient keeps the rate low for about 1 / (1 − β₂) steps.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"epsilon": 0.0},
        "torch": {"learning_rate": 2e-3},
        "optax": {},
        "keras": {
            "learning_rate": 1e-3,
            "epsilon": 1e-7,
            "epsilon_place": "denominator",
            "decay_form": "decoupled",
        },
    }

    learning_rate: Number = fields.learning_rate(2e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay("decay β₂ of the largest absolute gradient u")
    epsilon: Number = hyperparameter(
        1e-8, meaning="ε, bounds the quotient from above where gradients vanish", search=(1e-10, 1e-2)
    )
    weight_decay: Number = fields.weight_decay()
    epsilon_place: str = variant(
        "maximum",
        choices=("maximum", "denominator"),
        meaning="add ε to |g| inside the maximum, or to u in the denominator",
    )
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return the average and the maximum as zeros."""
        return {"m": zeros_like(x), "u": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the average and the maximum after one step."""
        xp = namespace(x)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        size = xp.abs(g) + self.epsilon if self.epsilon_place == "maximum" else xp.abs(g)
        u = xp.maximum(self.beta2 * state["u"], size)
        divisor = u if self.epsilon_place == "maximum" else u + self.epsilon
        divisor = xp.where(divisor > 0, divisor, xp.ones_like(divisor))  # zero only where m is zero too
        rate = self.learning_rate / bias_correction(self.beta1, t)
        return x - rate * m / divisor, {"m": m, "u": u}
