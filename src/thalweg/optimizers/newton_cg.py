"""Newton-CG: Newton's direction by conjugate gradients, from products with the Hessian."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.line_search import Limits, chosen, curvature, evaluations, sufficient_decrease
from thalweg.optimizers.search_steps import Arrays, begin, continued, dot, evaluate, joined, looked_at, parted

__all__ = ["NewtonCG"]


@dataclass(frozen=True)
class NewtonCG(Rule):
    """Newton-CG: solve H·d = −g by conjugate gradients, no further than it pays, then search along d.

    For losses without noise: all data in every step. One update is one evaluation of loss and gradient and one product
    with the Hessian, and the parameters are the last accepted point. An update is either a trial of the line search,
    whose product serves as the first of the next solution if the trial is accepted, or one more
    iteration of the solution, which looks at the same point again.

    References:
        Nocedal and Wright (2006), Numerical Optimization, 2nd edition, algorithm 7.1.
    """

    name: ClassVar[str] = "newton-cg"
    title: ClassVar[str] = "Newton-CG"
    formula: ClassVar[tuple[str, ...]] = (
        "r₀ = g,  p₀ = −g,  z₀ = 0",
        "α = r·r / p·H·p,  z ← z + α·p,  r' = r + α·H·p,  p ← −r' + (r'·r' / r·r)·p",
        "until  ‖r‖ ≤ min(½, √‖g‖)·‖g‖  (d = z)  or  p·H·p ≤ 0  (d = z so far, −g at first)",
        "a = η at first, η·min(1, 1/‖g‖₁) along −g; then as the line search asks",
        "until  L(θ + a·d) ≤ L(θ) + c₁·a·g·d  and  |g(θ + a·d)·d| ≤ c₂·|g·d|",
        "θ ← θ + a·d",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Nocedal and Wright (2006), Numerical Optimization, 2nd edition, algorithm 7.1, section 7.1",
        "Dembo and Steihaug (1983), Truncated-Newton algorithms for large-scale unconstrained optimization, "
        "Mathematical Programming 26, 190–212",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The solution ends at ‖r‖ ≤ min(½, √‖g‖)·‖g‖ in the book; SciPy uses the sum of absolute values for the norm, "
        "and treats curvature below three times the precision as none.",
        "The book asks for Armijo's condition alone, SciPy and this rule for the strong Wolfe conditions.",
        "A solution of many iterations takes as many updates, in which the parameters rest; iterations gives the most.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps six arrays per parameter array.",
        "An update costs about three gradients, for the product with the Hessian.",
        "Quadratic convergence near a minimum, and no stored matrix.",
        "For losses without noise; where the Hessian has negative curvature it falls back on the gradient's direction.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}
    whole_tree: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"loss", "hessian_product"})
    full_batch: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-3, 1e1))
    decrease: Number = sufficient_decrease()
    curvature: Number = curvature(0.9)
    evaluations: Number = evaluations()
    precision: Number = hyperparameter(
        0.5, meaning="largest part of the gradient's norm that a solution may leave", high=1.0
    )
    iterations: Number = hyperparameter(50.0, meaning="iterations of one solution, at most", low=1.0)
    forcing: str = variant(
        "root", choices=("root", "linear"), meaning="leave min(½, √‖g‖) or min(½, ‖g‖) of the gradient"
    )

    def init(self, x: Arrays) -> State:
        """Return a state that has solved nothing."""
        state = begin(x, self.learning_rate)
        vector, zero = state["direction"], zeros_like(self.learning_rate)
        solution = {"z": vector, "r": vector, "p": vector}
        return {**state, **solution, "solving": zero, "iteration": zero}

    def lookahead(self, x: Arrays, state: State) -> Arrays:
        """Return the trial point of the line search, or the accepted point while a direction is solved for."""
        search = state["search"]
        trial = namespace(*x).where(state["solving"] > 0, zeros_like(search["trial"]), search["trial"])
        return looked_at(x, {**state, "search": {**search, "trial": trial}})

    def direction(self, x: Arrays, g: Arrays, state: State) -> Arrays:
        """Return the direction p of the solution; of a trial, where the next solution would begin."""
        xp = namespace(*x)
        return parted(xp.where(state["solving"] > 0, state["p"], -joined(g)), x)

    def update(self, x: Arrays, g: Arrays, state: State, t: Array, **inputs: Array) -> tuple[Arrays, State]:
        """Return the last accepted point and the state after an evaluation with its loss and product."""
        xp, point, product = namespace(*x), joined(x), joined(inputs["hessian_product"])
        search, solving = state["search"], state["solving"] > 0
        accepted = evaluate(g, inputs["loss"], state, t, Limits(self.decrease, self.curvature, self.evaluations))
        stepped = xp.logical_and(accepted.done, xp.logical_not(solving))
        failed = xp.logical_and(stepped, accepted.failed)
        at_new = accepted.search["low"] == search["trial"]  # at the first evaluation too, where both are zero
        gradient = xp.where(solving, state["gradient"], accepted.gradient)
        loss = xp.where(solving, search["start_loss"], accepted.loss)
        zero = zeros_like(loss)
        begun = {"z": zeros_like(gradient), "r": gradient, "p": -gradient, "iteration": zero}
        solution = chosen(solving, {name: state[name] for name in begun}, begun)
        further, ended, found = self._iterated(solution, gradient, product)
        known = xp.logical_or(solving, at_new)  # whether the product is one at the accepted point
        straight = xp.logical_or(failed, xp.logical_not(xp.any(found != 0)))
        ready = xp.logical_or(failed, xp.logical_and(known, ended))
        direction = xp.where(straight, -gradient, found)
        size = xp.sum(xp.abs(gradient))
        short = 1 / xp.where(size > 1, size, 1.0)
        now = accepted._replace(done=xp.logical_or(solving, stepped), gradient=gradient, loss=loss)
        trial = self.learning_rate * xp.where(straight, short, 1.0)
        unsolved = xp.logical_and(now.done, xp.logical_not(ready))
        moved = xp.where(stepped, point + accepted.step, point)
        return parted(moved, x), {
            **continued(now, state, direction, trial),
            **chosen(known, further, solution),
            "solving": xp.astype(unsolved, zero.dtype),
        }

    def _iterated(self, solution: State, g: Array, product: Array) -> tuple[State, Array, Array]:
        """Return the solution after one iteration, whether it has ended, and the direction it then gives, or zeros."""
        xp, z, r, p = namespace(g), solution["z"], solution["r"], solution["p"]
        square, bend = dot(r, r), dot(p, product)
        curved = bend > 0
        length = xp.where(curved, square / xp.where(curved, bend, 1.0), 0.0)
        new_z, new_r = z + length * p, r + length * product
        new_square = dot(new_r, new_r)
        size = xp.sqrt(dot(g, g))
        part = xp.sqrt(size) if self.forcing == "root" else size
        wanted = size * xp.where(part < self.precision, part, self.precision)
        count = solution["iteration"] + 1
        exact = xp.logical_or(xp.sqrt(new_square) <= wanted, count >= self.iterations)
        ended = xp.logical_or(exact, xp.logical_not(curved))
        bent = new_square / xp.where(square > 0, square, 1.0)
        return {"z": new_z, "r": new_r, "p": bent * p - new_r, "iteration": count}, ended, new_z
