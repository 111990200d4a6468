"""Adafactor: the second moment of a matrix from the means of its rows and columns."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like
from thalweg.optimizers.norms import root_mean_square

__all__ = ["Adafactor"]


@dataclass(frozen=True)
class Adafactor(Rule):
    """Adafactor: steps scaled by a factored average of squares, clipped, and relative to the parameters' size.

    The default is the paper's algorithms 4 (matrices) and 5 (vectors) with the settings of its algorithm 6, where
    the learning rate η is the cap of the relative step ρₜ. It has no momentum, which the paper leaves out too.

    References:
        Shazeer and Stern (2018), Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, algorithms 4, 5 and 6.
    """

    name: ClassVar[str] = "adafactor"
    title: ClassVar[str] = "Adafactor"
    formula: ClassVar[tuple[str, ...]] = (
        "ρ = min(η, 1/√t),  α = ρ·max(κ, RMS(θ)),  β₂ = 1 − t^(−γ)",
        "r ← β₂·r + (1 − β₂)·mean of g² + ε along each row,  c likewise along each column",
        "v̂ = r·cᵀ / mean(r);  of a vector  v̂ ← β₂·v̂ + (1 − β₂)·(g² + ε)",
        "u = g / √v̂",
        "θ ← θ − α·u / max(1, RMS(u)/δ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Shazeer and Stern (2018), Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, algorithms 4, 5 and "
        "6, arXiv:1804.04235",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "ρ is min(η, 1/√t) in the paper, torch and Keras; optax takes the learning rate as given "
        "(step_size = given), and 1 if none is given.",
        "The paper, torch and Keras factor every matrix; optax only where the second largest side is at least 128 "
        "(min_size_to_factor).",
        "Arrays of more than two dimensions are factored over their last two by torch and Keras, over their two "
        "largest by optax (factored_axes).",
        "ε = 1e-30 is added to g² in the paper, optax and Keras; torch bounds √v̂ and mean(r) from below by ε, the "
        "machine's epsilon of the parameters' dtype (epsilon_place = floor).",
        "Weight decay, absent from the paper, shrinks θ by η·λ·θ in torch and Keras, with the uncapped η, and by λ·θ, "
        "whatever η, in optax (decay_form); Keras measures RMS(θ) after that, torch and this rule before.",
        "η is 0.01 in the paper and torch, 0.001 in Keras.",
        "optax and the authors' program can average the step; that momentum is left out here.",
        "Keras keeps the whole array v̂ as well, so it saves no memory.",
        "optax computes t^(−γ) in float32 unless γ is given as a float64 array.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one number per row and one per column of a matrix in place of an array.",
        "Its first steps ignore the past: β₂ is 0 in step 1, 0.43 in step 2, and near 1 later.",
        "Steps are relative to the parameters' size, so it needs no learning rate for models of usual scale.",
        "Without momentum, and with a second moment that is of rank one, usually slower than Adam per step.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"epsilon": 2.0**-23, "epsilon_place": "floor"},
        "optax": {
            "step_size": "given",
            "min_size_to_factor": 128,
            "factored_axes": "largest",
            "decay_form": "independent",
        },
        "keras": {"learning_rate": 1e-3},
    }

    learning_rate: Number = fields.learning_rate(1e-2, search=(1e-4, 1e1))
    decay_exponent: Number = hyperparameter(
        0.8, meaning="exponent γ with which the decay β₂ approaches one", search=(0.3, 1.0), scale="linear"
    )
    clipping_threshold: Number = hyperparameter(
        1.0, meaning="threshold δ (the paper's d) of the step's RMS", low_open=True, search=(0.1, 10.0)
    )
    epsilon: Number = fields.epsilon(1e-30, search=None, meaning="ε (the paper's ε₁), keeps the quotient finite")
    smallest_scale: Number = hyperparameter(
        1e-3, meaning="κ (the paper's ε₂), least size that parameters are taken to have", search=(1e-5, 1e-1)
    )
    weight_decay: Number = fields.weight_decay()
    step_size: str = variant(
        "relative", choices=("relative", "given"), meaning="cap the learning rate by 1/√t, or take it as given"
    )
    parameter_scale: bool = variant(True, choices=(True, False), meaning="multiply the step by max(κ, RMS(θ)), or not")
    min_size_to_factor: int = variant(
        1, choices=(1, 2, 4, 8, 16, 32, 64, 128, 256), meaning="least size of the shorter of the two factored sides"
    )
    factored_axes: str = variant(
        "last", choices=("last", "largest"), meaning="factor an array over its last two axes, or over its two largest"
    )
    epsilon_place: str = variant(
        "added", choices=("added", "floor"), meaning="add ε to g², or bound √v̂ and mean(r) by it from below as torch"
    )
    decay_form: str = variant(
        "decoupled", choices=("decoupled", "independent"), meaning="shrink θ by η·λ·θ beside the step, or by λ·θ"
    )

    def init(self, x: Array) -> State:
        """Return the means of rows and columns as zeros, or the average of squares where it is not factored."""
        axes = self._axes(x.shape)
        if axes is None:
            return {"v": zeros_like(x)}
        xp = namespace(x)
        return {"rows": zeros_like(xp.mean(x, axis=axes[1])), "columns": zeros_like(xp.mean(x, axis=axes[0]))}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the averages after one step."""
        xp = namespace(x)
        root, new = self._root(g, state, t)
        step = g / root
        step = step / xp.maximum(xp.ones_like(t), root_mean_square(step) / self.clipping_threshold)
        rate = self.learning_rate
        alpha = xp.minimum(rate, 1 / xp.sqrt(t)) if self.step_size == "relative" else rate
        if self.parameter_scale:
            alpha = alpha * xp.maximum(self.smallest_scale, root_mean_square(x))
        shrink = self.weight_decay if self.decay_form == "independent" else rate * self.weight_decay
        return x - shrink * x - alpha * step, new

    def _axes(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the axes whose means are kept, that of the rows first, or None if the array is not factored."""
        if len(shape) < 2:
            return None
        axes = list(range(len(shape)))
        if self.factored_axes == "largest":
            axes.sort(key=lambda axis: shape[axis])
        first, second = axes[-2:]
        return (first, second) if min(shape[first], shape[second]) >= self.min_size_to_factor else None

    def _root(self, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return √v̂ and the new averages."""
        xp = namespace(g)
        weight = t ** (-self.decay_exponent)
        added = self.epsilon_place == "added"
        square = g * g + self.epsilon if added else g * g
        axes = self._axes(g.shape)
        if axes is None:
            v = (1 - weight) * state["v"] + weight * square
            root, new = xp.sqrt(v), {"v": v}
        else:
            first, second = axes
            rows = (1 - weight) * state["rows"] + weight * xp.mean(square, axis=second)
            columns = (1 - weight) * state["columns"] + weight * xp.mean(square, axis=first)
            wide = xp.expand_dims(rows, axis=second)
            mean = xp.mean(wide, axis=first, keepdims=True)
            mean = xp.maximum(mean, full_like(mean, self.epsilon))  # it is not less where ε is added
            root = xp.sqrt(wide / mean) * xp.sqrt(xp.expand_dims(columns, axis=first))
            new = {"rows": rows, "columns": columns}
        return root if added else xp.maximum(root, full_like(root, self.epsilon)), new
