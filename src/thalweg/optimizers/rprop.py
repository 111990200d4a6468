"""Rprop: a step size for every parameter, moved by the gradient's signs alone."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like

__all__ = ["Rprop"]


@dataclass(frozen=True)
class Rprop(Rule):
    """Rprop: grow a parameter's step while its gradient keeps its sign, shrink it when the sign turns.

    Of the four forms of Igel and Hüsken three are here (iRprop+ wants the loss). The default is
    iRprop−, as in torch; the preset ``paper`` is the first one, which takes a step back.

    References:
        Riedmiller and Braun (1993), A Direct Adaptive Method for Faster Backpropagation Learning: The
        RPROP Algorithm; Igel and Hüsken (2000), Improving the Rprop Learning Algorithm, tables 1 to 4.
    """

    name: ClassVar[str] = "rprop"
    title: ClassVar[str] = "Rprop"
    elementwise: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "Δ = η at the first step",
        "Δ ← Δ·η⁺ where g·g₋₁ > 0, Δ·η⁻ where g·g₋₁ < 0, within [Δ_min, Δ_max]",
        "g ← 0 where g·g₋₁ < 0  (kept as g₋₁ too)",
        "θ ← θ − Δ·sign(g)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Riedmiller and Braun (1993), A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP "
        "Algorithm, IEEE International Conference on Neural Networks",
        "Igel and Hüsken (2000), Improving the Rprop Learning Algorithm, Neural Computation 2000, tables 1, 2 and 4",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Where the sign turns, torch and optax stay for one step (iRprop−, sign_change = stay), the paper of 1993 goes "
        "back to where it was (back, Rprop+), and others move on by the smaller step (go, Rprop−).",
        "optax 0.2.8 applies every update one step late, so that its first is zero.",
        "η is the first step size only, here as in torch: of a schedule only the first factor counts, which a warm-up "
        "makes small.",
        "The first step is 0.1 in the paper, 0.01 in torch and here.",
        "torch and this rule keep Δ within its bounds always, optax and the papers only when it changes.",
        "torch and optax multiply two gradients, which in float32 gives zero if both are below 1e-22; here their signs "
        "are compared.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array; one more to step back.",
        "Needs no tuning and is among the fastest rules on whole data sets.",
        "Made for exact gradients: with small batches signs turn by chance and the steps shrink to nothing.",
        "The size of the gradient plays no part.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"learning_rate": 0.1, "sign_change": "back"},
        "torch": {},
    }

    learning_rate: Number = fields.learning_rate(1e-2, search=(1e-5, 1e0))
    shrink: Number = hyperparameter(
        0.5, meaning="η⁻, factor of the step where the sign turns", low_open=True, high=1.0, high_open=True
    )
    grow: Number = hyperparameter(
        1.2, meaning="η⁺, factor of the step where the sign stays", low=1.0, low_open=True, search=(1.02, 2.0)
    )
    smallest_step: Number = hyperparameter(1e-6, meaning="Δ_min, lower bound of the steps")
    largest_step: Number = hyperparameter(50.0, meaning="Δ_max, upper bound of the steps", low_open=True)
    sign_change: str = variant(
        "stay",
        choices=("stay", "back", "go"),
        meaning="where the sign turns, stay (iRprop−), take the last step back (Rprop+), or go on (Rprop−)",
    )

    def init(self, x: Array) -> State:
        """Return no signs and no steps yet."""
        state = {"sign": zeros_like(x), "step": zeros_like(x)}
        if self.sign_change == "back":
            state["move"] = zeros_like(x)
        return state

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, signs and steps after one step."""
        xp = namespace(x)
        sign = xp.sign(g)
        agreement = sign * state["sign"]
        step = xp.where(t > 1, state["step"], full_like(x, self.learning_rate))
        step = xp.where(agreement > 0, step * self.grow, xp.where(agreement < 0, step * self.shrink, step))
        step = xp.minimum(xp.maximum(step, full_like(x, self.smallest_step)), full_like(x, self.largest_step))
        if self.sign_change != "go":
            sign = xp.where(agreement < 0, zeros_like(sign), sign)
        new = {"sign": sign, "step": step}
        move = step * sign
        if self.sign_change == "back":
            move = xp.where(agreement < 0, -state["move"], move)
            new["move"] = move
        return x - move, new
