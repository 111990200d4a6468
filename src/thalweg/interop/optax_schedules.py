"""Schedules for Optax' constructors, of which not all take a function of the step where they take a rate."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from thalweg.interop.optax_rules import OptaxRule

__all__ = ["RemadeState", "with_schedules"]


class RemadeState(NamedTuple):
    """What a transformation that is made anew in each step carries.

    Attributes:
        count: Updates taken, int32, 0-d.
        inner_state: The state of the transformation itself.
    """

    count: Any
    inner_state: Any


def with_schedules(rule: OptaxRule, schedules: Mapping[str, Callable[[Any], Any]]) -> Any:
    """Return the transformation of a rule with some of its numbers following schedules.

    Args:
        rule: The rule.
        schedules: Functions of the number of updates taken, 0 at the first, by argument of the constructor.

    Returns:
        What the constructor makes of the functions. Where it takes none, a transformation that is made anew with their
        values in each step, as in a run of ours.
    """
    try:
        made = rule.transformation(**schedules)
        jax.eval_shape(lambda x: _first_step(made, x, rule), {"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)})
    except Exception:  # whatever a constructor raises that reckons with a function
        return _remade(rule, schedules)
    return made


def _first_step(made: Any, x: Any, rule: OptaxRule) -> Any:
    return made.update(x, made.init(x), x, **({"value": jnp.ones(())} if rule.needs else {}))


def _remade(rule: OptaxRule, schedules: Mapping[str, Callable[[Any], Any]]) -> optax.GradientTransformationExtraArgs:
    def made_at(count: Any) -> Any:
        values = {name: schedule(count) for name, schedule in schedules.items()}
        return optax.with_extra_args_support(rule.transformation(**values))

    def init(params: Any) -> RemadeState:
        count = jnp.zeros((), jnp.int32)
        return RemadeState(count, made_at(count).init(params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, RemadeState]:
        moved, inner = made_at(state.count).update(updates, state.inner_state, params, **extra)
        return moved, RemadeState(optax.safe_increment(state.count), inner)

    return optax.GradientTransformationExtraArgs(init, update)
