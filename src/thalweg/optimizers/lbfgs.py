"""L-BFGS: Newton's direction from the last few steps and changes of the gradient."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant
from thalweg.optimizers.line_search import Limits, chosen, curvature, evaluations, sufficient_decrease
from thalweg.optimizers.search_steps import Arrays, begin, continued, dot, evaluate, joined, looked_at, parted

__all__ = ["LBFGS"]


@dataclass(frozen=True)
class LBFGS(Rule):
    """L-BFGS: a quasi-Newton method that keeps the last m steps, with a line search.

    For losses without noise: all data in every step. One update is one evaluation of loss and gradient, so that a
    step costs what it costs any rule; most searches accept their first length, and then an update is an iteration.
    The parameters are the last accepted point. Where a search finds nothing better, all steps are forgotten and
    the next search goes down the gradient. The default is torch's strong-Wolfe form with m = 10.

    References:
        Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization, algorithm 2.1.
        Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4, 7.5, 3.5 and 3.6.
    """

    name: ClassVar[str] = "lbfgs"
    title: ClassVar[str] = "L-BFGS"
    formula: ClassVar[tuple[str, ...]] = (
        "s = θ' − θ,  y = g' − g for the last m accepted steps with s·y > δ",
        "d = −H·g, with H from those pairs and H₀ = (s·y / y·y)·I of the newest",
        "a = η at first, min(1, 1/‖g‖₁)·η without pairs; then as the line search asks",
        "until  L(θ + a·d) ≤ L(θ) + c₁·a·g·d  and  |g(θ + a·d)·d| ≤ c₂·|g·d|",
        "θ ← θ + a·d",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization, algorithm 2.1, "
        "Mathematical Programming 45, 503–528",
        "Nocedal and Wright (2006), Numerical Optimization, 2nd edition, algorithms 7.4 (two loops), 7.5, 3.5 and 3.6",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch does up to 20 iterations in one step and by default no line search; here one update is one evaluation, "
        "and the search is that of line_search_fn = strong_wolfe, whose limit max_eval counts over its 20 iterations.",
        "torch keeps 100 pairs, optax and this rule 10; the paper reports 3 to 9.",
        "The first length is min(1, 1/‖g‖₁)·η in torch, 1/‖g‖ in the paper (first_length).",
        "A loss that is not finite is taken as a step too long; torch takes it as one too short.",
        "torch stops where the gradient, the step or the change of the loss is below a tolerance; here nothing stops, "
        "and at a minimum nothing moves.",
        "optax has a line search of its own (zoom with a cubic and a quadratic guess) and no preset here; Keras has no "
        "such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps 2·m + 3 arrays per parameter array.",
        "Superlinear near a minimum of a smooth loss, at the cost of a gradient and 4·m products per update.",
        "Needs no tuning where the loss has no noise; with minibatches its pairs and its line search are misled.",
        "Acts on all parameters together, so that one scale serves all.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"history": 5, "first_length": "norm"},
        "torch": {"history": 100},
    }
    whole_tree: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    full_batch: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-3, 1e1))
    decrease: Number = sufficient_decrease()
    curvature: Number = curvature(0.9)
    evaluations: Number = evaluations()
    smallest_product: Number = hyperparameter(1e-10, meaning="a pair with s·y below δ is not kept: the tolerance δ")
    history: int = variant(10, choices=(10, 1, 3, 5, 20, 100), meaning="number m of pairs that are kept")
    first_length: str = variant(
        "sum", choices=("sum", "norm"), meaning="without pairs, try min(1, 1/‖g‖₁)·η first, or η/‖g‖"
    )

    def init(self, x: Arrays) -> State:
        """Return a state without pairs."""
        state = begin(x, self.learning_rate)
        xp, vector = namespace(*x), state["direction"]
        none = xp.stack([vector] * self.history)
        return {**state, "steps": none, "changes": none}

    def lookahead(self, x: Arrays, state: State) -> Arrays:
        """Return the trial point of the line search."""
        return looked_at(x, state)

    def update(self, x: Arrays, g: Arrays, state: State, t: Array, **inputs: Array) -> tuple[Arrays, State]:
        """Return the last accepted point and the state after one evaluation, with its loss, at the trial point."""
        xp, point = namespace(*x), joined(x)
        accepted = evaluate(g, inputs["loss"], state, t, Limits(self.decrease, self.curvature, self.evaluations))
        change = accepted.gradient - state["gradient"]
        keeps = xp.logical_and(accepted.done, dot(accepted.step, change) > self.smallest_product)
        forgets = xp.logical_and(accepted.done, accepted.failed)
        memory = {name: state[name] for name in ("steps", "changes")}
        with_pair = {"steps": _pushed(memory["steps"], accepted.step), "changes": _pushed(memory["changes"], change)}
        memory = chosen(keeps, with_pair, memory)
        memory = {name: xp.where(forgets, xp.zeros_like(kept), kept) for name, kept in memory.items()}
        products = xp.sum(memory["steps"] * memory["changes"], axis=1)
        direction = -_newton(accepted.gradient, memory["steps"], memory["changes"], products)
        trial = xp.where(products[-1] > 0, self.learning_rate, self._first_length(accepted.gradient))
        moved = xp.where(accepted.done, point + accepted.step, point)
        return parted(moved, x), {**continued(accepted, state, direction, trial), **memory}

    def _first_length(self, g: Array) -> Array:
        """Return the length to try first along −g."""
        xp = namespace(g)
        size = xp.sum(xp.abs(g)) if self.first_length == "sum" else xp.sqrt(dot(g, g))
        length = 1 / xp.where(size > 0, size, 1.0)
        return self.learning_rate * (xp.where(length < 1, length, 1.0) if self.first_length == "sum" else length)


def _pushed(rows: Array, newest: Array) -> Array:
    """Return the rows without the first and with the newest as the last."""
    xp = namespace(rows)
    return xp.concat([rows[1:, :], xp.expand_dims(newest, axis=0)])


def _newton(g: Array, steps: Array, changes: Array, products: Array) -> Array:
    """Return H·g by two loops over the pairs, the newest last; a pair of zeros counts for nothing.

    Args:
        g: Vector.
        steps: The steps s, one per row.
        changes: The changes y of the gradient.
        products: s·y of each pair.

    References:
        Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4 and equation 7.20.
    """
    xp = namespace(g)
    count = steps.shape[0]
    inverses = 1 / xp.where(products > 0, products, 1.0)
    kept, q = {}, g
    for i in reversed(range(count)):
        kept[i] = inverses[i] * dot(steps[i, :], q)
        q = q - kept[i] * changes[i, :]
    square = dot(changes[-1, :], changes[-1, :])
    q = q * xp.where(square > 0, products[-1] / xp.where(square > 0, square, 1.0), 1.0)
    for i in range(count):
        q = q + (kept[i] - inverses[i] * dot(changes[i, :], q)) * steps[i, :]
    return q
