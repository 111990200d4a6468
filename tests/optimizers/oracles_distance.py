"""Rules that estimate their rate from distances, once more: all parameters as one vector, straight from the papers."""

import math
from collections.abc import Generator
from typing import TypeAlias

import numpy as np

TreeSteps: TypeAlias = Generator[tuple[list[np.ndarray], list[np.ndarray]], list[np.ndarray], list[np.ndarray]]


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


def _apart(vector: np.ndarray, like: list[np.ndarray]) -> list[np.ndarray]:
    ends = np.cumsum([a.size for a in like])
    return [part.reshape(a.shape) for part, a in zip(np.split(vector, ends[:-1]), like, strict=True)]


def prodigy(
    arrays: list[np.ndarray],
    rates: list[float],
    learning_rate: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    beta3: float = 0.9995,
    epsilon: float = 1e-8,
    initial_distance: float = 1e-6,
    distance_factor: float = 1.0,
    weight_decay: float = 0.0,
    numerator_decay: str = "root",
    bias_correction: bool = False,
    rate_in_sum: bool = True,
    epsilon_distance: str = "current",
    decay_form: str = "decoupled",
) -> TreeSteps:
    """Mishchenko and Defazio (2024), algorithm 4, with the authors' optional forms."""
    x = _flat(arrays)
    x0, d = x, initial_distance
    m, v, s, r = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x), 0.0
    b3 = math.sqrt(beta2) if numerator_decay == "root" else beta3
    for k, rate in enumerate(rates, start=1):
        leaves = _apart(x, arrays)
        g = _flat((yield leaves, leaves))
        gamma = rate * math.sqrt(1.0 - beta2**k) / (1.0 - beta1**k) if bias_correction else rate
        if decay_form == "coupled":
            g = g + weight_decay * x
        m = beta1 * m + (1.0 - beta1) * d * g
        v = beta2 * v + (1.0 - beta2) * d**2 * g**2
        r = b3 * r + (1.0 - b3) * gamma * d**2 * float(g @ (x0 - x))
        s = b3 * s + (1.0 - b3) * (gamma if rate_in_sum else 1.0) * d**2 * g
        size = float(np.sum(np.abs(s)))
        after = max(d, distance_factor * r / size) if size > 0.0 else d
        shrunk = x * (1.0 - gamma * d * weight_decay) if decay_form == "decoupled" else x
        x = shrunk - gamma * d * m / (np.sqrt(v) + (after if epsilon_distance == "next" else d) * epsilon)
        d = after
    return _apart(x, arrays)


def dadapt_sgd(
    arrays: list[np.ndarray],
    rates: list[float],
    learning_rate: float = 1.0,
    momentum: float = 0.9,
    initial_distance: float = 1e-6,
    weight_decay: float = 0.0,
) -> TreeSteps:
    """Defazio and Mishchenko (2023), algorithm 4: z as a variable of its own, and the sum over all steps at once."""
    x = _flat(arrays)
    z, s, d = x, np.zeros_like(x), initial_distance
    products: list[float] = []
    g0 = 0.0
    for gamma in rates:
        leaves = _apart(x, arrays)
        g = _flat((yield leaves, leaves))
        g0 = g0 or float(np.linalg.norm(g))
        g = g + weight_decay * x
        lamda = d * gamma / g0 if g0 else 0.0
        products.append(lamda * float(g @ s))
        s = s + lamda * g
        z = z - lamda * g
        x = momentum * x + (1.0 - momentum) * z
        if np.any(s):
            d = max(d, 2.0 * math.fsum(products) / float(np.linalg.norm(s)))
    return _apart(x, arrays)


def dadapt_adam(
    arrays: list[np.ndarray],
    rates: list[float],
    learning_rate: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    initial_distance: float = 1e-6,
    weight_decay: float = 0.0,
    numerator_scale: str = "before",
    bias_correction: bool = False,
    decay_form: str = "coupled",
) -> TreeSteps:
    """Defazio and Mishchenko (2023), algorithm 5, with the authors' optional forms."""
    x = _flat(arrays)
    d = initial_distance
    m, v, s, r = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x), 0.0
    root = math.sqrt(beta2)
    for k, rate in enumerate(rates, start=1):
        leaves = _apart(x, arrays)
        g = _flat((yield leaves, leaves))
        if decay_form == "coupled":
            g = g + weight_decay * x
        gamma = rate * math.sqrt(1.0 - beta2**k) / (1.0 - beta1**k) if bias_correction else rate
        m = beta1 * m + (1.0 - beta1) * d * gamma * g
        older = np.sqrt(v) + epsilon
        v = beta2 * v + (1.0 - beta2) * g**2
        diagonal = np.sqrt(v) + epsilon
        if decay_form == "decoupled":
            x = x * (1.0 - d * gamma * weight_decay)
        x = x - m / diagonal
        r = root * r + (1.0 - root) * d * gamma * float(g @ (s / (older if numerator_scale == "before" else diagonal)))
        s = root * s + (1.0 - root) * d * gamma * g
        if np.any(s):
            d = max(d, r / ((1.0 - root) * float(np.sum(np.abs(s)))))
    return _apart(x, arrays)


def dog(
    arrays: list[np.ndarray],
    rates: list[float],
    learning_rate: float = 1.0,
    initial_distance: float = 1e-6,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    form: str = "dog",
    scope: str = "all",
    start: str = "relative",
) -> TreeSteps:
    """Ivgi et al. (2023), eq. 1; Khaled et al. (2023), algorithm 1. All distances and gradients are kept."""
    x = list(arrays)
    groups = [list(range(len(x)))] if scope == "all" else [[i] for i in range(len(x))]
    distances, squares = [[] for _ in groups], [[] for _ in groups]
    for group, seen in zip(groups, distances, strict=True):
        size = float(np.linalg.norm(_flat([arrays[i] for i in group])))
        seen.append(initial_distance * (1.0 + size if start == "relative" else 1.0))
    for c in rates:
        g = [slope + weight_decay * a for slope, a in zip((yield list(x), list(x)), x, strict=True)]
        for group, seen, lengths in zip(groups, distances, squares, strict=True):
            seen.append(float(np.linalg.norm(_flat([x[i] - arrays[i] for i in group]))))
            r = max(seen)
            square = float(np.sum(_flat([g[i] for i in group]) ** 2))
            lengths.append(r**2 * square if form == "dowg" else square)
            total = math.fsum(lengths)
            rate = r**2 / (math.sqrt(total) + epsilon) if form == "dowg" else r / math.sqrt(total + epsilon)
            for i in group:
                x[i] = x[i] - c * rate * g[i]
    return x
