"""The searched space of hyperparameters, and the points at which it is sampled."""

import math
from collections.abc import Sequence

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.records import Dimension

__all__ = ["check_space", "from_unit", "sample", "to_unit"]

SHARED_DIMENSIONS = 16  # drawn for every contender, so that equal dimensions get equal points


def sample(space: Sequence[Dimension], n: int, seed: int) -> list[dict[str, float]]:
    """Return the first ``n`` points of a scrambled Sobol sequence in the space.

    The points of a seed are one sequence: ``sample(space, 16, seed)`` is the beginning of
    ``sample(space, 32, seed)``, so a study that grows keeps its trials. The k-th dimension of
    every space sees the same numbers in [0, 1), so contenders with the same first dimension
    share its values and a search's luck is, as far as it can be, the same for all.

    Args:
        space: The searched dimensions; an empty space has no points.
        n: Number of points, 0 or more; a power of two fills the space most evenly.
        seed: Fixes the scrambling, any non-negative integer.

    Returns:
        One dictionary per point, by name of the dimension, each value in a form short enough
        to be typed in again: what is printed is exactly what is run.

    Example:
        >>> rate = Dimension("learning_rate", 1e-4, 1.0, "log")
        >>> points = sample([rate], 16, seed=0)
        >>> points[:8] == sample([rate], 8, seed=0)
        True
        >>> sum(p["learning_rate"] < 1e-3 for p in points)
        4

    References:
        Owen (1997), Scrambled net variance for integrals of smooth functions.
        Joe and Kuo (2008), Constructing Sobol sequences with better two-dimensional projections.
    """
    check_space(space)
    if not space or n < 1:
        return []
    from scipy.stats import qmc  # half a second to import, and only a new study needs it

    engine = qmc.Sobol(max(SHARED_DIMENSIONS, len(space)), scramble=True, rng=np.random.default_rng(seed))
    unit = engine.random_base2(max(0, (n - 1).bit_length()))[:n]
    return [{d.name: from_unit(d, float(u)) for d, u in zip(space, row, strict=False)} for row in unit]


def from_unit(dimension: Dimension, position: float) -> float:
    """Return the value at a position in [0, 1] of a dimension, rounded to a short decimal.

    Args:
        dimension: The dimension.
        position: 0 is ``low`` and 1 is ``high``; on the ``complement`` scale equal distances
            are equal factors of 1 − value.

    Six significant digits are kept (of 1 − value on the ``complement`` scale), and the result
    never leaves the range.

    Example:
        >>> from_unit(Dimension("beta2", 0.9, 0.999, "complement"), 0.5)
        0.99
    """
    low, high = _scaled(dimension, dimension.low), _scaled(dimension, dimension.high)
    scaled = low + position * (high - low)
    if dimension.scale == "log":
        value = float(f"{math.exp(scaled):.6g}")
    elif dimension.scale == "linear":
        value = float(f"{scaled:.6g}")
    else:
        complement = float(f"{math.exp(-scaled):.6g}")
        value = round(1 - complement, 5 - math.floor(math.log10(complement)))
    return min(max(value, dimension.low), dimension.high)


def to_unit(dimension: Dimension, value: float) -> float:
    """Return the position of a value in a dimension: 0 at ``low``, 1 at ``high``.

    Values outside the range give positions outside [0, 1]; a value that the scale cannot
    show (0 on a ``log`` scale) gives an infinite position.

    Example:
        >>> to_unit(Dimension("learning_rate", 1e-4, 1.0, "log"), 1e-2)
        0.5
    """
    low, high = _scaled(dimension, dimension.low), _scaled(dimension, dimension.high)
    return (_scaled(dimension, value) - low) / (high - low)


def check_space(space: Sequence[Dimension], contender: str = "") -> None:
    """Refuse a dimension whose range is empty or cannot be shown on its scale.

    Raises:
        InvalidValueError: ``low`` is not below ``high``, or an end lies outside the scale.
    """
    whose = f"{contender}: " if contender else ""
    for d in space:
        finite = math.isfinite(d.low) and math.isfinite(d.high)
        on_scale = {"log": d.low > 0, "linear": True, "complement": d.high < 1}[d.scale]
        if not (finite and d.low < d.high and on_scale):
            allowed = {"log": "0 < low < high", "linear": "low < high", "complement": "low < high < 1"}[d.scale]
            raise InvalidValueError(
                f"{whose}the search range of {d.name} from {d.low:g} to {d.high:g} cannot be sampled on a "
                f"{d.scale} scale; give finite ends with {allowed}."
            )


def _scaled(dimension: Dimension, value: float) -> float:
    """Return a value on the axis on which its dimension is sampled evenly."""
    if dimension.scale == "linear":
        return value
    distance = value if dimension.scale == "log" else 1 - value
    log = math.log(distance) if distance > 0 else -math.inf
    return log if dimension.scale == "log" else -log
