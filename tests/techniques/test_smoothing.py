"""Smoothed functions and diffused activations against numerical integration, and at width zero."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import torch
from scipy.integrate import quad

from thalweg.errors import InvalidValueError
from thalweg.techniques import (
    DIFFUSED,
    Diffusion,
    GaussianSmoothing,
    continuation_widths,
    smooth_bump,
    smooth_polynomial,
    smooth_wave,
)

PLACES = (-2.5, -0.3, 0.0, 0.7, 4.0)
WIDTHS = (0.05, 0.6, 3.0)
PLAIN: dict[str, Callable[[Any], Any]] = {
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.5),
    "relu": lambda x: np.maximum(x, 0.0),
    "erf": scipy.special.erf,
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "tanh": np.tanh,
    "sigmoid": scipy.special.expit,
}
APPROXIMATE = {"tanh": 0.036, "sigmoid": 0.018}


def averaged(function: Callable[[float], float], x: float, sigma: float) -> float:
    """Return E[f(x + σ·ε)] by quadrature, broken at the kink."""

    def integrand(e: float) -> float:
        return function(x + sigma * e) * math.exp(-(e**2) / 2) / math.sqrt(2 * math.pi)

    kink = min(max(-x / sigma, -10.0), 10.0)
    parts = [quad(integrand, low, high, epsabs=1e-13, limit=200)[0] for low, high in ((-10, kink), (kink, 10))]
    return sum(parts)


@pytest.mark.parametrize("sigma", WIDTHS)
def test_smoothed_functions(sigma: float) -> None:
    coefficients = (0.5, -1.0, 0.3, 0.7, -0.2, 0.05)
    x = np.array(PLACES)
    cases = (
        (smooth_polynomial(coefficients, x, sigma), lambda v: np.polynomial.polynomial.polyval(v, coefficients)),
        (smooth_wave(x, sigma, 2.0, 0.4), lambda v: math.sin(2.0 * v + 0.4)),
        (smooth_bump(x, sigma, 0.5, 0.8), lambda v: math.exp(-((v - 0.5) ** 2) / (2 * 0.8**2))),
    )
    for got, function in cases:
        wanted = [averaged(function, place, sigma) for place in PLACES]
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)


def test_smoothing_by_nothing_changes_nothing() -> None:
    x = np.array(PLACES)
    np.testing.assert_allclose(smooth_polynomial((1.0, 2.0, 3.0), x, 0.0), 1 + 2 * x + 3 * x**2, rtol=1e-14)
    np.testing.assert_array_equal(smooth_polynomial((1.5,), x, 2.0), np.full(5, 1.5))
    np.testing.assert_array_equal(smooth_wave(x, 0.0), np.sin(x))
    np.testing.assert_allclose(smooth_bump(x, 0.0), np.exp(-(x**2) / 2), rtol=1e-14)


@pytest.mark.parametrize("name", DIFFUSED)
@pytest.mark.parametrize("sigma", WIDTHS)
def test_diffused_activations(name: str, sigma: float) -> None:
    x = np.array(PLACES)
    got = DIFFUSED[name](x, sigma, scipy.special.erf)
    wanted = [averaged(lambda v: float(PLAIN[name](v)), place, sigma) for place in PLACES]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=APPROXIMATE.get(name, 1e-11))


def test_the_bounds_of_the_approximations_are_reached_nearly() -> None:
    noise = np.linspace(-9, 9, 4001)
    density = np.exp(-(noise**2) / 2)
    for name, bound in APPROXIMATE.items():
        x = np.linspace(-100, 100, 401)
        true = (PLAIN[name](x[:, None] + 50.0 * noise) @ density) / density.sum()
        worst = np.abs(DIFFUSED[name](x, 50.0, scipy.special.erf) - true).max()
        assert 0.95 * bound < worst < bound


@pytest.mark.parametrize("name", DIFFUSED)
def test_width_zero_is_the_activation_itself(name: str) -> None:
    x = np.array([*PLACES, 1e30, -1e30])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(DIFFUSED[name](x, 0.0, scipy.special.erf), PLAIN[name](x), rtol=1e-14, atol=1e-15)
        near = DIFFUSED[name](np.array(PLACES), 1e-5, scipy.special.erf)
    np.testing.assert_allclose(near, PLAIN[name](np.array(PLACES)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DIFFUSED)
@pytest.mark.parametrize("sigma", [0.0, 1e-30, 1e-7, 2e-6, 1e-3, 1.0, 100.0])
def test_slopes_are_finite_at_every_width(name: str, sigma: float) -> None:
    x = jnp.array([*PLACES, 1e-20, 1e4, -1e4, 1e34, -1e34], jnp.float32)

    def total(x: jax.Array, sigma: jax.Array) -> jax.Array:
        return jnp.sum(DIFFUSED[name](x, sigma, jax.scipy.special.erf))

    value, (by_x, by_sigma) = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(x, jnp.float32(sigma))
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(by_x))
    assert jnp.isfinite(by_sigma)


def test_the_slope_of_a_diffused_relu_is_a_distribution() -> None:
    x = jnp.array([-3.0, -0.5, 0.0, 1.0, 30.0])
    for sigma in (0.0, 0.5, 2.0):
        slope = jax.vmap(jax.grad(lambda v, s=sigma: DIFFUSED["relu"](v, s, jax.scipy.special.erf)))(x)
        wanted = scipy.special.ndtr(np.asarray(x) / sigma) if sigma else (np.asarray(x) > 0).astype(float)
        np.testing.assert_allclose(slope, wanted, atol=1e-6)


def test_on_torch_tensors() -> None:
    x = torch.tensor(PLACES, dtype=torch.float64)
    for function in DIFFUSED.values():
        wanted = function(x.numpy(), 0.6, scipy.special.erf)
        np.testing.assert_allclose(function(x, 0.6, torch.special.erf).numpy(), wanted, rtol=1e-12, atol=1e-15)


def test_widths_fall_level_by_level_to_zero() -> None:
    widths = continuation_widths(GaussianSmoothing(width=4.0, levels=5), 12)
    assert widths.dtype == np.float64
    assert widths.tolist() == [4.0] * 3 + [3.0] * 2 + [2.0] * 3 + [1.0] * 2 + [0.0] * 2
    halved = continuation_widths(Diffusion(width=4.0, levels=4, spacing="halving"), 8)
    assert halved.tolist() == [4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0]
    assert continuation_widths(Diffusion(width=0.0, levels=2), 2).tolist() == [0.0, 0.0]


def test_more_levels_than_updates_are_refused() -> None:
    with pytest.raises(InvalidValueError) as caught:
        continuation_widths(Diffusion(levels=5), 4)
    assert str(caught.value) == (
        "diffusion: levels = 5 is more than the 4 updates of the run; give a whole number in [2, 4], or train longer."
    )
