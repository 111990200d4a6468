"""Follow optimizers over a function of two variables, every step recorded: a race is a population."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["follow"]


def follow(
    function: Callable[[Any, Any], Any], rules: Sequence[Rule], start: tuple[float, float], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path of every optimizer and the function's value along it.

    Args:
        function: ``(x, y) -> value`` in JAX operations.
        rules: The optimizers with their hyperparameters, R of them.
        start: The point all begin at.
        steps: Number of updates, 1 or more.

    Returns:
        Points, shape (R, steps + 1, 2), and values, shape (R, steps + 1), float64; not finite from
        where an optimizer leaves the range of numbers.
    """
    with jax.enable_x64(True):
        begin = jnp.asarray(start, dtype=jnp.float64)
        program = jax.jit(partial(_follow_all, function, tuple(rules), steps))
        points = program(begin)
        values = jax.vmap(jax.vmap(lambda p: function(p[0], p[1])))(points)
        return np.asarray(points), np.asarray(values)


def _follow_all(function: Callable[[Any, Any], Any], rules: tuple[Rule, ...], steps: int, start: Any) -> Any:
    return jnp.stack([_follow_one(function, rule, steps, start) for rule in rules])


def _follow_one(function: Callable[[Any, Any], Any], rule: Rule, steps: int, start: Any) -> Any:
    gradient = jax.grad(lambda p: function(p[0], p[1]))

    def step(carry: Any, t: Any) -> tuple[Any, Any]:
        leaves, state = carry
        (look,) = lift.lookahead(rule, leaves, state)
        leaves, state = lift.update(rule, leaves, (gradient(look),), state, t)
        return (leaves, state), lift.answer(rule, leaves, state)[0]

    begin = ((start,), lift.init_state(rule, (start,)))
    _, points = jax.lax.scan(step, begin, jnp.arange(1, steps + 1, dtype=start.dtype))
    return jnp.concatenate([start[None], points])
