"""MARS: AdamW or Lion on a gradient from which noise was taken by its change."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["MARS"]


@dataclass(frozen=True)
class MARS(Rule):
    """MARS: adds a scaled change of the gradient to it, clips its norm, and hands it to AdamW or Lion.

    This is the approximate form, which takes the previous step's gradient where the exact one
    asks for this batch's gradient at the previous point.

    References:
        Yuan, Liu, Wu, Zhou and Gu (2024), MARS: Unleashing the Power of Variance Reduction for Training
        Large Models, algorithms 1 to 3.
    """

    name: ClassVar[str] = "mars"
    title: ClassVar[str] = "MARS"
    compressible: ClassVar[tuple[str, ...]] = ("m", "previous", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "c = g + γ·β₁/(1 − β₁)·(g − g₋₁)  (g at the first step)",
        "c̃ = c / max(1, ‖c‖)",
        "m ← β₁·m + (1 − β₁)·c̃,  m̂ = m / (1 − β₁ᵗ)",
        "v ← β₂·v + (1 − β₂)·c̃²,  v̂ = v / (1 − β₂ᵗ)",
        "AdamW:  θ ← θ − η·(m̂ / (√v̂ + ε) + λ·θ)",
        "Lion:   θ ← θ − η·(sign(m) + λ·θ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Yuan, Liu, Wu, Zhou and Gu (2024), MARS: Unleashing the Power of Variance Reduction for Training Large "
        "Models, algorithms 1 (MARS), 2 (MARS-AdamW) and 3 (MARS-Lion), arXiv:2411.10438",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The exact form takes two gradients of every batch, at this point and at the previous one; this is the "
        "approximate form, the authors' default.",
        "The paper starts both points alike, so that the first change is zero; the authors' approximate code subtracts "
        "zero from the first gradient (first_change).",
        "The authors' code applies MARS to matrices only and AdamW with other numbers to vectors, unless told "
        "otherwise; here all arrays are treated alike.",
        "Norms are taken per array, as in the authors' code.",
        "MARS-Lion has one decay β₁ where Lion has two; β₂ and ε then play no part.",
        "The form on top of Shampoo is left out.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array with AdamW, two with Lion.",
        "Where batches differ little from step to step, the change of the gradient is signal and m runs ahead like "
        "Nesterov's; where they differ much, it is noise, and γ must be small.",
        "Clipping makes it safe at rates several times AdamW's.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "authors": {"first_change": "gradient"},
        "lion": {"base": "lion"},
    }
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (
        ("adamw", {"variance_reduction": 0.0, "clipping": False}),
        ("signsgd", {"base": "lion", "beta1": 0.0}),
    )

    learning_rate: Number = fields.learning_rate(3e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(0.95, meaning="decay β₁ of the average m")
    beta2: Number = fields.second_decay("decay β₂ of the average v of squares", 0.99)
    variance_reduction: Number = hyperparameter(
        0.025, meaning="γ, share of the gradient's change that is added", search=(1e-3, 1.0)
    )
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    base: str = variant("adamw", choices=("adamw", "lion"), meaning="step as AdamW does, or along the sign of m")
    clipping: bool = variant(True, choices=(True, False), meaning="clip the norm of c at one, array by array")
    first_change: str = variant(
        "none", choices=("none", "gradient"), meaning="take the first change as zero, or as the first gradient"
    )

    def init(self, x: Array) -> State:
        """Return the averages as zeros, and no gradient yet."""
        state = {"m": zeros_like(x), "previous": zeros_like(x)}
        return state if self.base == "lion" else {**state, "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the averages and the gradient after one step."""
        xp = namespace(x)
        c = self._corrected(g, state["previous"], t)
        m = self.beta1 * state["m"] + (1 - self.beta1) * c
        new = {"m": m, "previous": g}
        if self.base == "lion":
            direction = xp.sign(m)
        else:
            new["v"] = self.beta2 * state["v"] + (1 - self.beta2) * c * c
            root = xp.sqrt(new["v"] / bias_correction(self.beta2, t)) + self.epsilon
            direction = m / bias_correction(self.beta1, t) / root
        return x - self.learning_rate * (direction + self.weight_decay * x), new

    def _corrected(self, g: Array, previous: Array, t: Array) -> Array:
        """Return the gradient with its change added, and its norm clipped."""
        xp = namespace(g)
        change = g - previous
        if self.first_change == "none":
            change = xp.where(t > 1, change, zeros_like(g))
        c = g + self.variance_reduction * self.beta1 / (1 - self.beta1) * change
        if not self.clipping:
            return c
        norm = xp.sqrt(xp.sum(c * c))
        return c / xp.maximum(norm, xp.ones_like(norm))
