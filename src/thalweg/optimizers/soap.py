"""SOAP: Adam in the slowly turning eigenbasis of Shampoo's matrices."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place
from thalweg.optimizers.kronecker import axes_to_precondition, gram, multiplied

__all__ = ["SOAP"]

Matrices = tuple[Array, ...]


@dataclass(frozen=True)
class SOAP(Rule):
    """SOAP: averages of products of gradients give an orthogonal basis per axis, and Adam works in those bases.

    The basis begins as the eigenvectors of the first gradient's products and is brought up to date every few steps by
    one product and a QR decomposition. Vectors and numbers are left to Adam. A rule without branches computes the
    decompositions in every step, so that here the interval changes the steps and saves no time. The default is the
    authors' published code in the paper's one-sided form, which decomposes the smaller matrix alone.

    References:
        Vyas et al. (2024), SOAP: Improving and Stabilizing Shampoo using Adam, algorithms 3 and 4.
    """

    name: ClassVar[str] = "soap"
    title: ClassVar[str] = "SOAP (Adam in Shampoo's eigenbasis)"
    formula: ClassVar[tuple[str, ...]] = (
        "G' = Uᵀ·G·V  with the bases U and V of the step before",
        "M ← β₁·M + (1 − β₁)·G,  S ← β₂·S + (1 − β₂)·G'²",
        "θ ← (1 − η·λ)·(θ − η·U·(M̂' / (√Ŝ + ε))·Vᵀ)  with M' = Uᵀ·M·V",
        "L ← β₃·L + (1 − β₃)·G·Gᵀ,  R ← β₃·R + (1 − β₃)·Gᵀ·G",
        "every f steps:  U ← QR(L·U), V ← QR(R·V), the columns sorted by their eigenvalues first",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Vyas et al. (2024), SOAP: Improving and Stabilizing Shampoo using Adam, algorithms 3 and 4, arXiv:2409.11321, "
        "and the published code",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The authors' code spends the first gradient on the bases and moves nothing; the paper's algorithm moves with "
        "a basis of its own gradient (first_step = taken).",
        "The authors' code adds ε to √S before the bias correction (epsilon_place = uncorrected).",
        "The authors' code sorts the columns by their estimated eigenvalues before the QR decomposition, and S along; "
        "the paper does not (order).",
        "β₃ is β₂ in the paper and by default in the code, and a field of its own here.",
        "The paper and the authors' code turn both sides of a matrix, and one side as an option; here one side is the "
        "default (sides): the longer side's products have eigenvalue zero many times at first, their eigenvectors are "
        "arbitrary, and so are early steps of any implementation, from machine to machine.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays and, for a matrix of m × n with m ≤ n, 2·m² numbers, with both sides 2·m² + 2·n².",
        "Adam with correlations: in a basis where the gradient's components are nearly uncorrelated.",
        "Bears an interval of tens of steps between decompositions better than Shampoo does.",
        "A decomposition per axis and step costs more than the gradient of a small batch.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"first_step": "taken", "order": "kept", "epsilon_place": "corrected", "sides": "all"},
        "authors": {"sides": "all"},
    }

    learning_rate: Number = fields.learning_rate(3e-3, search=(3e-5, 1e0))
    beta1: Number = hyperparameter(
        0.95, meaning="decay β₁ of the average M", high=1.0, high_open=True, search=(0.5, 0.99), scale="complement"
    )
    beta2: Number = hyperparameter(
        0.95, meaning="decay β₂ of the average S", high=1.0, high_open=True, search=(0.8, 0.9999), scale="complement"
    )
    basis_decay: Number = hyperparameter(0.95, meaning="decay β₃ of the averages L and R", high=1.0, high_open=True)
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = hyperparameter(0.01, meaning="weight decay λ")
    interval: int = variant(10, choices=(10, 1, 2, 5, 50, 100), meaning="steps f between updates of the bases")
    first_step: str = variant(
        "skipped", choices=("skipped", "taken"), meaning="use the first gradient for the bases only, or step as well"
    )
    order: str = variant(
        "sorted", choices=("sorted", "kept"), meaning="sort a basis by estimated eigenvalues before QR, or do not"
    )
    epsilon_place: str = epsilon_place("uncorrected")
    largest: int = variant(1024, choices=(1024, 128, 8192), meaning="length of the longest axis that has a basis")
    sides: str = variant(
        "shortest", choices=("shortest", "all"), meaning="turn the shortest axis of an array alone, or all of them"
    )

    def init(self, x: Array) -> State:
        """Return averages of zero; the bases are found in the first step."""
        squares = tuple(zeros_like(gram(x, axis)) for axis in self._axes(x.shape))
        return {"m": zeros_like(x), "v": zeros_like(x), "products": squares, "bases": squares}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the averages and the bases after one step."""
        xp, axes, first = namespace(x), self._axes(x.shape), t == 1
        keep = self.basis_decay
        grams = [gram(g, axis) for axis in axes]
        products = tuple(keep * a + (1 - keep) * b for a, b in zip(state["products"], grams, strict=True))
        own = [xp.flip(xp.linalg.eigh(a)[1], axis=1) for a in products]
        bases = tuple(xp.where(first, a, b) for a, b in zip(own, state["bases"], strict=True))
        taken = t if self.first_step == "taken" else t - 1
        moved = self._adam(x, g, state, xp.where(first, xp.ones_like(t), taken), dict(zip(axes, bases, strict=True)))
        if self.first_step == "skipped":
            before = (x, state["m"], state["v"])
            moved = tuple(xp.where(first, a, b) for a, b in zip(before, moved, strict=True))
        # Whole numbers below 2²⁴ are exact in float32, and so is the remainder.
        due = xp.logical_and(taken > 0, taken % float(self.interval) == 0)
        turned, v = self._turned(axes, products, bases, moved[2])
        return moved[0], {
            "m": moved[1],
            "v": xp.where(due, v, moved[2]),
            "products": products,
            "bases": tuple(xp.where(due, a, b) for a, b in zip(turned, bases, strict=True)),
        }

    def _axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return axes_to_precondition(tuple(shape), self.largest, self.sides)

    def _adam(self, x: Array, g: Array, state: State, t: Array, bases: dict[int, Array]) -> tuple[Array, Array, Array]:
        """Return the parameters and both averages after Adam's step number ``t`` in the bases."""
        turned = multiplied(g, bases, transposed=True)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * turned * turned
        root = corrected_root(v, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        step = multiplied(multiplied(m, bases, transposed=True) / root, bases)
        x = x - self.learning_rate / bias_correction(self.beta1, t) * step
        return x - self.learning_rate * self.weight_decay * x, m, v

    def _turned(
        self, axes: tuple[int, ...], products: Matrices, bases: Matrices, v: Array
    ) -> tuple[list[Array], Array]:
        """Return the bases after one power iteration, and v with its elements in the order of their columns."""
        xp, turned = namespace(v), []
        for axis, product, basis in zip(axes, products, bases, strict=True):
            if self.order == "sorted":
                values = xp.sum(basis * xp.matmul(product, basis), axis=0)
                order = xp.argsort(values, descending=True)
                basis, v = xp.take(basis, order, axis=1), xp.take(v, order, axis=axis)
            turned.append(xp.linalg.qr(xp.matmul(product, basis))[0])
        return turned, v
