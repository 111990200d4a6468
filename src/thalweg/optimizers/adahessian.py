"""AdaHessian: Adam with the Hessian's diagonal in place of the gradient under the root."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["AdaHessian"]


@dataclass(frozen=True)
class AdaHessian(Rule):
    """AdaHessian: an average of the gradient over the root of an average of squared Hessian diagonals.

    The diagonal is estimated with random signs and averaged over numbers that should be alike, such as the places
    of a convolution's kernel.

    References:
        Yao, Gholami, Shen, Mustafa, Keutzer and Mahoney (2021), ADAHESSIAN, algorithm 1 and equations 10 to 12.
    """

    name: ClassVar[str] = "adahessian"
    title: ClassVar[str] = "AdaHessian"
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    needs: ClassVar[frozenset[str]] = frozenset({"hessian_diagonal"})
    formula: ClassVar[tuple[str, ...]] = (
        "D = mean of z·(H·z) over neighbours, random signs z",
        "m ← β₁·m + (1 − β₁)·g,  m̂ = m / (1 − β₁ᵗ)",
        "v ← β₂·v + (1 − β₂)·D²,  v̂ = v / (1 − β₂ⁿ), n the number of estimates",
        "θ ← θ − η·(m̂ / ((√v̂)ᵖ + ε) + λ·θ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Yao, Gholami, Shen, Mustafa, Keutzer and Mahoney (2021), ADAHESSIAN: An Adaptive Second Order Optimizer for "
        "Machine Learning, algorithm 1, equations 10 (spatial averaging), 11 and 12 (momentum), arXiv:2006.00719",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper averages the diagonal itself over neighbours; the authors' code averages its absolute value "
        "(magnitude).",
        "The paper averages over the places of a convolution's kernel, and over rows of the matrices of transformers; "
        "here over all axes but those of inputs and outputs (neighbours = kernel), over all weights of a unit, that is "
        "all axes but that of outputs (unit), or not at all (none). A convolution that is written as a matrix has no "
        "axis for its places.",
        "Inputs and outputs are the last two axes of a kernel here, the first two in torch (layout); "
        "thalweg.interop.torch takes the first unless told.",
        "The paper names ε without its value; 1e-4 and the rate 0.15 are the authors'.",
        "Weight decay shrinks θ beside the step, as in the authors' code.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array; an estimate costs about two gradients more, in every step unless "
        "update_interval says otherwise.",
        "Rescaling the loss changes nothing but the role of ε, and rescaling a parameter changes its steps as Newton's "
        "method would.",
        "Where the curvature is near zero and the gradient is not, the steps are as large as ε allows.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "authors": {"magnitude": "absolute"}}

    learning_rate: Number = fields.learning_rate(0.15, search=(1e-4, 1e1))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay("decay β₂ of the squared diagonal's average v")
    epsilon: Number = fields.epsilon(1e-4)
    power: Number = hyperparameter(1.0, meaning="power p of the root of v̂", high=1.0)
    weight_decay: Number = fields.weight_decay()
    neighbours: str = variant(
        "kernel", choices=("kernel", "unit", "none"), meaning="what the estimate is averaged over before it is squared"
    )
    magnitude: str = variant(
        "signed", choices=("signed", "absolute"), meaning="average the estimates with their signs, or without"
    )
    layout: str = fields.layout()
    update_interval: int = variant(1, choices=(1, 2, 5), meaning="steps from one estimate of the diagonal to the next")

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def asks(self, t: Array) -> Any:
        """Return whether a new estimate is due."""
        return t % float(self.update_interval) == float(1 % self.update_interval)

    def update(self, x: Array, g: Array, state: State, t: Array, **inputs: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        diagonal = self._averaged(inputs["hessian_diagonal"])
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        new = self.beta2 * state["v"] + (1 - self.beta2) * diagonal * diagonal
        v = xp.where(self.asks(t), new, state["v"])
        count = xp.ceil(t / float(self.update_interval))
        root = xp.sqrt(v / bias_correction(self.beta2, count))
        step = m / bias_correction(self.beta1, t) / (xp.pow(root, self.power) + self.epsilon)
        return x - self.learning_rate * (step + self.weight_decay * x), {"m": m, "v": v}

    def _averaged(self, diagonal: Array) -> Array:
        """Return the mean of the estimate over each number's neighbours, along whose axes it has one element."""
        xp = namespace(diagonal)
        if self.magnitude == "absolute":
            diagonal = xp.abs(diagonal)
        kept, count = 2 if self.neighbours == "kernel" else 1, diagonal.ndim
        axes = tuple(range(count - kept) if self.layout == "in-out" else range(kept, count))
        if self.neighbours == "none":
            return diagonal
        return xp.mean(diagonal, axis=axes, keepdims=True)
