"""Nesterov's accelerated gradient, as momentum that looks ahead."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, variant, zeros_like

__all__ = ["Nesterov"]


@dataclass(frozen=True)
class Nesterov(Rule):
    """Nesterov momentum: the gradient is taken where the velocity is about to lead.

    The default is the lecture's form, which evaluates the gradient at θ + μ·v. The rewritten form of
    torch, optax and Keras keeps that point as its parameters, so it needs no second point:
    at a constant rate its parameters are the lecture's lookahead points.

    References:
        Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and
        momentum in deep learning, eqs. 3–4.
    """

    name: ClassVar[str] = "nesterov"
    title: ClassVar[str] = "SGD with Nesterov momentum"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("velocity",)
    formula: ClassVar[tuple[str, ...]] = (
        "g = ∇L(θ + μ·v)",
        "v ← μ·v − η·g",
        "θ ← θ + v",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Nesterov (1983), A method of solving a convex programming problem with convergence rate O(1/k²)",
        "Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep "
        "learning, eqs. 3–4",
        "Bengio, Boulanger-Lewandowski and Pascanu (2013), Advances in Optimizing Recurrent Networks, "
        "section 3.5 (rewritten form), arXiv:1212.0901",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.3",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Form: Sutskever et al. and the lecture take the gradient at θ + μ·v; torch, optax and Keras take it at "
        "their parameters and step along μ·v + g with the new v (form = rewritten).",
        "Result: the rewritten form reports the lookahead point, so at a constant rate its loss is that point's.",
        "Learning rate: Sutskever et al., the lecture and Keras put η inside the velocity, torch and optax outside "
        "(rate_place); seen only when η changes.",
        "Weight decay: torch and optax add λ·θ to the gradient, Keras shrinks θ by η·λ·θ beside the step (decay_form).",
        "Nesterov's own scheme lets μ grow with t; everyone here keeps it constant.",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 003 calls the gradient after the jump more accurate since it is taken where one is; it is taken at "
        "θ + μ·v, where one will not be: the next parameters are θ + μ·v − η·g.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array.",
        "Corrects the velocity before it overshoots, so it bears a larger μ than the heavy ball.",
        "On smooth convex functions with full gradients it attains the best possible rate; with noisy gradients "
        "that advantage is not guaranteed.",
        "Often reported to generalize better than Adam when tuned (seed 003).",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"learning_rate": 1e-3, "form": "rewritten", "rate_place": "outside"},
        "optax": {"form": "rewritten", "rate_place": "outside"},
        "keras": {"learning_rate": 0.01, "form": "rewritten", "rate_place": "inside", "decay_form": "decoupled"},
    }
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (("sgd", {"momentum": 0.0}),)

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e0))
    momentum: Number = fields.velocity_decay()
    weight_decay: Number = fields.weight_decay()
    form: str = variant(
        "lookahead",
        choices=("lookahead", "rewritten"),
        meaning="take the gradient at θ + μ·v, or at θ and step along μ·v + g",
    )
    rate_place: str = variant(
        "inside", choices=("inside", "outside"), meaning="multiply by η inside the velocity, or when it is applied"
    )
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return the velocity at rest."""
        return {"velocity": zeros_like(x)}

    def lookahead(self, x: Array, state: State) -> Array:
        """Return θ + μ·v, where the gradient is taken; θ itself in the rewritten form."""
        if self.form == "rewritten":
            return x
        return x + self._displacement(self.momentum * state["velocity"])

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the velocity after one step."""
        del t
        if self.decay_form == "decoupled":
            x = x - self.learning_rate * self.weight_decay * x
        else:
            g = g + self.weight_decay * self.lookahead(x, state)
        push = -self.learning_rate * g if self.rate_place == "inside" else g
        velocity = self.momentum * state["velocity"] + push
        step = self.momentum * velocity + push if self.form == "rewritten" else velocity
        return x + self._displacement(step), {"velocity": velocity}

    def _displacement(self, velocity: Array) -> Array:
        """Return the change of θ that a velocity means."""
        return velocity if self.rate_place == "inside" else -self.learning_rate * velocity
