"""Sharpness-aware minimization, cautious updates and slow weights on arrays of NumPy, JAX and PyTorch."""

from collections.abc import Callable
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from thalweg.errors import InvalidValueError
from thalweg.techniques import Lookahead, ascended, cautious, lookahead_shares, pulled_back

LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "jax": jnp.asarray,
    "torch": torch.tensor,
    "strict": array_api_strict.asarray,
}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(4, 3)), RNG.normal(size=3)]
G = [RNG.normal(size=(4, 3)), RNG.normal(size=3)]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(True):
        yield LIBRARIES[request.param]


def _norm(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(a**2) for a in arrays)))


def test_the_way_up_has_the_radius_as_length(library: Any) -> None:
    found = [np.asarray(a) for a in ascended([library(a) for a in X], [library(a) for a in G], 0.5)]
    ways = [a - x for a, x in zip(found, X, strict=True)]
    assert _norm(ways) == pytest.approx(0.5, rel=1e-12)
    for way, g in zip(ways, G, strict=True):
        np.testing.assert_allclose(way, 0.5 * g / _norm(G), rtol=1e-12)


def test_the_adaptive_way_does_not_care_for_the_scale_of_a_layer(library: Any) -> None:
    """With weights ten times as large the gradient is a tenth, and the point uphill is ten times as far out."""
    large, small = [10 * X[0], X[1]], [G[0] / 10, G[1]]
    one = ascended([library(a) for a in X], [library(a) for a in G], 0.5, 1.0)
    two = ascended([library(a) for a in large], [library(a) for a in small], 0.5, 1.0)
    np.testing.assert_allclose(np.asarray(two[0]), 10 * np.asarray(one[0]), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(two[1]), np.asarray(one[1]), rtol=1e-12)


@pytest.mark.parametrize(("radius", "scale"), [(0.0, 1.0), (0.5, 0.0), (0.0, np.nan)])
def test_without_a_way_the_weights_stay_to_the_bit(library: Any, radius: float, scale: float) -> None:
    found = ascended([library(a) for a in X], [library(scale * a) for a in G], radius, 1.0, 0.01)
    for a, x in zip(found, X, strict=True):
        np.testing.assert_array_equal(np.asarray(a), x)


def test_large_gradients_do_not_overflow() -> None:
    x, g = [np.zeros(2, np.float32)], [np.array([3e30, 4e30], np.float32)]
    np.testing.assert_allclose(ascended(x, g, 1.0)[0], [0.6, 0.8], rtol=1e-6)


def test_the_way_up_is_that_of_optax() -> None:
    rule = optax.contrib.normalize()
    expected, _ = rule.update([jnp.asarray(a) for a in G], rule.init(X))
    for a, x, e in zip(ascended(X, G, 0.25), X, expected, strict=True):
        np.testing.assert_allclose(a - x, 0.25 * np.asarray(e), rtol=1e-5, atol=1e-7)


def test_a_cautious_step_keeps_what_agrees(library: Any) -> None:
    before, after = [np.zeros(4)], [np.array([-1.0, 2.0, -3.0, 0.0])]
    g = [np.array([1.0, 1.0, 1.0, 1.0])]
    (found,) = cautious([library(a) for a in after], [library(a) for a in before], [library(a) for a in g], 1e-3)
    np.testing.assert_allclose(np.asarray(found), [-2.0, 0.0, -6.0, 0.0])
    (bounded,) = cautious([library(a) for a in after], [library(a) for a in before], [library(a) for a in g], 0.8)
    np.testing.assert_allclose(np.asarray(bounded), [-1.25, 0.0, -3.75, 0.0])
    (plain,) = cautious([library(a) for a in after], [library(a) for a in before], [library(a) for a in g], 0.8, 0.0)
    np.testing.assert_array_equal(np.asarray(plain), after[0])


def test_a_cautious_step_lets_nan_through_and_may_stand_still() -> None:
    ones = [np.ones(3)]
    (found,) = cautious([np.array([np.nan, 0.0, 2.0])], ones, ones, 1e-3)
    assert np.isnan(found[0])
    assert found[2] == 1.0
    np.testing.assert_array_equal(cautious([np.full(3, 2.0)], ones, ones, 1e-3)[0], ones[0])


def test_slow_weights_follow(library: Any) -> None:
    slow, fast = pulled_back([library(a) for a in X], [library(a) for a in G], 0.25)
    for s, f, x, g in zip(slow, fast, X, G, strict=True):
        np.testing.assert_allclose(np.asarray(s), 0.75 * x + 0.25 * g, rtol=1e-12)
        np.testing.assert_array_equal(np.asarray(f), np.asarray(s))
    slow, fast = pulled_back([library(a) for a in X], [library(a) for a in G], 0.0)
    for s, f, x, g in zip(slow, fast, X, G, strict=True):
        np.testing.assert_array_equal(np.asarray(s), x)
        np.testing.assert_array_equal(np.asarray(f), g)


def test_slow_weights_are_those_of_optax() -> None:
    rule = optax.lookahead(optax.adam(0.1), sync_period=3, slow_step_size=0.6)
    params = optax.LookaheadParams.init_synced([jnp.asarray(a) for a in X])
    state, own = rule.init(params), optax.adam(0.1)
    slow, fast = [jnp.asarray(a) for a in X], [jnp.asarray(a) for a in X]
    own_state = own.init(fast)
    shares = lookahead_shares(Lookahead(every=3, share=0.6), 7)
    for step, share in enumerate(shares):
        g = [jnp.asarray(a) * (-1.0) ** step for a in G]
        changes, state = rule.update(g, state, params)
        params = optax.apply_updates(params, changes)
        moves, own_state = own.update(g, own_state, fast)
        slow, fast = pulled_back(slow, optax.apply_updates(fast, moves), float(share))
        for a, b in zip([*slow, *fast], [*params.slow, *params.fast], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_slow_weights_that_never_move_are_refused() -> None:
    with pytest.raises(
        InvalidValueError, match=r"lookahead: every = 9 .* the run has 8 updates; give a whole number in"
    ):
        lookahead_shares(Lookahead(every=9), 8)
