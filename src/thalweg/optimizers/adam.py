"""Adam and its correction of the bias towards zero."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["Adam"]


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: a moving average of the gradient over the root of a moving average of its square.

    The default is the form and the numbers of the paper's algorithm 1. The averages are written
    as in the paper; the correction of m is folded into the step size, one division of a number
    in place of one of an array.

    References:
        Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1.
    """

    name: ClassVar[str] = "adam"
    title: ClassVar[str] = "Adam"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)",
        "θ ← θ − η·m̂ / (√v̂ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1, arXiv:1412.6980",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.7",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "ε is added to √v̂ by the paper's algorithm 1, torch and optax; Keras adds it to √v before the correction, "
        "the paper's ε̂ form, which at t = 1 and β₂ = 0.999 makes it 31.6 times larger (epsilon_place).",
        "ε is 1e-8 in the paper, torch and optax, 1e-7 in Keras.",
        "optax has a second ε inside the root, 0 unless set (epsilon_place = inside); HeavyBall takes max(√v̂, ε) "
        "(epsilon_place = floor).",
        "Weight decay: torch adds λ·θ to the gradient, as here; the weight_decay of Keras' Adam is decoupled, "
        "which is adamw.",
        "For float32 parameters optax and Keras compute 1 − β₂ᵗ in float32, with a relative error near 2e-5; torch "
        "uses doubles, and here the formula is accurate in either.",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 002 expands the name as adaptive momentum; it stands for adaptive moment estimation.",
        "Seed 002 does not square the gradient in moment2, takes no root, corrects no bias, and lacks the "
        "parentheses around moment2 + 1e-7.",
        "Seed 003's algorithm 8.7 corrects the second moment by 1 − ρ₀²; 1 − ρ₂ᵗ is meant.",
        "Seed 000 says that its hyperparameters need no tuning; the step size does, as seed 003 admits.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "A step is about η at most in each parameter, whatever the scale of the loss: rescaling the loss changes "
        "nothing but the role of ε.",
        "Fast at the start and forgiving of its settings, hence the usual first choice.",
        "Can fail to converge on convex problems with rare large gradients, which AMSGrad mends.",
        "Reported to generalize worse than tuned SGD with momentum on some image tasks (seeds 000 and 003).",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {},
        "optax": {},
        "keras": {"epsilon": 1e-7, "epsilon_place": "uncorrected"},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    epsilon_place: str = epsilon_place()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        g = g + self.weight_decay * x
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        rate = self.learning_rate / bias_correction(self.beta1, t)
        root = corrected_root(v, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        return x - rate * m / root, {"m": m, "v": v}
