"""RMSProp: AdaGrad that forgets."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.errors import InvalidValueError
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like

__all__ = ["RMSProp"]


@dataclass(frozen=True)
class RMSProp(Rule):
    """RMSProp: the gradient over the root of a moving average of its square.

    Hinton's slide gives ρ = 0.9 and neither a rate nor an ε. The default takes ε = 1e-6 inside the
    root from the Deep Learning book, the first in print, and the common rate 0.001.

    References:
        Tieleman and Hinton (2012), Lecture 6.5, RMSProp, Coursera: Neural Networks for
        Machine Learning. Graves (2013) for the centered form with momentum.
    """

    name: ClassVar[str] = "rmsprop"
    title: ClassVar[str] = "RMSProp"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("v", "buffer")
    formula: ClassVar[tuple[str, ...]] = (
        "v ← ρ·v + (1 − ρ)·g²,  v₀ = a",
        "θ ← θ − η·g / √(v + ε)",
        "with momentum: b ← μ·b + η·g / √(v + ε),  θ ← θ − b",
        "centered: m ← ρ·m + (1 − ρ)·g, and v − m² in place of v under the root",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Tieleman and Hinton (2012), Lecture 6.5, RMSProp: Divide the gradient by a running average of its recent "
        "magnitude, slide 29",
        "Graves (2013), Generating Sequences With Recurrent Neural Networks, eqs. 38–45 (centered, with momentum), "
        "arXiv:1308.0850",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithms 8.5 and 8.6",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "ε stands inside the root in the book (1e-6), optax (1e-8) and Keras (1e-7), outside in torch (1e-8), "
        "√v + ε (epsilon_place).",
        "ρ is 0.9 on the slide, in optax and in Keras, 0.99 in torch, 0.95 in Graves (2013).",
        "The rate is 0.01 in torch, 0.001 in Keras and here, 1e-4 in Graves (2013).",
        "With momentum, optax, Keras and Graves put η inside the buffer, torch outside (rate_place); seen only when "
        "η changes.",
        "The average starts from 0 in torch, optax and Keras, from 1 in TensorFlow's first version and timm's "
        "RMSpropTF (initial_accumulator).",
        "optax can divide the averages by 1 − ρᵗ (bias_correction), which makes the rule Adam with β₁ = 0.",
        "Centered without ε under the root, torch's and optax's v − m² can fall below zero by rounding and give "
        "NaN; here it is held at zero.",
        "Weight decay: torch adds λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 002 writes sqr_grad = decay_rate·sqr_grad + (1 − decay_rate) + wi: a + where · is meant, the gradient "
        "not squared; it also forgets the root and the parentheses around the denominator.",
        "Seed 000 says that it needs more memory than momentum; both keep exactly one array per parameter array.",
        "Seed 003's algorithm 8.5 is right, with δ inside the root although its AdaGrad has δ outside.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array; one more if centered, one more with momentum.",
        "Forgets old gradients, so unlike AdaGrad's its rate does not die, and it suits changing objectives.",
        "Without bias correction the first steps are too long: the first is η / √(1 − ρ), 3.2·η at ρ = 0.9.",
        "Centered, it takes long steps where the gradient is steady, and is fragile where it is constant.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {
            "learning_rate": 0.01,
            "decay": 0.99,
            "epsilon": 1e-8,
            "epsilon_place": "outside",
            "rate_place": "outside",
        },
        "optax": {"decay": 0.9, "epsilon": 1e-8},
        "keras": {"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-7, "decay_form": "decoupled"},
        "graves": {
            "learning_rate": 1e-4,
            "decay": 0.95,
            "epsilon": 1e-4,
            "momentum": 0.9,
            "momentum_buffer": True,
            "centered": True,
        },
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    decay: Number = hyperparameter(
        0.9,
        meaning="decay ρ of the squared gradient's average v",
        high=1.0,
        high_open=True,
        search=(0.5, 0.999),
        scale="complement",
    )
    epsilon: Number = fields.epsilon(1e-6)
    momentum: Number = hyperparameter(0.0, meaning="momentum μ, decay of the buffer b", high=1.0, high_open=True)
    initial_accumulator: Number = hyperparameter(0.0, meaning="a, where the average v of squares starts")
    weight_decay: Number = fields.weight_decay()
    centered: bool = variant(False, choices=(False, True), meaning="divide by the variance instead of the mean square")
    momentum_buffer: bool = variant(False, choices=(False, True), meaning="keep the buffer that momentum needs")
    epsilon_place: str = variant("inside", choices=("inside", "outside"), meaning="add ε to v, or to √v")
    rate_place: str = variant(
        "inside", choices=("inside", "outside"), meaning="multiply by η inside the buffer, or when it is applied"
    )
    bias_correction: bool = variant(False, choices=(False, True), meaning="divide the averages by 1 − ρᵗ")
    decay_form: str = fields.decay_form()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum != 0 and not self.momentum_buffer:
            raise InvalidValueError(
                f"{self.name}: momentum = {self.momentum!r} needs a buffer; set momentum_buffer = True as well."
            )

    def init(self, x: Array) -> State:
        """Return the averages at their start, and the buffer at rest if there is one."""
        state = {"v": full_like(x, self.initial_accumulator)}
        if self.centered:
            state["m"] = zeros_like(x)
        if self.momentum_buffer:
            state["buffer"] = zeros_like(x)
        return state

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, averages and buffer after one step."""
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        new = {"v": self.decay * state["v"] + (1 - self.decay) * g * g}
        if self.centered:
            new["m"] = self.decay * state["m"] + (1 - self.decay) * g
        step = g / self._root(new, t)
        if not self.momentum_buffer:
            return x - self.learning_rate * step, new
        if self.rate_place == "outside":
            new["buffer"] = self.momentum * state["buffer"] + step
            return x - self.learning_rate * new["buffer"], new
        new["buffer"] = self.momentum * state["buffer"] + self.learning_rate * step
        return x - new["buffer"], new

    def _root(self, state: State, t: Array) -> Array:
        """Return the denominator from the averages."""
        xp = namespace(state["v"])
        unbias = 1 / bias_correction(self.decay, t) if self.bias_correction else None
        square = state["v"] if unbias is None else state["v"] * unbias
        if self.centered:
            mean = state["m"] if unbias is None else state["m"] * unbias
            square = xp.maximum(square - mean * mean, zeros_like(square))
        return xp.sqrt(square + self.epsilon) if self.epsilon_place == "inside" else xp.sqrt(square) + self.epsilon
