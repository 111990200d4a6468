"""D-Adaptation: SGD and Adam that estimate how far the solution is, and step by that."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace, total
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.norms import inner, norm

__all__ = ["DAdaptAdam", "DAdaptSGD"]

Arrays = tuple[Array, ...]

_PAPER = "Defazio and Mishchenko (2023), Learning-Rate-Free Learning by D-Adaptation, algorithm {}, arXiv:2301.07733"
_GROWTH = "The authors' limit on the growth of d, which is off by default, is left out."
_RISING = "d starts tiny and never shrinks, so the first steps hardly move; a schedule that falls from 1 still helps."


def _initial_distance() -> Any:
    return hyperparameter(1e-6, meaning="first d", low_open=True, search=(1e-8, 1e-2))


@dataclass(frozen=True)
class DAdaptSGD(Rule):
    """D-Adaptation of SGD with momentum: the rate is a lower bound d of the distance over the first gradient's length.

    The default is the paper's algorithm. The learning rate η multiplies d, and is meant to stay 1 or to follow a
    schedule from 1 down.

    References:
        Defazio and Mishchenko (2023), Learning-Rate-Free Learning by D-Adaptation, algorithm 4.
    """

    name: ClassVar[str] = "dadapt-sgd"
    title: ClassVar[str] = "SGD with D-Adaptation"
    formula: ClassVar[tuple[str, ...]] = (
        "ρ = η·d / ‖g₁‖",
        "r ← r + ρ·⟨g, s⟩,  s ← s + ρ·g",
        "d ← max(d, 2·r / ‖s‖)",
        "θ ← μ·θ + (1 − μ)·(θ₀ − s)",
    )
    sources: ClassVar[tuple[str, ...]] = (_PAPER.format(4),)
    differences: ClassVar[tuple[str, ...]] = (
        "The paper takes the momentum μ = 0.9, the authors' program 0 unless told otherwise.",
        "Weight decay, absent from the paper, adds λ·θ to the gradient as in the authors' program, which leaves it out "
        "of ‖g₁‖, as here.",
        _GROWTH,
        "The authors' program divides by zero if the first gradient is zero; here the first one that is not counts.",
        "torch, optax and Keras have no such rule; optax has the Adam version.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array, and three numbers.",
        _RISING,
        "The first gradient's length sets the scale of all steps, so an unlucky first batch matters.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "authors": {"momentum": 0.0}}
    whole_tree: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-2, 1e1))
    momentum: Number = hyperparameter(
        0.9, meaning="μ, share of θ that stays", high=1.0, high_open=True, search=(0.5, 0.995), scale="complement"
    )
    initial_distance: Number = _initial_distance()
    weight_decay: Number = fields.weight_decay()

    def init(self, x: Arrays) -> State:
        """Return the starting point and the empty sums."""
        zero = zeros_like(self.initial_distance)
        return {
            "s": tuple(zeros_like(a) for a in x),
            "start": tuple(a + zeros_like(a) for a in x),
            "r": zero,
            "distance": zero + self.initial_distance,
            "first_length": zero,
        }

    def update(self, x: Arrays, g: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return all parameters and the state after one step."""
        del t
        xp = namespace(*x)
        first = xp.where(state["first_length"] > 0, state["first_length"], norm(*g))
        g = tuple(slope + self.weight_decay * a for a, slope in zip(x, g, strict=True))
        one = xp.ones_like(first)
        rate = xp.where(
            first > 0, self.learning_rate * state["distance"] / xp.where(first > 0, first, one), zeros_like(first)
        )
        r = state["r"] + rate * inner(g, state["s"])
        s = tuple(a + rate * slope for a, slope in zip(state["s"], g, strict=True))
        length = norm(*s)
        estimate = 2 * r / xp.where(length > 0, length, one)
        kept = self.momentum
        moved = tuple(
            kept * a + (1 - kept) * (start - sums) for a, start, sums in zip(x, state["start"], s, strict=True)
        )
        distance = xp.maximum(state["distance"], estimate)
        return moved, {"s": s, "start": state["start"], "r": r, "distance": distance, "first_length": first}


@dataclass(frozen=True)
class DAdaptAdam(Rule):
    """D-Adaptation of Adam: Adam whose rate is a lower bound d of the distance to the solution.

    The default is the authors' program. The learning rate η multiplies d, and is meant to stay 1 or to follow a
    schedule from 1 down.

    References:
        Defazio and Mishchenko (2023), Learning-Rate-Free Learning by D-Adaptation, algorithm 5.
    """

    name: ClassVar[str] = "dadapt-adam"
    title: ClassVar[str] = "Adam with D-Adaptation"
    formula: ClassVar[tuple[str, ...]] = (
        "ρ = η·d,  β₃ = √β₂",
        "r ← β₃·r + (1 − β₃)·ρ·⟨g, s / (√v + ε)⟩",
        "m ← β₁·m + (1 − β₁)·ρ·g,  v ← β₂·v + (1 − β₂)·g²",
        "s ← β₃·s + (1 − β₃)·ρ·g",
        "d ← max(d, r / ((1 − β₃)·‖s‖₁))",
        "θ ← θ − m / (√v + ε)",
    )
    sources: ClassVar[tuple[str, ...]] = (_PAPER.format(5),)
    differences: ClassVar[tuple[str, ...]] = (
        "The paper's r takes the denominator after this step's gradient has entered v, the authors' program and optax "
        "the one before (numerator_scale).",
        "The paper and the authors' program by default do not correct Adam's bias; optax always does "
        "(bias_correction), which makes its first step 3.16 times as long and its d another one.",
        "Weight decay, absent from the paper, is added to the gradient by default in the authors' program, and shrinks "
        "θ by η·d·λ·θ in optax (decay_form).",
        _GROWTH,
        "While all gradients are zero optax's estimate is 0/0 and everything becomes NaN; the authors' program and "
        "this rule wait.",
        "The authors' program can scale the rates of layers apart, which is left out.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array, and two numbers.",
        _RISING,
        "Prodigy, its successor, finds d faster.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"numerator_scale": "after"},
        "authors": {},
        "optax": {"bias_correction": True, "decay_form": "decoupled"},
    }
    whole_tree: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-2, 1e1))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    initial_distance: Number = _initial_distance()
    weight_decay: Number = fields.weight_decay()
    numerator_scale: str = variant(
        "before", choices=("before", "after"), meaning="in r divide s by √v + ε from before this step, or from after"
    )
    bias_correction: bool = variant(
        False, choices=(False, True), meaning="multiply η by √(1 − β₂ᵗ) / (1 − β₁ᵗ), Adam's correction"
    )
    decay_form: str = variant(
        "coupled", choices=("coupled", "decoupled"), meaning="add λ·θ to g, or shrink θ by η·d·λ·θ beside the step"
    )

    def init(self, x: Arrays) -> State:
        """Return all averages and sums as zeros."""
        zeros, zero = tuple(zeros_like(a) for a in x), zeros_like(self.initial_distance)
        return {"m": zeros, "v": zeros, "s": zeros, "r": zero, "distance": zero + self.initial_distance}

    def update(self, x: Arrays, g: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return all parameters and the state after one step."""
        if self.decay_form == "coupled":
            g = tuple(slope + self.weight_decay * a for a, slope in zip(x, g, strict=True))
        rate = self.learning_rate * state["distance"] * self._correction(t)
        m = tuple(self.beta1 * a + (1 - self.beta1) * rate * b for a, b in zip(state["m"], g, strict=True))
        v = tuple(self.beta2 * a + (1 - self.beta2) * b * b for a, b in zip(state["v"], g, strict=True))
        roots = self._roots(v)
        new = self._distance(g, state, rate, roots if self.numerator_scale == "after" else self._roots(state["v"]))
        shrink = rate * self.weight_decay if self.decay_form == "decoupled" else zeros_like(rate)
        moved = tuple(a - shrink * a - first / root for a, first, root in zip(x, m, roots, strict=True))
        return moved, {"m": m, "v": v, **new}

    def _roots(self, v: Arrays) -> Arrays:
        """Return √v + ε."""
        return tuple(namespace(a).sqrt(a) + self.epsilon for a in v)

    def _correction(self, t: Array) -> Array:
        """Return the factor of the rate that corrects Adam's bias, or 1."""
        xp = namespace(t)
        if not self.bias_correction:
            return xp.ones_like(t)
        return xp.sqrt(bias_correction(self.beta2, t)) / bias_correction(self.beta1, t)

    def _distance(self, g: Arrays, state: State, rate: Array, roots: Arrays) -> State:
        """Return the next d, and r and s."""
        xp = namespace(*g)
        decay = xp.sqrt(self.beta2)
        scaled = [s / root for s, root in zip(state["s"], roots, strict=True)]
        r = decay * state["r"] + (1 - decay) * rate * inner(g, scaled)
        s = tuple(decay * a + (1 - decay) * rate * b for a, b in zip(state["s"], g, strict=True))
        length = (1 - decay) * total([xp.abs(a) for a in s])
        estimate = r / xp.where(length > 0, length, xp.ones_like(length))
        return {"r": r, "s": s, "distance": xp.maximum(state["distance"], estimate)}
