"""Layers: weights and biases in dictionaries, products of matrices, convolutions.

Convolutions are written as patches times a matrix: a population is trained under ``vmap``, where a convolution with
each member's own kernel becomes a grouped convolution, which XLA runs many times slower on a CPU,
while the product of matrices becomes a batched product of matrices. Measured for 16 members of
``digits-cnn`` on a busy core: 0.7 ms per member and step so, 9.2 ms by ``lax.conv``.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Params

__all__ = ["convolve", "dense", "init_layers", "window"]


def init_layers(key: Any, sizes: Sequence[tuple[int, int]]) -> Params:
    """Return random weights and zero biases of layers that follow one another, ``{"layer1": {"weight", "bias"}, …}``.

    Args:
        key: JAX random key.
        sizes: Inputs and outputs of each layer; the inputs of a convolution are patch × channels.

    Weights are N(0, 2/inputs) in all layers but the last, which a ReLU follows, and
    N(0, 2/(inputs + outputs)) in the last. All are drawn at once: of a small model's program,
    the random generator is what takes longest to compile, and it is compiled once per draw.

    References:
        He et al. 2015, "Delving deep into rectifiers", eq. 10; Glorot & Bengio 2010, "Understanding the difficulty
        of training deep feedforward neural networks", eq. 12.
    """
    draws = jax.random.normal(key, (sum(inputs * outputs for inputs, outputs in sizes),), jnp.float32)
    params, used = {}, 0
    for number, (inputs, outputs) in enumerate(sizes, start=1):
        variance = 2 / inputs if number < len(sizes) else 2 / (inputs + outputs)
        weight = draws[used : used + inputs * outputs].reshape(inputs, outputs) * variance**0.5
        params[f"layer{number}"] = {"weight": weight, "bias": jnp.zeros(outputs, jnp.float32)}
        used += inputs * outputs
    return params


def dense(layer: Params, x: Any) -> Any:
    """Return ``x @ weight + bias``, x of shape (…, inputs); a layer that has no bias adds none."""
    product = x @ layer["weight"]
    return product + layer["bias"] if "bias" in layer else product


def window(x: Any, size: Sequence[int], stride: int = 1) -> Any:
    """Return the patches of a signal or image that a convolution looks at, zero-padded at the rim.

    Args:
        x: Shape (n, length, channels) or (n, height, width, channels).
        size: Odd extent of the patch along each spatial axis.
        stride: Step between patches along every spatial axis.

    Returns:
        Shape (n, …, patch × channels), spatial extents ⌈extent / stride⌉.
    """
    for axis, width in enumerate(size, start=1):
        extent = x.shape[axis]
        rim = [(0, 0)] * x.ndim
        rim[axis] = (width // 2, width // 2)
        padded = jnp.pad(x, rim)
        slices = [jax.lax.slice_in_dim(padded, k, k + extent, stride, axis) for k in range(width)]
        x = jnp.concatenate(slices, axis=-1)
    return x


def convolve(layer: Params, x: Any, size: Sequence[int], stride: int = 1) -> Any:
    """Return a zero-padded convolution of ``x`` plus bias; see :func:`window` for the arguments.

    Args:
        layer: Weight of shape (patch × channels in, channels out), bias (channels out,).
        x: Shape (n, length, channels) or (n, height, width, channels).
        size: Odd extent of the kernel along each spatial axis.
        stride: Step between outputs along every spatial axis.
    """
    return dense(layer, window(x, size, stride))
