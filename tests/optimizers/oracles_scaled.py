"""Rules that scale by norms, factor their averages or need no schedule, once more and straight from the papers."""

import math
from collections.abc import Generator
from typing import TypeAlias

import numpy as np
from oracles import Steps

ArraySteps: TypeAlias = Generator[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]


def _length(a: np.ndarray) -> float:
    return math.sqrt(math.fsum(float(element) ** 2 for element in np.ravel(a)))


def _rms(a: np.ndarray) -> float:
    return _length(a) / math.sqrt(a.size)


def lars(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 1.0,
    momentum: float = 0.9,
    trust_coefficient: float = 0.001,
    epsilon: float = 0.0,
    weight_decay: float = 0.0,
    decay_length: str = "apart",
    rate_place: str = "inside",
    nesterov: bool = False,
    vectors: str = "scaled",
) -> ArraySteps:
    """You et al. (2017), algorithm 1: λ = η‖w‖/(‖∇L‖ + β‖w‖), v ← mv + γλ(∇L + βw), w ← w − v."""
    w, v = array, np.zeros_like(array)
    for gamma in rates:
        gradient = yield w, w
        if vectors == "plain" and w.ndim in (0, 1):
            direction = gradient
        else:
            direction = gradient + weight_decay * w
            apart = _length(gradient) + weight_decay * _length(w)
            below = apart if decay_length == "apart" else _length(direction)
            if _length(w) != 0.0 and below != 0.0:
                direction = direction * (trust_coefficient * _length(w) / (below + epsilon))
        if rate_place == "inside":
            v = momentum * v + gamma * direction
            w = w - (momentum * v + gamma * direction if nesterov else v)
        else:
            v = momentum * v + direction
            w = w - gamma * (momentum * v + direction if nesterov else v)
    return w


def lamb(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-6,
    weight_decay: float = 0.0,
    decay_form: str = "scaled",
    bias_correction: bool = True,
    vectors: str = "scaled",
) -> ArraySteps:
    """You et al. (2020), algorithm 2, with φ(z) = z: r = m̂/(√v̂ + ε), x ← x − η·φ(‖x‖)/‖r + λx‖·(r + λx)."""
    x, m, v = array, np.zeros_like(array), np.zeros_like(array)
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        first, second = (m / (1.0 - beta1**t), v / (1.0 - beta2**t)) if bias_correction else (m, v)
        r = first / (np.sqrt(second) + epsilon)
        if vectors == "plain" and x.ndim in (0, 1):
            x = x - rate * r
            continue
        if decay_form == "decoupled":
            x = x * (1.0 - rate * weight_decay)
        else:
            r = r + weight_decay * x
        ratio = _length(x) / _length(r) if _length(x) > 0.0 and _length(r) > 0.0 else 1.0
        x = x - rate * ratio * r
    return x


def adafactor(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 0.01,
    decay_exponent: float = 0.8,
    clipping_threshold: float = 1.0,
    epsilon: float = 1e-30,
    smallest_scale: float = 0.001,
    weight_decay: float = 0.0,
    step_size: str = "relative",
    parameter_scale: bool = True,
    min_size_to_factor: int = 1,
    factored_axes: str = "last",
    epsilon_place: str = "added",
    decay_form: str = "decoupled",
) -> ArraySteps:
    """Shazeer and Stern (2018), algorithms 4, 5 and 6; the means of squares are kept whole and averaged each step."""
    x = array
    axes = _factored(array.shape, factored_axes, min_size_to_factor)
    kept: list[np.ndarray] = [np.zeros(())] * 2
    for t, eta in enumerate(rates, start=1):
        g = yield x, x
        beta = 1.0 - t**-decay_exponent
        square = g**2 + (epsilon if epsilon_place == "added" else 0.0)
        if axes:
            means = [square.mean(axis=axis, keepdims=True) for axis in axes]
            row, column = kept = [beta * old + (1.0 - beta) * new for old, new in zip(kept, means, strict=True)]
            middle = row.mean(axis=axes[1], keepdims=True)
            v = row * column / (middle if epsilon_place == "added" else np.maximum(middle, epsilon))
            if epsilon_place == "added":  # a product of two numbers near 1e-30 would lose digits
                v = row / middle * column
        else:
            kept[0] = v = beta * kept[0] + (1.0 - beta) * square
        u = g / np.sqrt(v if epsilon_place == "added" else np.maximum(v, epsilon**2))
        u = u / max(1.0, _rms(u) / clipping_threshold)
        alpha = min(eta, 1.0 / math.sqrt(t)) if step_size == "relative" else eta
        if parameter_scale:
            alpha *= max(smallest_scale, _rms(x))
        x = (1.0 - weight_decay * (eta if decay_form == "decoupled" else 1.0)) * x - alpha * u
    return x


def _factored(shape: tuple[int, ...], which: str, least: int) -> tuple[int, int] | None:
    """Return the axis averaged away for the rows' means, then that for the columns', or None."""
    if len(shape) < 2:
        return None
    axes = range(len(shape)) if which == "last" else sorted(range(len(shape)), key=lambda axis: shape[axis])
    rows, columns = list(axes)[-2:]
    return None if shape[rows] < least or shape[columns] < least else (columns, rows)


def _schedule_free_weights(
    rates: list[float], warmup_steps: float, growth: float, power: float
) -> list[tuple[float, float]]:
    """Return the rate and the share c of every step: Defazio et al. (2024), algorithm 1, cₜ = γₜ²/Σγᵢ²."""
    steps, largest, weights = [], 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        gamma = rate * t / warmup_steps if t < warmup_steps else rate
        largest = max(largest, gamma)
        weight = t**growth * largest**power
        weights += weight
        steps.append((gamma, weight / weights if weights else 0.0))
    return steps


def schedule_free_sgd(
    x: float,
    rates: list[float],
    learning_rate: float = 1.0,
    beta: float = 0.9,
    weight_decay: float = 0.0,
    warmup_steps: float = 0.0,
    weight_growth: float = 0.0,
    weight_power: float = 2.0,
) -> Steps:
    """Defazio et al. (2024), eqs. 3 to 5: y = (1 − β)z + βx, z ← z − γ∇f(y), x ← (1 − c)x + cz."""
    z = x
    for gamma, c in _schedule_free_weights(rates, warmup_steps, weight_growth, weight_power):
        y = (1.0 - beta) * z + beta * x
        g = yield y, x
        z = z - gamma * (g + weight_decay * y)
        x = (1.0 - c) * x + c * z
    return x


def schedule_free_adamw(
    x: float,
    rates: list[float],
    learning_rate: float = 0.0025,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    warmup_steps: float = 0.0,
    weight_growth: float = 0.0,
    weight_power: float = 2.0,
    correction: str = "square",
    decay_point: str = "y",
) -> Steps:
    """Defazio et al. (2024), algorithm 1."""
    z, v = x, 0.0
    corrected = [
        rate * (math.sqrt(1.0 - beta2**t) if correction == "rate" else 1.0) for t, rate in enumerate(rates, start=1)
    ]
    steps = _schedule_free_weights(corrected, warmup_steps, weight_growth, weight_power)
    for t, (gamma, c) in enumerate(steps, start=1):
        y = (1.0 - beta1) * z + beta1 * x
        g = yield y, x
        v = beta2 * v + (1.0 - beta2) * g**2
        root = math.sqrt(v if correction == "rate" else v / (1.0 - beta2**t)) + epsilon
        z = z - gamma * g / root - gamma * weight_decay * (z if decay_point == "z" else y)
        x = (1.0 - c) * x + c * z
    return x


def schedule_free_radam(
    x: float,
    rates: list[float],
    learning_rate: float = 0.0025,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    weight_growth: float = 0.0,
    weight_power: float = 2.0,
    first_steps: str = "still",
) -> Steps:
    """Defazio et al. (2024), algorithm 1, with Liu et al. (2020), algorithm 2, for the rate."""
    z, v = x, 0.0
    limit = 2.0 / (1.0 - beta2) - 1.0
    factors = []
    for t in range(1, len(rates) + 1):
        rho = limit - 2.0 * t * beta2**t / (1.0 - beta2**t)
        if rho > 4.0:
            factors.append(math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)))
        else:
            factors.append(None)
    asleep = 1.0 if first_steps == "sgd" else 0.0
    scaled = [rate * (asleep if factor is None else factor) for rate, factor in zip(rates, factors, strict=True)]
    steps = _schedule_free_weights(scaled, 0.0, weight_growth, weight_power)
    for t, ((gamma, c), factor) in enumerate(zip(steps, factors, strict=True), start=1):
        y = (1.0 - beta1) * z + beta1 * x
        g = yield y, x
        v = beta2 * v + (1.0 - beta2) * g**2
        step = g if factor is None else g / (math.sqrt(v / (1.0 - beta2**t)) + epsilon)
        z = z - gamma * (step + weight_decay * y)
        x = (1.0 - c) * x + c * z
    return x
