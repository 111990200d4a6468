"""Adam and its relatives, one number at a time; see :mod:`oracles` for what an oracle is."""

import functools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from conformance_scenarios import Scenario
from oracles import Steps, decayed


def denominator(v: float, weight: float, epsilon: float, place: str) -> float:
    """Return √v̂ with ε where ``place`` says; ``weight`` is 1 − β₂ᵗ."""
    if place == "corrected":
        return math.sqrt(v / weight) + epsilon
    if place == "uncorrected":  # Kingma and Ba, end of section 2: √(weight) leaves the fraction for the step size
        return (math.sqrt(v) + epsilon) / math.sqrt(weight)
    if place == "inside":
        return math.sqrt(v / weight + epsilon)
    if place == "floor":
        return max(math.sqrt(v / weight), epsilon)
    raise ValueError(place)


def adam(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    epsilon_place: str = "corrected",
) -> Steps:
    """Kingma and Ba (2015), algorithm 1; ``uncorrected`` is the ε̂ of the end of its section 2."""
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        g += weight_decay * x
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        x -= rate * (m / (1.0 - beta1**t)) / denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
    return x


def adamw(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
    epsilon_place: str = "corrected",
    decay_scale: str = "rate",
) -> Steps:
    """Loshchilov and Hutter (2019), algorithm 2, with η_t = 1 and λ·θ (``independent``) or with λ·α·θ as in torch."""
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        step = rate * (m / (1.0 - beta1**t)) / denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
        decay = weight_decay * x if decay_scale == "independent" else rate * weight_decay * x
        x = x - step - decay
    return x


def amsgrad(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    correction: str = "none",
    epsilon_place: str = "corrected",
    decay_form: str = "coupled",
) -> Steps:
    """Reddi et al. (2018), algorithm 2 (no correction); Adam's numbers."""
    m, v, largest = 0.0, 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        weight1, weight2 = 1.0 - beta1**t, 1.0 - beta2**t
        if correction == "none":
            largest = max(largest, v)
            x -= rate * m / denominator(largest, 1.0, epsilon, epsilon_place)
        elif correction == "after_maximum":
            largest = max(largest, v)
            x -= rate * (m / weight1) / denominator(largest, weight2, epsilon, epsilon_place)
        else:
            largest = max(largest, v / weight2)
            x -= rate * (m / weight1) / denominator(largest, 1.0, epsilon, epsilon_place)
    return x


def adamax(
    x: float,
    rates: list[float],
    learning_rate: float = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    epsilon_place: str = "maximum",
    decay_form: str = "coupled",
) -> Steps:
    """Kingma and Ba (2015), algorithm 2 (α = 0.002), without ε if it is 0; nothing moves where u is still 0."""
    m, u = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        if epsilon_place == "maximum":
            u = max(beta2 * u, abs(g) + epsilon)
            denominator = u
        else:
            u = max(beta2 * u, abs(g))
            denominator = u + epsilon
        if denominator > 0.0:
            x -= rate / (1.0 - beta1**t) * m / denominator
    return x


def nadam(
    x: float,
    rates: list[float],
    learning_rate: float = 2e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    momentum_decay: float = 0.004,
    weight_decay: float = 0.0,
    momentum_schedule: str = "growing",
    momentum_correction: str = "next_step",
    average_decay: str = "constant",
    square_factor: str = "one",
    epsilon_place: str = "corrected",
    decay_form: str = "coupled",
) -> Steps:
    """Dozat (2016), algorithm 2, with μ_t = μ(1 − ½·0.96^(t·0.004)); the options say who departs from it how."""
    mu = [
        beta1 if momentum_schedule == "constant" else beta1 * (1.0 - 0.96 ** (t * momentum_decay) / 2.0)
        for t in range(len(rates) + 2)
    ]
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        own = mu[t] if average_decay == "scheduled" else beta1
        m = own * m + (1.0 - own) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        this = 1.0 - math.prod(mu[1 : t + 1])
        following = 1.0 - math.prod(mu[1 : t + 2]) if momentum_correction == "next_step" else this
        m_hat = mu[t + 1] * m / following + (1.0 - mu[t]) * g / this
        n = beta2 * v if square_factor == "beta2" else v
        x -= rate * m_hat / denominator(n, 1.0 - beta2**t, epsilon, epsilon_place)
    return x


def radam(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    threshold: float = 4.0,
    weight_decay: float = 0.0,
    below_threshold: str = "momentum",
    epsilon_place: str = "uncorrected",
    decay_form: str = "coupled",
) -> Steps:
    """Liu et al. (2020), algorithm 2: ρ_t as written there, in exact fractions, so that nothing cancels."""
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        m_hat = m / (1.0 - beta1**t)
        limit, length = averaged_length(beta2, t)
        if length > threshold:
            rectified = math.sqrt(float((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)))
            x -= rate * rectified * m_hat / denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
        elif below_threshold == "momentum":
            x -= rate * m_hat
    return x


@functools.cache
def averaged_length(beta2: float, t: int) -> tuple[Fraction, Fraction]:
    """Return ρ∞ and ρ_t of Liu et al. (2020), section 4.1, exactly for the float ``beta2``."""
    b = Fraction(beta2)
    limit = 2 / (1 - b) - 1
    return limit, limit - 2 * t * b**t / (1 - b**t)


def sadam(
    x: float,
    rates: list[float],
    learning_rate: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    sharpness: float = 50.0,
    correction: str = "none",
) -> Steps:
    """Tong et al. (2019), section 4: θ ← θ − η·m / softplus(√v) with β = 50."""
    m, v = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        x -= rate * _outside(correction, beta1, beta2, t) * m / _softplus(math.sqrt(v), sharpness)
    return x


def samsgrad(
    x: float,
    rates: list[float],
    learning_rate: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    sharpness: float = 50.0,
    correction: str = "none",
) -> Steps:
    """Tong et al. (2019), section 4: SAdam with AMSGrad's v̂ = max(v̂, v)."""
    m, v, largest = 0.0, 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        largest = max(largest, v)
        x -= rate * _outside(correction, beta1, beta2, t) * m / _softplus(math.sqrt(largest), sharpness)
    return x


def _softplus(z: float, sharpness: float) -> float:
    """Return log(1 + exp(β·z))/β; beyond β·z = 600, where exp overflows, that is z to the last bit."""
    return math.log(1.0 + math.exp(sharpness * z)) / sharpness if sharpness * z < 600.0 else z


def _outside(correction: str, beta1: float, beta2: float, t: int) -> float:
    """Return the authors' factor √(1 − β₂ᵗ)/(1 − β₁ᵗ) outside the denominator, or 1."""
    return 1.0 if correction == "none" else math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)


def swats(
    w: np.ndarray,
    steps: list[np.ndarray],
    scenario: Scenario,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-9,
    switch_tolerance: float = 1e-9,
    epsilon_place: str = "uncorrected",
) -> Iterator[np.ndarray]:
    """Yield the parameters after every step: Keskar and Socher (2017), algorithm 1, with the paper's names.

    The projected rate is kept in units of the current rate, which is the same where the rate is constant.
    """
    a, m, lamda = np.zeros_like(w), np.zeros_like(w), 0.0
    phase, v, capital = "Adam", np.zeros_like(w), 0.0
    for k, (gradient, factor) in enumerate(zip(steps, scenario.rates, strict=True), start=1):
        alpha = learning_rate * factor
        g = gradient + scenario.curvature * w
        if phase == "SGD":
            v = beta1 * v + g
            w = w - alpha * (1.0 - beta1) * capital * v
            yield w
            continue
        m = beta1 * m + (1.0 - beta1) * g
        a = beta2 * a + (1.0 - beta2) * g**2
        roots = np.array([denominator(float(element), 1.0 - beta2**k, epsilon, epsilon_place) for element in a])
        p = -alpha * (m / (1.0 - beta1**k)) / roots
        w = w + p
        if p @ g != 0.0:
            gamma = (p @ p) / -(p @ g) / alpha
            lamda = beta2 * lamda + (1.0 - beta2) * gamma
            mean = lamda / (1.0 - beta2**k)
            if k > 1 and mean > 0.0 and abs(alpha * mean - alpha * gamma) < switch_tolerance:
                phase, v, capital = "SGD", np.zeros_like(w), mean
        yield w
