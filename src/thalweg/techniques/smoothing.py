"""Continuation: a smooth objective first, then sharper and sharper ones, each starting where the last one ended.

An objective f is smoothed with a Gaussian of width σ, f_σ(x) = E[f(x + σ·ε)] with ε standard normal. That is known in
closed form for polynomials, waves and Gaussian bumps, and so for sums of them and for products over the coordinates;
else it is estimated by drawing ε. :mod:`thalweg.techniques.diffusion` does it to a network's activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.arrays import Array, namespace
from thalweg.errors import InvalidValueError
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique

__all__ = [
    "Continuation",
    "Diffusion",
    "GaussianSmoothing",
    "continuation_widths",
    "smooth_bump",
    "smooth_polynomial",
    "smooth_wave",
]

WIDTHS = "levels of equal length: σ falls from its first value to 0, evenly or by halves"


@dataclass(frozen=True)
class Continuation(Technique):
    """A sequence of widths of the smoothing, from wide to none."""

    width: Number = hyperparameter(1.0, meaning="first width σ", search=(1e-2, 1e1))
    levels: Number = hyperparameter(5, meaning="number of levels, the last of width 0", low=2, whole=True)
    spacing: str = variant("linear", choices=("linear", "halving"), meaning="how the width falls")


@dataclass(frozen=True)
class GaussianSmoothing(Continuation):
    """The gradient is taken at weights with Gaussian noise added, which shrinks level by level.

    References:
        Mobahi and Fisher (2015), A theoretical analysis of optimization by Gaussian continuation.
    """

    name: ClassVar[str] = "gaussian-smoothing"
    title: ClassVar[str] = "Gaussian continuation"
    acts_on: ClassVar[ActsOn] = "objective"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("g = ∇L(x + σ·ε), ε ~ N(0, I), an estimate of ∇E[L(x + σ·ε)]", WIDTHS)
    sources: ClassVar[tuple[str, ...]] = (
        "Mobahi and Fisher (2015), A theoretical analysis of optimization by Gaussian continuation, AAAI",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.7.6",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Theory lets σ fall continuously and minimizes fully at each; here each level lasts equally long.",
        "One draw of ε per update is unbiased but noisy; in many dimensions L(x + σ·ε) is rarely dominated by the "
        "smooth part of L. The landscapes' closed forms have no noise.",
        "Neelakantan et al. (2015, arXiv:1511.06807) add the noise to the gradient instead.",
    )


@dataclass(frozen=True)
class Diffusion(Continuation):
    """The activations of the network are replaced by their Gaussian averages, which sharpen level by level.

    References:
        Mobahi (2016), Training recurrent neural networks by diffusion.
    """

    name: ClassVar[str] = "diffusion"
    title: ClassVar[str] = "Diffused activations"
    acts_on: ClassVar[ActsOn] = "model"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("act(x) replaced by E[act(x + σ·ε)], ε ~ N(0, 1)", WIDTHS)
    sources: ClassVar[tuple[str, ...]] = (
        "Mobahi (2016), Training recurrent neural networks by diffusion, arXiv:1601.04114",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper diffuses the whole objective, in which weights and activations both change; here, as in noise on "
        "each unit's input, only the activations do.",
        "On a landscape the whole objective is averaged, in closed form where there is one.",
        "sign, step, ReLU, erf and GELU are exact. For tanh and the logistic function the average of the erf most like "
        "them is used, as in the paper: off by at most 0.036 and 0.018, at large widths, and exact at width 0.",
    )


def continuation_widths(technique: Continuation, total: int) -> np.ndarray:
    """Return the width of the smoothing at each update, shape (total,), float64.

    Args:
        technique: Its first width and its levels.
        total: Updates of the whole run; where levels do not divide it, their lengths differ by one.

    Raises:
        InvalidValueError: The run has fewer updates than levels.

    Example:
        >>> continuation_widths(Diffusion(width=2, levels=3), 6).tolist()
        [2.0, 2.0, 1.0, 1.0, 0.0, 0.0]
    """
    levels = int(technique.levels)
    if total < levels:
        raise InvalidValueError(
            f"{technique.name}: levels = {levels} is more than the {total} updates of the run; give a whole number in "
            f"[2, {total}], or train longer."
        )
    level = np.arange(total) * levels // total
    falling = 0.5**level if technique.spacing == "halving" else 1 - level / (levels - 1)
    return float(technique.width) * np.where(level == levels - 1, 0.0, falling)


def smooth_polynomial(coefficients: Sequence[float], x: Array, sigma: Array) -> Array:
    """Return E[p(x + σ·ε)] for p(x) = Σ cₖ·xᵏ, elementwise.

    Args:
        coefficients: c₀, c₁, …, at least one.
        x: Where, any shape.
        sigma: Width σ, 0 or more, 0-d or of the shape of ``x``.

    E[(x + σε)ᵏ] = mₖ with m₀ = 1, m₁ = x, mₖ = x·mₖ₋₁ + (k − 1)·σ²·mₖ₋₂, for E[ε·h(ε)] = E[h′(ε)].
    """
    xp = namespace(x)
    before, moment = xp.zeros_like(x), xp.ones_like(x)
    result = coefficients[0] * moment
    for k, c in enumerate(coefficients[1:], start=1):
        before, moment = moment, x * moment + (k - 1) * sigma**2 * before
        result = result + c * moment
    return result


def smooth_wave(x: Array, sigma: Array, frequency: float = 1.0, phase: float = 0.0) -> Array:
    """Return E[sin(ω·(x + σ·ε) + φ)] = exp(−ω²σ²/2)·sin(ω·x + φ), elementwise.

    Args:
        x: Where, any shape.
        sigma: Width σ, 0 or more, 0-d or of the shape of ``x``.
        frequency: ω, in radians per unit of ``x``.
        phase: φ in radians; π/2 for a cosine.
    """
    xp = namespace(x)
    width = sigma + xp.zeros_like(x)
    return xp.exp(-((frequency * width) ** 2) / 2) * xp.sin(frequency * x + phase)


def smooth_bump(x: Array, sigma: Array, center: float = 0.0, width: float = 1.0) -> Array:
    """Return E[exp(−(x + σ·ε − c)²/(2w²))] = w/√(w² + σ²)·exp(−(x − c)²/(2(w² + σ²))), elementwise.

    Args:
        x: Where, any shape.
        sigma: Width σ of the smoothing, 0 or more, 0-d or of the shape of ``x``.
        center: c.
        width: w, above 0.
    """
    xp = namespace(x)
    square = width**2 + (sigma + xp.zeros_like(x)) ** 2
    return width / xp.sqrt(square) * xp.exp(-((x - center) ** 2) / (2 * square))
