"""Dropout: units set to zero at random while training."""

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["dropout"]


def dropout(key: Any, x: Any, rate: Any) -> Any:
    """Return ``x`` with a random share of its numbers set to zero and the rest scaled up to keep the mean.

    Args:
        key: JAX random key.
        x: Any shape.
        rate: Probability that a number is dropped, 0-d in [0, 1), traced; it acts in steps of 2⁻¹⁶, as
            16 random bits decide: a random number's bits are what dropout costs.

    At a rate of 0 the result is ``x`` itself, to the last bit.

    References:
        Srivastava et al. 2014, "Dropout", section 10: scaling while training ("inverted"), as torch, Keras and Flax do.
    """
    threshold = jnp.round(rate * 65536).astype(jnp.uint32)
    kept = jax.random.bits(key, x.shape, jnp.uint16) >= threshold
    return jnp.where(kept, x / (1 - threshold.astype(x.dtype) / 65536), 0)
