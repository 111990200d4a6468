"""Reduce on plateau against torch's, evaluation by evaluation, alone, stacked and under jax.vmap."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from thalweg.schedules import Plateau, Product, WarmUp, parse_schedule, plateau_of, plateau_start, plateau_step

SETTINGS = (
    Plateau(),
    Plateau(patience=0, decay=0.5),
    Plateau(patience=2, decay=0.3, threshold=0.05, cooldown=3),
    Plateau(patience=1, decay=0.5, minimum=0.2),
    Plateau(patience=1, decay=0.5, threshold=0.0, cooldown=1, minimum=0.01),
)


def factors(plateau: Plateau, losses: np.ndarray) -> np.ndarray:
    """Return the factor after each evaluation."""
    state, met = plateau_start(np.asarray(0.0)), []
    for loss in losses:
        state = plateau_step(state, np.asarray(loss), plateau.values())
        met.append(float(state.factor))
    return np.asarray(met)


def of_torch(plateau: Plateau, losses: np.ndarray) -> np.ndarray:
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=1.0)
    schedule = ReduceLROnPlateau(
        optimizer,
        factor=plateau.decay,
        patience=plateau.patience,
        threshold=plateau.threshold,
        cooldown=plateau.cooldown,
        min_lr=plateau.minimum,
        eps=0.0,
    )
    met = []
    for loss in losses:
        schedule.step(float(loss))
        met.append(optimizer.param_groups[0]["lr"])
    return np.asarray(met)


def noisy_losses(seed: int, count: int = 80) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(-np.arange(count) / 20) + 0.3 + 0.05 * rng.standard_normal(count)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("plateau", SETTINGS, ids=range(len(SETTINGS)))
def test_equal_to_torch(plateau: Plateau, seed: int) -> None:
    losses = noisy_losses(seed, 160)
    expected = of_torch(plateau, losses)
    np.testing.assert_array_equal(factors(plateau, losses), expected)
    assert expected[-1] < 1  # something happened


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0, 2.0, float("inf"), float("nan")]), min_size=1, max_size=30),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([0.0, 0.3]),
)
def test_equal_to_torch_for_any_losses(
    losses: list[float], patience: int, cooldown: int, threshold: float, minimum: float
) -> None:
    plateau = Plateau(decay=0.5, patience=patience, cooldown=cooldown, threshold=threshold, minimum=minimum)
    np.testing.assert_array_equal(factors(plateau, np.asarray(losses)), of_torch(plateau, np.asarray(losses)))


def test_optax_reduces_after_patience_evaluations_not_one_more() -> None:
    losses = noisy_losses(5, 40)
    transform = optax.contrib.reduce_on_plateau(factor=0.5, patience=3, rtol=1e-4, atol=0.0)
    state, met = transform.init(jnp.zeros(1)), []
    update = jax.jit(lambda state, loss: transform.update(jnp.zeros(1), state, value=loss))
    for loss in losses:
        _, state = update(state, jnp.asarray(loss, jnp.float32))
        met.append(float(state.scale))
    np.testing.assert_allclose(factors(Plateau(decay=0.5, patience=2), losses), met, rtol=1e-6)


def test_earliest_reduction_is_where_the_border_says() -> None:
    assert np.argmax(factors(Plateau(patience=4), np.ones(10)) < 1) + 1 == 4 + 2


def test_runs_side_by_side_as_one_by_one() -> None:
    losses = np.stack([noisy_losses(seed) for seed in range(4)])
    plateau = SETTINGS[2]
    state, met = plateau_start(losses[:, 0]), []
    for column in losses.T:
        state = plateau_step(state, column, plateau.values())
        met.append(state.factor)
    np.testing.assert_array_equal(np.stack(met, 1), [factors(plateau, row) for row in losses])


def test_members_with_settings_of_their_own_under_vmap_and_scan() -> None:
    # As in the engine: one program, each member with its own settings and losses.
    losses = np.stack([noisy_losses(seed) for seed in range(len(SETTINGS))])
    numbers = {key: np.asarray([getattr(p, key) for p in SETTINGS], dtype=float) for key in Plateau().values()}

    def member(losses: Any, numbers: Any) -> Any:
        def step(state: Any, loss: Any) -> Any:
            state = plateau_step(state, loss, numbers)
            return state, state.factor

        return jax.lax.scan(step, plateau_start(losses[0]), losses)[1]

    with jax.enable_x64(True):
        met = jax.jit(jax.vmap(member))(jnp.asarray(losses), jax.tree.map(jnp.asarray, numbers))
        assert met.dtype == jnp.float64
        np.testing.assert_array_equal(met, [factors(p, row) for p, row in zip(SETTINGS, losses, strict=True)])


def test_dtype_and_library_stay() -> None:
    state = plateau_start(torch.zeros(3, dtype=torch.float32))
    state = plateau_step(state, torch.ones(3), Plateau().values())
    assert all(part.dtype == torch.float32 and part.shape == (3,) for part in state)
    state = plateau_step(plateau_start(np.zeros((), np.float32)), np.ones((), np.float32), Plateau().values())
    assert all(part.dtype == np.float32 for part in state)


def test_plateau_is_found_in_a_product() -> None:
    product = parse_schedule("warmup:0.2+plateau:patience=3")
    assert isinstance(product, Product)
    assert plateau_of(product) == Plateau(patience=3)
    assert plateau_of(Plateau()) == Plateau()
    assert plateau_of(WarmUp()) is None
    np.testing.assert_array_equal(product.factor([1, 2, 3], 10), [0.5, 1, 1])
