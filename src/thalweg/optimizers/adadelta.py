"""AdaDelta: steps in the unit of the parameters, without a learning rate."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["AdaDelta"]


@dataclass(frozen=True)
class AdaDelta(Rule):
    """AdaDelta: the gradient times the ratio of the sizes of recent steps and recent gradients.

    The default is the paper's: no learning rate, which is η = 1, with its ρ = 0.95 and ε = 1e-6.

    References:
        Zeiler (2012), ADADELTA: An Adaptive Learning Rate Method, algorithm 1.
    """

    name: ClassVar[str] = "adadelta"
    title: ClassVar[str] = "AdaDelta"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("v", "u")
    formula: ClassVar[tuple[str, ...]] = (
        "v ← ρ·v + (1 − ρ)·g²",
        "Δ = √(u + ε) / √(v + ε) · g",
        "u ← ρ·u + (1 − ρ)·Δ²",
        "θ ← θ − η·Δ",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Zeiler (2012), ADADELTA: An Adaptive Learning Rate Method, algorithm 1, arXiv:1212.5701",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper has no learning rate; torch multiplies the step by η = 1, Keras by η = 0.001, a thousandth of "
        "the paper's step.",
        "optax.adadelta without a learning_rate never turns the sign and climbs; give it learning_rate = 1.0, as the "
        "preset does.",
        "ρ is 0.95 in the paper and Keras, 0.9 in torch and optax; ε is 1e-7 in Keras and 1e-6 elsewhere.",
        "torch, optax and Keras accumulate Δ without η (accumulated_step = unscaled); some argue that η belongs to it "
        "(scaled).",
        "Weight decay: torch and optax add λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Its steps have the unit of the parameters, as Newton's have and those of gradient descent have not.",
        "ε starts the motion, since the first steps are √(ε / (1 − ρ)) long: it matters more than anywhere else.",
        "Needs no rate to start with, but a tuned rule with a rate is usually faster.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"learning_rate": 1.0, "decay": 0.9, "epsilon": 1e-6},
        "optax": {"learning_rate": 1.0, "decay": 0.9, "epsilon": 1e-6},
        "keras": {"learning_rate": 1e-3, "decay": 0.95, "epsilon": 1e-7, "decay_form": "decoupled"},
    }

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-2, 1e2))
    decay: Number = hyperparameter(
        0.95,
        meaning="decay ρ of both averages, v of squared gradients and u of squared steps",
        high=1.0,
        high_open=True,
        search=(0.8, 0.995),
        scale="complement",
    )
    epsilon: Number = fields.epsilon(1e-6, search=(1e-8, 1e-2), meaning="ε, starts the motion and bounds the quotient")
    weight_decay: Number = fields.weight_decay()
    accumulated_step: str = variant(
        "unscaled", choices=("unscaled", "scaled"), meaning="let the squares of Δ, or of η·Δ, enter the average u"
    )
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"v": zeros_like(x), "u": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        del t
        xp = namespace(x)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        v = self.decay * state["v"] + (1 - self.decay) * g * g
        step = xp.sqrt((state["u"] + self.epsilon) / (v + self.epsilon)) * g
        kept = self.learning_rate * step if self.accumulated_step == "scaled" else step
        u = self.decay * state["u"] + (1 - self.decay) * kept * kept
        return x - self.learning_rate * step, {"v": v, "u": u}
