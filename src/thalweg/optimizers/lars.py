"""LARS: momentum whose step is scaled, array by array, by the size of the parameters."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.norms import norm, trust_ratio, vectors

__all__ = ["LARS"]


@dataclass(frozen=True)
class LARS(Rule):
    """LARS: each array moves by a fixed fraction of its own length, with momentum.

    The default is the paper's algorithm 1, without the weight decay of its experiments. The paper's η is the trust
    coefficient τ here, its γ the learning rate η, and its β the weight decay λ.

    References:
        You, Gitman and Ginsburg (2017), Large Batch Training of Convolutional Networks, algorithm 1.
    """

    name: ClassVar[str] = "lars"
    title: ClassVar[str] = "LARS"
    compressible: ClassVar[tuple[str, ...]] = ("velocity",)
    formula: ClassVar[tuple[str, ...]] = (
        "of each array:",
        "ρ = τ·‖θ‖ / (‖g‖ + λ·‖θ‖)",
        "v ← μ·v + η·ρ·(g + λ·θ)",
        "θ ← θ − v",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "You, Gitman and Ginsburg (2017), Large Batch Training of Convolutional Networks, algorithm 1, "
        "arXiv:1708.03888",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "With weight decay the paper divides by ‖g‖ + λ·‖θ‖, optax by ‖g + λ·θ‖ (decay_length = joint); timm and "
        "pytorch_optimizer as the paper, with ε added.",
        "Where the parameters or the gradient are zero the paper's ratio is 0 or 0/0 and the array never moves; optax, "
        "timm and this rule take 1, without the trust coefficient.",
        "The learning rate is inside the momentum in the paper and optax; timm multiplies the velocity by it "
        "(rate_place = outside).",
        "Biases and the parameters of batch normalization are left unscaled in common practice, by masks in optax and "
        "timm, by the number of dimensions in pytorch_optimizer and here (vectors = plain).",
        "Nesterov's form and ε are optax's and timm's (nesterov, epsilon); the paper has neither.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array.",
        "The length of an array's first step is η·τ times its own length, whatever the gradient's scale.",
        "Made for batches of many thousand examples with a warm-up of the learning rate.",
        "A gradient that fades does not shorten the steps, so the learning rate must fall at the end.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"weight_decay": 5e-4},
        "optax": {"decay_length": "joint"},
    }

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-3, 1e2))
    momentum: Number = fields.velocity_decay()
    trust_coefficient: Number = hyperparameter(
        1e-3, meaning="trust coefficient τ, fraction of an array's length that it moves at η = 1"
    )
    epsilon: Number = hyperparameter(0.0, meaning="ε, added to the length of the gradient")
    weight_decay: Number = fields.weight_decay()
    decay_length: str = variant(
        "apart", choices=("apart", "joint"), meaning="divide by ‖g‖ + λ·‖θ‖ (the paper), or by ‖g + λ·θ‖ (optax)"
    )
    rate_place: str = variant(
        "inside", choices=("inside", "outside"), meaning="learning rate inside the velocity, or multiplied afterwards"
    )
    nesterov: bool = variant(False, choices=(False, True), meaning="step along μ·v + the new term in place of v")
    vectors: str = vectors()

    def init(self, x: Array) -> State:
        """Return the velocity as zeros."""
        return {"velocity": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the velocity after one step."""
        del t
        scaled = self._scaled(x, g)
        new = self.learning_rate * scaled if self.rate_place == "inside" else scaled
        velocity = self.momentum * state["velocity"] + new
        step = self.momentum * velocity + new if self.nesterov else velocity
        return x - (step if self.rate_place == "inside" else self.learning_rate * step), {"velocity": velocity}

    def _scaled(self, x: Array, g: Array) -> Array:
        """Return the decayed gradient times its trust ratio."""
        if self.vectors == "plain" and x.ndim < 2:
            return g
        decayed = g + self.weight_decay * x
        length = norm(decayed) if self.decay_length == "joint" else norm(g) + self.weight_decay * norm(x)
        return trust_ratio(x, length, self.trust_coefficient, self.epsilon) * decayed
