"""MADGRAD: dual averaging with the cube root of the sum of squares, and momentum."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, variant, zeros_like

__all__ = ["MADGRAD"]


@dataclass(frozen=True)
class MADGRAD(Rule):
    """MADGRAD: every point is the start minus all weighted gradients over their cube-root size.

    The default is the paper's algorithm 1; the authors' code and optax add ε to the rate.

    References:
        Defazio and Jelassi (2022), Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged
        Gradient Method for Stochastic Optimization, algorithm 1.
    """

    name: ClassVar[str] = "madgrad"
    title: ClassVar[str] = "MADGRAD"
    elementwise: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "s ← s + η·√t·g,  v ← v + η·√t·g²",
        "z = θ₀ − s / (∛v + ε)",
        "θ ← μ·θ + (1 − μ)·z",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Defazio and Jelassi (2022), Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient "
        "Method for Stochastic Optimization, algorithm 1, arXiv:2101.11075",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The authors' code and optax take η + ε where the paper has η, to bear a rate of zero (rate_offset).",
        "Weight decay: the authors' code and optax add λ·θ to the gradient, as here; decoupled, the authors shrink θ "
        "by η·λ·θ beside the step (decay_form).",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array, the start among them.",
        "Weighs all gradients of the training nearly alike and forgets none, so that its noise averages out.",
        "Its rate compares with neither SGD's nor Adam's and needs a search of its own.",
        "Needs less weight decay than others, since it is drawn to its start.",
        "A schedule changes the weights of the gradients to come and not what was gathered.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "authors": {"rate_offset": "epsilon"},
        "optax": {"rate_offset": "epsilon"},
    }

    learning_rate: Number = fields.learning_rate(1e-2, search=(1e-5, 1e1))
    momentum: Number = fields.velocity_decay()
    epsilon: Number = fields.epsilon(1e-6)
    weight_decay: Number = fields.weight_decay()
    rate_offset: str = variant("none", choices=("none", "epsilon"), meaning="take η, or η + ε, as the rate")
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return a copy of the start and two sums of nothing."""
        return {"start": namespace(x).asarray(x, copy=True), "s": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the start and both sums after one step."""
        rate = self.learning_rate + self.epsilon if self.rate_offset == "epsilon" else self.learning_rate
        shrunk, g = fields.decayed(x, g, self.weight_decay, rate, self.decay_form)
        weight = rate * namespace(t).sqrt(t)
        s = state["s"] + weight * g
        v = state["v"] + weight * g * g
        z = state["start"] - s / (v ** (1 / 3) + self.epsilon)
        moved = shrunk - (1 - self.momentum) * (x - z)
        return moved, {"start": state["start"], "s": s, "v": v}
