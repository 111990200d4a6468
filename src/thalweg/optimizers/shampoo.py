"""Shampoo: AdaGrad with one full matrix per axis of an array."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.kronecker import axes_to_precondition, gram, multiplied

__all__ = ["Shampoo"]


@dataclass(frozen=True)
class Shampoo(Rule):
    """Shampoo: the gradient multiplied on every axis by a root of the sum of its products along that axis.

    Vectors and numbers get the diagonal form, AdaGrad. The roots are found from eigenvalues. With an interval they
    are the same for some steps, as in practice; a rule without branches computes them all the same, so that here an
    interval changes the steps and saves no time. The default is the paper's algorithm with momentum 0.9.

    References:
        Gupta, Koren and Singer (2018), Shampoo: Preconditioned Stochastic Tensor Optimization, algorithms 1 and 2.
    """

    name: ClassVar[str] = "shampoo"
    title: ClassVar[str] = "Shampoo"
    formula: ClassVar[tuple[str, ...]] = (
        "matrices:  L ← L + G·Gᵀ,  R ← R + Gᵀ·G",
        "           P = (L + ε·I)^(−1/4) · G · (R + ε·I)^(−1/4)",
        "order k:   one matrix per axis, each to the power −1/(2·k)",
        "the rest:  s ← s + g²,  P = g / √(s + ε)",
        "v ← μ·v + P,  θ ← θ − η·λ·θ − η·v",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Gupta, Koren and Singer (2018), Shampoo: Preconditioned Stochastic Tensor Optimization, algorithms 1 and 2, "
        "arXiv:1802.09568",
        "Anil et al. (2020), Scalable Second Order Optimization for Deep Learning, section 3 (intervals, grafting, "
        "averages), arXiv:2002.09018",
        "Morwani et al. (2024), A New Perspective on Shampoo's Preconditioner, section 3 (twice the exponent), "
        "arXiv:2406.17748",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper starts L and R at ε·I and sums; here they start at 0 and ε·I is added before the root, which is the "
        "same for sums and keeps averages safe (accumulation).",
        "The exponent is −1/(2·k) for an array with k matrices in the paper, −1/k in later work (exponent).",
        "The paper gives vectors a full matrix too; here, as in the large-scale versions, they are diagonal.",
        "Axes longer than a limit have no matrix here (largest); the paper makes them diagonal, large-scale versions "
        "cut them into blocks.",
        "Large-scale versions take the length of each array's step from another rule (grafting).",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps the velocity and, for a matrix of m × n, m² + n² numbers.",
        "Sees correlations between the rows and between the columns of a gradient, which Adam does not.",
        "An eigendecomposition per axis and step costs more than the gradient of a small batch.",
        "Like AdaGrad its steps shrink for ever unless it averages.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"momentum": 0.0}}

    learning_rate: Number = fields.learning_rate(0.1, search=(1e-3, 1e1))
    momentum: Number = fields.velocity_decay()
    decay: Number = hyperparameter(
        0.95, meaning="decay of the averages, where accumulation = average", high=1.0, high_open=True
    )
    epsilon: Number = fields.epsilon(1e-4, search=(1e-10, 1e-1))
    weight_decay: Number = fields.weight_decay()
    accumulation: str = variant(
        "sum", choices=("sum", "average"), meaning="sum the products of gradients, or average them"
    )
    exponent: str = variant("half", choices=("half", "full"), meaning="powers −1/(2·k) as in the paper, or −1/k")
    interval: int = variant(1, choices=(1, 5, 20, 100), meaning="steps for which the roots are kept")
    grafting: str = variant(
        "none",
        choices=("none", "sgd", "adagrad"),
        meaning="length of an array's step: its own, the gradient's, or that of AdaGrad's step",
    )
    largest: int = variant(1024, choices=(1024, 128, 8192), meaning="length of the longest axis that has a matrix")
    sides: str = variant(
        "all", choices=("all", "shortest"), meaning="precondition all axes of an array, or the shortest alone"
    )

    def init(self, x: Array) -> State:
        """Return sums of zero; roots that are kept begin at zero too, and are found in the first step."""
        axes = self._axes(x.shape)
        state: State = {"velocity": zeros_like(x), "products": tuple(zeros_like(gram(x, axis)) for axis in axes)}
        if self.interval != 1 and axes:
            state["roots"] = state["products"]
        if not axes or self.grafting == "adagrad":
            state["squares"] = zeros_like(x)
        return state

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the sums after one step."""
        axes = self._axes(x.shape)
        new: State = {
            "products": tuple(self._gathered(a, gram(g, i)) for i, a in zip(axes, state["products"], strict=True))
        }
        if "squares" in state:
            new["squares"] = self._gathered(state["squares"], g * g)
        if axes:
            roots = tuple(self._root(a, len(axes)) for a in new["products"])
            if "roots" in state:
                # Whole numbers below 2²⁴ are exact in float32, and so is the remainder.
                due, xp = t % float(self.interval) == 1, namespace(x)
                roots = tuple(xp.where(due, a, b) for a, b in zip(roots, state["roots"], strict=True))
                new["roots"] = roots
            step = self._grafted(multiplied(g, dict(zip(axes, roots, strict=True))), g, new)
        else:
            step = self._diagonal(g, new["squares"])
        new["velocity"] = self.momentum * state["velocity"] + step
        return x - self.learning_rate * self.weight_decay * x - self.learning_rate * new["velocity"], new

    def _axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return axes_to_precondition(tuple(shape), self.largest, self.sides)

    def _gathered(self, kept: Array, new: Array) -> Array:
        return kept + new if self.accumulation == "sum" else self.decay * kept + (1 - self.decay) * new

    def _root(self, a: Array, count: int) -> Array:
        """Return (A + ε·I) to the power −1/(2·count), or twice that."""
        xp = namespace(a)
        values, vectors = xp.linalg.eigh(a)
        power = -1 / (2 * count) if self.exponent == "half" else -1 / count
        values = (xp.where(values > 0, values, 0.0) + self.epsilon) ** power  # rounding may make them negative
        return xp.matmul(vectors * xp.expand_dims(values, axis=0), xp.matrix_transpose(vectors))

    def _diagonal(self, g: Array, squares: Array) -> Array:
        return g / namespace(g).sqrt(squares + self.epsilon)

    def _grafted(self, step: Array, g: Array, new: State) -> Array:
        """Return the step with the length that another rule would give it."""
        if self.grafting == "none":
            return step
        xp = namespace(g)
        wanted = g if self.grafting == "sgd" else self._diagonal(g, new["squares"])
        length = xp.sqrt(xp.sum(step * step))
        ratio = xp.sqrt(xp.sum(wanted * wanted)) / xp.where(length > 0, length, 1.0)
        return ratio * step
