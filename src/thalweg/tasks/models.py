"""Small models as pure JAX functions: parameters in nested dictionaries, no framework.

Every model is a pair ``init(key) -> params`` and ``apply(params, x) -> outputs``. Convolutions are
written as patches times a matrix: a population is trained under ``vmap``, where a convolution with
each member's own kernel becomes a grouped convolution, which XLA runs many times slower on a CPU,
while the product of matrices becomes a batched product of matrices.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Params

__all__ = ["Model", "convolve", "dense", "glorot_layer", "he_layer", "linear", "mlp", "pool", "window"]


@dataclass(frozen=True)
class Model:
    """A model as two pure functions.

    Attributes:
        init: ``key -> params``.
        apply: ``(params, x) -> outputs``, x of shape (n, …), outputs of shape (n, outputs).
    """

    init: Callable[[Any], Params]
    apply: Callable[[Params, Any], Any]


def he_layer(key: Any, inputs: int, outputs: int) -> dict[str, Any]:
    """Return weights N(0, 2/inputs), shape (inputs, outputs), and zero biases; for layers before a ReLU.

    References:
        He et al. 2015, "Delving deep into rectifiers", eq. 10.
    """
    weight = jax.random.normal(key, (inputs, outputs), jnp.float32) * jnp.sqrt(2.0 / inputs)
    return {"weight": weight, "bias": jnp.zeros(outputs, jnp.float32)}


def glorot_layer(key: Any, inputs: int, outputs: int) -> dict[str, Any]:
    """Return weights U(±√(6/(inputs + outputs))), shape (inputs, outputs), and zero biases; for output layers.

    References:
        Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
    """
    bound = (6.0 / (inputs + outputs)) ** 0.5
    weight = jax.random.uniform(key, (inputs, outputs), jnp.float32, -bound, bound)
    return {"weight": weight, "bias": jnp.zeros(outputs, jnp.float32)}


def dense(layer: Params, x: Any) -> Any:
    """Return ``x @ weight + bias``, x of shape (…, inputs)."""
    return x @ layer["weight"] + layer["bias"]


def linear(inputs: int, outputs: int) -> Model:
    """Return a model without hidden layers; its weights start at zero, as its loss is convex."""

    def init(key: Any) -> Params:
        del key
        return {
            "layer1": {"weight": jnp.zeros((inputs, outputs), jnp.float32), "bias": jnp.zeros(outputs, jnp.float32)}
        }

    return Model(init, lambda params, x: dense(params["layer1"], x))


def mlp(widths: Sequence[int]) -> Model:
    """Return a multilayer perceptron with ReLU between its layers.

    Args:
        widths: Inputs, hidden widths, outputs; at least two numbers.
    """
    pairs = list(itertools.pairwise(widths))

    def init(key: Any) -> Params:
        keys = jax.random.split(key, len(pairs))
        hidden = {f"layer{i}": he_layer(keys[i - 1], *pairs[i - 1]) for i in range(1, len(pairs))}
        return {**hidden, f"layer{len(pairs)}": glorot_layer(keys[-1], *pairs[-1])}

    def apply(params: Params, x: Any) -> Any:
        for i in range(1, len(pairs)):
            x = jax.nn.relu(dense(params[f"layer{i}"], x))
        return dense(params[f"layer{len(pairs)}"], x)

    return Model(init, apply)


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


def pool(x: Any) -> Any:
    """Return the mean over all spatial axes, shape (n, channels)."""
    return jnp.mean(x, axis=tuple(range(1, x.ndim - 1)))
