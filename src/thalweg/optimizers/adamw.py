"""AdamW: Adam with weight decay taken out of the gradient."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["AdamW"]


@dataclass(frozen=True)
class AdamW(Rule):
    """AdamW: Adam, with the weights shrunk beside the step rather than through the gradient.

    The default is torch's form and numbers, the commonest: the decay is multiplied by the
    learning rate, λ = 0.01. The paper multiplies it by the schedule alone.

    References:
        Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2.
    """

    name: ClassVar[str] = "adamw"
    title: ClassVar[str] = "AdamW"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)",
        "θ ← θ − η·λ·θ − η·m̂ / (√v̂ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2, arXiv:1711.05101",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper shrinks θ by λ·θ times the schedule's multiplier and not the rate α; torch, optax and Keras shrink "
        "it by η·λ·θ. decay_scale = independent shrinks it by λ·θ, the paper's rule where the rate is constant.",
        "λ is 0.01 in torch and here, 1e-4 in optax, 0.004 in Keras; the paper names none, and its preset takes "
        "1e-5, torch's 0.01 times the rate of 0.001.",
        "ε is added to √v̂ by the paper, torch and optax (1e-8), to √v before the correction by Keras (1e-7) "
        "(epsilon_place).",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Every weight shrinks at the same relative speed, where Adam with coupled decay hardly shrinks weights "
        "with large gradients.",
        "With decay times rate, as in torch, the best λ depends on the learning rate; with the paper's form less so.",
        "The usual choice for transformers.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"weight_decay": 1e-5, "decay_scale": "independent"},
        "torch": {"weight_decay": 0.01},
        "optax": {"weight_decay": 1e-4},
        "keras": {"weight_decay": 0.004, "epsilon": 1e-7, "epsilon_place": "uncorrected"},
    }
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (("adam", {"weight_decay": 0.0}),)

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = hyperparameter(0.01, meaning="weight decay λ", search=(5e-6, 5e-1))
    epsilon_place: str = epsilon_place()
    decay_scale: str = variant(
        "rate",
        choices=("rate", "independent"),
        meaning="multiply the decay by the learning rate, or let it stand alone as in the paper",
    )

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        rate = self.learning_rate / bias_correction(self.beta1, t)
        root = corrected_root(v, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        shrink = self.weight_decay if self.decay_scale == "independent" else self.learning_rate * self.weight_decay
        return x - shrink * x - rate * m / root, {"m": m, "v": v}
