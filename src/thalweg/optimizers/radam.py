"""RAdam: Adam that waits until its denominator can be trusted."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, log_decay, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, hyperparameter, variant, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["RAdam", "effective_length"]


@dataclass(frozen=True)
class RAdam(Rule):
    """RAdam: Adam scaled by how well the average of squares is known, momentum until it is.

    The default is the paper's algorithm 2 (threshold 4) with ε where the authors' code and torch
    have it; the paper has none.

    References:
        Liu, Jiang, He, Chen, Liu, Gao and Han (2020), On the Variance of the Adaptive Learning Rate and
        Beyond, algorithm 2.
    """

    name: ClassVar[str] = "radam"
    title: ClassVar[str] = "RAdam (rectified Adam)"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "m ← β₁·m + (1 − β₁)·g,  m̂ = m / (1 − β₁ᵗ)",
        "v ← β₂·v + (1 − β₂)·g²,  c = 1 − β₂ᵗ",
        "ρ∞ = 2 / (1 − β₂) − 1,  ρ = ρ∞ − 2·t·β₂ᵗ / c",
        "if ρ > τ:  r = √((ρ − 4)(ρ − 2)·ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)·ρ)),  θ ← θ − η·r·m̂·√c / (√v + ε)",
        "else:  θ ← θ − η·m̂",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Liu, Jiang, He, Chen, Liu, Gao and Han (2020), On the Variance of the Adaptive Learning Rate and Beyond, "
        "algorithm 2, arXiv:1908.03265",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The step is rectified where ρ > 4 in the paper, ρ > 5 in torch, ρ ≥ 5 in optax and the authors' code (τ, "
        "threshold); at β₂ = 0.999 that is from step 5 or from step 6 on. Whether ρ = 5 itself counts is left "
        "out: ρ does not reach 5 exactly.",
        "Below τ the paper, torch and optax step along m̂ with the full rate; pytorch_optimizer by default does nothing "
        "(below_threshold = skip).",
        "ε is absent from the paper; the authors' code and torch add 1e-8 to √v before the correction, optax to √v̂ "
        "(epsilon_place).",
        "Weight decay: the authors' code shrinks θ by η·λ·θ beside the step, torch adds λ·θ to the gradient unless "
        "told otherwise (decay_form); Keras has no such rule.",
        "ρ is a difference of two numbers near 2 / (1 − β₂). For float32 parameters optax takes it in float32, and at "
        "β₂ = 0.9999 rectifies from step 2 on instead of step 6; torch takes it in doubles, and here the cancellation "
        "is avoided.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Its rising factor r does the work of a warm-up over about 2 / (1 − β₂) steps.",
        "Its first few steps are plain momentum with a rate chosen for Adam, so they are long where gradients are "
        "large and short where they are small.",
        "With β₂ ≤ 0.6 it never rectifies and stays SGD with momentum.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"decay_form": "decoupled"},
        "torch": {"threshold": 5.0, "epsilon_place": "uncorrected"},
        "optax": {"threshold": 5.0, "epsilon_place": "corrected"},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    threshold: Number = hyperparameter(
        4.0, meaning="τ, length ρ of the average from which the step is rectified", low=4.0
    )
    weight_decay: Number = fields.weight_decay()
    below_threshold: str = variant(
        "momentum", choices=("momentum", "skip"), meaning="step along m̂ until ρ exceeds τ, or stand still"
    )
    epsilon_place: str = epsilon_place("uncorrected")
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        m = self.beta1 * state["m"] + (1 - self.beta1) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        m_hat = m * (1 / bias_correction(self.beta1, t))
        root = corrected_root(v, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        rectifier = self._rectifier(t)
        early = zeros_like(m_hat) if self.below_threshold == "skip" else m_hat
        step = xp.where(rectifier > 0, rectifier * m_hat / root, early)
        return x - self.learning_rate * step, {"m": m, "v": v}

    def _rectifier(self, t: Array) -> Array:
        """Return the factor r, zero where ρ ≤ τ."""
        xp = namespace(t)
        rho, limit = effective_length(self.beta2, t), (1 + self.beta2) / (1 - self.beta2)
        trusted = rho > self.threshold
        above = xp.where(trusted, (rho - 4) * (rho - 2) * limit, zeros_like(rho))
        below = xp.where(trusted, (limit - 4) * (limit - 2) * rho, xp.ones_like(rho))
        return xp.sqrt(above / below)


def effective_length(decay: Array, t: Array) -> Array:
    """Return ρ, the length of the plain average that an exponential average resembles.

    Args:
        decay: Decay rate β₂ in [0, 1), 0-d array.
        t: Number of updates taken, 1 or more, 0-d array of the same dtype.

    In the paper ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ). With h = −log(β₂)/2 that is coth(h) − t·coth(t·h) + t, and the
    large parts of the two cotangents, 1/h each, cancel: ρ = t + L(h) − t·L(t·h) with
    Langevin's function L(z) = coth(z) − 1/z. In float32 the plain form can be off by 0.01 at
    β₂ = 0.999 and by 2 at 0.9999, enough to rectify the wrong steps.

    Example:
        >>> import numpy as np
        >>> [round(float(effective_length(np.asarray(0.999), np.asarray(float(t)))), 3) for t in (1, 5, 6, 1000)]
        [1.0, 4.996, 5.994, 835.967]
    """
    half = -0.5 * log_decay(decay)
    return t + _langevin(half) - t * _langevin(t * half)


def _langevin(z: Array) -> Array:
    """Return coth(z) − 1/z for z ≥ 0, by its series where the two terms nearly cancel."""
    xp = namespace(z)
    switch = full_like(z, 0.125)  # below, four terms of the series are right to 4e-12
    return xp.where(z < switch, _langevin_series(xp.minimum(z, switch)), _langevin_direct(xp.maximum(z, switch)))


def _langevin_series(z: Array) -> Array:
    square = z * z
    return z * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))


def _langevin_direct(z: Array) -> Array:
    return 1 / namespace(z).tanh(z) - 1 / z
