"""Adan: Adam with Nesterov's momentum made of gradients and their differences."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["Adan"]


@dataclass(frozen=True)
class Adan(Rule):
    """Adan: averages the gradient and its change, and divides by the size of their sum.

    β₁, β₂ and β₃ are decays, as in the authors' code; the paper writes 1 − β for each. The
    default is the authors' code, the preset ``paper`` starts its averages as algorithm 1 does.

    References:
        Xie, Zhou, Li, Lin and Yan (2022), Adan: Adaptive Nesterov Momentum Algorithm for Faster
        Optimizing Deep Models, algorithm 1.
    """

    name: ClassVar[str] = "adan"
    title: ClassVar[str] = "Adan"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v", "n", "previous")
    formula: ClassVar[tuple[str, ...]] = (
        "d = g − g₋₁  (0 at the first step)",
        "m ← β₁·m + (1 − β₁)·g,  m̂ = m / (1 − β₁ᵗ)",
        "v ← β₂·v + (1 − β₂)·d,  v̂ = v / (1 − β₂ᵗ)",
        "n ← β₃·n + (1 − β₃)·(g + β₂·d)²,  n̂ = n / (1 − β₃ᵗ)",
        "θ ← (θ − η·(m̂ + β₂·v̂) / (√n̂ + ε)) / (1 + η·λ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Xie, Zhou, Li, Lin and Yan (2022), Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep "
        "Models, algorithm 1, arXiv:2208.06677",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "optax 0.2.8 is wrong: it keeps the authors' decays but weighs the differences by 1 − β₂ = 0.08 as the paper "
        "does with its β₂ = 0.08, where 1 − 0.08 = 0.92 is meant; only its first step is right.",
        "The paper starts m with the first gradient, n with its square and v with the first difference and corrects "
        "nothing; the authors' code starts all at zero and divides by 1 − βᵗ (start).",
        "Weight decay divides θ by 1 + η·λ in the paper and, unless told otherwise, in the authors' code, whose other "
        "form multiplies θ by 1 − η·λ before the step (decay_form).",
        "λ is 0.02 in most of the paper's experiments, 0 in the authors' code.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps four arrays per parameter array, twice as many as Adam.",
        "Reacts to a change of the gradient at once, through the difference.",
        "Its authors report larger batches and larger rates than Adam bears.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"start": "first_gradient"}, "authors": {}}

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(0.98)
    beta2: Number = hyperparameter(
        0.92,
        meaning="decay β₂ of the average v of the gradient's differences",
        high=1.0,
        high_open=True,
        search=(0.5, 0.99),
        scale="complement",
    )
    beta3: Number = fields.second_decay("decay β₃ of the average n of squares", 0.99)
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    start: str = variant(
        "zero",
        choices=("zero", "first_gradient"),
        meaning="start the averages at zero and correct their bias, or start them with the first gradients",
    )
    decay_form: str = variant(
        "proximal",
        choices=("proximal", "decoupled"),
        meaning="divide θ by 1 + η·λ after the step, or multiply it by 1 − η·λ before",
    )

    def init(self, x: Array) -> State:
        """Return three averages as zeros, and no gradient yet."""
        return {"m": zeros_like(x), "v": zeros_like(x), "n": zeros_like(x), "previous": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the averages and the gradient after one step."""
        xp = namespace(x)
        difference = xp.where(t > 1, g - state["previous"], zeros_like(g))
        look = g + self.beta2 * difference
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * difference
        n = self.beta3 * state["n"] + (1 - self.beta3) * look * look
        weights = tuple(bias_correction(decay, t) for decay in (self.beta1, self.beta2, self.beta3))
        if self.start == "first_gradient":
            m, n = xp.where(t > 1, m, g), xp.where(t > 1, n, g * g)
            v = xp.where(t > 2, v, difference)
            weights = tuple(xp.ones_like(t) for _ in weights)
        root = xp.sqrt(n / weights[2]) + self.epsilon
        step = (m / weights[0] + self.beta2 / weights[1] * v) / root
        new = {"m": m, "v": v, "n": n, "previous": g}
        shrink = self.learning_rate * self.weight_decay
        if self.decay_form == "decoupled":
            return x - shrink * x - self.learning_rate * step, new
        return (x - self.learning_rate * step) / (1 + shrink), new
