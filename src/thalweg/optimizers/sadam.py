"""SAdam and SAMSGrad: Adam and AMSGrad with the denominator calibrated by a softplus."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["SAMSGrad", "SAdam", "softplus"]

SOURCE = (
    "Tong, Liang and Bi (2019), Calibrating the Adaptive Learning Rate to Improve Convergence of ADAM, arXiv:1908.00700"
)
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "authors": {"learning_rate": 0.1, "correction": "outside"},
}
SHARED_DIFFERENCES = (
    "The paper's algorithm corrects no bias; the authors' code multiplies the step by √(1 − β₂ᵗ) / (1 − β₁ᵗ) outside "
    "the softplus (correction = outside).",
    "The paper tunes η; the authors' code defaults to 0.1, and the default here is 0.01.",
    "No rule of torch, optax or Keras does this; Ranger21 takes a softplus denominator from it.",
    "Another SAdam exists, for strongly convex functions (Wang et al. 2020, arXiv:1905.02957); this is not it.",
)


def softplus(z: Array, sharpness: Number) -> Array:
    """Return log(1 + exp(β·z)) / β without overflow.

    Args:
        z: Non-negative array.
        sharpness: β, 0-d array: the result lies between max(z, log(2)/β) and z + log(2)/β.
    """
    xp = namespace(z)
    return z + xp.log1p(xp.exp(-sharpness * z)) / sharpness


def sharpness() -> Any:
    """Declare the softplus' β."""
    return hyperparameter(
        50.0,
        meaning="sharpness β of the softplus, whose floor is log(2)/β",
        low_open=True,
        search=(5.0, 5000.0),
    )


def correction() -> Any:
    """Declare whether bias is corrected."""
    return variant(
        "none",
        choices=("none", "outside"),
        meaning="correct no bias (paper), or by √(1 − β₂ᵗ) / (1 − β₁ᵗ) outside the softplus (the authors' code)",
    )


def rate(rule: "SAdam | SAMSGrad", t: Array) -> Array:
    """Return η, or η·√(1 − β₂ᵗ) / (1 − β₁ᵗ) if the rule corrects the bias."""
    if rule.correction == "none":
        return rule.learning_rate
    xp = namespace(t)
    return rule.learning_rate * xp.sqrt(bias_correction(rule.beta2, t)) / bias_correction(rule.beta1, t)


@dataclass(frozen=True)
class SAdam(Rule):
    """SAdam: Adam with a softplus of the root in the denominator in place of ε.

    The default is the paper's algorithm with its β = 50.

    References:
        Tong, Liang and Bi (2019), Calibrating the Adaptive Learning Rate to Improve
        Convergence of ADAM.
    """

    name: ClassVar[str] = "sadam"
    title: ClassVar[str] = "SAdam (softplus Adam)"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "θ ← θ − η·m / softplus(√v),  softplus(z) = log(1 + exp(β·z)) / β",
    )
    sources: ClassVar[tuple[str, ...]] = (SOURCE,)
    differences: ClassVar[tuple[str, ...]] = SHARED_DIFFERENCES
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "The softplus never falls below log(2)/β, 0.0139 at β = 50, so tiny gradients no longer get enormous rates; "
        "far above that it is Adam's root.",
        "Where all √v are far below 1/β it is SGD with momentum and rate η·β/log(2): it lies between Adam and SGD.",
        "Unlike Adam it feels the scale of the loss, through β.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = PRESETS

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    sharpness: Number = sharpness()
    correction: str = correction()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        return x - rate(self, t) * m / softplus(xp.sqrt(v), self.sharpness), {"m": m, "v": v}


@dataclass(frozen=True)
class SAMSGrad(Rule):
    """SAMSGrad: AMSGrad with a softplus of the root in the denominator in place of ε.

    The default is the paper's algorithm with its β = 50.

    References:
        Tong, Liang and Bi (2019), Calibrating the Adaptive Learning Rate to Improve
        Convergence of ADAM.
    """

    name: ClassVar[str] = "samsgrad"
    title: ClassVar[str] = "SAMSGrad (softplus AMSGrad)"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g",
        "v ← β₂·v + (1 − β₂)·g²",
        "v̂ ← max(v̂, v)",
        "θ ← θ − η·m / softplus(√v̂),  softplus(z) = log(1 + exp(β·z)) / β",
    )
    sources: ClassVar[tuple[str, ...]] = (SOURCE,)
    differences: ClassVar[tuple[str, ...]] = SHARED_DIFFERENCES
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array, one more than SAdam.",
        "Joins AMSGrad's memory of large gradients with a bound on the rates that small ones get.",
        "Like AMSGrad's its rates never recover after an early burst of gradients.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = PRESETS

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    sharpness: Number = sharpness()
    correction: str = correction()

    def init(self, x: Array) -> State:
        """Return both averages and the maximum as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x), "v_max": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, averages and maximum after one step."""
        xp = namespace(x)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        v_max = xp.maximum(state["v_max"], v)
        step = m / softplus(xp.sqrt(v_max), self.sharpness)
        return x - rate(self, t) * step, {"m": m, "v": v, "v_max": v_max}
