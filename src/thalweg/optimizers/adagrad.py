"""AdaGrad: a rate for every parameter, from the sum of its squared gradients."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant

__all__ = ["AdaGrad"]


@dataclass(frozen=True)
class AdaGrad(Rule):
    """AdaGrad: the gradient over the root of the sum of all its squares so far.

    The default is the form of the paper with the numbers of the Deep Learning book: ε = 1e-7
    outside the root, the sum from zero, and the common rate 0.01.

    References:
        Duchi, Hazan and Singer (2011), Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization, figure 1 with diagonal matrices.
    """

    name: ClassVar[str] = "adagrad"
    title: ClassVar[str] = "AdaGrad"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("sum",)
    formula: ClassVar[tuple[str, ...]] = (
        "r ← r + g²",
        "θ ← θ − η / (1 + (t − 1)·κ) · g / (√r + ε),  r₀ = a",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Duchi, Hazan and Singer (2011), Adaptive Subgradient Methods for Online Learning and Stochastic "
        "Optimization, JMLR 12, figure 1 (diagonal)",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.4",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "ε stands outside the root in the paper, the book (1e-7) and torch (1e-10), inside it, √(r + ε), in optax "
        "and Keras (1e-7) (epsilon_place).",
        "The sum starts from 0 in the paper and torch, from a = 0.1 in optax and Keras (initial_accumulator), which "
        "makes the first steps much shorter.",
        "Only torch lets the rate fall as η / (1 + (t − 1)·κ) besides (learning_rate_decay, 0 unless set).",
        "The rate defaults to 0.01 here and in torch, 0.001 in Keras; optax has none.",
        "Weight decay: torch adds λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 001 says that the denominator gets infinitely small; it grows without bound, and so the step becomes "
        "small. Its formula is right, with ε inside the root.",
        "Seed 001 says that the rate need no longer be tuned; the rate still scales every step.",
        "Seed 002 forgets to square the gradient in the sum, forgets the root, and lacks the parentheses around "
        "the denominator, so that 1e-7 is added to the parameters.",
        "Seed 003's algorithm 8.4 is right; its claim of faster progress on gentle slopes is relative to the steep "
        "ones: every parameter's rate falls.",
        "Seed 004 says that the sum stores the gradient's magnitude, where it stores its square, and leaves out "
        "that a rate once lowered never recovers.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array.",
        "Suits sparse features: a parameter that is seldom touched keeps a large rate.",
        "Its regret bound holds for convex functions; on networks the rate can die before the minimum is reached.",
        "The very first step has size η in every parameter that has a gradient, whatever the gradient's size.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"learning_rate": 0.01, "epsilon": 1e-10},
        "optax": {"epsilon": 1e-7, "epsilon_place": "inside", "initial_accumulator": 0.1},
        "keras": {
            "learning_rate": 1e-3,
            "epsilon": 1e-7,
            "epsilon_place": "inside",
            "initial_accumulator": 0.1,
            "decay_form": "decoupled",
        },
    }

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e0))
    epsilon: Number = fields.epsilon(1e-7, search=None)
    initial_accumulator: Number = hyperparameter(0.0, meaning="a, where the sum r of squares starts")
    learning_rate_decay: Number = hyperparameter(0.0, meaning="κ, further decay of the rate with the step number")
    weight_decay: Number = fields.weight_decay()
    epsilon_place: str = variant("outside", choices=("outside", "inside"), meaning="add ε to √r, or to r")
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return the sum of squares at its start."""
        return {"sum": full_like(x, self.initial_accumulator)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the sum of squares after one step."""
        xp = namespace(x)
        rate = self.learning_rate / (1 + (t - 1) * self.learning_rate_decay)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        total = state["sum"] + g * g
        root = xp.sqrt(total + self.epsilon) if self.epsilon_place == "inside" else xp.sqrt(total) + self.epsilon
        return x - rate * g / root, {"sum": total}
