"""SWATS: Adam that hands over to SGD when it knows the rate to hand over."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace, total
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["SWATS"]

Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class SWATS(Rule):
    """SWATS: Adam until the SGD rate that its steps amount to has settled, then SGD at that rate.

    The rate γ is that of the SGD step whose projection on Adam's direction is Adam's step. The
    default is the paper's algorithm and numbers. SGD's velocity takes the place of Adam's m
    in memory, since the two are never needed at once.

    References:
        Keskar and Socher (2017), Improving Generalization Performance by Switching from Adam to
        SGD, algorithm 1.
    """

    name: ClassVar[str] = "swats"
    title: ClassVar[str] = "SWATS (from Adam to SGD)"
    formula: ClassVar[tuple[str, ...]] = (
        "Adam:  m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²",
        "       p = −η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε),  θ ← θ + p",
        "       γ = p·p / (−p·g),  λ ← β₂·λ + (1 − β₂)·γ,  Λ = λ / (1 − β₂ᵗ)",
        "switch when t > 1, Λ > 0 and |Λ − γ| < δ; Λ is fixed from then on, and b starts from 0",
        "SGD:   b ← β₁·b + g,  θ ← θ − (1 − β₁)·Λ·b",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Keskar and Socher (2017), Improving Generalization Performance by Switching from Adam to SGD, algorithm 1, "
        "arXiv:1712.07628",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper has one constant 1e-9 for ε and for the tolerance δ; here they are two (epsilon, "
        "switch_tolerance). Users report that 1e-9 seldom switches and take 1e-5.",
        "The paper projects the whole parameter vector and switches once; the published PyTorch versions project every "
        "array by itself (scope = array), and there let the first array switch all or each switch alone, as here.",
        "γ and Λ are kept in units of η, the same thing at a constant rate; with a schedule SGD follows it too.",
        "Λ ≤ 0 would climb; the paper does not rule it out, the published PyTorch version and this one do.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array, and two numbers.",
        "Meant to join Adam's fast start with SGD's generalization, with no rate to choose for the second phase.",
        "When it switches depends on chance: the moving γ must come within δ of its average at one step.",
        "A steady gradient makes γ equal its average from the second step on, so it may switch at once.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (
        ("adam", {"switch_tolerance": 0.0, "epsilon_place": "corrected"}),
    )
    whole_tree: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-9, search=None)
    switch_tolerance: Number = hyperparameter(
        1e-9, meaning="tolerance δ between the projected rate γ and its average Λ", search=(1e-11, 1e-3)
    )
    scope: str = variant(
        "all", choices=("all", "array"), meaning="project and switch all parameters together, or each array by itself"
    )
    epsilon_place: str = epsilon_place("uncorrected")

    def init(self, x: Arrays) -> State:
        """Return one state per group of arrays that switches together."""
        return {"groups": tuple(self._start(xs) for xs in self._groups(x))}

    def update(self, x: Arrays, g: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return all parameters and the groups' states after one step."""
        groups = zip(self._groups(x), self._groups(g), state["groups"], strict=True)
        moved = [self._step(xs, gs, group, t) for xs, gs, group in groups]
        return tuple(x for xs, _ in moved for x in xs), {"groups": tuple(group for _, group in moved)}

    def _groups(self, arrays: Arrays) -> tuple[Arrays, ...]:
        """Return the arrays in groups that switch together."""
        return (tuple(arrays),) if self.scope == "all" else tuple((a,) for a in arrays)

    def _start(self, xs: Arrays) -> State:
        """Return the state of a group that is in its Adam phase."""
        zero = zeros_like(self.beta1)
        return {
            "m": tuple(zeros_like(x) for x in xs),
            "v": tuple(zeros_like(x) for x in xs),
            "average_rate": zero,
            "sgd_rate": zero,
        }

    def _step(self, xs: Arrays, gs: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return a group's parameters and state after one step of the phase it is in."""
        xp = namespace(*xs)
        switched = state["sgd_rate"] > 0
        velocity = [self.beta1 * m + g for m, g in zip(state["m"], gs, strict=True)]
        m = [self.beta1 * m + (1 - self.beta1) * g for m, g in zip(state["m"], gs, strict=True)]
        v = tuple(self.beta2 * v + (1 - self.beta2) * g * g for v, g in zip(state["v"], gs, strict=True))
        adam = self._adam_direction(m, v, t)
        average, settled_rate, settled = self._project(adam, gs, state["average_rate"], t)
        sgd_scale = (1 - self.beta1) * state["sgd_rate"]
        steps = [xp.where(switched, sgd_scale * b, d) for b, d in zip(velocity, adam, strict=True)]
        settled = xp.logical_and(settled, xp.logical_not(switched))
        carried = [xp.where(switched, b, xp.where(settled, zeros_like(a), a)) for b, a in zip(velocity, m, strict=True)]
        return tuple(x - self.learning_rate * step for x, step in zip(xs, steps, strict=True)), {
            "m": tuple(carried),
            "v": v,
            "average_rate": average,
            "sgd_rate": xp.where(settled, settled_rate, state["sgd_rate"]),
        }

    def _adam_direction(self, m: list[Array], v: Arrays, t: Array) -> list[Array]:
        """Return m̂ / √v̂ of every array: Adam's step is −η times this."""
        unbias, correction = 1 / bias_correction(self.beta1, t), bias_correction(self.beta2, t)
        roots = [corrected_root(a, correction, self.epsilon, self.epsilon_place) for a in v]
        return [unbias * a / root for a, root in zip(m, roots, strict=True)]

    def _project(self, direction: list[Array], gs: Arrays, average: Array, t: Array) -> tuple[Array, Array, Array]:
        """Return λ, Λ and whether Λ has settled, both in units of η."""
        xp = namespace(*gs)
        overlap = total([d * g for d, g in zip(direction, gs, strict=True)])
        defined = overlap != 0
        gamma = total([d * d for d in direction]) / xp.where(defined, overlap, xp.ones_like(overlap))
        average = xp.where(defined, self.beta2 * average + (1 - self.beta2) * gamma, average)
        usable = xp.logical_and(xp.logical_and(defined, t > 1), average > 0)
        rate = average / bias_correction(self.beta2, t)
        near = self.learning_rate * xp.abs(rate - gamma) < self.switch_tolerance
        return average, rate, xp.logical_and(near, usable)
