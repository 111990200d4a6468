"""The elementwise rules of recent years, and two that act per array; see :mod:`oracles` for what an oracle is."""

import math
from collections.abc import Generator

import numpy as np
from oracles import Steps, decayed
from oracles_adam import denominator

Arrays = Generator[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]


def _sign(number: float) -> float:
    return float(number > 0.0) - float(number < 0.0)


def lion(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> Steps:
    """Chen et al. (2023), algorithm 2: interpolate with β₁, step along the sign, remember with β₂."""
    m = 0.0
    for rate in rates:
        g = yield x, x
        x = x - rate * (_sign(beta1 * m + (1.0 - beta1) * g) + weight_decay * x)
        m = beta2 * m + (1.0 - beta2) * g
    return x


def signsgd(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    average: bool = False,
    decay_form: str = "decoupled",
) -> Steps:
    """Bernstein et al. (2018), algorithm 1, and with an average algorithm 2 (Signum)."""
    m = 0.0
    for rate in rates:
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = momentum * m + (1.0 - momentum) * g
        x -= rate * _sign(m if average else g)
    return x


def adabelief(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-16,
    spread_epsilon: float = 1e-16,
    weight_decay: float = 0.0,
    epsilon_place: str = "corrected",
    decay_form: str = "decoupled",
) -> Steps:
    """Zhuang et al. (2020), algorithm 2; the two constants are one there."""
    m, s = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        s = beta2 * s + (1.0 - beta2) * (g - m) ** 2 + spread_epsilon
        x -= rate * (m / (1.0 - beta1**t)) / denominator(s, 1.0 - beta2**t, epsilon, epsilon_place)
    return x


def yogi(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-2,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-3,
    initial_accumulator: float = 0.0,
    initial_mean: float = 0.0,
    weight_decay: float = 0.0,
    bias_correction: bool = False,
    epsilon_place: str = "corrected",
    decay_form: str = "decoupled",
) -> Steps:
    """Zaheer et al. (2018), algorithm 2."""
    m, v = initial_mean, initial_accumulator
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        if v > g**2:
            v = v - (1.0 - beta2) * g**2
        elif v < g**2:
            v = v + (1.0 - beta2) * g**2
        weight1, weight2 = (1.0 - beta1**t, 1.0 - beta2**t) if bias_correction else (1.0, 1.0)
        x -= rate * (m / weight1) / denominator(v, weight2, epsilon, epsilon_place)
    return x


def adan(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.98,
    beta2: float = 0.92,
    beta3: float = 0.99,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    start: str = "zero",
    decay_form: str = "proximal",
) -> Steps:
    """Xie et al. (2022), algorithm 1, in the paper's b = 1 − β; from zero with corrected bias as its authors' code."""
    b1, b2, b3 = 1.0 - beta1, 1.0 - beta2, 1.0 - beta3
    m = v = n = before = 0.0
    for k, rate in enumerate(rates):
        g = yield x, x
        if start == "first_gradient" and k == 0:  # m₀ = g₀, v₀ = 0, n₀ = g₀²
            m, v, n = g, 0.0, g**2
        elif start == "first_gradient" and k == 1:  # v₁ = g₁ − g₀
            m, v = (1.0 - b1) * m + b1 * g, g - before
            n = (1.0 - b3) * n + b3 * (g + (1.0 - b2) * (g - before)) ** 2
        else:
            change = g - before if k > 0 else 0.0
            m = (1.0 - b1) * m + b1 * g
            v = (1.0 - b2) * v + b2 * change
            n = (1.0 - b3) * n + b3 * (g + (1.0 - b2) * change) ** 2
        before = g
        c1, c2, c3 = 1.0, 1.0, 1.0
        if start == "zero":
            c1, c2, c3 = (1.0 - (1.0 - b) ** (k + 1) for b in (b1, b2, b3))
        eta = rate / (math.sqrt(n / c3) + epsilon)
        if decay_form == "proximal":
            x = (x - eta * (m / c1 + (1.0 - b2) * v / c2)) / (1.0 + weight_decay * rate)
        else:
            x = x * (1.0 - weight_decay * rate) - eta * (m / c1 + (1.0 - b2) * v / c2)
    return x


def ademamix(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    beta3: float = 0.9999,
    mixing: float = 5.0,
    epsilon: float = 1e-8,
    warmup: float = 0.0,
    weight_decay: float = 0.0,
    epsilon_place: str = "corrected",
) -> Steps:
    """Pagliardini et al. (2024), algorithm 1, with the growth of α and β₃ of section 3."""
    fast, slow, v = 0.0, 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        alpha, decay = mixing, beta3
        if t < warmup:
            part = t / warmup
            alpha = part * mixing
            low, high = math.log(beta1), math.log(beta3)
            decay = math.exp(low * high / ((1.0 - part) * high + part * low))
        fast = beta1 * fast + (1.0 - beta1) * g
        slow = decay * slow + (1.0 - decay) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        step = (fast / (1.0 - beta1**t) + alpha * slow) / denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
        x -= rate * (step + weight_decay * x)
    return x


def adopt(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.9999,
    epsilon: float = 1e-6,
    weight_decay: float = 0.0,
    clipping: bool = True,
    start: str = "zero",
    decay_form: str = "coupled",
) -> Steps:
    """Taniguchi et al. (2024), algorithm 1, and clipped at t^¼ where t counts the steps that move."""
    g = yield x, x
    v = (g + weight_decay * x) ** 2 if decay_form == "coupled" else g**2
    m = 0.0
    for t, rate in enumerate(rates[1:], start=1):
        g = yield x, x
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        quotient = g / max(math.sqrt(v), epsilon)
        if clipping:
            quotient = max(-(t**0.25), min(t**0.25, quotient))
        m = quotient if t == 1 and start == "quotient" else beta1 * m + (1.0 - beta1) * quotient
        x -= rate * m
        v = beta2 * v + (1.0 - beta2) * g**2
    return x


def madgrad(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-2,
    momentum: float = 0.9,
    epsilon: float = 1e-6,
    weight_decay: float = 0.0,
    rate_offset: str = "none",
    decay_form: str = "coupled",
) -> Steps:
    """Defazio and Jelassi (2022), algorithm 1, with c = 1 − momentum; their code for the offset and decay beside."""
    origin, s, squares = x, 0.0, 0.0
    for k, rate in enumerate(rates):
        g = yield x, x
        gamma = rate + epsilon if rate_offset == "epsilon" else rate
        beside = gamma * weight_decay * x if decay_form == "decoupled" else 0.0
        if decay_form == "coupled":
            g += weight_decay * x
        lam = gamma * math.sqrt(k + 1)
        s += lam * g
        squares += lam * g**2
        z = origin - s / (math.cbrt(squares) + epsilon)
        c = 1.0 - momentum
        x = (1.0 - c) * x + c * z - beside
    return x


def rprop(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-2,
    shrink: float = 0.5,
    grow: float = 1.2,
    smallest_step: float = 1e-6,
    largest_step: float = 50.0,
    sign_change: str = "stay",
) -> Steps:
    """Igel and Hüsken (2000): table 4 (iRprop−), table 1 (Rprop+, of Riedmiller and Braun 1993), table 2 (Rprop−)."""
    delta, before, change = min(max(rates[0], smallest_step), largest_step), 0.0, 0.0
    for _ in rates:
        g = yield x, x
        if before * g > 0.0:
            delta = min(delta * grow, largest_step)
            change = -_sign(g) * delta
            x += change
        elif before * g < 0.0:
            delta = max(delta * shrink, smallest_step)
            if sign_change == "go":
                x -= _sign(g) * delta
            else:
                x -= change if sign_change == "back" else 0.0
                g = 0.0
        else:
            change = -_sign(g) * delta
            x += change
        before = g
    return x


def novograd(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 1e-2,
    beta1: float = 0.95,
    beta2: float = 0.98,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    gathering: str = "sum",
) -> Arrays:
    """Ginsburg et al. (2019), algorithm 1, one array being a layer."""
    w, m, v = array, np.zeros_like(array), None
    for rate in rates:
        g = yield w, w
        length = float(np.linalg.norm(g.ravel())) ** 2
        v = length if v is None else beta2 * v + (1.0 - beta2) * length
        entering = g / (math.sqrt(v) + epsilon) + weight_decay * w
        m = beta1 * m + (entering if gathering == "sum" else (1.0 - beta1) * entering)
        w = w - rate * m
    return w


def mars(
    array: np.ndarray,
    rates: list[float],
    learning_rate: float = 3e-3,
    beta1: float = 0.95,
    beta2: float = 0.99,
    variance_reduction: float = 0.025,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
    base: str = "adamw",
    clipping: bool = True,
    first_change: str = "none",
) -> Arrays:
    """Yuan et al. (2024), algorithms 1 to 3 with the previous step's gradient in place of the second one."""
    x, m, v, before = array, np.zeros_like(array), np.zeros_like(array), None
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        if before is None:
            before = g if first_change == "none" else np.zeros_like(g)
        c = g + variance_reduction * beta1 / (1.0 - beta1) * (g - before)
        length = float(np.linalg.norm(c.ravel()))
        if clipping and length > 1.0:
            c = c / length
        m = beta1 * m + (1.0 - beta1) * c
        v = beta2 * v + (1.0 - beta2) * c**2
        adam = (m / (1.0 - beta1**t)) / (np.sqrt(v / (1.0 - beta2**t)) + epsilon)
        step = adam if base == "adamw" else np.sign(m)
        x = x - rate * (step + weight_decay * x)
        before = g
    return x
