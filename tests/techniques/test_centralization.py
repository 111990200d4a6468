"""Centralization against optax, the paper's formula and a literal loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg.techniques import centralize

SHAPES = [(6, 4), (4,), (3, 3, 2, 5), ()]


def gradients() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(1.0, 1.0, size=shape)) for shape in SHAPES]


def test_the_mean_of_each_unit_is_taken_away() -> None:
    for g, got in zip(gradients(), centralize(gradients(), 1.0), strict=True):
        wanted = g.copy()
        if g.ndim > 1:
            for unit in range(g.shape[-1]):
                wanted[..., unit] -= g[..., unit].mean()
        np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-15)


def test_it_is_the_projection_of_the_paper() -> None:
    g = gradients()[0]
    e = np.ones((6, 1)) / np.sqrt(6)
    np.testing.assert_allclose(centralize([g], 1.0)[0], (np.eye(6) - e @ e.T) @ g, rtol=1e-13, atol=1e-14)


def test_optax_does_it_for_the_other_layout() -> None:
    transform = optax.centralize()
    with jax.enable_x64(True):
        for g in gradients():
            theirs, _ = transform.update(jnp.asarray(np.moveaxis(g, -1, 0) if g.ndim > 1 else g), optax.EmptyState())
            back = np.moveaxis(np.asarray(theirs), 0, -1) if g.ndim > 1 else np.asarray(theirs)
            np.testing.assert_allclose(centralize([g], 1.0)[0], back, rtol=1e-13, atol=1e-14)


def test_a_share_of_the_mean() -> None:
    g = gradients()[0]
    np.testing.assert_allclose(centralize([g], 0.25)[0], g - 0.25 * g.mean(0), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_share_of_zero_changes_no_bit(dtype: type) -> None:
    g = np.array([[-0.0, np.nan, 1.0], [-0.0, np.inf, 2.0]], dtype)
    with np.errstate(invalid="ignore"):
        assert centralize([g], 0.0)[0].tobytes() == g.tobytes()


def test_nan_is_seen() -> None:
    assert np.isnan(centralize([np.array([[np.nan], [1.0]])], 1.0)[0]).any()


def test_members_with_and_without_share_a_program() -> None:
    g = gradients()[0].astype(np.float32)
    got = jax.jit(jax.vmap(lambda one, share: centralize([one], share)[0]))(jnp.stack([g, g]), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(got[0], g - g.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[1], g)
