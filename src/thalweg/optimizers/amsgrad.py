"""AMSGrad: Adam whose denominator never falls."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["AMSGrad"]


@dataclass(frozen=True)
class AMSGrad(Rule):
    """AMSGrad: Adam with the largest average of squares so far in the denominator.

    The default is the paper's algorithm, which corrects no bias, with Adam's numbers and ε = 1e-8,
    which the paper leaves out.

    References:
        Reddi, Kale and Kumar (2018), On the Convergence of Adam and Beyond, algorithm 2.
    """

    name: ClassVar[str] = "amsgrad"
    title: ClassVar[str] = "AMSGrad"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "v̂ ← max(v̂, v)",
        "θ ← θ − η·m / (√v̂ + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Reddi, Kale and Kumar (2018), On the Convergence of Adam and Beyond, algorithm 2, arXiv:1904.09237",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper corrects no bias (correction = none); torch and Keras take the maximum of the raw v and divide it "
        "by the current 1 − β₂ᵗ (after_maximum); optax takes the maximum of the corrected v (before_maximum), so one "
        "large early gradient weighs up to 1 / (1 − β₂) times more. All three of them correct m.",
        "With optax's bias_correction_mu and _nu both off it is the paper's rule.",
        "ε is absent from the paper, 1e-8 beside √v̂ in torch and optax, 1e-7 beside the uncorrected root in Keras "
        "(epsilon_place).",
        "The paper proves its bound for η falling as 1/√t and β₁ falling too; everyone keeps β₁ constant.",
        "Weight decay: torch adds λ·θ to the gradient; Keras shrinks θ by η·λ·θ beside the step (decay_form).",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array, one more than Adam.",
        "Mends Adam's counterexample: a rare large gradient is never forgotten, so its direction is not outweighed.",
        "Like AdaGrad's its rates never recover; after an early burst of gradients it can be slow.",
        "Without correction its first step is (1 − β₁) / √(1 − β₂) times η, 3.2·η at the defaults.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"correction": "after_maximum"},
        "optax": {"correction": "before_maximum"},
        "keras": {
            "epsilon": 1e-7,
            "correction": "after_maximum",
            "epsilon_place": "uncorrected",
            "decay_form": "decoupled",
        },
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    correction: str = variant(
        "none",
        choices=("none", "after_maximum", "before_maximum"),
        meaning="correct no bias (paper), or that of m and of v after or before the maximum is taken",
    )
    epsilon_place: str = epsilon_place()
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return both averages and the maximum as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x), "v_max": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, averages and maximum after one step."""
        xp = namespace(x)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        rate, candidate, divisor = self.learning_rate, v, xp.ones_like(t)
        if self.correction != "none":
            rate = rate / bias_correction(self.beta1, t)
        if self.correction == "before_maximum":
            candidate = v * (1 / bias_correction(self.beta2, t))
        elif self.correction == "after_maximum":
            divisor = bias_correction(self.beta2, t)
        v_max = xp.maximum(state["v_max"], candidate)
        root = corrected_root(v_max, divisor, self.epsilon, self.epsilon_place)
        return x - rate * m / root, {"m": m, "v": v, "v_max": v_max}
