"""Normalization: by the statistics of the batch, with running averages for evaluation, or by those of the layer."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import STATE, Params

__all__ = ["EPSILON", "MOMENTUM", "NORMALIZATIONS", "batch_normalize", "init_normalization", "layer_normalize"]

NORMALIZATIONS = ("none", "batch", "layer")
MOMENTUM = 0.1  # share of the new batch in the running averages
EPSILON = 1e-5


def init_normalization(params: Params, kind: str, channels: Mapping[str, int]) -> Params:
    """Return the parameters of a model with those of its normalizations: scale 1, offset 0.

    Args:
        params: ``{"layer1": {"weight", "bias"}, …}``; the layer ``layerN`` whose normalization is ``normN`` loses its
            bias to batch normalization, which subtracts it again.
        kind: One of :data:`NORMALIZATIONS`.
        channels: Channels by name, ``{"norm1": 32, …}``.

    Returns:
        With ``{"norm1": {"scale", "offset"}, …}`` and, for batch normalization, with running averages
        ``params["state"]["norm1"] = {"mean", "variance"}``, 0 and 1 at the start.
    """
    if kind == "none":
        return params
    params = dict(params)
    for name, count in channels.items():
        params[name] = {"scale": jnp.ones(count, jnp.float32), "offset": jnp.zeros(count, jnp.float32)}
    if kind == "layer":
        return params
    for name in channels:
        layer = name.replace("norm", "layer")
        params[layer] = {"weight": params[layer]["weight"]}
    params[STATE] = {
        name: {"mean": jnp.zeros(count, jnp.float32), "variance": jnp.ones(count, jnp.float32)}
        for name, count in channels.items()
    }
    return params


def batch_normalize(norm: Params, running: Params, x: Any, *, training: bool) -> tuple[Any, Params]:
    """Return ``x`` normalized by channel, and the running averages.

    Args:
        norm: ``scale`` γ and ``offset`` β, each (channels,).
        running: ``mean`` and ``variance``, each (channels,).
        x: Shape (n, …, channels); all but the last axis are averaged over.
        training: Whether to use the statistics of ``x``, and move the running averages towards them.

    Definitions, where libraries differ: variance divides by the count for normalizing and by count − 1 for the running
    average, ε = 1e-5 stands under the root, and the running averages move by 0.1 of the way, all as in torch. Keras
    and Flax call 0.99 the momentum of the same average, which moves by 0.01, keep the variance that divides by the
    count, and take ε = 1e-3 (Keras).

    One number per channel (a batch of one without spatial axes) has no spread: x becomes the offset, its
    gradient 0, and the running variance decays; torch refuses that batch.

    References:
        Ioffe & Szegedy 2015, "Batch normalization", algorithms 1 and 2; the running average in place of algorithm 2's
        mean over batches is that of section 3.1's last paragraph.
    """
    if not training:
        factor = norm["scale"] * jax.lax.rsqrt(running["variance"] + EPSILON)
        return x * factor + (norm["offset"] - running["mean"] * factor), running
    axes = tuple(range(x.ndim - 1))
    count = x.size // x.shape[-1]
    mean = jnp.mean(x, axes)
    centred = x - mean
    variance = jnp.mean(centred**2, axes)
    normalized = centred * (norm["scale"] * jax.lax.rsqrt(variance + EPSILON)) + norm["offset"]
    unbiased = variance * (count / max(count - 1, 1))
    moved = {
        "mean": running["mean"] + MOMENTUM * jax.lax.stop_gradient(mean - running["mean"]),
        "variance": running["variance"] + MOMENTUM * jax.lax.stop_gradient(unbiased - running["variance"]),
    }
    return normalized, moved


def layer_normalize(norm: Params, x: Any) -> Any:
    """Return ``x`` normalized over its last axis: each row of a dense layer, each position of an image.

    Args:
        norm: ``scale`` and ``offset``, each (channels,).
        x: Shape (…, channels).

    Variance divides by the count and ε = 1e-5 stands under the root, as in torch; Flax takes 1e-6, Keras 1e-3.

    References:
        Ba et al. 2016, "Layer normalization", eq. 3; over the channels of a position where the paper takes all of an
        image, as Flax, Keras and later networks do.
    """
    mean = jnp.mean(x, axis=-1, keepdims=True)
    centred = x - mean
    variance = jnp.mean(centred**2, axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + EPSILON) * norm["scale"] + norm["offset"]
