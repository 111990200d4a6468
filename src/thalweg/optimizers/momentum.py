"""Momentum: Polyak's heavy ball."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["Momentum"]


@dataclass(frozen=True)
class Momentum(Rule):
    """Momentum: past gradients, forgotten exponentially, carry the parameters on.

    The default is the form of Polyak's paper and of the lecture: the velocity is the step, with
    the learning rate inside. The default numbers, 0.01 and 0.9, are those in common use.

    References:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods.
        Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.2.
    """

    name: ClassVar[str] = "momentum"
    title: ClassVar[str] = "SGD with momentum (heavy ball)"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("velocity",)
    formula: ClassVar[tuple[str, ...]] = (
        "v ← μ·v − η·(1 − d)·g",
        "θ ← θ + v",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Polyak (1964), Some methods of speeding up the convergence of iteration methods, "
        "USSR Computational Mathematics and Mathematical Physics 4(5)",
        "Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep "
        "learning, eqs. 1–2",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.2",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Learning rate: Polyak, the lecture and Keras put η inside the velocity; torch and optax outside "
        "(rate_place), as v ← μ·v + (1 − d)·g, θ ← θ − η·v; the two part as soon as η changes.",
        "Dampening d: torch alone has it, and leaves its first step undampened (first_step); an exponential "
        "average (d = μ, optax.ema) dampens the first step too.",
        "Weight decay: torch and optax add λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
        "μ is 0.9 here; torch and Keras default to 0 and optax to none, which is plain SGD.",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 000 says that momentum needs less memory than RMSProp; both keep exactly one array per parameter array.",
        "Seed 003 calls the velocity an exponentially decaying average; its weights sum to 1 / (1 − μ), not to "
        "one, which is why its own top speed is η·‖g‖ / (1 − μ).",
        "Seed 002 calls μ the energy required to overcome saddle points; it is the share of the velocity kept.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array.",
        "Under a constant gradient the step grows to 1 / (1 − μ) times that of SGD, so the useful rate is smaller.",
        "Damps the oscillation across steep directions and speeds up along shallow ones.",
        "Overshoots and rings when μ is large.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"learning_rate": 1e-3, "rate_place": "outside", "first_step": "undampened"},
        "optax": {"rate_place": "outside"},
        "keras": {"learning_rate": 0.01, "rate_place": "inside", "decay_form": "decoupled"},
    }
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (("sgd", {"momentum": 0.0}),)

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e0))
    momentum: Number = fields.velocity_decay()
    dampening: Number = hyperparameter(0.0, meaning="dampening d of the gradient that enters the velocity", high=1.0)
    weight_decay: Number = fields.weight_decay()
    rate_place: str = variant(
        "inside", choices=("inside", "outside"), meaning="multiply by η inside the velocity, or when it is applied"
    )
    first_step: str = variant(
        "dampened", choices=("dampened", "undampened"), meaning="dampen the first gradient like every other, or not"
    )
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return the velocity at rest."""
        return {"velocity": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the velocity after one step."""
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        share = 1 - self.dampening
        if self.first_step == "undampened":
            xp = namespace(x)
            share = xp.where(t == 1, xp.ones_like(share), share)
        if self.rate_place == "outside":
            velocity = self.momentum * state["velocity"] + share * g
            return x - self.learning_rate * velocity, {"velocity": velocity}
        velocity = self.momentum * state["velocity"] - self.learning_rate * share * g
        return x + velocity, {"velocity": velocity}
