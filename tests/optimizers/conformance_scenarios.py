"""The sequences of gradients on which rules are held against their references.

Each scenario carries four parameters at once: a tall and a wide matrix, a vector and a scalar.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.arrays import total
from thalweg.optimizers import Rule, lift

SHAPES = ((4, 2), (2, 3), (3,), ())
STEPS = 14  # RAdam's rectification sets in at step 6 for β₂ = 0.999, so that both its regimes are seen
RATE_CHANGES = {5: 0.125, 10: 2.0}  # from these steps on the rate is so many times its first value

Trajectory = list[list[np.ndarray]]  # by step, then by parameter


@dataclass(frozen=True, eq=False)
class Scenario:
    """Starting points, gradients by step, and factors of the learning rate by step.

    The gradient at x in step t is ``gradients[t] + curvature·x``: with a curvature it matters where the rule looks. The
    loss is what has this gradient; estimates of its Hessian's diagonal scatter about the curvature, from element to
    element and from step to step.
    """

    name: str
    starts: tuple[np.ndarray, ...]
    gradients: tuple[tuple[np.ndarray, ...], ...]
    rates: tuple[float, ...]
    curvature: float = 0.0

    def gradient(self, step: int, points: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the gradients in step 1, 2, … at the points where the rule looks."""
        return [np.asarray(g + self.curvature * x) for g, x in zip(self.gradients[step - 1], points, strict=True)]

    def input(self, name: str, table: Sequence[Any], points: Sequence[Any]) -> Any:
        """Return one of what a rule may need beside the gradient, for arrays of any library.

        Args:
            name: Which one.
            table: The step's row of ``gradients``, or some of its arrays or elements.
            points: Where it is asked for, likewise; the direction of a product with the Hessian.
        """
        pairs = list(zip(table, points, strict=True))
        if name == "loss":
            return total([g * x + self.curvature / 2 * x * x for g, x in pairs])
        if name == "second_gradient":
            return [g + self.curvature * x for g, x in pairs]
        if name == "hessian_product":
            return [self.curvature * x for x in points]
        estimates = [self.curvature + 0.75 - 1.5 * g * g / (1 + g * g) for g in table]
        return estimates if name == "hessian_diagonal" else [h * h for h in estimates]


def _draw(
    name: str,
    seed: int,
    change: Callable[[int, np.ndarray], np.ndarray] = lambda step, g: g,
    rates: Mapping[int, float] | None = None,
    curvature: float = 0.0,
) -> Scenario:
    random = np.random.default_rng(seed)
    starts = tuple(np.asarray(random.normal(size=shape)) for shape in SHAPES)
    scales = [np.asarray(10.0 ** random.uniform(-1.5, 1.0, size=shape)) for shape in SHAPES]
    gradients = tuple(
        tuple(np.asarray(change(step, scale * random.normal(size=scale.shape))) for scale in scales)
        for step in range(1, STEPS + 1)
    )
    factors, current = [], 1.0
    for step in range(1, STEPS + 1):
        current = (rates or {}).get(step, current)
        factors.append(current)
    return Scenario(name, starts, gradients, tuple(factors), curvature)


def _some_zero(step: int, g: np.ndarray) -> np.ndarray:
    """No gradient at all in steps 1, 2, 7, 8, 9; the first element never has one."""
    g = np.zeros_like(g) if step in {1, 2, 7, 8, 9} else np.array(g)
    if g.ndim:
        g.flat[0] = 0.0
    return g


def _flipping(step: int, g: np.ndarray) -> np.ndarray:
    return (-1.0) ** step * np.abs(g)


def _fading(step: int, g: np.ndarray) -> np.ndarray:
    return g * 0.5**step


PLAIN = _draw("plain", 1)
RATE_CHANGE = _draw("rate change", 2, rates=RATE_CHANGES)
ZEROS = _draw("zero gradients", 3, change=_some_zero)
FLIPS = _draw("sign flips", 4, change=_flipping)
FADING = _draw("fading gradients", 5, change=_fading)
CURVED = _draw("curved", 6, curvature=0.25, rates=RATE_CHANGES)


def needed(
    rule: Rule,
    scenario: Scenario,
    table: Sequence[Any],
    looks: Sequence[Any],
    leaves: Sequence[Any],
    gradients: Sequence[Any],
    state: Any,
) -> dict[str, Any]:
    """Return what a rule needs beside the gradient in a step, in the library of the arrays given.

    Args:
        rule: The rule.
        scenario: What it is run on.
        table: The step's row of the scenario's gradients.
        looks: Where the gradient is taken.
        leaves: Parameters.
        gradients: What the rule is given.
        state: Its state.
    """
    asked = {
        "second_gradient": lambda: lift.second_points(rule, leaves, gradients, state),
        "hessian_product": lambda: lift.directions(rule, leaves, gradients, state),
    }
    return {name: scenario.input(name, table, asked.get(name, lambda: looks)()) for name in rule.needs}


def run_rule(rule: Rule, scenario: Scenario) -> Trajectory:
    """Return the parameters after every step, in float64 on NumPy."""
    return [[np.asarray(x) for x in points] for points, _ in run_with_state(rule, scenario)]


def run_with_state(rule: Rule, scenario: Scenario) -> list[tuple[tuple[np.ndarray, ...], Any]]:
    """Return parameters and state after every step, in float64 on NumPy."""
    leaves: tuple[Any, ...] = scenario.starts
    state = lift.init_state(rule, leaves)
    base = rule.values().get("learning_rate", 1.0)
    done = []
    for step, factor in enumerate(scenario.rates, start=1):
        current = rule.with_values({"learning_rate": base * factor}) if factor != 1.0 else rule
        looks = lift.lookahead(current, leaves, state)
        g = scenario.gradient(step, looks)
        inputs = needed(current, scenario, scenario.gradients[step - 1], looks, leaves, g, state)
        leaves, state = lift.update(current, leaves, g, state, step, **inputs)
        done.append((leaves, state))
    return done


def largest_difference(a: Trajectory, b: Trajectory) -> tuple[float, int]:
    """Return the largest difference relative to max(1, |b|), and the first step where it exceeds 1e-12."""
    worst, first = 0.0, 0
    for step, (left, right) in enumerate(zip(a, b, strict=True), start=1):
        for x, y in zip(left, right, strict=True):
            if x.shape != y.shape:
                raise AssertionError(f"step {step}: shape {x.shape} against {y.shape}")
            error = np.abs(x - y) / np.maximum(1.0, np.abs(y))
            here = float(np.max(np.where(np.isnan(error), np.inf, error)))
            first = first or (step if here > 1e-12 else 0)
            worst = max(worst, here)
    return worst, first
