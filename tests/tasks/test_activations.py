"""Activations against torch, their diffused forms against the integral that defines them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from thalweg.tasks.models import ACTIVATIONS, activate

POINTS = np.array([-30.0, -5.0, -1.3, -0.2, 0.0, 0.1, 0.9, 4.0, 25.0])
IN_TORCH = {
    "relu": torch.nn.functional.relu,
    "leaky-relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}
# Largest error of the diffused form: rounding where it is exact; else that of tanh(x) ≈ erf(√π x / 2), which
# silu multiplies by up to σ² = 4 and the slope's error.
ERROR = {"tanh": 0.04, "sigmoid": 0.02, "silu": 0.1}
noise, step = np.linspace(-12, 12, 240_001, retstep=True)
WEIGHTS = np.exp(-(noise**2) / 2) / np.sqrt(2 * np.pi) * step


def test_every_activation_is_compared():
    assert set(ACTIVATIONS) == set(IN_TORCH)


def value_and_slopes(name, x, width):
    """Return activation, slope by x and slope by width, each of x's shape; one program for every width."""
    by_x = jax.vmap(jax.grad(lambda x: activate(name, x, width)))(x)
    by_width = jax.jacfwd(lambda width: activate(name, x, width))(width)
    return activate(name, x, width), by_x, by_width


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_slope_equal_torch(name):
    points = POINTS if name != "leaky-relu" else POINTS[POINTS != 0]  # at its kink JAX takes the slope 1, torch 0.01
    x = torch.tensor(points, requires_grad=True)
    y = IN_TORCH[name](x)
    y.sum().backward()
    with jax.enable_x64(True):
        found, slope = jax.jit(jax.vmap(jax.value_and_grad(lambda x: activate(name, x))))(jnp.asarray(points))
    np.testing.assert_allclose(found, y.detach().numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_diffused_form_is_the_mean_under_noise_and_has_its_slopes(name):
    x = np.array([-4.0, -1.0, -0.1, 0.0, 0.4, 2.0])
    h = 1e-5
    with jax.enable_x64(True):
        plain = jax.jit(lambda x: activate(name, x))
        diffused = jax.jit(lambda x, width: value_and_slopes(name, x, width))
        for width in (0.1, 0.7, 2.0):
            value, by_x, by_width = diffused(x, width)
            mean = np.asarray(plain(x[:, None] + width * noise)) @ WEIGHTS
            # the trapezoidal sum is good to 1e-8 at a kink
            np.testing.assert_allclose(value, mean, atol=ERROR.get(name, 1e-7), rtol=0)
            up, down = (diffused(x + sign * h, width)[0] for sign in (1, -1))
            np.testing.assert_allclose(by_x, (up - down) / (2 * h), atol=1e-7)
            up, down = (diffused(x, width + sign * h)[0] for sign in (1, -1))
            np.testing.assert_allclose(by_width, (up - down) / (2 * h), atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_diffusion_is_the_activation_and_everything_stays_finite(name):
    x = jnp.asarray([-1e4, -100.0, -1.3, -1e-6, 0.0, 1e-6, 0.7, 100.0, 1e4], jnp.float32)
    plain = jax.jit(jax.vmap(jax.value_and_grad(lambda x: activate(name, x))))(x)
    diffused = jax.jit(lambda x, width: value_and_slopes(name, x, width))
    for width in (0.0, 1e-38, 1e-7):
        np.testing.assert_allclose(diffused(x, jnp.float32(width))[:2], plain, rtol=1e-6)  # fused otherwise
    for width in (0.0, 1e-38, 2e-6, 1.0, 50.0):
        assert np.isfinite(diffused(x, jnp.float32(width))).all(), width


def test_one_program_serves_every_width():
    traced = []

    @jax.jit
    def diffused(x, width):
        traced.append(1)
        return activate("relu", x, width)

    results = [float(diffused(jnp.float32(-0.5), jnp.float32(width))) for width in (0.0, 0.5, 5.0)]
    assert results == sorted(results)
    assert results[0] == 0
    assert len(traced) == 1
