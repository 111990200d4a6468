"""Numbers of a transformation that come from outside its state, and what else it is rebuilt with."""

import copy
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import thalweg.interop.optax as rules
from thalweg.errors import InvalidValueError
from thalweg.interop.optax_rules import rule_from
from thalweg.optimizers import lift

ONE = jnp.ones(())


@pytest.mark.parametrize("compiled", [False, True])
def test_injected_schedules_are_followed(compiled: bool) -> None:
    injected = optax.inject_hyperparams(rules.sgd)(learning_rate=optax.linear_schedule(0.0, 1.0, 4))
    update = jax.jit(injected.update) if compiled else injected.update
    state = injected.init(ONE)
    steps = []
    moved: Any
    for _ in range(4):
        moved, state = update(ONE, state, ONE)
        steps.append(float(moved))
    assert steps == [0.0, -0.25, -0.5, -0.75]
    if compiled:
        assert update._cache_size() == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("rate", [0.1, jnp.asarray(0.1)])
def test_a_transformation_made_anew_in_a_compiled_step(rate: Any) -> None:
    @jax.jit
    def step(state: Any, rate: Any) -> Any:
        return rules.sgd(learning_rate=rate).update(ONE, state, ONE)

    state = rules.sgd(learning_rate=rate).init(ONE)
    for value in (0.5, 0.25):
        moved, state = step(state, value)
        assert float(moved) == -value
        assert float(optax.tree_utils.tree_get(state, "learning_rate")) == value


def test_what_is_set_in_the_state_counts_where_nothing_new_came_from_outside() -> None:
    transformation = rules.sgd(learning_rate=jnp.asarray(0.5))
    state = transformation.init(ONE)
    state = optax.tree_utils.tree_set(state, learning_rate=0.25)
    for _ in range(2):
        moved, state = transformation.update(ONE, state, ONE)
        assert float(moved) == -0.25


def test_the_points_use_numbers_from_outside() -> None:
    made = functools.partial(rules.nesterov, learning_rate=0.5)
    _, state = made(momentum=jnp.asarray(0.5)).update(ONE, made(momentum=0.5).init(ONE), ONE)
    near, far = (float(made(momentum=jnp.asarray(value)).lookahead(ONE, state)) for value in (0.25, 0.5))
    assert (1 - far) == pytest.approx(2 * (1 - near))


def chained(learning_rate: float = 0.1) -> Any:
    return optax.chain(optax.clip(1.0), rules.sgd(learning_rate=learning_rate))


def warmed(learning_rate: float = 0.1) -> Any:
    return optax.sgd(optax.linear_schedule(1e-3, learning_rate, 100))


def grown(learning_rate: float = 0.1) -> Any:
    return optax.rprop(learning_rate)


def injected(learning_rate: float = 0.1) -> Any:
    return optax.inject_hyperparams(optax.sgd)(learning_rate=learning_rate)


def test_contenders_made_of_our_rules_follow_their_schedule() -> None:
    made: Any = rule_from(chained)
    x = (jnp.ones(2),)
    state = lift.init_state(made(learning_rate=0.5), x)
    (after,), _ = lift.update(made(learning_rate=0.25), x, x, state, 1)
    np.testing.assert_array_equal(after, 0.75)
    for make in (warmed, grown):
        assert rule_from(make)().values() == {"learning_rate": 0.1}


def test_a_contender_that_no_schedule_can_change_is_refused() -> None:
    words = "'injected' keeps its first learning_rate in its state, so that no schedule can change it; give a function"
    with pytest.raises(InvalidValueError, match=words):
        rule_from(injected)


def test_a_transformation_is_rebuilt_by_jax_and_by_copy() -> None:
    made = rules.adam(learning_rate=0.5)
    for again in (jax.tree.map(lambda part: part, made), copy.copy(made), copy.deepcopy(made)):
        assert again.rule == made.rule
        moved, state = again.update(ONE, again.init(ONE), ONE)
        assert float(moved) == pytest.approx(-0.5)
        assert again.answer(ONE, state) is ONE
