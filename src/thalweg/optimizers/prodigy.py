"""Prodigy: Adam that estimates how far the solution is, and steps by that."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace, total
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.norms import inner

__all__ = ["Prodigy"]

Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class Prodigy(Rule):
    """Prodigy: Adam whose rate is a lower bound d of the distance to the solution, which only grows.

    The default is the paper's Adam version. The learning rate η multiplies d, and is meant to stay 1 or to follow a
    schedule from 1 down. The sums lack the paper's factor 1 − β₃, which cancels.

    References:
        Mishchenko and Defazio (2024), Prodigy: An Expeditiously Adaptive Parameter-Free Learner, algorithm 4.
    """

    name: ClassVar[str] = "prodigy"
    title: ClassVar[str] = "Prodigy"
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·d·g,  v ← β₂·v + (1 − β₂)·d²·g²",
        "r ← β₃·r + η·d²·⟨g, θ₀ − θ⟩,  s ← β₃·s + η·d²·g,  β₃ = √β₂",
        "d' = max(d, κ·r / ‖s‖₁)",
        "θ ← θ − η·d·m / (√v + d·ε)",
        "d ← d'",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Mishchenko and Defazio (2024), Prodigy: An Expeditiously Adaptive Parameter-Free Learner, algorithm 4, "
        "arXiv:2306.06101",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper and the authors' program by default do not correct Adam's bias; optax always does "
        "(bias_correction), which makes its first step 3.16 times as long and its d another one.",
        "ε is multiplied by the old d in the paper, by the new one in the authors' program and optax "
        "(epsilon_distance).",
        "Weight decay, absent from the paper, shrinks θ by η·d·λ·θ in optax and by default in the authors' program "
        "(decay_form).",
        "The authors' limit on the growth of d, which is off by default, is left out, as optax leaves it out.",
        "While all gradients are zero optax's estimate is 0/0 and everything becomes NaN; the authors' program and "
        "this rule wait.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps four arrays per parameter array, and two numbers.",
        "Needs no learning rate, but a schedule that falls from 1 still helps.",
        "d starts tiny and grows geometrically, so the first ten to hundred steps hardly move.",
        "d never shrinks: one phase of misleading gradients can leave the steps too long for good.",
        "Parameters in bfloat16 or float16 hardly move, since the first steps are smaller than their rounding: keep "
        "them in float32, or set a larger first d.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "authors": {"epsilon_distance": "next"},
        "optax": {"epsilon_distance": "next", "bias_correction": True},
    }
    whole_tree: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-2, 1e1))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    beta3: Number = hyperparameter(
        0.9995, meaning="decay β₃ of r and s, where it is not √β₂", high=1.0, high_open=True, scale="complement"
    )
    epsilon: Number = fields.epsilon(1e-8)
    initial_distance: Number = hyperparameter(1e-6, meaning="first d", low_open=True, search=(1e-8, 1e-2))
    distance_factor: Number = hyperparameter(1.0, meaning="factor κ of the estimate of d", search=(0.1, 10.0))
    weight_decay: Number = fields.weight_decay()
    numerator_decay: str = variant("root", choices=("root", "own"), meaning="let r and s decay by √β₂, or by β₃")
    bias_correction: bool = variant(
        False, choices=(False, True), meaning="multiply η by √(1 − β₂ᵗ) / (1 − β₁ᵗ), Adam's correction"
    )
    rate_in_sum: bool = variant(
        True, choices=(True, False), meaning="weigh s with η·d², or with d² alone, which is safer during a warm-up"
    )
    epsilon_distance: str = variant("current", choices=("current", "next"), meaning="multiply ε by the old d, or new d")
    decay_form: str = variant(
        "decoupled", choices=("decoupled", "coupled"), meaning="shrink θ by η·d·λ·θ beside the step, or add λ·θ to g"
    )

    def init(self, x: Arrays) -> State:
        """Return all averages and sums as zeros, and the parameters as they start."""
        zeros = tuple(zeros_like(a) for a in x)
        one = zeros_like(self.initial_distance)
        return {
            "m": zeros,
            "v": zeros,
            "s": zeros,
            "start": tuple(a + zeros_like(a) for a in x),
            "r": one,
            "distance": one + self.initial_distance,
        }

    def update(self, x: Arrays, g: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return all parameters and the state after one step."""
        xp = namespace(*x)
        if self.decay_form == "coupled":
            g = tuple(slope + self.weight_decay * a for a, slope in zip(x, g, strict=True))
        d = state["distance"]
        rate = self.learning_rate * self._correction(t)
        m = tuple(self.beta1 * a + (1 - self.beta1) * d * b for a, b in zip(state["m"], g, strict=True))
        v = tuple(self.beta2 * a + (1 - self.beta2) * (d * b) * (d * b) for a, b in zip(state["v"], g, strict=True))
        new_d, sums = self._distance(x, g, state, rate)
        epsilon = self.epsilon * (new_d if self.epsilon_distance == "next" else d)
        shrink = rate * d * self.weight_decay if self.decay_form == "decoupled" else zeros_like(rate)
        moved = tuple(
            a - shrink * a - rate * d * first / (xp.sqrt(second) + epsilon)
            for a, first, second in zip(x, m, v, strict=True)
        )
        return moved, {"m": m, "v": v, "start": state["start"], "distance": new_d, **sums}

    def _correction(self, t: Array) -> Array:
        """Return the factor of the rate that corrects Adam's bias, or 1."""
        xp = namespace(t)
        if not self.bias_correction:
            return xp.ones_like(t)
        return xp.sqrt(bias_correction(self.beta2, t)) / bias_correction(self.beta1, t)

    def _distance(self, x: Arrays, g: Arrays, state: State, rate: Array) -> tuple[Array, State]:
        """Return the next d, and r and s."""
        xp = namespace(*x)
        decay = self.beta3 if self.numerator_decay == "own" else xp.sqrt(self.beta2)
        d = state["distance"]
        # r and s are kept in units of d², so that they neither underflow while d is tiny nor overflow once it is not.
        away = [start - a for start, a in zip(state["start"], x, strict=True)]
        r = decay * state["r"] + rate * inner(g, away)
        weight = rate if self.rate_in_sum else xp.ones_like(rate)
        s = tuple(decay * a + weight * b for a, b in zip(state["s"], g, strict=True))
        length = total([xp.abs(a) for a in s])
        estimate = self.distance_factor * r / xp.where(length > 0, length, xp.ones_like(length))
        new_d = xp.maximum(d, estimate)
        unit = (d / new_d) * (d / new_d)
        return new_d, {"r": unit * r, "s": tuple(unit * a for a in s)}
