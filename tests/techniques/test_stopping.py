"""Early stopping against a literal loop with the semantics of Keras' EarlyStopping."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.techniques import stop_start, stop_step


def literal(losses: list[float], patience: float, min_delta: float) -> tuple[int | None, int | None]:
    """Return at which evaluation Keras would stop and which weights it would restore."""
    best, wait, best_at = math.inf, 0, None
    for i, current in enumerate(losses):
        wait += 1
        if current + min_delta < best:
            best, best_at, wait = current, i, 0
        elif wait >= patience:
            return i, best_at
    return None, best_at


def stepwise(losses: list[float], patience: float, min_delta: float) -> tuple[int | None, int | None]:
    state, stopped_at, best_at = stop_start(np.float64(0)), None, None
    for i, loss in enumerate(losses):
        state, improved = stop_step(state, np.float64(loss), patience, min_delta)
        if improved:
            best_at = i
        if state.stopped and stopped_at is None:
            stopped_at = i
    return stopped_at, best_at


@given(
    losses=st.lists(st.one_of(st.integers(-5, 5).map(float), st.just(math.nan), st.just(math.inf)), max_size=25),
    patience=st.integers(1, 6),
    min_delta=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
)
def test_it_stops_where_keras_would(losses: list[float], patience: int, min_delta: float) -> None:
    assert stepwise(losses, patience, min_delta) == literal(losses, patience, min_delta)


def test_after_stopping_nothing_improves() -> None:
    assert stepwise([3.0, 1.0, 2.0, 2.0, 0.0, -9.0], 2, 0.0) == (3, 1)


def test_an_improvement_of_exactly_the_least_is_none() -> None:
    assert stepwise([3.0, 2.5, 2.0], 9, 0.5) == (None, 2)
    assert stepwise([3.0, 3.0], 1, 0.0) == (1, 0)


def test_without_patience_it_never_stops_yet_knows_the_best() -> None:
    assert stepwise([2.0, 1.0, *[5.0] * 50], math.inf, 0.0) == (None, 1)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_members_stop_by_themselves(dtype: type) -> None:
    losses = jnp.array([[3.0, 3.0], [2.0, 1.0], [4.0, 2.0], [1.0, 2.0], [0.0, 2.0]], dtype)
    patience = jnp.array([9.0, 2.0], jnp.float32)
    start = jax.vmap(stop_start)(losses[0])

    def step(state: object, loss: jax.Array) -> tuple[object, tuple[jax.Array, jax.Array]]:
        new, improved = jax.vmap(stop_step, in_axes=(0, 0, 0, None))(state, loss, patience, 0.0)
        return new, (new.stopped, improved)

    last, (stopped, improved) = jax.lax.scan(step, start, losses)
    np.testing.assert_array_equal(stopped[:, 1], [False, False, False, True, True])
    assert not stopped[:, 0].any()
    np.testing.assert_array_equal(improved.T, [[1, 1, 0, 1, 1], [1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(last.best, [0.0, 1.0])
