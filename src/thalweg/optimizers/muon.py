"""Muon: momentum made orthogonal, for matrices, beside AdamW for all other arrays."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root

__all__ = ["Muon"]

# Coefficients (a, b, c) of five Newton–Schulz steps, each fitted to what the steps before it leave.
FITTED = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


@dataclass(frozen=True)
class Muon(Rule):
    """Muon: a step along the momentum with all its singular values brought near one.

    An array of two or more dimensions is taken as a matrix, a convolution's kernel flattened to one. Its momentum
    U·S·Vᵀ is replaced by nearly U·Vᵀ, which a few Newton–Schulz steps give with multiplications alone. Vectors and
    numbers are left to AdamW, whose settings begin with ``adam``. The default is the authors' published code, on
    matrices stored as inputs × outputs; the iteration is done in the dtype of the update, not in bfloat16.

    References:
        Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks.
    """

    name: ClassVar[str] = "muon"
    title: ClassVar[str] = "Muon"
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "matrices:  m ← μ·m + (1 − μ)·g,  n = μ·m + (1 − μ)·g  (Nesterov)",
        "           X = n / (‖n‖ + ε),  five times X ← a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X",
        "           θ ← θ − η·λ·θ − η·√max(1, outputs / inputs)·X",
        "the rest:  m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²",
        "           θ ← θ − ρ·η·λ₂·θ − ρ·η·m̂ / (√v̂ + ε₂)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks, "
        "kellerjordan.github.io/posts/muon, and the published code",
        "Liu et al. (2025), Muon is Scalable for LLM Training, section 2.2 (scale = rms), arXiv:2502.16982",
        "Bernstein and Newhouse (2024), Old Optimizer, New Norm: An Anthology, section 3, arXiv:2409.20325",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The authors and torch take the first axis for the outputs, optax and our models the last (layout); the wrong "
        "one changes the scale of every matrix that is not square. thalweg.interop.torch takes the first unless told.",
        "The step of a matrix is multiplied by √max(1, outputs/inputs) in the authors' code, torch and optax, by "
        "0.2·√max(outputs, inputs) by Liu et al. and Keras, and by nothing in the original algorithm (scale).",
        "The original algorithm sums gradients and does not look ahead; the authors' code and torch average and look "
        "ahead; Keras sums, which changes the role of ε alone; optax corrects the bias of m for t + 1 steps and that "
        "of the gradient for t, so that early gradients weigh more (momentum_form).",
        "ε is added to the norm by the authors (1e-7), Keras (1e-7) and optax (1e-8), and is its floor in torch "
        "(norm_form).",
        "The authors and torch iterate in bfloat16, which moves each step by about one part in a hundred; here, in "
        "optax and in Keras the iteration has the precision of the update.",
        "The companion of optax is NAdamW, with the same ε as the norm's; that of Keras has ε beside √v before the "
        "correction; torch has none, and its preset takes torch's AdamW (companion).",
        "optax and Keras leave arrays of more than two dimensions to the companion, torch refuses them; the authors "
        "and this rule flatten them, but the authors' factor for a kernel is that of its last two axes.",
        "The companion's learning rate is a multiple of η, as in Keras, so that a schedule of η moves both; the "
        "authors' code gives 3e-4 beside 0.02.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per matrix, two per other array.",
        "The step's size in a direction does not depend on the gradient's: small directions count as much as large.",
        "Costs three products of matrices per Newton–Schulz step, little beside a large batch's gradient.",
        "Its authors leave embeddings and the output layer to AdamW; this rule sees arrays, not layers, and takes "
        "every matrix.",
        "Reported to need fewer steps than AdamW on language models and small image networks.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"momentum_form": "sum", "nesterov": False, "scale": "none", "layout": "out-in"},
        "authors": {"layout": "out-in"},
        "torch": {
            "learning_rate": 1e-3,
            "weight_decay": 0.1,
            "layout": "out-in",
            "norm_form": "floor",
            "adam_rate": 1.0,
            "adam_beta2": 0.999,
            "adam_epsilon": 1e-8,
            "adam_weight_decay": 0.01,
        },
        "optax": {
            "learning_rate": 1e-3,
            "epsilon": 1e-8,
            "momentum_form": "corrected",
            "adam_rate": 1.0,
            "adam_beta2": 0.999,
            "adam_epsilon": 1e-8,
            "companion": "nadamw",
        },
        "keras": {
            "learning_rate": 1e-3,
            "weight_decay": 0.004,
            "momentum_form": "sum",
            "scale": "rms",
            "adam_rate": 1.0,
            "adam_beta2": 0.999,
            "adam_epsilon": 1e-7,
            "adam_weight_decay": 0.004,
            "companion": "adamw_uncorrected",
        },
    }

    learning_rate: Number = fields.learning_rate(0.02, search=(1e-4, 1e1))
    momentum: Number = hyperparameter(
        0.95, meaning="decay μ of the momentum m", high=1.0, high_open=True, search=(0.5, 0.995), scale="complement"
    )
    weight_decay: Number = hyperparameter(0.0, meaning="weight decay λ of matrices")
    epsilon: Number = fields.epsilon(1e-7, search=None, meaning="ε, keeps the norm of the momentum from zero")
    linear: Number = hyperparameter(3.4445, meaning="Newton–Schulz coefficient a", low=-math.inf)
    cubic: Number = hyperparameter(-4.7750, meaning="Newton–Schulz coefficient b", low=-math.inf)
    quintic: Number = hyperparameter(2.0315, meaning="Newton–Schulz coefficient c", low=-math.inf)
    rms: Number = hyperparameter(0.2, meaning="root of the mean square of a step of rate one, where scale = rms")
    adam_rate: Number = hyperparameter(
        0.015, meaning="learning rate of AdamW in units of η: the ratio ρ", search=(1e-3, 1e1)
    )
    adam_beta1: Number = hyperparameter(0.9, meaning="decay β₁ of AdamW's m", high=1.0, high_open=True)
    adam_beta2: Number = hyperparameter(0.95, meaning="decay β₂ of AdamW's v", high=1.0, high_open=True)
    adam_epsilon: Number = fields.epsilon(1e-10, search=None, meaning="ε₂ of AdamW")
    adam_weight_decay: Number = hyperparameter(0.0, meaning="weight decay λ₂ of AdamW")
    momentum_form: str = variant(
        "average",
        choices=("average", "sum", "corrected"),
        meaning="average the gradients, sum them with weights μᵏ, or average and correct the bias as optax does",
    )
    nesterov: bool = variant(True, choices=(True, False), meaning="look one step of momentum ahead")
    steps: int = variant(5, choices=(5, 3, 10), meaning="number of Newton–Schulz steps")
    coefficients: str = variant(
        "constant",
        choices=("constant", "fitted"),
        meaning="a, b and c in every step, or Jiacheng's five triples (the last ones of them, or the last one again)",
    )
    norm_form: str = variant("added", choices=("added", "floor"), meaning="divide by ‖n‖ + ε or by max(‖n‖, ε)")
    scale: str = variant(
        "width",
        choices=("width", "rms", "none"),
        meaning="multiply by √max(1, outputs/inputs), by 0.2·√max(outputs, inputs), or by nothing",
    )
    layout: str = fields.layout()
    companion: str = variant(
        "adamw",
        choices=("adamw", "nadamw", "adamw_uncorrected"),
        meaning="what moves other arrays: AdamW, with Nesterov's momentum, or with ε beside √v before the correction",
    )

    def init(self, x: Array) -> State:
        """Return the momentum of a matrix, or both averages of another array, as zeros."""
        return {"m": zeros_like(x)} if x.ndim > 1 else {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the averages after one step."""
        if x.ndim < 2:
            return self._adamw(x, g, state, t)
        m, ahead = self._momentum(g, state["m"], t)
        xp = namespace(x)
        outputs, inputs = self._widths(x.shape)
        flat = (inputs, outputs) if self.layout == "in-out" else (outputs, inputs)
        step = xp.reshape(self._orthogonal(xp.reshape(ahead, flat)), x.shape)
        shrunk = x - self.learning_rate * self.weight_decay * x
        return shrunk - self.learning_rate * self._factor(x.shape) * step, {"m": m}

    def _momentum(self, g: Array, m: Array, t: Array) -> tuple[Array, Array]:
        """Return the new momentum, and what is made orthogonal."""
        if self.momentum_form == "sum":
            m = self.momentum * m + g
            return m, g + self.momentum * m if self.nesterov else m
        m = self.momentum * m + (1 - self.momentum) * g
        corrected = self.momentum_form == "corrected"
        of_g = 1 / bias_correction(self.momentum, t) if corrected else 1.0
        if not self.nesterov:
            return m, of_g * m
        of_m = 1 / bias_correction(self.momentum, t + 1) if corrected else 1.0
        return m, (self.momentum * of_m) * m + ((1 - self.momentum) * of_g) * g

    def _orthogonal(self, n: Array) -> Array:
        """Return a matrix with the singular vectors of ``n`` and singular values near one.

        The iteration acts on the smaller of the two matrices of inner products.
        """
        xp = namespace(n)
        tall = n.shape[0] > n.shape[1]
        n = xp.matrix_transpose(n) if tall else n
        norm = xp.sqrt(xp.sum(n * n))
        n = n / (norm + self.epsilon if self.norm_form == "added" else xp.maximum(norm, full_like(norm, self.epsilon)))
        for a, b, c in self._triples():
            products = xp.matmul(n, xp.matrix_transpose(n))
            n = a * n + xp.matmul(b * products + c * xp.matmul(products, products), n)
        return xp.matrix_transpose(n) if tall else n

    def _triples(self) -> tuple[tuple[Number, Number, Number], ...]:
        """Return the coefficients of every Newton–Schulz step."""
        if self.coefficients == "constant":
            return ((self.linear, self.cubic, self.quintic),) * self.steps
        return (FITTED + FITTED[-1:] * (self.steps - len(FITTED)))[-self.steps :]

    def _widths(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the outputs and the inputs of a matrix or kernel."""
        outputs = shape[-1] if self.layout == "in-out" else shape[0]
        return outputs, math.prod(shape) // max(1, outputs)

    def _factor(self, shape: tuple[int, ...]) -> Number:
        """Return the factor of a matrix' step that its shape calls for."""
        outputs, inputs = self._widths(shape)
        if self.scale == "width":
            return math.sqrt(max(1.0, outputs / max(1, inputs)))
        return self.rms * math.sqrt(max(outputs, inputs)) if self.scale == "rms" else 1.0

    def _adamw(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step of the companion."""
        m = self.adam_beta1 * state["m"] + (1 - self.adam_beta1) * g
        v = self.adam_beta2 * state["v"] + (1 - self.adam_beta2) * g * g
        m_hat = m / bias_correction(self.adam_beta1, t)
        if self.companion == "nadamw":
            ahead = self.adam_beta1 / bias_correction(self.adam_beta1, t + 1)
            m_hat = ahead * m + ((1 - self.adam_beta1) / bias_correction(self.adam_beta1, t)) * g
        place = "uncorrected" if self.companion == "adamw_uncorrected" else "corrected"
        root = corrected_root(v, bias_correction(self.adam_beta2, t), self.adam_epsilon, place)
        rate = self.learning_rate * self.adam_rate
        return x - rate * self.adam_weight_decay * x - rate * m_hat / root, {"m": m, "v": v}
