"""Yogi: Adam whose denominator forgets by steps of limited size."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["Yogi"]


@dataclass(frozen=True)
class Yogi(Rule):
    """Yogi: v moves towards g² by (1 − β₂)·g², however far away it is, so that it never falls fast.

    The default is the paper's algorithm 2, which corrects no bias; the implementations do.

    References:
        Zaheer, Reddi, Sachan, Kale and Kumar (2018), Adaptive Methods for Nonconvex Optimization, algorithm 2.
    """

    name: ClassVar[str] = "yogi"
    title: ClassVar[str] = "Yogi"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← v − (1 − β₂)·sign(v − g²)·g²",
        "θ ← θ − η·m / (√v + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Zaheer, Reddi, Sachan, Kale and Kumar (2018), Adaptive Methods for Nonconvex Optimization, NeurIPS, "
        "algorithm 2",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper's algorithm corrects no bias; TensorFlow Addons and optax divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ, "
        "though v is no average of squares (bias_correction).",
        "v starts at 1e-6 in TensorFlow Addons and optax (initial_accumulator); the paper recommends the squared "
        "gradient of a large batch.",
        "m starts at 1e-6 too in optax and pytorch_optimizer, at 0 in TensorFlow Addons and here (initial_mean).",
        "ε is added to √v̂ by optax, to √v before the correction by TensorFlow Addons (epsilon_place).",
        "Weight decay: none in the paper and optax; here decoupled unless told otherwise (decay_form).",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "After rare large gradients its rate recovers slowly, where Adam's recovers exponentially, which is what makes "
        "Adam fail on some convex problems.",
        "Its ε = 1e-3 is large, so that parameters with small gradients get short steps.",
        "Where gradients shrink by themselves, as at the end of training, v hardly follows.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "tensorflow": {"initial_accumulator": 1e-6, "bias_correction": True, "epsilon_place": "uncorrected"},
        "optax": {"initial_accumulator": 1e-6, "initial_mean": 1e-6, "bias_correction": True},
    }

    learning_rate: Number = fields.learning_rate(1e-2, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay("β₂: v moves by (1 − β₂)·g² per step")
    epsilon: Number = fields.epsilon(1e-3)
    initial_accumulator: Number = hyperparameter(0.0, meaning="where v starts")
    initial_mean: Number = hyperparameter(0.0, meaning="where m starts")
    weight_decay: Number = fields.weight_decay()
    bias_correction: bool = variant(False, choices=(False, True), meaning="divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ")
    epsilon_place: str = epsilon_place()
    decay_form: str = fields.decay_form("decoupled")

    def init(self, x: Array) -> State:
        """Return m and v where they start."""
        return {"m": full_like(x, self.initial_mean), "v": full_like(x, self.initial_accumulator)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, m and v after one step."""
        xp = namespace(x)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        square = g * g
        v = state["v"] - (1 - self.beta2) * xp.sign(state["v"] - square) * square
        weights = (xp.ones_like(t), xp.ones_like(t))
        if self.bias_correction:
            weights = (bias_correction(self.beta1, t), bias_correction(self.beta2, t))
        root = corrected_root(v, weights[1], self.epsilon, self.epsilon_place)
        return x - self.learning_rate / weights[0] * m / root, {"m": m, "v": v}
