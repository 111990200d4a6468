"""NAdam: Adam with Nesterov's momentum."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["NAdam"]


@dataclass(frozen=True)
class NAdam(Rule):
    """NAdam: Adam that steps along the momentum it will have at the next step.

    Four rules go by this name. The default is torch's, the commonest, which has Dozat's growing
    momentum μₜ; his paper also averages with μₜ and multiplies v̂ by β₂, as the preset ``paper`` does.

    References:
        Dozat (2016), Incorporating Nesterov Momentum into Adam, algorithm 2.
    """

    name: ClassVar[str] = "nadam"
    title: ClassVar[str] = "NAdam"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "μₜ = β₁·(1 − ½·0.96^(t·ψ))",
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²,  v̂ = v / (1 − β₂ᵗ)",
        "m̂ = μₜ₊₁·m / (1 − μ₁⋯μₜ₊₁) + (1 − μₜ)·g / (1 − μ₁⋯μₜ)",
        "θ ← θ − η·m̂ / (√v̂ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Dozat (2016), Incorporating Nesterov Momentum into Adam, ICLR workshop, algorithm 2, "
        "openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "μₜ grows with ψ = 0.004 in the paper and torch; Keras leaves the 0.004 out, which is ψ = 1; optax and timm's "
        "NAdamW keep μ = β₁ (momentum_schedule = constant).",
        "m is divided by the product of t + 1 momenta in the paper, torch, Keras and optax, of t in timm's NAdamW "
        "(momentum_correction).",
        "m is averaged with μₜ in the paper, with β₁ in torch, Keras, optax and timm (average_decay).",
        "The paper multiplies v̂ by β₂ (square_factor), nobody else does.",
        "The rate is 0.002 in torch and here, 0.001 in Keras; ε is 1e-8 in the paper, torch and optax, 1e-7 in Keras.",
        "Weight decay: torch adds λ·θ to the gradient unless told otherwise, Keras and timm shrink θ by η·λ·θ beside "
        "the step (decay_form); so does optax, whose nadam has no decay but whose nadamw has.",
        "torch keeps the product of the momenta in float32 even for float64 parameters, an error near 1e-9.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array, and one number.",
        "Reacts to a change of the gradient one step earlier than Adam.",
        "Growing momentum makes its first steps more cautious than Adam's.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"average_decay": "scheduled", "square_factor": "beta2"},
        "torch": {"learning_rate": 2e-3, "momentum_decay": 4e-3},
        "optax": {"momentum_schedule": "constant", "decay_form": "decoupled"},
        "keras": {"learning_rate": 1e-3, "momentum_decay": 1.0, "epsilon": 1e-7, "decay_form": "decoupled"},
        "timm": {
            "learning_rate": 1e-3,
            "momentum_schedule": "constant",
            "momentum_correction": "same_step",
            "decay_form": "decoupled",
        },
    }

    learning_rate: Number = fields.learning_rate(2e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    momentum_decay: Number = hyperparameter(4e-3, meaning="ψ, speed at which the momentum μₜ grows from β₁/2 to β₁")
    weight_decay: Number = fields.weight_decay()
    momentum_schedule: str = variant(
        "growing", choices=("growing", "constant"), meaning="let μₜ grow towards β₁, or keep it at β₁"
    )
    momentum_correction: str = variant(
        "next_step",
        choices=("next_step", "same_step"),
        meaning="divide m by the bias of the next step's momentum, or of this step's",
    )
    average_decay: str = variant("constant", choices=("constant", "scheduled"), meaning="average m with β₁, or with μₜ")
    square_factor: str = variant("one", choices=("one", "beta2"), meaning="take v̂ as it is, or multiply it by β₂")
    epsilon_place: str = epsilon_place()
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return both averages as zeros and the product of no momenta, which is one."""
        state = {"m": zeros_like(x), "v": zeros_like(x)}
        if self.momentum_schedule == "growing":
            state["product"] = namespace(x).ones_like(self.beta1)
        return state

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, both averages and the product of momenta after one step."""
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        momentum, next_momentum = self._momentum(t), self._momentum(t + 1)
        decay = momentum if self.average_decay == "scheduled" else self.beta1
        new = {
            "m": decay * state["m"] + (1 - decay) * g,
            "v": self.beta2 * state["v"] + (1 - self.beta2) * g * g,
        }
        if self.momentum_schedule == "growing":
            new["product"] = state["product"] * momentum
            bias, next_bias = 1 - new["product"], 1 - new["product"] * next_momentum
        else:
            bias, next_bias = bias_correction(self.beta1, t), bias_correction(self.beta1, t + 1)
        if self.momentum_correction == "same_step":
            next_bias = bias
        m_hat = next_momentum / next_bias * new["m"] + (1 - momentum) / bias * g
        square = new["v"] * self.beta2 if self.square_factor == "beta2" else new["v"]
        root = corrected_root(square, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        return x - self.learning_rate * m_hat / root, new

    def _momentum(self, t: Array) -> Number:
        """Return μₜ."""
        if self.momentum_schedule == "constant":
            return self.beta1
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))
