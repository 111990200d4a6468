"""Every rule once more: one number at a time, in plain Python, straight from the papers.

Nothing here knows the package under test. An oracle is a generator that keeps the state of a single parameter in
local variables: it goes through the learning rates of the steps, yields the point at which it wants the gradient and
the parameter itself, is sent the gradient, and returns the last parameter. Its keyword defaults are the numbers that
the source names (the common ones where it names none).
"""

import functools
import inspect
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from conformance_scenarios import Scenario, Trajectory

Steps: TypeAlias = Generator[tuple[float, float], float, float]  # yields (look here, parameter), is sent a gradient


def run(oracle: Callable[..., Any], settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    """Return the parameters after every step, element by element."""
    if oracle is swats:
        return _run_together(settings, scenario)
    settings = dict(settings)
    base = settings.pop("learning_rate", None)
    if base is None:
        base = inspect.signature(oracle).parameters["learning_rate"].default
    done = [[np.empty_like(x) for x in scenario.starts] for _ in scenario.rates]
    for leaf, start in enumerate(scenario.starts):
        for index in np.ndindex(start.shape):
            steps = oracle(float(start[index]), [base * factor for factor in scenario.rates], **settings)
            look, _ = next(steps)
            for step in range(len(done)):
                g = float(scenario.gradients[step][leaf][index]) + scenario.curvature * look
                try:
                    look, x = steps.send(g)
                except StopIteration as last:
                    x = last.value
                done[step][leaf][index] = x
    return done


def sgd(x: float, rates: list[float], learning_rate: float = 0.01, weight_decay: float = 0.0) -> Steps:
    """Robbins and Monro (1951); Goodfellow et al. (2016), algorithm 8.1."""
    for rate in rates:
        g = yield x, x
        x = x - rate * (g + weight_decay * x)
    return x


def momentum(
    x: float,
    rates: list[float],
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    rate_place: str = "inside",
    first_step: str = "dampened",
    decay_form: str = "coupled",
) -> Steps:
    """Goodfellow et al. (2016), algorithm 8.2: v ← αv − εg, θ ← θ + v; Polyak (1964), eq. 9."""
    v = 0.0
    first = True
    for rate in rates:
        g = yield x, x
        if decay_form == "coupled":
            g += weight_decay * x
        else:
            x -= rate * weight_decay * x
        if not (first and first_step == "undampened"):
            g *= 1.0 - dampening
        first = False
        if rate_place == "inside":
            v = momentum * v - rate * g
            x = x + v
        else:
            v = momentum * v + g
            x = x - rate * v
    return x


def nesterov(
    x: float,
    rates: list[float],
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    form: str = "lookahead",
    rate_place: str = "inside",
    decay_form: str = "coupled",
) -> Steps:
    """Sutskever et al. (2013), eqs. 3–4; the rewritten form after Bengio et al. (2013), eqs. 6–7.

    With the rate outside, v is the velocity per unit of rate; the lookahead then uses the rate of its own step.
    """
    v = 0.0  # the displacement per step, or (rate outside) the displacement divided by minus the rate
    for rate in rates:
        look = x
        if form == "lookahead":
            look = x + momentum * v if rate_place == "inside" else x - rate * momentum * v
        g = yield look, x
        if decay_form == "coupled":
            g += weight_decay * look
        else:
            x -= rate * weight_decay * x
        if rate_place == "inside":
            v = momentum * v - rate * g
            x += momentum * v - rate * g if form == "rewritten" else v
        else:
            v = momentum * v + g
            x -= rate * (g + momentum * v) if form == "rewritten" else rate * v
    return x


def adagrad(
    x: float,
    rates: list[float],
    learning_rate: float = 0.01,
    epsilon: float = 1e-7,
    initial_accumulator: float = 0.0,
    learning_rate_decay: float = 0.0,
    weight_decay: float = 0.0,
    epsilon_place: str = "outside",
    decay_form: str = "coupled",
) -> Steps:
    """Duchi et al. (2011), figure 1, diagonal; the numbers of Goodfellow et al. (2016), algorithm 8.4."""
    r = initial_accumulator
    for earlier_steps, rate in enumerate(rates):
        g = yield x, x
        if decay_form == "coupled":
            g += weight_decay * x
        else:
            x *= 1.0 - rate * weight_decay
        r += g**2
        rate /= 1.0 + earlier_steps * learning_rate_decay
        denominator = math.sqrt(r) + epsilon if epsilon_place == "outside" else math.sqrt(r + epsilon)
        x -= rate * g / denominator
    return x


def rmsprop(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-3,
    decay: float = 0.9,
    epsilon: float = 1e-6,
    momentum: float = 0.0,
    initial_accumulator: float = 0.0,
    weight_decay: float = 0.0,
    centered: bool = False,
    momentum_buffer: bool = False,
    epsilon_place: str = "inside",
    rate_place: str = "inside",
    bias_correction: bool = False,
    decay_form: str = "coupled",
) -> Steps:
    """Hinton's slide (ρ = 0.9) with the ε of Goodfellow et al. (2016), algorithm 8.5; Graves (2013), eqs. 38–45."""
    square, mean, buffer = initial_accumulator, 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        g = yield x, x
        if decay_form == "coupled":
            g += weight_decay * x
        else:
            x *= 1.0 - rate * weight_decay
        square = decay * square + (1.0 - decay) * g**2
        mean = decay * mean + (1.0 - decay) * g
        weight = 1.0 - decay**t if bias_correction else 1.0
        spread = square / weight
        if centered:
            spread = max(0.0, spread - (mean / weight) ** 2)
        denominator = math.sqrt(spread + epsilon) if epsilon_place == "inside" else math.sqrt(spread) + epsilon
        if not momentum_buffer:
            x -= rate * g / denominator
        elif rate_place == "inside":
            buffer = momentum * buffer + rate * g / denominator
            x -= buffer
        else:
            buffer = momentum * buffer + g / denominator
            x -= rate * buffer
    return x


def rmsprop_graves(
    x: float,
    rates: list[float],
    learning_rate: float = 1e-4,
    decay: float = 0.95,
    epsilon: float = 1e-4,
    momentum: float = 0.9,
) -> Steps:
    """Graves (2013), eqs. 38–45: n, g and Δ as in the paper, with its numbers 0.95, 0.9 and 0.0001."""
    n, average, delta = 0.0, 0.0, 0.0
    for rate in rates:
        gradient = yield x, x
        n = decay * n + (1 - decay) * gradient * gradient
        average = decay * average + (1 - decay) * gradient
        delta = momentum * delta - rate * gradient / math.sqrt(n - average * average + epsilon)
        x += delta
    return x


def _denominator(v: float, weight: float, epsilon: float, place: str) -> float:
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
        x -= rate * (m / (1.0 - beta1**t)) / _denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
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
        step = rate * (m / (1.0 - beta1**t)) / _denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
        decay = weight_decay * x if decay_scale == "independent" else rate * weight_decay * x
        x = x - step - decay
    return x


def _decayed(x: float, g: float, rate: float, weight_decay: float, form: str) -> tuple[float, float]:
    """Return parameter and gradient after weight decay, coupled (L2 penalty) or decoupled."""
    if form == "coupled":
        return x, g + weight_decay * x
    if form == "decoupled":
        return x - rate * weight_decay * x, g
    raise ValueError(form)


def adadelta(
    x: float,
    rates: list[float],
    learning_rate: float = 1.0,
    decay: float = 0.95,
    epsilon: float = 1e-6,
    weight_decay: float = 0.0,
    accumulated_step: str = "unscaled",
    decay_form: str = "coupled",
) -> Steps:
    """Zeiler (2012), algorithm 1: Δx = −RMS[Δx]/RMS[g]·g; his experiments' ρ = 0.95, ε = 1e-6, no rate."""
    square, square_of_steps = 0.0, 0.0
    for rate in rates:
        g = yield x, x
        x, g = _decayed(x, g, rate, weight_decay, decay_form)
        square = decay * square + (1.0 - decay) * g**2
        change = -math.sqrt(square_of_steps + epsilon) / math.sqrt(square + epsilon) * g
        entering = change if accumulated_step == "unscaled" else rate * change
        square_of_steps = decay * square_of_steps + (1.0 - decay) * entering**2
        x = x + rate * change
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
        x, g = _decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        weight1, weight2 = 1.0 - beta1**t, 1.0 - beta2**t
        if correction == "none":
            largest = max(largest, v)
            x -= rate * m / _denominator(largest, 1.0, epsilon, epsilon_place)
        elif correction == "after_maximum":
            largest = max(largest, v)
            x -= rate * (m / weight1) / _denominator(largest, weight2, epsilon, epsilon_place)
        else:
            largest = max(largest, v / weight2)
            x -= rate * (m / weight1) / _denominator(largest, 1.0, epsilon, epsilon_place)
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
        x, g = _decayed(x, g, rate, weight_decay, decay_form)
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
        x, g = _decayed(x, g, rate, weight_decay, decay_form)
        own = mu[t] if average_decay == "scheduled" else beta1
        m = own * m + (1.0 - own) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        this = 1.0 - math.prod(mu[1 : t + 1])
        following = 1.0 - math.prod(mu[1 : t + 2]) if momentum_correction == "next_step" else this
        m_hat = mu[t + 1] * m / following + (1.0 - mu[t]) * g / this
        n = beta2 * v if square_factor == "beta2" else v
        x -= rate * m_hat / _denominator(n, 1.0 - beta2**t, epsilon, epsilon_place)
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
        x, g = _decayed(x, g, rate, weight_decay, decay_form)
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g**2
        m_hat = m / (1.0 - beta1**t)
        limit, length = averaged_length(beta2, t)
        if length > threshold:
            rectified = math.sqrt(float((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)))
            x -= rate * rectified * m_hat / _denominator(v, 1.0 - beta2**t, epsilon, epsilon_place)
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


def _run_together(settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    """Keskar and Socher (2017), algorithm 1, on the vector of all parameters (or on each array by itself).

    The projected rate is kept in units of the current rate, which is the same where the rate is constant.
    """
    settings = dict(settings)
    groups = [[leaf] for leaf in range(len(scenario.starts))]
    if settings.pop("scope", "all") == "all":
        groups = [list(range(len(scenario.starts)))]
    done = [[np.empty_like(x) for x in scenario.starts] for _ in scenario.rates]
    for group in groups:
        x = np.concatenate([scenario.starts[leaf].ravel() for leaf in group])
        steps = [np.concatenate([g[leaf].ravel() for leaf in group]) for g in scenario.gradients]
        for step, point in enumerate(swats(x, steps, scenario, **settings)):
            position = 0
            for leaf in group:
                size = scenario.starts[leaf].size
                done[step][leaf] = point[position : position + size].reshape(scenario.starts[leaf].shape)
                position += size
    return done


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
    """Yield the parameters after every step; the names are those of the paper's algorithm 1."""
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
        roots = np.array([_denominator(float(element), 1.0 - beta2**k, epsilon, epsilon_place) for element in a])
        p = -alpha * (m / (1.0 - beta1**k)) / roots
        w = w + p
        if p @ g != 0.0:
            gamma = (p @ p) / -(p @ g) / alpha
            lamda = beta2 * lamda + (1.0 - beta2) * gamma
            mean = lamda / (1.0 - beta2**k)
            if k > 1 and mean > 0.0 and abs(alpha * mean - alpha * gamma) < switch_tolerance:
                phase, v, capital = "SGD", np.zeros_like(w), mean
        yield w
