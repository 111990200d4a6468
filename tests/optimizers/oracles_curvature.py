"""Rules that need more than the gradient, straight from the papers; see :mod:`oracles` for what an oracle is."""

import math
from collections.abc import Generator
from typing import Any

import numpy as np


def sophia_h(
    x: float,
    rates: list[float],
    asks: bool = True,
    learning_rate: float = 1e-3,
    beta1: float = 0.96,
    beta2: float = 0.99,
    scale: float = 0.01,
    epsilon: float = 1e-12,
    weight_decay: float = 0.0,
    update_interval: int = 10,
    bias_correction: bool = False,
    hessian: str = "after",
    estimate: str = "hessian_diagonal",
) -> Generator[tuple[float, float], Any, float]:
    """Liu et al. (2024), algorithm 3, with the numbers of section 3.1; optax's form by the last but one arguments."""
    m = h = 0.0
    for t, rate in enumerate(rates, start=1):
        g, ask = yield x, x
        m = beta1 * m + (1 - beta1) * g
        before = h
        if t % update_interval == 1 % update_interval:
            h = beta2 * h + (1 - beta2) * ask(estimate)
        numerator = m / (1 - beta1**t) if bias_correction else m
        denominator = max(scale * (h if hessian == "after" else before), epsilon)
        x = x - rate * weight_decay * x - rate * min(max(numerator / denominator, -1.0), 1.0)
    return x


def sophia_g(
    x: float,
    rates: list[float],
    asks: bool = True,
    learning_rate: float = 1e-3,
    beta1: float = 0.96,
    beta2: float = 0.99,
    scale: float = 0.05,
    epsilon: float = 1e-12,
    weight_decay: float = 0.0,
    update_interval: int = 10,
) -> Generator[tuple[float, float], Any, float]:
    """The same algorithm 3 with the estimate of algorithm 2, written as the authors' code is: sign times a ratio."""
    m, h, k = 0.0, 0.0, update_interval
    for t, rate in enumerate(rates):
        g, ask = yield x, x
        x *= 1 - rate * weight_decay
        m += (1 - beta1) * (g - m)
        if t % k == 0:
            h += (1 - beta2) * (ask("gauss_newton_diagonal") - h)
        x -= rate * math.copysign(min(abs(m) / max(scale * h, epsilon), 1.0), m)
    return x


def adahessian(
    array: np.ndarray,
    rates: list[float],
    asks: bool = True,
    learning_rate: float = 0.15,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-4,
    power: float = 1.0,
    weight_decay: float = 0.0,
    neighbours: str = "kernel",
    magnitude: str = "signed",
    layout: str = "in-out",
    update_interval: int = 1,
) -> Generator[tuple[np.ndarray, np.ndarray], Any, np.ndarray]:
    """Yao et al. (2021), algorithm 1: m̂ by its weights, v̂ as the root of the weighted mean of D² of equation 11."""
    x, gradients, diagonals = array, [], []
    for t, rate in enumerate(rates, start=1):
        g, ask = yield x, x
        gradients.append(g)
        if (t - 1) % update_interval == 0:
            diagonals.append(_spread(ask("hessian_diagonal"), neighbours, magnitude, layout))
        top = _weighted(gradients, beta1)
        root = np.sqrt(_weighted([d**2 for d in diagonals], beta2))
        x = x - rate * (top / (root**power + epsilon) + weight_decay * x)
    return x


def _weighted(values: list[np.ndarray], decay: float) -> np.ndarray:
    """Return the mean of the values with the weights decay⁰ (the newest), decay¹, …"""
    weights = [decay ** (len(values) - 1 - i) for i in range(len(values))]
    return sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)


def _spread(diagonal: np.ndarray, neighbours: str, magnitude: str, layout: str) -> np.ndarray:
    """Return what every number's neighbourhood has as its mean."""
    if layout == "out-in":  # all axes in the reverse order, so that the outputs are the last
        return _spread(diagonal.T, neighbours, magnitude, "in-out").T
    diagonal = np.array(np.abs(diagonal) if magnitude == "absolute" else diagonal)
    if neighbours == "none" or diagonal.ndim < (3 if neighbours == "kernel" else 2):
        return diagonal
    kept = diagonal.shape[-2:] if neighbours == "kernel" else diagonal.shape[-1:]
    flat = diagonal.reshape(-1, *kept)
    return np.broadcast_to(sum(flat) / len(flat), diagonal.shape)


def polyak_step(
    arrays: list[np.ndarray],
    rates: list[float],
    asks: bool = True,
    learning_rate: float = 1.0,
    share: float = 0.5,
    lowest_loss: float = 0.0,
    below: str = "stay",
) -> Generator[tuple[list[np.ndarray], list[np.ndarray]], Any, list[np.ndarray]]:
    """Loizou et al. (2021), equation 4."""
    points = arrays
    for rate in rates:
        g, ask = yield points, points
        excess = float(ask("loss")) - lowest_loss
        if excess < 0 and below == "stay":
            excess = 0.0
        norm = math.sqrt(math.fsum(float(one) ** 2 for a in g for one in np.ravel(a)))
        size = 0.0 if norm == 0 else min(excess / (share * norm**2), rate)
        points = [x - size * a for x, a in zip(points, g, strict=True)]
    return points
