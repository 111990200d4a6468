"""Diffused activations: the average of an activation over Gaussian noise on its input, in closed form.

A wide diffusion makes a network nearly linear; as the width falls to zero the activation itself comes back, values
and slopes alike. Every function takes ``(x, sigma, erf)``: the error function is not in the array API, so the caller
gives the one of its library (``jax.scipy.special.erf``, ``torch.special.erf``, ``scipy.special.erf``).

With Φ and φ the standard normal distribution and density, s = √(1 + σ²) and ε standard normal::

    sign      E[sign(x + σε)] = erf(x / (√2·σ))
    step      E[1(x + σε > 0)] = Φ(x/σ)
    relu      E[max(0, x + σε)] = x·Φ(x/σ) + σ·φ(x/σ)
    erf       E[erf(x + σε)] = erf(x / √(1 + 2σ²))
    gelu      E[(x + σε)·Φ(x + σε)] = x·Φ(x/s) + σ²·φ(x/s)/s
    tanh      ≈ tanh(x / √(1 + πσ²/2)),  tanh(x) taken for erf(√π·x/2)
    sigmoid   ≈ sigmoid(x / √(1 + πσ²/8)), likewise

References:
    Mobahi (2016), Training recurrent neural networks by diffusion, arXiv:1601.04114 (sign, erf, tanh, ReLU).
    MacKay (1992), The evidence framework applied to classification networks (sigmoid).
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from thalweg.arrays import Array, as_scalar, namespace

__all__ = [
    "DIFFUSED",
    "Erf",
    "diffused_erf",
    "diffused_gelu",
    "diffused_relu",
    "diffused_sigmoid",
    "diffused_sign",
    "diffused_step",
    "diffused_tanh",
]

Erf: TypeAlias = Callable[[Array], Array]

SMALLEST_WIDTH = 1e-6  # a width below it counts as 0, for x/σ and its slope would not be finite
FARTHEST = 12.0  # where |x/σ| is larger the noise does not reach the kink: Φ(−12) < 2e-33


def diffused_sign(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return E[sign(x + σ·ε)]; the sign of x at σ = 0, whose slope is 0.

    Args:
        x: Inputs, any shape.
        sigma: Width σ, 0 or more, 0-d; may be traced.
        erf: The error function of the library of ``x``.
    """
    xp = namespace(x)
    wide, z, _ = _standardized(x, sigma)
    return xp.where(wide, erf(z / math.sqrt(2)), xp.sign(x))


def diffused_step(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return E[1 if x + σ·ε > 0 else 0]; 1/2 at x = 0. Arguments as for :func:`diffused_sign`."""
    return (1 + diffused_sign(x, sigma, erf)) / 2


def diffused_relu(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return E[max(0, x + σ·ε)]; max(0, x) at σ = 0, whose slope at 0 is 0. Arguments as for :func:`diffused_sign`."""
    xp = namespace(x)
    wide, z, width = _standardized(x, sigma)
    smooth = x * _distribution(z, erf) + width * _density(z)
    return xp.where(wide, smooth, xp.where(x > 0, x, xp.zeros_like(x)))


def diffused_erf(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return E[erf(x + σ·ε)]. Arguments as for :func:`diffused_sign`."""
    return erf(_shrunk(x, sigma, 2.0))


def diffused_gelu(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return E[gelu(x + σ·ε)], gelu(x) = x·Φ(x). Arguments as for :func:`diffused_sign`."""
    xp = namespace(x)
    width = as_scalar(sigma, x, x.dtype)
    spread = xp.sqrt(1 + width**2)
    z = x / spread
    return x * _distribution(z, erf) + width**2 * _density(z) / spread


def diffused_tanh(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return about E[tanh(x + σ·ε)], within 0.036; tanh(x) itself at σ = 0. Arguments as for :func:`diffused_sign`."""
    del erf
    return namespace(x).tanh(_shrunk(x, sigma, math.pi / 2))


def diffused_sigmoid(x: Array, sigma: Array, erf: Erf) -> Array:
    """Return about E[1/(1 + exp(−x − σ·ε))], within 0.018. Arguments as for :func:`diffused_sign`."""
    del erf
    return (1 + namespace(x).tanh(_shrunk(x, sigma, math.pi / 8) / 2)) / 2


def _standardized(x: Array, sigma: Array) -> tuple[Array, Array, Array]:
    """Return whether there is any width, x/σ bounded, and σ; with 1 for σ where there is none."""
    xp = namespace(x)
    width = as_scalar(sigma, x, x.dtype)
    wide = width > SMALLEST_WIDTH
    width = xp.where(wide, width, xp.ones_like(width))
    z = x / width
    z = xp.where(z > FARTHEST, FARTHEST, xp.where(z < -FARTHEST, -FARTHEST, z))
    return wide, z, width


def _shrunk(x: Array, sigma: Array, factor: float) -> Array:
    """Return x / √(1 + factor·σ²)."""
    width = as_scalar(sigma, x, x.dtype)
    return x / namespace(x).sqrt(1 + factor * width**2)


def _distribution(z: Array, erf: Erf) -> Array:
    return (1 + erf(z / math.sqrt(2))) / 2


def _density(z: Array) -> Array:
    return namespace(z).exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


DIFFUSED: Mapping[str, Callable[[Array, Array, Erf], Array]] = MappingProxyType(
    {
        "sign": diffused_sign,
        "step": diffused_step,
        "relu": diffused_relu,
        "erf": diffused_erf,
        "gelu": diffused_gelu,
        "tanh": diffused_tanh,
        "sigmoid": diffused_sigmoid,
    }
)
