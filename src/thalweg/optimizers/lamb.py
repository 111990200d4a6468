"""LAMB: Adam whose step is scaled, array by array, by the size of the parameters."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, variant, zeros_like
from thalweg.optimizers.norms import norm, trust_ratio, vectors

__all__ = ["LAMB"]


@dataclass(frozen=True)
class LAMB(Rule):
    """LAMB: Adam's direction, with the length of each array's step a fixed fraction of the array's own length.

    The default is the paper's algorithm 2 with φ(z) = z, which its experiments use.

    References:
        You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer and Hsieh (2020), Large Batch Optimization for
        Deep Learning: Training BERT in 76 minutes, algorithm 2.
    """

    name: ClassVar[str] = "lamb"
    title: ClassVar[str] = "LAMB"
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g,  m̂ = m / (1 − β₁ᵗ)",
        "v ← β₂·v + (1 − β₂)·g²,  v̂ = v / (1 − β₂ᵗ)",
        "u = m̂ / (√v̂ + ε) + λ·θ",
        "θ ← θ − η·(‖θ‖ / ‖u‖)·u  of each array",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer and Hsieh (2020), Large Batch Optimization "
        "for Deep Learning: Training BERT in 76 minutes, algorithm 2, arXiv:1904.00962",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "λ·θ is part of the scaled direction in the paper and optax (decay_form = scaled); Keras shrinks θ by η·λ·θ "
        "before the step and scales the rest by what is left (decay_form = decoupled).",
        "The paper's algorithm 2 corrects the bias of both averages, as optax, timm and Keras do; the first versions "
        "of the paper and some programs made from them do not (bias_correction = False).",
        "pytorch_optimizer divides by the uncorrected √v, which makes its first step √(1 − β₂) times as long before "
        "scaling, and so another direction only through ε and λ.",
        "timm scales an array only where it has weight decay, unless told otherwise, and clips the norm of all "
        "gradients at 1 by default; here clipping is a technique.",
        "ε is 1e-6 in the paper and optax, 1e-7 in Keras.",
        "The paper bounds ‖θ‖ by φ; NVIDIA and others take at most 10; there is no bound here, in optax or in Keras.",
        "Where the parameters or the step are zero the ratio is 1, as in optax, timm and Keras.",
        "torch has no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "The length of an array's step is η times its own length, whatever gradient and averages are.",
        "Made for batches of many thousand examples; with small ones seldom better than AdamW.",
        "Steps do not shorten near a minimum, so the learning rate must fall at the end.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"weight_decay": 0.01},
        "optax": {},
        "keras": {"epsilon": 1e-7, "decay_form": "decoupled"},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-6)
    weight_decay: Number = fields.weight_decay()
    decay_form: str = variant(
        "scaled",
        choices=("scaled", "decoupled"),
        meaning="add λ·θ to the direction before it is scaled, or shrink θ by η·λ·θ before the step as Keras does",
    )
    bias_correction: bool = variant(True, choices=(True, False), meaning="correct both averages' bias towards zero")
    vectors: str = vectors()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        step = self._direction(m, v, t)
        if self.vectors == "scaled" or x.ndim >= 2:
            if self.decay_form == "decoupled":
                x = x - self.learning_rate * self.weight_decay * x
            else:
                step = step + self.weight_decay * x
            step = trust_ratio(x, norm(step), 1.0, 0.0) * step
        return x - self.learning_rate * step, {"m": m, "v": v}

    def _direction(self, m: Array, v: Array, t: Array) -> Array:
        """Return m̂ / (√v̂ + ε)."""
        if self.bias_correction:
            m, v = m * (1 / bias_correction(self.beta1, t)), v * (1 / bias_correction(self.beta2, t))
        return m / (namespace(v).sqrt(v) + self.epsilon)
