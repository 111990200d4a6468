"""ATen operations that act number by number, on sums and on products, as JAX functions with ATen's arguments."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["ELEMENTS", "dtype_of"]

DTYPES = {
    "torch.float32": "float32",
    "torch.float64": "float64",
    "torch.float16": "float16",
    "torch.bfloat16": "bfloat16",
    "torch.int64": "int32",
    "torch.int32": "int32",
    "torch.int16": "int16",
    "torch.int8": "int8",
    "torch.uint8": "uint8",
    "torch.bool": "bool",
}


def dtype_of(dtype: Any, otherwise: Any = None) -> Any:
    """Return the dtype that stands here for one of PyTorch's."""
    return otherwise if dtype is None else jnp.dtype(DTYPES[str(dtype)])


def _whole(axes: Any) -> Any:
    # An empty list means all axes.
    return None if axes is None or axes == [] else tuple(axes) if isinstance(axes, list) else axes


def _sum(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return jnp.sum(x, axis=_whole(dim), keepdims=keepdim, dtype=dtype_of(dtype))


def _mean(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return jnp.mean(x, axis=_whole(dim), keepdims=keepdim, dtype=dtype_of(dtype))


def _variance(x: Any, dim: Any = None, *args: Any, correction: Any = 1, keepdim: bool = False, **more: Any) -> Any:
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, args = None, (dim,)
    if args:  # var.dim(x, dim, unbiased, keepdim)
        correction, keepdim = int(args[0]), bool(args[1]) if len(args) > 1 else keepdim
    correction = int(more.get("unbiased", correction if correction is not None else 1))
    return jnp.var(x, axis=_whole(dim), ddof=correction, keepdims=keepdim)


def _root(total: Any, order: Any = 2) -> Any:
    """Return a root; where the total is 0 its gradient is 0, as ATen's is."""
    zero = total == 0
    safe = jnp.where(zero, 1, total)
    return jnp.where(zero, 0, jnp.sqrt(safe) if order == 2 else safe ** (1 / order))


def _absolute(x: Any) -> Any:
    return x * jnp.sign(x)  # whose gradient at 0 is 0, where that of jnp.abs is 1


def _extreme(function: Callable[..., Any], where: Callable[..., Any]) -> Callable[..., Any]:
    """Return ATen's max or min: among equals the first has the gradient if an axis is given, else all share it."""

    def extreme(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return function(x)
        if not isinstance(dim, int):  # max.other(x, y)
            return {jnp.max: jnp.maximum, jnp.min: jnp.minimum}[function](x, dim)
        place = where(x, axis=dim, keepdims=True)
        first = jax.lax.broadcasted_iota(place.dtype, x.shape, dim % x.ndim) == place
        value = jnp.sum(jnp.where(first, x, 0), axis=dim, keepdims=keepdim, dtype=x.dtype)
        return [value, place if keepdim else jnp.squeeze(place, dim)]

    return extreme


def _softmax(function: Callable[..., Any]) -> Callable[..., Any]:
    def soft(x: Any, dim: int, dtype: Any = None) -> Any:
        return function(x.astype(dtype_of(dtype, x.dtype)), axis=dim)

    return soft


def _gelu(x: Any, *, approximate: str = "none") -> Any:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    scaled = beta * x
    large = scaled > threshold
    return jnp.where(large, x, jax.nn.softplus(jnp.where(large, threshold, scaled)) / beta)


def _elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    positive = x > 0
    return scale * jnp.where(positive, x, alpha * jnp.expm1(jnp.where(positive, 0, x) * input_scale))


def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - ATen's names
    # At a bound the gradient is that of x; jnp.maximum would halve it.
    x = x if min is None else jnp.where(x < min, min, x)
    return x if max is None else jnp.where(x > max, max, x)


def _between(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """Return x within bounds; at a bound its gradient is 0, as ATen's hardtanh has it and its clamp has not."""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def _hard_sigmoid(x: Any) -> Any:
    # ATen divides by 6, but its gradient has a sixth of float32 in float64 as well.
    inner = _between(x, -3, 3)
    fixed = jax.lax.stop_gradient(inner)
    return (fixed + 3) / 6 + float(np.float32(1 / 6)) * (inner - fixed)


def _hard_swish(x: Any) -> Any:
    return jnp.where(x <= -3, 0, jnp.where(x >= 3, x, x * (x + 3) / 6))


def _divided(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return x / y
    if rounding_mode == "floor":
        return x // y  # not the floor of x / y: in floating point 1 / 0.1 is 10, and 0.1 fits into 1 nine times
    kind = jnp.result_type(x, y)
    if jnp.issubdtype(kind, jnp.floating):
        return jnp.trunc(x / y)
    return jax.lax.div(*jnp.broadcast_arrays(jnp.asarray(x, kind), jnp.asarray(y, kind)))


def _angle(y: Any, x: Any) -> Any:
    zero = (x == 0) & (y == 0)
    there = jnp.arctan2(jax.lax.stop_gradient(y), jax.lax.stop_gradient(x))
    return jnp.where(zero, there, jnp.arctan2(y, jnp.where(zero, 1, x)))


def _norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:  # noqa: A002
    if ord == 2:
        return _root(jnp.sum(x * x, axis=_whole(dim), keepdims=keepdim))
    zero = x == 0
    powers = jnp.where(zero, 0, _absolute(jnp.where(zero, 1, x)) ** ord)
    return _root(jnp.sum(powers, axis=_whole(dim), keepdims=keepdim), ord)


def _cross_entropy(
    x: Any, y: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Any:
    """Return the cross-entropy of logits (n, classes, …) with labels (n, …), or with shares like the logits."""
    logs = jax.nn.log_softmax(x, axis=min(1, x.ndim - 1))
    return _negative(logs, y, weight, reduction, ignore_index, label_smoothing)


def _negative(
    logs: Any, y: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Any:
    axis = min(1, logs.ndim - 1)
    classes = logs.shape[axis]
    if jnp.issubdtype(y.dtype, jnp.floating):
        shares = y * (1 - label_smoothing) + label_smoothing / classes
        each = -jnp.sum(logs * shares * _along(weight, logs, axis), axis=axis)
        return _over(each, reduction, each.size)
    counted = y != ignore_index
    spread = jnp.moveaxis(jax.nn.one_hot(jnp.where(counted, y, 0), classes, dtype=logs.dtype), -1, axis)
    weights = _along(weight, logs, axis)
    # A logit of -inf is no infinity times 0 where it is not the label's.
    each = -jnp.sum(jnp.where(spread > 0, logs, 0) * spread * weights, axis=axis) * counted
    total = jnp.sum(jnp.sum(spread * weights, axis=axis) * counted)
    if label_smoothing:
        even = -jnp.sum(logs * weights, axis=axis) * counted / classes
        each = (1 - label_smoothing) * each + label_smoothing * even
    return _over(each, reduction, total)


def _along(weight: Any, like: Any, axis: int) -> Any:
    if weight is None:
        return jnp.ones((), like.dtype)
    return weight.reshape([-1 if i == axis else 1 for i in range(like.ndim)])


def _over(each: Any, reduction: int, total: Any) -> Any:
    # ATen counts: 0 none, 1 mean, 2 sum.
    return each if reduction == 0 else jnp.sum(each) / total if reduction == 1 else jnp.sum(each)


def _pointwise(loss: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, y: Any, *args: Any, **more: Any) -> Any:
        each, reduction = loss(x, y, *args, **more)
        return _over(each, reduction, each.size)

    return reduced


def _binary(x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1) -> tuple[Any, int]:
    more = 1 if pos_weight is None else pos_weight
    each = (1 - y) * x + (1 + (more - 1) * y) * jax.nn.softplus(-x)
    return each if weight is None else weight * each, reduction


def _huber(x: Any, y: Any, reduction: int = 1, delta: float = 1.0) -> tuple[Any, int]:
    gap = _absolute(x - y)
    return jnp.where(gap < delta, 0.5 * gap * gap, delta * (gap - 0.5 * delta)), reduction


def _smooth_l1(x: Any, y: Any, reduction: int = 1, beta: float = 1.0) -> tuple[Any, int]:
    gap = _absolute(x - y)
    if beta == 0:
        return gap, reduction
    return jnp.where(gap < beta, 0.5 * gap * gap / beta, gap - 0.5 * beta), reduction


_ONE: dict[str, Callable[..., Any]] = {
    name: getattr(jnp, name)
    for name in (
        *("exp", "expm1", "log", "log1p", "log2", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh"),
        *("floor", "ceil", "sign", "square", "isnan", "isinf"),
    )
} | {
    "abs": _absolute,
    "neg": jnp.negative,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": jax.lax.rsqrt,
    "sigmoid": jax.nn.sigmoid,
    "erf": jax.lax.erf,
    "atan": jnp.arctan,
    "round": jnp.round,
    "logical_not": jnp.logical_not,
    "bitwise_not": jnp.invert,
    "relu": jax.nn.relu,
    "relu6": partial(_between, low=0, high=6),
    "silu": jax.nn.silu,
    "mish": lambda x: x * jnp.tanh(_softplus(x)),
    "log_sigmoid": jax.nn.log_sigmoid,
    "hardsigmoid": _hard_sigmoid,
    "hardswish": _hard_swish,
    "selu": lambda x: _elu(x, 1.6732632423543772, 1.0507009873554805),
    "gelu": _gelu,
    "softplus": _softplus,
    "elu": _elu,
    "celu": lambda x, alpha=1.0: jnp.maximum(x, 0) + alpha * jnp.expm1(jnp.minimum(x, 0) / alpha),
    "leaky_relu": lambda x, slope=0.01: jnp.where(x > 0, x, slope * x),
    "hardtanh": _between,
    "softsign": jax.nn.soft_sign,
    "prelu": lambda x, slope: jnp.where(x > 0, x, _along(slope, x, min(1, x.ndim - 1)) * x),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda x, high: _clamp(x, None, high),
}

_TWO: dict[str, Callable[..., Any]] = {
    "add": lambda x, y, *, alpha=1: x + y * alpha if alpha != 1 else x + y,
    "sub": lambda x, y, *, alpha=1: x - y * alpha if alpha != 1 else x - y,
    "rsub": lambda x, y, alpha=1: y - x * alpha,
    "mul": lambda x, y: x * y,
    "div": _divided,
    "true_divide": _divided,
    "floor_divide": partial(_divided, rounding_mode="floor"),
    "remainder": lambda x, y: x % y,
    "pow": lambda x, y: x**y,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "atan2": _angle,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "logical_and": jnp.logical_and,
    "logical_or": jnp.logical_or,
    "bitwise_and": lambda x, y: x & y,
    "bitwise_or": lambda x, y: x | y,
    "where": jnp.where,
    "masked_fill": lambda x, mask, value: jnp.where(mask, value, x).astype(x.dtype),
    "lerp": lambda x, y, weight: x + weight * (y - x),
    "addcmul": lambda x, y, z, *, value=1: x + value * y * z,
    "addcdiv": lambda x, y, z, *, value=1: x + value * y / z,
}

_MANY: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "mean": _mean,
    "var": _variance,
    "std": lambda *args, **more: _root(_variance(*args, **more)),
    "prod": lambda x, dim=None, keepdim=False: jnp.prod(x, axis=dim, keepdims=keepdim),
    "amax": lambda x, dim=None, keepdim=False: jnp.max(x, axis=_whole(dim), keepdims=keepdim),
    "amin": lambda x, dim=None, keepdim=False: jnp.min(x, axis=_whole(dim), keepdims=keepdim),
    "max": _extreme(jnp.max, jnp.argmax),
    "min": _extreme(jnp.min, jnp.argmin),
    "argmax": lambda x, dim=None, keepdim=False: jnp.argmax(x, axis=dim, keepdims=keepdim),
    "argmin": lambda x, dim=None, keepdim=False: jnp.argmin(x, axis=dim, keepdims=keepdim),
    "any": lambda x, dim=None, keepdim=False: jnp.any(x, axis=dim, keepdims=keepdim),
    "all": lambda x, dim=None, keepdim=False: jnp.all(x, axis=dim, keepdims=keepdim),
    "cumsum": lambda x, dim: jnp.cumsum(x, axis=dim),
    "logsumexp": lambda x, dim, keepdim=False: jax.nn.logsumexp(x, axis=_whole(dim), keepdims=keepdim),
    "softmax": _softmax(jax.nn.softmax),
    "log_softmax": _softmax(jax.nn.log_softmax),
    "_softmax": lambda x, dim, half: jax.nn.softmax(x, axis=dim),  # noqa: ARG005
    "_log_softmax": lambda x, dim, half: jax.nn.log_softmax(x, axis=dim),  # noqa: ARG005
    "linalg_vector_norm": _norm,
    "norm": _norm,
    "matmul": jnp.matmul,
    "mm": jnp.matmul,
    "bmm": jnp.matmul,
    "mv": jnp.matmul,
    "dot": jnp.dot,
    "einsum": lambda equation, arrays: jnp.einsum(equation, *arrays),
    "addmm": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "baddbmm": lambda c, a, b, *, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "outer": jnp.outer,
    "cross_entropy_loss": _cross_entropy,
    "nll_loss": _negative,
    "nll_loss_nd": _negative,
    "mse_loss": _pointwise(lambda x, y, reduction=1: ((x - y) ** 2, reduction)),
    "l1_loss": _pointwise(lambda x, y, reduction=1: (_absolute(x - y), reduction)),
    "huber_loss": _pointwise(_huber),
    "smooth_l1_loss": _pointwise(_smooth_l1),
    "binary_cross_entropy_with_logits": _pointwise(_binary),
}

ELEMENTS: Mapping[str, Callable[..., Any]] = {**_ONE, **_TWO, **_MANY}
