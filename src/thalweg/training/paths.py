"""Follow optimizers over a function of two variables, every step recorded: a race is a population."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule
from thalweg.training.inputs import RANDOM, Problem, check_inputs, rule_inputs

__all__ = ["check_racer", "final_values", "follow"]

SEED = 0  # of what a rule estimates with random numbers, so that a race is always the same
Function: TypeAlias = Callable[[Any, Any], Any]  # (x, y) -> value in JAX operations


def follow(
    function: Function, rules: Sequence[Rule], start: tuple[float, float], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path of every optimizer and the function's value along it.

    Args:
        function: What is descended on.
        rules: The optimizers with their hyperparameters, R of them.
        start: The point all begin at.
        steps: Number of updates, 1 or more.

    Returns:
        Points, shape (R, steps + 1, 2), and values, shape (R, steps + 1), float64; not finite from
        where an optimizer leaves the range of numbers.
    """
    with jax.enable_x64(True):
        points = jax.jit(partial(_each_path, function, tuple(rules), steps))(jnp.asarray(start, dtype=jnp.float64))
        values = function(points[..., 0], points[..., 1])
        return np.asarray(points), np.asarray(values)


def final_values(
    function: Function, rule: Rule, rates: np.ndarray, start: tuple[float, float], steps: int
) -> np.ndarray:
    """Return the value after ``steps`` updates for each learning rate, shape like ``rates``, float64."""
    with jax.enable_x64(True):

        def end(rate: Any) -> Any:
            path = _path(function, rule.with_values({"learning_rate": rate}), steps, begin)
            return function(path[-1, 0], path[-1, 1])

        begin = jnp.asarray(start, dtype=jnp.float64)
        return np.asarray(jax.jit(jax.vmap(end))(jnp.asarray(rates, dtype=jnp.float64)))


def check_racer(rule: Rule) -> None:
    """Refuse an optimizer that needs more than a function has.

    Raises:
        InvalidValueError: It draws labels from a model.
    """
    check_inputs(rule, where="a function of two variables", sampled=False, grouped=False)


def _each_path(function: Function, rules: tuple[Rule, ...], steps: int, start: Any) -> Any:
    return jnp.stack([_path(function, rule, steps, start) for rule in rules])


def _path(function: Function, rule: Rule, steps: int, start: Any) -> Any:
    def loss(leaves: Any) -> Any:
        return function(leaves[0][0], leaves[0][1])

    def step(carry: Any, t: Any) -> tuple[Any, Any]:
        leaves, state = carry
        look = lift.lookahead(rule, leaves, state)
        value, gradient = jax.value_and_grad(loss)(look)
        key = jax.random.fold_in(jax.random.key(SEED), t) if rule.needs & RANDOM else None
        problem = Problem(loss, jax.grad(loss), None, look, value, key)
        inputs = rule_inputs(rule, problem, leaves, gradient, state, t)
        leaves, state = lift.update(rule, leaves, gradient, state, t, **inputs)
        return (leaves, state), lift.answer(rule, leaves, state)[0]

    begin = ((start,), lift.init_state(rule, (start,)))
    _, points = jax.lax.scan(step, begin, jnp.arange(1, steps + 1, dtype=start.dtype))
    return jnp.concatenate([start[None], points])
