"""Activations, and what becomes of them when noise is added to their input.

The diffused form of an activation a is E[a(x + σε)] with ε ~ N(0, 1): a large σ makes the network almost linear and
its loss smooth, σ = 0 is the network itself. It is exact for identity, relu, leaky-relu, elu and gelu; for tanh,
sigmoid and silu it rests on tanh(x) ≈ erf(√π x / 2), whose error is below 0.04.

References:
    Mobahi 2016, "Training recurrent neural networks by diffusion", arXiv:1601.04114, table 1 (relu, tanh); Hendrycks &
    Gimpel 2016, "Gaussian error linear units", arXiv:1606.08415 (gelu, here with the error function, not the
    approximation by tanh); Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear
    units", eq. 13 with α = 1; Ramachandran et al. 2017, "Searching for activation functions" (silu).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr

__all__ = ["ACTIVATIONS", "Activation", "activate"]

LEAK = 0.01  # slope of leaky-relu below 0, as in torch; at 0 itself it is 1, there 0.01
SMALLEST_WIDTH = 1e-6  # a diffusion below it counts as none: x / σ would not be finite
TANH_AS_ERF = math.pi / 2  # tanh diffused by σ is about tanh(x / √(1 + σ² π / 2))


@dataclass(frozen=True)
class Activation:
    """An activation and its diffused form.

    Attributes:
        function: ``x -> a(x)``, elementwise.
        diffused: ``(x, width) -> E[a(x + width · ε)]``, for a width above 0.
    """

    function: Callable[[Any], Any]
    diffused: Callable[[Any, Any], Any]


def activate(name: str, x: Any, diffusion: Any = None) -> Any:
    """Return the activation of ``x``, diffused where a width above 0 is given.

    Args:
        name: A key of :data:`ACTIVATIONS`.
        x: Any shape.
        diffusion: Width σ of the noise that is averaged over, 0-d, in units of ``x``, traced; None leaves the diffused
            form out of the program.
    """
    activation = ACTIVATIONS[name]
    if diffusion is None:
        return activation.function(x)
    wide = diffusion > SMALLEST_WIDTH
    width = jnp.where(wide, diffusion, 1.0)  # keeps the branch that is not taken finite, and so its gradient
    return jnp.where(wide, activation.diffused(x, width), activation.function(x))


@jax.custom_jvp
def _diffused_relu(x: Any, width: Any) -> Any:
    # x Φ(x/σ) + σ φ(x/σ)
    return x * ndtr(x / width) + width * _density(x / width)


@_diffused_relu.defjvp
def _diffused_relu_slope(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    # Its derivatives are Φ(x/σ) and φ(x/σ); what else the product rule gives cancels, but not in rounding.
    (x, width), (by_x, by_width) = primals, tangents
    return _diffused_relu(x, width), ndtr(x / width) * by_x + _density(x / width) * by_width


def _diffused_leaky_relu(x: Any, width: Any) -> Any:
    return LEAK * x + (1 - LEAK) * _diffused_relu(x, width)


def _diffused_elu(x: Any, width: Any) -> Any:
    # Beside the relu: E[exp(z) − 1; z < 0], whose first part is exp(x + σ²/2) Φ(−x/σ − σ), by logarithms as the
    # exponential alone overflows.
    return _diffused_relu(x, width) + jnp.exp(x + width**2 / 2 + log_ndtr(-x / width - width)) - ndtr(-x / width)


def _diffused_tanh(x: Any, width: Any) -> Any:
    return jnp.tanh(x * jax.lax.rsqrt(1 + TANH_AS_ERF * width**2))


def _diffused_sigmoid(x: Any, width: Any) -> Any:
    # sigmoid(x) = (1 + tanh(x/2)) / 2
    return jax.nn.sigmoid(x * jax.lax.rsqrt(1 + TANH_AS_ERF / 4 * width**2))


def _diffused_silu(x: Any, width: Any) -> Any:
    # E[z s(z)] = x E[s(z)] + σ² E[s'(z)], by Stein's lemma
    narrowing = jax.lax.rsqrt(1 + TANH_AS_ERF / 4 * width**2)
    share = jax.nn.sigmoid(x * narrowing)
    return x * share + width**2 * narrowing * share * (1 - share)


def _diffused_gelu(x: Any, width: Any) -> Any:
    # E[z Φ(z)] = x Φ(k x) + σ² k φ(k x) with k = 1 / √(1 + σ²), by Stein's lemma
    narrowing = jax.lax.rsqrt(1 + width**2)
    return x * ndtr(x * narrowing) + width**2 * narrowing * _density(x * narrowing)


def _density(x: Any) -> Any:
    return jnp.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "relu": Activation(jax.nn.relu, _diffused_relu),
        "leaky-relu": Activation(partial(jax.nn.leaky_relu, negative_slope=LEAK), _diffused_leaky_relu),
        "elu": Activation(jax.nn.elu, _diffused_elu),
        "gelu": Activation(partial(jax.nn.gelu, approximate=False), _diffused_gelu),
        "silu": Activation(jax.nn.silu, _diffused_silu),
        "tanh": Activation(jnp.tanh, _diffused_tanh),
        "sigmoid": Activation(jax.nn.sigmoid, _diffused_sigmoid),
        "identity": Activation(lambda x: x, lambda x, _: x),
    }
)
