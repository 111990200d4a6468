"""The laws that initializers share: normal, uniform and truncated normal with a stated standard deviation."""

import math
from typing import Any

import numpy as np

from thalweg.settings import hyperparameter, variant

__all__ = ["as_float32", "draw", "gain", "law", "truncated_deviation", "truncated_normal"]

CUT = 2.0  # where the truncated law ends, in deviations of the normal law


def law(default: str) -> Any:
    """Declare the law that weights of a stated variance are drawn from."""
    return variant(
        default,
        choices=("uniform", "normal", "truncated"),
        meaning="law of the weights: U(−√3·σ, √3·σ), N(0, σ²), or a normal law cut at 2 deviations and widened so that "
        "its deviation is σ",
    )


def gain(default: float, meaning: str) -> Any:
    """Declare the gain that multiplies a deviation."""
    return hyperparameter(default, meaning=meaning, low_open=True, search=(0.1, 10.0))


def draw(rng: np.random.Generator, law: str, deviation: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return independent numbers with mean 0 and the standard deviation given, float32.

    Args:
        rng: Source of randomness.
        law: ``uniform``, ``normal`` or ``truncated``; the truncated law's deviation is the one it has after the cut.
        deviation: Standard deviation σ, > 0.
        shape: Shape of the array.
    """
    if law == "uniform":
        return as_float32(rng.uniform(-1.0, 1.0, shape), math.sqrt(3) * deviation)
    if law == "normal":
        return as_float32(rng.standard_normal(shape), deviation)
    return as_float32(truncated_normal(rng, CUT, shape), deviation / truncated_deviation(CUT))


def truncated_normal(rng: np.random.Generator, cut: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return draws from N(0, 1), each repeated until it lies in [−cut, cut], float64."""
    values = rng.standard_normal(shape)
    outside = np.flatnonzero(np.abs(values) > cut)
    while outside.size:
        again = rng.standard_normal(outside.size)
        values.flat[outside] = again
        outside = outside[np.abs(again) > cut]
    return values


def truncated_deviation(cut: float) -> float:
    """Return the standard deviation of N(0, 1) cut at ±``cut``: 0.8796 at 2.

    References:
        Johnson, Kotz and Balakrishnan (1994), Continuous Univariate Distributions, volume 1, section 13.10.1:
        variance 1 − 2·c·φ(c) / (2·Φ(c) − 1).
    """
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 2 * cut * density / math.erf(cut / math.sqrt(2)))


def as_float32(values: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Return ``factor · values`` in float32; what float32 cannot hold becomes infinite, without a warning."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.asarray(values * factor).astype(np.float32)
