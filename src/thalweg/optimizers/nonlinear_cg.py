"""Nonlinear conjugate gradients: each direction remembers the one before."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant
from thalweg.optimizers.line_search import Limits, curvature, evaluations, sufficient_decrease
from thalweg.optimizers.search_steps import Arrays, begin, continued, dot, evaluate, joined, looked_at, parted

__all__ = ["NonlinearCG"]


@dataclass(frozen=True)
class NonlinearCG(Rule):
    """Nonlinear conjugate gradients: the gradient bent by the last direction, with a line search.

    For losses without noise: all data in every step. One update is one evaluation of loss and gradient, and the
    parameters are the last accepted point. A direction that does not descend enough is replaced by the gradient's. The
    default is the form of Polak and Ribière kept from below zero, the commonest.

    References:
        Nocedal and Wright (2006), Numerical Optimization, 2nd edition, section 5.2.
    """

    name: ClassVar[str] = "nonlinear-cg"
    title: ClassVar[str] = "Nonlinear conjugate gradients"
    formula: ClassVar[tuple[str, ...]] = (
        "y = g' − g,  β = max(0, g'·y / g·g)",
        "d ← −g' + β·d,  or −g' where g'·d > −σ·g'·g'",
        "a = η·min(1, 1.01·2·(L − L₋₁) / g·d) at first; then as the line search asks",
        "until  L(θ + a·d) ≤ L(θ) + c₁·a·g·d  and  |g(θ + a·d)·d| ≤ c₂·|g·d|",
        "θ ← θ + a·d",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Fletcher and Reeves (1964), Function minimization by conjugate gradients, Computer Journal 7, 149–154",
        "Polak and Ribière (1969), Note sur la convergence de méthodes de directions conjuguées, RIRO 3, 35–43",
        "Hestenes and Stiefel (1952), Methods of conjugate gradients for solving linear systems, section 3",
        "Dai and Yuan (1999), A nonlinear conjugate gradient method with a strong global convergence property, "
        "SIAM Journal on Optimization 10, 177–182",
        "Nocedal and Wright (2006), Numerical Optimization, 2nd edition, equations 5.41 to 5.49 and 3.60",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "β is that of Polak and Ribière, of Fletcher and Reeves, of Hestenes and Stiefel or of Dai and Yuan (form); "
        "the first and the third are kept from below zero, without which they need not converge.",
        "SciPy has Polak and Ribière's form, c₂ = 0.4, σ = 0.01 and another line search; books recommend c₂ = 0.1, the "
        "default here.",
        "The first length is SciPy's guess from the last decrease (Nocedal and Wright, equation 3.60), and before any "
        "decrease 1/‖g‖.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array.",
        "On a quadratic with exact searches it ends after as many iterations as there are different curvatures.",
        "Needs more careful searches than L-BFGS, hence more evaluations per iteration, and less memory.",
        "For losses without noise; with minibatches its directions and its line search are misled.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "scipy": {"curvature": 0.4}}
    whole_tree: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    full_batch: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-3, 1e1))
    decrease: Number = sufficient_decrease()
    curvature: Number = curvature(0.1)
    evaluations: Number = evaluations()
    descent: Number = hyperparameter(
        0.01, meaning="part σ of the squared gradient that a direction must descend", high=1.0
    )
    form: str = variant(
        "polak_ribiere",
        choices=("polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan"),
        meaning="formula of β",
    )

    def init(self, x: Arrays) -> State:
        """Return a state without a direction."""
        return begin(x, self.learning_rate)

    def lookahead(self, x: Arrays, state: State) -> Arrays:
        """Return the trial point of the line search."""
        return looked_at(x, state)

    def update(self, x: Arrays, g: Arrays, state: State, t: Array, **inputs: Array) -> tuple[Arrays, State]:
        """Return the last accepted point and the state after one evaluation, with its loss, at the trial point."""
        xp, point = namespace(*x), joined(x)
        accepted = evaluate(g, inputs["loss"], state, t, Limits(self.decrease, self.curvature, self.evaluations))
        new, square = accepted.gradient, dot(accepted.gradient, accepted.gradient)
        bent = self._beta(new, state["gradient"], state["direction"]) * state["direction"] - new
        straight = xp.logical_or(accepted.failed, dot(bent, new) > -self.descent * square)
        direction = xp.where(straight, -new, bent)
        fallen = xp.where(accepted.first, xp.zeros_like(accepted.loss), state["search"]["start_loss"] - accepted.loss)
        slope = dot(direction, new)
        guess = 2.02 * fallen / xp.where(slope < 0, -slope, 1.0)
        simple = 1 / xp.sqrt(xp.where(square > 0, square, 1.0))
        trial = self.learning_rate * xp.where(guess > 0, xp.where(guess < 1, guess, 1.0), simple)
        moved = xp.where(accepted.done, point + accepted.step, point)
        return parted(moved, x), continued(accepted, state, direction, trial)

    def _beta(self, new: Array, old: Array, direction: Array) -> Array:
        """Return the weight of the last direction; zero where its divisor is."""
        xp, change = namespace(new), new - old
        above = dot(new, new) if self.form in ("fletcher_reeves", "dai_yuan") else dot(new, change)
        below = dot(old, old) if self.form in ("fletcher_reeves", "polak_ribiere") else dot(direction, change)
        beta = xp.where(below != 0, above / xp.where(below != 0, below, 1.0), 0.0)
        return beta if self.form in ("fletcher_reeves", "dai_yuan") else xp.where(beta > 0, beta, 0.0)
