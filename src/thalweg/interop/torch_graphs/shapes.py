"""ATen operations that move numbers without changing them, and those that make arrays."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from thalweg.interop.torch_graphs.elements import dtype_of

__all__ = ["SHAPES"]


def _reshape(x: Any, shape: Any) -> Any:
    return jnp.reshape(x, tuple(shape))


def _flatten(x: Any, start: int = 0, end: int = -1) -> Any:
    start, end = start % x.ndim, end % x.ndim
    return jnp.reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim = dim % x.ndim
    return jnp.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


def _squeeze(x: Any, dim: Any = None) -> Any:
    axes = range(x.ndim) if dim is None else dim if isinstance(dim, list) else [dim]
    return jnp.squeeze(x, tuple(axis % x.ndim for axis in axes if x.shape[axis] == 1))


def _expand(x: Any, sizes: Any, *, implicit: bool = False) -> Any:
    del implicit
    new = len(sizes) - x.ndim
    shape = [x.shape[i - new] if size == -1 else size for i, size in enumerate(sizes)]
    return jnp.broadcast_to(x, shape)


def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    index = [slice(None)] * x.ndim
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def _select(x: Any, dim: int, index: Any) -> Any:
    return jnp.take(x, index % x.shape[dim] if isinstance(index, int) else index, axis=dim)


def _split(x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    if isinstance(sizes, int):
        return [_slice(x, dim, first, first + sizes) for first in range(0, x.shape[dim], sizes)]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [_slice(x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _chunk(x: Any, count: int, dim: int = 0) -> list[Any]:
    return _split(x, -(-x.shape[dim] // count), dim)


def _index(x: Any, indices: Any) -> Any:
    return x[tuple(slice(None) if index is None else index for index in indices)]


def _pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    widths = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        widths[x.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    inner = [(slice(max(0, -a), n - max(0, -b) if b < 0 else n)) for (a, b), n in zip(widths, x.shape, strict=True)]
    x, widths = x[tuple(inner)], [(max(0, a), max(0, b)) for a, b in widths]
    if mode == "constant":
        return jnp.pad(x, widths, constant_values=0 if value is None else value)
    return jnp.pad(x, widths, mode={"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


def _to(x: Any, *args: Any, dtype: Any = None, **_: Any) -> Any:
    kinds = [*args, dtype]
    chosen = next((kind for kind in kinds if str(kind).startswith("torch.") and str(kind) != "torch.strided"), None)
    return x.astype(dtype_of(chosen, x.dtype))


def _filled(value: float) -> Callable[..., Any]:
    def fill(size: Any, *, dtype: Any = None, **_: Any) -> Any:
        return jnp.full(tuple(size), value, dtype_of(dtype, jnp.float32))

    return fill


def _like(value: Any) -> Callable[..., Any]:
    def fill(x: Any, *given: Any, dtype: Any = None, **_: Any) -> Any:
        return jnp.full(x.shape, given[0] if value is None else value, dtype_of(dtype, x.dtype))

    return fill


def _sized(value: Any) -> Callable[..., Any]:
    def fill(x: Any, size: Any, *given: Any, dtype: Any = None, **_: Any) -> Any:
        return jnp.full(tuple(size), given[0] if value is None else value, dtype_of(dtype, x.dtype))

    return fill


def _arange(*args: Any, dtype: Any = None, **_: Any) -> Any:
    floating = any(isinstance(number, float) for number in args)
    return jnp.arange(*args, dtype=dtype_of(dtype, jnp.float32 if floating else jnp.int32))


def _full(size: Any, value: Any, *, dtype: Any = None, **_: Any) -> Any:
    kind = jnp.bool_ if isinstance(value, bool) else jnp.int32 if isinstance(value, int) else jnp.float32
    return jnp.full(tuple(size), value, dtype_of(dtype, kind))


def _same(x: Any, *_: Any, **__: Any) -> Any:
    return x


SHAPES: Mapping[str, Callable[..., Any]] = {
    "view": _reshape,
    "_unsafe_view": _reshape,
    "reshape": _reshape,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": lambda x, dim: jnp.expand_dims(x, dim),
    "permute": lambda x, dims: jnp.transpose(x, dims),
    "transpose": jnp.swapaxes,
    "swapaxes": jnp.swapaxes,
    "movedim": jnp.moveaxis,
    "t": lambda x: x.T,
    "numpy_T": lambda x: x.T,
    "expand": _expand,
    "expand_as": lambda x, like: jnp.broadcast_to(x, like.shape),
    "broadcast_tensors": lambda arrays: list(jnp.broadcast_arrays(*arrays)),
    "repeat": lambda x, times: jnp.tile(x, times),
    "repeat_interleave": lambda x, times, dim=None: jnp.repeat(x, times, axis=dim),
    "cat": lambda arrays, dim=0: jnp.concatenate(arrays, axis=dim),
    "concat": lambda arrays, dim=0: jnp.concatenate(arrays, axis=dim),
    "stack": lambda arrays, dim=0: jnp.stack(arrays, axis=dim),
    "slice": _slice,
    "narrow": lambda x, dim, start, length: _slice(x, dim, start, start + length),
    "select": _select,
    "index_select": lambda x, dim, index: jnp.take(x, index, axis=dim),
    "index": _index,
    "gather": lambda x, dim, index: jnp.take_along_axis(x, index, axis=dim),
    "split": _split,
    "split_with_sizes": _split,
    "chunk": _chunk,
    "unbind": lambda x, dim=0: [_select(x, dim, i) for i in range(x.shape[dim])],
    "flip": lambda x, dims: jnp.flip(x, tuple(dims)),
    "roll": lambda x, shifts, dims=(): jnp.roll(x, tuple(shifts), tuple(dims) or None),
    "tril": lambda x, diagonal=0: jnp.tril(x, diagonal),
    "triu": lambda x, diagonal=0: jnp.triu(x, diagonal),
    "pad": _pad,
    "constant_pad_nd": lambda x, pad, value=0: _pad(x, pad, "constant", value),
    "to": _to,
    "_to_copy": _to,
    "type_as": lambda x, like: x.astype(like.dtype),
    "zeros": _filled(0),
    "ones": _filled(1),
    "full": _full,
    "arange": _arange,
    "zeros_like": _like(0),
    "ones_like": _like(1),
    "full_like": _like(None),
    "new_zeros": _sized(0),
    "new_ones": _sized(1),
    "new_full": _sized(None),
    "scalar_tensor": lambda value, *, dtype=None, **_: _full((), value, dtype=dtype),
    "sym_size": lambda x, dim: x.shape[dim],
    "contiguous": _same,
    "clone": _same,
    "copy": lambda x, y, *_: jnp.broadcast_to(y, x.shape),
    "alias": _same,
    "lift_fresh_copy": _same,
    "detach": lambda x: _stopped(x),
    "view_as": lambda x, like: jnp.reshape(x, like.shape),
}


def _stopped(x: Any) -> Any:
    import jax

    return jax.lax.stop_gradient(x)
