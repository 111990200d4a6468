"""Sophia: clipped momentum over an average of estimates of the Hessian's diagonal."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like

__all__ = ["SophiaG", "SophiaH"]

INTERVALS = (10, 1, 2, 5, 20)
PAPER = (
    "Liu, Li, Hall, Liang and Ma (2024), Sophia: A Scalable Stochastic Second-order Optimizer for Language Model "
    "Pre-training, algorithm 3, arXiv:2305.14342"
)
FORMULA = (
    "m ← β₁·m + (1 − β₁)·g",
    "h ← β₂·h + (1 − β₂)·ĥ at the steps 1, k + 1, 2k + 1, …",
    "θ ← θ − η·clip(m / max(γ·h, ε), 1) − η·λ·θ",
)
CAPPED = "No number moves by more than η in a step; where the curvature is small or negative it moves by exactly η."
PACE = (
    "The paper chooses γ so that between a tenth and a half of the numbers are not clipped; where all are, "
    "the rule is the sign of the momentum."
)


def _asked(t: Array, interval: int) -> Any:
    return t % float(interval) == float(1 % interval)


def _interval() -> Any:
    return variant(10, choices=INTERVALS, meaning="steps k from one estimate of the diagonal to the next")


def _scale(default: float) -> Any:
    return hyperparameter(
        default, meaning="γ, share of the Hessian's diagonal that divides m", low_open=True, search=(1e-3, 1e1)
    )


@dataclass(frozen=True)
class SophiaH(Rule):
    """Sophia with Hutchinson's estimate, a product of the Hessian with random signs.

    References:
        Liu, Li, Hall, Liang and Ma (2024), Sophia, algorithms 1 (Hutchinson) and 3.
    """

    name: ClassVar[str] = "sophia-h"
    title: ClassVar[str] = "Sophia-H"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "h")
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_diagonal"})
    formula: ClassVar[tuple[str, ...]] = (*FORMULA, "ĥ = z·(H·z) for random signs z")
    sources: ClassVar[tuple[str, ...]] = (PAPER, "Liu et al. (2024), algorithm 1 (Hutchinson's estimator)")
    differences: ClassVar[tuple[str, ...]] = (
        "The paper draws z from a normal distribution; optax and we draw signs, whose estimate scatters less.",
        "The paper takes ĥ from a part of the minibatch to save time; here the whole minibatch is used.",
        "optax corrects m's bias towards zero (bias_correction), and divides by the h of before the step's estimate "
        "(hessian = before), so that its first steps are signs alone.",
        "β₁ is 0.96 and ε 1e-12 in the paper, 0.965 and 1e-8 in optax; weight decay is off here unless set, 1e-4 in "
        "optax.",
        "Weight decay shrinks θ beside the step, as in adamw.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array; an estimate costs about two gradients more, every k-th step.",
        CAPPED,
        "The estimate may be negative, and scatters by as much as the Hessian's rows beside the diagonal are large.",
        PACE,
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "optax": {
            "beta1": 0.965,
            "epsilon": 1e-8,
            "weight_decay": 1e-4,
            "bias_correction": True,
            "hessian": "before",
        },
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(0.96)
    beta2: Number = fields.second_decay("decay β₂ of the diagonal's average h", 0.99)
    scale: Number = _scale(0.01)
    epsilon: Number = fields.epsilon(1e-12, search=None, meaning="ε, least number that m is divided by")
    weight_decay: Number = fields.weight_decay()
    update_interval: int = _interval()
    bias_correction: bool = variant(False, choices=(False, True), meaning="divide m by 1 − β₁ᵗ")
    hessian: str = variant(
        "after", choices=("after", "before"), meaning="divide by h after the step's estimate entered it, or before"
    )

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "h": zeros_like(x)}

    def asks(self, t: Array) -> Any:
        """Return whether a new estimate is due."""
        return _asked(t, self.update_interval)

    def update(self, x: Array, g: Array, state: State, t: Array, **inputs: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        new = self.beta2 * state["h"] + (1 - self.beta2) * inputs["hessian_diagonal"]
        h = xp.where(self.asks(t), new, state["h"])
        top = m / bias_correction(self.beta1, t) if self.bias_correction else m
        bottom = self.scale * (h if self.hessian == "after" else state["h"])
        ratio = xp.clip(top / xp.maximum(bottom, full_like(x, self.epsilon)), -1.0, 1.0)
        return x - self.learning_rate * (ratio + self.weight_decay * x), {"m": m, "h": h}


@dataclass(frozen=True)
class SophiaG(Rule):
    """Sophia with the Gauss–Newton–Bartlett estimate, a squared gradient on labels drawn from the model.

    References:
        Liu, Li, Hall, Liang and Ma (2024), Sophia, algorithms 2 (Gauss–Newton–Bartlett) and 3.
    """

    name: ClassVar[str] = "sophia-g"
    title: ClassVar[str] = "Sophia-G"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "h")
    needs: ClassVar[frozenset[str]] = frozenset({"gauss_newton_diagonal"})
    formula: ClassVar[tuple[str, ...]] = (*FORMULA, "ĥ = B·ĝ², ĝ the gradient of B examples with labels drawn anew")
    sources: ClassVar[tuple[str, ...]] = (PAPER, "Liu et al. (2024), algorithm 2 (the Gauss–Newton–Bartlett estimator)")
    differences: ClassVar[tuple[str, ...]] = (
        "The paper takes ĥ from half of the minibatch to save time; here the whole minibatch is used.",
        "The authors' code adds ε = 1e-15 to γ·B·h, in which h averages ĝ² alone, and takes its first estimate after "
        "the tenth step; here it is taken in the first, as in the paper.",
        "β₁ is 0.96, γ 0.05 and ε 1e-12 in the paper, 0.965, 0.04 and 1e-15 in the authors' code, which decays weights "
        "by 0.1; weight decay is off here unless set.",
        "Weight decay shrinks θ beside the step, as in adamw.",
        "torch, optax and Keras have no estimator of this kind.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array; an estimate costs about one gradient more, every k-th step.",
        CAPPED,
        "The estimate is never negative. It needs a model that gives probabilities of classes.",
        PACE,
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "authors": {"learning_rate": 1e-4, "beta1": 0.965, "scale": 0.04, "epsilon": 1e-15, "weight_decay": 0.1},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(0.96)
    beta2: Number = fields.second_decay("decay β₂ of the diagonal's average h", 0.99)
    scale: Number = _scale(0.05)
    epsilon: Number = fields.epsilon(1e-12, search=None, meaning="ε, least number that m is divided by")
    weight_decay: Number = fields.weight_decay()
    update_interval: int = _interval()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "h": zeros_like(x)}

    def asks(self, t: Array) -> Any:
        """Return whether a new estimate is due."""
        return _asked(t, self.update_interval)

    def update(self, x: Array, g: Array, state: State, t: Array, **inputs: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        new = self.beta2 * state["h"] + (1 - self.beta2) * inputs["gauss_newton_diagonal"]
        h = xp.where(self.asks(t), new, state["h"])
        ratio = xp.clip(m / xp.maximum(self.scale * h, full_like(x, self.epsilon)), -1.0, 1.0)
        return x - self.learning_rate * (ratio + self.weight_decay * x), {"m": m, "h": h}
