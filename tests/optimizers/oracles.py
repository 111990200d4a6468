"""Every rule once more: one number at a time, in plain Python, straight from the papers.

Nothing here knows the package under test. An oracle is a generator that keeps the state of a single parameter in
local variables: it goes through the learning rates of the steps, yields the point at which it wants the gradient and
the parameter itself, is sent the gradient, and returns the last parameter. Its keyword defaults are the numbers that
the source names (the common ones where it names none).
"""

import inspect
import math
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias

import numpy as np
from conformance_scenarios import Scenario, Trajectory

Steps: TypeAlias = Generator[tuple[float, float], float, float]  # yields (look here, parameter), is sent a gradient


def run(oracle: Callable[..., Any], settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    """Return the parameters after every step: element by element, or as the oracle's first parameter says.

    ``array``: the oracle is given one whole array, ``arrays``: the list of all arrays; ``yield`` and what is sent are
    shaped likewise. An oracle with a parameter ``asks`` is sent the gradient and a function: ``ask(name)`` gives
    what a rule may need beside the gradient where the oracle looks, ``ask(name, point)`` elsewhere; only an oracle of
    all arrays can ask for the loss.
    """
    parameters = inspect.signature(oracle).parameters
    if "scenario" in parameters:
        return _run_together(oracle, settings, scenario)
    if "array" in parameters:
        groups = [[leaf] for leaf in range(len(scenario.starts))]
        return _run_arrays(oracle, settings, scenario, groups, single=True)
    if "arrays" in parameters:
        return _run_arrays(oracle, settings, scenario, [list(range(len(scenario.starts)))], single=False)
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
                table = float(scenario.gradients[step][leaf][index])
                g = table + scenario.curvature * look
                try:
                    look, x = steps.send((g, _one_asked(scenario, table, look)) if "asks" in parameters else g)
                except StopIteration as last:
                    x = last.value
                done[step][leaf][index] = x
    return done


def _run_arrays(
    oracle: Callable[..., Any],
    settings: Mapping[str, Any],
    scenario: Scenario,
    groups: list[list[int]],
    single: bool,
) -> Trajectory:
    """Run an oracle on whole arrays, one by one or all together."""
    settings = dict(settings)
    base = settings.pop("learning_rate", None)
    if base is None and "learning_rate" in inspect.signature(oracle).parameters:
        base = inspect.signature(oracle).parameters["learning_rate"].default
    rates = [(1.0 if base is None else base) * factor for factor in scenario.rates]
    done = [[np.empty_like(x) for x in scenario.starts] for _ in rates]
    for group in groups:
        starts = [scenario.starts[leaf].copy() for leaf in group]
        steps = oracle(starts[0] if single else starts, rates, **settings)
        looks, _ = next(steps)
        for step in range(len(done)):
            at = [looks] if single else looks
            g = [scenario.gradients[step][leaf] + scenario.curvature * x for leaf, x in zip(group, at, strict=True)]
            sent: Any = g[0] if single else g
            if "asks" in inspect.signature(oracle).parameters:
                sent = sent, _asked(scenario, [scenario.gradients[step][leaf] for leaf in group], at, single)
            try:
                looks, points = steps.send(sent)
            except StopIteration as last:
                points = last.value
            for leaf, x in zip(group, [points] if single else points, strict=True):
                done[step][leaf][...] = x
    return done


def _one_asked(scenario: Scenario, table: float, look: float) -> Callable[..., float]:
    def ask(name: str, point: float = look) -> float:
        assert name != "loss", "the loss is that of all arrays"
        return float(scenario.input(name, [np.asarray(table)], [np.asarray(point)])[0])

    return ask


def _asked(scenario: Scenario, table: list[np.ndarray], looks: list[np.ndarray], single: bool) -> Callable[..., Any]:
    def ask(name: str, point: Any = None) -> Any:
        points = looks if point is None else [point] if single else point
        assert not (single and name == "loss"), "the loss is that of all arrays"
        found = scenario.input(name, table, points)
        return found if name == "loss" else found[0] if single else found

    return ask


def _run_together(oracle: Callable[..., Any], settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
    """Run an oracle that looks at the vector of all parameters together (or of each array by itself)."""
    settings = dict(settings)
    groups = [[leaf] for leaf in range(len(scenario.starts))]
    if settings.pop("scope", "all") == "all":
        groups = [list(range(len(scenario.starts)))]
    done = [[np.empty_like(x) for x in scenario.starts] for _ in scenario.rates]
    for group in groups:
        x = np.concatenate([scenario.starts[leaf].ravel() for leaf in group])
        steps = [np.concatenate([g[leaf].ravel() for leaf in group]) for g in scenario.gradients]
        for step, point in enumerate(oracle(x, steps, scenario, **settings)):
            position = 0
            for leaf in group:
                size = scenario.starts[leaf].size
                done[step][leaf] = point[position : position + size].reshape(scenario.starts[leaf].shape)
                position += size
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


def decayed(x: float, g: float, rate: float, weight_decay: float, form: str) -> tuple[float, float]:
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
        x, g = decayed(x, g, rate, weight_decay, decay_form)
        square = decay * square + (1.0 - decay) * g**2
        change = -math.sqrt(square_of_steps + epsilon) / math.sqrt(square + epsilon) * g
        entering = change if accumulated_step == "unscaled" else rate * change
        square_of_steps = decay * square_of_steps + (1.0 - decay) * entering**2
        x = x + rate * change
    return x
