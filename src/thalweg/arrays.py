"""The few array operations every rule needs, on any library of the Python array API.

A rule never imports an array library: it asks for the namespace of the arrays it was given
and calls the standard's functions on it.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import array_api_compat

__all__ = ["Array", "Namespace", "as_scalar", "bias_correction", "compute_dtype", "log_decay", "namespace", "total"]

Array: TypeAlias = Any  # an array of NumPy, JAX, PyTorch or any array-API library
Namespace: TypeAlias = Any  # its array-API namespace


def namespace(*arrays: Array) -> Namespace:
    """Return the array-API namespace that the arrays belong to.

    Args:
        arrays: One or more arrays of one library; Python scalars are ignored.

    Raises:
        TypeError: The arrays come from different libraries, or none is an array.
    """
    return array_api_compat.array_namespace(*arrays)


def compute_dtype(dtype: Any, xp: Namespace) -> Any:
    """Return the dtype in which an update of a parameter of ``dtype`` is computed.

    float32 and float64 stay as they are; anything narrower (float16, bfloat16) is computed
    in float32 and rounded once at the end: in bfloat16 a step counter beyond 256 or a decay
    rate of 0.999 cannot even be written down.
    """
    return dtype if dtype in (xp.float32, xp.float64) else xp.float32


def as_scalar(value: Any, like: Array, dtype: Any) -> Array:
    """Return ``value`` as a 0-d array of the library, device and ``dtype`` given.

    Args:
        value: Python number, NumPy scalar, or 0-d array of the library of ``like``.
        like: Array whose library and device are used.
        dtype: Floating dtype of the result. 0-d arrays take part in type promotion, so a
            float64 scalar would silently widen float32 parameters.
    """
    xp = namespace(like)
    if array_api_compat.is_array_api_obj(value) and array_api_compat.array_namespace(value) == xp:
        return xp.astype(value, dtype)
    number: Any = value
    return xp.asarray(float(number), dtype=dtype, device=array_api_compat.device(like))


def bias_correction(decay: Array, t: Array) -> Array:
    """Return ``1 − decayᵗ``, the weight an exponential average has gathered after ``t`` steps.

    Args:
        decay: Decay rate in [0, 1), 0-d array.
        t: Number of updates taken, 1 or more, 0-d array of the same dtype.

    Computed as ``−expm1(t·log1p(decay − 1))``: in float32 the plain form loses three digits
    for a decay of 0.999 (relative error 2e-5 against 1e-7).
    """
    return -namespace(decay, t).expm1(t * log_decay(decay))


def log_decay(decay: Array) -> Array:
    """Return the logarithm of a decay rate, accurate near one and finite at zero.

    Args:
        decay: Decay rate in [0, 1), 0-d array; zero counts as the dtype's epsilon, whose
            powers vanish beside one just as well.
    """
    xp = namespace(decay)
    floor = xp.finfo(decay.dtype).eps
    return xp.log1p(xp.where(decay > floor, decay, floor) - 1)


def total(arrays: Sequence[Array]) -> Array:
    """Return the sum of all elements of several arrays, 0-d."""
    xp = namespace(*arrays)
    sums = [xp.sum(a) for a in arrays]
    result = sums[0]
    for part in sums[1:]:
        result = result + part
    return result
