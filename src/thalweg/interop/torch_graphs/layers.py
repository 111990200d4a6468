"""ATen operations that are layers: products, convolutions, norms, pooling, attention, recurrence, dropout."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.interop.torch_graphs.recurrence import RECURRENCE

__all__ = ["LAYERS", "Changed", "Drawn"]


@dataclass(frozen=True)
class Changed:
    """A value, and the arguments, by position, that the operation changed in place."""

    value: Any
    arguments: Mapping[int, Any]


@dataclass(frozen=True)
class Drawn:
    """A value that depends on a JAX random key; with None nothing is drawn."""

    function: Callable[[Any], Any]

    def __call__(self, key: Any) -> Any:
        """Return the value."""
        return self.function(key)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    product = x @ weight.T
    return product if bias is None else product + bias


def _each(value: Any, count: int) -> list[int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * count if len(values) == 1 else values


def _convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    axes = weight.ndim - 2
    pads = padding.upper() if isinstance(padding, str) else [(p, p) for p in _each(padding, axes)]
    single = x.ndim == axes + 1
    found = jax.lax.conv_general_dilated(
        x[None] if single else x,
        weight,
        _each(stride, axes),
        pads,
        rhs_dilation=_each(dilation, axes),
        feature_group_count=groups,
    )
    found = found if bias is None else found + bias.reshape(-1, *[1] * axes)
    return found[0] if single else found


def _transposed(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the transposed convolution: the gradient of a convolution with respect to its input."""
    axes = weight.ndim - 2
    inputs, outputs, *sizes = weight.shape
    kernel = jnp.flip(weight, tuple(range(2, weight.ndim)))
    kernel = kernel.reshape(groups, inputs // groups, outputs, *sizes).swapaxes(1, 2)
    kernel = kernel.reshape(groups * outputs, inputs // groups, *sizes)
    numbers = zip(sizes, _each(padding, axes), _each(output_padding, axes), _each(dilation, axes), strict=True)
    pads = [(d * (n - 1) - p, d * (n - 1) - p + more) for n, p, more, d in numbers]
    found = jax.lax.conv_general_dilated(
        x,
        kernel,
        [1] * axes,
        pads,
        lhs_dilation=_each(stride, axes),
        rhs_dilation=_each(dilation, axes),
        feature_group_count=groups,
    )
    return found if bias is None else found + bias.reshape(-1, *[1] * axes)


def _channels(values: Any, like: Any) -> Any:
    return values.reshape(1, -1, *[1] * (like.ndim - 2))


def _batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float, *_: Any
) -> Any:
    """Return the normalized values; in training the running averages move, by the unbiased variance."""
    if not training:
        return _scaled(x, _channels(mean, x), _channels(variance, x), weight, bias, eps)
    axes = (0, *range(2, x.ndim))
    count = x.size // x.shape[1]
    now, spread = jnp.mean(x, axes), jnp.var(x, axes)
    value = _scaled(x, _channels(now, x), _channels(spread, x), weight, bias, eps)
    if mean is None:
        return value
    unbiased = spread * (count / max(1, count - 1))
    moved = {
        3: mean + momentum * jax.lax.stop_gradient(now - mean),
        4: variance + momentum * jax.lax.stop_gradient(unbiased - variance),
    }
    return Changed(value, moved)


def _scaled(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    value = (x - mean) * jax.lax.rsqrt(variance + eps)
    value = value if weight is None else value * _channels(weight, x)
    return value if bias is None else value + _channels(bias, x)


def _instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, use_input: bool, momentum: float, eps: float, *_: Any
) -> Any:
    if not use_input:
        return _scaled(x, _channels(mean, x), _channels(variance, x), weight, bias, eps)
    if mean is not None:
        raise NotImplementedError("instance_norm with running averages")
    del momentum
    axes = tuple(range(2, x.ndim))
    return _scaled(x, jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True), weight, bias, eps)


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    centred = x - jnp.mean(x, axes, keepdims=True)
    value = centred * jax.lax.rsqrt(jnp.mean(centred**2, axes, keepdims=True) + eps)
    value = value if weight is None else value * weight
    return value if bias is None else value + bias


def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    value = x * jax.lax.rsqrt(jnp.mean(x * x, axes, keepdims=True) + eps)
    return value if weight is None else value * weight


def _group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any) -> Any:
    parts = x.reshape(x.shape[0], groups, -1)
    centred = parts - jnp.mean(parts, -1, keepdims=True)
    value = (centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + eps)).reshape(x.shape)
    value = value if weight is None else value * _channels(weight, x)
    return value if bias is None else value + _channels(bias, x)


def _windows(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, axes: int) -> tuple[Any, ...]:
    kernel = _each(kernel, axes)
    stride = _each(stride, axes) if stride not in (None, []) else kernel
    lead = x.ndim - axes
    pads = [(0, 0)] * lead + [(p, p) for p in _each(padding, axes)]
    ones = (1,) * lead
    return (*ones, *kernel), (*ones, *stride), pads, (*ones, *_each(dilation, axes))


def _refuse_ceiling(ceil_mode: bool) -> None:
    if ceil_mode:
        raise NotImplementedError("pooling with ceil_mode")


def _max_pool(
    axes: int,
    x: Any,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    _refuse_ceiling(ceil_mode)
    sizes, strides, pads, dilations = _windows(x, kernel, stride, padding, dilation, axes)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, sizes, strides, pads, window_dilation=dilations)


def _average_pool(
    axes: int,
    x: Any,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    _refuse_ceiling(ceil_mode)
    sizes, strides, pads, _ = _windows(x, kernel, stride, padding, 1, axes)
    added = partial(jax.lax.reduce_window, init_value=0.0, computation=jax.lax.add)
    total = added(x, window_dimensions=sizes, window_strides=strides, padding=pads)
    if divisor_override is not None:
        return total / divisor_override
    if count_include_pad:
        return total / math.prod(sizes)
    return total / added(jnp.ones_like(x), window_dimensions=sizes, window_strides=strides, padding=pads)


def _adaptive_average(axes: int, x: Any, sizes: Any) -> Any:
    """Return the means over as many parts of each axis as asked for; parts overlap where the division leaves a rest."""
    for axis, wanted in zip(range(x.ndim - axes, x.ndim), _each(sizes, axes), strict=True):
        length = x.shape[axis]
        count = length if wanted is None else wanted
        places = [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]
        parts = [jnp.mean(jax.lax.slice_in_dim(x, a, b, axis=axis), axis, keepdims=True) for a, b in places]
        x = jnp.concatenate(parts, axis)
    return x


def _dropout(x: Any, p: float, train: bool) -> Any:
    return _dropped(x, x.shape, p) if train and p > 0 else x


def _channel_dropout(x: Any, p: float, train: bool) -> Any:
    return _dropped(x, (*x.shape[:2], *[1] * (x.ndim - 2)), p) if train and p > 0 else x


def _dropped(x: Any, shape: tuple[int, ...], p: float) -> Drawn:
    def drawn(key: Any) -> Any:
        if key is None:
            return x
        if p == 1:
            return jnp.zeros_like(x)
        kept = jax.random.bernoulli(key, 1 - p, shape)
        return jnp.where(kept, x / (1 - p), 0)

    return Drawn(drawn)


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Return softmax(query·keyᵀ·scale + mask)·value; zeros for a query that may look at no key."""
    if enable_gqa:
        raise NotImplementedError("scaled_dot_product_attention with enable_gqa")
    scores = query @ jnp.swapaxes(key, -1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    if attn_mask is not None:
        masked = attn_mask.dtype == jnp.bool_
        scores = jnp.where(attn_mask, scores, -jnp.inf) if masked else scores + attn_mask
    seen = jnp.any(scores != -jnp.inf, axis=-1, keepdims=True)
    weights = jnp.where(seen, jax.nn.softmax(jnp.where(seen, scores, 0), axis=-1), 0)
    if dropout_p == 0:
        return weights @ value

    def drawn(random: Any) -> Any:
        return _dropped(weights, weights.shape, dropout_p)(random) @ value

    return Drawn(drawn)


def _embedding(weight: Any, rows: Any, padding_idx: int = -1, *_: Any) -> Any:
    found = jnp.take(weight, rows, axis=0)
    if padding_idx < 0:
        return found
    # The row of the padding is not trained.
    return jnp.where((rows == padding_idx)[..., None], jax.lax.stop_gradient(found), found)


LAYERS: Mapping[str, Callable[..., Any]] = {
    "linear": _linear,
    "bilinear": lambda x, y, w, bias=None: jnp.einsum("...i,oij,...j->...o", x, w, y) + (0 if bias is None else bias),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    **{f"max_pool{axes}d": partial(_max_pool, axes) for axes in (1, 2, 3)},
    **{f"avg_pool{axes}d": partial(_average_pool, axes) for axes in (1, 2, 3)},
    **{f"adaptive_avg_pool{axes}d": partial(_adaptive_average, axes) for axes in (1, 2, 3)},
    "dropout": _dropout,
    "feature_dropout": _channel_dropout,
    "scaled_dot_product_attention": _attention,
    "embedding": _embedding,
    **RECURRENCE,
}
